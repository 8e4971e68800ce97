//! Streams: one chain of events for each tenant and one for the platform.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use avouch_statement::TenantId;

/// A stream's id in the ledger: random for a tenant, so that a leaf does not name its tenant.
pub type StreamId = [u8; 16];

/// Which stream is whose. Kept as one small file; a tenant's line is written before its first event.
#[derive(Debug)]
pub struct Streams {
    path: PathBuf,
    known: RwLock<HashMap<Option<TenantId>, StreamId>>,
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
        let mut known = HashMap::new();
        for line in text.lines() {
            let parsed = line.split_once(' ').and_then(|(name, id)| {
                let id = StreamId::try_from(hex::decode(id).ok()?).ok()?;
                let tenant = if name == "-" {
                    None
                } else {
                    Some(name.parse().ok()?)
                };
                Some((tenant, id))
            });
            let (tenant, id) = parsed.ok_or_else(|| {
                std::io::Error::other(format!(
                    "`{}`: `{line}` is not a name and a stream id",
                    path.display()
                ))
            })?;
            known.insert(tenant, id);
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
        if let Some(id) = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return Ok(*id);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = known.get(&key) {
            return Ok(*id);
        }
        let mut id = StreamId::default();
        getrandom::fill(&mut id).map_err(std::io::Error::other)?;
        let name = tenant.map_or("-", TenantId::as_str);
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)?;
        let before = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let line = format!("{name} {}\n", hex::encode(id));
        if let Err(error) = file
            .write_all(line.as_bytes())
            .and_then(|()| file.sync_all())
        {
            // Half a line must not be continued by the next one.
            shorten(&file, before)?;
            return Err(error);
        }
        known.insert(key, id);
        Ok(id)
    }

    /// Whose stream this is: `Some(None)` is the platform's.
    #[must_use]
    pub fn owner(&self, stream: &StreamId) -> Option<Option<TenantId>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .find(|(_, id)| *id == stream)
            .map(|(tenant, _)| tenant.clone())
    }
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
