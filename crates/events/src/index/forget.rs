//! Taking out of the index what is taken out of the ledger.

use jiff::Timestamp;

use super::{HOUR, Index, IndexError, terms};

/// Events taken out by one transaction at most.
const BATCH: i64 = 2_000;

impl Index {
    /// Takes out every event that happened before, while the ledger can still open it; gives how many. To be called
    /// before the ledger forgets them: terms can be taken out only by who knows them.
    ///
    /// # Errors
    /// If the index cannot be written or the ledger not read.
    pub async fn forget(&self, before: Timestamp) -> Result<u64, IndexError> {
        let _taking = self.0.taking.lock().await;
        let mut forgotten = 0;
        loop {
            let old: Vec<i64> =
                sqlx::query_scalar("select number from event where at < $1 order by at limit $2")
                    .bind(before.as_microsecond())
                    .bind(BATCH)
                    .fetch_all(&self.pool())
                    .await?;
            if old.is_empty() {
                break;
            }
            let rows = self.opened(old.clone()).await?;
            if rows.len() < old.len() {
                // Somebody was quicker in the ledger: what is left of the words is known to nobody.
                self.renew().await?;
                return Ok(forgotten + old.len() as u64);
            }
            let words: Vec<_> = rows
                .iter()
                .map(|row| (row.index, terms::of_event(&row.event)))
                .collect();
            let words = serde_json::to_string(&words)?;
            let mut transaction = self.pool().begin_with("begin immediate").await?;
            for statement in [
                "insert into words (words, rowid, terms) select 'delete', value ->> 0, value ->> 1 from json_each($1)",
                "delete from event where number in (select value ->> 0 from json_each($1))",
            ] {
                sqlx::query(statement)
                    .bind(&words)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            forgotten += old.len() as u64;
        }
        if forgotten > 0 {
            self.tidy(before).await?;
        }
        Ok(forgotten)
    }

    /// Begins anew from the ledger, of which nothing is left here: [`Index::follow`] fills it again.
    ///
    /// # Errors
    /// If the file cannot be removed or made.
    pub async fn begin_anew(&self) -> Result<(), IndexError> {
        let _taking = self.0.taking.lock().await;
        self.renew().await
    }

    /// When the oldest event in it happened; `None` if it has none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn oldest(&self) -> Result<Option<Timestamp>, IndexError> {
        let micros: Option<i64> = sqlx::query_scalar("select min(at) from event")
            .fetch_one(&self.pool())
            .await?;
        Ok(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    /// Counts and names that nothing is left of.
    async fn tidy(&self, before: Timestamp) -> Result<(), IndexError> {
        sqlx::query("delete from tally where (hour + 1) * $2 <= $1")
            .bind(before.as_microsecond())
            .bind(HOUR)
            .execute(&self.pool())
            .await?;
        for statement in [
            "delete from person where id not in (select person from event)",
            "delete from tenant where id not in (select tenant from event where tenant is not null)",
            "pragma wal_checkpoint(truncate)",
        ] {
            sqlx::query(statement).execute(&self.pool()).await?;
        }
        Ok(())
    }
}
