//! `changes`: that a database is followed, so that it can be restored to any moment.

use avouch_statement::{Draft, Figure, Length, Table, Unit};

use jiff::{SignedDuration, Timestamp};

use super::{FRESH, Kind};
use crate::schedule::At;

/// Evidence of how much would be lost is old after an hour.
const SOON: Length = Length::new(1, Unit::Hour);

/// How a database is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes {
    /// Any moment can be restored for so long.
    pub within: Length,
    /// What was committed longer ago is stored at every destination.
    pub lose_at_most: Length,
}

impl Changes {
    /// From when on any moment can be restored, as of `now`; days are counted by the schedule's clock.
    #[must_use]
    pub fn since(&self, at: &At, now: Timestamp) -> Timestamp {
        let since = now
            .to_zoned(at.zone().clone())
            .checked_sub(self.within.span());
        since.map_or(Timestamp::MIN, |since| since.timestamp())
    }

    /// A time in which nothing was followed, or not looked, is no gap if it is no longer than this.
    #[must_use]
    pub fn tolerated(&self) -> SignedDuration {
        self.lose_at_most.duration()
    }
}

pub(super) fn read(mut table: Table<'_>, kind: &Kind, places: &[String]) -> Option<Changes> {
    let days = Length::new(1, Unit::Day)..=Length::new(10, Unit::Year);
    let within = table.need_length_within("within", "14 d", days);
    let short = Length::new(10, Unit::Second)..=Length::new(1, Unit::Day);
    let lose_at_most = table.need_length_within("lose-at-most", "5 min", short);
    let (within, lose_at_most) = (within?.value, lose_at_most?.value);
    table.claim(
        "within",
        Draft::enforced(
            format!("The database can be restored as it was at any moment of the last {within}."),
            Figure::Length(within),
            if let Kind::Postgres(_) = kind {
                format!(
                    "The whole server is followed: its own log is kept, in which each transaction says when it ended. A time of \
                     which the log is missing, longer than {lose_at_most}, is a gap: no moment in it can be restored, and this \
                     is broken for as long as it lies in the window. Stored changes are read and hashed in each place: what is \
                     new at each trial, everything once a day."
                )
            } else {
            format!(
                "Every change is followed as it is committed, ten times a second. A time in which the database was written to \
                 and not looked at, longer than {lose_at_most}, is a gap: no moment in it can be restored, and this is broken \
                 for as long as it lies in the window. In a shorter one the database comes back as it was last seen; the \
                 observation says how long the longest was. Stored changes are read and hashed in each place: what is new at \
                 each trial, everything once a day."
            )
            },
        )
        .fresh_for(FRESH),
    );
    table.claim(
        "lose-at-most",
        Draft::enforced(
            format!("What was committed more than {lose_at_most} ago is stored in: {}.", places.join(", ")),
            Figure::Length(lose_at_most),
            "Counted back from each trial to the moment up to which all changes have been read back from the place. That \
             nothing new was committed since is believed only of a follower that, when asked, knows of everything that the \
             database has committed.",
        )
        .fresh_for(SOON),
    );
    table.finish();
    Some(Changes {
        within,
        lose_at_most,
    })
}
