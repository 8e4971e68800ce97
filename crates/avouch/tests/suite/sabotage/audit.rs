//! What is written down: outcomes that never arrive, acts that are answered before they are seen, a ledger that decays.

use std::path::PathBuf;
use std::sync::Arc;

use avouch_gateway::link::{ToCore, ToFront};

use super::bench::{files, flip, flip_at};
use super::{Bench, Sabotage};
use crate::harness::{Deed, bend, impersonate, straighten};

const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

pub const ALL: &[&Sabotage] = &[
    &Sabotage {
        what: "the outcomes of requests never reach the core",
        turns: &[("audit.before-effect", "broken")],
        act: |bench| {
            let swallow = |message| match message {
                ToCore::End(end) => Err(Box::new(ToFront::Ended {
                    id: end.id,
                    kept: true,
                })),
                other => Ok(other),
            };
            let aside = bend(
                &bench.service,
                Arc::new(|message| message),
                Arc::new(swallow),
            );
            Box::new(|bench| straighten(&bench.service, aside))
        },
    },
    &Sabotage {
        what: "somebody answers for the console before it hears of an act",
        turns: &[("audit.management", "broken")],
        act: |bench| {
            let deed = |request: &str| match request.starts_with("POST /people/check-") {
                true => Deed::Answer(FORBIDDEN),
                false => Deed::Pass,
            };
            let aside = impersonate(&bench.service, deed);
            Box::new(|bench| straighten(&bench.service, aside))
        },
    },
    &Sabotage {
        what: "one bit of the ledger turns over",
        turns: &[("audit.keep", "broken")],
        act: |bench| {
            let segment = journal(bench);
            let at = flip(&segment);
            Box::new(move |_| flip_at(&segment, at))
        },
    },
];

/// The ledger's oldest segment.
fn journal(bench: &Bench) -> PathBuf {
    files(&bench.data("core/ledger/journal"))
        .into_iter()
        .next()
        .expect("a segment")
}
