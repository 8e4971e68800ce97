//! Applications that nobody uses are stopped: what the statement promises of that, and how the hours are reckoned.

mod reckon;

use std::time::Duration;

use avouch_statement::{Draft, Figure, Length, Spanned, Table, Unit};

pub use reckon::{Hours, Need, Noted, Span, Spans, What, Whose, reckon};

/// The claim that applications do not run for nobody.
pub const IDLE_SHARE: &str = "app.idle-share";

/// How long the service's own work with an application counts after it: a round of checks comes back to it meanwhile.
pub const LINGER: Duration = Duration::from_secs(20);

/// The first and the last that may be stated. What a gateway lets go on an earlier word does so for half a minute.
const SHORTEST: Length = Length::new(60, Unit::Second);
const LONGEST: Length = Length::new(1, Unit::Day);

/// When applications that nobody uses are stopped, and how much of their running may be for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// How long nobody may have used one.
    pub after: Length,
    /// Hours of a hundred.
    pub share: u8,
}

impl Idle {
    /// How long an application is needed after its last use.
    #[must_use]
    pub fn tail(&self, whose: Whose) -> Duration {
        match whose {
            Whose::People => {
                Duration::from_secs(u64::try_from(self.after.bounds().0).unwrap_or_default())
            }
            Whose::Own => LINGER,
        }
    }
}

/// Reads `idle-after` and `idle-share` in the section of the application, and states the claim; `None` for a fault,
/// `Some(None)` where nothing is said.
pub fn read_idle(section: &mut Table<'_>) -> Option<Option<Idle>> {
    let stated = section.has("idle-after") || section.has("idle-share");
    let read = |section: &mut Table<'_>| {
        let after = section.need_length_within("idle-after", "30 min", SHORTEST..=LONGEST);
        let share = section.need_parsed("idle-share", "a share", "20%", percent);
        (after, share)
    };
    if !stated {
        // Read all the same, so that a misspelt one finds its neighbour.
        section.or("idle-after", (), |_, _| None);
        section.or("idle-share", (), |_, _| None);
        return Some(None);
    }
    let (Some(Spanned { value: after, .. }), Some(Spanned { value: share, .. })) = read(section)
    else {
        return None;
    };
    let idle = Idle { after, share };
    section.claim("idle-share", draft(idle));
    Some(Some(idle))
}

/// `20%` in hundredths.
fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').ok_or("it has no `%`")?;
    let share: u8 = number
        .trim()
        .parse()
        .map_err(|_| "not a whole number of hundredths".to_owned())?;
    if (1..=100).contains(&share) {
        Ok(share)
    } else {
        Err("not from 1% to 100%".to_owned())
    }
}

fn draft(Idle { after, share }: Idle) -> Draft {
    let linger = LINGER.as_secs();
    Draft::enforced(
        format!(
            "An application that nobody has used for {after} is stopped, and the next request starts it again and waits for \
             it; nothing that still comes or goes is cut. Of the hours that applications run in a day, at most {share}% are \
             for nobody."
        ),
        Figure::Count(u64::from(share)),
        format!(
            "The hours of the last day, or since the service was started, are reckoned from what the trail has of starts, \
             ends and use, and must be those that the supervisor counted by itself. An application is needed from \
             somebody's first request until {after} after the last, and for {linger} s after the service's own work with it, \
             which is starting it and asking it for checks. The newest requests of each organisation's people, at most 1,000, \
             must each lie where the trail says that it ran and was needed, and no need is believed without one. One that is \
             stopped is asked for a page, which must come. No process of the application may run that the supervisor did not \
             start; as an ordinary user, it does not see those of others."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    #[track_caller]
    fn parsed(text: &str) -> Result<Option<Idle>, String> {
        let source = Source::new("avouch.toml", format!("[app]\n{text}\n"));
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let mut section = root.need_table("app", "{ … }").unwrap();
        let idle = read_idle(&mut section);
        section.finish();
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        let idle = idle.unwrap();
        let ids: Vec<&str> = claims.iter().map(|claim| claim.id.as_str()).collect();
        assert_eq!(
            ids,
            if idle.is_some() {
                vec![IDLE_SHARE]
            } else {
                vec![]
            }
        );
        Ok(idle)
    }

    #[test]
    fn both_are_stated_together_or_neither() {
        assert_eq!(parsed(""), Ok(None));
        let both = parsed("idle-after = \"30 min\"\nidle-share = \"20%\"");
        let idle = both.unwrap().unwrap();
        assert_eq!(idle.tail(Whose::People), Duration::from_secs(1800));
        assert_eq!(idle.share, 20);
    }

    #[test]
    fn a_missing_or_wrong_one_is_a_fault() {
        for (text, message) in [
            ("idle-after = \"30 min\"", "`app` does not say `idle-share`"),
            ("idle-share = \"20%\"", "`app` does not say `idle-after`"),
            (
                "idle-after = \"59 s\"\nidle-share = \"20%\"",
                "`idle-after` must be from 60 seconds to 1 day",
            ),
            (
                "idle-after = \"1 h\"\nidle-share = \"a fifth\"",
                "`idle-share` must be a share",
            ),
            (
                "idle-after = \"1 h\"\nidle-share = \"0%\"",
                "`idle-share` must be a share",
            ),
            (
                "idle-untl = \"1 h\"",
                "`app` has no `idle-untl` in this build",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err(), message, "{text}");
        }
    }
}
