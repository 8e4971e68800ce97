//! The end of a tenant's people: accounts, sessions, and what was counted against their addresses.

use crate::{Access, AccessError, PersonId, endings, throttle};
use avouch_statement::TenantId;

impl Access {
    /// Ends every session of a tenant's people and deletes their accounts; gives how many there were.
    ///
    /// # Errors
    /// If the store fails; everybody is then as they were.
    pub async fn erase(&self, tenant: &TenantId) -> Result<u64, AccessError> {
        let mut work = self.store.write().await?;
        let people: Vec<(String, String)> =
            sqlx::query_as("select id, email from person where tenant = $1")
                .bind(tenant.as_str())
                .fetch_all(&mut *work)
                .await?;
        let mut ended = Vec::new();
        for (id, email) in &people {
            ended.extend(endings::of_person(&mut work, &PersonId::new(id)).await?);
            throttle::forget(&mut work, email).await?;
        }
        for statement in [
            "delete from person where tenant = $1",
            "delete from refused_address where tenant = $1",
        ] {
            sqlx::query(statement)
                .bind(tenant.as_str())
                .execute(&mut *work)
                .await?;
        }
        self.commit(work).await?;
        self.tell(&ended).await;
        Ok(people.len() as u64)
    }
}
