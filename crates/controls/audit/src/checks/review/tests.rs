use super::*;
use crate::review::{Hours, Many, Rules};
use avouch_evidence::Verdict;
use avouch_statement::{At, Length, Unit};
use jiff::civil::time;

/// Makes something untrue of what was observed.
type Spoil = fn(&mut Observed);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn review() -> Review {
    Review {
        at: At::parse("06:00 UTC").unwrap(),
        looked_at_within: Length::new(3, Unit::Day),
        rules: Rules {
            own: true,
            family: false,
            colleague: true,
            many: Some(Many {
                people: 4,
                within: Length::new(1, Unit::Hour),
            }),
            hours: Some(Hours {
                from: time(7, 0, 0, 0),
                until: time(20, 0, 0, 0),
            }),
            unit: Some(Length::new(30, Unit::Day)),
        },
    }
}

fn finding(rule: Rule, subjects: &[&str]) -> Found {
    Found {
        rule,
        who: "reader".to_owned(),
        name: "reader@synthetic.invalid".to_owned(),
        unit: "checks".to_owned(),
        subjects: subjects.iter().map(|it| (*it).to_owned()).collect(),
        entries: BTreeSet::from([7]),
        first: at("2026-01-05T12:00:00Z"),
        last: at("2026-01-05T12:00:01Z"),
    }
}

const ALL: [&str; 5] = ["own", "family", "theirs", "shared", "lone"];

fn observed() -> Observed {
    Observed {
        now: at("2026-01-05T12:00:02Z"),
        kept: Kept {
            since: Some(at("2025-01-01T00:00:00Z")),
            until: Some(at("2026-01-05T06:00:00Z")),
            gap: None,
            unlike: None,
            waiting: vec![at("2026-01-03T06:00:00Z")],
            doubt: None,
        },
        subjects: ALL.iter().map(|it| (*it).to_owned()).collect(),
        shared: "shared".to_owned(),
        plan: Plan {
            own: "own".to_owned(),
            family: "family".to_owned(),
            colleague: "theirs".to_owned(),
            reader: Vec::new(),
            shared: "/shared".to_owned(),
        },
        probed: Probed {
            reader: "reader".to_owned(),
            colleague: "colleague".to_owned(),
            from: at("2026-01-05T12:00:00Z"),
            to: at("2026-01-05T12:00:01Z"),
            found: vec![
                finding(Rule::Tied(Tie::Own), &["own"]),
                finding(Rule::Tied(Tie::Colleague), &["theirs"]),
                finding(Rule::Many, &ALL),
                finding(Rule::Unit, &["own", "family", "theirs", "lone"]),
            ],
        },
    }
}

#[test]
fn what_was_planted_and_nothing_else_holds() {
    assert_eq!(judge(&review(), &Ok(observed())).verdict, Verdict::Held);
    let mut fresh = observed();
    fresh.kept = Kept {
        since: Some(fresh.now),
        ..Kept::default()
    };
    assert_eq!(judge(&review(), &Ok(fresh)).verdict, Verdict::Held);
    let mut by_night = observed();
    by_night.probed.from = at("2026-01-05T23:00:00Z");
    by_night.probed.to = at("2026-01-05T23:00:01Z");
    by_night.probed.found.push(finding(Rule::Hours, &ALL));
    by_night.probed.found.push(Found {
        who: "colleague".to_owned(),
        ..finding(Rule::Hours, &["shared"])
    });
    assert_eq!(judge(&review(), &Ok(by_night)).verdict, Verdict::Held);
}

#[test]
fn too_little_too_much_too_late_or_something_else_breaks() {
    let spoils: [(&str, Spoil); 9] = [
        ("was found of 0", |it| drop(it.probed.found.remove(1))),
        ("should have been found of 0", |it| {
            let extra = finding(Rule::Tied(Tie::Family), &["family"]);
            it.probed.found.push(extra);
        }),
        ("which were others", |it| {
            it.probed.found[0].subjects = BTreeSet::from(["lone".to_owned()]);
        }),
        ("should have been found of 0", |it| {
            it.probed.found.push(finding(Rule::Hours, &ALL));
        }),
        ("was not made; the last was that of 2026-01-04", |it| {
            it.kept.until = Some(at("2026-01-04T06:00:00Z"));
        }),
        ("and no other", |it| it.kept.until = None),
        ("was not reviewed", |it| {
            it.kept.gap = Some(at("2026-01-02T06:00:00Z"));
        }),
        ("not what its entry", |it| {
            it.kept.unlike = Some(at("2026-01-02T06:00:00Z"));
        }),
        ("1 findings wait for longer", |it| {
            it.kept.waiting[0] = at("2026-01-02T12:00:01Z");
        }),
    ];
    for (told, spoil) in spoils {
        let mut observed = observed();
        spoil(&mut observed);
        let seen = judge(&review(), &Ok(observed));
        assert_eq!(seen.verdict, Verdict::Broken, "{told}");
        assert!(seen.observed.contains(told), "{}", seen.observed);
    }
}

#[test]
fn what_could_not_be_tried_proves_nothing() {
    let seen = judge(&review(), &Err("no record is named".to_owned()));
    assert_eq!(seen.verdict, Verdict::Unproven);
    let mut doubtful = observed();
    doubtful.kept.doubt = Some("the clock was set".to_owned());
    assert_eq!(judge(&review(), &Ok(doubtful)).verdict, Verdict::Held);
    let mut doubtful = observed();
    doubtful.kept.doubt = Some("the clock was set".to_owned());
    doubtful.kept.until = None;
    assert_eq!(judge(&review(), &Ok(doubtful)).verdict, Verdict::Unproven);
}
