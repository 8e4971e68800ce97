//! To which site or unit within a tenant each person belongs, as an administrator of the machine said.
//!
//! Every event of a person says it. Each row is sealed, so that one which was written behind Avouch's back says nothing.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use avouch_keyring::Secret;
use avouch_store::Store;
use aws_lc_rs::hmac;

use crate::fail::Fail;

const PART: &str = "localities";
const SCHEMA: &str = "create table locality (person text primary key, name text not null, seal blob not null) strict, without rowid";
/// Characters of a locality's name.
const LONGEST: usize = 80;

/// The name of a site or unit; the empty one takes back what was said.
pub struct Locality(String);

impl Locality {
    /// Reads it.
    ///
    /// # Errors
    /// If that is no name; the sentence says why.
    pub fn read(typed: &str) -> Result<Self, Fail> {
        let name = typed.trim();
        if name.chars().count() > LONGEST || name.chars().any(char::is_control) {
            return Err(Fail::new(format!(
                "a locality has at most {LONGEST} letters, on one line"
            )));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who belongs where.
pub struct Localities {
    known: RwLock<HashMap<String, String>>,
    seal: hmac::Key,
}

impl Localities {
    /// Reads them.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open(store: &Store, key: &Secret<[u8; 32]>) -> Result<Self, Fail> {
        let unread = || Fail::new("the localities of people cannot be read");
        store
            .execute_schema(PART, SCHEMA)
            .await
            .map_err(|error| unread().from(error))?;
        let rows: Vec<(String, String, Vec<u8>)> =
            sqlx::query_as("select person, name, seal from locality")
                .fetch_all(store.readers())
                .await
                .map_err(|error| unread().from(error))?;
        let seal = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let known = rows
            .into_iter()
            .filter(|(person, name, kept)| hmac::verify(&seal, &sealed(person, name), kept).is_ok())
            .map(|(person, name, _)| (person, name))
            .collect();
        Ok(Self {
            known: RwLock::new(known),
            seal,
        })
    }

    /// Where this person belongs; empty if nobody said.
    pub fn of(&self, person: &str) -> String {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(person).cloned().unwrap_or_default()
    }

    /// Forgets where people belonged whose accounts are gone.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn tidy(&self, store: &Store) -> Result<(), sqlx::Error> {
        let mut work = store.write().await?;
        sqlx::query("delete from locality where person not in (select id from person)")
            .execute(&mut *work)
            .await?;
        let left: Vec<String> = sqlx::query_scalar("select person from locality")
            .fetch_all(&mut *work)
            .await?;
        work.commit().await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|person, _| left.contains(person));
        Ok(())
    }

    /// Says where a person belongs from now on.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn set(
        &self,
        store: &Store,
        person: &str,
        locality: &Locality,
    ) -> Result<(), sqlx::Error> {
        let name = locality.as_str();
        let mut work = store.write().await?;
        if name.is_empty() {
            sqlx::query("delete from locality where person = $1")
                .bind(person)
                .execute(&mut *work)
                .await?;
        } else {
            let seal = hmac::sign(&self.seal, &sealed(person, name));
            sqlx::query("insert or replace into locality (person, name, seal) values ($1, $2, $3)")
                .bind(person)
                .bind(name)
                .bind(seal.as_ref())
                .execute(&mut *work)
                .await?;
        }
        work.commit().await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if name.is_empty() {
            known.remove(person);
        } else {
            known.insert(person.to_owned(), name.to_owned());
        }
        Ok(())
    }
}

fn sealed(person: &str, name: &str) -> Vec<u8> {
    let mut bytes = b"avouch/locality/1".to_vec();
    for part in [person, name] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_locality_is_remembered_taken_back_and_not_believed_from_anybody_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).await.unwrap();
        let key = Secret::new([7; 32]);
        let localities = Localities::open(&store, &key).await.unwrap();
        for (person, name) in [("ann", " Ward 3 "), ("bob", "Ward 4"), ("bob", "")] {
            let name = Locality::read(name).unwrap();
            localities.set(&store, person, &name).await.unwrap();
        }
        assert_eq!(
            (localities.of("ann").as_str(), localities.of("bob").as_str()),
            ("Ward 3", "")
        );
        for wrong in ["two\nlines".to_owned(), "x".repeat(81)] {
            assert!(Locality::read(&wrong).is_err());
        }
        let again = Localities::open(&store, &key).await.unwrap();
        assert_eq!(again.of("ann"), "Ward 3");

        let mut work = store.write().await.unwrap();
        sqlx::query("update locality set name = 'Ward 9'")
            .execute(&mut *work)
            .await
            .unwrap();
        work.commit().await.unwrap();
        let altered = Localities::open(&store, &key).await.unwrap();
        assert_eq!(altered.of("ann"), "");
        again.tidy(&store).await.unwrap();
        assert_eq!(again.of("ann"), "", "nobody has that account");
    }
}
