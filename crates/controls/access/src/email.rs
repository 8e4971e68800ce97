//! Email addresses as names of accounts: one address, one account, whatever the letter case.

use crate::{AccessError, random};

/// An address that an account can have: as typed, and as compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Email {
    pub(crate) shown: String,
    pub(crate) key: String,
}

impl Email {
    /// Reads an address. ASCII only: two addresses that look alike must not be two accounts.
    ///
    /// # Errors
    /// If it is not one.
    pub(crate) fn parse(text: &str) -> Result<Self, AccessError> {
        let shown = text.trim();
        let sound = shown.len() <= 254
            && shown.bytes().all(|byte| byte.is_ascii_graphic())
            && shown
                .split_once('@')
                .is_some_and(|(name, host)| !name.is_empty() && is_host(host));
        sound
            .then(|| Self {
                shown: shown.to_owned(),
                key: key(shown),
            })
            .ok_or(AccessError::BadEmail)
    }
}

/// What is compared: the address without spaces around it, in lower case.
pub(crate) fn key(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

/// What failures are counted under, so that a mistyped password in the address field is not kept.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    random::digest(&key(text))
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_and_spaces_around_make_no_other_address() {
        let typed = [
            "Sam@Trust.example",
            " sam@trust.EXAMPLE\n",
            "SAM@TRUST.EXAMPLE",
        ];
        for text in typed {
            assert_eq!(
                Email::parse(text).unwrap().key,
                "sam@trust.example",
                "{text:?}"
            );
        }
        assert_eq!(
            Email::parse(" Sam@Trust.example ").unwrap().shown,
            "Sam@Trust.example"
        );
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let long = format!("{}@a.example", "a".repeat(250));
        for text in [
            "",
            "@",
            "sam",
            "sam@",
            "@trust",
            "sam@a@b",
            "sam m@trust",
            "sam@tr ust",
            "sam@trust.",
            "sаm@trust",
            &long,
        ] {
            assert!(
                matches!(Email::parse(text), Err(AccessError::BadEmail)),
                "{text}"
            );
        }
    }
}
