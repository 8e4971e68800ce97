//! Attempts to prove the claims about keys false.

mod escrow;
mod master;

pub use escrow::EscrowCheck;
pub use master::MasterCheck;
