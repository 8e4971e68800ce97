//! `avouch`: the command line, the roles and the wiring between the parts. No logic of its own.
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

mod cli;
mod commands;
mod control;
mod core;
mod document;
mod durable;
mod everything;
mod fail;
mod front;
mod requirements;
mod statement_file;
mod text;
mod up;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(2),
            };
        }
    };
    // The one place where the process-wide provider is chosen; everything else names it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match commands::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(fail) => {
            let text = fail.to_string();
            // The faults of a statement each begin so themselves.
            if text.starts_with("error: ") {
                talk(&text);
            } else {
                talk(&format!("error: {text}"));
            }
            ExitCode::from(fail.exit_code())
        }
    }
}

/// Says something to the person, on standard error.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes data to standard output. A reader that has gone is not our fault.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// Sends what the program logs to standard error: text for a person, JSON otherwise.
pub(crate) fn log_to_stderr() {
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("AVOUCH_LOG").unwrap_or_else(|_| "info".into());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder.json().init();
    }
}

/// The wall clock: the only reading of it in the product.
pub(crate) fn clock() -> avouch_evidence::Clock {
    std::sync::Arc::new(jiff::Timestamp::now)
}
