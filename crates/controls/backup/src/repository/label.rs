//! What a snapshot says of itself, in its tags.

use jiff::{Timestamp, civil};
use rustic_core::repofile::SnapshotFile;
use serde::{Deserialize, Serialize};

use crate::retention::{Grade, SnapshotId};

/// What a snapshot is of, kept in its tags so that a repository explains itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The tenant's short name, or `platform`.
    pub owner: String,
    /// The name of the source in the statement.
    pub source: String,
    /// When reading the source began.
    pub taken: Timestamp,
    /// The civil day of the slot it serves.
    pub day: civil::Date,
    /// The grades it was given.
    pub grades: Vec<Grade>,
    /// SHA-256 of its manifest, in hexadecimal.
    pub manifest: String,
}

/// A snapshot as the repository lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub id: SnapshotId,
    /// What it is of.
    pub label: Label,
    /// Bytes that were read from the staged copy.
    pub bytes: u64,
    /// Bytes by which the repository grew.
    pub added: u64,
}

impl Label {
    pub(super) fn tags(&self) -> Vec<String> {
        let mut tags = vec![
            "avouch".to_owned(),
            format!("owner={}", self.owner),
            format!("source={}", self.source),
            format!("day={}", self.day),
            format!("manifest={}", self.manifest),
        ];
        tags.extend(
            self.grades
                .iter()
                .map(|grade| format!("grade={}", grade.word())),
        );
        tags
    }
}

/// Reads a snapshot's tags back; `None` for one that somebody else made.
pub(super) fn listed(file: &SnapshotFile) -> Option<Listed> {
    let tags: Vec<&str> = (&file.tags).into_iter().map(String::as_str).collect();
    if !tags.contains(&"avouch") {
        return None;
    }
    let value = |key: &str| {
        tags.iter()
            .find_map(|tag| tag.strip_prefix(key)?.strip_prefix('='))
    };
    let label = Label {
        owner: value("owner")?.to_owned(),
        source: value("source")?.to_owned(),
        taken: file.time.timestamp(),
        day: value("day")?.parse().ok()?,
        grades: Grade::ALL
            .into_iter()
            .filter(|g| tags.contains(&format!("grade={}", g.word()).as_str()))
            .collect(),
        manifest: value("manifest")?.to_owned(),
    };
    let (bytes, added) = file.summary.as_ref().map_or((0, 0), |summary| {
        (summary.total_bytes_processed, summary.data_added_packed)
    });
    Some(Listed {
        id: name(&file.id),
        label,
        bytes,
        added,
    })
}

/// The whole name: the library's own text form is cut to eight digits.
pub(super) fn name(id: &rustic_core::repofile::SnapshotId) -> SnapshotId {
    SnapshotId(id.to_hex().as_str().to_owned())
}
