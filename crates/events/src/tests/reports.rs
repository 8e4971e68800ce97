//! Reports, from the index and from the ledger.

use super::*;
use crate::report::{
    Checks, Definition, Every, Group, Measure, Period, Readers, Wanted, indexed as made, recorded,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_report_from_the_index_is_the_one_from_the_ledger_and_a_changed_index_is_seen() {
    let place = place();
    for second in 0..20 {
        let mut event = opened(
            if second % 3 == 0 {
                "hillside"
            } else {
                "riverside"
            },
            "1",
            second,
        );
        event.status = Some(200);
        place.recorder.record(event).await.unwrap();
    }
    let definition = Definition {
        name: "use".parse().unwrap(),
        title: "Use".to_owned(),
        measure: Measure::Use,
        group: Group::Organisation,
        every: Every::Day,
        readers: Readers::EachOrganisation,
        to: Vec::new(),
    };
    let now = Timestamp::from_second(1_767_225_700).unwrap();
    let period = Period::of(Every::Day, now);
    let opener = Opener::new(place.keyring.clone(), place.streams.clone());
    let reader = place.ledger.reader();
    let path = place.folder.path().join("report.db");
    let index = indexed(&place, "report.db").await;
    for tenant in [None, Some(tenant("hillside"))] {
        let wanted = Wanted {
            definition: &definition,
            period,
            tenant: tenant.as_ref(),
            checks: Checks::LeftOut,
        };
        let from_ledger = recorded(&reader, &opener, &[wanted], 2..18, now).unwrap();
        let from_index = made(&index, &wanted, Some(2..18), now).await.unwrap();
        assert_eq!(from_index, from_ledger[0]);
        assert_eq!(
            from_ledger[0].lines.len(),
            if wanted.tenant.is_some() { 1 } else { 2 }
        );
    }
    let everybodys = Wanted {
        definition: &definition,
        period,
        tenant: None,
        checks: Checks::LeftOut,
    };
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    sqlx::query("update event set kind = kind + 128 where number = 5")
        .execute(&pool)
        .await
        .unwrap();
    let from_ledger = recorded(&reader, &opener, &[everybodys], 0..20, now).unwrap();
    let from_index = made(&index, &everybodys, Some(0..20), now).await.unwrap();
    assert_ne!(from_index, from_ledger[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_reports_of_one_reading_of_the_ledger_are_those_that_the_index_gives_one_by_one() {
    let place = place();
    for second in 0..12 {
        let whose = ["riverside", "hillside"][second as usize % 2];
        let mut event = opened(whose, "1", second);
        event.status = Some(if second == 3 { 502 } else { 200 });
        place.recorder.record(event).await.unwrap();
    }
    let now = Timestamp::from_second(1_767_225_700).unwrap();
    let measures = [
        (Measure::Use, Group::Organisation),
        (Measure::Answered { target: None }, Group::Nothing),
        (Measure::Available { target: 9_900 }, Group::Nothing),
    ];
    let definitions = measures.map(|(measure, group)| Definition {
        name: "one".parse().unwrap(),
        title: "One".to_owned(),
        measure,
        group,
        every: Every::Day,
        readers: Readers::EachOrganisation,
        to: Vec::new(),
    });
    let (hillside, period) = (tenant("hillside"), Period::of(Every::Day, now));
    let wanted: Vec<Wanted> = definitions
        .iter()
        .flat_map(|definition| [(definition, None), (definition, Some(&hillside))])
        .map(|(definition, tenant)| Wanted {
            definition,
            period,
            tenant,
            checks: Checks::LeftOut,
        })
        .collect();
    let index = indexed(&place, "several.db").await;
    let (reader, opener) = (place.ledger.reader(), place.opener());
    let together = recorded(&reader, &opener, &wanted, 0..12, now).unwrap();
    for (report, wanted) in together.iter().zip(&wanted) {
        assert!(report.all() > 0);
        let alone = made(&index, wanted, None, now).await.unwrap();
        assert_eq!(*report, alone);
    }
}
