//! Prints how long a backup of a tree takes, and the peak memory so far, as one line of JSON for each step:
//! `backup_rate TREE SCRATCH`. For the bench, beside restic and borg on the same tree.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{error::Error, path::PathBuf, process::ExitCode, time::Instant};

use avouch_backup::{
    repository::{Label, Password, Repository},
    retention::Grade,
};

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
    let (Some(tree), Some(scratch)) = (arguments.next(), arguments.next()) else {
        return Err("usage: backup_rate TREE SCRATCH".into());
    };
    let (at, password) = (scratch.join("repository"), Password::new("5f".repeat(32)));
    let label = |day: &str| -> Result<Label, Box<dyn Error>> {
        Ok(Label {
            owner: "bench".to_owned(),
            source: "tree".to_owned(),
            taken: format!("{day}T04:00:00Z").parse()?,
            day: day.parse()?,
            grades: vec![Grade::Daily],
            manifest: "00".repeat(32),
        })
    };
    // Opened for each step, as each is a process of its own in service; the key derivation is part of the time.
    step("init", || {
        Repository::open_or_init(&at, &password).map(drop)
    })?;
    step("first", || -> Result<(), Box<dyn Error>> {
        Repository::open(&at, &password)?.store(&tree, &label("2026-01-05")?)?;
        Ok(())
    })?;
    step("unchanged", || -> Result<(), Box<dyn Error>> {
        Repository::open(&at, &password)?.store(&tree, &label("2026-01-06")?)?;
        Ok(())
    })?;
    step("verify", || -> Result<(), Box<dyn Error>> {
        let found = Repository::open(&at, &password)?.verify_all()?;
        if found.is_empty() {
            Ok(())
        } else {
            Err("the repository is damaged".into())
        }
    })?;
    let repository = Repository::open(&at, &password)?;
    let newest = repository.list()?.pop().ok_or("nothing was stored")?;
    // In service a snapshot is always read back before it is restored; the two are timed apart, as in the peers.
    let mut verified = None;
    step("read-back", || {
        repository
            .verify(newest)
            .map(|snapshot| verified = Some(snapshot))
    })?;
    let verified = verified.ok_or("nothing was read back")?;
    step("restore", || {
        repository
            .restore(&verified, &scratch.join("restored"))
            .map(drop)
    })
}

fn step<E: Into<Box<dyn Error>>>(
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
