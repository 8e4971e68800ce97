//! Rebuilding a database as it was at a moment, from what is stored of a generation.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{BufReader, Read},
    os::unix::fs::{FileExt, PermissionsExt},
    path::Path,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    BASE, ChangesError, Facts, leftovers,
    log::{Bad, Head, Record, read},
    segment,
};

/// What was rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rebuilt {
    /// When the last change that is in it was seen; `None` if there was none since the image was complete.
    pub last: Option<Timestamp>,
    /// When the first change that is not in it was seen, if there is one.
    pub next: Option<Timestamp>,
    /// Pages that were written over the image; of a server, those of its own log.
    pub pages: u64,
}

/// Writes the database of a stored generation into the folder `into`, under its own name, as it was at `at`: with
/// everything that had been seen by then, and nothing that was not. The log must end with `head`.
///
/// # Errors
///
/// If anything is missing or altered, or the moment is before the first that the generation can show.
pub fn rebuild(
    generation: &Path,
    head: &Head,
    at: Timestamp,
    into: &Path,
) -> Result<Rebuilt, ChangesError> {
    let facts = leftovers::facts(generation)?
        .ok_or_else(|| ChangesError::altered(generation, "it has no image"))?;
    let (mut last, mut next, mut looks, mut past) = (None, None, 0_u64, false);
    let found = each(generation, &facts, |record| {
        if let Record::Seen(seen) = record {
            past |= seen.at > at;
            looks += u64::from(!past);
            match (past, seen.pages > 0) {
                (false, true) => last = Some(seen.at),
                (true, true) if next.is_none() => next = Some(seen.at),
                _ => {}
            }
        }
        Ok(())
    })?;
    if found.hash != head.hash {
        return Err(ChangesError::altered(
            generation,
            "its log does not end where it did when it was stored",
        ));
    }
    if at < facts.complete {
        let to = found.up_to.unwrap_or(facts.complete);
        return Err(ChangesError::Beyond {
            at,
            from: facts.complete,
            to,
        });
    }
    let name = Path::new(&facts.database)
        .file_name()
        .ok_or_else(|| ChangesError::altered(generation, "its database has no name"))?;
    let target = into.join(name);
    let file = copy(&generation.join(BASE), &target, &facts)?;
    let write = |act| ChangesError::io(act, &target);
    let (mut pages, mut size) = (0, None);
    each(generation, &facts, |record| {
        match record {
            _ if looks == 0 => {}
            Record::Pages(changed) => {
                for (number, content) in changed {
                    let place = u64::from(number.saturating_sub(1)) * u64::from(facts.page_size);
                    file.write_all_at(&content, place).map_err(write("write"))?;
                    pages += 1;
                }
            }
            Record::Seen(seen) => {
                looks -= 1;
                if seen.pages > 0 {
                    size = Some(u64::from(seen.pages) * u64::from(facts.page_size));
                }
            }
            Record::Mark(_) | Record::Clock(_) | Record::Wal(..) | Record::Reached(_) => {}
        }
        Ok(())
    })?;
    if let Some(size) = size {
        file.set_len(size).map_err(write("write"))?;
    }
    file.set_permissions(Permissions::from_mode(facts.mode & 0o777))
        .and_then(|()| file.sync_all())
        .map_err(write("write"))?;
    Ok(Rebuilt { last, next, pages })
}

/// Reads the whole log of a generation; its end.
pub(super) fn each(
    generation: &Path,
    facts: &Facts,
    mut take: impl FnMut(Record) -> Result<(), ChangesError>,
) -> Result<Head, ChangesError> {
    let name = generation.file_name().unwrap_or_default().to_string_lossy();
    let mut head = Head::start(&name);
    for number in 1.. {
        let path = generation.join(segment(number));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
            Err(error) => return Err(ChangesError::io("read", &path)(error)),
        };
        match read(BufReader::new(file), facts.page_size, &mut head, &mut take) {
            Ok(()) => {}
            Err(Bad::Altered(at)) => {
                return Err(ChangesError::altered(&path, format!("from byte {at} on")));
            }
            Err(Bad::Failed(error)) => return Err(error),
        }
    }
    Ok(head)
}

fn copy(from: &Path, to: &Path, facts: &Facts) -> Result<File, ChangesError> {
    let mut image = File::open(from).map_err(ChangesError::io("read", from))?;
    let made = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(to);
    let file = made.map_err(ChangesError::io("create", to))?;
    let (mut hash, mut at, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let count = image
            .read(&mut buffer)
            .map_err(ChangesError::io("read", from))?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        hash.update(read);
        file.write_all_at(read, at)
            .map_err(ChangesError::io("write", to))?;
        at += read.len() as u64;
    }
    if hex::encode(hash.finalize()) != facts.image {
        return Err(ChangesError::altered(from, "its hash is another"));
    }
    Ok(file)
}
