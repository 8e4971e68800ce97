//! The link between front and core: typed messages over one Unix socket, batched both ways.
//!
//! A frame is a big-endian `u32` length and that many bytes of postcard. Each side has one writer that takes everything
//! waiting and writes it at once, so that a burst of requests costs one call and not one each.
//!
//! ```text
//! front                                   core
//!   │ ◀── Configure ─────────────────────── │   listeners, keys, rules; again when the statement changes
//!   │ ─── Listening / ListenFailed ───────▶ │
//!   │ ─── Begin ──────────────────────────▶ │   who, where, what; never the token, only its digest
//!   │ ◀── Begun (after the intent is kept)  │
//!   │ ─── End ────────────────────────────▶ │   only after a Begun that forwards
//!   │ ◀── Ended (after the event is kept) ─ │   only now does the answer leave
//!   │ ─── Closed · Refused · Suites ──────▶ │   tunnels that ended; what was refused unasked; what was negotiated
//!   │ ◀── Revoke ────────────────────────── │   a session is over: its tunnels close, its warrant is forgotten
//!   │ ◀── Status · StillSo ──────────────── │   what people are told of how the service is, and that it is still so
//!   │ ─── Revoked ────────────────────────▶ │   that is done: only now is the person told that they are signed out
//!   │ ◀── Rest ──────────────────────────── │   may this tenant's instance be stopped? its warrants are forgotten
//!   │ ─── Rested ─────────────────────────▶ │   what still streams to or from it, and when that last ended
//! ```
//!
//! A read costs one question and not two while the front has a warrant: the core's word of at most half a minute ago about
//! the same token. It goes to the instance at once, and its `End` carries what its `Begin` would have said. The core then
//! judges it as it stands at that moment and keeps the event, and only then does the answer leave; if the word does not hold
//! any more, that too is an event, what the instance said is thrown away and the core is asked anew. Should the core die before
//! it has kept such an event, the next core is told of it. What may change something is always asked about first.

mod core_end;
mod front_end;
mod gather;
mod message;
mod rest;
mod status;
mod warrant;
mod wire;

pub use core_end::{Admission, CoreEnd, LinkId, NotRecorded, Report};
pub use front_end::{FrontEnd, LinkLost, Order};
pub use message::{
    Admit, Begin, CertifiedHost, Ciphers, Closed, Configure, End, Ending, EntryRule, Flowed,
    Limits, Minimum, Outcome, Person, Read, RecordRule, Refused, Role, SessionTag, SuiteCount,
    TlsRules, ToCore, ToFront, WarrantMark,
};
pub use rest::{Quiet, Rested};
pub use status::{About, Notice, Said, Status};
pub(crate) use warrant::Warrant;
pub use wire::WireError;
