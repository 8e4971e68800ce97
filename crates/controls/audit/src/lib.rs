//! The audit promises: every request and every management act is in the ledger.
