//! Which records are somebody's own or their family's, as was said for their account: for the review of access.
//!
//! No number is kept, only a keyed mark of it, so that the list says nothing to whoever reads the store. Each row is
//! sealed, so that one which was written behind Avouch's back says nothing either.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use avouch_audit::review::Tie;
use avouch_keyring::Secret;
use avouch_statement::TenantId;
use avouch_store::Store;
use aws_lc_rs::hmac;

use crate::fail::Fail;

const PART: &str = "ties";
const SCHEMA: &str = "create table tie (tenant text not null, person text not null, kind text not null, mark blob not null, \
                      seal blob not null, primary key (tenant, mark, person, kind)) strict, without rowid";

/// A keyed digest of whose record it is.
type Mark = Vec<u8>;

/// Who is tied to which records.
pub struct Ties {
    known: RwLock<HashMap<Mark, Vec<(String, Tie)>>>,
    key: hmac::Key,
}

impl Ties {
    /// Reads them.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open(store: &Store, key: &Secret<[u8; 32]>) -> Result<Self, Fail> {
        let unread = || Fail::new("whose records are whose cannot be read");
        store
            .execute_schema(PART, SCHEMA)
            .await
            .map_err(|error| unread().from(error))?;
        let rows: Vec<(String, String, String, Mark, Vec<u8>)> =
            sqlx::query_as("select tenant, person, kind, mark, seal from tie")
                .fetch_all(store.readers())
                .await
                .map_err(|error| unread().from(error))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let mut known: HashMap<Mark, Vec<(String, Tie)>> = HashMap::new();
        for (tenant, person, kind, mark, seal) in rows {
            let bytes = joined(b"avouch/tie/1", &[&tenant, &person, &kind], &mark);
            let tie = Tie::ALL.into_iter().find(|tie| tie.word() == kind);
            if let (Ok(()), Some(tie)) = (hmac::verify(&key, &bytes, &seal), tie) {
                known.entry(mark).or_default().push((person, tie));
            }
        }
        Ok(Self {
            known: RwLock::new(known),
            key,
        })
    }

    /// How a person is tied to whose record it is. Everybody's own record is a colleague's to the others.
    pub fn of(&self, tenant: &TenantId, person: &str, subject: &str) -> Vec<Tie> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let stated = known.get(&self.mark(tenant, subject));
        let mut ties = Vec::new();
        for (whose, tie) in stated.into_iter().flatten() {
            let tie = match (whose == person, tie) {
                (true, tie) => *tie,
                (false, Tie::Own) => Tie::Colleague,
                (false, _) => continue,
            };
            if !ties.contains(&tie) {
                ties.push(tie);
            }
        }
        ties
    }

    /// Says which records are a person's own and which their family's; what was said before is forgotten.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn set(
        &self,
        store: &Store,
        (tenant, person): (&TenantId, &str),
        stated: &[(Tie, String)],
    ) -> Result<(), sqlx::Error> {
        let mut work = store.write().await?;
        sqlx::query("delete from tie where person = $1")
            .bind(person)
            .execute(&mut *work)
            .await?;
        let mut rows = Vec::new();
        for (tie, subject) in stated {
            let mark = self.mark(tenant, subject);
            let bytes = joined(
                b"avouch/tie/1",
                &[tenant.as_str(), person, tie.word()],
                &mark,
            );
            sqlx::query("insert or replace into tie (tenant, person, kind, mark, seal) values ($1, $2, $3, $4, $5)")
                .bind(tenant.as_str())
                .bind(person)
                .bind(tie.word())
                .bind(&mark)
                .bind(hmac::sign(&self.key, &bytes).as_ref())
                .execute(&mut *work)
                .await?;
            rows.push((mark, *tie));
        }
        work.commit().await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, ties| {
            ties.retain(|(whose, _)| whose != person);
            !ties.is_empty()
        });
        for (mark, tie) in rows {
            known
                .entry(mark)
                .or_default()
                .push((person.to_owned(), tie));
        }
        Ok(())
    }

    /// Forgets what was said for a tenant's people.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn erase(&self, store: &Store, tenant: &TenantId) -> Result<(), sqlx::Error> {
        let people: Vec<String> =
            sqlx::query_scalar("select distinct person from tie where tenant = $1")
                .bind(tenant.as_str())
                .fetch_all(store.readers())
                .await?;
        for person in people {
            self.set(store, (tenant, &person), &[]).await?;
        }
        Ok(())
    }

    fn mark(&self, tenant: &TenantId, subject: &str) -> Mark {
        let bytes = joined(b"avouch/tie-mark/1", &[tenant.as_str(), subject], &[]);
        hmac::sign(&self.key, &bytes).as_ref().to_vec()
    }
}

fn joined(what: &[u8], parts: &[&str], last: &[u8]) -> Vec<u8> {
    let mut bytes = what.to_vec();
    for part in parts.iter().map(|part| part.as_bytes()).chain([last]) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ties_are_known_by_their_marks_and_believed_of_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).await.unwrap();
        let key = Secret::new([7; 32]);
        let ties = Ties::open(&store, &key).await.unwrap();
        let (riverside, hillside): (TenantId, TenantId) =
            ("riverside".parse().unwrap(), "hillside".parse().unwrap());
        let stated = [
            (Tie::Own, "9434765919".to_owned()),
            (Tie::Family, "9990000018".to_owned()),
        ];
        ties.set(&store, (&riverside, "ann"), &stated)
            .await
            .unwrap();
        ties.set(&store, (&riverside, "bob"), &[]).await.unwrap();
        let again = Ties::open(&store, &key).await.unwrap();
        for ties in [&ties, &again] {
            for (tenant, person, subject, expected) in [
                (&riverside, "ann", "9434765919", vec![Tie::Own]),
                (&riverside, "ann", "9990000018", vec![Tie::Family]),
                (&riverside, "bob", "9434765919", vec![Tie::Colleague]),
                (&riverside, "bob", "9990000018", vec![]),
                (&hillside, "bob", "9434765919", vec![]),
            ] {
                assert_eq!(
                    ties.of(tenant, person, subject),
                    expected,
                    "{person} {subject}"
                );
            }
        }
        let file = std::fs::read(folder.path().join("store.db")).unwrap();
        let log = std::fs::read(folder.path().join("store.db-wal")).unwrap_or_default();
        let kept = [file, log].concat();
        assert!(!kept.windows(10).any(|part| part == b"9434765919"));

        let mut work = store.write().await.unwrap();
        sqlx::query("update tie set person = 'bob'")
            .execute(&mut *work)
            .await
            .unwrap();
        work.commit().await.unwrap();
        let altered = Ties::open(&store, &key).await.unwrap();
        assert_eq!(altered.of(&riverside, "bob", "9434765919"), []);
        again.erase(&store, &riverside).await.unwrap();
        ties.set(&store, (&riverside, "ann"), &[]).await.unwrap();
        assert_eq!(ties.of(&riverside, "ann", "9434765919"), []);
    }
}
