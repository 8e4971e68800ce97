//! A cursor on one table of a statement: which keys it has, which of them were read, and what was wrong.

mod nested;
mod value;

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::near::{nearest, quoted};
use crate::reading::Collect;
use crate::{ClaimId, Draft, Fault};

/// A value with the bytes it was written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its bytes in the source.
    pub at: Range<usize>,
}

/// One table of the statement. Reading a key marks it as known; [`Table::finish`] faults the rest.
pub struct Table<'d> {
    reading: &'d dyn Collect,
    path: String,
    items: &'d DeTable<'d>,
    at: Range<usize>,
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    pub(crate) fn new(
        reading: &'d dyn Collect,
        path: String,
        items: &'d DeTable<'d>,
        at: Range<usize>,
    ) -> Self {
        Self {
            reading,
            path,
            items,
            at,
            known: Vec::new(),
        }
    }

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
        self.reading.fault(Fault {
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
            .claim(ClaimId::new(self.join(key)), offset, draft);
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
            let whole = self.title();
            self.fault(
                key.span(),
                format!("{whole} has no `{name}` in this build"),
                "not known",
                help,
            );
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
            let whole = self.title();
            let start = self.at.start;
            self.fault(
                start..start,
                format!("{whole} does not say `{key}`"),
                "",
                format!("add `{key} = {example}`"),
            );
        }
    }

    /// What a fault calls the table.
    fn title(&self) -> String {
        if self.path.is_empty() {
            "the statement".to_owned()
        } else {
            format!("`{}`", self.path)
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
}
