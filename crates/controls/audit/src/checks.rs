//! Attempts to find something that is not in the ledger, and to change the ledger unnoticed.

pub mod connections;
mod custody;
mod disclosed;
mod exported;
mod keep;
mod kept;
mod logins;
mod management;
mod reports;
mod requests;
mod review;
mod sweep;
mod tampering;
mod target;
mod trail;
mod witnessed;

pub use connections::Connections;
pub use custody::{Asked, Barred, CustodyCheck, Reading, Shared};
pub use disclosed::{Access, Disclosed, DisclosedCheck, Disclosing};
pub use exported::{Back, Delivery, ExportedCheck, Exports};
pub use keep::Keep;
pub use kept::{Keeping, Kept, KeptReports};
pub use logins::{COMPARED, Following, LoginsCheck, Looked, Lost, Told};
pub use management::{Management, ManagementCheck, Performed, Through};
pub use reports::{Known, Recount, Reporting, Reports};
pub use requests::Requests;
pub use review::{Kept as KeptReviews, Plan, Probed, ReviewCheck, Reviewing};
pub use sweep::Sweep;
pub use tampering::Tampering;
pub use target::{Availability, Measured, Targets};
pub use trail::{Contents, Damage, Harm, Line, Mark, Stage, Trail};
pub use witnessed::{Answers, WitnessedCheck, Witnesses};

/// 15 random digits: small enough to be an id in any application, and no real record's.
fn marker() -> Result<String, String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    let number = u64::from_le_bytes(bytes) % 900_000_000_000_000;
    Ok((100_000_000_000_000 + number).to_string())
}
