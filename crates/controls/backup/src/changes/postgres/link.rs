//! A session with the server that is followed: what it is, where its log ends, and the slot by which it keeps the log.

use std::time::Duration;

use crate::{
    changes::ChangesError,
    settings::Server,
    source::postgres::{At, Session},
};

use super::Cluster;

/// What the server is, and whether it lets itself be followed.
const ABOUT: &str = "select current_setting('server_version_num')::int / 10000, pg_is_in_recovery(), \
    current_setting('wal_level'), pg_size_bytes(current_setting('wal_segment_size')), \
    coalesce(current_setting('max_slot_wal_keep_size', true), '-'), \
    (select rolreplication or rolsuper from pg_roles where rolname = current_user), \
    (select system_identifier from pg_control_system());";

/// Which of its histories it writes.
const TIMELINE: &str = "select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8);";

/// Bytes of all databases that may be asked.
const SIZE: &str = "select coalesce(sum(pg_database_size(oid)), 0) from pg_database \
    where has_database_privilege(oid, 'CONNECT');";

/// How often, and how many times, a process that sends through the slot is asked to end.
const FREE: Duration = Duration::from_millis(100);
const FREED: usize = 100;

/// A little that makes the server bring its log to the disk.
const NUDGE: &str = "select pg_logical_emit_message(true, 'avouch', '');";

/// The end of the server's log, and the slot, with how much is kept for it.
fn place_of(slot: &str) -> String {
    format!(
        "select pg_current_wal_insert_lsn() - '0/0', s.restart_lsn - '0/0', coalesce(s.wal_status, '') = 'lost' \
         from (select) one left join pg_replication_slots s on s.slot_name = '{slot}';"
    )
}

/// Where the server's log ends, and how much of it has come over.
pub(super) struct Places {
    /// The end of everything that any transaction had written, which is the end of a record.
    pub end: u64,
    /// Everything before this place has come over and is on the disk; none if the server keeps nothing by the slot.
    pub arrived: Option<u64>,
}

/// A session.
pub(super) struct Link {
    pub at: At,
    pub cluster: Cluster,
    session: Session,
    slot: String,
    database: String,
}

impl Link {
    /// Connects, and looks whether the server lets itself be followed.
    pub async fn open(server: &Server, slot: &str) -> Result<Self, ChangesError> {
        let database = &server.database;
        let failed = |source| ChangesError::Server {
            database: database.clone(),
            source,
        };
        let refused = |why: String| ChangesError::Refused {
            database: database.clone(),
            why,
        };
        let at = At::of(server).map_err(failed)?;
        let mut session = Session::connect(&at, database).await.map_err(failed)?;
        let said = session.ask(ABOUT).await.map_err(failed)?;
        let said: Vec<&str> = said.first().map_or("", String::as_str).split('|').collect();
        let &[version, standby, level, segment, keeps, may, system] = said.as_slice() else {
            return Err(refused("the server does not say what it is".to_owned()));
        };
        if standby != "f" {
            return Err(refused(
                "the server is a standby; name the one that is written to".to_owned(),
            ));
        }
        if may != "t" {
            return Err(refused(format!(
                "role `{user}` may not replicate; run `alter role {user} replication`, and let it in by a line \
                 `local replication {user} scram-sha-256` in pg_hba.conf",
                user = server.user
            )));
        }
        if level == "minimal" {
            return Err(refused(
                "its `wal_level` is `minimal`, so its log does not hold everything; set it to `replica` and start the server \
                 anew"
                    .to_owned(),
            ));
        }
        if matches!(keeps, "-" | "-1") {
            return Err(refused(
                "its `max_slot_wal_keep_size` bounds nothing (PostgreSQL 13 and later have it), so what waits for a follower \
                 that is away could fill its disk; set it, as in `alter system set max_slot_wal_keep_size = '10GB'`, and run \
                 `select pg_reload_conf()`"
                    .to_owned(),
            ));
        }
        let unread = || refused("the server does not say what its log is".to_owned());
        let segment = segment.parse().map_err(|_| unread())?;
        let timeline = session.ask(TIMELINE).await.map_err(failed)?;
        let timeline = timeline.first().map_or("", String::as_str);
        let timeline = u32::from_str_radix(timeline, 16).map_err(|_| unread())?;
        let cluster = Cluster {
            version: version.to_owned(),
            system: system.to_owned(),
            timeline,
            segment,
        };
        Ok(Self {
            at: at.of_version(version).map_err(failed)?,
            cluster,
            session,
            slot: slot.to_owned(),
            database: database.clone(),
        })
    }

    /// Where the log ends and how much has come over, now.
    pub async fn places(&mut self) -> Result<Places, ChangesError> {
        let said = self.one(&place_of(&self.slot)).await?;
        let said: Vec<&str> = said.split('|').collect();
        let &[end, arrived, lost] = said.as_slice() else {
            return Err(self.unclear());
        };
        Ok(Places {
            end: end.parse().map_err(|_| self.unclear())?,
            arrived: arrived.parse().ok().filter(|_| lost != "t"),
        })
    }

    /// Has nobody else send through the slot: who did so was ended, and has not noticed yet.
    pub async fn free(&mut self) -> Result<(), ChangesError> {
        let slot = &self.slot;
        let sql = format!(
            "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{slot}' \
             and active_pid is not null;"
        );
        for _ in 0..FREED {
            // It is asked again until nobody is left who was asked to end.
            if self.one(&sql).await?.is_empty() {
                break;
            }
            tokio::time::sleep(FREE).await;
        }
        Ok(())
    }

    /// Makes the slot.
    pub async fn make_slot(&mut self) -> Result<(), ChangesError> {
        let sql = format!(
            "select pg_create_physical_replication_slot('{}', true);",
            self.slot
        );
        self.session
            .ask(&sql)
            .await
            .map(drop)
            .map_err(self.failed())
    }

    /// Takes the slot away, if there is one.
    pub async fn drop_slot(&mut self) -> Result<(), ChangesError> {
        self.free().await?;
        let slot = &self.slot;
        let sql = format!(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{slot}';"
        );
        self.session
            .ask(&sql)
            .await
            .map(drop)
            .map_err(self.failed())
    }

    /// Makes the server bring all of its log to the disk, from where it is sent.
    pub async fn nudge(&mut self) -> Result<(), ChangesError> {
        self.session
            .ask(NUDGE)
            .await
            .map(drop)
            .map_err(self.failed())
    }

    /// Bytes of all its databases.
    pub async fn size(&mut self) -> Result<u64, ChangesError> {
        let said = self.one(SIZE).await?;
        said.parse().map_err(|_| self.unclear())
    }

    async fn one(&mut self, sql: &str) -> Result<String, ChangesError> {
        let said = self.session.ask(sql).await.map_err(self.failed())?;
        Ok(said.into_iter().next().unwrap_or_default())
    }

    pub fn failed(&self) -> impl Fn(crate::source::SourceError) -> ChangesError + use<> {
        let database = self.database.clone();
        move |source| ChangesError::Server {
            database: database.clone(),
            source,
        }
    }

    fn unclear(&self) -> ChangesError {
        ChangesError::Refused {
            database: self.database.clone(),
            why: "the server does not say where its log ends".to_owned(),
        }
    }
}
