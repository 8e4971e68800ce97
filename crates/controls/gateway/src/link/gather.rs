//! When to wait for more before a group of reads goes to disk.
//!
//! A flush, and waking everybody around it, takes as much processor time for one read as for twenty. While reads come fast,
//! the next ones are let into the group; while they do not, nobody is kept waiting.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};

/// Reads come fast when so many came within [`WINDOW`]: more than 4,000 a second. Whoever cannot ask that fast when made to
/// wait is not made to wait for long.
const FAST: usize = 40;
const WINDOW: Duration = Duration::from_millis(10);
/// Reads for whose sake no more are waited for.
const ENOUGH: usize = 24;
/// The longest wait; a timer's own grain may add as much again.
const WAIT: Duration = Duration::from_millis(1);
/// Reads kept in one group at most: about 100 KiB of events.
const GROUP: usize = 256;

/// How fast reads came lately.
#[derive(Debug, Default)]
pub(super) struct Gather(VecDeque<(Instant, usize)>);

impl Gather {
    /// The next group; empty when no more can come.
    pub(super) async fn next<T>(
        &mut self,
        waiting: &mut UnboundedReceiver<T>,
        clock: impl Fn() -> Instant,
    ) -> Vec<T> {
        let mut group = Vec::new();
        waiting.recv_many(&mut group, GROUP).await;
        let now = clock();
        if self.is_fast(group.len(), now) {
            let wait = sleep(WAIT);
            tokio::pin!(wait);
            while group.len() < ENOUGH {
                tokio::select! {
                    biased;
                    more = waiting.recv_many(&mut group, GROUP) => if more == 0 { break },
                    () = &mut wait => break,
                }
            }
        }
        self.0.push_back((now, group.len()));
        group
    }

    fn is_fast(&mut self, fresh: usize, now: Instant) -> bool {
        while let Some((at, _)) = self.0.front()
            && now.duration_since(*at) > WINDOW
        {
            self.0.pop_front();
        }
        let lately: usize = self.0.iter().map(|(_, reads)| reads).sum();
        lately + fresh >= FAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn reads_that_come_one_by_one_are_not_kept_waiting() {
        let (send, mut waiting) = mpsc::unbounded_channel();
        let (mut gather, began) = (Gather::default(), Instant::now());
        for read in 0..100 {
            send.send(read).unwrap();
            let now = began + WAIT * read;
            let group = gather.next(&mut waiting, || now).now_or_never();
            assert_eq!(group, Some(vec![read]));
        }
    }

    #[tokio::test]
    async fn while_reads_come_fast_the_next_ones_join_the_group() {
        let (send, mut waiting) = mpsc::unbounded_channel();
        let (mut gather, now) = (Gather::default(), Instant::now());
        (0..FAST).for_each(|read| send.send(read).unwrap());
        assert_eq!(gather.next(&mut waiting, || now).await.len(), FAST);
        send.send(0).unwrap();
        let late = tokio::spawn(async move {
            (1..ENOUGH).for_each(|read| send.send(read).unwrap());
            send
        });
        assert_eq!(gather.next(&mut waiting, || now).await.len(), ENOUGH);
        let send = late.await.unwrap();
        send.send(0).unwrap();
        assert_eq!(
            gather.next(&mut waiting, || now).await.len(),
            1,
            "in the end"
        );
        send.send(0).unwrap();
        let later = now + WINDOW * 2;
        let group = gather.next(&mut waiting, || later).now_or_never();
        assert_eq!(group, Some(vec![0]), "when the rush is over");
        drop(send);
        assert!(gather.next(&mut waiting, || later).await.is_empty());
    }
}
