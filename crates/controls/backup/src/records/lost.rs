//! Forgetting what went with a machine.

use super::{RecordError, Records};

impl Records {
    /// Forgets every backup at a destination that is no more; how many there were.
    ///
    /// # Errors
    ///
    /// If the store refuses.
    pub async fn lost(&self, destination: &str) -> Result<u64, RecordError> {
        let mut write = self.store.write().await?;
        let mut forgotten = 0;
        for (statement, counts) in [
            ("delete from backup_snapshot where destination = $1", true),
            (
                "delete from backup_examination where destination = $1",
                false,
            ),
            ("delete from backup_reading where destination = $1", false),
            ("delete from backup_room where destination = $1", false),
            ("delete from backup_changes where destination = $1", false),
            ("delete from backup_followed where destination = $1", false),
        ] {
            let done = sqlx::query(statement)
                .bind(destination)
                .execute(&mut *write)
                .await?;
            forgotten += if counts { done.rows_affected() } else { 0 };
        }
        write.commit().await?;
        Ok(forgotten)
    }
}
