//! Single values: texts, numbers, dates, lengths of time, sizes, words out of a few, and lists of texts.

use std::ops::{Range, RangeInclusive};

use toml::de::DeValue;

use super::{Spanned, Table};
use crate::Length;
use crate::near::{nearest, quoted};

/// A whole number that a setting can be.
pub trait Whole: Copy + Into<i64> + TryFrom<i64> {}

impl<N: Copy + Into<i64> + TryFrom<i64>> Whole for N {}

impl Table<'_> {
    /// A text that may be left out; `example` shows what would be right.
    pub fn text(&mut self, key: &'static str, example: &str) -> Option<Spanned<String>> {
        let (_, value) = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned {
                value: text.to_string(),
                at: value.span(),
            }),
            other => self.wrong(
                key,
                value.span(),
                other,
                "a text",
                &format!("\"{example}\""),
            ),
        }
    }

    /// A text that must be there; `example` shows what would be right, such as `"acuity.localhost"`.
    pub fn need_text(&mut self, key: &'static str, example: &str) -> Option<Spanned<String>> {
        self.need(key, &format!("\"{example}\""));
        self.text(key, example)
    }

    /// A text read by a parser whose error says in a few words what is wrong with it.
    pub fn need_parsed<T>(
        &mut self,
        key: &'static str,
        what: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Spanned<T>> {
        let text = self.need_text(key, example)?;
        match parse(&text.value) {
            Ok(value) => Some(Spanned { value, at: text.at }),
            Err(why) => {
                self.fault(
                    text.at,
                    format!("`{key}` must be {what}"),
                    why,
                    format!("write `{key} = \"{example}\"`"),
                );
                None
            }
        }
    }

    /// A length of time that must be there.
    pub fn need_length(&mut self, key: &'static str, example: &str) -> Option<Spanned<Length>> {
        let text = self.need_text(key, example)?;
        match text.value.parse() {
            Ok(value) => Some(Spanned { value, at: text.at }),
            Err(why) => {
                self.fault(
                    text.at,
                    format!("`{key}` must be a length of time"),
                    why,
                    format!(
                        "write `{key} = \"{example}\"` (units: s, min, h, d, weeks, months, years)"
                    ),
                );
                None
            }
        }
    }

    /// A length of time that must be there and lie within these two.
    pub fn need_length_within(
        &mut self,
        key: &'static str,
        example: &str,
        range: RangeInclusive<Length>,
    ) -> Option<Spanned<Length>> {
        let length = self.need_length(key, example)?;
        let (least, most) = (range.start(), range.end());
        if length.value.at_least(*least) && most.at_least(length.value) {
            return Some(length);
        }
        self.fault(
            length.at,
            format!("`{key}` must be from {least} to {most}"),
            "out of range",
            format!("write `{key} = \"{example}\"`"),
        );
        None
    }

    /// A size in bytes that must be there, such as `32 KiB`.
    pub fn need_size(
        &mut self,
        key: &'static str,
        example: &str,
        range: RangeInclusive<u64>,
    ) -> Option<Spanned<u64>> {
        self.need_parsed(key, "a size", example, |text| {
            let bytes = bytes(text)?;
            match range.contains(&bytes) {
                true => Ok(bytes),
                false => Err("out of range".to_owned()),
            }
        })
    }

    /// What `read` makes of `key`, or `default` where the statement leaves it out; `None` only for a fault.
    ///
    /// `table.or("connections", 4096, |table, key| table.need_whole(key, 16..=100_000, 4096))`
    pub fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&mut Self, &'static str) -> Option<Spanned<T>>,
    ) -> Option<T> {
        match self.get(key) {
            None => Some(default),
            Some(_) => read(self, key).map(|found| found.value),
        }
    }

    /// One of a few words, which must be there.
    pub fn need_word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Option<Spanned<T>> {
        let example = words.first().map_or("", |(word, _)| *word);
        let text = self.need_text(key, example)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Spanned {
                value: *value,
                at: text.at,
            });
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        // Another figure is no slip of the pen: it may promise less.
        let figures = |word: &str| {
            word.chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
        };
        let alike = known
            .iter()
            .copied()
            .filter(|word| figures(word) == figures(&text.value));
        let help = match nearest(&text.value, alike) {
            Some(near) => format!("did you mean `{key} = \"{near}\"`?"),
            None => format!("write one of: {}", quoted(&known)),
        };
        self.fault(
            text.at,
            format!("`{key}` cannot be \"{}\"", text.value),
            "not known here",
            help,
        );
        None
    }

    /// A whole number that must be there.
    pub fn need_whole<N: Whole>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<N>,
        example: N,
    ) -> Option<Spanned<N>> {
        self.need(key, &example.into().to_string());
        let (_, value) = self.get(key)?;
        let at = value.span();
        let (least, most) = ((*range.start()).into(), (*range.end()).into());
        match value.get_ref() {
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
                let value = number
                    .filter(|number| (least..=most).contains(number))
                    .and_then(|number| N::try_from(number).ok());
                if value.is_none() {
                    self.fault(
                        at.clone(),
                        format!("`{key}` must be from {least} to {most}"),
                        "out of range",
                        format!("write `{key} = {}`", example.into()),
                    );
                }
                value.map(|value| Spanned { value, at })
            }
            other => self.wrong(
                key,
                at,
                other,
                "a whole number",
                &example.into().to_string(),
            ),
        }
    }

    /// Yes or no, which may be left out.
    pub fn truth(&mut self, key: &'static str) -> Option<Spanned<bool>> {
        let (_, value) = self.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(truth) => Some(Spanned {
                value: *truth,
                at: value.span(),
            }),
            other => self.wrong(key, value.span(), other, "true or false", "true"),
        }
    }

    /// Yes or no, which must be there.
    pub fn need_truth(&mut self, key: &'static str) -> Option<Spanned<bool>> {
        self.need(key, "true");
        self.truth(key)
    }

    /// A date that must be there.
    pub fn need_date(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Option<Spanned<jiff::civil::Date>> {
        self.need(key, example);
        let (_, value) = self.get(key)?;
        let at = value.span();
        let date = match value.get_ref() {
            DeValue::Datetime(when) if when.time.is_none() => when.to_string().parse().ok(),
            _ => None,
        };
        if date.is_none() {
            self.fault(
                at.clone(),
                format!("`{key}` must be a date"),
                "not a year, month and day",
                format!("write `{key} = {example}`, without quotation marks"),
            );
        }
        date.map(|value| Spanned { value, at })
    }

    /// A list of texts that may be left out; an empty list is a fault.
    pub fn texts(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Option<Spanned<Vec<Spanned<String>>>> {
        let (_, value) = self.get(key)?;
        let at = value.span();
        let list = match value.get_ref() {
            DeValue::Array(list) => list,
            other => return self.wrong(key, at, other, "a list of texts", example),
        };
        let mut texts = Vec::new();
        for item in list.iter() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(Spanned {
                    value: text.to_string(),
                    at: item.span(),
                }),
                other => return self.wrong(key, item.span(), other, "a list of texts", example),
            }
        }
        if texts.is_empty() {
            self.fault(
                at,
                format!("`{key}` is empty"),
                "nothing in it",
                format!("write `{key} = {example}`"),
            );
            return None;
        }
        Some(Spanned { value: texts, at })
    }

    /// A list of texts that must be there.
    pub fn need_texts(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Option<Spanned<Vec<Spanned<String>>>> {
        self.need(key, example);
        self.texts(key, example)
    }

    pub(super) fn wrong<T>(
        &self,
        key: &str,
        at: Range<usize>,
        found: &DeValue<'_>,
        what: &str,
        example: &str,
    ) -> Option<T> {
        self.fault(
            at,
            format!("`{key}` must be {what}"),
            format!("this is {}", kind(found)),
            format!("write `{key} = {example}`"),
        );
        None
    }
}

/// Reads `32 KiB`. The error is what is wrong with it, in a few words.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = text
        .trim()
        .split_once(' ')
        .ok_or("not a number and a unit")?;
    let factor = match unit.trim() {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("the units are KiB, MiB and GiB".to_owned()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "not a number and a unit".to_owned())
}

pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use crate::{Document, Length, Reading, Source, Table, Unit};

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(
        text: &str,
        read: impl FnOnce(&mut Table<'_>) -> Option<T>,
        expected: Result<T, &str>,
    ) {
        let source = Source::new("avouch.toml", text);
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut table = document.table(&reading);
        let value = read(&mut table);
        table.finish();
        match (reading.finish(), expected) {
            (Ok(_), Ok(expected)) => assert_eq!(value, Some(expected), "{text}"),
            (Err(faults), Err(expected)) => {
                assert_eq!(value, None, "{text}");
                assert_eq!(faults.list()[0].message, expected, "{text}");
            }
            (read, expected) => panic!("{text}: {read:?} is not {expected:?}"),
        }
    }

    #[test]
    fn what_may_be_left_out_has_its_default_only_when_it_is_left_out() {
        let read = |table: &mut Table<'_>| {
            table.or("most", 7_u8, |table, key| table.need_whole(key, 1..=9, 7))
        };
        check("", read, Ok(7));
        check("most = 3", read, Ok(3));
        check("most = 10", read, Err("`most` must be from 1 to 9"));
        check("most = \"3\"", read, Err("`most` must be a whole number"));
    }

    #[test]
    fn a_length_outside_its_range_is_a_fault() {
        let range = Length::new(1, Unit::Second)..=Length::new(1, Unit::Hour);
        let read = |table: &mut Table<'_>| {
            let length = table.need_length_within("idle", "30 s", range.clone());
            length.map(|length| length.value)
        };
        check("idle = \"1 h\"", read, Ok(Length::new(1, Unit::Hour)));
        check(
            "idle = \"61 min\"",
            read,
            Err("`idle` must be from 1 second to 1 hour"),
        );
    }

    #[test]
    fn a_size_is_a_number_and_a_binary_unit() {
        let read = |table: &mut Table<'_>| {
            let size = table.need_size("body", "1 MiB", 1024..=1 << 30);
            size.map(|size| size.value)
        };
        check("body = \"32 KiB\"", read, Ok(32 << 10));
        check("body = \"1 GiB\"", read, Ok(1 << 30));
        for wrong in ["2 GiB", "1 kB", "1MiB", "-1 KiB", "99999999999999 GiB"] {
            check(
                &format!("body = \"{wrong}\""),
                read,
                Err("`body` must be a size"),
            );
        }
    }
}
