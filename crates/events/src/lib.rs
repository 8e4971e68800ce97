//! Typed events: sealed, recorded in the ledger, indexed and searched.
