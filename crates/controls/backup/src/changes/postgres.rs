//! Following a PostgreSQL server: an image of all of it, and its own write-ahead log as it grows.
//!
//! The server is asked where its log ends, and it is Debian's `pg_receivewal` that brings the log over, through a replication
//! slot, so that nothing is thrown away there before it has come. Each transaction says in the log when it ended: so every
//! moment between two can be had, however seldom the server is looked at, and a follower that was away misses nothing while
//! the server keeps the log for it.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::settings::Server;

mod follow;
mod link;
mod look;
mod receive;
mod recover;
mod segments;

pub use follow::follow;
pub(crate) use look::{let_go, look};
pub(crate) use recover::recover;
use segments::Segments;

/// What is followed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FollowServer {
    /// The server, and one of its databases.
    pub server: Server,
    /// The folder for the generations.
    pub folder: PathBuf,
    /// How long a file of the log with changes in it stays open.
    pub close_after: Duration,
    /// How long a generation lasts.
    pub generation: Duration,
    /// The last generation that is known to be stored: the names of others come after it.
    pub last: Option<String>,
    /// Which run of the machine this is, if that is known.
    pub boot: Option<String>,
}

/// What tells one server's log from any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cluster {
    /// The server's version, without the lesser one.
    pub version: String,
    /// Its own number.
    pub system: String,
    /// Which of its histories this is: each restore of the server begins another.
    pub timeline: u32,
    /// Bytes of a file of its log.
    pub segment: u64,
}

impl Cluster {
    fn segments(&self) -> Segments {
        Segments {
            timeline: self.timeline,
            size: self.segment,
        }
    }
}

/// The name of a source's replication slot. Another service that follows the same server has another folder.
#[must_use]
pub fn slot(folder: &std::path::Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let tells = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let tells = hex::encode(tells.get(..4).unwrap_or_default());
    format!("avouch_{}_{tells}", name.replace('-', "_"))
}

/// Where the server's log arrives, beside the generations.
fn arriving(folder: &std::path::Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!("{name}.arriving"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn two_folders_have_two_slots_and_any_name_of_a_source_makes_one() {
        let one = slot(Path::new("/srv/one/bookings-main"));
        assert!(one.starts_with("avouch_bookings_main_"), "{one}");
        assert_ne!(one, slot(Path::new("/srv/two/bookings-main")));
        // What the server takes: at most 63 letters.
        let longest = format!("/srv/{}", "a".repeat(40));
        assert!(slot(Path::new(&longest)).len() <= 63);
    }
}
