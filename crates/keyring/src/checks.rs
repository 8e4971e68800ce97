//! Attempts to prove the claims about keys false.

mod master;

pub use master::MasterCheck;
