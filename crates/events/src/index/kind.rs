//! What was done, what came of it, in what role and whether it was answered, as one small number; and its session as one.

use sha2::{Digest as _, Sha256};

use crate::{Action, Event, Outcome, Role};

/// Whether an event has the answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has none.
    None,
    /// The service gave one.
    Given,
    /// The service failed: nobody answered for it, or it answered with an error of its own.
    Fault,
}

impl Answer {
    const ALL: [Self; 3] = [Self::None, Self::Given, Self::Fault];

    /// What an event says of it.
    pub(crate) fn of(event: &Event) -> Self {
        match event.status {
            None => Self::None,
            Some(..500) => Self::Given,
            Some(_) => Self::Fault,
        }
    }
}

/// The number of an event. A new word goes to the end of its list; [`super::file`] counts up where one is moved.
pub(crate) fn of_event(event: &Event) -> i64 {
    pack(
        event.action,
        event.outcome,
        event.who.role,
        Answer::of(event),
    )
}

/// The number of an event's session, by which only the same session is known again; `None` without one.
pub(crate) fn session(event: &Event) -> Option<i64> {
    let digest = Sha256::digest(event.session.as_bytes());
    let start = digest.as_slice().first_chunk::<8>()?;
    (!event.session.is_empty()).then(|| i64::from_be_bytes(*start))
}

/// The same in parts; `None` for a number that no event has.
pub(crate) fn parts(kind: i64) -> Option<(Action, Outcome, Role, Answer)> {
    let field = |shift: u32, bits: u32| usize::try_from(kind >> shift & ((1 << bits) - 1)).ok();
    Some((
        *Action::ALL.get(field(0, 6)?)?,
        *Outcome::ALL.get(field(6, 3)?)?,
        *Role::ALL.get(field(9, 4)?)?,
        *Answer::ALL.get(field(13, 2)?)?,
    ))
}

fn pack(action: Action, outcome: Outcome, role: Role, answer: Answer) -> i64 {
    let place = |found: Option<usize>, most: i64| {
        found.and_then(|at| i64::try_from(at).ok()).unwrap_or(most)
    };
    place(Action::ALL.iter().position(|known| *known == action), 63)
        | place(Outcome::ALL.iter().position(|known| *known == outcome), 7) << 6
        | place(Role::ALL.iter().position(|known| *known == role), 15) << 9
        | place(Answer::ALL.iter().position(|known| *known == answer), 3) << 13
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_has_a_number_of_its_own_that_gives_its_parts_back() {
        let mut seen = std::collections::BTreeSet::new();
        for action in Action::ALL {
            for outcome in Outcome::ALL {
                for role in Role::ALL {
                    for answer in Answer::ALL {
                        let number = pack(action, outcome, role, answer);
                        assert!(seen.insert(number));
                        assert_eq!(parts(number), Some((action, outcome, role, answer)));
                    }
                }
            }
        }
        assert_eq!(parts(63), None);
        assert_eq!(parts(-1), None);
    }
}
