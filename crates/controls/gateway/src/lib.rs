//! The gateway: TLS, limits, header hygiene, forwarding, and the link to the core.
//!
//! The life of a request, one phase after the other; `phase::Phase` names them and every refusal says in which it fell.
//!
//! ```text
//!  client ─▶ accept ─▶ tls ─▶ head ─▶ admit ─▶ hop ─▶ hold ─▶ release ─▶ record
//!            a place   what   names,   the core   the    the core  headers   every end is
//!            in the    was    sizes,   says who   app's  has the   cleaned,  told, refused
//!            crowd     agreed spelling and whose  socket outcome   body      ones included
//!                                                        on disk   streams
//! ```
//!
//! The `front` role is [`front::run`]. It reads no file: everything it needs comes over the link from the core
//! ([`link`]), and nothing passes without the core's word, once before the request is forwarded and once before its
//! answer is released. Reads may be forwarded on the core's earlier word about the same token; it is judged anew before
//! their answer is released.
//!
//! The page of the service's status alone is made here, from what the core said last ([`link::Status`]): it is up while the
//! core is not.
//!
//! What is absent: no store, no ledger, no password, and no session table but the core's last words, which decide
//! nothing. A token never leaves this process, only its digest.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may stop at the first surprise"
    )
)]

pub mod assertion;
pub mod certs;
pub mod checks;
pub mod front;
pub mod hygiene;
pub mod link;
pub mod phase;
pub mod refusal;
pub mod secret;
mod settings;
pub mod tls;

pub use settings::{Settings, read};
