//! A file system in memory that can fail at any operation, and forgets what was not flushed when it crashes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::files::{File, Files};

/// What happens at one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails and has done nothing.
    ErrorBefore,
    /// It has done its work and then fails.
    ErrorAfter,
    /// Nothing works from here on, and this operation was not done.
    CrashBefore,
    /// Nothing works from here on; this operation was done.
    CrashAfter,
}

/// What is left after a crash of what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing: power was lost.
    Nothing,
    /// The first half of the bytes that were changed in each file, and every name.
    Half,
    /// The second half of them: disks write in the order that suits them.
    LaterHalf,
    /// Everything: only the process died.
    Everything,
}

#[derive(Default, Clone)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Counts the operations that change something.
    operations: usize,
    fault: Option<(usize, Fault)>,
    crashed: bool,
    /// How often the file of each name was flushed.
    flushes: BTreeMap<PathBuf, usize>,
    /// Bytes that all files together may hold.
    room: Option<usize>,
}

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<State>>);

struct Handle {
    memory: Memory,
    inode: usize,
}

impl Memory {
    /// Lets the operation with this number (from 0) go wrong.
    pub(crate) fn fail_at(&self, operation: usize, fault: Fault) {
        self.0.lock().unwrap().fault = Some((operation, fault));
    }

    /// Lets the next operation go wrong.
    pub(crate) fn fail_next(&self, fault: Fault) {
        let next = self.operations();
        self.fail_at(next, fault);
    }

    pub(crate) fn operations(&self) -> usize {
        self.0.lock().unwrap().operations
    }

    /// Whether the fault that was asked for has come.
    pub(crate) fn fault_came(&self) -> bool {
        let state = self.0.lock().unwrap();
        state.fault.is_some_and(|(at, _)| state.operations > at)
    }

    /// How often files of this name were flushed.
    pub(crate) fn flushes(&self, path: &Path) -> usize {
        let state = self.0.lock().unwrap();
        state.flushes.get(path).copied().unwrap_or_default()
    }

    /// Leaves this much room beyond what is held now; `None`: no bound.
    pub(crate) fn leave_room(&self, room: Option<usize>) {
        let mut state = self.0.lock().unwrap();
        state.room = room.map(|room| used(&state) + room);
    }

    /// The files as the next process finds them.
    pub(crate) fn after_crash(&self, left: Left) -> Self {
        let state = self.0.lock().unwrap();
        let names = if left == Left::Nothing {
            &state.durable_names
        } else {
            &state.names
        };
        let content = |inode: &Inode| match left {
            Left::Nothing => inode.durable.clone(),
            Left::Everything => inode.now.clone(),
            Left::Half => spliced(&inode.now, &inode.durable, middle(inode)),
            Left::LaterHalf => spliced(&inode.durable, &inode.now, middle(inode)),
        };
        let mut after = State::default();
        for (path, inode) in names {
            let bytes = content(&state.inodes[*inode]);
            after.inodes.push(Inode {
                now: bytes.clone(),
                durable: bytes,
            });
            after.names.insert(path.clone(), after.inodes.len() - 1);
        }
        after.durable_names = after.names.clone();
        Self(Arc::new(Mutex::new(after)))
    }

    /// Writes the files into a real folder.
    pub(crate) fn copy_to(&self, dir: &Path) {
        let state = self.0.lock().unwrap();
        // The room set aside is no evidence, and large.
        let evidence = |path: &&PathBuf| path.as_path() != Path::new(crate::paths::RESERVE);
        for (path, inode) in state.names.iter().filter(|(path, _)| evidence(path)) {
            let path = dir.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &state.inodes[*inode].now).unwrap();
        }
    }

    /// Alters a file behind the ledger's back.
    pub(crate) fn alter(&self, path: &Path, with: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock().unwrap();
        let inode = state.names[path];
        let inode = &mut state.inodes[inode];
        with(&mut inode.now);
        inode.durable = inode.now.clone();
    }

    /// One operation that changes something, with the fault if its turn has come.
    fn change<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        if state.crashed {
            return Err(io::Error::other("the machine is down"));
        }
        let turn = state.operations;
        state.operations += 1;
        let fault = state
            .fault
            .filter(|(at, _)| *at == turn)
            .map(|(_, fault)| fault);
        match fault {
            None => work(&mut state),
            Some(Fault::ErrorBefore) => Err(io::Error::other("made to fail before")),
            Some(Fault::ErrorAfter) => {
                work(&mut state).and(Err(io::Error::other("made to fail after")))
            }
            Some(Fault::CrashBefore) => {
                state.crashed = true;
                Err(io::Error::other("the machine went down before"))
            }
            Some(Fault::CrashAfter) => {
                let _ = work(&mut state);
                state.crashed = true;
                Err(io::Error::other("the machine went down after"))
            }
        }
    }

    fn look<T>(&self, work: impl FnOnce(&State) -> io::Result<T>) -> io::Result<T> {
        let state = self.0.lock().unwrap();
        if state.crashed {
            Err(io::Error::other("the machine is down"))
        } else {
            work(&state)
        }
    }
}

impl Files for Memory {
    fn make_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.look(|state| {
            let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
            Ok(inside
                .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
                .collect())
        })
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.look(|state| {
            Ok(state
                .names
                .get(path)
                .map(|inode| state.inodes[*inode].now.clone()))
        })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let inode = self.change(|state| {
            if let Some(inode) = state.names.get(path) {
                return Ok(*inode);
            }
            state.inodes.push(Inode::default());
            let inode = state.inodes.len() - 1;
            state.names.insert(path.to_owned(), inode);
            Ok(inode)
        })?;
        Ok(Box::new(Handle {
            memory: self.clone(),
            inode,
        }))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let inode = self.look(|state| {
            let inode = state.names.get(path).copied();
            inode.ok_or_else(|| io::ErrorKind::NotFound.into())
        })?;
        Ok(Box::new(Handle {
            memory: self.clone(),
            inode,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            let inode = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.names.insert(to.to_owned(), inode);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            state.names.remove(path);
            Ok(())
        })
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(|state| {
            state.names.retain(|path, _| !path.starts_with(dir));
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(|state| {
            state
                .durable_names
                .retain(|path, _| path.parent() != Some(dir));
            let now: Vec<_> = state
                .names
                .iter()
                .filter(|(path, _)| path.parent() == Some(dir))
                .collect();
            let now: Vec<_> = now
                .into_iter()
                .map(|(path, inode)| (path.clone(), *inode))
                .collect();
            state.durable_names.extend(now);
            Ok(())
        })
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        Ok(Some(Box::new(())))
    }
}

impl File for Handle {
    fn len(&self) -> io::Result<u64> {
        self.memory
            .look(|state| Ok(state.inodes[self.inode].now.len() as u64))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.memory.look(|state| {
            let bytes = state.inodes[self.inode]
                .now
                .get(offset as usize..)
                .unwrap_or_default();
            let read = bytes.len().min(buf.len());
            buf[..read].copy_from_slice(&bytes[..read]);
            Ok(read)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.memory.change(|state| {
            let end = offset as usize + bytes.len();
            let more = end.saturating_sub(state.inodes[self.inode].now.len());
            take_room(state, more)?;
            let now = &mut state.inodes[self.inode].now;
            now.resize(now.len() + more, 0);
            now[offset as usize..end].copy_from_slice(bytes);
            Ok(())
        })
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.memory.change(|state| {
            state.inodes[self.inode].now.resize(len as usize, 0);
            Ok(())
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.memory.change(|state| {
            let more = (len as usize).saturating_sub(state.inodes[self.inode].now.len());
            take_room(state, more)?;
            let now = &mut state.inodes[self.inode].now;
            now.resize(now.len() + more, 0);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.memory.change(|state| {
            let named = state.names.iter().find(|(_, inode)| **inode == self.inode);
            if let Some((path, _)) = named {
                *state.flushes.entry(path.clone()).or_default() += 1;
            }
            let inode = &mut state.inodes[self.inode];
            inode.durable = inode.now.clone();
            Ok(())
        })
    }
}

/// The middle of what was changed since the file was last flushed.
fn middle(inode: &Inode) -> usize {
    let longest = inode.now.len().max(inode.durable.len());
    if inode.now == inode.durable {
        return longest;
    }
    let changed = |at: &usize| inode.now.get(*at) != inode.durable.get(*at);
    let first = (0..longest).find(changed).unwrap_or(longest);
    let last = (0..longest).rev().find(changed).map_or(first, |at| at + 1);
    first + (last - first) / 2
}

/// One file's bytes up to `at`, zeros where it has none, then the other's.
fn spliced(before: &[u8], after: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = before[..at.min(before.len())].to_vec();
    if let Some(rest) = after.get(at..).filter(|rest| !rest.is_empty()) {
        bytes.resize(at, 0);
        bytes.extend_from_slice(rest);
    }
    bytes
}

fn take_room(state: &State, more: usize) -> io::Result<()> {
    match state.room {
        Some(room) if used(state) + more > room => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    }
}

fn used(state: &State) -> usize {
    state
        .names
        .values()
        .map(|inode| state.inodes[*inode].now.len())
        .sum()
}
