//! Judges `audit.connections`: a connection that was let in and one that was turned away leave an entry each, with what
//! their client counted.

use std::sync::Arc;
use std::time::Duration;

use avouch_evidence::{BoxFuture, Check, ClaimId, Ctx, Passed, Seen};

use super::{Line, Stage, Trail};
use crate::CONNECTIONS;

/// The parameter that says from which port.
pub const SOURCE_PORT: &str = "source-port";
/// The parameter that says to which address and port.
pub const DESTINATION: &str = "destination";
/// The parameter that says how many bytes the client sent.
pub const BYTES_IN: &str = "bytes-in";
/// The parameter that says how many bytes the client was sent.
pub const BYTES_OUT: &str = "bytes-out";

/// The action of these entries.
const ACTION: &str = "connection";
/// How often, and after what pause, the entries are looked for: 5 s in all.
const LOOKS: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// The check of connections.
pub struct Connections {
    trail: Arc<dyn Trail>,
}

/// What a client did, and the entries that speak of its port.
struct Made {
    what: &'static str,
    passed: Passed,
    expected: Stage,
    lines: Vec<Line>,
}

impl Connections {
    /// Makes connections and looks for them in `trail`.
    #[must_use]
    pub fn new(trail: Arc<dyn Trail>) -> Self {
        Self { trail }
    }

    async fn observe(&self, ctx: &Ctx) -> Result<Vec<Made>, String> {
        let tenant = ctx.tenants.first().ok_or("no tenant is served")?;
        let host = ctx.gateway.host(tenant.as_str());
        let cookie = ctx.people.session(tenant, &host).await?;
        let size = self.trail.size().await?;
        let words = |error: avouch_evidence::VantageError| error.to_string();
        let let_in = ctx.gateway.pass(tenant.as_str(), "/", &cookie).await;
        let let_in = let_in.map_err(words)?;
        if !let_in.answered {
            return Err("a connection that should be let in got no answer".to_owned());
        }
        let turned_away = ctx.gateway.knock().await.map_err(words)?;
        if turned_away.answered {
            return Err("what is no TLS was answered".to_owned());
        }
        let mut made = [
            ("was let in", let_in, Stage::Done),
            ("was turned away", turned_away, Stage::Refused),
        ]
        .map(|(what, passed, expected)| Made {
            what,
            passed,
            expected,
            lines: Vec::new(),
        });
        for _ in 0..LOOKS {
            let lines = self.trail.since(size).await?;
            for made in &mut made {
                let speaks = |line: &&Line| made.is_told_by(line);
                made.lines = lines.iter().filter(speaks).cloned().collect();
            }
            if made.iter().all(|made| !made.lines.is_empty()) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(made.into())
    }
}

impl Made {
    fn is_told_by(&self, line: &Line) -> bool {
        let port = self.passed.from.port().to_string();
        line.action == ACTION
            && line.source == self.passed.from.ip().to_string()
            && line.parameters.get(SOURCE_PORT) == Some(&port)
    }

    /// What is wrong with what was written down of it.
    fn fault(&self) -> Option<String> {
        let Self { what, passed, .. } = self;
        let [line] = self.lines.as_slice() else {
            return Some(format!(
                "A connection from {} {what} and left {} entries",
                passed.from,
                self.lines.len()
            ));
        };
        let said = |key: &str| line.parameters.get(key).map_or("nothing", String::as_str);
        let (sent, received) = (passed.sent.to_string(), passed.received.to_string());
        let destination = passed.to.to_string();
        let stage = format!("{:?}", line.stage);
        let expected = format!("{:?}", self.expected);
        [
            ("came of it", stage.as_str(), expected.as_str()),
            ("it went to", said(DESTINATION), &destination),
            ("bytes came", said(BYTES_IN), &sent),
            ("bytes went", said(BYTES_OUT), &received),
        ]
        .into_iter()
        .find(|(_, said, seen)| said != seen)
        .map(|(of, said, seen)| {
            format!(
                "A connection from {} {what}; entry {} says of what {of}: {said}, and its client saw: {seen}",
                passed.from, line.index
            )
        })
    }
}

impl Check for Connections {
    fn name(&self) -> &str {
        "connections in the ledger"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(CONNECTIONS)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move { vec![judge(&self.observe(ctx).await)] })
    }
}

fn judge(made: &Result<Vec<Made>, String>) -> Seen {
    let claim = ClaimId::new(CONNECTIONS);
    let made = match made {
        Ok(made) => made,
        Err(why) => {
            return Seen::unproven(&claim, format!("Connections could not be tried: {why}."));
        }
    };
    if let Some(fault) = made.iter().find_map(Made::fault) {
        return Seen::broken(&claim, format!("{fault}."));
    }
    let told: Vec<String> = made
        .iter()
        .map(|made| {
            format!(
                "one that {} with {} bytes in and {} out",
                made.what, made.passed.sent, made.passed.received
            )
        })
        .collect();
    Seen::held(
        &claim,
        format!(
            "Connections left the entries that their clients counted: {}.",
            told.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_evidence::Verdict;

    fn passed() -> Passed {
        Passed {
            from: "127.0.0.1:40000".parse().unwrap(),
            to: "127.0.0.1:8443".parse().unwrap(),
            sent: 500,
            received: 2_000,
            answered: true,
        }
    }

    fn line(parameters: &[(&str, &str)], stage: Stage) -> Line {
        let mut all = [
            (SOURCE_PORT, "40000"),
            (DESTINATION, "127.0.0.1:8443"),
            (BYTES_IN, "500"),
            (BYTES_OUT, "2000"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into_iter()
        .collect::<std::collections::BTreeMap<_, _>>();
        for (key, value) in parameters {
            all.insert((*key).to_owned(), (*value).to_owned());
        }
        Line {
            index: 7,
            at: jiff::Timestamp::UNIX_EPOCH,
            who: None,
            tenant: None,
            action: ACTION.to_owned(),
            object: "riverside.acuity.test".to_owned(),
            stage,
            status: None,
            response: String::new(),
            source: "127.0.0.1".to_owned(),
            parameters: all,
            correlation: String::new(),
        }
    }

    fn judged(lines: Vec<Line>) -> Seen {
        let mut made = Made {
            what: "was let in",
            passed: passed(),
            expected: Stage::Done,
            lines: Vec::new(),
        };
        made.lines = lines
            .into_iter()
            .filter(|line| made.is_told_by(line))
            .collect();
        judge(&Ok(vec![made]))
    }

    #[test]
    fn one_entry_with_what_the_client_counted_holds_and_anything_else_breaks() {
        let sound = || line(&[], Stage::Done);
        assert_eq!(judged(vec![sound()]).verdict, Verdict::Held);
        for (lines, told) in [
            (vec![], "left 0 entries"),
            (vec![sound(), sound()], "left 2 entries"),
            (
                vec![line(&[(SOURCE_PORT, "40001")], Stage::Done)],
                "left 0 entries",
            ),
            (vec![line(&[], Stage::Refused)], "came of it: Refused"),
            (
                vec![line(&[(DESTINATION, "127.0.0.1:1")], Stage::Done)],
                "it went to: 127.0.0.1:1",
            ),
            (
                vec![line(&[(BYTES_IN, "499")], Stage::Done)],
                "bytes came: 499, and its client saw: 500",
            ),
            (
                vec![line(&[(BYTES_OUT, "1999")], Stage::Done)],
                "bytes went: 1999",
            ),
        ] {
            let seen = judged(lines);
            assert_eq!(seen.verdict, Verdict::Broken, "{}", seen.observed);
            assert!(seen.observed.contains(told), "{}", seen.observed);
        }
    }

    #[test]
    fn what_could_not_be_tried_proves_nothing() {
        let seen = judge(&Err("no tenant is served".to_owned()));
        assert_eq!(seen.verdict, Verdict::Unproven);
    }
}
