//! Who opened or changed one subject's record, as it may be shown to others.

use std::collections::HashSet;

use crate::{Action, Event, Outcome, Role, Row};

/// How staff appear in a subject report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Staff {
    /// By name.
    Named,
    /// By their role alone.
    RoleOnly,
}

/// What of these events may be shown of one subject, in the order given.
///
/// An intent whose outcome is there too is one access with it. Nothing about other subjects is left in, nor what was
/// asked for in a query.
#[must_use]
pub fn disclosed(rows: Vec<Row>, subject: &str, staff: Staff) -> Vec<Row> {
    let ended: HashSet<String> = rows
        .iter()
        .filter(|row| row.event.outcome != Outcome::Intended)
        .map(|row| row.event.correlation.clone())
        .collect();
    rows.into_iter()
        .filter(|row| is_access(&row.event) && row.event.subjects.iter().any(|own| own == subject))
        .filter(|row| {
            row.event.outcome != Outcome::Intended || !ended.contains(&row.event.correlation)
        })
        .map(|row| Row {
            index: row.index,
            event: shown(row.event, subject, staff),
        })
        .collect()
}

/// Reading evidence about somebody is an access too.
const fn is_access(event: &Event) -> bool {
    matches!(
        event.action,
        Action::RecordOpened | Action::RecordChanged | Action::Search | Action::Export
    )
}

fn shown(mut event: Event, subject: &str, staff: Staff) -> Event {
    event.subjects = vec![subject.to_owned()];
    event.parameters.clear();
    event.behalf.clear();
    event.session.clear();
    if let Some(path) = event.object.find(['?', '#']) {
        event.object.truncate(path);
    }
    let person = !matches!(
        event.who.role,
        Role::Platform | Role::LocalRoot | Role::Nobody | Role::Server
    );
    if staff == Staff::RoleOnly && person {
        event.who.id.clear();
        event.who.name = event.who.role.to_string();
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Actor;

    fn row(index: u64, outcome: Outcome, correlation: &str, subjects: &[&str]) -> Row {
        let who = Actor {
            id: "p1".to_owned(),
            name: "ann@riverside.test".to_owned(),
            role: Role::Member,
        };
        let mut event = Event::new(
            jiff::Timestamp::UNIX_EPOCH,
            who,
            Action::RecordChanged,
            "PUT /records/1?other=9990000026",
            outcome,
        )
        .with("note", "9990000026");
        event.correlation = correlation.to_owned();
        event.session = "5e55".to_owned();
        event.subjects = subjects.iter().map(|&subject| subject.to_owned()).collect();
        Row { index, event }
    }

    #[test]
    fn an_intent_and_its_outcome_are_one_access_and_an_intent_alone_stays() {
        let rows = vec![
            row(4, Outcome::Intended, "c", &["9434765919"]),
            row(3, Outcome::Done, "b", &["9434765919"]),
            row(2, Outcome::Refused, "a", &["9990000026"]),
            row(1, Outcome::Intended, "b", &["9434765919"]),
        ];
        let shown = disclosed(rows, "9434765919", Staff::Named);
        let indexes: Vec<u64> = shown.iter().map(|row| row.index).collect();
        assert_eq!(indexes, [4, 3]);
    }

    #[test]
    fn nothing_about_another_subject_and_with_roles_alone_no_name_is_shown() {
        let rows = vec![row(1, Outcome::Done, "b", &["9990000026", "9434765919"])];
        let named = format!("{:?}", disclosed(rows.clone(), "9434765919", Staff::Named));
        assert!(named.contains("ann@riverside.test"));
        let masked = format!("{:?}", disclosed(rows, "9434765919", Staff::RoleOnly));
        for shown in [&named, &masked] {
            assert!(
                !shown.contains("9990000026") && !shown.contains("5e55"),
                "{shown}"
            );
        }
        assert!(
            !masked.contains("ann@") && !masked.contains("p1"),
            "{masked}"
        );
    }
}
