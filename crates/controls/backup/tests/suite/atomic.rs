use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use avouch_backup::{
    manifest::Difference,
    source::{self, Damage, Source, SourceError},
};
use sqlx::{
    Connection, Executor, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tempfile::TempDir;

const TOTAL: i64 = 1_000_000;

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(false);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Two tables whose amounts always add up to the same, and a journal with one row for each transfer.
async fn accounts(path: &Path) {
    let mut c = connect(path).await;
    c.execute(
        "create table a (id integer primary key, amount integer not null);
         create table b (id integer primary key, amount integer not null);
         create table transfer (id integer primary key, ward integer references ward (id), note text, ratio real, raw blob);
         create table ward (id integer primary key);
         create table tally (transfers integer not null);
         insert into a values (1, 1000000); insert into b values (1, 0); insert into tally values (0);
         pragma user_version = 7;",
    )
    .await
    .unwrap();
    c.close().await.unwrap();
}

async fn scalar(path: &Path, sql: &'static str) -> i64 {
    let mut c = connect(path).await;
    let value = sqlx::query_scalar(sql).fetch_one(&mut c).await.unwrap();
    c.close().await.unwrap();
    value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_while_amounts_move_is_of_one_instant() {
    let home = TempDir::new().unwrap();
    let database = home.path().join("live.db");
    accounts(&database).await;
    let stop = Arc::new(AtomicBool::new(false));
    let moved = Arc::new(AtomicU64::new(0));
    let writer = tokio::spawn({
        let (stop, moved, database) = (Arc::clone(&stop), Arc::clone(&moved), database.clone());
        async move {
            let mut c = connect(&database).await;
            while !stop.load(Ordering::Relaxed) {
                let mut t = c.begin_with("begin immediate").await.unwrap();
                let n = i64::try_from(moved.load(Ordering::Relaxed) % 97 + 1).unwrap();
                sqlx::query("update a set amount = amount - ?1")
                    .bind(n)
                    .execute(&mut *t)
                    .await
                    .unwrap();
                sqlx::query(
                    "insert into transfer (note, ratio, raw) values ('moved', 0.1, x'00ff')",
                )
                .execute(&mut *t)
                .await
                .unwrap();
                sqlx::query("update b set amount = amount + ?1")
                    .bind(n)
                    .execute(&mut *t)
                    .await
                    .unwrap();
                sqlx::query("update tally set transfers = transfers + 1")
                    .execute(&mut *t)
                    .await
                    .unwrap();
                t.commit().await.unwrap();
                moved.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let mut seen = 0;
    for n in 0..5 {
        let before = moved.load(Ordering::Relaxed);
        while moved.load(Ordering::Relaxed) < before + 20 {
            tokio::task::yield_now().await;
        }
        let into = home.path().join(format!("stage{n}"));
        let taken = "2026-01-05T04:00:00Z".parse().unwrap();
        let manifest = source::stage(
            &Source::Sqlite {
                path: database.clone(),
            },
            &into,
            taken,
        )
        .await
        .unwrap();
        let copy = into.join("data/live.db");
        assert_eq!(
            scalar(
                &copy,
                "select (select sum(amount) from a) + (select sum(amount) from b)"
            )
            .await,
            TOTAL
        );
        let transfers = scalar(&copy, "select count(*) from transfer").await;
        assert_eq!(
            scalar(&copy, "select transfers from tally").await,
            transfers,
            "counts of one instant"
        );
        let tables = &manifest.databases["live.db"].tables;
        assert_eq!(tables.len(), 5, "all tables");
        assert_eq!(i64::try_from(tables["transfer"].rows).unwrap(), transfers);
        assert!(transfers > seen, "each copy is of a later instant");
        seen = transfers;
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test]
async fn a_restored_copy_that_differs_in_one_value_is_told_apart() {
    let home = TempDir::new().unwrap();
    let database = home.path().join("live.db");
    accounts(&database).await;
    let taken = "2026-01-05T04:00:00Z".parse().unwrap();
    let stage = home.path().join("stage");
    let manifest = source::stage(&Source::Sqlite { path: database }, &stage, taken)
        .await
        .unwrap();
    assert_eq!(
        source::read(&stage.join("manifest.json")).unwrap(),
        manifest
    );
    let data = stage.join("data");
    assert_eq!(
        manifest.compare(&source::survey(&data, taken).await.unwrap()),
        vec![]
    );

    scalar(
        &data.join("live.db"),
        "update a set amount = 999999 returning amount",
    )
    .await;
    let restored = source::survey(&data, taken).await.unwrap();
    let found = manifest.compare(&restored);
    assert!(
        found.contains(&Difference::Table {
            file: "live.db".to_owned(),
            table: "a".to_owned()
        }),
        "{found:?}"
    );
    assert!(
        source::expect(&data.join("live.db"), "select count(*) = 1 from a")
            .await
            .unwrap()
    );
    assert!(
        !source::expect(&data.join("live.db"), "select sum(amount) = 1000000 from a")
            .await
            .unwrap()
    );
    assert!(
        source::expect(&data.join("live.db"), "select 1 from nothing")
            .await
            .is_err()
    );
    assert!(
        source::expect(&data.join("live.db"), "delete from a")
            .await
            .is_err(),
        "a question changes nothing"
    );
    assert_eq!(restored.changes_since(&manifest).rows, 1);

    scalar(&data.join("live.db"), "delete from a returning 1").await;
    let found = manifest.compare(&source::survey(&data, taken).await.unwrap());
    assert!(
        found.contains(&Difference::Rows {
            file: "live.db".to_owned(),
            table: "a".to_owned(),
            was: 1,
            is: 0
        }),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_damaged_database_does_not_pass_for_a_backup() {
    let home = TempDir::new().unwrap();
    let database = home.path().join("live.db");
    accounts(&database).await;
    scalar(
        &database,
        "insert into transfer (ward) values (404) returning 1",
    )
    .await;
    let taken = "2026-01-05T04:00:00Z".parse().unwrap();
    let refused = source::stage(
        &Source::Sqlite { path: database },
        &home.path().join("s"),
        taken,
    )
    .await
    .unwrap_err();
    assert!(
        matches!(
            refused,
            SourceError::Damaged {
                damage: Damage::ForeignKeys(1),
                ..
            }
        ),
        "{refused}"
    );
    assert!(
        !home.path().join("s/manifest.json").exists(),
        "what has no manifest is not a backup"
    );
}

#[tokio::test]
async fn a_source_that_is_not_there_is_an_error_and_not_an_empty_backup() {
    let home = TempDir::new().unwrap();
    let taken = "2026-01-05T04:00:00Z".parse().unwrap();
    for source in [
        Source::Sqlite {
            path: home.path().join("none.db"),
        },
        Source::Files {
            path: home.path().join("none"),
            skip: vec![],
            last: vec![],
        },
    ] {
        let refused = source::stage(&source, &home.path().join("s"), taken)
            .await
            .unwrap_err();
        assert!(matches!(refused, SourceError::Absent(_)), "{refused}");
        fs::remove_dir_all(home.path().join("s")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_takes_anothers_name_meanwhile_spoils_no_backup() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("core");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("kept"), b"kept").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let renamed = Arc::new(AtomicU64::new(0));
    let writer = std::thread::spawn({
        let (stop, renamed, folder) = (Arc::clone(&stop), Arc::clone(&renamed), folder.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                fs::create_dir_all(folder.join("passing")).unwrap();
                for name in ["checkpoint", "passing/one"] {
                    let next = folder.join(format!("{name}.next"));
                    fs::write(&next, b"whole").unwrap();
                    fs::rename(&next, folder.join(name)).unwrap();
                }
                fs::remove_dir_all(folder.join("passing")).unwrap();
                renamed.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let source = Source::Files {
        path: folder,
        skip: vec![],
        last: vec![],
    };
    let mut run = 0;
    while renamed.load(Ordering::Relaxed) < 200 || run < 50 {
        run += 1;
        let into = home.path().join(format!("stage{run}"));
        let taken = "2026-01-05T04:00:00Z".parse().unwrap();
        let manifest = source::stage(&source, &into, taken).await.unwrap();
        assert!(manifest.files.contains_key("kept"));
        fs::remove_dir_all(&into).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

#[tokio::test]
async fn a_folder_is_copied_with_each_database_in_it_as_one_and_without_what_is_skipped() {
    let home = TempDir::new().unwrap();
    let core = home.path().join("core");
    fs::create_dir_all(core.join("ledger")).unwrap();
    fs::create_dir_all(core.join("run")).unwrap();
    fs::write(core.join("ledger/journal"), b"0123456789").unwrap();
    fs::write(core.join("run/pid"), b"1").unwrap();
    accounts(&core.join("store.db")).await;
    // A writer that is still connected leaves its log beside the database.
    let mut open = connect(&core.join("store.db")).await;
    open.execute("insert into ward values (1)").await.unwrap();
    assert!(core.join("store.db-wal").exists());
    let source = Source::Files {
        path: core,
        skip: vec!["run".to_owned()],
        last: vec!["ledger".to_owned()],
    };
    let into = home.path().join("stage");
    let manifest = source::stage(&source, &into, "2026-01-05T04:00:00Z".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(
        manifest.files.keys().collect::<Vec<_>>(),
        ["ledger/journal", "store.db"]
    );
    assert_eq!(
        manifest.databases["store.db"].tables["ward"].rows, 1,
        "what is still in the log is in the copy"
    );
    assert_eq!(manifest.databases["store.db"].user_version, 7);
    open.close().await.unwrap();
}
