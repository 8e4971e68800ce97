//! Prints durable appends per second at 1, 64 and 1024 writers, beside the disk's own flush rate.
//!
//! `append_rate FOLDER [SECONDS]`: the ledger is made in a new folder inside FOLDER and removed afterwards.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use avouch_ledger::{Draft, Kind, Ledger, LogKey, Options, commit, verify};

/// Bytes of a sealed payload: an audit event with a few subjects.
const SEALED_BYTES: usize = 320;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("usage: append_rate FOLDER [SECONDS]")?;
    let seconds = arguments.next().map_or(Ok(3), |seconds| seconds.parse())?;
    let dir = Path::new(&folder).join(format!("append-rate-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let outcome = measure(&dir, Duration::from_secs(seconds));
    std::fs::remove_dir_all(&dir)?;
    outcome
}

fn measure(dir: &Path, period: Duration) -> Result<(), Box<dyn Error>> {
    println!(
        "{:<28} {:>10.0} /s",
        "raw write and fdatasync",
        flush_rate(&dir.join("raw"), period)?
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    for writers in [1, 64, 1024] {
        let ledger = dir.join(format!("ledger-{writers}"));
        let rate = runtime.block_on(append_rate(&ledger, writers, period))?;
        println!(
            "{:<28} {rate:>10.0} /s",
            format!("appends, {writers} writers")
        );
    }
    let ledger = dir.join("ledger-1024");
    let vkey = key()?.vkey().parse()?;
    let start = Instant::now();
    let report = verify::directory(&ledger, &vkey)?;
    let rate = report.checkpoint.size as f64 / start.elapsed().as_secs_f64();
    println!("{:<28} {rate:>10.0} /s", "entries verified");
    let start = Instant::now();
    let opened = Ledger::open(&ledger, key()?, &Options::default())?;
    let rate = opened.reader().size() as f64 / start.elapsed().as_secs_f64();
    println!("{:<28} {rate:>10.0} /s", "entries read back on opening");
    Ok(())
}

/// How often a second the disk can make one more record durable.
fn flush_rate(path: &Path, period: Duration) -> Result<f64, Box<dyn Error>> {
    let file = File::create(path)?;
    let record = [7; SEALED_BYTES + 80];
    let (start, mut count) = (Instant::now(), 0_u64);
    while start.elapsed() < period {
        file.write_all_at(&record, count * record.len() as u64)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

async fn append_rate(dir: &Path, writers: u32, period: Duration) -> Result<f64, Box<dyn Error>> {
    let ledger = Ledger::open(dir, key()?, &Options::default())?;
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (ledger, done) = (ledger.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                while start.elapsed() < period {
                    ledger.append(draft(writer)).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), avouch_ledger::AppendError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

fn key() -> Result<LogKey, Box<dyn Error>> {
    Ok(LogKey::from_seed("ledger.example.test/rate", &[1; 32])?)
}

fn draft(writer: u32) -> Draft {
    let sealed = vec![0x5a; SEALED_BYTES];
    Draft {
        kind: Kind::Event,
        stream: u128::from(writer % 16).to_be_bytes(),
        time: jiff::Timestamp::now(),
        commitment: commit(&[3; 32], &sealed),
        sealed,
    }
}
