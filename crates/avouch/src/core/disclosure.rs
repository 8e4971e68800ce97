//! A subject report: who opened or changed one record, on a page or in a form that somebody takes away.

use avouch_events::export::Format;
use avouch_events::{Query, Row, Staff};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::reading;
use super::state::Core;
use crate::document;
use crate::fail::Fail;

/// The forms in which a report is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Comma-separated values.
    Csv,
    /// FHIR R4 AuditEvent, one a line.
    Fhir,
    /// A document.
    Pdf,
}

/// A subject report.
pub struct Disclosure {
    pub subject: String,
    /// When it was made.
    pub made: Timestamp,
    pub staff: Staff,
    /// Newest first.
    pub rows: Vec<Row>,
}

impl Disclosure {
    /// Reads what may be shown; `own` is the correlation of the act that asks, which is not in it.
    ///
    /// # Errors
    /// If something would be left out.
    pub async fn of(core: &Core, query: Query, subject: &str, own: &str) -> Result<Self, Fail> {
        let staff = if core.statement.audit.staff_named {
            Staff::Named
        } else {
            Staff::RoleOnly
        };
        Ok(Self {
            subject: subject.to_owned(),
            made: core.now(),
            staff,
            rows: reading::report(core, query, subject, staff, own).await?,
        })
    }

    /// The report in a form; `tenant` is whose events were read.
    ///
    /// # Errors
    /// If it cannot be written so.
    pub fn written(&self, form: Form, core: &Core, tenant: Option<&str>) -> Result<Vec<u8>, Fail> {
        let lines = |format: Format| {
            let lines = reading::text(core, format, &self.rows)?;
            Ok((format.head() + &lines).into_bytes())
        };
        match form {
            Form::Csv => lines(Format::Csv),
            Form::Fhir => lines(Format::Fhir),
            Form::Pdf => {
                document::disclosure::pdf(self, &core.statement.service, core.ledger.vkey(), tenant)
                    .map_err(|error| Fail::new("the report cannot be written as a PDF").from(error))
            }
        }
    }
}
