//! Judges `audit.server-logins.within`: what the machine's record of logins says is in the trail, each line once and in time.
//!
//! The record is read here by its own few lines, and not by those that follow it.

use std::collections::BTreeMap;
use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::logins::{LOGINS, Logins};

/// Bytes of a line of the record.
const LINE: usize = 384;
/// So many of its newest lines are compared.
pub const COMPARED: usize = 1_000;
/// A record that lost something and was not put back breaks the promise for so long.
const COUNTS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The follower looks every second; a busy machine may keep it.
const LATELY: SignedDuration = SignedDuration::from_secs(30);

/// Looks at the record and at what the trail has of it.
pub trait Following: Send + Sync {
    /// Both, as they are now.
    fn look(&self) -> BoxFuture<'_, Result<Looked, String>>;
}

/// The record, and what the trail has of it.
#[derive(Debug, Clone)]
pub struct Looked {
    /// The record's bytes, or why it cannot be read.
    pub record: Result<Vec<u8>, String>,
    /// When the record was last seen to be told whole.
    pub followed: Option<Timestamp>,
    /// The lines that the trail tells, newest first.
    pub told: Vec<Told>,
    /// That the record had lost something, as the trail tells it.
    pub lost: Vec<Lost>,
    /// The newest entry by which it held again what it had held.
    pub restored: Option<u64>,
}

/// A line that the trail tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The entry.
    pub index: u64,
    /// What the line is known by.
    pub line: String,
    /// Whose login.
    pub account: String,
    /// Where.
    pub terminal: String,
    /// When, as the record says.
    pub at: String,
}

/// That the record had lost something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The entry.
    pub index: u64,
    /// When it was seen.
    pub at: Timestamp,
    /// What was seen.
    pub what: String,
}

/// The check of logins to the server.
pub struct LoginsCheck {
    logins: Logins,
    following: Arc<dyn Following>,
}

impl LoginsCheck {
    /// Looks at these.
    #[must_use]
    pub fn new(logins: Logins, following: Arc<dyn Following>) -> Self {
        Self { logins, following }
    }
}

impl Check for LoginsCheck {
    fn name(&self) -> &str {
        "logins to the server"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(LOGINS)]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let looked = self.following.look().await;
            let claim = ClaimId::new(LOGINS);
            let seen = match looked {
                Err(why) => {
                    Seen::unproven(&claim, format!("The trail could not be searched: {why}."))
                }
                Ok(looked) => {
                    let (verdict, text) = judge(&self.logins, &looked, (ctx.clock)());
                    Seen::new(&claim, verdict, text)
                }
            };
            // Names of accounts of the machine.
            vec![seen.for_audience(Audience::Supplier)]
        })
    }
}

/// What a line is compared by.
struct Line {
    known_by: String,
    second: i64,
    login: Option<(String, String)>,
}

/// A record in which nothing stands proves nothing.
fn judge(logins: &Logins, looked: &Looked, now: Timestamp) -> (Verdict, String) {
    match compare(logins, looked, now) {
        Ok(0) => (
            Verdict::Unproven,
            format!(
                "{} is empty: there is no line to look for in the trail.",
                logins.record.display()
            ),
        ),
        Ok(lines) => {
            let since = looked.followed.map(|at| now.duration_since(at));
            let text = format!(
                "The {} newest of {lines} lines of {} are in the trail, each once, with the account, terminal and time; it was \
                 followed to its end {} s ago.",
                lines.min(COMPARED),
                logins.record.display(),
                since.unwrap_or_default().as_secs()
            );
            (Verdict::Held, text)
        }
        Err(fault) => (Verdict::Broken, fault),
    }
}

/// How many lines there are, if the newest are in the trail and none was lost; or what is wrong.
fn compare(logins: &Logins, looked: &Looked, now: Timestamp) -> Result<usize, String> {
    let file = logins.record.display();
    let record = looked.record.as_ref();
    let record = record.map_err(|why| format!("{file} cannot be read: {why}."))?;
    let lines: Vec<Line> = lines(record).collect();
    let since = looked.followed.map(|at| now.duration_since(at));
    let limit = logins.within.duration().max(LATELY);
    if since.is_none_or(|since| since > limit) {
        let when = looked.followed.map(|at| at.to_string());
        let when = when.as_deref().unwrap_or("never since the start");
        return Err(format!(
            "{file} was last followed to its end at {when}, which is longer ago than {}.",
            logins.within
        ));
    }
    let mut told: BTreeMap<&str, &Told> = BTreeMap::new();
    for line in &looked.told {
        if told.insert(&line.line, line).is_some() {
            return Err(format!(
                "A line of {file} is in the trail twice: {}.",
                line.index
            ));
        }
    }
    let newest = lines.len().saturating_sub(COMPARED);
    let compared = lines.get(newest..).unwrap_or_default();
    for line in compared {
        let Some(told) = told.get(line.known_by.as_str()) else {
            // Written this moment, it may still be on its way.
            let age = now.as_second().saturating_sub(line.second);
            if (0..=logins.within.duration().as_secs()).contains(&age) {
                continue;
            }
            let what = line.login.as_ref().map_or_else(
                || "A line".to_owned(),
                |(account, terminal)| format!("A login of `{account}` at `{terminal}`"),
            );
            return Err(format!("{what} in {file} is not in the trail."));
        };
        if let Some((account, terminal)) = &line.login
            && (told.account != *account && !account.is_empty() || told.terminal != *terminal)
        {
            return Err(format!(
                "Entry {} tells of `{}` at `{}` what {file} says of `{account}` at `{terminal}`.",
                told.index, told.account, told.terminal
            ));
        }
        let said = told.at.parse().ok().map(Timestamp::as_second);
        if said != Some(line.second) {
            return Err(format!(
                "Entry {} tells another time than {file}.",
                told.index
            ));
        }
    }
    if let Some(lost) = wiped(looked, now) {
        return Err(format!(
            "{file} is not what it was, and has not been put back: {} (entry {}, {}). What was noted and wiped before it was read \
             is not known.",
            lost.what, lost.index, lost.at
        ));
    }
    Ok(lines.len())
}

/// That a record lost something, lately, and was not put back.
fn wiped(looked: &Looked, now: Timestamp) -> Option<&Lost> {
    looked
        .lost
        .iter()
        .filter(|lost| looked.restored.is_none_or(|index| lost.index > index))
        .find(|lost| now.duration_since(lost.at) <= COUNTS)
}

/// The whole lines of a record.
fn lines(record: &[u8]) -> impl Iterator<Item = Line> {
    record.chunks_exact(LINE).map(|line| {
        let whole = hex::encode(Sha256::digest(line));
        let bytes = |from: usize, to: usize| line.get(from..to).unwrap_or_default();
        let second = bytes(340, 344).iter().rev();
        let second = second.fold(0, |sum, byte| sum * 256 + i64::from(*byte));
        let login = bytes(0, 2) == [7, 0];
        Line {
            known_by: whole.chars().take(32).collect(),
            second,
            login: login.then(|| (field(bytes(44, 76)), field(bytes(8, 40)))),
        }
    })
}

/// A name as the trail writes it.
fn field(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let letter = |letter: char| {
        if letter.is_control() {
            '\u{fffd}'
        } else {
            letter
        }
    };
    String::from_utf8_lossy(text).chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logins::{Digest, Login, records};

    const NOON: i64 = 1_767_614_400;

    fn line(account: &str, second: i64) -> Vec<u8> {
        let mut line = vec![0; LINE];
        line[0] = 7;
        line[8..13].copy_from_slice(b"pts/0");
        line[44..44 + account.len()].copy_from_slice(account.as_bytes());
        line[340..344].copy_from_slice(&u32::try_from(second).unwrap().to_le_bytes());
        line
    }

    /// A record of three logins of an hour ago and before, told as whoever follows it tells them.
    fn looked() -> Looked {
        let record = [("ann", 7_200), ("bob", 5_000), ("cat", 3_600)]
            .map(|(account, ago)| line(account, NOON - ago))
            .concat();
        let told = records(&record).enumerate().map(|(index, line)| {
            let login = Login::of(line);
            Told {
                index: index as u64,
                line: Digest::of(line).to_string(),
                account: login.account,
                terminal: login.terminal,
                at: login.at.to_string(),
            }
        });
        let mut told: Vec<Told> = told.collect();
        told.reverse();
        Looked {
            record: Ok(record),
            followed: Some(Timestamp::from_second(NOON - 1).unwrap()),
            told,
            lost: Vec::new(),
            restored: None,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Looked), expected: Result<&str, &str>) {
        let logins = Logins {
            record: "/var/log/wtmp".into(),
            within: "1 min".parse().unwrap(),
        };
        let mut looked = looked();
        change(&mut looked);
        let (verdict, said) = judge(&logins, &looked, Timestamp::from_second(NOON).unwrap());
        let (wanted, part) = match expected {
            Ok(part) => (Verdict::Held, part),
            Err(part) => (Verdict::Broken, part),
        };
        assert!(verdict == wanted && said.contains(part), "{verdict} {said}");
    }

    #[test]
    fn a_record_in_which_nothing_stands_proves_nothing() {
        let logins = Logins {
            record: "/var/log/wtmp".into(),
            within: "1 min".parse().unwrap(),
        };
        let mut empty = looked();
        empty.record = Ok(Vec::new());
        empty.told.clear();
        let judged = judge(&logins, &empty, Timestamp::from_second(NOON).unwrap());
        let text = "/var/log/wtmp is empty: there is no line to look for in the trail.";
        assert_eq!(judged, (Verdict::Unproven, text.to_owned()));
    }

    fn add(looked: &mut Looked, account: &str, ago: i64) {
        let added = line(account, NOON - ago);
        looked.record.as_mut().unwrap().extend(added);
    }

    #[test]
    fn every_line_is_told_once_as_it_is_and_a_new_one_in_time() {
        check(|_| {}, Ok("The 3 newest of 3 lines"));
        check(|looked| add(looked, "dan", 60), Ok("The 4 newest of 4"));
        check(
            |looked| add(looked, "dan", 61),
            Err("A login of `dan` at `pts/0` in /var/log/wtmp is not in the trail"),
        );
        check(
            |looked| add(looked, "dan", -5),
            Err("A login of `dan` at `pts/0` in /var/log/wtmp is not in the trail"),
        );
        check(
            |looked| looked.told.push(looked.told[0].clone()),
            Err("is in the trail twice"),
        );
        check(
            |looked| "eve".clone_into(&mut looked.told[0].account),
            Err("Entry 2 tells of `eve` at `pts/0` what /var/log/wtmp says of `cat` at `pts/0`"),
        );
        check(
            |looked| "2026-01-05T11:00:01Z".clone_into(&mut looked.told[0].at),
            Err("Entry 2 tells another time"),
        );
    }

    #[test]
    fn a_record_that_cannot_be_read_or_is_not_followed_keeps_no_promise() {
        check(
            |looked| looked.record = Err("permission denied".to_owned()),
            Err("/var/log/wtmp cannot be read: permission denied"),
        );
        check(
            |looked| looked.followed = None,
            Err("never since the start"),
        );
        check(
            |looked| looked.followed = Some(Timestamp::from_second(NOON - 61).unwrap()),
            Err("was last followed to its end at 2026-01-05T11:58:59Z"),
        );
    }

    #[test]
    fn a_record_that_lost_lines_breaks_the_promise_until_it_is_put_back_or_a_week_is_over() {
        let lose = |looked: &mut Looked, second: i64| {
            looked.lost.push(Lost {
                index: 3,
                at: Timestamp::from_second(second).unwrap(),
                what: "1 of the 3 lines is left".to_owned(),
            });
        };
        let week = COUNTS.as_secs();
        for ago in [60, week] {
            check(
                |looked| lose(looked, NOON - ago),
                Err("1 of the 3 lines is left (entry 3, "),
            );
        }
        check(
            |looked| lose(looked, NOON - week - 1),
            Ok("3 newest of 3 lines"),
        );
        check(
            |looked| {
                lose(looked, NOON - 60);
                looked.restored = Some(4);
            },
            Ok("3 newest of 3 lines"),
        );
        check(
            |looked| {
                lose(looked, NOON - 60);
                looked.restored = Some(2);
            },
            Err("has not been put back"),
        );
    }
}
