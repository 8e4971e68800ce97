//! Sessions: a token for one host, of which only the digest is kept, and two limits on its life.

use crate::{
    Access, AccessError, Ended, Person, endings,
    people::{Account, Seals, account_columns},
    random,
    sign_in::SignInId,
};
use avouch_keyring::Secret;
use avouch_store::{micros, timestamp};
use jiff::{SignedDuration, Timestamp};
use sqlx::{Row as _, Sqlite, Transaction, sqlite::SqliteRow};

/// Use is written down at most this often; until then a session seems idle for longer than it is, never for less.
const NOTED: SignedDuration = SignedDuration::from_secs(60);

/// A time this far ahead of ours is taken for two clocks that differ slightly, not for a clock that went back.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// SHA-256 of a session's token as it stands in the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest(pub [u8; 32]);

impl TokenDigest {
    /// The digest of a token.
    pub fn of(token: &str) -> Self {
        Self(random::digest(token))
    }
}

/// A live session: who, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub person: Person,
    /// The host it is good at.
    pub host: String,
    /// When its sign-in was.
    pub created: Timestamp,
    /// When the second factor was last shown in it.
    pub verified: Option<Timestamp>,
    last_used: Timestamp,
    ends: Option<Timestamp>,
    sign_in: SignInId,
}

/// A session that has just been opened, with the token that is told this once.
#[derive(Debug)]
pub struct NewSession {
    /// For the cookie.
    pub token: Secret<String>,
    /// Whose it is.
    pub session: Session,
}

/// How long a session may go unused, and how long it may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Unused for this long, it ends.
    pub idle: SignedDuration,
    /// This long after its sign-in, it ends.
    pub absolute: SignedDuration,
}

/// Whether a session still lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// It does.
    Yes,
    /// It was not used for too long.
    Idle,
    /// Its sign-in was too long ago.
    Old,
    /// It was created or used in what our clock says is the future.
    ClockDoubt,
}

/// Judges a session's age by both limits; an equal age has reached the limit.
#[must_use]
pub fn fresh(created: Timestamp, last_used: Timestamp, now: Timestamp, limits: Limits) -> Fresh {
    let (age, unused) = (now.duration_since(created), now.duration_since(last_used));
    if age < -SKEW || unused < -SKEW {
        Fresh::ClockDoubt
    } else if age >= limits.absolute {
        Fresh::Old
    } else if unused >= limits.idle {
        Fresh::Idle
    } else {
        Fresh::Yes
    }
}

impl Access {
    /// The live session with this digest at this host (without its port), if there is one.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn resolve(
        &self,
        digest: &TokenDigest,
        host: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, AccessError> {
        let session = match self.cache.get(digest, now) {
            Some(session) => session,
            None => match self.read(digest, now).await? {
                Some(session) => session,
                None => return Ok(None),
            },
        };
        let ended = session.ends.is_some_and(|ends| now >= ends);
        let freshness = fresh(
            session.created,
            session.last_used,
            now,
            self.settings.session,
        );
        if ended || freshness != Fresh::Yes || session.host != host || !session.person.is_open() {
            return Ok(None);
        }
        // A session from before the statement demanded a second factor.
        if session.verified.is_none() && self.demands(&session.person) {
            return Ok(None);
        }
        self.note_use(digest, &session, now).await;
        Ok(Some(session))
    }

    /// The session that this was, at whatever host and even past its limits: for the audit trail, never for letting anybody
    /// in. `None` if it was ended by an act.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn was(
        &self,
        digest: &TokenDigest,
        now: Timestamp,
    ) -> Result<Option<Session>, AccessError> {
        self.read(digest, now).await
    }

    /// Ends every sign-in of the person whose session this is, on every host and in every browser, with every pass and
    /// code still under way.
    ///
    /// # Errors
    /// If the store fails; the sessions then still live.
    pub async fn sign_out(&self, session: &Session) -> Result<(), AccessError> {
        let mut work = self.store.write().await?;
        let ended = endings::of_person(&mut work, &session.person.id).await?;
        self.commit(work).await?;
        self.tell(&ended).await;
        Ok(())
    }

    /// Clears away what has ended: sessions past their limits, codes an hour old, failures beyond every window, and guests
    /// whose check was cut short.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn tidy(&self, now: Timestamp) -> Result<(), AccessError> {
        let old = micros(now - self.settings.session.absolute);
        let mut work = self.store.write().await?;
        let rows = sqlx::query(concat!(
            "delete from session where created <= $1 or ends <= $2",
            endings::returning!()
        ))
        .bind(old)
        .bind(micros(now))
        .fetch_all(&mut *work)
        .await?;
        let ended = Ended::read_all(&rows)?;
        for (sql, before) in [
            (
                "delete from code where expires <= $1",
                micros(now - SignedDuration::from_hours(1)),
            ),
            (
                "delete from person where synthetic = 1 and password is not null and nominated_at <= $1",
                micros(now - SignedDuration::from_hours(1)),
            ),
            ("delete from halfway where expires <= $1", micros(now)),
            (
                "delete from failure where at <= $1",
                micros(now - self.settings.lockout.within * 2),
            ),
            (
                "delete from refused_address where at <= $1",
                micros(now - crate::accounts::REFUSALS_WITHIN),
            ),
        ] {
            sqlx::query(sql).bind(before).execute(&mut *work).await?;
        }
        self.commit(work).await?;
        self.tell(&ended).await;
        Ok(())
    }

    async fn read(
        &self,
        digest: &TokenDigest,
        now: Timestamp,
    ) -> Result<Option<Session>, AccessError> {
        let before = self.cache.generation();
        let row = sqlx::query(concat!(
            "select session.host, session.created, session.last_used, session.ends, session.sign_in, session.verified, ",
            account_columns!(),
            " from session join person on person.id = session.person where session.token_digest = $1"
        ))
        .bind(digest.0.as_slice())
        .fetch_optional(self.store.readers())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let session = session(&row, &self.seals)?;
        self.cache.put(*digest, &session, now, before);
        Ok(Some(session))
    }

    /// Writes down that the session was used now, if that was not done lately. A use that cannot be written down ends the
    /// session early, not late, so the request goes on.
    async fn note_use(&self, digest: &TokenDigest, session: &Session, now: Timestamp) {
        if now.duration_since(session.last_used) < NOTED || !self.cache.start_noting(*digest) {
            return;
        }
        let noted = async {
            let mut work = self.store.write().await?;
            sqlx::query(
                "update session set last_used = $2 where token_digest = $1 and last_used < $2",
            )
            .bind(digest.0.as_slice())
            .bind(micros(now))
            .execute(&mut *work)
            .await?;
            work.commit().await
        };
        let outcome = noted.await;
        self.cache.end_noting(digest);
        if let Err(error) = outcome {
            tracing::warn!(%error, "a session's use could not be written down");
        }
    }
}

/// A session about to be written.
pub(crate) struct Opening {
    session: Session,
}

impl Opening {
    /// At `host`, for a sign-in at `signed_in`, by whoever asks `now`.
    pub(crate) fn of(
        person: &Person,
        sign_in: SignInId,
        host: &str,
        signed_in: Timestamp,
        now: Timestamp,
    ) -> Self {
        let ends = person.synthetic.then(|| now + crate::synthetic::LIFE);
        let person = person.clone();
        Self {
            session: Session {
                person,
                host: host.to_owned(),
                created: signed_in,
                verified: None,
                last_used: now,
                ends,
                sign_in,
            },
        }
    }

    /// Last used earlier than now; for synthetic people only.
    pub(crate) fn unused_since(mut self, last_used: Timestamp) -> Self {
        self.session.last_used = last_used;
        self
    }

    /// With a second factor shown then.
    pub(crate) fn verified(mut self, at: Option<Timestamp>) -> Self {
        self.session.verified = at;
        self
    }

    #[cfg(test)]
    pub(crate) fn into_session(self) -> Session {
        self.session
    }

    pub(crate) async fn write(
        self,
        work: &mut Transaction<'static, Sqlite>,
    ) -> Result<NewSession, AccessError> {
        let (token, session) = (random::token()?, self.session);
        sqlx::query(
            "insert into session (token_digest, sign_in, person, host, created, last_used, ends, verified) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(random::digest(token.expose()).as_slice())
        .bind(session.sign_in.as_slice())
        .bind(session.person.id.as_str())
        .bind(&session.host)
        .bind(micros(session.created))
        .bind(micros(session.last_used))
        .bind(session.ends.map(micros))
        .bind(session.verified.map(micros))
        .execute(&mut **work)
        .await?;
        Ok(NewSession { token, session })
    }
}

fn session(row: &SqliteRow, seals: &Seals) -> Result<Session, AccessError> {
    let sign_in: Vec<u8> = row.try_get("sign_in")?;
    let ends: Option<i64> = row.try_get("ends")?;
    let verified: Option<i64> = row.try_get("verified")?;
    Ok(Session {
        person: Account::read(row, seals)?.person,
        host: row.try_get("host")?,
        created: timestamp(row.try_get("created")?)?,
        verified: verified.map(timestamp).transpose()?,
        last_used: timestamp(row.try_get("last_used")?)?,
        ends: ends.map(timestamp).transpose()?,
        sign_in: sign_in
            .try_into()
            .map_err(|_| AccessError::Corrupt { what: "a sign-in" })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_either_limit_is_reached() {
        let limits = Limits {
            idle: SignedDuration::from_mins(30),
            absolute: SignedDuration::from_hours(12),
        };
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let ago = |seconds: i64| now - SignedDuration::from_secs(seconds);
        for (created, last_used, judged) in [
            (0, 0, Fresh::Yes),
            (1_799, 1_799, Fresh::Yes),
            (1_800, 1_800, Fresh::Idle),
            (43_199, 0, Fresh::Yes),
            (43_200, 0, Fresh::Old),
            (43_200, 43_200, Fresh::Old),
            (-60, -60, Fresh::Yes),
            (-61, 0, Fresh::ClockDoubt),
            (0, -61, Fresh::ClockDoubt),
        ] {
            assert_eq!(
                fresh(ago(created), ago(last_used), now, limits),
                judged,
                "{created} {last_used}"
            );
        }
    }
}
