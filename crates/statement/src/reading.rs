//! What is collected while a statement is read: faults and claims, and the document they are about.

use std::cell::RefCell;
use std::ops::Range;

use toml::de::{DeString, DeTable, DeValue};

use crate::{Claim, ClaimId, Draft, Fault, Faults, Source, Table};

/// What has been collected from a document so far.
#[derive(Debug)]
pub struct Reading<'s> {
    source: &'s Source,
    faults: RefCell<Vec<Fault>>,
    /// Mistakes of form.
    misread: RefCell<Vec<Fault>>,
    claims: RefCell<Vec<Claim>>,
}

impl<'s> Reading<'s> {
    /// Starts with nothing found.
    #[must_use]
    pub fn new(source: &'s Source) -> Self {
        Self {
            source,
            faults: RefCell::default(),
            misread: RefCell::default(),
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
        let mut faults = self.faults.into_inner();
        for form in self.misread.into_inner() {
            // What is wrong in its form and in what it says is one mistake, and the form says why.
            match faults.iter_mut().find(|fault| fault.at == form.at) {
                Some(fault) => fault.label = form.label,
                None => faults.push(form),
            }
        }
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
        let end = reading.source.text().len();
        for error in errors {
            let at = error.span().unwrap_or(end..end);
            let fault = of_form(reading.source, root.get_ref(), at, error.message());
            reading.misread.borrow_mut().push(fault);
        }
        Self { root }
    }

    /// The whole document as a table.
    #[must_use]
    pub fn table<'d>(&'d self, reading: &'d Reading<'s>) -> Table<'d> {
        Table::new(
            reading,
            String::new(),
            self.root.get_ref(),
            self.root.span(),
        )
    }
}

/// A mistake of form, in words for somebody who has never heard of TOML.
fn of_form(source: &Source, root: &DeTable<'_>, at: Range<usize>, message: &str) -> Fault {
    let written = source.text().get(at.clone()).unwrap_or("");
    let (message, label, help) = if message.contains("duplicate key") {
        let label = first_of(root, written.trim(), at.start).map(|first| {
            let line = source.place(first).line;
            format!("it is given in line {line}")
        });
        (
            format!("`{}` is given twice", written.trim()),
            label.unwrap_or_default(),
            "keep one of the two lines",
        )
    } else if message.starts_with("invalid basic string") {
        (
            "this text does not end".to_owned(),
            "here it should have ended".to_owned(),
            "put a quotation mark at its end",
        )
    } else if message.contains("must be quoted") {
        (
            "this is neither a number nor a text".to_owned(),
            "a text stands between quotation marks".to_owned(),
            "put a quotation mark on each side",
        )
    } else {
        (
            "this cannot be read".to_owned(),
            message.to_owned(),
            "write each line as `key = value`, as the lines around it; the form is TOML, see https://toml.io",
        )
    };
    Fault {
        at,
        message,
        label,
        help: help.to_owned(),
    }
}

/// Where the key was given before: the last of that name before this place.
fn first_of(table: &DeTable<'_>, key: &str, before: usize) -> Option<usize> {
    let within = |value: &DeValue<'_>| match value {
        DeValue::Table(table) => first_of(table, key, before),
        DeValue::Array(list) => {
            let tables = list.iter().filter_map(|item| item.get_ref().as_table());
            tables
                .filter_map(|table| first_of(table, key, before))
                .max()
        }
        _ => None,
    };
    let here = |name: &toml::Spanned<DeString<'_>>| {
        let start = name.span().start;
        (name.get_ref() == key && start < before).then_some(start)
    };
    table
        .iter()
        .filter_map(|(name, value)| here(name).max(within(value.get_ref())))
        .max()
}

/// The collecting side of a [`Reading`], whatever its source's lifetime.
pub(crate) trait Collect {
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
