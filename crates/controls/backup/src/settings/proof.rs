//! `read-all-within`, `room-for` and `keep-aside`: how what is stored is looked after from day to day.

use avouch_statement::{Draft, Figure, Length, Spanned, Table, Unit};

use super::FRESH;

/// How long data that a restore took the place of stand aside, where nothing else is stated.
const ASIDE: Length = Length::new(14, Unit::Day);

/// What is stated of each.
pub(super) struct Proof {
    pub(super) read_all_within: Option<Length>,
    pub(super) room_for: Option<Length>,
    pub(super) keep_aside: Length,
}

/// Reads them; `None` if any is at fault.
pub(super) fn read(section: &mut Table<'_>) -> Option<Proof> {
    let within = length(section, "read-all-within", "30 d", 2)?;
    if let Some(within) = &within {
        section.claim(
            "read-all-within",
            Draft::enforced(
                format!("Everything that is stored is read again within {within}."),
                Figure::Length(*within),
                "Each place is looked through several times a day. A part of each repository is read and hashed then: the \
                 part whose turn it is, and whatever is new or was written to. What decays on a disk without being \
                 written to is found when its turn comes. On another machine what was written to is told by its name and \
                 size alone; what a keeper reads of its own is not counted here.",
            )
            .fresh_for(FRESH),
        );
    }
    let room = length(section, "room-for", "60 d", 1)?;
    if let Some(room) = &room {
        section.claim(
            "room-for",
            Draft::enforced(
                format!("Every place that backups are kept at has room for {room} more of them."),
                Figure::Length(*room),
                "The room that is left, divided by what backups added in a day, on average over the last thirty days or \
                 since the first. Of a keeper it is the room that it allows this service, as it says and signs; how full \
                 its disk is it does not say. What retention will remove is not taken off. Before there has been a day \
                 of backups nothing is known.",
            )
            .fresh_for(FRESH),
        );
    }
    Some(Proof {
        read_all_within: within,
        room_for: room,
        keep_aside: length(section, "keep-aside", "14 d", 1)?.unwrap_or(ASIDE),
    })
}

/// A length of so many days at least, if it is stated.
fn length(
    section: &mut Table<'_>,
    key: &'static str,
    example: &str,
    least: u32,
) -> Option<Option<Length>> {
    if !section.has(key) {
        // Asking for it tells the table that the key is known here.
        section.text(key, example);
        return Some(None);
    }
    let Spanned { value, at } = section.need_length(key, example)?;
    if !value.at_least(Length::new(least, Unit::Day)) {
        section.fault(
            at,
            format!("`{key}` is shorter than {least} d"),
            "less than can be told from a look now and then",
            format!("write `{key} = \"{example}\"` (units: d, weeks, months, years)"),
        );
        return None;
    }
    Some(Some(value))
}
