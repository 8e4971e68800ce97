//! Rebuilding a database of a server as it was at a moment, from what is stored of a generation.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Cluster;
use crate::{
    changes::{
        BASE, ChangesError, Facts,
        leftovers::facts,
        log::{Head, Record},
        rebuild::{Rebuilt, each},
    },
    manifest::Database,
    settings::Server,
    source::{
        SourceError, TAR, child,
        postgres::{self, Until, file},
    },
};

/// Brings a server up in the folder `fence`, which must not be there yet, as it was at `at`: with every transaction that had
/// ended by then, and none that had not. Its database is dumped into the folder `into`, as a backup of it is, and the server
/// is looked through and removed. The log must end with `head`.
///
/// # Errors
///
/// If anything is missing or altered, or the moment is before the first that the generation can show.
pub(crate) async fn recover(
    generation: &Path,
    head: &Head,
    at: Timestamp,
    server: &Server,
    (into, fence): (&Path, &Path),
) -> Result<(Rebuilt, String, Database), ChangesError> {
    let missing = || ChangesError::altered(generation, "it is no image of a server");
    let facts = facts(generation)?.ok_or_else(missing)?;
    let cluster = facts.cluster.clone().ok_or_else(missing)?;
    let data = fence.join("data");
    fs::create_dir_all(&data).map_err(ChangesError::io("create", &data))?;
    let failed = |source| ChangesError::Server {
        database: facts.database.clone(),
        source,
    };
    let image = generation.join(BASE);
    if digest(&image).map_err(ChangesError::io("read", &image))? != facts.image {
        return Err(ChangesError::altered(&image, "its hash is another"));
    }
    unpack(&image, &data).await.map_err(failed)?;
    verify(&cluster, &data, &facts.database)
        .await
        .map_err(failed)?;
    let log = write_log(generation, &facts, &cluster, &data)?;
    if log.head.hash != head.hash {
        return Err(ChangesError::altered(
            generation,
            "its log does not end where it did when it was stored",
        ));
    }
    if at < facts.complete {
        let to = log.head.up_to.unwrap_or(facts.complete);
        return Err(ChangesError::Beyond {
            at,
            from: facts.complete,
            to,
        });
    }
    let until = Until {
        at,
        end: log.reached,
        version: &cluster.version,
        database: &facts.database,
        user: &server.user,
    };
    let recovered = postgres::recover(fence, &until).await.map_err(failed)?;
    let found = recovered
        .dump(&facts.database, into)
        .await
        .map_err(failed)?;
    // It makes what it needs in the database, so the dump comes first.
    recovered.check(&facts.database).await.map_err(failed)?;
    let rebuilt = Rebuilt {
        last: recovered.last,
        next: recovered.next,
        pages: log.bytes / 8192,
    };
    recovered.end().await.map_err(failed)?;
    Ok((rebuilt, file(&facts.database), found))
}

/// What a log came to.
struct Log {
    head: Head,
    /// The last end of a record in it.
    reached: u64,
    bytes: u64,
}

/// Writes the server's own log where the server has it, in files of their whole length.
fn write_log(
    generation: &Path,
    facts: &Facts,
    cluster: &Cluster,
    data: &Path,
) -> Result<Log, ChangesError> {
    let folder = data.join("pg_wal");
    fs::create_dir_all(&folder).map_err(ChangesError::io("create", &folder))?;
    let segments = cluster.segments();
    let (mut reached, mut bytes, mut open) = (0, 0, None::<(u64, File)>);
    let head = each(generation, facts, |record| {
        match record {
            Record::Wal(at, part) => {
                let begins = segments.start(at);
                let path = folder.join(segments.name(at));
                let write = ChangesError::io("write", &path);
                let file = match open.take() {
                    Some((of, file)) if of == begins => file,
                    _ => whole(&path, segments.size).map_err(write)?,
                };
                // No record goes over the end of a file: each was read from one.
                file.write_all_at(&part, at - begins)
                    .map_err(ChangesError::io("write", &path))?;
                bytes += part.len() as u64;
                open = Some((begins, file));
            }
            Record::Reached(place) => reached = place,
            _ => {}
        }
        Ok(())
    })?;
    Ok(Log {
        head,
        reached,
        bytes,
    })
}

fn whole(path: &Path, length: u64) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut how = OpenOptions::new();
    how.write(true).create(true).truncate(false).mode(0o600);
    let file = how.open(path)?;
    file.set_len(length)?;
    Ok(file)
}

async fn unpack(image: &Path, into: &Path) -> Result<(), SourceError> {
    let mut unpack = child::command(Path::new(TAR));
    unpack
        .args(["--extract", "--no-same-owner", "--file"])
        .arg(image)
        .arg("--directory")
        .arg(into);
    child::run(unpack, "the image of the server").await
}

/// Has PostgreSQL compare every file of the image with the list that it was given with.
async fn verify(cluster: &Cluster, data: &Path, of: &str) -> Result<(), SourceError> {
    let program = postgres::programs_of(&cluster.version)?.join("pg_verifybackup");
    let mut verify = child::command(&program);
    verify
        .args(["--exit-on-error", "--no-parse-wal", "--quiet"])
        .arg(data);
    child::run(verify, of).await
}

fn digest(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        let count = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            return Ok(hex::encode(hash.finalize()));
        };
        hash.update(read);
    }
}
