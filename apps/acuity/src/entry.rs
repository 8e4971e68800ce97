//! Reads a form. Whole numbers get through, and nothing else can: what leaves here is an [`Entry`] made of integers.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::period::{self, Period};
use crate::staffing::{CATEGORIES, Counts};

/// The most bytes that a form may have. A full and correct one has about 150.
pub const MOST_BYTES: usize = 4096;

/// Every field that the form has, in the order in which people meet them. Each comes exactly once.
pub const FIELDS: [Field; 10] = [
    Field {
        name: "day",
        label: "Day",
        least: 1,
        most: 31,
    },
    Field {
        name: "month",
        label: "Month",
        least: 1,
        most: 12,
    },
    Field {
        name: "year",
        label: "Year",
        least: 2000,
        most: 2099,
    },
    Field {
        name: "period",
        label: "Period",
        least: 0,
        most: 5,
    },
    Field {
        name: "category_1",
        label: "Women in category I",
        least: 0,
        most: 99,
    },
    Field {
        name: "category_2",
        label: "Women in category II",
        least: 0,
        most: 99,
    },
    Field {
        name: "category_3",
        label: "Women in category III",
        least: 0,
        most: 99,
    },
    Field {
        name: "category_4",
        label: "Women in category IV",
        least: 0,
        most: 99,
    },
    Field {
        name: "category_5",
        label: "Women in category V",
        least: 0,
        most: 99,
    },
    Field {
        name: "midwives",
        label: "Midwives on duty",
        least: 0,
        most: 99,
    },
];

/// One field of the form: its name in the form, what people call it, and the numbers that it takes.
#[derive(Debug)]
pub struct Field {
    /// Its name in the form.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    least: u16,
    most: u16,
}

/// What a form said, once every rule held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When the women were counted.
    pub period: Period,
    /// What was counted.
    pub counts: Counts,
}

/// Why a form was refused: every fault in it, in the order of the fields.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// The faults. Never empty.
    pub faults: Vec<Fault>,
    /// The numbers that were right, in the order of [`FIELDS`], so that nobody types them again.
    pub kept: [Option<u16>; FIELDS.len()],
}

/// One fault: the field, where it is one of ours, and a sentence about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field's name in the form; `None` where the form has no such field.
    pub field: Option<&'static str>,
    /// What is wrong and what would be right.
    pub sentence: String,
}

/// Reads a form (`application/x-www-form-urlencoded`) sent at `now`.
///
/// # Errors
///
/// Refused with every fault when a field is missing, comes twice, is not one of ours, or is anything but ASCII digits
/// in its range, when the date does not exist, or when the period has not begun.
pub fn read(body: &[u8], now: Timestamp) -> Result<Entry, Refused> {
    let mut faults = Vec::new();
    let pairs = pairs(body);
    let kept = FIELDS.each_ref().map(|field| {
        let mut values = pairs
            .iter()
            .filter(|(name, _)| *name == field.name.as_bytes())
            .map(|(_, value)| *value);
        let read = match (values.next(), values.next()) {
            (None, _) => Err(format!("{} is missing", field.label)),
            (Some(_), Some(_)) => Err(format!("{} must be given once", field.label)),
            (Some(value), None) => number(field, value),
        };
        read.map_err(|sentence| {
            faults.push(Fault {
                field: Some(field.name),
                sentence,
            })
        })
        .ok()
    });
    for (name, _) in &pairs {
        if !FIELDS.iter().any(|field| field.name.as_bytes() == *name) {
            faults.push(Fault {
                field: None,
                sentence: format!("The form has no field called {}", shown(name)),
            });
        }
    }
    let entry = if faults.is_empty() {
        entry(&kept, now)
    } else {
        None
    };
    match entry {
        Some(Ok(entry)) => Ok(entry),
        Some(Err(fault)) => Err(Refused {
            faults: vec![fault],
            kept,
        }),
        None => Err(Refused { faults, kept }),
    }
}

/// The pairs of a form as they were sent. Every right name and value is plain, so nothing needs decoding: what would
/// change by decoding is not a number.
fn pairs(body: &[u8]) -> Vec<(&[u8], &[u8])> {
    body.split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair
                .iter()
                .position(|&byte| byte == b'=')
                .unwrap_or(pair.len());
            let (name, rest) = pair.split_at(at);
            (name, rest.strip_prefix(b"=").unwrap_or(rest))
        })
        .collect()
}

fn number(field: &Field, value: &[u8]) -> Result<u16, String> {
    let longest = field.most.to_string().len();
    let digits = (1..=longest).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    digits
        .then(|| {
            value
                .iter()
                .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
        })
        .filter(|number| (field.least..=field.most).contains(number))
        .ok_or_else(|| {
            format!(
                "{} must be a whole number from {} to {}",
                field.label, field.least, field.most
            )
        })
}

/// Joins ten right numbers. `None` where one of them is missing, which its own fault has said.
fn entry(kept: &[Option<u16>; FIELDS.len()], now: Timestamp) -> Option<Result<Entry, Fault>> {
    let [day, month, year, period, women @ .., midwives] = kept;
    let (day, month, year) = ((*day)?, (*month)?, (*year)?);
    let number = u8::try_from((*period)?).ok()?;
    let mut counted = [0; CATEGORIES];
    for (count, sent) in counted.iter_mut().zip(women) {
        *count = u8::try_from((*sent)?).ok()?;
    }
    let counts = Counts {
        women: counted,
        midwives: u8::try_from((*midwives)?).ok()?,
    };
    let fault = |field, sentence: &str| Fault {
        field: Some(field),
        sentence: sentence.to_owned(),
    };
    let date = i8::try_from(day)
        .ok()
        .zip(i8::try_from(month).ok())
        .zip(i16::try_from(year).ok());
    let date = date.and_then(|((day, month), year)| Date::new(year, month, day).ok());
    let Some(period) = date.and_then(|date| Period::new(date, number)) else {
        return Some(Err(fault(
            "day",
            "Day, month and year must be a date that exists",
        )));
    };
    if period > period::Period::at(now) {
        return Some(Err(fault(
            "day",
            "The period must have begun: this one lies ahead",
        )));
    }
    Some(Ok(Entry { period, counts }))
}

/// A foreign field's name, made harmless: at most 40 characters of the few that a name needs.
fn shown(name: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    if name.is_empty() || name.len() > 40 || !name.iter().all(plain) {
        return "what was sent".to_owned();
    }
    format!("\u{201c}{}\u{201d}", String::from_utf8_lossy(name))
}

#[cfg(test)]
mod tests;
