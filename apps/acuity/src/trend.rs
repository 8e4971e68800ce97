//! The trend picture: one bar for each of a ward's last periods, up for midwives to spare and down for midwives short.
//!
//! The picture carries no style of its own, so that a page may forbid inline style; classes name the colours. A letter on
//! each bar says its status without colour, and the page sets the same figures out in a table.

use crate::period::{self, Period};
use crate::staffing::{Counts, Status};
use crate::store::Assessment;

/// How many periods the picture shows: two days.
pub const PERIODS: usize = 12;

/// The picture, ready to lay out. Lengths are in the picture's own units.
#[derive(Debug)]
pub struct Trend {
    /// What the picture says, for people who do not see it.
    pub summary: String,
    /// The first period shown and where its label starts.
    pub first: String,
    /// The last period shown.
    pub last: String,
    /// The highest and lowest balance that the scale has room for.
    pub scale: String,
    /// Where zero lies.
    pub zero: i32,
    /// One for each period, oldest first.
    pub bars: Vec<Bar>,
}

/// One period in the picture.
#[derive(Debug)]
pub struct Bar {
    /// Its left edge.
    pub left: i32,
    /// Its middle.
    pub middle: i32,
    /// Its top.
    pub top: i32,
    /// Its height.
    pub height: i32,
    /// Where its letter stands.
    pub letter_at: i32,
    /// Its status; `None` where nothing was entered.
    pub status: Option<Status>,
    /// The period, and what it came to.
    pub title: String,
}

/// The picture's width.
pub const WIDTH: i32 = 360;
/// The picture's height.
pub const HEIGHT: i32 = 200;

const LEFT: i32 = 34;
const TOP: i32 = 24;
const BOTTOM: i32 = 164;
const STEP: i32 = 27;
const BAR: i32 = 21;

/// Draws a ward's latest assessments (newest first). `None` when there is none.
pub fn draw(latest: &[Assessment]) -> Option<Trend> {
    let last = latest.first()?.period;
    let periods = period::ending_with(last, PERIODS);
    let shown: Vec<(Period, Option<Counts>)> = periods
        .into_iter()
        .map(|period| {
            (
                period,
                latest
                    .iter()
                    .find(|found| found.period == period)
                    .map(|found| found.counts),
            )
        })
        .collect();
    let reach = shown
        .iter()
        .filter_map(|(_, counts)| Some(counts.as_ref()?.balance().hundredths().abs()))
        .max()?;
    // Whole midwives, and never less than one, so that a small lack does not look like a great one.
    let reach = (reach.max(100) + 99) / 100 * 100;
    let zero = (TOP + BOTTOM) / 2;
    let bars = (LEFT..).step_by(usize::try_from(STEP).ok()?).zip(&shown);
    let bars = bars
        .map(|(left, (period, counts))| bar(left, *period, *counts, zero, reach))
        .collect();
    Some(Trend {
        summary: summary(&shown),
        first: shown.first()?.0.short(),
        last: last.short(),
        scale: (reach / 100).to_string(),
        zero,
        bars,
    })
}

fn bar(left: i32, period: Period, counts: Option<Counts>, zero: i32, reach: i32) -> Bar {
    let middle = left + BAR / 2;
    let Some(counts) = counts else {
        let title = format!("{period}: nothing entered");
        return Bar {
            left,
            middle,
            top: zero - 1,
            height: 2,
            letter_at: zero - 5,
            status: None,
            title,
        };
    };
    let balance = counts.balance();
    // At least two units, so that an exact balance still shows.
    let height = (balance.hundredths().abs() * (zero - TOP) / reach).max(2);
    let up = balance.hundredths() >= 0;
    let (top, letter_at) = if up {
        (zero - height, zero - height - 5)
    } else {
        (zero, zero + height + 13)
    };
    let status = counts.status();
    let title = format!("{period}: {}, balance {balance}", status.word());
    Bar {
        left,
        middle,
        top,
        height,
        letter_at,
        status: Some(status),
        title,
    }
}

fn summary(shown: &[(Period, Option<Counts>)]) -> String {
    let of = |status| {
        shown
            .iter()
            .filter(|(_, counts)| counts.map(|counts| counts.status()) == Some(status))
            .count()
    };
    let missing = shown.iter().filter(|(_, counts)| counts.is_none()).count();
    format!(
        "Of the last {} periods, {} were green, {} amber, {} red and {missing} not assessed.",
        shown.len(),
        of(Status::Green),
        of(Status::Amber),
        of(Status::Red),
    )
}

impl Bar {
    /// The class that colours it.
    pub fn class(&self) -> &'static str {
        self.status.map_or("acuity-bar--none", Status::bar)
    }

    /// The letter that says its status without colour.
    pub fn letter(&self) -> &'static str {
        match self.status {
            Some(Status::Green) => "G",
            Some(Status::Amber) => "A",
            Some(Status::Red) => "R",
            None => "\u{2013}",
        }
    }
}

#[cfg(test)]
mod tests;
