//! Judges `gateway.tls.ciphers`: nobody connects with a shorter key, and nobody has.

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use jiff::civil::Date;

use super::hello::Reply;
use super::shake::{Dial, Shaken, spoken};
use super::{Agreed, PERIOD, SuiteLog, first_day};
use crate::link::{Ciphers, Minimum};
use crate::settings::{CIPHERS, bits};

/// TLS 1.2 suites with keys of 128 bits or fewer: AES-128 in three modes, 3DES, RC4, export, and no cipher at all.
const SHORT: &[u16] = &[
    0xc02b, 0xc02f, 0xc023, 0xc009, 0xc013, 0x009c, 0x002f, 0xc008, 0x000a, 0xc007, 0x0005, 0x0008,
    0x0002,
];
/// The same without those of 128 bits.
const SHORTER: &[u16] = &[0xc008, 0xc012, 0x000a, 0x0009, 0x0008, 0x0002, 0xc006];

/// The check of key lengths.
pub(super) struct Suites {
    claim: ClaimId,
    minimum: Minimum,
    ciphers: Ciphers,
    authority: Vec<u8>,
    log: Arc<dyn SuiteLog>,
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Observed {
    /// Promised.
    bits: u16,
    /// What came of offering only short keys by a raw hello.
    short: Reply,
    /// What came of a current client's offering only short keys, by version.
    clients: Vec<(&'static str, Shaken)>,
    /// What came of a client's offering everything, by version.
    open: Vec<(&'static str, Shaken)>,
    /// The first day that is judged.
    since: Date,
    /// What everybody negotiated, by day.
    log: Vec<Agreed>,
}

impl Suites {
    pub(super) fn new(
        minimum: Minimum,
        ciphers: Ciphers,
        authority: &[u8],
        log: Arc<dyn SuiteLog>,
    ) -> Self {
        Self {
            claim: ClaimId::new(CIPHERS),
            minimum,
            ciphers,
            authority: authority.to_vec(),
            log,
        }
    }

    async fn observe(&self, ctx: &Ctx) -> Observed {
        let dial = Dial::gateway(ctx, &self.authority);
        let short = match self.ciphers {
            Ciphers::Bits256 => SHORT,
            Ciphers::Bits128AndAbove => SHORTER,
        };
        let (mut clients, mut open) = (Vec::new(), Vec::new());
        for version in spoken(self.minimum) {
            // A current client has no suite below 128 bits to offer.
            if self.ciphers == Ciphers::Bits256 {
                clients.push(dial.shake(version, |tls| tls.bits() < 256).await);
            }
            open.push(dial.shake(version, |_| true).await);
        }
        Observed {
            bits: bits(self.ciphers),
            short: dial.knock(3, short).await,
            clients,
            open,
            since: first_day(ctx.now),
            log: self.log.counts(),
        }
    }
}

impl Check for Suites {
    fn name(&self) -> &str {
        "short keys"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![self.claim.clone()]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let (verdict, observed) = judge(&self.observe(ctx).await);
            vec![
                Seen::new(&self.claim, verdict, observed)
                    .for_audience(avouch_evidence::Audience::Public),
            ]
        })
    }
}

/// Broken if anybody connected, or had in the period, with a shorter key; held only if clients with longer ones could connect.
fn judge(seen: &Observed) -> (Verdict, String) {
    let bits = seen.bits;
    let log = || seen.log.iter().filter(|agreed| agreed.day >= seen.since);
    if let Some(Agreed { day, suite }) =
        log().find(|agreed| agreed.suite.tls.bits() < bits && agreed.suite.count > 0)
    {
        return (
            Verdict::Broken,
            format!(
                "{} connections on {day} used {} ({} bits)",
                suite.count,
                suite.tls.suite_name(),
                suite.tls.bits()
            ),
        );
    }
    if seen.short == Reply::Willing {
        return (
            Verdict::Broken,
            format!("a client that offered only keys below {bits} bits in TLS 1.2 was answered"),
        );
    }
    for (name, shaken) in seen.clients.iter().chain(&seen.open) {
        if let Shaken::Agreed(tls) = shaken
            && tls.bits() < bits
        {
            return (
                Verdict::Broken,
                format!(
                    "{name} was agreed with {} ({} bits)",
                    tls.suite_name(),
                    tls.bits()
                ),
            );
        }
    }
    if !matches!(seen.short, Reply::Alert(_) | Reply::Closed) {
        return (
            Verdict::Unproven,
            format!(
                "offering short keys brought no clear answer: {:?}",
                seen.short
            ),
        );
    }
    if let Some((name, shaken)) = seen
        .clients
        .iter()
        .find(|(_, shaken)| !matches!(shaken, Shaken::TurnedAway(_)))
    {
        return (
            Verdict::Unproven,
            format!("offering short keys in {name} brought no clear answer: {shaken:?}"),
        );
    }
    if let Some((name, shaken)) = seen
        .open
        .iter()
        .find(|(_, shaken)| !matches!(shaken, Shaken::Agreed(_)))
    {
        return (
            Verdict::Unproven,
            format!(
                "{name} was not agreed with long keys either, so nothing follows from refusals: {shaken:?}"
            ),
        );
    }
    let counted: u64 = log().map(|agreed| agreed.suite.count).sum();
    let counted = match log().map(|agreed| agreed.day).min() {
        Some(first) => format!("{counted} connections since {first}"),
        None => "no connections".to_owned(),
    };
    let tried = seen
        .clients
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(" and ");
    let tried = if tried.is_empty() {
        String::new()
    } else {
        format!(", and by a current client in {tried}")
    };
    (
        Verdict::Held,
        format!(
            "keys below {bits} bits offered alone{tried}: turned away; none below in {counted}, of the last {PERIOD} days"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::SuiteCount;
    use crate::tls::TlsUsed;
    use jiff::civil::date;

    const LONG: TlsUsed = TlsUsed {
        version: 0x0304,
        suite: 0x1302,
    };
    const BRIEF: TlsUsed = TlsUsed {
        version: 0x0304,
        suite: 0x1301,
    };

    fn agreed(day: i8, tls: TlsUsed) -> Agreed {
        let suite = SuiteCount { tls, count: 40 };
        Agreed {
            day: date(2026, 11, day),
            suite,
        }
    }

    fn verdict(change: impl FnOnce(&mut Observed)) -> Verdict {
        let away = Shaken::TurnedAway("HandshakeFailure".into());
        let mut seen = Observed {
            bits: 256,
            short: Reply::Alert(40),
            clients: vec![("TLS 1.2", away.clone()), ("TLS 1.3", away)],
            open: vec![
                ("TLS 1.2", Shaken::Agreed(LONG)),
                ("TLS 1.3", Shaken::Agreed(LONG)),
            ],
            since: date(2026, 11, 1),
            log: vec![agreed(1, LONG), agreed(30, LONG)],
        };
        change(&mut seen);
        judge(&seen).0
    }

    #[test]
    fn short_keys_turned_away_and_none_in_the_log_is_held() {
        assert_eq!(verdict(|_| {}), Verdict::Held);
        assert_eq!(verdict(|seen| seen.log.clear()), Verdict::Held);
    }

    #[test]
    fn one_connection_with_a_short_key_is_broken() {
        assert_eq!(
            verdict(|seen| seen.log.push(agreed(1, BRIEF))),
            Verdict::Broken
        );
        assert_eq!(verdict(|seen| seen.short = Reply::Willing), Verdict::Broken);
        assert_eq!(
            verdict(|seen| seen.clients[1].1 = Shaken::Agreed(BRIEF)),
            Verdict::Broken
        );
        assert_eq!(
            verdict(|seen| seen.open[0].1 = Shaken::Agreed(BRIEF)),
            Verdict::Broken
        );
    }

    #[test]
    fn a_short_key_before_the_period_is_no_part_of_it() {
        let held = verdict(|seen| {
            seen.log.push(agreed(1, BRIEF));
            seen.since = date(2026, 11, 2);
        });
        assert_eq!(held, Verdict::Held);
        let now = "2026-12-01T23:59:59Z".parse().unwrap();
        assert_eq!(first_day(now), date(2026, 11, 1));
    }

    #[test]
    fn refusals_by_a_gateway_that_speaks_to_nobody_prove_nothing() {
        assert_eq!(
            verdict(|seen| seen.open[0].1 = Shaken::Unclear("refused".into())),
            Verdict::Unproven
        );
        assert_eq!(
            verdict(|seen| seen.clients[0].1 = Shaken::Unclear("refused".into())),
            Verdict::Unproven
        );
        assert_eq!(
            verdict(|seen| seen.short = Reply::Other(72)),
            Verdict::Unproven
        );
    }
}
