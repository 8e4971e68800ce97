use askama::Template;

use super::*;
use crate::store::Id;

#[derive(Template)]
#[template(path = "trend.svg", escape = "html")]
struct Picture {
    trend: Trend,
}

fn assessment(period: Period, women: [u8; 5], midwives: u8) -> Assessment {
    let id = Id::parse("1").unwrap();
    Assessment {
        id,
        period,
        counts: Counts { women, midwives },
        entered: 0,
        corrected: None,
    }
}

fn period(date: &str, number: u8) -> Period {
    Period::new(date.parse().unwrap(), number).unwrap()
}

#[test]
fn the_picture_is_drawn_as_it_was_looked_at() {
    let latest = [
        assessment(period("2026-11-22", 2), [0, 0, 0, 4, 0], 4),
        assessment(period("2026-11-22", 1), [1, 0, 0, 4, 0], 4),
        assessment(period("2026-11-21", 5), [0, 0, 0, 0, 4], 3),
        assessment(period("2026-11-21", 0), [1, 1, 1, 0, 0], 3),
        assessment(period("2026-11-01", 0), [99, 99, 99, 99, 99], 0),
    ];
    let drawn = Picture {
        trend: draw(&latest).unwrap(),
    }
    .render()
    .unwrap();
    assert_eq!(drawn.trim(), include_str!("expected.svg").trim());
}

#[test]
fn the_tallest_bar_and_its_letter_stay_inside_the_picture() {
    for midwives in [0, 99] {
        let women = if midwives == 0 { [99; 5] } else { [0; 5] };
        let trend = draw(&[assessment(period("2026-11-22", 2), women, midwives)]).unwrap();
        let bar = trend.bars.last().unwrap();
        assert!(bar.top >= TOP && bar.top + bar.height <= BOTTOM, "{bar:?}");
        assert!(bar.letter_at > 12 && bar.letter_at < HEIGHT - 16, "{bar:?}");
        assert!(bar.left + BAR <= WIDTH, "{bar:?}");
    }
}

#[test]
fn a_ward_without_assessments_has_no_picture() {
    assert!(draw(&[]).is_none());
}

#[test]
fn a_period_without_an_assessment_is_shown_as_missing_not_as_green() {
    let trend = draw(&[assessment(period("2026-11-22", 2), [0; 5], 1)]).unwrap();
    assert_eq!(trend.bars.len(), PERIODS);
    assert!(
        trend
            .bars
            .iter()
            .rev()
            .skip(1)
            .all(|bar| bar.status.is_none() && bar.class() == "acuity-bar--none")
    );
    assert!(
        trend
            .summary
            .ends_with("1 were green, 0 amber, 0 red and 11 not assessed."),
        "{}",
        trend.summary
    );
}
