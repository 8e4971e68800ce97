use std::{fs, path::Path};

use avouch_backup::{
    job::{self, Answer, JobError, Outcome, Spec},
    retention::{Grade, Rule, SnapshotId, TooEarly},
    schedule::At,
    source::Source,
};
use avouch_statement::{Length, Unit};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::password;

pub async fn sql(path: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut c = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut c).await.unwrap();
    c.close().await.unwrap();
}

async fn backup(home: &Path, name: &str, taken: &str) -> Outcome {
    let staged = home.join(name);
    let source = Source::Sqlite {
        path: home.join("live.db"),
    };
    let taken: jiff::Timestamp = taken.parse().unwrap();
    job::run(
        Spec::Snapshot {
            source,
            into: staged.clone(),
            taken,
        },
        None,
        None,
    )
    .await
    .unwrap();
    let spec = Spec::Store {
        staged,
        repository: home.join("repository").into(),
        owner: "riverside".to_owned(),
        source: "tenant-data".to_owned(),
        day: taken.to_zoned(jiff::tz::TimeZone::UTC).date(),
        grades: vec![Grade::Daily],
    };
    job::run(spec, Some(&password()), None).await.unwrap()
}

async fn started() -> TempDir {
    let home = TempDir::new().unwrap();
    sql(
        &home.path().join("live.db"),
        "create table assessment (id integer primary key, staff integer); insert into assessment values (1, 4), (2, 5);",
    )
    .await;
    home
}

#[tokio::test]
async fn a_backup_says_how_much_was_read_and_how_much_changed() {
    let home = started().await;
    let Outcome::Stored {
        rows,
        changes,
        snapshot,
    } = backup(home.path(), "s1", "2026-01-05T04:00:00Z").await
    else {
        panic!("not stored");
    };
    assert_eq!((rows, changes), (2, None));
    assert!(snapshot.bytes > 0, "{snapshot:?}");
    let Outcome::Stored { changes, .. } = backup(home.path(), "s2", "2026-01-06T04:00:00Z").await
    else {
        panic!("not stored");
    };
    assert_eq!(
        changes.unwrap().rows,
        0,
        "an unchanged source is shown as such"
    );
    sql(
        &home.path().join("live.db"),
        "update assessment set staff = 6 where id = 2; insert into assessment values (3, 3);",
    )
    .await;
    let Outcome::Stored { changes, rows, .. } =
        backup(home.path(), "s3", "2026-01-07T04:00:00Z").await
    else {
        panic!("not stored");
    };
    assert_eq!((changes.unwrap().rows, rows), (2, 3));
}

#[tokio::test]
async fn a_restore_is_compared_and_asked_its_questions() {
    let home = started().await;
    let Outcome::Stored { snapshot, .. } = backup(home.path(), "s1", "2026-01-05T04:00:00Z").await
    else {
        panic!("not stored");
    };
    let restored = home.path().join("restored");
    let repository = home.path().join("repository");
    let spec = Spec::Restore {
        repository: repository.into(),
        snapshot: snapshot.id.clone(),
        into: restored.clone(),
    };
    job::run(spec, Some(&password()), None).await.unwrap();
    let compare = || Spec::Compare {
        restored: restored.clone(),
        manifest: snapshot.label.manifest.clone(),
        expect: vec!["select count(*) > 0 from assessment".to_owned()],
        engine: None,
    };
    let Outcome::Compared(compared) = job::run(compare(), None, None).await.unwrap() else {
        panic!("not compared")
    };
    assert!(
        compared.sound() && compared.rows == 2 && compared.expected.len() == 1,
        "{compared:?}"
    );

    sql(&restored.join("data/live.db"), "delete from assessment").await;
    let Outcome::Compared(compared) = job::run(compare(), None, None).await.unwrap() else {
        panic!("not compared")
    };
    assert!(
        !compared.sound() && !compared.differences.is_empty() && !compared.expected[0].1,
        "{compared:?}"
    );
}

#[tokio::test]
async fn an_examination_reads_everything_and_tries_the_encryption() {
    let home = started().await;
    backup(home.path(), "s1", "2026-01-05T04:00:00Z").await;
    let repository = home.path().join("repository");
    let examine = |name: &str| Spec::Examine {
        repository: repository.clone().into(),
        scratch: home.path().join(name),
        settled: None,
    };
    let Outcome::Examined(seen) = job::run(examine("x1"), Some(&password()), None)
        .await
        .unwrap()
    else {
        panic!("not examined")
    };
    assert_eq!(
        (seen.findings.len(), seen.readable.clone(), seen.searched),
        (0, None, seen.objects),
        "{seen:?}"
    );
    assert!(
        seen.other_key_refused
            && seen.markers == 4
            && seen.snapshots.len() == 1
            && seen.flips.tried > 0
            && seen.flips.refused == seen.flips.tried,
        "{seen:?}"
    );

    let before = job::fingerprint(&repository).unwrap().0;
    assert_eq!(job::fingerprint(&repository).unwrap().0, before);
    fs::write(
        repository.join("data/leak"),
        "create table a; owner=riverside",
    )
    .unwrap();
    assert_ne!(
        job::fingerprint(&repository).unwrap().0,
        before,
        "whatever changes is noticed"
    );
    let Outcome::Examined(seen) = job::run(examine("x2"), Some(&password()), None)
        .await
        .unwrap()
    else {
        panic!("not examined")
    };
    assert_eq!(seen.readable.as_deref(), Some("data/leak"));
}

#[tokio::test]
async fn a_job_deletes_what_is_due_and_refuses_what_is_not() {
    let home = started().await;
    let first = backup(home.path(), "s1", "2026-01-05T04:00:00Z").await;
    let second = backup(home.path(), "s2", "2026-01-19T04:00:00Z").await;
    let (
        Outcome::Stored {
            snapshot: first, ..
        },
        Outcome::Stored {
            snapshot: second, ..
        },
    ) = (first, second)
    else {
        panic!("not stored");
    };
    let prune = |only: Option<SnapshotId>| Spec::Prune {
        repository: home.path().join("repository").into(),
        source: "tenant-data".to_owned(),
        rule: Rule {
            daily: Length::new(14, Unit::Day),
            weekly: None,
            monthly: None,
        },
        at: At::parse("04:00 UTC").unwrap(),
        now: "2026-01-19T04:01:00Z".parse().unwrap(),
        verified: vec![first.id.clone(), second.id.clone()],
        only,
    };
    let refused = job::run(prune(Some(second.id.clone())), Some(&password()), None)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, JobError::TooEarly(TooEarly::Kept { .. })),
        "{}",
        refused.chain()
    );
    let Outcome::Pruned { removed, left } = job::run(prune(None), Some(&password()), None)
        .await
        .unwrap()
    else {
        panic!("not pruned");
    };
    assert_eq!((removed, left.len()), (vec![first.id.clone()], 1));
}

#[tokio::test]
async fn a_stage_that_was_cut_off_leaves_nothing_that_is_listed() {
    let home = started().await;
    let staged = home.path().join("cut");
    fs::create_dir_all(staged.join("data")).unwrap();
    fs::write(staged.join("data/live.db"), b"SQLite format 3\0 half").unwrap();
    let spec = Spec::Store {
        staged,
        repository: home.path().join("repository").into(),
        owner: "riverside".to_owned(),
        source: "tenant-data".to_owned(),
        day: "2026-01-05".parse().unwrap(),
        grades: vec![Grade::Daily],
    };
    let refused = job::run(spec, Some(&password()), None).await.unwrap_err();
    assert!(
        matches!(refused, JobError::Source(_)),
        "{}",
        refused.chain()
    );
    assert!(!home.path().join("repository/snapshots").exists());
}

#[tokio::test]
async fn a_job_without_its_key_does_nothing_and_says_so() {
    let home = TempDir::new().unwrap();
    let answer: Answer = job::run(
        Spec::List {
            repository: home.path().join("r").into(),
        },
        None,
        None,
    )
    .await
    .into();
    let Answer::Failed { message, retry, .. } = answer else {
        panic!("it ran")
    };
    assert_eq!(
        (message.as_str(), retry),
        (
            "this job opens a repository and was given no key for it",
            false
        )
    );
}
