//! Accounts that were written by somebody else than Avouch.

use super::{Bench, Mend, Sabotage};

/// An account that a trust's member has.
const MEMBER: &str = "email_key = 'member@riverside.example'";

pub const ALL: &[&Sabotage] = &[
    &Sabotage {
        what: "an administrator appears whom nobody nominated",
        turns: &[("access.administrators", "broken")],
        act: |bench| {
            bench.store(
                "insert into person (id, email, email_key, name, role, nominated_by, nominated_at, seal) \
                 values ('intruder', 'i@example.org', 'i@example.org', 'I', 'supplier', 'setup', 1, x'00')",
            );
            Box::new(|bench| {
                bench.store("delete from person where id = 'intruder'");
            })
        },
    },
    &Sabotage {
        what: "a password of somebody's choice is written into the store",
        turns: &[
            ("access.password.issued", "broken"),
            ("access.administrators", "broken"),
        ],
        act: |bench| {
            let other = "(select password from person where email_key = 'member@hillside.example')";
            change(bench, "password", other)
        },
    },
    &Sabotage {
        what: "a short password is in use",
        turns: &[
            ("access.password.length", "broken"),
            ("access.password.issued", "broken"),
            ("access.administrators", "broken"),
        ],
        act: |bench| change(bench, "length", "6"),
    },
    &Sabotage {
        what: "a password of another alphabet is in use",
        turns: &[
            ("access.password.alphabet", "broken"),
            ("access.password.issued", "broken"),
            ("access.administrators", "broken"),
        ],
        act: |bench| change(bench, "alphabet", "'digits'"),
    },
];

/// Changes one thing of the member's row, and puts it back.
fn change(bench: &Bench, column: &'static str, to: &str) -> Mend {
    let before = bench.store(&format!(
        "select quote({column}) from person where {MEMBER}"
    ));
    bench.store(&format!("update person set {column} = {to} where {MEMBER}"));
    Box::new(move |bench| {
        bench.store(&format!(
            "update person set {column} = {} where {MEMBER}",
            before.trim()
        ));
    })
}
