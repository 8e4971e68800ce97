//! How times and sizes are written for people: UK time, with its zone named.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Instead of a time, when there was none.
pub const NEVER: &str = "Never";

/// A time to the minute: `22 November 2026, 07:10 GMT`.
pub fn minute(at: Timestamp) -> String {
    at.to_zoned(uk())
        .strftime("%-d %B %Y, %H:%M %Z")
        .to_string()
}

/// A day: `22 November 2026`.
pub fn day(at: Timestamp) -> String {
    at.to_zoned(uk()).strftime("%-d %B %Y").to_string()
}

/// A time to the second, for the audit trail: `22 Nov 2026, 07:10:21 GMT`.
pub fn second(at: Timestamp) -> String {
    at.to_zoned(uk())
        .strftime("%-d %b %Y, %H:%M:%S %Z")
        .to_string()
}

/// A time to the minute, or that there was none.
pub fn minute_or_never(at: Option<Timestamp>) -> String {
    at.map_or_else(|| NEVER.to_owned(), minute)
}

/// A size in the unit a person would use: `3.4 MB`, powers of ten.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    UNITS.iter().find(|(unit, _)| bytes >= *unit).map_or_else(
        || format!("{bytes} bytes"),
        |(unit, name)| {
            let tenths = bytes.saturating_mul(10) / unit;
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        },
    )
}

/// A number of things, with the noun in the right number.
pub fn count(number: u64, one: &str, several: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {several}"),
    }
}

fn uk() -> TimeZone {
    // The zone database is bundled, so the fallback is for a build without it.
    TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC)
}
