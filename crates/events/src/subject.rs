//! Whose record it is: NHS numbers, and other names that records have.

/// Why a text names nobody's record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// Nothing was given.
    #[error("no subject was given")]
    Empty,
    /// Ten digits whose last does not fit.
    #[error("that is not an NHS number: its check digit does not fit")]
    CheckDigit,
}

/// The subject that somebody typed, as records name it: an NHS number without its spaces, anything else as it is.
///
/// # Errors
/// If nothing was typed, or ten digits that are no NHS number.
pub fn subject(typed: &str) -> Result<String, SubjectError> {
    let typed = typed.trim();
    let plain: String = typed.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let digits = plain.len() == 10 && plain.bytes().all(|byte| byte.is_ascii_digit());
    match (typed.is_empty(), digits) {
        (true, _) => Err(SubjectError::Empty),
        (_, true) if is_nhs_number(&plain) => Ok(plain),
        (_, true) => Err(SubjectError::CheckDigit),
        _ => Ok(typed.to_owned()),
    }
}

/// Whether ten digits are an NHS number by their check digit. Ten zeros pass the sum and are none.
#[must_use]
pub fn is_nhs_number(text: &str) -> bool {
    let Some(digits) = text
        .bytes()
        .map(|byte| byte.is_ascii_digit().then(|| u32::from(byte - b'0')))
        .collect::<Option<Vec<u32>>>()
    else {
        return false;
    };
    let [first @ .., check] = digits.as_slice() else {
        return false;
    };
    let sum: u32 = first
        .iter()
        .zip((2..=10).rev())
        .map(|(digit, weight)| digit * weight)
        .sum();
    // 11 stands for 0, and there is no number whose check digit would be 10.
    let fits = (11 - sum % 11) % 11 == *check;
    first.len() == 9 && fits && digits.iter().any(|digit| *digit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_nhs_number_is_known_by_its_check_digit() {
        for sound in ["9434765919", "9990000018", "9990000026", "9990000034"] {
            assert!(is_nhs_number(sound), "{sound}");
        }
        for wrong in [
            "9990000019",
            "9434761959",
            "0000000000",
            "943476591",
            "94347659190",
            "943476591x",
            "٩٤٣٤٧٦٥٩١٩",
            "",
            "9990000000",
        ] {
            assert!(!is_nhs_number(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_subject_is_taken_as_typed_unless_it_ought_to_be_an_nhs_number() {
        for (typed, expected) in [
            (" 943 476 5919 ", Ok("9434765919")),
            ("943-476-5919", Ok("9434765919")),
            ("9434765918", Err(SubjectError::CheckDigit)),
            ("ward-3-77", Ok("ward-3-77")),
            ("77", Ok("77")),
            ("  ", Err(SubjectError::Empty)),
        ] {
            assert_eq!(subject(typed), expected.map(str::to_owned), "{typed}");
        }
    }
}
