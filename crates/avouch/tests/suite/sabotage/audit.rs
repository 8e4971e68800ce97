//! What is written down: outcomes that never arrive, acts that are answered before they are seen, a ledger that decays.

use std::path::PathBuf;
use std::sync::Arc;

use avouch_gateway::link::{ToCore, ToFront};

use super::bench::{files, flip_at};
use super::{Bench, Sabotage};
use crate::harness::{bend, impersonate, straighten};

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
            let imposter = impersonate(&bench.service, &["answer", "POST /people/check-"]);
            Box::new(|bench| imposter.leave(&bench.service))
        },
    },
    &Sabotage {
        what: "one bit of the ledger turns over",
        turns: &[("audit.keep", "broken")],
        act: |bench| {
            // Early on: the end of a segment is room set aside.
            let segment = journal(bench);
            flip_at(&segment, 4_096);
            Box::new(move |_| flip_at(&segment, 4_096))
        },
    },
    &Sabotage {
        what: "every second event is gone from the index",
        turns: &[
            ("report.use.every", "broken"),
            ("report.sessions.every", "broken"),
            ("report.saving.every", "broken"),
            ("report.answered.every", "broken"),
        ],
        act: |bench| {
            bench.index(
                "create table aside as select * from event where number % 2 = 0; \
                 delete from event where number % 2 = 0;",
            );
            Box::new(|bench| {
                bench.index("insert into event select * from aside; drop table aside;");
            })
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
