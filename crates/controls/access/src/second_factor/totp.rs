//! Codes that change with time: six digits, a new one every 30 seconds.
//!
//! Source: RFC 6238 (TOTP) over RFC 4226 (HOTP), HMAC-SHA-1, which is what authenticator applications take; RFC 4648, 6
//! (base32). HMAC-SHA-1 is not weakened by collisions of SHA-1 (NIST SP 800-107r1, 5.3.4).

use crate::{AccessError, random};
use avouch_keyring::Secret;
use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use jiff::Timestamp;

/// How long one code is shown, in seconds.
const STEP: i64 = 30;

/// How many steps the clocks of a telephone and of this machine may differ by, either way (RFC 6238, 5.2: at most one).
const DRIFT: i64 = 1;

/// Bytes in a key: the length of SHA-1's digest (RFC 4226, 4, R6).
const KEY: usize = 20;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What an authenticator application and we both know.
#[derive(Debug, Clone)]
pub(crate) struct Key(Secret<[u8; KEY]>);

impl Key {
    /// A fresh one.
    pub(crate) fn draw() -> Result<Self, AccessError> {
        Ok(Self(Secret::new(random::bytes()?)))
    }

    pub(crate) fn of(bytes: [u8; KEY]) -> Self {
        Self(Secret::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY] {
        self.0.expose()
    }

    /// As a person types it.
    pub(crate) fn text(&self) -> Secret<String> {
        let mut text = String::new();
        for chunk in self.bytes().chunks(5) {
            let mut bits = [0; 8];
            bits.iter_mut()
                .skip(3)
                .zip(chunk)
                .for_each(|(to, from)| *to = *from);
            let bits = u64::from_be_bytes(bits);
            for place in (0..8).rev() {
                let sign = (bits >> (5 * place)) & 31;
                text.extend(
                    usize::try_from(sign)
                        .ok()
                        .and_then(|sign| BASE32.get(sign))
                        .map(|sign| char::from(*sign)),
                );
            }
        }
        Secret::new(text)
    }

    /// The code of a step.
    pub(crate) fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.bytes());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let digest = tag.as_ref();
        let at = usize::from(digest.last().copied().unwrap_or_default() & 15);
        let four = digest
            .get(at..)
            .and_then(|from| from.first_chunk::<4>())
            .copied()
            .unwrap_or_default();
        format!(
            "{:06}",
            (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
        )
    }

    /// The step whose code this is, among those that may be shown `now`.
    pub(crate) fn step_of(&self, typed: &str, now: Timestamp) -> Option<i64> {
        let typed: String = typed.chars().filter(|sign| !sign.is_whitespace()).collect();
        let (now, mut found) = (step(now), None);
        for step in now - DRIFT..=now + DRIFT {
            if verify_slices_are_equal(self.code(step).as_bytes(), typed.as_bytes()).is_ok() {
                found = Some(step);
            }
        }
        found
    }
}

/// Which step an instant is in.
pub(crate) fn step(at: Timestamp) -> i64 {
    at.as_second().div_euclid(STEP)
}

/// How many steps back a code is certainly no longer shown.
pub(crate) const LONG_PAST: i64 = 10 * DRIFT;

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> Key {
        Key::of(*b"12345678901234567890")
    }

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn the_published_codes_are_made() {
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = Timestamp::from_second(second).unwrap();
            assert_eq!(published().code(step(at)), code, "{second}");
        }
    }

    #[test]
    fn a_code_is_known_one_step_early_and_one_step_late_and_no_further() {
        let now = Timestamp::from_second(1_234_567_890).unwrap();
        let key = published();
        for (away, known) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let step = step(now) + away;
            assert_eq!(
                key.step_of(&key.code(step), now),
                known.then_some(step),
                "{away}"
            );
        }
        assert_eq!(key.step_of(" 005 924 ", now), Some(step(now)));
        for typed in ["", "5924", "0059240", "00592A", "００５９２４"] {
            assert_eq!(key.step_of(typed, now), None, "{typed}");
        }
    }

    #[test]
    fn a_key_is_typed_in_base32() {
        assert_eq!(
            published().text().expose(),
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        assert_eq!(
            Key::of([0xff; 20]).text().expose(),
            "77777777777777777777777777777777"
        );
    }
}
