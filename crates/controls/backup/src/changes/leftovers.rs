//! What a follower that was ended has left: its last file of the log is closed as far as it was written whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use super::{
    Beat, ChangesError, FACTS, Facts,
    generation::{part_path, settle},
    log::{Bad, Head, Seen, Writer, read},
    segment, unfinished,
};

/// Closes what was left open in `folder`, and removes what came to nothing.
pub(super) fn clear(folder: &Path) -> Result<(), ChangesError> {
    let open = unfinished(folder);
    // A word that a power cut left half written says nothing.
    let beat = match Beat::read(folder) {
        Err(ChangesError::Altered { .. }) => None,
        beat => beat?,
    };
    for entry in fs::read_dir(folder).map_err(ChangesError::io("read", folder))? {
        let path = entry.map_err(ChangesError::io("read", folder))?.path();
        if !path.is_dir() || path == open {
            continue;
        }
        match facts(&path) {
            Ok(Some(facts)) => close(&open, &path, &facts, beat.as_ref())?,
            // Without its image nothing can be made of it.
            Ok(None) => fs::remove_dir_all(&path).map_err(ChangesError::io("remove", &path))?,
            // It stays as it is, and whoever is to store it says so.
            Err(ChangesError::Altered { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if open.is_dir() {
        fs::remove_dir_all(&open).map_err(ChangesError::io("remove", &open))?;
    }
    fs::create_dir(&open).map_err(ChangesError::io("create", &open))
}

/// What is known of a generation's image, if that was finished.
pub(super) fn facts(generation: &Path) -> Result<Option<Facts>, ChangesError> {
    let at = generation.join(FACTS);
    match fs::read(&at) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| ChangesError::altered(&at, error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ChangesError::io("read", &at)(error)),
    }
}

fn close(
    open: &Path,
    generation: &Path,
    facts: &Facts,
    beat: Option<&Beat>,
) -> Result<(), ChangesError> {
    let name = generation
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let number = (1..)
        .find(|number| !generation.join(segment(*number)).exists())
        .unwrap_or(1);
    let part = part_path(open, &name, number);
    let file = match OpenOptions::new().read(true).write(true).open(&part) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ChangesError::io("close", &part)(error)),
    };
    let mut head = Head::start(&name);
    if number > 1 {
        head.hash = last_hash(&generation.join(segment(number - 1)))?;
    }
    let whole = match read(
        BufReader::new(&file),
        facts.page_size,
        &mut head,
        |_| Ok(()),
    ) {
        Ok(()) => file
            .metadata()
            .map_err(ChangesError::io("read", &part))?
            .len(),
        Err(Bad::Altered(at)) => at,
        Err(Bad::Failed(error)) => return Err(error),
    };
    file.set_len(whole)
        .map_err(ChangesError::io("close", &part))?;
    // Nothing had changed since the last record, by the follower's last word, if that was about just this log.
    let quiet = beat
        .filter(|beat| beat.generation.as_ref() == Some(&name))
        .filter(|beat| beat.log.as_ref() == Some(&head.hash))
        .map(|beat| beat.up_to);
    let mut hash = [0; 32];
    if let (Some(up_to), Ok(())) = (quiet, hex::decode_to_slice(&head.hash, &mut hash)) {
        let end = OpenOptions::new()
            .append(true)
            .open(&part)
            .map_err(ChangesError::io("close", &part))?;
        let mut writer = Writer::new(end, hash);
        writer
            .seen(Seen::quiet(up_to))
            .and_then(|()| writer.sync())
            .map_err(ChangesError::io("close", &part))?;
    } else if whole == 0 {
        return Ok(());
    }
    file.sync_all().map_err(ChangesError::io("close", &part))?;
    settle(open, &name, number, generation)
}

/// Every record ends with the hash that the next goes on after.
pub(super) fn last_hash(path: &Path) -> Result<String, ChangesError> {
    let mut hash = [0; 32];
    File::open(path)
        .and_then(|mut file| {
            file.seek(SeekFrom::End(-32))?;
            file.read_exact(&mut hash)
        })
        .map_err(ChangesError::io("read", path))?;
    Ok(hex::encode(hash))
}
