//! With whom of the supplier's people an organisation shares its trail, and until when.
//!
//! A share is with an email address, whether or not somebody signs in with it: so sharing tells nobody whose addresses the
//! supplier's people have. Each row is sealed, so that one which was written behind Avouch's back shares nothing. One that is over shares nothing
//! either, so putting an old one back brings at most what was shared anyway. By which time one is over is [`Core::latest`]'s to
//! say: a clock that is set back opens none again.
//!
//! [`Core::latest`]: super::state::Core::latest

use avouch_keyring::Secret;
use avouch_statement::TenantId;
use avouch_store::{Store, micros, timestamp};
use aws_lc_rs::hmac;
use jiff::Timestamp;

use crate::fail::Fail;

const PART: &str = "shares";
const SCHEMA: &str = "create table share (tenant text not null, person text not null, since integer not null, \
                      until integer not null, seal blob not null, primary key (tenant, person)) strict, without rowid";

/// One address with which somebody of the supplier's may read an organisation's trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Whose trail.
    pub tenant: TenantId,
    /// The email address of the supplier's person, in lower case.
    pub email: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What is shared with whom: read from the store each time, so that nothing else has to be taken back.
pub struct Shares(hmac::Key);

impl Shares {
    /// Makes room for them.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn open(store: &Store, key: &Secret<[u8; 32]>) -> Result<Self, Fail> {
        store
            .execute_schema(PART, SCHEMA)
            .await
            .map_err(|error| Fail::new("with whom trails are shared cannot be kept").from(error))?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose())))
    }

    /// What an organisation shares now.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn of(
        &self,
        store: &Store,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Vec<Share>, sqlx::Error> {
        let rows: Vec<(String, i64, i64, Vec<u8>)> =
            sqlx::query_as("select person, since, until, seal from share where tenant = $1")
                .bind(tenant.as_str())
                .fetch_all(store.readers())
                .await?;
        let shares = rows.into_iter().filter_map(|(email, since, until, seal)| {
            let share = Share {
                tenant: tenant.clone(),
                email,
                since: timestamp(since).ok()?,
                until: timestamp(until).ok()?,
            };
            let sound = hmac::verify(&self.0, &sealed(&share), &seal).is_ok();
            (sound && share.since <= now && now < share.until).then_some(share)
        });
        Ok(shares.collect())
    }

    /// Whether this person may read the organisation's trail now.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn hold(
        &self,
        store: &Store,
        (tenant, email): (&TenantId, &str),
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let (shares, email) = (self.of(store, tenant, now).await?, key(email));
        Ok(shares.iter().any(|share| share.email == email))
    }

    /// Shares a trail, in the place of what was shared with the same person before.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn begin(&self, store: &Store, share: Share) -> Result<(), sqlx::Error> {
        let seal = hmac::sign(&self.0, &sealed(&share));
        let mut work = store.write().await?;
        sqlx::query("insert or replace into share (tenant, person, since, until, seal) values ($1, $2, $3, $4, $5)")
            .bind(share.tenant.as_str())
            .bind(&share.email)
            .bind(micros(share.since))
            .bind(micros(share.until))
            .bind(seal.as_ref())
            .execute(&mut *work)
            .await?;
        work.commit().await
    }

    /// Shares a trail no longer: with one person, or with anybody.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn end(
        &self,
        store: &Store,
        tenant: &TenantId,
        email: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        let mut work = store.write().await?;
        sqlx::query("delete from share where tenant = $1 and ($2 is null or person = $2)")
            .bind(tenant.as_str())
            .bind(email.map(key))
            .execute(&mut *work)
            .await?;
        work.commit().await
    }
}

/// An address as it is compared.
pub fn key(email: &str) -> String {
    email.trim().to_ascii_lowercase()
}

fn sealed(share: &Share) -> Vec<u8> {
    let mut bytes = b"avouch/share/2".to_vec();
    for part in [share.tenant.as_str(), share.email.as_str()] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    for at in [share.since, share.until] {
        bytes.extend_from_slice(&micros(at).to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn a_trail_is_shared_until_its_end_or_until_it_is_taken_back_and_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).await.unwrap();
        let secret = Secret::new([7; 32]);
        let shares = Shares::open(&store, &secret).await.unwrap();
        let tenant: TenantId = "riverside".parse().unwrap();
        let share = |email: &str| Share {
            tenant: tenant.clone(),
            email: key(email),
            since: at(100),
            until: at(200),
        };
        for email in ["sam@a.test", "sue@a.test"] {
            shares.begin(&store, share(email)).await.unwrap();
        }
        let reads = async |email: &str, second| {
            let whose = (&tenant, email);
            shares.hold(&store, whose, at(second)).await.unwrap()
        };
        for (email, second, expected) in [
            ("sam@a.test", 99, false),
            ("sam@a.test", 100, true),
            ("Sam@A.test", 100, true),
            ("sam@a.test", 199, true),
            ("sam@a.test", 200, false),
            ("sid@a.test", 150, false),
        ] {
            assert_eq!(reads(email, second).await, expected, "{email} {second}");
        }
        shares
            .end(&store, &tenant, Some("Sam@a.test"))
            .await
            .unwrap();
        let left = shares.of(&store, &tenant, at(150)).await.unwrap();
        assert_eq!(left, [share("sue@a.test")]);

        let mut work = store.write().await.unwrap();
        sqlx::query("update share set until = until * 2")
            .execute(&mut *work)
            .await
            .unwrap();
        work.commit().await.unwrap();
        assert!(
            !reads("sue@a.test", 150).await,
            "a row that somebody else wrote shares nothing"
        );
        shares.begin(&store, share("sue@a.test")).await.unwrap();
        assert!(reads("sue@a.test", 150).await);
        shares.end(&store, &tenant, None).await.unwrap();
        assert!(!reads("sue@a.test", 150).await);
    }
}
