//! Restoring a verified snapshot into an empty folder, within little memory.
//!
//! The library's own restore was seen to hold more than a gibibyte, and to panic on a damaged pack. Here each thread
//! holds one chunk of at most 8 MiB at a time, in the order in which they lie in the packs; the library then only sets
//! what is not content (modes, times, links).

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::SystemTime,
};

use rustic_core::{
    BlobId, IndexedFullStatus, LocalDestination, LsOptions, RestoreOptions,
    repofile::{BlobType, Node, NodeType, SnapshotFile},
};
use serde::{Deserialize, Serialize};

use super::{ROOT, Repository, RepositoryError, Verified, engine};

/// What a restore wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Restored {
    /// Files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// One chunk, and every place in the restored files where it goes.
struct Chunk {
    id: BlobId,
    places: Vec<(usize, u64)>,
}

/// What is to be written where.
#[derive(Default)]
struct Layout {
    files: Vec<(PathBuf, Node)>,
    chunks: Vec<Chunk>,
    done: Restored,
}

impl Repository {
    /// Writes a snapshot's files into `into`, which must be empty or absent.
    ///
    /// # Errors
    ///
    /// If `into` is occupied or cannot be written, or the data cannot be read.
    pub fn restore(&self, snapshot: &Verified, into: &Path) -> Result<Restored, RepositoryError> {
        let fault = |act| engine(act, &self.path);
        must_be_empty(into)?;
        fs::create_dir_all(into).map_err(RepositoryError::io("create", into))?;

        let id = snapshot.0.id.0.parse().map_err(fault("read a name in"))?;
        let file: SnapshotFile = self
            .inner
            .get_file(&id)
            .map_err(|_| RepositoryError::NoSnapshot(snapshot.0.id.clone()))?;
        let indexed = self
            .again()?
            .to_indexed()
            .map_err(fault("read the index of"))?;
        let root = indexed
            .node_from_path(file.tree, Path::new(ROOT))
            .map_err(fault("read a tree in"))?;
        let nodes = indexed
            .ls(&root, &LsOptions::default())
            .map_err(fault("list a tree in"))?;

        let layout = self.lay_out(&indexed, nodes.clone(), into)?;
        self.fill(&indexed, &layout)?;
        for (path, node) in &layout.files {
            if let Some(mtime) = node.meta.mtime {
                let file = OpenOptions::new()
                    .write(true)
                    .open(path)
                    .map_err(RepositoryError::io("open", path))?;
                file.set_modified(SystemTime::from(mtime))
                    .map_err(RepositoryError::io("write", path))?;
            }
        }

        // With every file of the right size and time, nothing but the rest is left for the library to do.
        let options = RestoreOptions::default().no_ownership(true);
        let target = LocalDestination::new(&into.to_string_lossy(), false, false)
            .map_err(fault("restore from"))?;
        let plan = indexed
            .prepare_restore(&options, nodes.clone(), &target, false)
            .map_err(fault("restore from"))?;
        indexed
            .restore(plan, &options, nodes, &target)
            .map_err(fault("restore from"))?;
        Ok(layout.done)
    }

    /// Makes all folders and files, at their full length, and orders the chunks as they lie in the packs.
    fn lay_out(
        &self,
        indexed: &rustic_core::Repository<IndexedFullStatus>,
        nodes: impl Iterator<Item = rustic_core::RusticResult<(PathBuf, Node)>>,
        into: &Path,
    ) -> Result<Layout, RepositoryError> {
        let fault = |act| engine(act, &self.path);
        let mut layout = Layout::default();
        let mut order = BTreeMap::new();
        let mut linked = HashMap::new();
        for node in nodes {
            let (within, node) = node.map_err(fault("list a tree in"))?;
            let path = into.join(&within);
            match node.node_type {
                NodeType::Dir => {
                    fs::create_dir_all(&path).map_err(RepositoryError::io("create", &path))?
                }
                NodeType::File => {
                    let meta = &node.meta;
                    let twin = meta.links > 1 && meta.device_id != 0 && meta.inode != 0;
                    if twin && linked.insert((meta.device_id, meta.inode), ()).is_some() {
                        continue;
                    }
                    let index = layout.files.len();
                    let mut at = 0;
                    for id in node.content.iter().flatten() {
                        let entry = indexed
                            .get_index_entry(id)
                            .map_err(fault("find a chunk in"))?;
                        let chunk = order
                            .entry((entry.pack, entry.location.offset))
                            .or_insert_with(|| Chunk {
                                id: BlobId::from(*id),
                                places: Vec::new(),
                            });
                        chunk.places.push((index, at));
                        at += u64::from(entry.location.data_length());
                    }
                    let file =
                        File::create_new(&path).map_err(RepositoryError::io("create", &path))?;
                    file.set_len(at)
                        .map_err(RepositoryError::io("write", &path))?;
                    layout.done.files += 1;
                    layout.done.bytes += at;
                    layout.files.push((path, node));
                }
                // Links and the like are made by the library, with the rest of what is not content.
                _ => {}
            }
        }
        layout.chunks = order.into_values().collect();
        Ok(layout)
    }

    /// Reads every chunk once and writes it to all its places.
    fn fill(
        &self,
        indexed: &rustic_core::Repository<IndexedFullStatus>,
        layout: &Layout,
    ) -> Result<(), RepositoryError> {
        let threads = std::thread::available_parallelism()
            .map_or(2, std::num::NonZero::get)
            .min(8);
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let work = || -> Result<(), RepositoryError> {
            while !failed.load(Ordering::Relaxed)
                && let Some(chunk) = layout.chunks.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let data = indexed
                    .get_blob_cached(&chunk.id, BlobType::Data)
                    .map_err(engine("read a chunk of", &self.path))?;
                for (file, at) in &chunk.places {
                    let Some((path, _)) = layout.files.get(*file) else {
                        continue;
                    };
                    let target = OpenOptions::new().write(true).open(path);
                    let target = target.map_err(RepositoryError::io("open", path))?;
                    target
                        .write_all_at(&data, *at)
                        .map_err(RepositoryError::io("write", path))?;
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| work().inspect_err(|_| failed.store(true, Ordering::Relaxed)))
                })
                .collect();
            // A panic in a worker is one of ours and goes on as one.
            workers
                .into_iter()
                .try_for_each(|worker| match worker.join() {
                    Ok(result) => result,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
        })
    }
}

fn must_be_empty(folder: &Path) -> Result<(), RepositoryError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(RepositoryError::Occupied(folder.to_owned())),
        },
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(RepositoryError::io("read", folder)(err)),
    }
}
