use avouch_statement::TenantId;
use jiff::Timestamp;

use super::*;
use crate::{Action, Actor, Event, Outcome, Role};

fn definition(measure: Measure, group: Group) -> Definition {
    Definition {
        name: "test".parse().unwrap(),
        title: "Test".to_owned(),
        measure,
        group,
        every: Every::Day,
        readers: Readers::EachOrganisation,
        to: Vec::new(),
    }
}

/// Somebody's request at a time of 22 November 2026, with how long it took.
fn request(tenant: &str, who: &str, time: &str, object: &str, millis: u64) -> Event {
    let at: Timestamp = format!("2026-11-22T{time}Z").parse().unwrap();
    let actor = Actor {
        id: who.to_owned(),
        name: format!("{who}@{tenant}.example"),
        role: Role::Member,
    };
    let tenant: TenantId = tenant.parse().unwrap();
    let action = match object.split(' ').next() {
        Some("POST") => Action::RecordChanged,
        _ => Action::RecordOpened,
    };
    let mut event = Event::new(at, actor, action, object, Outcome::Done).of(Some(&tenant));
    event.status = Some(200);
    event.micros = Some(millis * 1_000);
    event.session = format!("session of {who}");
    event
}

fn counted(definition: &Definition, tenant: Option<&str>, events: &[Event]) -> Report {
    let now = "2026-11-22T20:00:00Z".parse().unwrap();
    let tenant = tenant.map(|tenant| tenant.parse().unwrap());
    let mut tally = Tally::new(&Wanted {
        definition,
        period: Period::of(definition.every, now),
        tenant: tenant.as_ref(),
        checks: Checks::LeftOut,
    });
    for event in events {
        tally.add(&Fact::of(event));
    }
    tally.finish(now)
}

#[track_caller]
fn lines(report: &Report) -> Vec<(&str, Vec<Option<u64>>)> {
    report
        .lines
        .iter()
        .map(|line| {
            assert_eq!(line.values.len(), report.columns.len());
            (line.label.as_str(), line.values.clone())
        })
        .collect()
}

#[test]
fn use_is_counted_by_organisation_and_an_organisation_sees_its_own_line_alone() {
    let use_by = definition(Measure::Use, Group::Organisation);
    let mut refused = request("lake", "ann", "10:02:00", "GET /c", 1);
    refused.outcome = Outcome::Refused;
    let mut intended = request("lake", "ann", "10:03:00", "POST /d", 1);
    intended.outcome = Outcome::Intended;
    let mut synthetic = request("lake", "check", "10:04:00", "GET /a", 1);
    synthetic.who.role = Role::Synthetic;
    let mut yesterday = request("lake", "ann", "10:05:00", "GET /a", 1);
    yesterday.at = "2026-11-21T23:59:59Z".parse().unwrap();
    let mut stranger = request("lake", "nobody", "10:04:30", "GET /a", 1);
    stranger.who.role = Role::Nobody;
    let events = [
        stranger,
        request("lake", "ann", "10:00:00", "GET /a", 1),
        request("lake", "bob", "10:01:00", "POST /b", 1),
        refused,
        intended,
        synthetic,
        yesterday,
        request("hill", "cat", "10:06:00", "GET /a", 1),
    ];
    let all = counted(&use_by, None, &events);
    let lake = [3, 2, 1, 1, 1, 0].map(Some).to_vec();
    assert_eq!(
        lines(&all),
        [
            ("hill", [1, 1, 1, 0, 0, 0].map(Some).to_vec()),
            ("lake", lake.clone())
        ]
    );
    assert!(!all.complete);
    assert_eq!(
        lines(&counted(&use_by, Some("lake"), &events)),
        [("lake", lake)]
    );
}

#[test]
fn a_session_of_known_length_is_reported_with_that_length() {
    let sessions = definition(Measure::Sessions, Group::Nothing);
    let events = [
        request("lake", "ann", "10:00:00", "GET /a", 1),
        request("lake", "bob", "10:00:10", "GET /a", 1),
        request("lake", "ann", "10:05:00", "GET /a", 1),
        request("lake", "bob", "10:01:40", "GET /a", 1),
    ];
    assert_eq!(
        lines(&counted(&sessions, None, &events)),
        [("all", [2, 195, 90, 300].map(Some).to_vec())]
    );
}

#[test]
fn an_action_takes_from_its_beginning_to_its_end_and_what_was_begun_again_is_abandoned() {
    let action = definition(
        Measure::Action {
            begins: Transaction::parse("GET /wards/{ward}/assessments/new").unwrap(),
            ends: Transaction::parse("POST /wards/{ward}/assessments").unwrap(),
        },
        Group::Nothing,
    );
    let begin = |who, time| request("lake", who, time, "GET /wards/a/assessments/new?x=1", 1);
    let end = |who, time| request("lake", who, time, "POST /wards/a/assessments", 1);
    let mut refused = end("ann", "10:00:50");
    refused.outcome = Outcome::Refused;
    let events = [
        begin("ann", "10:00:00"),
        begin("ann", "10:00:30"),
        refused,
        end("ann", "10:01:30"),
        end("ann", "10:02:00"),
        begin("bob", "10:00:00"),
    ];
    // Ann's second beginning counts, her first is abandoned, and so is Bob's, who never ended.
    assert_eq!(
        lines(&counted(&action, None, &events)),
        [("all", [1, 2, 60, 60, 60].map(Some).to_vec())]
    );
}

#[test]
fn a_delay_added_to_every_answer_moves_every_percentile_by_that_delay() {
    let interaction = definition(
        Measure::Interaction {
            on: Transaction::parse("GET /a").unwrap(),
            within: Some("1 s".parse().unwrap()),
            in_browser: false,
        },
        Group::Nothing,
    );
    let took = |delay: u64| -> Vec<Event> {
        (1..=100)
            .map(|n| request("lake", "ann", "10:00:00", "GET /a", n * 10 + delay))
            .chain([request("lake", "ann", "10:00:00", "GET /other", 9_999)])
            .collect()
    };
    assert_eq!(
        lines(&counted(&interaction, None, &took(0))),
        [(
            "all",
            [100, 500, 950, 990, 1_000, 10_000].map(Some).to_vec()
        )]
    );
    assert_eq!(
        lines(&counted(&interaction, None, &took(40))),
        [(
            "all",
            [100, 540, 990, 1_030, 1_040, 9_600].map(Some).to_vec()
        )]
    );
}

#[test]
fn what_browsers_say_stands_beside_the_gateways_figures_and_in_no_other_report() {
    let timed = |object: &str, millis: u64| {
        let mut event = request("lake", "ann", "10:00:00", object, millis);
        event.action = Action::Timing;
        event.status = None;
        event
    };
    let mut events = vec![request("lake", "ann", "10:00:00", "POST /a/7", 20)];
    events.extend((1..=100).map(|n| timed("POST /a/{id}", n * 10)));
    events.push(timed("GET /other", 9_999));
    let on = Transaction::parse("POST /a/{id}").unwrap();
    for (in_browser, more) in [(true, vec![100, 500, 950, 990]), (false, vec![])] {
        let measure = Measure::Interaction {
            on: on.clone(),
            within: None,
            in_browser,
        };
        let figures = [vec![1, 20, 20, 20, 20], more].concat();
        let report = counted(&definition(measure, Group::Nothing), None, &events);
        assert_eq!(report.columns.len(), figures.len());
        assert_eq!(
            lines(&report),
            [("all", figures.into_iter().map(Some).collect())]
        );
    }
    let used = counted(&definition(Measure::Use, Group::Nothing), None, &events);
    assert_eq!(used.lines[0].values[0], Some(1));
}

#[test]
fn what_the_service_failed_at_has_no_time_and_is_not_answered() {
    let mut failed = request("lake", "ann", "10:00:00", "GET /a", 1);
    (failed.outcome, failed.status) = (Outcome::Failed, Some(502));
    let events = [failed, request("lake", "ann", "10:00:01", "GET /a", 20)];
    let answered = definition(Measure::Answered { target: None }, Group::Nothing);
    assert_eq!(
        lines(&counted(&answered, None, &events)),
        [("all", [2, 1, 5_000].map(Some).to_vec())]
    );
    let interaction = definition(
        Measure::Interaction {
            on: Transaction::parse("GET /a").unwrap(),
            within: None,
            in_browser: false,
        },
        Group::Nothing,
    );
    assert_eq!(
        lines(&counted(&interaction, None, &events)),
        [("all", [2, 20, 20, 20, 20].map(Some).to_vec())]
    );
}

#[test]
fn refused_attempts_to_sign_in_are_counted_with_their_share() {
    let sign_in = definition(Measure::SignIn, Group::Organisation);
    let attempt = |outcome| {
        let mut event = request("lake", "ann", "10:00:00", "ann@lake.example", 1);
        event.action = Action::SignIn;
        event.outcome = outcome;
        event
    };
    let events = [
        attempt(Outcome::Refused),
        attempt(Outcome::Done),
        attempt(Outcome::Done),
        request("lake", "ann", "10:00:00", "GET /a", 1),
    ];
    assert_eq!(
        lines(&counted(&sign_in, None, &events)),
        [("lake", [3, 1, 3_333].map(Some).to_vec())]
    );
}

#[test]
fn a_sheet_quotes_what_needs_it_and_no_cell_is_a_formula() {
    let mut report = counted(
        &definition(Measure::Answered { target: None }, Group::Person),
        None,
        &[request("lake", "ann", "10:00:00", "GET /a", 1)],
    );
    report.lines[0].label = "=cmd(\"x\"),y".to_owned();
    assert_eq!(
        csv(&report),
        "person,Requests,Failed,Answered (%)\r\n\"'=cmd(\"\"x\"\"),y\",1,0,100.00\r\n"
    );
}

#[test]
fn a_picture_has_a_bar_and_a_figure_for_each_line_and_no_markup_of_a_label() {
    let mut report = counted(
        &definition(Measure::Use, Group::Organisation),
        None,
        &[
            request("lake", "ann", "10:00:00", "GET /a", 1),
            request("hill", "bob", "10:00:00", "GET /a", 1),
        ],
    );
    report.lines[0].label = "<b>&\"".to_owned();
    let svg = picture(&report).unwrap();
    assert_eq!(svg.matches("<rect").count(), 2);
    assert!(svg.contains("&lt;b&gt;&amp;&quot;") && !svg.contains("<b>"));
    report.lines.truncate(1);
    assert_eq!(picture(&report), None);
}

#[test]
fn an_answer_that_is_the_askers_own_fault_is_an_answer() {
    let mut absent = request("lake", "ann", "10:00:00", "GET /a", 20);
    (absent.outcome, absent.status) = (Outcome::Failed, Some(404));
    let answered = definition(Measure::Answered { target: None }, Group::Nothing);
    assert_eq!(
        lines(&counted(&answered, None, &[absent])),
        [("all", [1, 0, 10_000].map(Some).to_vec())]
    );
}

/// The platform's start, with when its newest entry before was made.
fn start(time: &str, before: &str) -> Event {
    let mut event =
        request("lake", "avouch", time, START, 1).with(BEFORE, format!("2026-11-22T{before}Z"));
    (event.tenant, event.who) = (None, Actor::platform());
    (event.action, event.status) = (Action::System, None);
    event
}

#[test]
fn a_minute_is_lost_when_half_of_it_failed_or_nothing_ran_and_one_nobody_asked_in_is_not_counted() {
    let available = definition(Measure::Available { target: 9_950 }, Group::Nothing);
    let failed = |time| {
        let mut event = request("lake", "ann", time, "GET /a", 1);
        (event.outcome, event.status) = (Outcome::Failed, Some(503));
        event
    };
    let mut check = request("lake", "check", "10:09:00", "GET /a", 1);
    check.who.role = Role::Synthetic;
    let events = [
        request("lake", "ann", "10:00:00", "GET /a", 1),
        request("lake", "ann", "10:01:00", "GET /a", 1),
        failed("10:01:30"),
        failed("10:02:00"),
        request("lake", "ann", "10:02:10", "GET /a", 1),
        request("lake", "ann", "10:02:20", "GET /a", 1),
        request("hill", "bob", "10:04:00", "GET /a", 1),
        start("10:07:05", "10:05:50"),
        check,
    ];
    // 10:01 by half, 10:05 to 10:07 because nothing ran.
    assert_eq!(
        lines(&counted(&available, None, &events)),
        [("all", [8, 4, 5_000].map(Some).to_vec())]
    );
    assert_eq!(
        lines(&counted(&available, Some("hill"), &events)),
        [("all", [4, 3, 2_500].map(Some).to_vec())]
    );
}

#[test]
fn a_stop_over_midnight_counts_on_both_days_as_far_as_it_reaches_into_each() {
    let available = definition(Measure::Available { target: 9_950 }, Group::Nothing);
    let stop = start("00:01:30", "00:00:00").with(BEFORE, "2026-11-21T23:50:00Z");
    assert_eq!(
        lines(&counted(&available, None, &[stop])),
        [("all", [2, 2, 0].map(Some).to_vec())]
    );
}

#[test]
fn use_is_counted_by_locality_and_what_states_none_stands_by_itself() {
    let use_by = definition(Measure::Use, Group::Locality);
    let mut north = request("lake", "ann", "10:00:00", "GET /a", 1);
    north.locality = "north".to_owned();
    let events = [north, request("lake", "bob", "10:00:00", "GET /a", 1)];
    let report = counted(&use_by, None, &events);
    assert_eq!(report.headings()[0], "Locality");
    let labels: Vec<&str> = lines(&report).iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, ["none stated", "north"]);
}
