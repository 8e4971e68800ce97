//! `reach`, in the section of backups: who may reach them, and whether a second person must approve.

use super::second_factor::roles;
use crate::Role;
use avouch_statement::{Draft, Figure, Table};

/// What the statement promises of reaching backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Who may.
    pub of: Vec<Role>,
    /// Whether somebody else must approve what brings a backup back.
    pub second_person: bool,
}

/// Reads `reach` in the section of backups, and states its claims; `None` for a fault, `Some(None)` where nothing is said.
pub fn read_reach(section: &mut Table<'_>) -> Option<Option<Reach>> {
    let Some(mut table) =
        section.table("reach", r#"{ roles = ["supplier"], second-person = true }"#)
    else {
        return Some(None);
    };
    let of = roles(&mut table, "roles");
    let second_person = table.need_truth("second-person");
    if let Some((of, whom)) = &of {
        let words = of.iter().map(|role| role.as_str().to_owned()).collect();
        table.claim("roles", reached_by(words, whom));
    }
    if second_person.as_ref().is_some_and(|second| second.value) {
        table.claim("second-person", second_person_draft());
    }
    table.finish();
    Some(Some(Reach {
        of: of?.0,
        second_person: second_person?.value,
    }))
}

fn reached_by(words: Vec<String>, whom: &str) -> Draft {
    Draft::enforced(
        format!(
            "In the console, backups are reached only by {whom}, each with a second factor shown lately: seeing them, taking \
             one, and restoring one to try it."
        ),
        Figure::Words(words),
        "Tried in the console by a synthetic member, whose second factor was shown just now, asking for the list of backups, \
         that of drills, a backup and a drill: each must be refused, and the refusal recorded. Every account of these roles \
         is looked at, and must be as Avouch wrote it. Other roles stand at the same gate and are not tried from outside. \
         Root at a shell of the machine can always reach them; what it does is in the trail as `local-root`.",
    )
}

fn second_person_draft() -> Draft {
    Draft::enforced(
        "A backup is brought back from the console only once a second person has approved it: somebody else of those who \
         may, within an hour of the request and for one time.",
        Figure::Word(String::from("approval")),
        "Tried by two synthetic people, on the running service: one's own approval, an approval by somebody who may not, one \
         that has run out and one that was used must count for nothing, and that of the second person must count once. Every \
         request in the store must be as Avouch wrote it. Root at a shell of the machine needs nobody; what it does is in the \
         trail as `local-root`.",
    )
}
