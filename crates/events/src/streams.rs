//! Streams: one chain of events for each tenant and one for the platform.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use avouch_statement::TenantId;

/// A stream's id in the ledger: random for a tenant, so that a leaf does not name its tenant.
pub type StreamId = [u8; 16];

/// Stands for the platform in the file.
const PLATFORM: &str = "-";
/// Stands for whoever's data were erased.
const ERASED: &str = "!";

/// Which stream is whose. Kept as one small file; a tenant's line is written before its first event.
#[derive(Debug)]
pub struct Streams {
    path: PathBuf,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    ids: HashMap<Option<TenantId>, StreamId>,
    owners: HashMap<StreamId, Owner>,
}

/// Whose a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The platform's.
    Platform,
    /// A tenant's.
    Tenant(TenantId),
    /// Of somebody whose data were erased; whose it was is not kept.
    Erased,
}

impl Streams {
    /// Reads the file, or begins it.
    ///
    /// # Errors
    /// If it cannot be read, or a line of it is not a name and an id.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        // A line that a crash or a full disk cut off was never used: its stream is used once the line is on disk.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let (text, cut) = text.split_at(whole);
        if !cut.is_empty() {
            let file = fs::OpenOptions::new().write(true).open(path)?;
            shorten(&file, whole)?;
        }
        let mut known = Known::default();
        for line in text.lines() {
            let parsed = line.split_once(' ').and_then(|(name, id)| {
                let id = StreamId::try_from(hex::decode(id).ok()?).ok()?;
                let owner = match name {
                    PLATFORM => Owner::Platform,
                    ERASED => Owner::Erased,
                    name => Owner::Tenant(name.parse().ok()?),
                };
                Some((owner, id))
            });
            let (owner, id) = parsed.ok_or_else(|| {
                std::io::Error::other(format!(
                    "`{}`: `{line}` is not a name and a stream id",
                    path.display()
                ))
            })?;
            known.add(owner, id);
        }
        Ok(Self {
            path: path.to_owned(),
            known: RwLock::new(known),
        })
    }

    /// The stream of a tenant, or the platform's; made on first use.
    ///
    /// # Errors
    /// If a new stream cannot be written down.
    pub fn of(&self, tenant: Option<&TenantId>) -> std::io::Result<StreamId> {
        let key = tenant.cloned();
        if let Some(id) = self.read().ids.get(&key) {
            return Ok(*id);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = known.ids.get(&key) {
            return Ok(*id);
        }
        let mut id = StreamId::default();
        getrandom::fill(&mut id).map_err(std::io::Error::other)?;
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)?;
        let before = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let owner = key.map_or(Owner::Platform, Owner::Tenant);
        if let Err(error) = file
            .write_all(line(&owner, &id).as_bytes())
            .and_then(|()| file.sync_all())
        {
            // Half a line must not be continued by the next one.
            shorten(&file, before)?;
            return Err(error);
        }
        known.add(owner, id);
        Ok(id)
    }

    /// The stream of a tenant, if it has one.
    #[must_use]
    pub fn find(&self, tenant: &TenantId) -> Option<StreamId> {
        self.read().ids.get(&Some(tenant.clone())).copied()
    }

    /// Forgets whose a tenant's stream was; that it was somebody's is kept.
    ///
    /// # Errors
    /// If the list cannot be written anew; it is then as it was.
    pub fn erase(&self, tenant: &TenantId) -> std::io::Result<()> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Some(id) = known.ids.get(&Some(tenant.clone())).copied() else {
            return Ok(());
        };
        let erased = Owner::Erased;
        let text: String = known
            .owners
            .iter()
            .map(|(other, owner)| line(if *other == id { &erased } else { owner }, other))
            .collect();
        let next = self.path.with_extension("new");
        let mut file = fs::File::create(&next)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&next, &self.path)?;
        if let Some(folder) = self.path.parent() {
            fs::File::open(folder)?.sync_all()?;
        }
        known.ids.remove(&Some(tenant.clone()));
        known.owners.insert(id, Owner::Erased);
        Ok(())
    }

    /// Whose this stream is.
    #[must_use]
    pub fn owner(&self, stream: &StreamId) -> Option<Owner> {
        self.read().owners.get(stream).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn add(&mut self, owner: Owner, id: StreamId) {
        match &owner {
            Owner::Platform => self.ids.insert(None, id),
            Owner::Tenant(tenant) => self.ids.insert(Some(tenant.clone()), id),
            Owner::Erased => None,
        };
        self.owners.insert(id, owner);
    }
}

/// A stream's line in the file. No tenant has one of the two names that are not slugs.
fn line(owner: &Owner, id: &StreamId) -> String {
    let name = match owner {
        Owner::Platform => PLATFORM,
        Owner::Tenant(tenant) => tenant.as_str(),
        Owner::Erased => ERASED,
    };
    format!("{name} {}\n", hex::encode(id))
}

/// Cuts a file to its whole lines.
fn shorten(file: &fs::File, to: usize) -> std::io::Result<()> {
    file.set_len(u64::try_from(to).map_err(std::io::Error::other)?)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_erased_stream_only_that_it_was_somebodys_is_known_and_the_tenant_gets_no_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("streams");
        let [riverside, hillside]: [TenantId; 2] =
            ["riverside", "hillside"].map(|name| name.parse().unwrap());
        let streams = Streams::open(&path).unwrap();
        let ids = [Some(&riverside), Some(&hillside), None].map(|of| streams.of(of).unwrap());
        streams.erase(&riverside).unwrap();
        streams.erase(&riverside).unwrap();
        for streams in [streams, Streams::open(&path).unwrap()] {
            assert_eq!(streams.find(&riverside), None);
            let owners = ids.map(|id| streams.owner(&id));
            assert_eq!(
                owners,
                [
                    Some(Owner::Erased),
                    Some(Owner::Tenant(hillside.clone())),
                    Some(Owner::Platform)
                ]
            );
        }
        assert!(!fs::read_to_string(&path).unwrap().contains("riverside"));
    }

    #[test]
    fn a_line_that_was_cut_off_is_forgotten_and_the_rest_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("streams");
        let tenant: TenantId = "riverside".parse().unwrap();
        let id = Streams::open(&path).unwrap().of(Some(&tenant)).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        for cut in ["hillsi", "hillside 00", "-"] {
            fs::write(&path, format!("{whole}{cut}")).unwrap();
            let streams = Streams::open(&path).unwrap();
            assert_eq!(streams.of(Some(&tenant)).unwrap(), id);
            assert_eq!(fs::read_to_string(&path).unwrap(), whole);
        }
        fs::write(&path, format!("{whole}nonsense\n")).unwrap();
        Streams::open(&path).unwrap_err();
    }
}
