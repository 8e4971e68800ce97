//! Checks, verdicts, findings, rounds and packs, and a pack verifier that shares no code with any writer.
//!
//! A [`Check`] observes and judges; what came of it is a [`Finding`]; the findings of one run are a
//! [`Round`], which becomes one leaf of the ledger; [`standing()`] says from findings and the clock how
//! each claim stands; a [`Pack`] carries all of it to the customer, who runs [`verify`].
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

mod check;
mod finding;
mod pack;
mod promise;
mod round;
mod standing;
mod trail;
mod vantage;
pub mod verify;

pub use avouch_statement::{Audience, Claim, ClaimId, Verdict};
pub use check::{BoxFuture, Check, Clock, Ctx, People, Seen};
pub use finding::Finding;
pub use pack::{Entry, Pack, PackRound};
pub use promise::{InForce, Promise};
pub use round::{Header, Opened, Previous, Round, Sealed, Summary};
pub use standing::{Standing, standing};
pub use trail::Trail;
pub use vantage::{Answer, Ask, Gateway, MARK, Passed, VantageError};
