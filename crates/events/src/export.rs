//! Events in the formats of others: FHIR AuditEvent, Elastic Common Schema, CSV and plain JSON, one line after another.
//!
//! Every line says where its event is in the ledger, so that it can be proved; a repeated line has the same id.

mod ecs;
mod fhir;
mod sheet;

pub use self::ecs::STREAM;
use crate::{Event, Row};

/// A format that events leave in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// FHIR R4 AuditEvent, one resource a line (NDJSON).
    Fhir,
    /// Comma-separated, one event a line under a line of headings.
    Csv,
    /// Elastic Common Schema as the body of a `_bulk` request.
    Ecs,
    /// The event as it was recorded, one JSON object a line.
    Json,
}

/// Where events come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The log's name, as in its checkpoint.
    pub log: String,
    /// The service's name.
    pub service: String,
}

impl Origin {
    /// What an entry is known by in every system that it is exported to.
    #[must_use]
    pub fn id(&self, index: u64) -> String {
        format!("{}/{index}", self.log)
    }
}

impl Format {
    /// What stands before the first event.
    #[must_use]
    pub fn head(self) -> String {
        match self {
            Self::Csv => sheet::head(),
            Self::Fhir | Self::Ecs | Self::Json => String::new(),
        }
    }

    /// One event, with its line ends; with FHIR one line for each patient.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn lines(self, row: &Row, origin: &Origin) -> Result<String, serde_json::Error> {
        match self {
            Self::Csv => Ok(sheet::line(row)),
            Self::Fhir => written(fhir::resources(row, origin)),
            Self::Ecs => written(ecs::lines(row, origin)),
            Self::Json => {
                let mut event = serde_json::to_value(&row.event)?;
                if let Some(fields) = event.as_object_mut() {
                    fields.insert(
                        "ledger".to_owned(),
                        serde_json::json!({ "log": origin.log, "index": row.index }),
                    );
                }
                written([event])
            }
        }
    }
}

/// Each value on a line of its own.
fn written(
    values: impl IntoIterator<Item = serde_json::Value>,
) -> Result<String, serde_json::Error> {
    values.into_iter().try_fold(String::new(), |text, value| {
        Ok(text + &serde_json::to_string(&value)? + "\n")
    })
}

/// The method of a request's event.
fn method(event: &Event) -> Option<&str> {
    let (method, path) = event.object.split_once(' ')?;
    let is_method = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
    (is_method && !path.is_empty()).then_some(method)
}

#[cfg(test)]
mod tests;
