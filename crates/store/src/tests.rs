use super::*;
use std::os::unix::fs::PermissionsExt as _;

const TENANT: &str =
    "insert into tenant (id, name, uid, created, status) values ($1, 'A trust', $2, 0, 'active')";

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
    (folder, store)
}

async fn tenants(store: &Store) -> i64 {
    sqlx::query_scalar("select count(*) from tenant")
        .fetch_one(store.readers())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening_and_what_was_dropped_is_not() {
    let (_folder, store) = store().await;
    let mut kept = store.write().await.unwrap();
    sqlx::query(TENANT)
        .bind("riverside")
        .bind(1)
        .execute(&mut *kept)
        .await
        .unwrap();
    kept.commit().await.unwrap();
    let mut dropped = store.write().await.unwrap();
    sqlx::query(TENANT)
        .bind("hillside")
        .bind(2)
        .execute(&mut *dropped)
        .await
        .unwrap();
    drop(dropped);
    store.close().await;
    let again = Store::open(store.path()).await.unwrap();
    assert_eq!(tenants(&again).await, 1);
}

#[tokio::test]
async fn the_file_is_private_durable_and_keeps_its_references() {
    let (_folder, store) = store().await;
    assert_eq!(
        std::fs::metadata(store.path())
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    let mut work = store.write().await.unwrap();
    let pragmas: (String, i64, i64) = (
        sqlx::query_scalar("pragma journal_mode")
            .fetch_one(&mut *work)
            .await
            .unwrap(),
        sqlx::query_scalar("pragma synchronous")
            .fetch_one(&mut *work)
            .await
            .unwrap(),
        sqlx::query_scalar("pragma foreign_keys")
            .fetch_one(&mut *work)
            .await
            .unwrap(),
    );
    assert_eq!(pragmas, ("wal".to_owned(), 2, 1));
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let (_folder, store) = store().await;
    let refused = sqlx::query(TENANT)
        .bind("riverside")
        .bind(1)
        .execute(store.readers())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
}

#[tokio::test]
async fn readers_then_writers_from_many_tasks_all_succeed() {
    let (_folder, store) = store().await;
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for step in 0..10 {
                    let mut work = store.write().await.unwrap();
                    let _: i64 = sqlx::query_scalar("select count(*) from tenant")
                        .fetch_one(&mut *work)
                        .await
                        .unwrap();
                    let number = task * 10 + step;
                    sqlx::query(TENANT)
                        .bind(format!("t{number}"))
                        .bind(number)
                        .execute(&mut *work)
                        .await
                        .unwrap();
                    work.commit().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(tenants(&store).await, 80);
}

#[tokio::test]
async fn another_process_can_copy_the_live_file_while_a_write_is_open() {
    let (folder, store) = store().await;
    let mut committed = store.write().await.unwrap();
    sqlx::query(TENANT)
        .bind("riverside")
        .bind(1)
        .execute(&mut *committed)
        .await
        .unwrap();
    committed.commit().await.unwrap();
    let mut open = store.write().await.unwrap();
    sqlx::query(TENANT)
        .bind("hillside")
        .bind(2)
        .execute(&mut *open)
        .await
        .unwrap();

    let copy = folder.path().join("copy.db");
    let mut other =
        sqlx::SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(store.path()))
            .await
            .unwrap();
    sqlx::query("vacuum into $1")
        .bind(copy.to_str().unwrap())
        .execute(&mut other)
        .await
        .unwrap();
    drop(open);
    assert_eq!(tenants(&Store::open(&copy).await.unwrap()).await, 1);
}

#[tokio::test]
async fn a_file_from_a_newer_version_is_refused() {
    let (_folder, store) = store().await;
    let mut work = store.write().await.unwrap();
    sqlx::query("insert into migration values ('store', 99, '')")
        .execute(&mut *work)
        .await
        .unwrap();
    work.commit().await.unwrap();
    store.close().await;
    let refused = Store::open(store.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Newer { .. }), "{refused}");
}

#[tokio::test]
async fn another_crates_part_is_applied_once_whole_and_may_not_change_under_its_name() {
    let (_folder, store) = store().await;
    let sql = "create table thing (id integer primary key) strict; create table other (id integer primary key) strict;";
    store.execute_schema("things", sql).await.unwrap();
    store.execute_schema("things", sql).await.unwrap();
    let changed = store
        .execute_schema("things", "create table third (id integer)")
        .await
        .unwrap_err();
    assert!(matches!(changed, StoreError::Changed { .. }), "{changed}");

    let half = "create table fourth (id integer); create table thing (id integer);";
    let failed = store.execute_schema("more", half).await.unwrap_err();
    assert!(matches!(failed, StoreError::Migration { .. }), "{failed}");
    store
        .execute_schema("more, mended", "create table fourth (id integer)")
        .await
        .unwrap();
}

#[test]
fn a_time_survives_being_stored_to_the_microsecond() {
    let at: jiff::Timestamp = "2026-11-22T07:15:00.123456Z".parse().unwrap();
    assert_eq!(timestamp(micros(at)).unwrap(), at);
    assert!(matches!(timestamp(i64::MAX), Err(StoreError::NotATime(_))));
}

#[tokio::test]
async fn writing_goes_on_after_a_disk_was_full_and_has_room_again() {
    let (_folder, store) = store().await;
    // As long as this connection lives, the file may not grow: to SQLite that is a full disk.
    let mut first = store.write().await.unwrap();
    sqlx::query("create table much (bytes blob)")
        .execute(&mut *first)
        .await
        .unwrap();
    let pages: i64 = sqlx::query_scalar("pragma page_count")
        .fetch_one(&mut *first)
        .await
        .unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "pragma max_page_count = {pages}"
    )))
    .execute(&mut *first)
    .await
    .unwrap();
    first.commit().await.unwrap();

    let mut full = store.write().await.unwrap();
    let much = "insert into much values (zeroblob(1000000))";
    let failed = sqlx::query(much).execute(&mut *full).await.unwrap_err();
    assert!(failed.to_string().contains("full"), "{failed}");
    assert!(
        full.commit().await.is_err(),
        "SQLite has ended the transaction"
    );

    let mut again = store.write().await.unwrap();
    sqlx::query(much).execute(&mut *again).await.unwrap();
    again.commit().await.unwrap();
}
