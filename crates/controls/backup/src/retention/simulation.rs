//! The rule, run over years.

use std::collections::BTreeMap;

use avouch_statement::Unit;
use jiff::{SignedDuration, Timestamp, civil};

use super::*;

fn hub4() -> Rule {
    Rule {
        daily: Length::new(14, Unit::Day),
        weekly: Some(Length::new(2, Unit::Month)),
        monthly: Some(Length::new(2, Unit::Year)),
    }
}

fn london(time: &str) -> At {
    At::parse(&format!("{time} Europe/London")).unwrap()
}

fn secs(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

/// A repository in which the rule is run as the keeper runs it.
struct World {
    rule: Rule,
    at: At,
    snapshots: Vec<Snapshot>,
    since: Option<civil::Date>,
}

impl World {
    fn new(rule: Rule, time: &str) -> Self {
        Self {
            rule,
            at: london(time),
            snapshots: Vec::new(),
            since: None,
        }
    }

    fn take(&mut self, day: civil::Date, taken: Timestamp) {
        let grades = grades(day, &self.rule, &self.snapshots, taken);
        let id = SnapshotId(format!("{day}-{taken}"));
        self.snapshots.push(Snapshot {
            id,
            taken,
            day,
            grades,
            verified: false,
        });
        self.since.get_or_insert(day);
    }

    fn verify_newest(&mut self) {
        self.snapshots.last_mut().unwrap().verified = true;
    }

    fn prune(&mut self, now: Timestamp) {
        let decisions = plan(&self.snapshots, &self.rule, &self.at, now);
        let gone: Vec<_> = removable(&decisions)
            .map(|proof| proof.id().clone())
            .collect();
        self.snapshots.retain(|s| !gone.contains(&s.id));
    }

    fn picture(&self, grade: Grade, now: Timestamp) -> Picture {
        judge(
            &self.snapshots,
            grade,
            &self.rule,
            &self.at,
            self.since,
            now,
        )
    }

    /// Snapshots that are there as `grade` and for no other use of it, sound or not.
    fn there(&self, grade: Grade, now: Timestamp) -> usize {
        self.snapshots
            .iter()
            .filter(|s| s.verified && s.grades.contains(&grade))
            .filter(|s| {
                self.rule.until(grade, s.day, &self.at).unwrap() > now
                    || handover(
                        grade,
                        self.rule.until(grade, s.day, &self.at).unwrap(),
                        &self.snapshots,
                        &self.at,
                        now,
                    )
                    .is_some()
            })
            .count()
    }
}

/// Runs every day from `from` for `days`, and asks `look` at each moment at which something can have changed.
fn run(
    world: &mut World,
    from: civil::Date,
    days: i32,
    mut look: impl FnMut(&World, civil::Date, i32, Timestamp),
) {
    for n in 0..days {
        let day = from.checked_add(Span::new().days(n)).unwrap();
        let slot = world.at.on(day).unwrap();
        let mut moment = |world: &World, now: Timestamp| look(world, day, n, now);
        moment(world, slot.checked_sub(secs(1)).unwrap());
        world.prune(slot);
        moment(world, slot);
        world.take(day, slot + secs(20));
        moment(world, slot + secs(21));
        world.prune(slot + secs(22));
        moment(world, slot + secs(22));
        world.verify_newest();
        moment(world, slot + secs(40));
        world.prune(slot + secs(41));
        moment(world, slot + secs(42));
        moment(world, slot + SignedDuration::from_hours(12));
    }
}

#[track_caller]
fn three_years(from: &str, time: &str) {
    let mut world = World::new(hub4(), time);
    let mut weeklies = BTreeMap::<usize, usize>::new();
    run(
        &mut world,
        from.parse().unwrap(),
        3 * 366,
        |world, day, n, now| {
            let say = |what: &str| format!("{what} on {day} at {now} ({time})");
            if n >= 15 {
                let there = world.there(Grade::Daily, now);
                assert_eq!(there, 14, "{}", say("dailies"));
                let with_new = world
                    .snapshots
                    .iter()
                    .filter(|s| s.grades.contains(&Grade::Daily))
                    .filter(|s| s.day.until(day).unwrap().get_days() <= 14)
                    .count();
                assert!(with_new <= 15, "{}", say("dailies with the new one"));
            }
            if n >= 70 {
                let there = world.there(Grade::Weekly, now);
                assert!(there == 8 || there == 9, "{}: {there}", say("weeklies"));
                *weeklies.entry(there).or_default() += 1;
            }
            if n >= 2 * 366 + 31 {
                assert_eq!(world.there(Grade::Monthly, now), 24, "{}", say("monthlies"));
            }
            for snapshot in &world.snapshots {
                let end = |grade| world.rule.until(grade, snapshot.day, &world.at).unwrap();
                let last = snapshot
                    .grades
                    .iter()
                    .map(|grade| end(*grade))
                    .max()
                    .unwrap();
                // The 41 seconds of the run itself are the only time that anything outlives its window.
                assert!(
                    now <= last + secs(41),
                    "{}: {}",
                    say("kept too long"),
                    snapshot.id.0
                );
            }
            for grade in Grade::ALL {
                assert!(
                    !matches!(world.picture(grade, now).held(grade), Held::No(_)),
                    "{}",
                    say(grade.word())
                );
            }
        },
    );
    assert!(
        weeklies.contains_key(&8) && weeklies.contains_key(&9),
        "both counts occur: {weeklies:?}"
    );
    let last = world.snapshots.iter().map(|s| s.taken).max().unwrap();
    for grade in Grade::ALL {
        assert_eq!(world.picture(grade, last + secs(60)).held(grade), Held::Yes);
        assert!(world.picture(grade, last + secs(60)).run_in);
    }
}

#[test]
fn over_three_years_there_are_fourteen_dailies_eight_or_nine_weeklies_and_twenty_four_monthlies() {
    three_years("2026-01-01", "04:00");
}

#[test]
fn a_leap_day_and_a_start_on_the_thirty_first_change_no_count() {
    three_years("2027-12-31", "04:00");
    three_years("2027-08-31", "23:45");
}

#[test]
fn an_hour_that_is_skipped_or_comes_twice_changes_no_count() {
    three_years("2026-02-10", "01:30");
}

#[test]
fn a_day_that_is_skipped_breaks_the_claim_and_no_older_one_is_kept_for_it() {
    let mut world = World::new(hub4(), "04:00");
    run(
        &mut world,
        "2026-01-01".parse().unwrap(),
        40,
        |_, _, _, _| {},
    );
    let skipped = world.at.on("2026-02-10".parse().unwrap()).unwrap();
    let oldest: civil::Date = "2026-01-27".parse().unwrap();
    assert!(
        world.snapshots.iter().any(|s| s.day == oldest),
        "the oldest waits for its successor"
    );

    world.prune(skipped + SignedDuration::from_mins(119));
    assert!(
        world.snapshots.iter().any(|s| s.day == oldest),
        "still within the handover"
    );

    let after = skipped + HANDOVER;
    world.prune(after);
    assert!(
        !world.snapshots.iter().any(|s| s.day == oldest),
        "gone on day 14 all the same"
    );
    let picture = world.picture(Grade::Daily, after);
    assert_eq!(
        picture.missing,
        vec!["2026-02-10".parse::<civil::Date>().unwrap()]
    );
    assert!(matches!(picture.held(Grade::Daily), Held::No(_)));

    run(
        &mut world,
        "2026-02-11".parse().unwrap(),
        13,
        |world, day, _, now| {
            assert!(
                matches!(
                    world.picture(Grade::Daily, now).held(Grade::Daily),
                    Held::No(_)
                ),
                "still broken on {day}"
            );
        },
    );
    run(
        &mut world,
        "2026-02-24".parse().unwrap(),
        2,
        |_, _, _, _| {},
    );
    let mended = world.at.on("2026-02-25".parse().unwrap()).unwrap() + HANDOVER;
    assert_eq!(
        world.picture(Grade::Daily, mended).held(Grade::Daily),
        Held::Yes,
        "fourteen whole days later"
    );
}

#[test]
fn a_daily_kept_fourteen_days_is_gone_on_day_fourteen() {
    let mut world = World::new(hub4(), "04:00");
    // The 6th is a Tuesday, not the first of its week or month once the 1st and 5th exist.
    run(
        &mut world,
        "2026-01-01".parse().unwrap(),
        19,
        |_, _, _, _| {},
    );
    let day: civil::Date = "2026-01-06".parse().unwrap();
    let slot = world.at.on("2026-01-20".parse().unwrap()).unwrap();
    world.prune(slot - secs(1));
    assert!(
        world.snapshots.iter().any(|s| s.day == day),
        "kept for all of the fourteen days"
    );
    world.take("2026-01-20".parse().unwrap(), slot + secs(1));
    world.prune(slot + secs(2));
    assert!(
        world.snapshots.iter().any(|s| s.day == day),
        "not gone before its successor is verified"
    );
    world.verify_newest();
    world.prune(slot + secs(3));
    assert!(!world.snapshots.iter().any(|s| s.day == day));
}

#[test]
fn a_copy_that_serves_two_grades_stays_when_one_of_them_ends() {
    let mut world = World::new(hub4(), "04:00");
    run(
        &mut world,
        "2026-01-01".parse().unwrap(),
        30,
        |_, _, _, _| {},
    );
    let monday: civil::Date = "2026-01-05".parse().unwrap();
    let now = world.at.on("2026-01-30".parse().unwrap()).unwrap() + secs(60);
    let decisions = plan(&world.snapshots, &world.rule, &world.at, now);
    let kept = decisions
        .iter()
        .find_map(|d| match d {
            Decision::Keep { id, reasons } if id.0.starts_with(&monday.to_string()) => {
                Some(reasons.clone())
            }
            _ => None,
        })
        .unwrap();
    let until = world.at.on("2026-03-05".parse().unwrap()).unwrap();
    assert_eq!(
        kept,
        vec![Reason::Serves {
            grade: Grade::Weekly,
            until
        }]
    );
}

#[test]
fn early_deletion_is_refused_with_the_date() {
    let mut world = World::new(hub4(), "04:00");
    run(
        &mut world,
        "2026-01-01".parse().unwrap(),
        10,
        |_, _, _, _| {},
    );
    let now = world.at.on("2026-01-10".parse().unwrap()).unwrap() + secs(60);
    let decisions = plan(&world.snapshots, &world.rule, &world.at, now);
    assert_eq!(removable(&decisions).count(), 0);
    for snapshot in &world.snapshots {
        let refused = request(&snapshot.id, &decisions).unwrap_err();
        assert!(
            matches!(refused, TooEarly::Kept { until, .. } if until > now),
            "{refused}"
        );
    }
    let stranger = SnapshotId("stranger".to_owned());
    assert_eq!(
        request(&stranger, &decisions),
        Err(TooEarly::Unknown(stranger))
    );
}

#[test]
fn a_snapshot_from_the_future_counts_for_nothing_and_removes_nothing() {
    let mut world = World::new(hub4(), "04:00");
    run(
        &mut world,
        "2026-01-01".parse().unwrap(),
        20,
        |_, _, _, _| {},
    );
    let now = world.at.on("2026-01-21".parse().unwrap()).unwrap();
    let before: Vec<_> = plan(&world.snapshots, &world.rule, &world.at, now);
    let day = "2026-01-21".parse().unwrap();
    world.snapshots.push(Snapshot {
        id: SnapshotId("future".to_owned()),
        taken: now + secs(1),
        day,
        grades: Grade::ALL.to_vec(),
        verified: true,
    });
    let after = plan(&world.snapshots, &world.rule, &world.at, now);
    assert_eq!(after.get(..before.len()).unwrap(), before.as_slice());
    assert_eq!(
        after.last(),
        Some(&Decision::Keep {
            id: SnapshotId("future".to_owned()),
            reasons: vec![Reason::Future]
        })
    );
    assert_eq!(
        grades(day, &world.rule, &world.snapshots, now),
        vec![Grade::Daily]
    );
}

#[test]
fn the_newest_sound_snapshot_is_never_removed() {
    let mut world = World::new(hub4(), "04:00");
    run(
        &mut world,
        "2026-01-01".parse().unwrap(),
        3,
        |_, _, _, _| {},
    );
    world.prune("2036-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(world.snapshots.len(), 1);
    assert_eq!(world.snapshots[0].day.to_string(), "2026-01-03");
}

#[test]
fn an_attempt_that_did_not_verify_leaves_its_day_open() {
    let mut world = World::new(hub4(), "04:00");
    let day: civil::Date = "2026-01-01".parse().unwrap();
    let slot = world.at.on(day).unwrap();
    world.take(day, slot + secs(1));
    world.take(day, slot + secs(60));
    world.verify_newest();
    assert_eq!(world.snapshots[1].grades, Grade::ALL.to_vec());
    world.take(day, slot + secs(120));
    assert_eq!(world.snapshots[2].grades, vec![]);
}

#[test]
fn a_young_series_says_since_when() {
    let mut world = World::new(hub4(), "04:00");
    run(
        &mut world,
        "2026-01-01".parse().unwrap(),
        3,
        |_, _, _, _| {},
    );
    let picture = world.picture(Grade::Daily, "2026-01-03T05:00:00Z".parse().unwrap());
    assert_eq!(
        picture.words(Grade::Daily),
        "3 dailies kept, since 2026-01-01"
    );
    assert_eq!(picture.held(Grade::Daily), Held::Yes);
}

#[test]
fn a_snapshot_that_nobody_removed_in_time_is_found() {
    let mut world = World::new(hub4(), "04:00");
    run(
        &mut world,
        "2026-01-01".parse().unwrap(),
        20,
        |_, _, _, _| {},
    );
    let day: civil::Date = "2026-01-02".parse().unwrap();
    let stale = SnapshotId("stale".to_owned());
    world.snapshots.push(Snapshot {
        id: stale.clone(),
        taken: world.at.on(day).unwrap(),
        day,
        grades: vec![Grade::Daily],
        verified: true,
    });
    let now = world.at.on("2026-01-20".parse().unwrap()).unwrap() + secs(60);
    let picture = world.picture(Grade::Daily, now);
    assert_eq!(picture.overdue, vec![stale]);
    assert!(matches!(picture.held(Grade::Daily), Held::No(_)));
}
