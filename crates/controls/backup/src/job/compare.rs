//! Comparing what was restored with what was backed up.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{JobError, MOST, Outcome};
use crate::{
    manifest::{self, Difference},
    source,
};

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Compared {
    /// Files compared.
    pub files: u64,
    /// Rows compared.
    pub rows: u64,
    /// Where the restored data differ; the first fifty.
    pub differences: Vec<Difference>,
    /// Each question and whether it was answered by yes.
    pub expected: Vec<(String, bool)>,
    /// What the database's own checks found, if anything.
    pub damage: Option<String>,
    /// Of a moment that was restored: when the last change that is in it was seen.
    #[serde(default)]
    pub last: Option<Timestamp>,
    /// And the first that is not in it.
    #[serde(default)]
    pub next: Option<Timestamp>,
}

impl Compared {
    /// Whether the restored data are what was backed up, and answer as they should.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.damage.is_none()
            && self.differences.is_empty()
            && self.expected.iter().all(|(_, yes)| *yes)
    }
}

pub(super) async fn compare(
    restored: &Path,
    digest: &str,
    expect: &[String],
) -> Result<Outcome, JobError> {
    let path = restored.join(manifest::FILE);
    let recorded = source::read(&path)?;
    let mut compared = Compared {
        files: recorded.files.len() as u64,
        rows: recorded.rows(),
        ..Compared::default()
    };
    if recorded.digest() != digest {
        compared.damage =
            Some("the manifest is not the one that the snapshot was labelled with".to_owned());
    }
    match source::try_out(restored, &recorded, expect).await {
        Ok(tried) => {
            compared.differences = recorded.compare(&tried.found);
            compared.differences.truncate(MOST);
            compared.expected = tried.answers;
        }
        Err(error) => match error.fault() {
            Some(fault) => compared.damage = Some(fault.to_string()),
            None => return Err(error.into()),
        },
    }
    Ok(Outcome::Compared(compared))
}
