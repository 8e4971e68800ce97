//! Joins the controls: each needing side owns a small trait, and the binary answers it here.

mod custodian;
mod exports;
mod inside;
mod kept;
mod ledger_copy;
mod logins;
mod management;
mod reporting;
mod reviewing;
mod running;
mod status;
mod trail;
mod turned_away;
mod witnesses;

pub use custodian::Custodian;
pub use exports::Exports;
pub use inside::Prober;
pub use logins::LoginRecord;
pub use management::Operator;
pub use reporting::Reporter;
pub use reviewing::Reviewer;
pub use status::{Faults, Incidents};
pub use trail::{Refusals, Trail};
pub use turned_away::TurnedAway;
pub use witnesses::{AUTHORITIES, Witnesses};
