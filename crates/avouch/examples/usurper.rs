//! A core that somebody has taken over, in the place of `avouch`: for the tests, which put it into the folder of programs
//! and have the core started again.
//!
//! As the core it tells the supervisor every line of `core/asks` in the data folder, and writes what it is answered to
//! `core/answers`. It confines as `avouch` does, because the supervisor is not what was taken over; and as a job it says
//! `here`, so that a job that is allowed can be told from one that is refused.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use avouch_runtime::confine;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["confine", "--spec", spec, "--", command @ ..] => confined(spec, command),
        ["role", "core", "--data", data, ..] => ask(Path::new(data)),
        ["job"] => writeln!(io::stdout(), "here").map_err(Into::into),
        _ => Err("no such part to play".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "usurper: {error}");
            ExitCode::FAILURE
        }
    }
}

fn confined(spec: &str, command: &[&str]) -> Result<(), Box<dyn Error>> {
    let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
    match confine::exec(&serde_json::from_str(spec)?, &command)? {}
}

/// Asks, and keeps the answers until the supervisor ends it.
fn ask(data: &Path) -> Result<(), Box<dyn Error>> {
    let asks = fs::read(data.join("core/asks"))?;
    let mut link = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let heard = BufReader::new(link.try_clone()?);
    let mut answers = OpenOptions::new()
        .create(true)
        .append(true)
        .open(data.join("core/answers"))?;
    link.write_all(&asks)?;
    for line in heard.lines() {
        writeln!(answers, "{}", line?)?;
    }
    Ok(())
}
