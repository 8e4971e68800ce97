//! Who gets in: triggers in the store undo what the core writes, while the core goes on as if nothing were; and somebody stands
//! in the place of its pages.

use super::{Bench, Mend, Sabotage};
use crate::harness::impersonate;

/// Microseconds since 1970, as SQLite counts them.
const NOW: &str = "cast((julianday('now') - 2440587.5) * 86400000000 as integer)";

pub const ALL: &[&Sabotage] = &[
    &Sabotage {
        what: "sessions are kept from growing idle",
        turns: &[("access.session.idle", "broken")],
        act: |bench| {
            let body = format!(
                "update session set last_used = {NOW} where token_digest = new.token_digest"
            );
            trigger(bench, "after insert on session", &body)
        },
    },
    &Sabotage {
        what: "sessions are kept from growing old",
        turns: &[("access.session.absolute", "broken")],
        act: |bench| {
            let body =
                format!("update session set created = {NOW} where token_digest = new.token_digest");
            trigger(bench, "after insert on session", &body)
        },
    },
    &Sabotage {
        what: "failed attempts are forgotten",
        turns: &[("access.lockout.failures", "broken")],
        act: |bench| {
            trigger(
                bench,
                "after insert on failure",
                "delete from failure where id = new.id",
            )
        },
    },
    &Sabotage {
        what: "an address can be registered twice",
        turns: &[("access.sign-in", "broken")],
        act: |bench| {
            let body =
                "update person set email_key = email_key || '#' where email_key = new.email_key";
            trigger(bench, "before insert on person", body)
        },
    },
    &Sabotage {
        what: "somebody's own page is shown to whoever asks",
        turns: &[("access.sign-in", "broken")],
        act: |bench| {
            let imposter = impersonate(
                &bench.service,
                &["spoil", "GET /account ", "303 See Other", "200 See Other"],
            );
            Box::new(|bench| imposter.leave(&bench.service))
        },
    },
];

fn trigger(bench: &Bench, when: &str, body: &str) -> Mend {
    bench.store(&format!("create trigger sabotage {when} begin {body}; end"));
    Box::new(|bench| {
        bench.store("drop trigger sabotage");
    })
}
