//! What is written down: outcomes that never arrive, acts that are answered before they are seen, a ledger that decays.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use avouch_gateway::link::{Ending, ToCore, ToFront};

use super::bench::{files, flip_at};
use super::{Bench, Mend, Sabotage};
use crate::harness::{Browser, Entry, bend, impersonate, straighten};

pub const ALL: &[&Sabotage] = &[
    &Sabotage {
        what: "the outcomes of requests never reach the core",
        turns: &[
            ("audit.before-effect", "broken"),
            ("audit.subject-report", "broken"),
            ("audit.review", "broken"),
            // The requests that the check of reports makes are in no figure.
            ("report.use.every", "broken"),
            ("report.sessions.every", "broken"),
            ("report.saving.every", "broken"),
            ("report.answered.every", "broken"),
        ],
        act: |bench| {
            let swallow = |message| match message {
                ToCore::End(end) => Err(Box::new(ToFront::Ended {
                    id: end.id(),
                    kept: true,
                })),
                other => Ok(other),
            };
            between(bench, swallow)
        },
    },
    &Sabotage {
        what: "connections that were turned away are not told to the core",
        turns: &[("audit.connections", "broken")],
        act: |bench| {
            let swallow = |message| match message {
                // Nothing is answered to it; the count of suites that stands in its place is empty.
                ToCore::Flowed(flowed) if flowed.refused.is_some() => {
                    Ok(ToCore::Suites(Vec::new()))
                }
                other => Ok(other),
            };
            between(bench, swallow)
        },
    },
    &Sabotage {
        what: "somebody takes out whose record a request is about",
        turns: &[
            ("audit.subject-report", "broken"),
            ("audit.review", "broken"),
        ],
        act: |bench| {
            let nameless = |message| match message {
                ToCore::Begin(mut begin) => {
                    begin.subjects.clear();
                    Ok(ToCore::Begin(begin))
                }
                ToCore::End(Ending::Asked(mut end)) => {
                    end.subjects.clear();
                    Ok(ToCore::End(Ending::Asked(end)))
                }
                ToCore::End(Ending::Unasked(mut read)) => {
                    read.begin.subjects.clear();
                    read.end.subjects.clear();
                    Ok(ToCore::End(Ending::Unasked(read)))
                }
                other => Ok(other),
            };
            between(bench, nameless)
        },
    },
    &Sabotage {
        what: "a review is given another entry of the ledger for its own",
        turns: &[("audit.review", "broken")],
        act: |bench| {
            bench.store("update review set entry = entry + 1;");
            Box::new(|bench| {
                bench.store("update review set entry = entry - 1;");
            })
        },
    },
    &Sabotage {
        what: "the store keeps what is shared after it was taken back",
        turns: &[("audit.custody", "broken")],
        act: |bench| {
            bench.store(
                "create trigger stays before delete on share begin select raise(ignore); end;",
            );
            Box::new(|bench| {
                bench.store("drop trigger stays; delete from share;");
            })
        },
    },
    &Sabotage {
        what: "the bytes of connections are told too low",
        turns: &[("audit.connections", "broken")],
        act: |bench| {
            let shorten = |message| match message {
                ToCore::Flowed(mut flowed) => {
                    flowed.sent /= 2;
                    Ok(ToCore::Flowed(flowed))
                }
                other => Ok(other),
            };
            between(bench, shorten)
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
        turns: &[
            ("audit.keep", "broken"),
            // What cannot be read can be neither reviewed nor counted again.
            ("audit.review", "unproven"),
            ("report.use.every", "unproven"),
            ("report.sessions.every", "unproven"),
            ("report.saving.every", "unproven"),
            ("report.answered.every", "unproven"),
        ],
        act: |bench| {
            let (segment, at) = opened_lately(bench);
            flip_at(&segment, at);
            Box::new(move |_| flip_at(&segment, at))
        },
    },
    &Sabotage {
        what: "what was entered, and every second event beside it, is gone from the index",
        turns: &[
            ("report.use.every", "broken"),
            ("report.sessions.every", "broken"),
            ("report.saving.every", "broken"),
            ("report.answered.every", "broken"),
        ],
        act: |bench| {
            save_an_assessment(bench);
            bench.index(
                "create table aside as select * from event where number % 2 = 0 or object like 'POST /wards/%'; \
                 delete from event where number in (select number from aside); \
                 create table counted as select * from tally; \
                 update tally set events = events + 7;",
            );
            Box::new(|bench| {
                bench.index(
                    "insert into event select * from aside; drop table aside; \
                     update tally set events = events - 7 where (hour, block, tenant, person, kind) in \
                     (select hour, block, tenant, person, kind from counted); drop table counted;",
                );
            })
        },
    },
    &Sabotage {
        what: "what an entry says is wiped out, in a way that its record still fits",
        turns: &[("audit.keep", "broken")],
        act: |bench| {
            let (segment, at, bytes) = first_of_the_platform(bench);
            let mut wiped = bytes.clone();
            wiped[RECORD_HEAD + LEAF..].fill(0);
            let body = [&wiped[..8], &wiped[RECORD_HEAD..]].concat();
            let check = crc32c(&body).to_be_bytes();
            wiped[8..RECORD_HEAD].copy_from_slice(&check);
            write_at(&segment, at, &wiped);
            Box::new(move |_| write_at(&segment, at, &bytes))
        },
    },
    &Sabotage {
        what: "an event from before its retention stands in the index",
        turns: &[("audit.keep", "broken")],
        act: |bench| {
            bench.index(
                "insert into event select -1, 1262304000000000, tenant, person, kind, session, micros, object \
                 from event limit 1;",
            );
            Box::new(|bench| {
                bench.index("delete from event where number = -1;");
            })
        },
    },
];

/// Puts itself between the front and the core, and alters what the front says.
fn between(
    bench: &Bench,
    alter: impl Fn(ToCore) -> Result<ToCore, Box<ToFront>> + Send + Sync + 'static,
) -> Mend {
    let aside = bend(&bench.service, Arc::new(|message| message), Arc::new(alter));
    Box::new(|bench| straighten(&bench.service, aside))
}

/// Bytes of a record before its leaf, of the leaf, and before the first record of a segment.
const RECORD_HEAD: usize = 12;
const LEAF: usize = 68;
const SEGMENT_HEAD: usize = 24;

/// The first entry that the platform wrote of itself: no report counts it. Its segment, where its record begins, and the
/// record.
fn first_of_the_platform(bench: &Bench) -> (PathBuf, u64, Vec<u8>) {
    const SYSTEM: u8 = 3;
    let segment = files(&bench.data("core/ledger/journal")).remove(0);
    let bytes = std::fs::read(&segment).unwrap();
    let mut at = SEGMENT_HEAD;
    loop {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let end = at + RECORD_HEAD + usize::try_from(length).unwrap();
        if bytes[at + RECORD_HEAD + 1] == SYSTEM {
            return (segment, at as u64, bytes[at..end].to_vec());
        }
        at = end;
    }
}

fn write_at(file: &Path, at: u64, bytes: &[u8]) {
    let file = std::fs::File::options().write(true).open(file).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |check, byte| {
        (0..8).fold(check ^ u32::from(*byte), |check, _| {
            (check >> 1) ^ (0x82f6_3b78 * (check & 1))
        })
    })
}

/// Somebody uses the service, and the index has heard of it.
fn save_an_assessment(bench: &Bench) {
    let service = &bench.service;
    let member = service.user("riverside", "member");
    let mut browser = Browser::new(service);
    browser.sign_in("riverside", &member);
    let entry = Entry {
        ward: 1,
        day: jiff::civil::date(2026, 1, 5),
        period: 1,
        midwives: 5,
    };
    let at = browser.enter("riverside", &entry).expect("kept");
    let id = at.rsplit('/').next().unwrap();
    service.audited(&["--subject", id, "--outcome", "done"], |row| {
        row["action"] == "record-changed"
    });
}

/// A place in the newest entry about a record that was opened, which both a review and the reports come by.
fn opened_lately(bench: &Bench) -> (PathBuf, u64) {
    let of = ["--tenant", "riverside", "--action", "record-opened"];
    let words = [&["audit", "search", "--limit", "1"][..], &of].concat();
    let found = bench.service.ask(&words);
    let index = found["rows"][0]["index"].as_u64().unwrap();
    let mut before = index;
    for segment in files(&bench.data("core/ledger/journal")) {
        let bytes = std::fs::read(&segment).unwrap();
        let mut at = SEGMENT_HEAD;
        // The end of the newest segment is room set aside.
        while let Some(length) = bytes.get(at..at + 4) {
            let length = u32::from_be_bytes(length.try_into().unwrap());
            if length == 0 {
                break;
            }
            if before == 0 {
                return (segment, (at + RECORD_HEAD + LEAF) as u64);
            }
            before -= 1;
            at += RECORD_HEAD + usize::try_from(length).unwrap();
        }
    }
    panic!("the journal lacks the entry {index}");
}
