//! `cargo xtask tidy`: the house rules that no compiler and no linter knows.
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

mod tidy;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments != ["tidy"] {
        return say(2, "usage: cargo xtask tidy");
    }
    let Some(root) = Path::new(env!("CARGO_MANIFEST_DIR")).parent() else {
        return say(2, "error: the repository is not where xtask was built");
    };
    match tidy::faults(root) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            say(1, &lines.join("\n"))
        }
        Err(cause) => say(2, &format!("error: {cause}")),
    }
}

fn say(code: u8, text: &str) -> ExitCode {
    // Without anybody to read it, the exit code still tells.
    _ = writeln!(io::stderr(), "{text}");
    ExitCode::from(code)
}
