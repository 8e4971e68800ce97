//! A timer that costs nothing until something stands still.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// How long something may stand still.
#[derive(Debug)]
pub(super) struct Patience {
    length: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) const fn new(length: Duration) -> Self {
        Self {
            length,
            timer: None,
        }
    }

    /// Something moved: forget the wait so far.
    pub(super) fn rest(&mut self) {
        self.timer = None;
    }

    /// Nothing moved: ready when it has been so for too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let length = self.length;
        self.timer
            .get_or_insert_with(|| Box::pin(sleep(length)))
            .as_mut()
            .poll(cx)
    }
}
