//! Does one step of a backup of a tree and prints how long it took, as one line of JSON for each part of it:
//! `backup_rate init|store|verify|restore TREE SCRATCH`. For the bench, beside restic and borg on the same tree: one
//! process for each step, as in service and as the others are, so that each has a peak of memory of its own.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use avouch_backup::{
    repository::{Label, Password, Repository},
    retention::Grade,
};
use jiff::{ToSpan, civil::Date};

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{{\"error\":\"{error}\"}}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(step), Some(tree), Some(scratch)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: backup_rate init|store|verify|restore TREE SCRATCH".into());
    };
    let (at, password) = (scratch.join("repository"), Password::new("5f".repeat(32)));
    // Opening is part of each step: the key is derived from the password each time.
    match step.to_str() {
        Some("init") => part("init", || {
            Repository::open_or_init(&at, &password).map(drop)
        }),
        Some("store") => part("store", || store(&at, &password, &tree)),
        Some("verify") => part("verify", || -> Result<(), Box<dyn Error>> {
            match Repository::open(&at, &password)?.verify_all()?.first() {
                None => Ok(()),
                Some(first) => Err(first.to_string().into()),
            }
        }),
        Some("restore") => restore(&at, &password, &scratch.join("restored")),
        _ => Err("there is no such step".into()),
    }
}

/// Stores the tree as the backup of the day after the newest there is.
fn store(at: &Path, password: &Password, tree: &Path) -> Result<(), Box<dyn Error>> {
    let repository = Repository::open(at, password)?;
    let first: Date = "2026-01-05".parse()?;
    let newest = repository.list()?.pop();
    let day = match newest {
        None => first,
        Some(newest) => newest.listed().label.day.checked_add(1.day())?,
    };
    let label = Label {
        owner: "bench".to_owned(),
        source: "tree".to_owned(),
        taken: format!("{day}T04:00:00Z").parse()?,
        day,
        grades: vec![Grade::Daily],
        manifest: "00".repeat(32),
    };
    repository.store(tree, &label)?;
    Ok(())
}

/// In service a snapshot is always read back before it is restored; the two are timed apart, since the others do not.
fn restore(at: &Path, password: &Password, into: &Path) -> Result<(), Box<dyn Error>> {
    let mut found = None;
    part("read-back", || -> Result<(), Box<dyn Error>> {
        let repository = Repository::open(at, password)?;
        let newest = repository.list()?.pop().ok_or("nothing was stored")?;
        let verified = repository.verify(newest)?;
        found = Some((repository, verified));
        Ok(())
    })?;
    let (repository, verified) = found.ok_or("nothing was read back")?;
    part("restore", || repository.restore(&verified, into).map(drop))
}

fn part<E: Into<Box<dyn Error>>>(
    name: &str,
    work: impl FnOnce() -> Result<(), E>,
) -> Result<(), Box<dyn Error>> {
    let before = Instant::now();
    work().map_err(Into::into)?;
    let seconds = before.elapsed().as_secs_f64();
    println!(
        "{{\"step\":\"{name}\",\"seconds\":{seconds:.3},\"peak_mib\":{}}}",
        peak_mib()
    );
    Ok(())
}

/// The most memory this process has held at once, in MiB, as the kernel counts it.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib / 1024)
}
