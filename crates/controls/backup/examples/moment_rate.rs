//! Follows a database, stores its changes, or restores it as it was at a moment, and prints how long each part of that took,
//! as one line of JSON: `moment_rate follow|store|restore DATABASE SCRATCH [MOMENT]`. For the bench, beside `sqlite3` and its
//! `.restore` of the same database. Following goes on until it is killed.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use avouch_backup::{
    changes::{
        Follow, follow,
        task::{Done, Shipped, Task},
    },
    far::Place,
    job::{self, Outcome, Spec},
    repository::Password,
};
use jiff::{Timestamp, tz::TimeZone};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{{\"error\":\"{error}\"}}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(step), Some(database), Some(scratch)) = (
        arguments.next(),
        arguments.next().map(PathBuf::from),
        arguments.next().map(PathBuf::from),
    ) else {
        let usage = "usage: moment_rate follow|store|restore DATABASE SCRATCH [MOMENT]";
        return Err(usage.into());
    };
    match (step.as_str(), arguments.next()) {
        ("follow", None) => Err(followed(database, &scratch).await),
        ("store", None) => store(&scratch).await,
        ("restore", Some(at)) => restore(&scratch, at.parse()?).await,
        _ => Err("there is no such step".into()),
    }
}

async fn followed(database: PathBuf, scratch: &Path) -> Box<dyn Error> {
    let what = Follow {
        database,
        folder: scratch.join("changes"),
        close_after: Duration::from_secs(1),
        generation: Duration::from_secs(86_400),
        last: None,
        boot: None,
    };
    follow(&what, &Timestamp::now).await.into()
}

/// Stores every generation, and notes what was stored for the restore.
async fn store(scratch: &Path) -> Result<(), Box<dyn Error>> {
    let now = Timestamp::now();
    let task = Task::Ship {
        folder: scratch.join("changes"),
        repository: repository(scratch),
        owner: "bench".to_owned(),
        source: "database".to_owned(),
        day: now.to_zoned(TimeZone::UTC).date(),
        now,
        known: Vec::new(),
    };
    let begun = Instant::now();
    let outcome = run(Spec::Changes { task }).await?;
    let Outcome::Changes {
        done: Done::Shipped {
            shipped, failed, ..
        },
    } = outcome
    else {
        return Err("storing answered something else".into());
    };
    if let Some(failed) = failed.first() {
        return Err(failed.why.clone().into());
    }
    part("store", begun);
    fs::write(scratch.join("stored.json"), serde_json::to_vec(&shipped)?)?;
    Ok(())
}

/// As in service: the generation is read back and written into an empty folder, and then the database is rebuilt and checked.
async fn restore(scratch: &Path, at: Timestamp) -> Result<(), Box<dyn Error>> {
    let stored: Vec<Shipped> = serde_json::from_slice(&fs::read(scratch.join("stored.json"))?)?;
    let of_it = stored
        .into_iter()
        .rev()
        .find(|one| one.facts.complete <= at);
    let one = of_it.ok_or("nothing is stored of that moment")?;
    let generation = scratch.join("stored").join(&one.generation);
    let begun = Instant::now();
    run(Spec::Restore {
        repository: repository(scratch),
        snapshot: one.snapshot,
        into: generation.clone(),
    })
    .await?;
    part("read-back", begun);
    let begun = Instant::now();
    let task = Task::Rebuild {
        generation,
        head: one.head,
        at,
        into: scratch.join("restored"),
        server: None,
    };
    run(Spec::Changes { task }).await?;
    part("rebuild", begun);
    Ok(())
}

async fn run(spec: Spec) -> Result<Outcome, Box<dyn Error>> {
    let password = Password::new("5f".repeat(32));
    Ok(job::run(spec, Some(&password), None).await?)
}

fn repository(scratch: &Path) -> Place {
    Place::Folder(scratch.join("repository"))
}

fn part(name: &str, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    println!("{{\"step\":\"{name}\",\"seconds\":{seconds:.3}}}");
}
