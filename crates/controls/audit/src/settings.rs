//! `[audit]`: what is written down, when, and for how long.

use avouch_statement::{Draft, Figure, Length, Table};

use crate::RecordRule;
use crate::custody;
use crate::export::{self, Export};
use crate::logins::{self, Logins};
use crate::review::{self, Review};
use crate::witness::{self, Witnessed};

/// The claim that an entry comes before the effect.
pub const BEFORE_EFFECT: &str = "audit.before-effect";
/// The claim that management acts are recorded.
pub const MANAGEMENT: &str = "audit.management";
/// The claim that connections are recorded.
pub const CONNECTIONS: &str = "audit.connections";
/// The claim that subject reports are whole.
pub const SUBJECT_REPORT: &str = "audit.subject-report";
/// The claim that entries are kept.
pub const KEEP: &str = "audit.keep";

/// What is written down, when, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Does a request wait for its entry to be on disk?
    pub before_effect: bool,
    /// Is every management act promised to be recorded?
    pub management: bool,
    /// Is every connection promised to be recorded?
    pub connections: bool,
    /// How long entries are kept.
    pub keep: Length,
    /// Are whole subject reports promised?
    pub subject_report: bool,
    /// Are staff named in a subject report, or only their roles?
    pub staff_named: bool,
    /// Must somebody who reads the trail say why?
    pub because_required: bool,
    /// Who, on other machines, signs that the ledger was not rewritten.
    pub witnessed: Option<Witnessed>,
    /// Who receives the trail as it is written.
    pub exports: Vec<Export>,
    /// When access to records is reviewed, and by which rules.
    pub review: Option<Review>,
    /// For how long an organisation shares its trail at most, where it alone decides who reads it.
    pub custody: Option<Length>,
    /// How logins to the server itself are followed.
    pub logins: Option<Logins>,
    /// What counts as opening a record.
    pub records: Vec<RecordRule>,
}

/// Reads `[audit]`; `records` is what [`crate::read_records`] read before.
pub fn read(section: &mut Table<'_>, records: Option<Vec<RecordRule>>) -> Option<Settings> {
    let before_effect = section.need_truth("before-effect");
    let management = section.or("management", false, |section, key| {
        section.need_word(key, &[("every-action", true)])
    });
    let connections = section.or("connections", false, |section, key| {
        section.need_word(key, &[("every", true)])
    });
    let keep = section.need_length("keep", "8 years");
    let report = section
        .table("subject-report", r#"{ staff = "role-only" }"#)
        .map(|mut report| {
            let staff = report.need_word("staff", &[("named", true), ("role-only", false)]);
            report.finish();
            staff.map(|staff| staff.value)
        });
    let subject_report = report.is_some();
    let staff_named = report.unwrap_or(Some(false));
    let because_required = section
        .table("reading", r#"{ because = "required" }"#)
        .map_or(Some(false), |mut reading| {
            let because = reading.need_word("because", &[("required", true), ("optional", false)]);
            reading.finish();
            because.map(|because| because.value)
        });
    let review = review::read(section);
    let custody = custody::read(section);
    let logins = logins::read(section);
    let witnessed = witness::read(section);
    let exports = export::read(section);
    if before_effect.as_ref().is_some_and(|truth| truth.value) {
        section.claim("before-effect", before_effect_claim());
    }
    if management == Some(true) {
        section.claim("management", management_claim());
    }
    if connections == Some(true) {
        section.claim("connections", connections_claim());
    }
    if let Some(Some(named)) = report {
        section.claim("subject-report", subject_report_claim(named));
    }
    if let Some(keep) = &keep {
        section.claim("keep", keep_claim(keep.value));
    }
    Some(Settings {
        before_effect: before_effect?.value,
        management: management?,
        connections: connections?,
        keep: keep?.value,
        subject_report,
        staff_named: staff_named?,
        because_required: because_required?,
        witnessed: witnessed?,
        exports: exports?,
        review: review?,
        custody: custody?,
        logins: logins?,
        records: records?,
    })
}

fn before_effect_claim() -> Draft {
    Draft::enforced(
        "Every request to the application leaves an entry that says who, for which tenant, what, on what, when, and \
         what came of it. The entry is on disk before the request can change anything, and before a page is shown.",
        Figure::Word("true".to_owned()),
        "In every round each tenant's synthetic person reads, changes, is refused and tries another tenant's host, at \
         addresses made up for the purpose, and each must be found with the right entries at once. Requests of people who \
         are not signed in are told as one entry a minute once there are too many to write down one by one: more than \
         3,000 at once, or one a second after that, or 600 a minute from one address. Not tried: real people's requests, what goes over a WebSocket once it is open, and pulling the power.",
    )
}

fn management_claim() -> Draft {
    Draft::enforced(
        "Every management action is recorded with who did it, when, from which address, with which parameters and \
         with what response. Secrets are masked.",
        Figure::Word("every-action".to_owned()),
        "In every round a search of the trail is done on the command line, and the closing of an account is refused to a member \
         in the console; each must leave one entry. Not tried in rounds: other actions, among them any that the console lets \
         through, and what root does without Avouch's commands.",
    )
}

fn connections_claim() -> Draft {
    Draft::enforced(
        "Every connection to the service, let in or turned away, leaves an entry once it is over: from which address and \
         port, to which, how many bytes each way, how long, and whether it was let in.",
        Figure::Word("every".to_owned()),
        "In every round a connection is let in and one is turned away, and each must leave one entry with the bytes that its \
         client counted. Connections over which nobody who is signed in reached the application, those to the sign-in page and \
         the console among them, are summed up once there are too many to write down one by \
         one: more than 100 in a second, 3,000 at once, one a second after that, or 600 a minute from one address. Not seen: \
         what the machine itself refuses at a port that nothing listens on, and connections that are open when the gateway's \
         process is killed, whose end is not told.",
    )
}

fn subject_report_claim(named: bool) -> Draft {
    let (figure, staff) = match named {
        true => ("named", "name and role"),
        false => ("role-only", "role, and not by name"),
    };
    Draft::enforced(
        format!(
            "Whoever asks who looked at their record is given every time that it was opened or changed, from which address \
             and in which organisation. Staff are shown by {staff}. Nothing about anybody else is in it, and that it was \
             given out is in the trail."
        ),
        Figure::Word(figure.to_owned()),
        "In every round each tenant's synthetic person opens and changes a made-up record, and the report on it must say \
         exactly that. Not tried: real people's records; and what the application shows of a record on pages that the \
         statement does not name as one.",
    )
}

fn keep_claim(keep: Length) -> Draft {
    Draft::enforced(
        format!(
            "Audit entries are kept for {keep}, and what was written in them is taken away in the days after. Changing, \
             removing, reordering or cutting off entries is noticed, and the first entry that does not fit is named."
        ),
        Figure::Length(keep),
        "In every round what is new and a further stretch of the rest, 65,536 entries, are verified against the signed \
         checkpoint, which must go on from the one before; a longer ledger is gone through in turn, and the finding \
         says since when every entry was read. What is read is opened too: nothing younger may be lost, except the \
         events of an organisation whose data were erased, and nothing older may be readable, here or in a search. \
         Copies of a part are damaged in each of these ways and must be found out. Not tried: \
         bytes that a disk keeps of a file that was written anew, which are sealed; and a ledger put back whole to an earlier day, together with what \
         the rounds remember of it, which is told by a checkpoint that somebody else has kept.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    #[track_caller]
    fn parsed(text: &str) -> Result<(Settings, Vec<String>), String> {
        let source = Source::new("avouch.toml", format!("[audit]\n{text}\n"));
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let mut section = root.need_table("audit", "{ … }").unwrap();
        let settings = read(&mut section, Some(Vec::new()));
        section.finish();
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        let made = claims
            .iter()
            .map(|claim| format!("{} = {}", claim.id, claim.figure))
            .collect();
        Ok((settings.unwrap(), made))
    }

    #[test]
    fn what_is_promised_is_claimed_and_nothing_else() {
        for (text, claims) in [
            (
                "before-effect = true\nmanagement = \"every-action\"\nconnections = \"every\"\nsubject-report = { staff = \"role-only\" }\nkeep = \"8 years\"",
                vec![
                    "audit.before-effect = true",
                    "audit.management = every-action",
                    "audit.connections = every",
                    "audit.subject-report = role-only",
                    "audit.keep = 8 years",
                ],
            ),
            (
                "before-effect = false\nkeep = \"30 d\"",
                vec!["audit.keep = 30 days"],
            ),
        ] {
            assert_eq!(parsed(text).unwrap().1, claims);
        }
    }

    #[test]
    fn a_promise_without_its_figure_is_a_fault() {
        for (text, message) in [
            ("before-effect = true", "`audit` does not say `keep`"),
            ("keep = \"8 years\"", "`audit` does not say `before-effect`"),
            (
                "before-effect = true\nkeep = \"8 years\"\nmanagement = \"some\"",
                "`management` cannot be \"some\"",
            ),
            (
                "before-effect = true\nkeep = \"ever\"",
                "`keep` must be a length of time",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err(), message, "{text}");
        }
    }
}
