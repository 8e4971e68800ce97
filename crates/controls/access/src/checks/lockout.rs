//! Judges `access.lockout.failures`: after so many wrong guesses the right password is refused, with the same answer.
//!
//! Source: Cyber Essentials, user access control (at most 10 guesses); OWASP ASVS 5.0.0, 6.3.1 and 6.3.8.

use super::{
    door::Attempt,
    stay::{Stay, Visit},
};
use crate::Access;
use avouch_evidence::Ctx;
use avouch_statement::{Audience, Verdict};
use std::sync::Arc;

/// The check of the limit on guesses.
pub(super) struct Lockout {
    pub(super) access: Arc<Access>,
}

/// What a guest met.
#[derive(Debug)]
pub(super) struct Met {
    /// With the right password, before any guess.
    before: Attempt,
    /// With wrong passwords.
    guesses: Vec<Attempt>,
    /// With the right password, after them.
    after: Attempt,
}

impl Visit for Lockout {
    type Met = Met;
    const NAME: &'static str = "guessing a password";
    const CLAIM: &'static str = "access.lockout.failures";
    const AUDIENCE: Audience = Audience::Tenant;
    const JUDGE: fn(&Met) -> (Verdict, String) = judge;

    fn access(&self) -> &Access {
        &self.access
    }

    async fn meet(&self, _: &Ctx, stay: &Stay<'_>) -> Result<Met, String> {
        let email = ("email", stay.guest.email.as_str());
        let right = [email, ("password", stay.guest.password.expose())];
        let wrong = [email, ("password", "not the password")];
        let before = stay.attempt(&right).await?;
        let mut guesses = Vec::new();
        for _ in 0..self.access.settings().lockout.failures {
            guesses.push(stay.attempt(&wrong).await?);
        }
        Ok(Met {
            before,
            guesses,
            after: stay.attempt(&right).await?,
        })
    }
}

fn judge(met: &Met) -> (Verdict, String) {
    let count = met.guesses.len();
    if met.before != Attempt::Admitted {
        return (
            Verdict::Unproven,
            String::from(
                "the right password was refused before any guess, so a refusal proves nothing",
            ),
        );
    }
    if met.guesses.contains(&Attempt::Admitted) {
        return (
            Verdict::Broken,
            String::from("a wrong password was accepted"),
        );
    }
    match (&met.after, met.guesses.last()) {
        (Attempt::Admitted, _) => (
            Verdict::Broken,
            format!("after {count} wrong guesses the right password was still accepted"),
        ),
        (locked, Some(wrong)) if locked != wrong => (
            Verdict::Broken,
            String::from("a locked account answers differently from a wrong password"),
        ),
        (Attempt::Refused(status, _), _) => (
            Verdict::Held,
            format!(
                "after {count} wrong guesses the right password was refused with the same answer, status {status}"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_only_when_the_right_password_meets_the_same_refusal() {
        let (admitted, refused) = (
            || Attempt::Admitted,
            || Attempt::Refused(401, b"no".to_vec()),
        );
        let told = Attempt::Refused(429, b"locked".to_vec());
        for (before, guess, after, verdict) in [
            (admitted(), refused(), refused(), Verdict::Held),
            (admitted(), refused(), admitted(), Verdict::Broken),
            (admitted(), refused(), told, Verdict::Broken),
            (admitted(), admitted(), refused(), Verdict::Broken),
            (refused(), refused(), refused(), Verdict::Unproven),
        ] {
            let met = Met {
                before,
                guesses: vec![guess],
                after,
            };
            assert_eq!(judge(&met).0, verdict, "{met:?}");
        }
    }
}
