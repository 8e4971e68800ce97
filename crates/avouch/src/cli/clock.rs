//! What `avouch clock` takes.

use clap::Subcommand;
use jiff::Timestamp;

#[derive(Debug, Subcommand)]
pub enum Clock {
    /// Say whether the clock is believed, and if not, why.
    Show,
    /// Say that the clock is right, by another: the way back after it was wrong and was believed.
    Believe {
        /// What the other clock says, as `date -Iseconds` prints it.
        time: Timestamp,
        /// How you know; it is recorded.
        #[arg(long, value_name = "TEXT")]
        because: String,
    },
}
