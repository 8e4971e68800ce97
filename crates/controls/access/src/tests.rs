//! The rules of access, tried against a real store.

mod accounts;
mod approvals;
mod custody;
mod guessing;
mod second_factor;
mod sessions;
mod settings;
mod sign_in;
mod synthetic;

use super::*;
use avouch_keyring::{Keyring, Secret, Source};
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const HOST: &str = "riverside.acuity.localhost";
const CLIENT: &str = "192.0.2.7";
/// The mark of the browser that these tests sit at.
const BROWSER: StateDigest = StateDigest([3; 32]);
const STRANGER: &str = "203.0.113.9";

pub(crate) struct World {
    _folder: tempfile::TempDir,
    pub(crate) access: Access,
}

pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(crate) fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

pub(crate) fn some_session(at: Timestamp) -> Session {
    let person = Person {
        id: PersonId::new("1"),
        email: String::new(),
        name: String::new(),
        role: Role::Member,
        tenant: Some(tenant("riverside")),
        synthetic: true,
        nominated_by: String::new(),
        nominated_at: at,
        disabled: None,
        signed_in: None,
        second_factor: None,
        entrusted: None,
        intact: true,
    };
    crate::sessions::Opening::of(&person, [0; 16], HOST, at, at).into_session()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(None).await
    }

    /// With a second factor demanded.
    async fn with(second_factor: Option<SecondFactor>) -> Self {
        Self::made(second_factor, false).await
    }

    /// The same, where each organisation alone decides who reads its trail or not.
    async fn made(second_factor: Option<SecondFactor>, custody: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).await.unwrap();
        for (number, name) in ["riverside", "hillside"].into_iter().enumerate() {
            let mut work = store.write().await.unwrap();
            sqlx::query("insert into tenant (id, name, uid, created, status) values ($1, $1, $2, 0, 'active')")
                .bind(name)
                .bind(number as i64)
                .execute(&mut *work)
                .await
                .unwrap();
            work.commit().await.unwrap();
        }
        let settings = Settings {
            length: 12,
            session: Limits {
                idle: minutes(30),
                absolute: SignedDuration::from_hours(12),
            },
            lockout: Lockout {
                failures: 10,
                within: minutes(15),
            },
            second_factor,
            reach: None,
            custody,
        };
        let keys = Source::File {
            path: folder.path().join("master.key"),
        };
        let keyring = Keyring::unlock(&folder.path().join("keys"), &keys).unwrap();
        let access = Access::open(store, settings, &Secret::new([7; 32]), Arc::new(keyring))
            .await
            .unwrap();
        Self {
            _folder: folder,
            access,
        }
    }

    async fn person(&self, email: &str, role: Role, of: Option<&str>) -> (Person, Password) {
        let new = NewPerson {
            email: email.into(),
            name: "Sam Example".into(),
            role,
            tenant: of.map(tenant),
        };
        self.access.set_up(new, noon()).await.unwrap()
    }

    async fn member(&self) -> (Person, Password) {
        self.person("sam@trust.example", Role::Member, Some("riverside"))
            .await
    }

    async fn try_sign_in(
        &self,
        email: &str,
        password: &str,
        client: &str,
        now: Timestamp,
    ) -> Result<SignedIn, Refusal> {
        let password = Secret::new(password.to_owned());
        let tried = self.access.sign_in(email, &password, client, now).await;
        tried.unwrap().map(|tried| match tried {
            Tried::In(signed_in) => signed_in,
            Tried::Half { .. } => panic!("a second factor is wanted"),
        })
    }

    async fn signed_in(&self, person: &(Person, Password)) -> SignedIn {
        self.try_sign_in(&person.0.email, person.1.expose(), CLIENT, noon())
            .await
            .unwrap()
    }

    async fn session(&self, signed_in: &SignedIn, host: &str) -> NewSession {
        let code = self.code(signed_in, host).await;
        self.enter(&code, host, noon()).await.unwrap()
    }

    /// A code at noon, for the browser that these tests sit at.
    async fn code(&self, signed_in: &SignedIn, host: &str) -> Secret<String> {
        let pass = self.access.pass(signed_in, host, noon()).await.unwrap();
        let code = self.access.code(&pass, host, &BROWSER, noon()).await;
        code.unwrap().unwrap()
    }

    /// Hands a code in from that browser.
    async fn enter(
        &self,
        code: &Secret<String>,
        host: &str,
        now: Timestamp,
    ) -> Result<NewSession, Turned> {
        self.access
            .enter(code, host, Some(&BROWSER), None, now)
            .await
            .unwrap()
    }

    async fn lives(&self, new: &NewSession, host: &str, now: Timestamp) -> bool {
        self.access
            .resolve(&TokenDigest::of(new.token.expose()), host, now)
            .await
            .unwrap()
            .is_some()
    }

    async fn administrator(&self, email: &str, role: Role, of: Option<&str>) -> Administrator {
        let person = self.person(email, role, of).await;
        let signed_in = self.signed_in(&person).await;
        let session = self
            .session(&signed_in, "console.acuity.localhost")
            .await
            .session;
        self.access.administrator(&session).unwrap()
    }

    /// Changes the store as somebody would who can write its file.
    async fn behind_our_back(&self, sql: &'static str) {
        let mut work = self.access.store.write().await.unwrap();
        sqlx::query(sql).execute(&mut *work).await.unwrap();
        work.commit().await.unwrap();
    }
}
