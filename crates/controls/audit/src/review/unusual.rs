//! What is unusual among openings of records, by the stated rules. Pure: who is tied to whom is given.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Rules;

/// One person's record, opened or changed by somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The entry in the ledger.
    pub entry: u64,
    /// When.
    pub at: Timestamp,
    /// The id of the reader's account, or what the trail calls somebody without one.
    pub who: String,
    /// The reader's address.
    pub name: String,
    /// Where the reader belongs; empty if nobody said.
    pub unit: String,
    /// Whose record.
    pub subject: String,
}

/// How a reader is tied to the person whose record they opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tie {
    /// It is they themselves.
    Own,
    /// One of their family.
    Family,
    /// Somebody else with an account in the organisation.
    Colleague,
}

impl Tie {
    /// Every tie.
    pub const ALL: [Self; 3] = [Self::Own, Self::Family, Self::Colleague];

    /// Its word in the statement.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Family => "family",
            Self::Colleague => "colleague",
        }
    }
}

/// By which rule something is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The record of somebody to whom the reader is tied.
    Tied(Tie),
    /// The records of many people in a short time.
    Many,
    /// Outside the usual hours.
    Hours,
    /// A record that nobody else of the unit opened.
    Unit,
}

impl Rule {
    /// What somebody did, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Tied(Tie::Own) => "Opened their own record",
            Self::Tied(Tie::Family) => "Opened a record of their family",
            Self::Tied(Tie::Colleague) => "Opened a colleague's record",
            Self::Many => "Opened the records of many people in a short time",
            Self::Hours => "Opened records outside the usual hours",
            Self::Unit => "Opened records that nobody else of their unit did",
        }
    }
}

/// One finding: a reader, and what they opened that a rule calls unusual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The rule.
    pub rule: Rule,
    /// The id of the reader's account.
    pub who: String,
    /// The reader's address.
    pub name: String,
    /// Where the reader belongs.
    pub unit: String,
    /// Whose records.
    pub subjects: BTreeSet<String>,
    /// The entries in the ledger.
    pub entries: BTreeSet<u64>,
    /// When the first was opened.
    pub first: Timestamp,
    /// When the last was.
    pub last: Timestamp,
}

/// What is known besides the openings.
pub struct Known<'a> {
    /// How a reader is tied to a person.
    pub ties: &'a dyn Fn(&Opening) -> Vec<Tie>,
    /// Whether nobody else of the reader's unit opened the person's record.
    pub alone: &'a dyn Fn(&Opening) -> bool,
    /// The zone of the usual hours.
    pub zone: &'a TimeZone,
}

/// What is unusual, of openings in the order of time; those before `from` were reviewed before, and count only towards
/// what goes on after.
#[must_use]
pub fn unusual(
    openings: &[Opening],
    from: Timestamp,
    rules: &Rules,
    known: &Known<'_>,
) -> Vec<Found> {
    let mut found = Findings::default();
    for opening in openings.iter().filter(|opening| opening.at >= from) {
        for tie in (known.ties)(opening) {
            let stated = match tie {
                Tie::Own => rules.own,
                Tie::Family => rules.family,
                Tie::Colleague => rules.colleague,
            };
            if stated {
                found.add(Rule::Tied(tie), opening);
            }
        }
        let time = opening.at.to_zoned(known.zone.clone()).time();
        if rules.hours.is_some_and(|hours| !hours.hold(time)) {
            found.add(Rule::Hours, opening);
        }
        if rules.unit.is_some() && !opening.unit.is_empty() && (known.alone)(opening) {
            found.add(Rule::Unit, opening);
        }
    }
    if let Some(many) = rules.many {
        let mut readers: BTreeMap<&str, Vec<&Opening>> = BTreeMap::new();
        for opening in openings {
            readers.entry(&opening.who).or_default().push(opening);
        }
        for openings in readers.values() {
            for opening in crowded(openings, many.people, many.within.duration(), from) {
                found.add(Rule::Many, opening);
            }
        }
    }
    found.0.into_values().collect()
}

/// One reader's openings that lie in a stretch of time with more people than these, where it reaches past `from`.
fn crowded<'a>(
    openings: &[&'a Opening],
    people: usize,
    within: jiff::SignedDuration,
    from: Timestamp,
) -> Vec<&'a Opening> {
    let mut chosen: BTreeMap<usize, &Opening> = BTreeMap::new();
    let (mut first, mut counts) = (0, BTreeMap::<&str, usize>::new());
    for (last, opening) in openings.iter().enumerate() {
        *counts.entry(&opening.subject).or_default() += 1;
        while let Some(early) = openings.get(first)
            && opening.at.duration_since(early.at) >= within
        {
            if let Some(count) = counts.get_mut(early.subject.as_str()) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(early.subject.as_str());
                }
            }
            first += 1;
        }
        if counts.len() > people && opening.at >= from {
            let stretch = openings.iter().enumerate().take(last + 1).skip(first);
            chosen.extend(stretch.map(|(at, opening)| (at, *opening)));
        }
    }
    chosen.into_values().collect()
}

/// One finding for each rule and reader; of a tie, for each person too.
#[derive(Default)]
struct Findings(BTreeMap<(Rule, String, Option<String>), Found>);

impl Findings {
    fn add(&mut self, rule: Rule, opening: &Opening) {
        let subject = matches!(rule, Rule::Tied(_)).then(|| opening.subject.clone());
        let key = (rule, opening.who.clone(), subject);
        let found = self.0.entry(key).or_insert_with(|| Found {
            rule,
            who: opening.who.clone(),
            name: opening.name.clone(),
            unit: opening.unit.clone(),
            subjects: BTreeSet::new(),
            entries: BTreeSet::new(),
            first: opening.at,
            last: opening.at,
        });
        found.subjects.insert(opening.subject.clone());
        found.entries.insert(opening.entry);
        found.first = found.first.min(opening.at);
        found.last = found.last.max(opening.at);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Hours, Many};
    use super::*;
    use avouch_statement::{Length, Unit};
    use jiff::civil::time;

    /// Openings at these minutes of a day that begins at midnight in London.
    fn opened(who: &str, unit: &str, at: &[(i64, &str)]) -> Vec<Opening> {
        let midnight: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        at.iter()
            .map(|(minute, subject)| Opening {
                entry: minute.unsigned_abs(),
                at: midnight + jiff::SignedDuration::from_mins(*minute),
                who: who.to_owned(),
                name: format!("{who}@riverside.test"),
                unit: unit.to_owned(),
                subject: (*subject).to_owned(),
            })
            .collect()
    }

    fn found(openings: &[Opening], from: i64, rules: &Rules) -> Vec<(Rule, Vec<String>)> {
        let midnight: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        let known = Known {
            ties: &|opening| match opening.subject.as_str() {
                "own" => vec![Tie::Own],
                "sister" => vec![Tie::Family, Tie::Colleague],
                _ => Vec::new(),
            },
            alone: &|opening| opening.subject.starts_with("lone"),
            zone: &TimeZone::UTC,
        };
        let from = midnight + jiff::SignedDuration::from_mins(from);
        unusual(openings, from, rules, &known)
            .into_iter()
            .map(|found| (found.rule, found.subjects.into_iter().collect()))
            .collect()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_tie_is_found_where_its_rule_is_stated_and_once_for_each_person() {
        let openings = opened(
            "ann",
            "",
            &[(1, "own"), (2, "sister"), (3, "x"), (4, "own")],
        );
        let ties = Rules {
            own: true,
            family: true,
            ..Rules::default()
        };
        assert_eq!(
            found(&openings, 0, &ties),
            [
                (Rule::Tied(Tie::Own), texts(&["own"])),
                (Rule::Tied(Tie::Family), texts(&["sister"])),
            ]
        );
        assert_eq!(found(&openings, 5, &ties), [], "it was reviewed before");
        assert_eq!(found(&openings, 0, &Rules::default()), []);
    }

    #[test]
    fn many_are_more_than_stated_within_the_time_and_also_over_the_border_of_two_reviews() {
        let rules = |people| Rules {
            many: Some(Many {
                people,
                within: Length::new(10, Unit::Minute),
            }),
            ..Rules::default()
        };
        let openings = opened(
            "ann",
            "",
            &[(1, "a"), (5, "b"), (8, "a"), (10, "c"), (11, "d")],
        );
        assert_eq!(
            found(&openings, 9, &rules(2)),
            [(Rule::Many, texts(&["a", "b", "c", "d"]))]
        );
        // From the first to the last are ten minutes, which is not within ten.
        assert_eq!(found(&openings, 0, &rules(4)), []);
        assert_eq!(found(&openings, 12, &rules(2)), []);
        let two = [openings, opened("bob", "", &[(12, "e"), (13, "f")])].concat();
        assert_eq!(
            found(&two, 12, &rules(2)),
            [],
            "each reader is counted alone"
        );
    }

    #[test]
    fn unusual_hours_and_units_are_one_finding_for_each_reader() {
        let hours = Rules {
            hours: Some(Hours {
                from: time(7, 0, 0, 0),
                until: time(20, 0, 0, 0),
            }),
            ..Rules::default()
        };
        let openings = opened(
            "ann",
            "",
            &[(419, "a"), (420, "b"), (1199, "c"), (1200, "d")],
        );
        assert_eq!(
            found(&openings, 0, &hours),
            [(Rule::Hours, texts(&["a", "d"]))]
        );
        let unit = Rules {
            unit: Some(Length::new(30, Unit::Day)),
            ..Rules::default()
        };
        let openings = [
            opened("ann", "Ward 3", &[(1, "lone"), (2, "x"), (3, "lone too")]),
            opened("bob", "", &[(4, "lone")]),
        ]
        .concat();
        assert_eq!(
            found(&openings, 0, &unit),
            [(Rule::Unit, texts(&["lone", "lone too"]))]
        );
    }
}
