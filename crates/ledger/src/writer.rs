//! The writer's thread: takes everything that waits, writes it once, flushes once, then acknowledges.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::closed::{self, Closed};
use crate::draft::{AppendError, Appended, Draft};
use crate::files::Files;
use crate::journal::{self, HEADER_BYTES, Segment};
use crate::leaf::{Kind, Leaf};
use crate::offsets::Offsets;
use crate::paths;
use crate::reserve::{RESERVE_BYTES, Reserve};

/// One call: its entries become durable together, one after another.
pub(crate) struct Call {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) done: oneshot::Sender<Result<Vec<Appended>, AppendError>>,
}

/// What the writer is asked.
pub(crate) enum Message {
    /// To append.
    Append(Call),
    /// To close the segment that it writes to, so that another follows it.
    Close(oneshot::Sender<Result<(), AppendError>>),
}

/// A group takes no more calls beyond this many bytes, so that one flush stays short.
const GROUP_BYTES: usize = 4 << 20;

/// Zeros written ahead of the entries, under the flush of the group that needs them. Writing over them leaves the
/// file's length and blocks as they are, so the next flushes carry the entries alone: on ext4 that halves their time.
const AHEAD: u64 = 1 << 20;

/// A group of more bytes than this takes its time for the bytes; zeros ahead would only double them.
const LARGE_GROUP: usize = 64 << 10;

pub(crate) struct Writer {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) offsets: Offsets,
    pub(crate) node: u16,
    pub(crate) segment_bytes: u64,
    pub(crate) reserve: Reserve,
    /// The segment that is written to; `None` before the first.
    pub(crate) segment: Option<Segment>,
    /// Where the zeros end that were written ahead in that segment.
    pub(crate) ahead: u64,
    /// Each stream's latest index.
    pub(crate) streams: HashMap<[u8; 16], u64>,
}

/// Why a group is not durable.
enum Failed {
    /// Nothing of it is in the journal.
    NotWritten(io::Error),
    /// It may be.
    Uncertain(io::Error),
}

/// A group as it was made durable.
struct Written {
    appended: Vec<Appended>,
    /// Where each record starts, and when it happened if it has a payload.
    records: Vec<(u64, Option<i64>)>,
    end: u64,
}

impl Writer {
    /// Runs until every sender is gone, or a flush fails.
    pub(crate) fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut next = None;
        while let Some(message) = next.take().or_else(|| messages.blocking_recv()) {
            let done = match message {
                Message::Close(answer) => self.close(answer),
                Message::Append(first) => {
                    let mut bytes = size_of_call(&first);
                    let mut group = vec![first];
                    while bytes < GROUP_BYTES
                        && let Ok(message) = messages.try_recv()
                    {
                        match message {
                            Message::Append(call) => {
                                bytes += size_of_call(&call);
                                group.push(call);
                            }
                            close => {
                                next = Some(close);
                                break;
                            }
                        }
                    }
                    self.take(group)
                }
            };
            if let Err(error) = done {
                tracing::error!(%error, "the ledger's journal could not be flushed; it takes no more entries");
                return;
            }
        }
        // Opening takes the zeros for what they are; without them a closed ledger's files hold entries alone.
        if let Some(segment) = &self.segment
            && let Err(error) = segment.file.truncate(segment.end)
        {
            tracing::warn!(%error, "the room set aside in the ledger's journal was not given back");
        }
    }

    /// Writes a group and answers its calls.
    ///
    /// # Errors
    ///
    /// When it is not known what is on disk; nothing may be written after that.
    fn take(&mut self, group: Vec<Call>) -> Result<(), Arc<io::Error>> {
        let mut group = group;
        if !self.reserve.held() && group.iter().any(|call| !is_system(call)) {
            // Room for the reserve alone would be let go of again with the next entry.
            let besides = AHEAD + group.iter().map(size_of_call).sum::<usize>() as u64;
            if self.reserve.hold(besides).is_err() {
                group = refuse_all_but_system(group);
            } else {
                tracing::info!("there is room on the disk again; everything is taken");
            }
        }
        if group.is_empty() {
            return Ok(());
        }
        match self.write(&group) {
            Ok(written) => self.acknowledge(group, written),
            Err(Failed::NotWritten(error)) if is_full(&error) && self.reserve.held() => {
                tracing::error!(
                    "the disk is full; only system entries are taken until there is room"
                );
                if let Err(error) = self.reserve.release() {
                    tracing::error!(%error, "cannot let the ledger's reserve go");
                }
                self.keep_room();
                return self.take(refuse_all_but_system(group));
            }
            Err(Failed::NotWritten(error)) if is_full(&error) => refuse(group, &AppendError::Full),
            Err(Failed::NotWritten(error)) => refuse(group, &AppendError::Write(Arc::new(error))),
            Err(Failed::Uncertain(error)) => {
                let error = Arc::new(error);
                refuse(group, &AppendError::Uncertain(Arc::clone(&error)));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Puts a group into the journal, durably.
    fn write(&mut self, group: &[Call]) -> Result<Written, Failed> {
        let segment = self.writable_segment()?;
        let mut latest: HashMap<[u8; 16], u64> = HashMap::new();
        let mut appended = Vec::new();
        let mut records = Vec::new();
        let mut bytes = Vec::new();
        for (index, draft) in
            (self.offsets.size()..).zip(group.iter().flat_map(|call| &call.drafts))
        {
            let previous = latest
                .insert(draft.stream, index)
                .or_else(|| self.streams.get(&draft.stream).copied());
            let leaf = Leaf {
                kind: draft.kind,
                node: self.node,
                stream: draft.stream,
                previous,
                time: to_microsecond(draft.time),
                commitment: draft.commitment,
            };
            let time = (!draft.sealed.is_empty()).then(|| leaf.time.as_microsecond());
            records.push((segment.end + bytes.len() as u64, time));
            // A group is at most some 70 MB: see GROUP_BYTES and MAX_CALL.
            let back = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            journal::encode(&leaf, &draft.sealed, back, &mut bytes);
            appended.push(Appended { index, leaf });
        }
        if let Err(error) = segment.file.write_at(&bytes, segment.end) {
            self.ahead = segment.end;
            return Err(match segment.file.truncate(segment.end) {
                Ok(()) => Failed::NotWritten(error),
                Err(_) => Failed::Uncertain(error),
            });
        }
        let end = segment.end + bytes.len() as u64;
        if end > self.ahead {
            self.ahead = self.write_ahead(&segment, end, bytes.len());
        }
        segment.file.sync().map_err(Failed::Uncertain)?;
        self.streams.extend(latest);
        Ok(Written {
            appended,
            records,
            end,
        })
    }

    /// Writes zeros behind a group that used up those before it; gives where they end. They are a convenience: where
    /// there is no room for them, entries are written without.
    fn write_ahead(&self, segment: &Segment, end: u64, group: usize) -> u64 {
        if group > LARGE_GROUP || !self.reserve.held() {
            return end;
        }
        self.write_zeros(segment, end, AHEAD)
    }

    /// Puts half of the room that the reserve leaves into the journal, where nobody else on the disk can take it from
    /// system entries. The other half is for the tiles and the checkpoint over them.
    fn keep_room(&mut self) {
        if let Some(segment) = &self.segment {
            self.ahead = self.write_zeros(segment, segment.end, RESERVE_BYTES / 2);
        }
    }

    /// Writes so many zeros behind the entries if there is room; gives where they end.
    fn write_zeros(&self, segment: &Segment, end: u64, bytes: u64) -> u64 {
        // Small segments need no more than their own size.
        let zeros = vec![0; usize::try_from(bytes.min(self.segment_bytes)).unwrap_or(0)];
        match segment.file.write_at(&zeros, end) {
            Ok(()) => end + zeros.len() as u64,
            Err(error) => {
                tracing::debug!(%error, "no room to set aside in the ledger's journal");
                // What is left of them is read as what it is: zeros with nothing behind them.
                let _ = segment.file.truncate(end);
                end
            }
        }
    }

    /// Shows a durable group to the readers, then answers its calls.
    fn acknowledge(&mut self, group: Vec<Call>, written: Written) {
        self.offsets.add_records(written.records, written.end);
        if let Some(segment) = &mut self.segment {
            segment.end = written.end;
        }
        let mut appended = written.appended.into_iter();
        for call in group {
            let own = appended.by_ref().take(call.drafts.len()).collect();
            // A caller that stopped waiting does not need the answer.
            let _ = call.done.send(Ok(own));
        }
    }

    /// The segment to write to: the current one, or a new one when that is full.
    fn writable_segment(&mut self) -> Result<Segment, Failed> {
        if let Some(segment) = &self.segment
            && segment.end < self.segment_bytes
        {
            return Ok(segment.clone());
        }
        self.next_segment()
    }

    /// Closes the segment that is written to, unless it is empty.
    ///
    /// # Errors
    ///
    /// When it is not known what is on disk; nothing may be written after that.
    fn close(
        &mut self,
        answer: oneshot::Sender<Result<(), AppendError>>,
    ) -> Result<(), Arc<io::Error>> {
        let filled = self
            .segment
            .as_ref()
            .is_some_and(|segment| segment.end > HEADER_BYTES);
        let closed = if filled {
            self.next_segment().map(|_| ())
        } else {
            Ok(())
        };
        let (said, result) = match closed {
            Ok(()) => (Ok(()), Ok(())),
            Err(Failed::NotWritten(error)) if is_full(&error) => (Err(AppendError::Full), Ok(())),
            Err(Failed::NotWritten(error)) => (Err(AppendError::Write(Arc::new(error))), Ok(())),
            Err(Failed::Uncertain(error)) => {
                let error = Arc::new(error);
                (Err(AppendError::Uncertain(Arc::clone(&error))), Err(error))
            }
        };
        // A caller that stopped waiting does not need the answer.
        let _ = answer.send(said);
        result
    }

    /// Makes the next segment; what is known of the one before is written down.
    fn next_segment(&mut self) -> Result<Segment, Failed> {
        if let Some(full) = &self.segment
            && self.ahead > full.end
        {
            // Zeros behind the entries are allowed in the last segment alone.
            full.file.truncate(full.end).map_err(Failed::NotWritten)?;
            full.file.sync().map_err(Failed::Uncertain)?;
            self.ahead = full.end;
        }
        if let Some(full) = &self.segment
            && let Some(marked) = self.offsets.last()
        {
            closed::write(
                self.files.as_ref(),
                &Closed {
                    first: full.first,
                    entries: self.offsets.size() - full.first,
                    bytes: full.end,
                    marks: marked.marks,
                    streams: self.streams.clone(),
                },
            );
        }
        let segment = self
            .new_segment(self.offsets.size())
            .map_err(Failed::NotWritten)?;
        self.offsets.add_segment(segment.clone());
        self.ahead = segment.end;
        self.segment = Some(segment.clone());
        Ok(segment)
    }

    /// Makes a segment durably; what an earlier attempt left is written over.
    fn new_segment(&self, first: u64) -> io::Result<Segment> {
        let path = paths::segment(first);
        let file = self.files.open(&path)?;
        file.truncate(0)?;
        file.write_at(&journal::header(first), 0)?;
        file.sync()?;
        self.files.sync_dir(Path::new(paths::JOURNAL))?;
        Ok(Segment {
            first,
            path,
            file: Arc::from(file),
            end: HEADER_BYTES,
        })
    }
}

fn size_of_call(call: &Call) -> usize {
    call.drafts
        .iter()
        .map(|draft| draft.sealed.len() + 128)
        .sum()
}

fn is_system(call: &Call) -> bool {
    call.drafts.iter().all(|draft| draft.kind == Kind::System)
}

fn refuse_all_but_system(group: Vec<Call>) -> Vec<Call> {
    let (system, others): (Vec<Call>, Vec<Call>) = group.into_iter().partition(is_system);
    refuse(others, &AppendError::Full);
    system
}

fn refuse(group: Vec<Call>, error: &AppendError) {
    for call in group {
        // A caller that stopped waiting does not need the answer.
        let _ = call.done.send(Err(error.clone()));
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Cuts off what a leaf cannot hold, so that what is acknowledged is what is read back.
fn to_microsecond(time: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}
