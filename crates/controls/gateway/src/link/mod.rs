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
//!   │ ◀── Revoke ────────────────────────── │   a session is over: its tunnels close
//! ```

mod core_end;
mod front_end;
mod message;
mod wire;

pub use core_end::{Admission, CoreEnd, NotRecorded, Report};
pub use front_end::{FrontEnd, LinkLost, Order};
pub use message::{
    Admit, Begin, CertifiedHost, Ciphers, Closed, Configure, End, EntryRule, Limits, Minimum,
    Outcome, Person, RecordRule, Refused, Role, SessionTag, SuiteCount, TlsRules, ToCore, ToFront,
};
pub use wire::WireError;
