//! `[status]`: how soon people are told that something is wrong, how long that is kept, and who may say so themselves.

use crate::notify::{self, Notify};
use avouch_statement::{Audience, Draft, Figure, Length, Table, Unit};

/// The claim that people are told in time.
pub const TOLD_WITHIN: &str = "status.told-within";
/// The claim that what was told is kept.
pub const KEEP: &str = "status.keep";
/// The claim that people can say what is wrong, and are answered.
pub const FAULTS: &str = "status.faults";

/// What `[status]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How soon the status page says that something is wrong.
    pub told_within: Length,
    /// How long what was wrong stays readable.
    pub keep: Length,
    /// Whether whoever is signed in can say what is wrong.
    pub faults: bool,
    /// How the supplier's team is written to, if it is.
    pub notify: Option<Notify>,
}

/// Reads `[status]`.
pub fn read(section: &mut Table<'_>) -> Option<Settings> {
    let soonest = Length::new(10, Unit::Second)..=Length::new(1, Unit::Day);
    let told_within = section.need_length_within("told-within", "5 min", soonest);
    let kept = Length::new(30, Unit::Day)..=Length::new(10, Unit::Year);
    let keep = section.need_length_within("keep", "2 years", kept);
    let faults = section.or("faults", false, |section, key| {
        section.need_word(key, &[("every-user", true)])
    });
    let notify = notify::read(section, told_within.as_ref().map(|within| within.value));
    let (told_within, keep) = (told_within?.value, keep?.value);
    let written = matches!(&notify, Some(Some(_)));
    section.claim("told-within", told_claim(told_within, written));
    section.claim("keep", keep_claim(keep));
    if faults == Some(true) {
        section.claim("faults", faults_claim());
    }
    Some(Settings {
        told_within,
        keep,
        faults: faults?,
        notify: notify?,
    })
}

fn told_claim(within: Length, written: bool) -> Draft {
    let team = match written {
        true => "is written to, and",
        false => "is sent no message, and",
    };
    Draft::enforced(
        format!(
            "When the service does not work for an organisation, a status page says so to that organisation’s people within \
             {within}: since when, what is done about it, and its end. The page is up while the service is down, and says how \
             old its word is. The supplier’s team {team} sees it in the console."
        ),
        Figure::Length(within),
        "In every round a fault is rehearsed: an application that nobody answers for is watched as if it were an \
         organisation’s, until its synthetic person, and nobody else’s, reads of it, of an update and of its end. What was \
         told of real faults is compared with when they began, as the trail has it. Seen without anybody’s help are an \
         application that does not answer its health path, a core that is away for more than 10 s, and a disk to which \
         nothing can be written; anything else is told by the supplier’s people. Not tried: stopping the core, and a machine \
         that is off, which shows no page.",
    )
    .for_audience(Audience::Public)
}

fn keep_claim(keep: Length) -> Draft {
    Draft::enforced(
        format!("What was wrong, since when, what was said of it and its end stay readable for {keep}."),
        Figure::Length(keep),
        "In every round each beginning and end in the audit trail since then is looked for among what is kept, and nothing \
         that ended longer ago may be there. The page shows the newest. Not compared: the words. What concerned an \
         organisation alone ends with its data.",
    )
    .for_audience(Audience::Public)
}

fn faults_claim() -> Draft {
    Draft::enforced(
        "Whoever is signed in sees how the service is, and can tell the supplier’s team what is wrong, from the application \
         itself. Their organisation and the time come with it, the answer comes back to them, and no other organisation sees \
         either.",
        Figure::Word("every-user".to_owned()),
        "In every round one organisation’s synthetic person reports a made-up fault: the supplier’s team must see it with \
         organisation and time, its answer must come back, and another organisation’s synthetic person must see neither. One \
         person may report 20 faults in a day; a report and its answer stay for as long as what was wrong does. Not tried: how soon the supplier’s people answer real ones.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    #[track_caller]
    fn parsed(text: &str) -> Result<(Settings, Vec<String>), String> {
        let source = Source::new("avouch.toml", format!("[status]\n{text}\n"));
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let mut section = root.need_table("status", "{ … }").unwrap();
        let settings = read(&mut section);
        section.finish();
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        let made = claims
            .iter()
            .map(|claim| format!("{} = {}", claim.id, claim.figure));
        Ok((settings.unwrap(), made.collect()))
    }

    #[test]
    fn what_is_promised_is_claimed_and_nothing_else() {
        let both = "told-within = \"5 min\"\nkeep = \"2 years\"";
        let (settings, claims) = parsed(both).unwrap();
        assert!(!settings.faults);
        assert_eq!(
            claims,
            ["status.told-within = 5 minutes", "status.keep = 2 years"]
        );
        let (settings, claims) = parsed(&format!("{both}\nfaults = \"every-user\"")).unwrap();
        assert!(settings.faults);
        assert_eq!(claims[2], "status.faults = every-user");
    }

    #[test]
    fn a_promise_without_its_figure_or_with_one_that_cannot_be_kept_is_a_fault() {
        for (text, message) in [
            ("keep = \"2 years\"", "`status` does not say `told-within`"),
            ("told-within = \"5 min\"", "`status` does not say `keep`"),
            (
                "told-within = \"3 s\"\nkeep = \"2 years\"",
                "`told-within` must be from 10 seconds to 1 day",
            ),
            (
                "told-within = \"5 min\"\nkeep = \"2 years\"\nfaults = \"some\"",
                "`faults` cannot be \"some\"",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err(), message, "{text}");
        }
    }
}
