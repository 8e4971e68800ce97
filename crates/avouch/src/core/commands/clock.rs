//! Commands about the clock.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Core;
use crate::core::steady;
use crate::fail::Fail;

/// How the clock stands.
pub fn shown(core: &Core) -> Value {
    json!({ "now": core.now(), "doubt": core.doubt() })
}

/// Believes the clock, if it shows what another does. One clock alone is nobody's word: so the other's time is named, and is in
/// the trail with the command.
///
/// # Errors
/// If the two differ, or nobody said why.
pub fn believe(core: &Core, other: Timestamp, because: &str) -> Result<Value, Fail> {
    if because.trim().is_empty() {
        return Err(Fail::new("the clock is not believed without a reason")
            .help("say how you know with `--because TEXT`; it is recorded"));
    }
    let doubt = core.doubt();
    let now = core.now();
    compared(now, other)?;
    core.believe(now);
    Ok(json!({ "executed": true, "now": now, "doubt": doubt }))
}

/// Whether two clocks show the same.
///
/// # Errors
/// With by how much they differ.
pub fn compared(now: Timestamp, other: Timestamp) -> Result<(), Fail> {
    let apart = now.duration_since(other);
    if apart.abs() <= steady::BOUND {
        return Ok(());
    }
    let way = match apart.is_positive() {
        true => "ahead of",
        false => "behind",
    };
    Err(Fail::new(format!(
        "this machine's clock shows {now}, {} min {way} the other",
        apart.abs().as_mins()
    ))
    .help("put the machine's clock right, and say it again; nothing was changed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_by_more_than_five_minutes_are_not_the_same() {
        let now: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        for (other, says) in [
            ("2026-03-02T12:05:00Z", None),
            ("2026-03-02T11:55:00+00:00", None),
            ("2026-03-02T12:05:01Z", Some("5 min behind the other")),
            ("2026-03-02T11:54:59Z", Some("5 min ahead of the other")),
            (
                "2025-03-02T12:00:00Z",
                Some("525600 min ahead of the other"),
            ),
        ] {
            let said = compared(now, other.parse().unwrap()).err();
            let said = said.map(|fail| fail.to_string());
            assert_eq!(said.is_some(), says.is_some(), "{other}");
            assert!(said.unwrap_or_default().contains(says.unwrap_or_default()));
        }
    }
}
