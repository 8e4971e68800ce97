//! Signing in: an email address and its password, and one answer for everything that is wrong. Where there is a second
//! factor, or one is demanded, that is only half the way.

use crate::{
    Access, AccessError, Person, email, halfway,
    password::Match,
    people::{Account, account_columns},
    random,
    throttle::{self, Turn},
};
use avouch_keyring::Secret;
use jiff::Timestamp;

/// Proof of the right password, and of the second factor where there is one; one-time codes are made from it.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub person: Person,
    /// When, which is when the absolute limit begins.
    pub at: Timestamp,
    /// When the second factor was shown.
    pub(crate) verified: Option<Timestamp>,
    pub(crate) id: SignInId,
}

/// What the right password did.
#[derive(Debug, Clone)]
pub enum Tried {
    /// All that is needed.
    In(SignedIn),
    /// Half of it; the token leads on to the second factor.
    Half {
        /// Who.
        person: Person,
        /// For [`Access::halfway`]; it is told this once.
        token: Secret<String>,
    },
}

/// Groups the sessions of one sign-in, so that they end together.
pub(crate) type SignInId = [u8; 16];

/// Why a sign-in was refused: for the audit trail. Whoever tried gets one and the same answer to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such account, no password, a wrong password, or a closed account.
    Wrong,
    /// The account has had its share of failures.
    AccountThrottled,
    /// The client has had its share of failures, over all accounts.
    ClientThrottled,
}

impl Refusal {
    /// In a word, for an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::AccountThrottled => "account-throttled",
            Self::ClientThrottled => "client-throttled",
        }
    }
}

impl Access {
    /// Tries an address and a password from a client. An unknown address costs the same time as a known one.
    ///
    /// # Errors
    /// If the store fails, or a hash cannot be computed; a refusal is not an error.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &Secret<String>,
        client: &str,
        now: Timestamp,
    ) -> Result<Result<Tried, Refusal>, AccessError> {
        let turn = self.take_turn(email, client, now).await?;
        if turn == Turn::ClientFull {
            return Ok(Err(Refusal::ClientThrottled));
        }
        let stored = match turn {
            Turn::Taken => self.by_email(email).await?,
            _ => None,
        };
        let kept = stored
            .as_ref()
            .and_then(|account| account.password.as_ref())
            .map(|issued| issued.hash.as_str());
        let found = self.hasher.verify(kept, password).await?;
        let (Some(tried), Match::Yes | Match::Rehashed(_)) = (stored, &found) else {
            let refusal = if turn == Turn::Taken {
                Refusal::Wrong
            } else {
                Refusal::AccountThrottled
            };
            return Ok(Err(refusal));
        };
        let mut work = self.store.write().await?;
        // Again, now that nobody else can write: the account may have been closed, or its password replaced, meanwhile.
        let row = sqlx::query(concat!(
            "select ",
            account_columns!(),
            " from person where id = $1"
        ))
        .bind(tried.person.id.as_str())
        .fetch_optional(&mut *work)
        .await?;
        let account = row
            .map(|row| Account::read(&row, &self.seals))
            .transpose()?;
        let Some(mut account) =
            account.filter(|account| account.is_open() && account.password == tried.password)
        else {
            return Ok(Err(Refusal::Wrong));
        };
        let half = account.person.second_factor.is_some() || self.demands(&account.person);
        if !half {
            account.person.signed_in = Some(now);
        }
        if let (Match::Rehashed(hash), Some(issued)) = (found, &mut account.password) {
            issued.hash = hash;
        }
        account.save(&mut work, &self.seals).await?;
        throttle::succeeded(&mut work, email, client, now).await?;
        let person = account.person;
        let tried = match half {
            true => Tried::Half {
                token: halfway::begin(&mut work, &person.id, now).await?,
                person,
            },
            false => Tried::In(SignedIn {
                person,
                at: now,
                verified: None,
                id: random::bytes()?,
            }),
        };
        self.commit(work).await?;
        Ok(Ok(tried))
    }

    async fn by_email(&self, typed: &str) -> Result<Option<Account>, AccessError> {
        let row = sqlx::query(concat!(
            "select ",
            account_columns!(),
            " from person where email_key = $1"
        ))
        .bind(email::key(typed))
        .fetch_optional(self.store.readers())
        .await?;
        let account = row
            .map(|row| Account::read(&row, &self.seals))
            .transpose()?;
        Ok(account.filter(Account::is_open))
    }
}
