//! Reading a statement: a cursor on a table that collects faults and claims as it goes.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::de::{DeTable, DeValue};

use crate::{Claim, ClaimId, Draft, Fault, Faults, Length, Slug, Source};

/// A value with the bytes it was written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its bytes in the source.
    pub at: Range<usize>,
}

/// What has been collected from a document so far.
#[derive(Debug)]
pub struct Reading<'s> {
    source: &'s Source,
    faults: RefCell<Vec<Fault>>,
    claims: RefCell<Vec<Claim>>,
}

impl<'s> Reading<'s> {
    /// Starts with nothing found.
    #[must_use]
    pub fn new(source: &'s Source) -> Self {
        Self {
            source,
            faults: RefCell::default(),
            claims: RefCell::default(),
        }
    }

    /// Records a fault.
    pub fn fault(
        &self,
        at: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.faults.borrow_mut().push(Fault {
            at,
            message: message.into(),
            label: label.into(),
            help: help.into(),
        });
    }

    /// The claims in file order, or every fault.
    ///
    /// # Errors
    /// If anything was at fault.
    pub fn finish(self) -> Result<Vec<Claim>, Faults> {
        let faults = self.faults.into_inner();
        if !faults.is_empty() {
            return Err(Faults::new(self.source.clone(), faults));
        }
        let mut claims = self.claims.into_inner();
        claims.sort_by(|a, b| (a.place, &a.id).cmp(&(b.place, &b.id)));
        Ok(claims)
    }
}

/// A parsed document: whatever could be read of it.
#[derive(Debug)]
pub struct Document<'s> {
    root: toml::Spanned<DeTable<'s>>,
}

impl<'s> Document<'s> {
    /// Parses as much as can be; every mistake of form is a fault.
    #[must_use]
    pub fn parse(reading: &Reading<'s>) -> Self {
        let (root, errors) = DeTable::parse_recoverable(reading.source.text());
        for error in errors {
            let end = reading.source.text().len();
            let message = error.message();
            let (message, help) = if message.contains("duplicate key") {
                (
                    "this key is given twice".to_owned(),
                    "keep one of the two lines",
                )
            } else {
                (
                    format!("this is not TOML: {message}"),
                    "see https://toml.io for how to write it",
                )
            };
            reading.fault(error.span().unwrap_or(end..end), message, "", help);
        }
        Self { root }
    }

    /// The whole document as a table.
    #[must_use]
    pub fn table<'d>(&'d self, reading: &'d Reading<'s>) -> Table<'d> {
        Table {
            reading: Shared(reading),
            path: String::new(),
            items: self.root.get_ref(),
            at: self.root.span(),
            known: Vec::new(),
        }
    }
}

/// A `Reading` whatever its source's lifetime: only its collecting side is used.
#[derive(Clone, Copy)]
struct Shared<'d>(&'d dyn Collect);

trait Collect {
    fn fault(&self, fault: Fault);
    fn claim(&self, id: ClaimId, offset: usize, draft: Draft);
}

impl Collect for Reading<'_> {
    fn fault(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    fn claim(&self, id: ClaimId, offset: usize, draft: Draft) {
        self.claims.borrow_mut().push(Claim {
            id,
            text: draft.text,
            assurance: draft.assurance,
            audience: draft.audience,
            figure: draft.figure,
            limits: draft.limits,
            fresh_for: draft.fresh_for,
            place: self.source.place(offset),
        });
    }
}

/// One table of the statement. Reading a key marks it as known; [`Table::finish`] faults the rest.
pub struct Table<'d> {
    reading: Shared<'d>,
    path: String,
    items: &'d DeTable<'d>,
    at: Range<usize>,
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// Its path, such as `backup.source.tenant-data`; empty for the whole document.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Records a fault at these bytes.
    pub fn fault(
        &self,
        at: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.reading.0.fault(Fault {
            at,
            message: message.into(),
            label: label.into(),
            help: help.into(),
        });
    }

    /// Records that the setting `key` promises something; an empty key stands for the whole of this table.
    pub fn claim(&self, key: &str, draft: Draft) {
        let offset = self
            .find(key)
            .map_or(self.at.start, |(key_at, _)| key_at.start);
        self.reading
            .0
            .claim(ClaimId::new(self.join(key)), offset, draft);
    }

    /// A text that may be left out.
    pub fn text(&mut self, key: &'static str) -> Option<Spanned<String>> {
        let (_, value) = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned {
                value: text.to_string(),
                at: value.span(),
            }),
            other => self.wrong(key, value.span(), other, "a text", "\"…\""),
        }
    }

    /// A text that must be there; `example` shows what would be right, such as `"acuity.localhost"`.
    pub fn need_text(&mut self, key: &'static str, example: &str) -> Option<Spanned<String>> {
        self.need(key, &format!("\"{example}\""));
        self.text(key)
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
        let help = match nearest(&text.value, known.iter().copied()) {
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

    /// A whole number that may be left out.
    pub fn whole(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<Spanned<i64>> {
        let (_, value) = self.get(key)?;
        let at = value.span();
        match value.get_ref() {
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) if range.contains(&number) => Some(Spanned { value: number, at }),
                    _ => {
                        self.fault(
                            at,
                            format!("`{key}` must be from {} to {}", range.start(), range.end()),
                            "out of range",
                            format!("write `{key} = {}`", range.start()),
                        );
                        None
                    }
                }
            }
            other => self.wrong(key, at, other, "a whole number", &range.start().to_string()),
        }
    }

    /// A whole number that must be there.
    pub fn need_whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        example: i64,
    ) -> Option<Spanned<i64>> {
        self.need(key, &example.to_string());
        self.whole(key, range)
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

    /// A table within this one, `[section.key]` or `key = { … }`, that may be left out.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'d>> {
        let (_, value) = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(items) => Some(self.child(self.join(key), items, value.span())),
            other => self.wrong(key, value.span(), other, "a table", "{ … }"),
        }
    }

    /// A table within this one that must be there; `example` is the inline form.
    pub fn need_table(&mut self, key: &'static str, example: &str) -> Option<Table<'d>> {
        self.need(key, example);
        self.table(key)
    }

    /// The entries of `[[key]]`, each with a `name` that is its slug and is used once.
    pub fn entries(&mut self, key: &'static str) -> Vec<(Slug, Table<'d>)> {
        let Some((_, value)) = self.get(key) else {
            return Vec::new();
        };
        let at = value.span();
        let DeValue::Array(list) = value.get_ref() else {
            let path = self.join(key);
            self.fault(
                at,
                format!("`{path}` is a list of entries"),
                "one table, not a list",
                format!("write `[[{path}]]` with two brackets"),
            );
            return Vec::new();
        };
        let mut entries: Vec<(Slug, Table<'d>)> = Vec::new();
        for item in list.iter() {
            let DeValue::Table(items) = item.get_ref() else {
                self.wrong::<()>(
                    key,
                    item.span(),
                    item.get_ref(),
                    "a list of tables",
                    "[[…]]",
                );
                continue;
            };
            let mut entry = self.child(self.join(key), items, item.span());
            let Some(name) = entry.need_text("name", "short-name") else {
                continue;
            };
            match name.value.parse::<Slug>() {
                Err(wrong) => self.fault(
                    name.at,
                    wrong.to_string(),
                    "not a short name",
                    "for example `name = \"tenant-data\"`",
                ),
                Ok(slug) if entries.iter().any(|(taken, _)| *taken == slug) => self.fault(
                    name.at,
                    format!(
                        "`{slug}` is the name of another `[[{}]]` above",
                        self.join(key)
                    ),
                    "used twice",
                    "give each entry a name of its own",
                ),
                Ok(slug) => {
                    entry.path = format!("{}.{slug}", entry.path);
                    entries.push((slug, entry));
                }
            }
        }
        entries
    }

    /// Where the table starts, for a fault about the whole of it.
    #[must_use]
    pub fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// Where a key's value is, if it is there.
    #[must_use]
    pub fn value_at(&self, key: &str) -> Option<Range<usize>> {
        self.find(key).map(|(_, value)| value.span())
    }

    /// Is the key there? It does not count as read.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Ends the reading of this table: every key that nobody read is a fault.
    pub fn finish(self) {
        for (key, _) in self.items {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let known: Vec<&str> = self.known.clone();
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", quoted(&known)),
            };
            let whole = if self.path.is_empty() {
                "the statement".to_owned()
            } else {
                format!("`{}`", self.path)
            };
            self.fault(
                key.span(),
                format!("{whole} has no `{name}` in this build"),
                "not known",
                help,
            );
        }
    }

    fn child(&self, path: String, items: &'d DeTable<'d>, at: Range<usize>) -> Table<'d> {
        Table {
            reading: self.reading,
            path,
            items,
            at,
            known: Vec::new(),
        }
    }

    fn find(&self, key: &str) -> Option<(Range<usize>, &'d toml::Spanned<DeValue<'d>>)> {
        self.items
            .iter()
            .find(|(name, _)| name.get_ref().as_ref() == key)
            .map(|(name, value)| (name.span(), value))
    }

    fn get(&mut self, key: &'static str) -> Option<(Range<usize>, &'d toml::Spanned<DeValue<'d>>)> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.find(key)
    }

    fn need(&mut self, key: &'static str, example: &str) {
        if self.get(key).is_none() {
            let whole = if self.path.is_empty() {
                "the statement".to_owned()
            } else {
                format!("`{}`", self.path)
            };
            let start = self.at.start;
            self.fault(
                start..start,
                format!("{whole} does not say `{key}`"),
                "",
                format!("add `{key} = {example}`"),
            );
        }
    }

    fn join(&self, key: &str) -> String {
        if key.is_empty() {
            self.path.clone()
        } else if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn wrong<T>(
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

fn kind(value: &DeValue<'_>) -> &'static str {
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

fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// The nearest known word, if it is near enough to be a slip of the pen.
fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    known
        .map(|other| (strsim::damerau_levenshtein(word, other), other))
        .filter(|(distance, other)| *distance <= 2.max(other.len() / 3))
        .min()
        .map(|(_, other)| other)
}
