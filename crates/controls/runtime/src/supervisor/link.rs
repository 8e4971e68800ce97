//! The supervisor's end of the socket pair with the core.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Pair;

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::protocol::{self, FromSupervisor, LineError, ToSupervisor};

/// Messages heard and not yet obeyed; the core waits beyond this.
const AHEAD: usize = 16;

pub(super) struct Link {
    heard: mpsc::Receiver<Result<ToSupervisor, LineError>>,
    said: mpsc::UnboundedSender<FromSupervisor>,
}

impl Link {
    /// A new link, and the end to give to the core. Its tasks end with it.
    pub fn pair() -> std::io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = Pair::pair()?;
        ours.set_nonblocking(true)?;
        let (reader, mut writer) = UnixStream::from_std(ours)?.into_split();
        let (hear, heard) = mpsc::channel(AHEAD);
        let (said, mut saying) = mpsc::unbounded_channel::<FromSupervisor>();
        tokio::spawn(async move {
            let mut reader = BufReader::new(reader);
            while let Some(message) = protocol::read(&mut reader).await.transpose() {
                let last = message.is_err();
                if hear.send(message).await.is_err() || last {
                    return;
                }
            }
        });
        tokio::spawn(async move {
            while let Some(message) = saying.recv().await {
                if let Err(error) = protocol::write(&mut writer, &message).await {
                    tracing::warn!(%error, "the core cannot be told what its processes do; if it ended, it is being started again");
                    return;
                }
            }
        });
        Ok((Self { heard, said }, theirs.into()))
    }

    pub fn tell(&self, message: FromSupervisor) {
        self.said.send(message).ok();
    }
}

/// The next message from the core; waits for ever while there is no core.
pub(super) async fn next(link: &mut Option<Link>) -> Result<Option<ToSupervisor>, LineError> {
    match link {
        Some(link) => link.heard.recv().await.transpose(),
        None => std::future::pending().await,
    }
}
