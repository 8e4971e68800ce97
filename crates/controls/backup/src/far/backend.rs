//! A store as the repository library sees it.

use std::sync::Arc;

use bytes::Bytes;
use rustic_core::{
    BytesList, ErrorKind, FileType, Id, ReadBackend, RepositoryBackends, RusticError, RusticResult,
    WriteBackend,
};

use super::{FarError, FileKind, Store};

/// The library's view of a store.
pub(crate) fn backends(shown: String, store: Arc<dyn Store>) -> RepositoryBackends {
    RepositoryBackends::new(Arc::new(Backend { shown, store }), None)
}

struct Backend {
    shown: String,
    store: Arc<dyn Store>,
}

fn kind(of: FileType) -> FileKind {
    match of {
        FileType::Config => FileKind::Config,
        FileType::Index => FileKind::Index,
        FileType::Key => FileKind::Key,
        FileType::Snapshot => FileKind::Snapshot,
        FileType::Pack => FileKind::Pack,
    }
}

fn name(of: FileType, id: &Id) -> String {
    match of {
        FileType::Config => String::new(),
        _ => id.to_hex().to_string(),
    }
}

fn failed(error: FarError) -> Box<RusticError> {
    RusticError::new(ErrorKind::Backend, error.chain())
}

impl ReadBackend for Backend {
    fn location(&self) -> String {
        self.shown.clone()
    }

    fn list_with_size(&self, tpe: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let listed = self.store.list(kind(tpe)).map_err(failed)?;
        Ok(listed
            .into_iter()
            .filter_map(|(name, size)| {
                let id = match tpe {
                    FileType::Config => Id::default(),
                    _ => name.parse().ok()?,
                };
                Some((id, u32::try_from(size).ok()?))
            })
            .collect())
    }

    fn read_full(&self, tpe: FileType, id: &Id) -> RusticResult<Bytes> {
        self.store.read(kind(tpe), &name(tpe, id)).map_err(failed)
    }

    fn read_partial(
        &self,
        tpe: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.store
            .part(kind(tpe), &name(tpe, id), offset, length)
            .map_err(failed)
    }

    fn warmup_path(&self, tpe: FileType, id: &Id) -> String {
        format!("{}/{}", kind(tpe), name(tpe, id))
    }
}

impl WriteBackend for Backend {
    fn create(&self) -> RusticResult<()> {
        self.store.create().map_err(failed)
    }

    fn write_bytes(
        &self,
        tpe: FileType,
        id: &Id,
        _cacheable: bool,
        content: BytesList,
    ) -> RusticResult<()> {
        let mut bytes = Vec::with_capacity(content.size());
        for part in content.slice() {
            bytes.extend_from_slice(part);
        }
        self.store
            .write(kind(tpe), &name(tpe, id), bytes.into())
            .map_err(failed)
    }

    fn remove(&self, tpe: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.store.remove(kind(tpe), &name(tpe, id)).map_err(failed)
    }
}
