use super::*;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn entry(period: u8, midwives: u8) -> Entry {
    let period = Period::new("2026-11-21".parse().unwrap(), period).unwrap();
    Entry {
        period,
        counts: Counts {
            women: [1, 2, 3, 4, 5],
            midwives,
        },
    }
}

async fn empty(folder: &tempfile::TempDir) -> Store {
    Store::open(folder.path(), 3).await.unwrap()
}

#[tokio::test]
async fn what_is_entered_is_read_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    let Kept::As(id) = store.enter(Ward(2), &entry(1, 4), now()).await.unwrap() else {
        panic!("was not kept")
    };
    store.close().await;
    let store = Store::open(folder.path(), 9).await.unwrap();
    let found = store.assessment(Ward(2), id).await.unwrap().unwrap();
    assert_eq!(
        (found.period, found.counts, found.corrected),
        (entry(1, 4).period, entry(1, 4).counts, None)
    );
    assert_eq!(
        store.wards().await.unwrap(),
        [Ward(1), Ward(2), Ward(3)],
        "wards are seeded once"
    );
}

#[tokio::test]
async fn a_ward_has_one_assessment_for_each_period() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    let Kept::As(first) = store.enter(Ward(1), &entry(1, 4), now()).await.unwrap() else {
        panic!("was not kept")
    };
    assert_eq!(
        store.enter(Ward(1), &entry(1, 5), now()).await.unwrap(),
        Kept::AlreadyThere(first)
    );
    assert!(
        matches!(
            store.enter(Ward(2), &entry(1, 5), now()).await.unwrap(),
            Kept::As(_)
        ),
        "another ward is free"
    );
}

#[tokio::test]
async fn a_correction_replaces_the_numbers_and_is_dated() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    let Kept::As(id) = store.enter(Ward(1), &entry(1, 4), now()).await.unwrap() else {
        panic!("was not kept")
    };
    assert_eq!(
        store
            .correct(Ward(1), id, &entry(1, 6), now())
            .await
            .unwrap(),
        Kept::As(id)
    );
    let found = store.assessment(Ward(1), id).await.unwrap().unwrap();
    assert_eq!(
        (found.counts.midwives, found.corrected),
        (6, Some(period::minute_of(now())))
    );
}

#[tokio::test]
async fn a_correction_cannot_take_another_assessments_period() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    let Kept::As(first) = store.enter(Ward(1), &entry(1, 4), now()).await.unwrap() else {
        panic!("was not kept")
    };
    let Kept::As(second) = store.enter(Ward(1), &entry(2, 4), now()).await.unwrap() else {
        panic!("was not kept")
    };
    assert_eq!(
        store
            .correct(Ward(1), second, &entry(1, 9), now())
            .await
            .unwrap(),
        Kept::AlreadyThere(first)
    );
    assert_eq!(
        store
            .assessment(Ward(1), second)
            .await
            .unwrap()
            .unwrap()
            .counts
            .midwives,
        4
    );
}

#[tokio::test]
async fn an_assessment_of_another_ward_looks_absent() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    let Kept::As(id) = store.enter(Ward(1), &entry(1, 4), now()).await.unwrap() else {
        panic!("was not kept")
    };
    assert_eq!(store.assessment(Ward(2), id).await.unwrap(), None);
    assert_eq!(
        store
            .correct(Ward(2), id, &entry(2, 4), now())
            .await
            .unwrap(),
        Kept::Absent
    );
    assert_eq!(
        store.enter(Ward(4), &entry(2, 4), now()).await.unwrap(),
        Kept::Absent,
        "and so does a fourth ward"
    );
}

#[tokio::test]
async fn every_table_is_strict_and_every_column_an_integer() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    let tables: Vec<(String, i64)> = sqlx::query_as("select name, strict from pragma_table_list where schema = 'main' and name not like 'sqlite_%'")
        .fetch_all(&store.readers)
        .await
        .unwrap();
    assert_eq!(tables.len(), 2);
    for (table, strict) in tables {
        assert_eq!(strict, 1, "{table} is strict");
        let columns: Vec<(String, String)> =
            sqlx::query_as("select name, type from pragma_table_info($1)")
                .bind(&table)
                .fetch_all(&store.readers)
                .await
                .unwrap();
        for (column, kind) in columns {
            assert_eq!(kind.to_ascii_uppercase(), "INTEGER", "{table}.{column}");
        }
    }
}

#[tokio::test]
async fn the_database_itself_refuses_anything_but_a_number_in_range() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    store.enter(Ward(1), &entry(1, 4), now()).await.unwrap();
    for value in [
        "'Jane Smith'",
        "'<b>'",
        "x'4a616e65'",
        "1.5",
        "'1.5'",
        "'2026-11-21'",
        "-1",
        "9007199254740992",
    ] {
        for column in [
            "id",
            "ward",
            "starts",
            "category_1",
            "category_2",
            "category_3",
            "category_4",
            "category_5",
            "midwives",
            "entered",
            "corrected",
        ] {
            let sql = sqlx::AssertSqlSafe(format!("update assessment set {column} = {value}"));
            assert!(
                sqlx::query(sql).execute(&store.writer).await.is_err(),
                "{column} took {value}"
            );
        }
    }
}

#[tokio::test]
async fn totals_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    store.enter(Ward(1), &entry(1, 4), now()).await.unwrap();
    store.enter(Ward(2), &entry(2, 5), now()).await.unwrap();
    let totals = store.totals().await.unwrap();
    assert_eq!(
        totals,
        Totals {
            wards: 3,
            assessments: 2,
            women: 30,
            midwives: 9
        }
    );
}

#[tokio::test]
async fn reading_connections_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    assert!(
        sqlx::query("delete from ward")
            .execute(&store.readers)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    sqlx::raw_sql("pragma user_version = 2")
        .execute(&store.writer)
        .await
        .unwrap();
    store.close().await;
    let refused = Store::open(folder.path(), 3).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Newer { found: 2, .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn somebody_elses_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = empty(&folder).await;
    sqlx::raw_sql("pragma user_version = 0")
        .execute(&store.writer)
        .await
        .unwrap();
    store.close().await;
    assert!(matches!(
        Store::open(folder.path(), 3).await,
        Err(StoreError::Foreign(_))
    ));
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Store::open(&folder.path().join("nowhere"), 3)
        .await
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("nowhere/acuity.db cannot be opened"),
        "{refused}"
    );
}

#[test]
fn numbers_in_addresses_are_plain() {
    assert_eq!(Ward::parse("12"), Some(Ward(12)));
    assert_eq!(Id::parse("9007199254740991"), Some(Id(MOST_ID)));
    for wrong in [
        "",
        "0",
        "01",
        "+1",
        "-1",
        "1.0",
        "1e3",
        " 1",
        "\u{ff11}",
        "one",
        "9007199254740992",
    ] {
        assert_eq!(Id::parse(wrong), None, "{wrong}");
    }
}
