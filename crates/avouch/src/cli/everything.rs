//! What `avouch restore --everything` takes.

use std::path::PathBuf;

use clap::Args;

/// What brings everything back onto a bare machine.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everything, onto a bare machine")]
pub struct Everything {
    /// Bring back the platform and every tenant into a new data folder, where no service runs: from `--from`, with
    /// `--keys`.
    #[arg(
        long,
        conflicts_with_all = ["tenant", "source", "snapshot", "at", "to", "file"],
        requires_all = ["from", "keys"]
    )]
    pub everything: bool,
    /// The copy of the folder of keys (`core/keys`).
    #[arg(long, value_name = "DIR", requires = "everything")]
    pub keys: Option<PathBuf>,
    /// The file with the master key; left out, a passphrase is asked for.
    #[arg(long, value_name = "FILE", requires = "everything")]
    pub master: Option<PathBuf>,
    /// Read the passphrase of the keys from this open descriptor, not from the terminal.
    #[arg(
        long,
        value_name = "N",
        requires = "everything",
        conflicts_with = "master"
    )]
    pub passphrase_fd: Option<u16>,
    /// The public key of the keeper, if it comes from one.
    #[arg(long, value_name = "KEY", requires = "everything")]
    pub pin: Option<String>,
    /// The file with what lets this service in at the keeper.
    #[arg(long, value_name = "FILE", requires = "everything")]
    pub credential: Option<PathBuf>,
    /// A checkpoint of the ledger that was kept elsewhere: what the backup lacks of it is told.
    #[arg(long, value_name = "FILE", requires = "everything")]
    pub checkpoint: Option<PathBuf>,
    /// Go on without what is missing of this tenant; more than once for several.
    #[arg(long, value_name = "TENANT", requires = "everything")]
    pub without: Vec<String>,
    /// Throw away what an earlier attempt has done, and begin again.
    #[arg(long, requires = "everything")]
    pub anew: bool,
}
