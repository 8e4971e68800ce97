//! Storing a generation, and reading it back.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use super::{
    BASE, ChangesError, FACTS, Facts,
    leftovers::facts,
    log::{Head, read},
    number, segment,
    task::{Known, Shipped},
};
use crate::{
    job::JobError,
    repository::{Contents, Label, Repository, RepositoryError},
};

/// Stores a generation whole, and reads it back. What was stored and read back before is not read again where the new
/// snapshot shows that it holds just that, chunk for chunk; the log goes on from there, byte for byte.
pub(super) fn ship(
    repository: &Repository,
    folder: &Path,
    name: &str,
    label: &Label,
    known: Option<&Known>,
) -> Result<Shipped, JobError> {
    // What is altered here is not stored at all.
    if let Some(facts) = facts(folder)? {
        goes_on(folder, name, &facts, known)?;
    }
    let stored = repository.store(folder, label)?;
    let contents = repository.contents(&stored)?;
    let altered = |what: &str, why: &str| ChangesError::altered(Path::new(what), why);
    let facts: Facts = serde_json::from_slice(&contents.read(FACTS)?)
        .map_err(|error| altered(FACTS, &error.to_string()))?;
    let unchanged = match known {
        Some(known) => holds(repository, &contents, known)?,
        None => None,
    };
    let (mut head, from) = match unchanged {
        Some(known) => (known.head.clone(), known.segments),
        None => {
            if contents.digest(BASE)? != facts.image {
                return Err(altered(BASE, "what is stored has another hash").into());
            }
            (Head::start(name), 0)
        }
    };
    let segments = contents.names().filter_map(number).max().unwrap_or(0);
    for number in from + 1..=segments {
        let name = segment(number);
        let bytes = contents.read(&name)?;
        if read(bytes.as_slice(), facts.page_size, &mut head, |_| Ok(())).is_err() {
            let why = "what is stored does not go on where the log was left";
            return Err(altered(&name, why).into());
        }
        // What supersedes another must go on from just that.
        if let Some(known) = known.filter(|known| known.segments == number)
            && known.head.hash != head.hash
        {
            return Err(altered(&name, "it is another than was stored before").into());
        }
    }
    Ok(Shipped {
        snapshot: stored.listed().id.clone(),
        generation: name.to_owned(),
        segments,
        head,
        facts,
    })
}

/// Reads what is new of a log where it was written.
fn goes_on(
    folder: &Path,
    name: &str,
    facts: &Facts,
    known: Option<&Known>,
) -> Result<(), JobError> {
    let (mut head, from) = match known {
        Some(known) => (known.head.clone(), known.segments),
        None => (Head::start(name), 0),
    };
    for number in from + 1.. {
        let path = folder.join(segment(number));
        let file = match File::open(&path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(ChangesError::io("read", &path)(error).into()),
        };
        if read(file, facts.page_size, &mut head, |_| Ok(())).is_err() {
            let why = "it does not go on where the log was left";
            return Err(ChangesError::altered(&path, why).into());
        }
    }
    Ok(())
}

/// What is known, if the new snapshot holds all of it in the same chunks as the one that was read back. A chunk is named by
/// its hash.
fn holds<'k>(
    repository: &Repository,
    contents: &Contents,
    known: &'k Known,
) -> Result<Option<&'k Known>, JobError> {
    let earlier = match repository.find(&known.snapshot) {
        Ok(earlier) => repository.contents(&earlier)?,
        // It is gone; then all of the new one is read.
        Err(RepositoryError::NoSnapshot(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let same = (1..=known.segments)
        .map(segment)
        .chain([BASE.to_owned(), FACTS.to_owned()]);
    let all = same
        .into_iter()
        .all(|name| contents.has_same(&earlier, &name));
    Ok(all.then_some(known))
}
