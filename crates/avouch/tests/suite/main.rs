//! The whole product from outside: the real binary, real processes, a real browser's requests.
//!
//! What is judged is judged by what anybody else has: commands, files, sockets and signals. The product's own types serve
//! only whoever attacks with more than that, such as the log's key, or words that belong between two of its processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a test may stop at the first surprise, and says what it saw"
)]

mod answer;
mod bad_luck;
mod bare_machine;
mod custody;
mod erasure;
mod escrow;
mod exports;
mod harness;
mod hostile;
mod idle;
mod keeper;
mod keys_sources;
mod load;
mod low_ports;
mod main_line;
mod moments;
mod notify;
mod reading;
mod rebuild;
mod reports;
mod requests;
mod restic;
mod restore;
mod review;
mod sabotage;
mod second_factor;
mod secrets;
mod server_logins;
mod sign_out;
mod soak;
mod sources;
mod statement_faults;
mod status;
mod stored;
mod strangers;
mod support;
mod timing;
mod trail;
mod tunnels;
mod usurped;
mod walk;
mod witness;
