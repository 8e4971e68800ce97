//! Judges `gateway.tls.minimum`: nothing older than promised is spoken, and nothing that matters is said in the clear.
//!
//! Source: NCSC, Using TLS to protect data; RFC 8996 (TLS 1.0 and 1.1 must not be used), RFC 7568 (nor SSL 3).

use std::net::SocketAddr;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::hello::Reply;
use super::shake::{Dial, Shaken, spoken};
use crate::link::Minimum;
use crate::settings::MINIMUM;

/// Suites that servers of that age spoke, ours among them if they spoke such versions.
const OLD_SUITES: &[u16] = &[0xc00a, 0xc009, 0xc014, 0xc013, 0x0035, 0x002f, 0x000a];
/// An answer in the clear is short; more than this is content.
const PLAIN_CAP: u64 = 64 * 1024;

/// The check of versions.
pub(super) struct Versions {
    claim: ClaimId,
    minimum: Minimum,
    plain: Option<SocketAddr>,
    authority: Vec<u8>,
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Observed {
    /// Versions that may not be spoken, and what came of offering each alone.
    old: Vec<(&'static str, Reply)>,
    /// Versions that must be spoken, and what came of offering each alone.
    current: Vec<(&'static str, Shaken)>,
    /// Ports spoken to in the clear, and what came back; `None` when nobody listens.
    plain: Vec<(&'static str, Option<Vec<u8>>)>,
}

impl Versions {
    pub(super) fn new(minimum: Minimum, plain: Option<SocketAddr>, authority: &[u8]) -> Self {
        Self {
            claim: ClaimId::new(MINIMUM),
            minimum,
            plain,
            authority: authority.to_vec(),
        }
    }

    async fn observe(&self, ctx: &Ctx) -> Observed {
        let dial = Dial::gateway(ctx, &self.authority);
        let mut old = Vec::new();
        for (name, minor) in [("SSL 3", 0), ("TLS 1.0", 1), ("TLS 1.1", 2)] {
            old.push((name, dial.knock(minor, OLD_SUITES).await));
        }
        if self.minimum == Minimum::Tls13 {
            old.push(("TLS 1.2", dial.knock(3, &[0xc02c, 0xc02b, 0xcca9]).await));
        }
        let mut current = Vec::new();
        for version in spoken(self.minimum) {
            current.push(dial.shake(version, |_| true).await);
        }
        let mut plain = vec![("the TLS port", clear(dial.address, dial.host).await)];
        if let Some(port) = self.plain {
            plain.push(("the plain port", clear(port, dial.host).await));
        }
        Observed {
            old,
            current,
            plain,
        }
    }
}

/// Asks in the clear, with a cookie, and returns whatever comes back; `None` when nobody listens.
async fn clear(address: SocketAddr, host: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!(
        "GET / HTTP/1.1\r\nhost: {host}\r\ncookie: avouch-check=1\r\nconnection: close\r\n\r\n"
    );
    let mut answer = Vec::new();
    // A reset or a time-out ends the answer; what came is judged.
    let _ = timeout(std::time::Duration::from_secs(10), async {
        stream.write_all(request.as_bytes()).await?;
        (&mut stream).take(PLAIN_CAP).read_to_end(&mut answer).await
    })
    .await;
    Some(answer)
}

impl Check for Versions {
    fn name(&self) -> &str {
        "old versions"
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

/// Broken if an old version was answered or the clear brought more than a redirect; held only if everything current answered.
fn judge(seen: &Observed) -> (Verdict, String) {
    if let Some((name, _)) = seen.old.iter().find(|(_, reply)| *reply == Reply::Willing) {
        return (
            Verdict::Broken,
            format!("a client that offered {name} alone was answered"),
        );
    }
    if let Some((port, _)) = seen.plain.iter().find(|(_, answer)| {
        answer
            .as_ref()
            .is_some_and(|answer| !is_empty_redirect(answer))
    }) {
        return (
            Verdict::Broken,
            format!("plain HTTP to {port} brought more than a redirect"),
        );
    }
    let turned_away = |reply: &Reply| matches!(reply, Reply::Alert(_) | Reply::Closed);
    if let Some((name, reply)) = seen.old.iter().find(|(_, reply)| !turned_away(reply)) {
        return (
            Verdict::Unproven,
            format!("offering {name} alone brought no clear answer: {reply:?}"),
        );
    }
    if let Some((name, shaken)) = seen
        .current
        .iter()
        .find(|(_, shaken)| !matches!(shaken, Shaken::Agreed(_)))
    {
        return (
            Verdict::Unproven,
            format!("{name} was not spoken either, so nothing follows from refusals: {shaken:?}"),
        );
    }
    let names = |list: Vec<&str>| list.join(", ");
    let old = names(seen.old.iter().map(|(name, _)| *name).collect());
    let current = names(seen.current.iter().map(|(name, _)| *name).collect());
    let plain = names(seen.plain.iter().map(|(port, _)| *port).collect());
    (
        Verdict::Held,
        format!(
            "{old} offered alone: turned away each time; {current}: spoken; plain HTTP to {plain}: no content and no cookie"
        ),
    )
}

/// Nothing at all, a TLS alert, or a redirect to `https` without a body or a cookie.
fn is_empty_redirect(answer: &[u8]) -> bool {
    if matches!(answer, [] | [21, ..]) {
        return true;
    }
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or_default();
    let mut secure = false;
    for line in lines {
        match line.split_once(':') {
            Some(("location", target)) => secure = target.trim().starts_with("https://"),
            Some(("set-cookie", _)) => return false,
            _ => {}
        }
    }
    matches!(status, "301" | "308") && secure && body.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::TlsUsed;

    const AGREED: Shaken = Shaken::Agreed(TlsUsed {
        version: 0x0304,
        suite: 0x1302,
    });
    const REDIRECT: &[u8] = b"HTTP/1.1 308 Permanent Redirect\r\nlocation: https://a.test/\r\ncontent-length: 0\r\n\r\n";

    fn seen() -> Observed {
        Observed {
            old: vec![
                ("SSL 3", Reply::Closed),
                ("TLS 1.0", Reply::Alert(70)),
                ("TLS 1.1", Reply::Alert(70)),
            ],
            current: vec![("TLS 1.2", AGREED), ("TLS 1.3", AGREED)],
            plain: vec![
                ("the TLS port", Some(vec![21, 3, 3, 0, 2, 2, 50])),
                ("the plain port", Some(REDIRECT.to_vec())),
            ],
        }
    }

    fn verdict(change: impl FnOnce(&mut Observed)) -> Verdict {
        let mut seen = seen();
        change(&mut seen);
        judge(&seen).0
    }

    #[test]
    fn old_versions_turned_away_and_current_ones_spoken_is_held() {
        assert_eq!(verdict(|_| {}), Verdict::Held);
        assert_eq!(verdict(|seen| seen.plain[1].1 = None), Verdict::Held);
    }

    #[test]
    fn one_old_version_answered_is_broken() {
        for which in 0..3 {
            assert_eq!(
                verdict(|seen| seen.old[which].1 = Reply::Willing),
                Verdict::Broken
            );
        }
    }

    #[test]
    fn anything_but_an_empty_redirect_in_the_clear_is_broken() {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
            "HTTP/1.1 308 x\r\nlocation: http://a.test/\r\n\r\n",
            "HTTP/1.1 308 x\r\nlocation: https://a.test/\r\nset-cookie: a=b\r\n\r\n",
            "HTTP/1.1 308 x\r\nlocation: https://a.test/\r\n\r\ncontent",
            "something",
        ] {
            assert_eq!(
                verdict(|seen| seen.plain[0].1 = Some(answer.into())),
                Verdict::Broken,
                "{answer}"
            );
        }
    }

    #[test]
    fn a_gateway_that_speaks_nothing_is_unproven() {
        assert_eq!(
            verdict(|seen| seen.current[1].1 = Shaken::Unclear("refused".into())),
            Verdict::Unproven
        );
        assert_eq!(
            verdict(|seen| seen.old[0].1 = Reply::Unclear("refused".into())),
            Verdict::Unproven
        );
    }
}
