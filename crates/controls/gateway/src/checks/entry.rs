//! Judges `gateway.entry.<name>.accept`: nothing but short numbers gets past the gateway where it is entered.
//!
//! What an answer says of itself proves nothing, since an application could say it as well. What counts is the entry that the
//! gateway's refusal leaves in the trail, which is found by a number that this attempt alone has in its path.

use std::sync::Arc;
use std::time::Duration;

use avouch_evidence::{Ask, BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use avouch_statement::TenantId;
use aws_lc_rs::rand;
use http::Method;

use super::RefusalLog;
use crate::link::EntryRule;

/// How often, and after what pause, entries are looked for: 3 s in all.
const LOOKS: usize = 30;
const PAUSE: Duration = Duration::from_millis(100);
/// Why the gateway turns away what is no number, as its entry begins.
const REASON: &str = "not-numbers";

const FORM: &str = "application/x-www-form-urlencoded";

/// The check of one entry.
pub(super) struct Entry {
    name: String,
    claim: ClaimId,
    rule: EntryRule,
    refusals: Arc<dyn RefusalLog>,
}

/// What came of sending one thing that is no number.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    /// Refused, and the trail says so.
    Refused,
    /// Answered as the gateway refuses, of which the trail says nothing.
    Unwritten,
    /// Something else, with this status: it was let through.
    LetThrough(u16),
    /// Nothing could be learnt, and why.
    Unclear(String),
}

impl Entry {
    pub(super) fn new(rule: EntryRule, refusals: Arc<dyn RefusalLog>) -> Self {
        Self {
            name: format!("entry of {}", rule.name),
            claim: ClaimId::new(format!("gateway.entry.{}.accept", rule.name)),
            rule,
            refusals,
        }
    }

    async fn observe(
        &self,
        ctx: &Ctx,
        tenant: &TenantId,
    ) -> Result<Vec<(&'static str, Came)>, String> {
        let cookie = ctx
            .people
            .session(tenant, &ctx.gateway.host(tenant.as_str()))
            .await?;
        let size = self.refusals.size().await?;
        let mut tried = Vec::new();
        for attack in attacks(self.rule.digits) {
            let path = filled(&self.rule.path, &number()?);
            let mut ask = Ask::form(
                format!("{path}{}", attack.query),
                &ctx.gateway.origin(tenant.as_str()),
                attack.body.into_bytes(),
            )
            .with("cookie", cookie.clone());
            ask.method = Method::from_bytes(self.rule.method.as_bytes())
                .map_err(|error| error.to_string())?;
            for (name, value) in &mut ask.headers {
                if name == "content-type" {
                    attack.content_type.clone_into(value);
                }
            }
            let came = match ctx.gateway.send(tenant.as_str(), ask).await {
                Ok(answer) => came(answer.status.as_u16(), &answer.text()),
                Err(error) => Came::Unclear(error.to_string()),
            };
            tried.push((attack.what, path, came));
        }
        self.written(size, &mut tried).await?;
        let seen = tried.into_iter().map(|(what, _, came)| (what, came));
        Ok(seen.collect())
    }

    /// Finds the entries of what was answered as a refusal: each comes shortly after its answer.
    async fn written(
        &self,
        size: u64,
        tried: &mut [(&'static str, String, Came)],
    ) -> Result<(), String> {
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let entries = self.refusals.since(size).await?;
            for (_, path, came) in tried.iter_mut() {
                let is_its_own =
                    |(of, why): &(String, String)| of.ends_with(&*path) && why.starts_with(REASON);
                if *came == Came::Unwritten && entries.iter().any(is_its_own) {
                    *came = Came::Refused;
                }
            }
            if tried.iter().all(|(_, _, came)| *came != Came::Unwritten) {
                break;
            }
        }
        Ok(())
    }
}

struct Attack {
    what: &'static str,
    content_type: &'static str,
    query: &'static str,
    body: String,
}

/// Things that are no short number. None would be worth keeping if it got through: the field is not one of the form's.
fn attacks(digits: u8) -> Vec<Attack> {
    let form = |what, value: &str| Attack {
        what,
        content_type: FORM,
        query: "",
        body: format!("avouch_check={value}"),
    };
    vec![
        form("text", "unwell"),
        form("markup", "%3Cscript%3E1%3C%2Fscript%3E"),
        form("a date", "01%2F02%2F2026"),
        form("a date in digits and hyphens", "2026-02-01"),
        form("a sign", "-1"),
        form("a fraction", "1.5"),
        form("nothing", ""),
        form("an encoded digit", "%31"),
        form("digits of another script", "%D9%A1"),
        form("a number that is too long", &"9".repeat(usize::from(digits) + 1)),
        Attack { what: "text as a field's name", content_type: FORM, query: "", body: "Jane+Doe=1".to_owned() },
        Attack { what: "one field twice", content_type: FORM, query: "", body: "avouch_check=1&avouch_check=2".to_owned() },
        Attack { what: "text in the address", content_type: FORM, query: "?note=unwell", body: "avouch_check=1".to_owned() },
        Attack { what: "plain text", content_type: "text/plain", query: "", body: "avouch_check=unwell".to_owned() },
        Attack { what: "JSON", content_type: "application/json", query: "", body: r#"{"avouch_check":"unwell"}"#.to_owned() },
        Attack {
            what: "a form with a file",
            content_type: "multipart/form-data; boundary=b",
            query: "",
            body: "--b\r\ncontent-disposition: form-data; name=\"avouch_check\"\r\n\r\nunwell\r\n--b--\r\n".to_owned(),
        },
    ]
}

/// Nine random digits: an id that fits anywhere, and no record's.
fn number() -> Result<String, String> {
    let mut bytes = [0; 4];
    rand::fill(&mut bytes).map_err(|_| "there is no randomness".to_owned())?;
    Ok((100_000_000 + u32::from_le_bytes(bytes) % 900_000_000).to_string())
}

/// The path with this number in every place.
fn filled(pattern: &str, number: &str) -> String {
    let fill = |segment: &str| {
        if segment.starts_with('{') {
            number.to_owned()
        } else {
            segment.to_owned()
        }
    };
    pattern.split('/').map(fill).collect::<Vec<_>>().join("/")
}

fn came(status: u16, text: &str) -> Came {
    match status {
        // Until its entry is found.
        422 if text.contains("Code: not-numbers") => Came::Unwritten,
        303 | 401 | 403 => {
            Came::Unclear(format!("the synthetic person was turned away ({status})"))
        }
        500.. => Came::Unclear(format!("the service could not answer ({status})")),
        _ => Came::LetThrough(status),
    }
}

impl Check for Entry {
    fn name(&self) -> &str {
        &self.name
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![self.claim.clone()]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            if ctx.tenants.is_empty() {
                return vec![Seen::unproven(
                    &self.claim,
                    "there is no tenant to try it at",
                )];
            }
            let mut all = Vec::new();
            for tenant in &ctx.tenants {
                let (verdict, observed) = match self.observe(ctx, tenant).await {
                    Ok(seen) => judge(&seen),
                    Err(why) => (
                        Verdict::Unproven,
                        format!("no synthetic person could sign in: {why}"),
                    ),
                };
                all.push(Seen::new(&self.claim, verdict, observed).of(tenant));
            }
            all
        })
    }
}

/// Broken if one thing got past; held only if every one was refused by the gateway itself.
fn judge(seen: &[(&'static str, Came)]) -> (Verdict, String) {
    let through: Vec<_> = seen
        .iter()
        .filter(|(_, came)| matches!(came, Came::LetThrough(_)))
        .map(|(what, _)| *what)
        .collect();
    if !through.is_empty() {
        return (
            Verdict::Broken,
            format!("let through: {}", through.join(", ")),
        );
    }
    let unwritten: Vec<_> = seen
        .iter()
        .filter(|(_, came)| *came == Came::Unwritten)
        .map(|(what, _)| *what)
        .collect();
    if !unwritten.is_empty() {
        return (
            Verdict::Broken,
            format!(
                "answered as a refusal of the gateway's, which the trail does not show: {}",
                unwritten.join(", ")
            ),
        );
    }
    for (what, came) in seen {
        if let Came::Unclear(why) = came {
            return (Verdict::Unproven, format!("{what}: {why}"));
        }
    }
    let tried = seen.iter().map(|(what, _)| *what).collect::<Vec<_>>();
    match tried.as_slice() {
        [] => (Verdict::Unproven, "nothing was tried".to_owned()),
        tried => (
            Verdict::Held,
            format!(
                "{} attempts, each refused before the application saw it, as the trail says: {}",
                tried.len(),
                tried.join(", ")
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hygiene::entry;

    #[test]
    fn everything_refused_is_held_and_one_thing_let_through_is_broken() {
        let unclear = || Came::Unclear("x".into());
        for (seen, verdict) in [
            (vec![Came::Refused, Came::Refused], Verdict::Held),
            (vec![Came::Refused, Came::LetThrough(200)], Verdict::Broken),
            (vec![Came::Refused, Came::Unwritten], Verdict::Broken),
            (vec![unclear(), Came::LetThrough(400)], Verdict::Broken),
            (vec![Came::Refused, unclear()], Verdict::Unproven),
            (vec![], Verdict::Unproven),
        ] {
            let seen: Vec<_> = seen.into_iter().map(|came| ("text", came)).collect();
            assert_eq!(judge(&seen).0, verdict, "{seen:?}");
        }
    }

    #[test]
    fn the_gateways_own_page_is_not_yet_its_refusal_and_no_other_page_is() {
        assert_eq!(came(422, "<p>Code: not-numbers</p>"), Came::Unwritten);
        assert_eq!(
            came(422, "the application's own words"),
            Came::LetThrough(422)
        );
        assert_eq!(came(400, ""), Came::LetThrough(400));
        assert!(matches!(came(303, ""), Came::Unclear(_)));
        assert!(matches!(came(502, ""), Came::Unclear(_)));
    }

    #[test]
    fn every_attack_breaks_the_rule_it_attacks() {
        for attack in attacks(3) {
            let query = attack.query.trim_start_matches('?');
            let body = entry::judge_fields(attack.body.as_bytes(), 3);
            assert!(
                attack.content_type != FORM
                    || body.is_err()
                    || entry::judge_fields(query.as_bytes(), 3).is_err(),
                "{}",
                attack.what
            );
        }
    }
}
