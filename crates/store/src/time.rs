//! Times as the store keeps them: whole microseconds since 1970, UTC, so that every engine compares them alike.

use crate::StoreError;
use jiff::Timestamp;

/// The number to store.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The time a stored number stands for.
///
/// # Errors
/// If the number is outside the years that a timestamp can hold.
pub fn timestamp(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| StoreError::NotATime(micros))
}
