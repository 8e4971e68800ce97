//! What is collected while a statement is read: faults and claims, and the document they are about.

use std::cell::RefCell;
use std::ops::Range;

use toml::de::DeTable;

use crate::{Claim, ClaimId, Draft, Fault, Faults, Source, Table};

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
            let twice = message.contains("duplicate key");
            let key = error.span().filter(|_| twice);
            let key = key.and_then(|span| reading.source.text().get(span));
            let (message, help) = if let Some(key) = key {
                (
                    format!("`{key}` is given twice"),
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
        Table::new(
            reading,
            String::new(),
            self.root.get_ref(),
            self.root.span(),
        )
    }
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
