//! The phases of a request, in their fixed order.

use serde::{Deserialize, Serialize};

/// Where in its life a request is, or was when it was refused. The order of the variants is the order of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// A place among the connections is taken before the connection is accepted.
    Accept,
    /// The handshake: version, suite and name are agreed.
    Tls,
    /// The head is read and judged: host, framing, header names, sizes, origin, and numbers where only numbers may pass.
    Head,
    /// The core says who it is and whose data it may reach.
    Admit,
    /// The request goes to the tenant's instance.
    Hop,
    /// The answer waits until its event is on disk.
    Hold,
    /// The answer's head is cleaned and its body streams.
    Release,
    /// The end is told to the core, whatever it was.
    Record,
}

impl Phase {
    /// The lower-case name used in events and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Tls => "tls",
            Self::Head => "head",
            Self::Admit => "admit",
            Self::Hop => "hop",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Record => "record",
        }
    }
}
