//! Guessing is throttled, by account and by client.
//!
//! An attempt takes its place in the count before the password is looked at, so a hundred at once get no more guesses than
//! one after another. While the count is full, attempts are refused and not counted: the window slides on, and nobody can
//! hold it shut by knocking. A client from which the account has signed in before has a count of its own, so a stranger's
//! guesses do not lock the account's owner out.
//!
//! Source: Cyber Essentials (at most 10 failures); OWASP ASVS 5.0.0, 6.1.1 (no malicious lock-out).

use crate::{Access, AccessError, email};
use avouch_store::micros;
use jiff::{SignedDuration, Timestamp};
use sqlx::{Sqlite, Transaction};
use std::net::{IpAddr, Ipv6Addr};

/// A client may be a whole hospital behind one address, so it gets this many accounts' worth of failures.
const CLIENT_FACTOR: u32 = 10;

/// How long a client is remembered after the account last signed in from it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How many failures, within how long, before an account takes no more attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// The failures.
    pub failures: u32,
    /// The window, which slides.
    pub within: SignedDuration,
}

/// Whether an attempt may be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may; until it succeeds it counts as a failure.
    Taken,
    /// The account has had its share.
    AccountFull,
    /// The client has had its share.
    ClientFull,
}

impl Access {
    /// Takes a turn for this address from this client, if there is one left.
    pub(crate) async fn take_turn(
        &self,
        typed: &str,
        client: &str,
        now: Timestamp,
    ) -> Result<Turn, AccessError> {
        let (account, client) = (email::digest(typed), network(client));
        let Lockout { failures, within } = self.settings.lockout;
        let (from, to) = (now - within, now + within);
        let mut work = self.store.write().await?;
        let known = "select exists (select 1 from known_client where email_key = $1 and client = $2 and at > $3)";
        let known: bool = sqlx::query_scalar(known)
            .bind(account.as_slice())
            .bind(&client)
            .bind(micros(now - REMEMBERED))
            .fetch_one(&mut *work)
            .await?;
        let of_account = match known {
            true => {
                "select count(*) from failure where email_key = $1 and at > $3 and at < $4 and client = $2"
            }
            false => {
                "select count(*) from failure where email_key = $1 and at > $3 and at < $4 and $2 = $2"
            }
        };
        let of_client =
            "select count(*) from failure where client = $2 and at > $3 and at < $4 and $1 = $1";
        for (sql, most, full) in [
            (of_account, failures, Turn::AccountFull),
            (
                of_client,
                failures.saturating_mul(CLIENT_FACTOR),
                Turn::ClientFull,
            ),
        ] {
            let count: i64 = sqlx::query_scalar(sql)
                .bind(account.as_slice())
                .bind(&client)
                .bind(micros(from))
                .bind(micros(to))
                .fetch_one(&mut *work)
                .await?;
            if count >= i64::from(most) {
                return Ok(full);
            }
        }
        sqlx::query("insert into failure (email_key, client, at) values ($1, $2, $3)")
            .bind(account.as_slice())
            .bind(&client)
            .bind(micros(now))
            .execute(&mut *work)
            .await?;
        work.commit().await?;
        Ok(Turn::Taken)
    }
}

/// Forgets the account's failures from this client and remembers the client, after a success there.
pub(crate) async fn succeeded(
    work: &mut Transaction<'static, Sqlite>,
    typed: &str,
    client: &str,
    now: Timestamp,
) -> Result<(), AccessError> {
    let (account, client) = (email::digest(typed), network(client));
    sqlx::query("delete from failure where email_key = $1 and client = $2")
        .bind(account.as_slice())
        .bind(&client)
        .execute(&mut **work)
        .await?;
    sqlx::query(
        "insert into known_client (email_key, client, at) values ($1, $2, $3) \
         on conflict (email_key, client) do update set at = excluded.at",
    )
    .bind(account.as_slice())
    .bind(&client)
    .bind(micros(now))
    .execute(&mut **work)
    .await?;
    Ok(())
}

/// Forgets everything about an address; for synthetic accounts that are taken away.
pub(crate) async fn forget(
    work: &mut Transaction<'static, Sqlite>,
    typed: &str,
) -> Result<(), AccessError> {
    for sql in [
        "delete from failure where email_key = $1",
        "delete from known_client where email_key = $1",
    ] {
        sqlx::query(sql)
            .bind(email::digest(typed).as_slice())
            .execute(&mut **work)
            .await?;
    }
    Ok(())
}

/// One client: an IPv4 address, or an IPv6 network of 64 bits, which is the least that one household is given.
fn network(client: &str) -> String {
    match client
        .parse::<IpAddr>()
        .map(|address| address.to_canonical())
    {
        Ok(IpAddr::V6(address)) => {
            Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).to_string()
        }
        Ok(address) => address.to_string(),
        Err(_) => client.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_is_one_address_or_one_network() {
        for (given, counted) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
            ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ] {
            assert_eq!(network(given), counted, "{given}");
        }
    }
}
