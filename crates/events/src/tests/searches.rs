//! Every question that can be asked of the index.

use super::*;

pub(super) async fn various(place: &Place) {
    let mut first = opened("riverside", "17", 10);
    first.locality = "ward 3".to_owned();
    first.source = "10.1.2.3".to_owned();
    first.session = "5e55".to_owned();
    place.recorder.record(first).await.unwrap();
    let second = Event::new(
        Timestamp::from_second(1_767_225_600 + 20).unwrap(),
        Actor::local_root(),
        Action::Administration,
        "tenant add",
        Outcome::Failed,
    )
    .because("the name is taken")
    .with("name", "Zürich Klinik")
    .from("local");
    place.recorder.record(second).await.unwrap();
    let mut third = opened("hillside", "18", 30);
    third.who.role = Role::Synthetic;
    third.outcome = Outcome::Refused;
    place.recorder.record(third).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_be_asked_for_finds_its_event_and_no_other() {
    let place = place();
    various(&place).await;
    let index = indexed(&place, "events.db").await;
    let text = |text: &str| Some(text.to_owned());
    let at = |second: i64| Timestamp::from_second(1_767_225_600 + second).ok();
    let all = Query::default;
    for (query, expected) in [
        (all(), vec![2, 1, 0]),
        (
            Query {
                who: text("ANN@riv"),
                ..all()
            },
            vec![0],
        ),
        (
            Query {
                who: text("p1"),
                ..all()
            },
            vec![2, 0],
        ),
        (
            Query {
                who: text("n%@"),
                ..all()
            },
            vec![],
        ),
        (
            Query {
                action: text("administration"),
                ..all()
            },
            vec![1],
        ),
        (
            Query {
                outcome: text("refused"),
                ..all()
            },
            vec![2],
        ),
        (
            Query {
                subject: text("17"),
                ..all()
            },
            vec![0],
        ),
        (
            Query {
                subject: text("1"),
                ..all()
            },
            vec![],
        ),
        (
            Query {
                source: text("10.1.2.3"),
                ..all()
            },
            vec![0],
        ),
        (
            Query {
                locality: text("ward 3"),
                ..all()
            },
            vec![0],
        ),
        (
            Query {
                session: text("5e55"),
                ..all()
            },
            vec![0],
        ),
        (
            Query {
                words: text("zÜRich"),
                ..all()
            },
            vec![1],
        ),
        (
            Query {
                words: text("NAME taken"),
                ..all()
            },
            vec![1],
        ),
        (
            Query {
                words: text("/wards/"),
                ..all()
            },
            vec![2, 0],
        ),
        (
            Query {
                words: text("ward 3"),
                ..all()
            },
            vec![0],
        ),
        (
            Query {
                words: text("taken wards"),
                ..all()
            },
            vec![],
        ),
        (
            Query {
                words: text("-- '\" *"),
                ..all()
            },
            vec![2, 1, 0],
        ),
        (
            Query {
                without_checks: true,
                ..all()
            },
            vec![1, 0],
        ),
        (
            Query {
                tenant: Some(None),
                ..all()
            },
            vec![1],
        ),
        (
            Query {
                tenant: Some(text("hillside")),
                ..all()
            },
            vec![2],
        ),
        (
            Query {
                from: at(20),
                ..all()
            },
            vec![2, 1],
        ),
        (
            Query {
                until: at(20),
                ..all()
            },
            vec![0],
        ),
        (
            Query {
                from: at(11),
                until: at(20),
                ..all()
            },
            vec![],
        ),
        (
            Query {
                from: at(20),
                words: text("wards"),
                ..all()
            },
            vec![2],
        ),
        (
            Query {
                before: Some(2),
                words: text("wards"),
                ..all()
            },
            vec![0],
        ),
    ] {
        let query = Query { limit: 10, ..query };
        let page = index.search(&query).await.unwrap();
        let found: Vec<u64> = page.rows.iter().map(|row| row.index).collect();
        assert_eq!(found, expected, "{query:?}");
        assert!(page.total >= found.len() as u64);
    }
}
