//! Pages: sign-in, administration, statement and status, served to the gateway over a Unix socket.
//!
//! The console knows no engine. It owns one trait, [`Desk`], and the plain view-models it shows;
//! the binary joins them to the rest. What a page may do is in its handler's argument: a handler
//! that takes a [`Supplier`] cannot be reached by anybody else, so [`ROUTES`] reads as the
//! permission table.
//!
//! On the way in, in this order: the host decides the site, an unsafe request must come from our
//! own page, the route's caller is established, and only then does the handler run. On the way
//! out every answer carries the same security headers.

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

mod ask;
mod callers;
mod cookie;
mod desk;
mod guard;
mod html;
mod local_path;
mod pages;
mod routes;
mod secret;
mod service;
mod shown;

pub use callers::{OwnAdministrator, SignedIn, Supplier, TenantAdministrator, Visitor};
pub use desk::{Actor, Answer, Desk, DeskError, Moment, Person, Refusal, Role, Scope, Session};
pub use desk::{moments, second_factor, second_person, sharing, status, unusual, views};
pub use local_path::LocalPath;
pub use routes::{ROUTES, Route, router};
pub use secret::{Secret, SessionDigest, StateDigest};
pub use service::{Service, Site, Target};
