//! Numbers and nothing else: the body of a form that may carry no text, judged before anything is forwarded.
//!
//! No decoding takes place: a value that would need decoding is no number.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

/// The only content type taken.
const FORM: &str = "application/x-www-form-urlencoded";
/// Numbers need little room; what is larger holds something else.
pub const BODY_CAP: u64 = 64 * 1024;
/// A field's name in a message is cut here.
const NAME_CAP: usize = 40;

/// Why an entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// Another content type, or several.
    #[error("Only a plain form may be sent here.")]
    NotAForm,
    /// A field's name is not made of lower-case letters, digits and underscores.
    #[error("A field has a name that is not allowed here.")]
    Name,
    /// A field came twice.
    #[error("The field “{0}” was sent twice.")]
    Twice(String),
    /// A field holds something other than a number of few enough digits.
    #[error(
        "The field “{field}” takes a whole number of at most {digits} digits, and nothing else."
    )]
    NotANumber {
        /// The field.
        field: String,
        /// How many digits it may have.
        digits: u8,
    },
}

/// Judges the head of an entry.
///
/// # Errors
/// It is no plain form.
pub fn judge_head(headers: &HeaderMap) -> Result<(), EntryFault> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (Some(only), None) if only == FORM && !headers.contains_key(CONTENT_ENCODING) => Ok(()),
        _ => Err(EntryFault::NotAForm),
    }
}

/// Judges the fields of an entry, in its body or in its query: every value is one to `digits` ASCII digits.
///
/// # Errors
/// The first field that breaks the rule.
pub fn judge_fields(fields: &[u8], digits: u8) -> Result<(), EntryFault> {
    if fields.is_empty() {
        return Ok(());
    }
    let mut seen: Vec<&[u8]> = Vec::new();
    for field in fields.split(|byte| *byte == b'&') {
        let at = field.iter().position(|byte| *byte == b'=');
        let (name, value) = field.split_at(at.unwrap_or(field.len()));
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        if name.is_empty() || !name.iter().all(plain) {
            return Err(EntryFault::Name);
        }
        if seen.contains(&name) {
            return Err(EntryFault::Twice(shown(name)));
        }
        seen.push(name);
        let number = value.get(1..).unwrap_or_default();
        if number.is_empty()
            || number.len() > usize::from(digits)
            || !number.iter().all(u8::is_ascii_digit)
        {
            return Err(EntryFault::NotANumber {
                field: shown(name),
                digits,
            });
        }
    }
    Ok(())
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name)
        .chars()
        .take(NAME_CAP)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_few_enough_digits_pass() {
        for fields in ["", "a=1", "care_1=0&care_2=012&staff=999"] {
            assert_eq!(judge_fields(fields.as_bytes(), 3), Ok(()), "{fields}");
        }
    }

    #[test]
    fn anything_but_a_short_number_is_refused_by_its_field() {
        for value in [
            "",
            "x",
            "1x",
            "1234",
            "-1",
            "+1",
            "1.5",
            "1e3",
            "%31",
            "1%00",
            "01/02/2026",
            "<b>1</b>",
            " 1",
            "1 ",
            "\u{661}",
            "1=1",
            "0x1",
        ] {
            let fault = EntryFault::NotANumber {
                field: "a".into(),
                digits: 3,
            };
            assert_eq!(
                judge_fields(format!("a={value}").as_bytes(), 3),
                Err(fault),
                "{value}"
            );
        }
        assert!(matches!(
            judge_fields(b"a", 3),
            Err(EntryFault::NotANumber { .. })
        ));
    }

    #[test]
    fn a_field_name_cannot_carry_text_either() {
        for fields in [
            "=1", "Note=1", "a%20b=1", "a[]=1", "<b>=1", "a=1&", "&a=1", "a=1&&b=2",
        ] {
            assert_eq!(
                judge_fields(fields.as_bytes(), 3),
                Err(EntryFault::Name),
                "{fields}"
            );
        }
        assert_eq!(
            judge_fields(b"a=1&a=2", 3),
            Err(EntryFault::Twice("a".into()))
        );
    }

    #[test]
    fn only_a_plain_form_is_taken() {
        let head = |lines: &[(&'static str, &str)]| {
            lines
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
                .collect::<HeaderMap>()
        };
        assert_eq!(judge_head(&head(&[("content-type", FORM)])), Ok(()));
        for lines in [
            &[][..],
            &[("content-type", "text/plain")],
            &[("content-type", "multipart/form-data; boundary=x")],
            &[(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-7",
            )],
            &[("content-type", FORM), ("content-type", FORM)],
            &[("content-type", FORM), ("content-encoding", "gzip")],
        ] {
            assert_eq!(
                judge_head(&head(lines)),
                Err(EntryFault::NotAForm),
                "{lines:?}"
            );
        }
    }
}
