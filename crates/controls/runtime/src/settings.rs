//! `[runtime]`: how soon an application that died is back.

use std::time::Duration;

use avouch_statement::{Draft, Figure, Length, Table};

use crate::ids::BELOW_TENANTS;

/// The claim that an application that died is back in time.
pub const RESTART_WITHIN: &str = "runtime.restart-within";

/// Where the user ids begin when the statement does not say: above those that people, packages
/// and containers usually get.
const USER_IDS: u32 = 61_000;

/// What `[runtime]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How soon an application that died answers again.
    pub restart_within: Length,
    /// The first tenant's user id. Wiring.
    pub user_ids: u32,
}

impl Settings {
    /// The promised time, for comparing with a measured one.
    #[must_use]
    pub fn within(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.restart_within.bounds().0).unwrap_or_default())
    }
}

/// Reads `[runtime]`.
pub fn read(section: &mut Table<'_>) -> Option<Settings> {
    let within = section.need_length("restart-within", "10 s");
    let user_ids = section.or("user-ids", USER_IDS, |section, key| {
        section.need_whole(key, BELOW_TENANTS + 1000..=2_000_000_000, USER_IDS)
    });
    let restart_within = within?.value;
    section.claim(
        "restart-within",
        Draft::enforced(
            format!(
                "An application that dies is started again by itself, and answers within {restart_within}."
            ),
            Figure::Length(restart_within),
            "Tried on a canary: one more instance of the same application, with no data, which is killed by force and \
             must answer its health path again in time. Not tried: dying under load or with much data, and the machine \
             itself failing. One that keeps dying is started again after pauses that grow to 30 s, which is reported.",
        ),
    );
    Some(Settings {
        restart_within,
        user_ids: user_ids?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source, Unit};

    #[track_caller]
    fn parsed(text: &str) -> Result<Settings, String> {
        let source = Source::new("avouch.toml", format!("[runtime]\n{text}\n"));
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let mut section = root.need_table("runtime", "{ … }").unwrap();
        let settings = read(&mut section);
        section.finish();
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        assert_eq!(claims[0].id.as_str(), RESTART_WITHIN);
        Ok(settings.unwrap())
    }

    #[test]
    fn the_time_is_a_promise_and_must_be_stated() {
        let settings = parsed("restart-within = \"10 s\"\nuser-ids = 70000").unwrap();
        assert_eq!(settings.restart_within, Length::new(10, Unit::Second));
        assert_eq!(settings.within(), Duration::from_secs(10));
        assert_eq!(settings.user_ids, 70_000);
        assert_eq!(
            parsed("restart-within = \"1 min\"").unwrap().user_ids,
            USER_IDS
        );
    }

    #[test]
    fn a_missing_or_wrong_setting_is_a_fault() {
        for (text, message) in [
            ("", "`runtime` does not say `restart-within`"),
            (
                "restart-within = \"soon\"",
                "`restart-within` must be a length of time",
            ),
            (
                "restart-within = \"10 s\"\nuser-ids = 0",
                "`user-ids` must be from 1100 to 2000000000",
            ),
            (
                "restart-within = \"10 s\"\nuser-id = 61000",
                "`runtime` has no `user-id` in this build",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err(), message, "{text}");
        }
    }
}
