//! `[audit.review]`: when access to records is reviewed, by which rules, and how soon somebody looks at what was found.

mod rules;
mod unusual;

use avouch_statement::{At, Draft, Figure, Length, Spanned, Table, Unit};
use jiff::civil::Time;

pub use rules::{Hours, Many, Rules};
pub use unusual::{Found, Known, Opening, Rule, Tie, unusual};

/// The claim that access to records is reviewed.
pub const REVIEW: &str = "audit.review";

/// When access is reviewed, by which rules, and how soon somebody looks at what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// When, each day.
    pub at: At,
    /// How soon somebody looks at what was found.
    pub looked_at_within: Length,
    /// What is found.
    pub rules: Rules,
}

/// Reads `[audit.review]`; `None` for a fault.
pub(crate) fn read(section: &mut Table<'_>) -> Option<Option<Review>> {
    let Some(mut table) = section.table(
        "review",
        r#"{ at = "06:00 Europe/London", looked-at-within = "3 d", of = ["own"] }"#,
    ) else {
        return (!section.has("review")).then_some(None);
    };
    let at = table.need_parsed(
        "at",
        "a time of day and a zone",
        "06:00 Europe/London",
        |text| At::parse(text).map_err(|error| error.to_string()),
    );
    let within = table.need_length_within(
        "looked-at-within",
        "3 d",
        Length::new(1, Unit::Hour)..=Length::new(3, Unit::Month),
    );
    let (of, many) = (of(&mut table), many(&mut table));
    let (hours, unit) = (hours(&mut table), unit(&mut table));
    let whole = table.at();
    let review = of.zip(many).zip(hours).zip(unit).zip(at).zip(within).map(
        |(((((of, many), hours), unit), at), within)| Review {
            at: at.value,
            looked_at_within: within.value,
            rules: Rules {
                own: of.contains(&Tie::Own),
                family: of.contains(&Tie::Family),
                colleague: of.contains(&Tie::Colleague),
                many,
                hours,
                unit,
            },
        },
    );
    if let Some(review) = &review {
        if review.rules.words().is_empty() {
            table.fault(
                whole,
                "`audit.review` states no rule, so it would find nothing",
                "no rule",
                "state one or more of `of`, `many`, `hours` and `unit`",
            );
            table.finish();
            return None;
        }
        section.claim("review", claim(review));
    }
    table.finish();
    review.map(Some)
}

/// The ties whose records are found.
fn of(table: &mut Table<'_>) -> Option<Vec<Tie>> {
    table.or("of", Vec::new(), |table, key| {
        let words = table.need_texts(key, "[\"own\", \"family\", \"colleague\"]")?;
        let mut ties = Vec::new();
        for word in words.value {
            let Some(tie) = Tie::ALL.into_iter().find(|tie| tie.word() == word.value) else {
                table.fault(
                    word.at,
                    format!("`of` cannot hold {:?}", word.value),
                    "not known",
                    "known here: `own`, `family`, `colleague`",
                );
                return None;
            };
            ties.push(tie);
        }
        Some(Spanned {
            value: ties,
            at: words.at,
        })
    })
}

fn many(table: &mut Table<'_>) -> Option<Option<Many>> {
    let Some(mut many) = table.table("many", r#"{ people = 40, within = "1 h" }"#) else {
        return (!table.has("many")).then_some(None);
    };
    let people = many.need_whole("people", 1..=500_u16, 40);
    let within = many.need_length_within(
        "within",
        "1 h",
        Length::new(1, Unit::Minute)..=Length::new(1, Unit::Day),
    );
    many.finish();
    Some(Some(Many {
        people: usize::from(people?.value),
        within: within?.value,
    }))
}

fn hours(table: &mut Table<'_>) -> Option<Option<Hours>> {
    let Some(mut hours) = table.table("hours", r#"{ from = "07:00", until = "20:00" }"#) else {
        return (!table.has("hours")).then_some(None);
    };
    let time = |text: &str| {
        let time = Time::strptime("%H:%M", text)
            .ok()
            .filter(|_| text.len() == 5);
        time.ok_or_else(|| "not a time of day".to_owned())
    };
    let from = hours.need_parsed("from", "a time of day", "07:00", time);
    let until = hours.need_parsed("until", "a time of day", "20:00", time);
    let ends = until.as_ref().map(|until| until.at.clone());
    let both = from
        .zip(until)
        .map(|(from, until)| (from.value, until.value));
    if let (Some((from, until)), Some(at)) = (both, ends)
        && from == until
    {
        hours.fault(
            at,
            "the usual hours end when they begin",
            "the same time",
            "write `hours = { from = \"07:00\", until = \"20:00\" }`",
        );
        return None;
    }
    hours.finish();
    let (from, until) = both?;
    Some(Some(Hours { from, until }))
}

fn unit(table: &mut Table<'_>) -> Option<Option<Length>> {
    table.or("unit", None, |table, key| {
        let range = Length::new(1, Unit::Day)..=Length::new(3, Unit::Month);
        let within = table.need_length_within(key, "30 d", range)?;
        Some(Spanned {
            value: Some(within.value),
            at: within.at,
        })
    })
}

fn claim(review: &Review) -> Draft {
    let Review {
        at,
        looked_at_within,
        rules,
    } = review;
    Draft::enforced(
        format!(
            "Every day at {at} it is reviewed who opened or changed whose record, and what is unusual is shown to the \
             organisation's administrators: {}. One of them looks at each within {looked_at_within} and says what it was; \
             nobody does so for their own.",
            rules.words().join("; ")
        ),
        Figure::Length(*looked_at_within),
        "In every round two synthetic people of each tenant open made-up records at the running service, some of which they \
         had said to be their own, their family's or a colleague's, and the rules must find exactly those that they should. \
         Each review since the first must be there, with as many findings as its entry in the ledger says, and none may be \
         left longer than stated. Seen are requests: what an application shows of a record on pages that the statement does \
         not name as one, what is printed or photographed from a screen, and why somebody opened a record are not. A record is \
         known to be somebody's own, their family's or a colleague's only where its number was stated for their account. \
         Somebody who looks for the first time at a record nobody else needed that day looks the same as somebody who pries.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    #[track_caller]
    fn parsed(text: &str) -> Result<(Option<Review>, Vec<String>), String> {
        let source = Source::new("avouch.toml", format!("[audit]\n{text}\n"));
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let mut section = root.need_table("audit", "{ … }").unwrap();
        let review = read(&mut section);
        section.finish();
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        let made = claims
            .iter()
            .map(|claim| format!("{} = {}", claim.id, claim.figure));
        let made = made.collect();
        Ok((review.unwrap(), made))
    }

    const WHOLE: &str = "review = { at = \"06:00 Europe/London\", looked-at-within = \"3 d\", of = [\"own\", \
                         \"colleague\"], many = { people = 40, within = \"1 h\" }, hours = { from = \"07:00\", until = \
                         \"20:00\" }, unit = \"30 d\" }";

    #[test]
    fn what_is_stated_is_read_and_claimed() {
        let (review, claims) = parsed(WHOLE).unwrap();
        let rules = review.unwrap().rules;
        assert!(rules.own && rules.colleague && !rules.family);
        assert_eq!(rules.many.unwrap().people, 40);
        assert_eq!(rules.words().len(), 5);
        assert_eq!(claims, ["audit.review = 3 days"]);
        assert_eq!(parsed("").unwrap(), (None, Vec::new()));
    }

    #[test]
    fn a_review_that_would_find_nothing_or_something_else_is_a_fault() {
        let with = |rest: &str| {
            format!("review = {{ at = \"06:00 UTC\", looked-at-within = \"3 d\"{rest} }}")
        };
        for (text, message) in [
            (
                with(""),
                "`audit.review` states no rule, so it would find nothing",
            ),
            (with(", of = [\"friend\"]"), "`of` cannot hold \"friend\""),
            (
                with(", hours = { from = \"07:00\", until = \"07:00\" }"),
                "the usual hours end when they begin",
            ),
            (
                with(", unit = \"1 h\""),
                "`unit` must be from 1 day to 3 months",
            ),
            (
                WHOLE.replace("06:00 Europe/London", "six"),
                "`at` must be a time of day and a zone",
            ),
        ] {
            assert_eq!(parsed(&text).unwrap_err(), message, "{text}");
        }
    }
}
