//! Bodies in both directions: bounded, timed, without trailers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::hop::Lease;
use super::patience::Patience;

/// Why a body did not come whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyFault {
    /// It is larger than allowed.
    #[error("the body is larger than allowed")]
    Large,
    /// It stood still for too long.
    #[error("the body stood still for too long")]
    Slow,
    /// The connection or its framing broke.
    #[error("the body broke off")]
    Broken(#[source] hyper::Error),
}

/// A client's body on its way to an instance.
#[derive(Debug)]
pub(super) enum Inbound {
    /// Straight from the client.
    Client {
        /// The rest of it.
        body: Incoming,
        /// How many more bytes may come.
        left: u64,
        /// How long it may stand still.
        patience: Patience,
    },
    /// Read and judged already.
    Whole(Option<Bytes>),
}

impl Inbound {
    pub(super) fn client(body: Incoming, cap: u64, patience: Duration) -> Self {
        if body.is_end_stream() {
            return Self::Whole(None);
        }
        Self::Client {
            body,
            left: cap,
            patience: Patience::new(patience),
        }
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let (body, left, patience) = match self.get_mut() {
            Self::Whole(bytes) => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            Self::Client {
                body,
                left,
                patience,
            } => (body, left, patience),
        };
        let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
            ready!(patience.poll(cx));
            return Poll::Ready(Some(Err(BodyFault::Slow)));
        };
        patience.rest();
        let Some(frame) = frame.transpose().map_err(BodyFault::Broken)? else {
            return Poll::Ready(None);
        };
        // Anything but data is a trailer, and the last: nobody downstream is to believe it.
        let Ok(data) = frame.into_data() else {
            return Poll::Ready(None);
        };
        match left.checked_sub(data.len() as u64) {
            Some(rest) => *left = rest,
            None => return Poll::Ready(Some(Err(BodyFault::Large))),
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Client { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Client { body, .. } => body.size_hint(),
        }
    }
}

/// An answer's body on its way to the client.
#[derive(Debug)]
pub(super) struct Outgoing {
    from: From,
    /// Held until the body is done, so that a connection knows when it is at rest.
    _busy: Arc<()>,
}

#[derive(Debug)]
enum From {
    Instance {
        body: Incoming,
        lease: Option<Lease>,
        patience: Patience,
    },
    Page(Option<Bytes>),
}

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerFault {
    #[error("the instance stood still for too long")]
    Slow,
    #[error("the instance broke off")]
    Broken(#[source] hyper::Error),
}

impl Outgoing {
    /// Our own words.
    pub(super) const fn page(bytes: Bytes, busy: Arc<()>) -> Self {
        Self {
            from: From::Page(Some(bytes)),
            _busy: busy,
        }
    }

    /// An instance's; its connection is given back when the body has ended.
    pub(super) fn instance(
        body: Incoming,
        lease: Lease,
        patience: Duration,
        busy: Arc<()>,
    ) -> Self {
        let mut lease = Some(lease);
        if let Some(lease) = lease.take_if(|_| body.is_end_stream()) {
            lease.give_back();
        }
        Self {
            from: From::Instance {
                body,
                lease,
                patience: Patience::new(patience),
            },
            _busy: busy,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = AnswerFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerFault>>> {
        let (body, lease, patience) = match &mut self.get_mut().from {
            From::Page(bytes) => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            From::Instance {
                body,
                lease,
                patience,
            } => (body, lease, patience),
        };
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
            ready!(patience.poll(cx));
            return Poll::Ready(Some(Err(AnswerFault::Slow)));
        };
        patience.rest();
        let frame = frame.transpose().map_err(AnswerFault::Broken)?;
        let data = frame.and_then(|frame| frame.into_data().ok());
        if let Some(lease) = lease.take_if(|_| data.is_none() || body.is_end_stream()) {
            lease.give_back();
        }
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.from {
            From::Page(bytes) => bytes.is_none(),
            From::Instance { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.from {
            From::Page(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            From::Instance { body, .. } => body.size_hint(),
        }
    }
}
