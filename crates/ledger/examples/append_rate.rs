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
/// How long flushes and appends take turns.
const TURN: Duration = Duration::from_millis(200);

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    // In turns, so that what else the machine does meanwhile meets both alike.
    let (mut raw, mut appends) = (Rate::default(), Rate::default());
    let ledger = Ledger::open(&dir.join("ledger-1"), key()?, &Options::default())?;
    let mut flushes = Flushes::new(&dir.join("raw"))?;
    while appends.took < period {
        raw.add(flushes.run(TURN)?);
        appends.add(runtime.block_on(append(&ledger, 1, TURN))?);
    }
    drop(ledger);
    raw.print("raw write and fdatasync");
    appends.print("appends, 1 writers");
    for writers in [64, 1024] {
        let ledger = dir.join(format!("ledger-{writers}"));
        let ledger = Ledger::open(&ledger, key()?, &Options::default())?;
        runtime
            .block_on(append(&ledger, writers, period))?
            .print(&format!("appends, {writers} writers"));
    }
    let ledger = dir.join("ledger-1024");
    let vkey = key()?.vkey().parse()?;
    let start = Instant::now();
    let count = verify::directory(&ledger, &vkey)?.checkpoint.size;
    Rate::since(start, count).print("entries verified");
    let start = Instant::now();
    let count = Ledger::open(&ledger, key()?, &Options::default())?
        .reader()
        .size();
    Rate::since(start, count).print("entries read back on opening");
    Ok(())
}

/// So many in so much time.
#[derive(Default)]
struct Rate {
    count: u64,
    took: Duration,
}

impl Rate {
    fn since(start: Instant, count: u64) -> Self {
        let took = start.elapsed();
        Self { count, took }
    }

    fn add(&mut self, more: Self) {
        self.count += more.count;
        self.took += more.took;
    }

    fn print(&self, what: &str) {
        println!(
            "{what:<28} {:>10.0} /s",
            self.count as f64 / self.took.as_secs_f64()
        );
    }
}

/// Makes one more record durable at a time, in a file whose room is set aside.
struct Flushes {
    file: File,
    at: u64,
}

impl Flushes {
    fn new(path: &Path) -> Result<Self, Box<dyn Error>> {
        let file = File::create(path)?;
        file.write_all_at(&vec![0; 16 << 20], 0)?;
        file.sync_all()?;
        Ok(Self { file, at: 0 })
    }

    fn run(&mut self, period: Duration) -> Result<Rate, Box<dyn Error>> {
        let record = [7; SEALED_BYTES + 80];
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < period {
            self.file.write_all_at(&record, self.at)?;
            self.file.sync_data()?;
            self.at += record.len() as u64;
            count += 1;
        }
        Ok(Rate::since(start, count))
    }
}

async fn append(ledger: &Ledger, writers: u32, period: Duration) -> Result<Rate, Box<dyn Error>> {
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
    Ok(Rate::since(start, done.load(Ordering::Relaxed)))
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
