//! What is remembered of drills.

use avouch_store::micros;
use jiff::Timestamp;

use super::{RecordError, Records, from_json, json};
use crate::drill::{Drill, Verdict};

impl Records {
    /// A name for a drill that begins at `started` which no other has: several may begin within a millisecond.
    pub(crate) async fn drill_name(&self, started: Timestamp) -> Result<String, RecordError> {
        let mut number = started.as_millisecond();
        loop {
            let name = format!("d{number}");
            let taken: Option<i64> = sqlx::query_scalar("select 1 from backup_drill where id = $1")
                .bind(&name)
                .fetch_optional(self.store.readers())
                .await?;
            if taken.is_none() {
                return Ok(name);
            }
            number += 1;
        }
    }

    /// Notes a drill.
    pub(crate) async fn add_drill(
        &self,
        drill: &Drill,
        verdict: &Verdict,
    ) -> Result<(), RecordError> {
        let mut write = self.store.write().await?;
        sqlx::query("insert into backup_drill (id, owner, started, verdict, record) values ($1, $2, $3, $4, $5)")
            .bind(&drill.id)
            .bind(&drill.owner)
            .bind(micros(drill.started))
            .bind(json(verdict)?)
            .bind(json(drill)?)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// The drills of an owner, newest first.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn drills(&self, owner: &str) -> Result<Vec<(Drill, Verdict)>, RecordError> {
        let sql = "select record, verdict from backup_drill where owner = $1 order by started desc, rowid desc";
        let rows = sqlx::query(sql)
            .bind(owner)
            .fetch_all(self.store.readers())
            .await?;
        rows.iter()
            .map(|row| Ok((from_json(row, "record")?, from_json(row, "verdict")?)))
            .collect()
    }
}
