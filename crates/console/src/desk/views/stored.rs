//! What is backed up, and where.

use jiff::Timestamp;

/// One snapshot at one destination.
#[derive(Debug, Clone)]
pub struct BackupRow {
    /// The tenant's slug; `None` for the platform's own state.
    pub tenant: Option<String>,
    /// The source's name.
    pub source: String,
    /// The destination's name.
    pub destination: String,
    /// The snapshot's short id.
    pub snapshot: String,
    /// When it was taken.
    pub taken: Timestamp,
    /// Its size before compression, in bytes.
    pub bytes: u64,
    /// What differs from the one before, in words; empty for the first.
    pub changed: String,
    /// Why it is kept, such as `daily, weekly`.
    pub kept_as: String,
}

/// A destination, and what room it has.
#[derive(Debug, Clone)]
pub struct RoomRow {
    /// Its name.
    pub destination: String,
    /// Bytes in all its repositories.
    pub stored: u64,
    /// Bytes that can still be written there, if that is known.
    pub free: Option<u64>,
    /// Bytes that backups add in a day, once there has been a day.
    pub per_day: Option<u64>,
    /// Whole days until it is full at that rate; `None` if it is not known or does not fill up.
    pub full_in_days: Option<u64>,
}
