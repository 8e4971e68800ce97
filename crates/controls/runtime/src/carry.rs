//! Carrying a job's connections: to one declared place on the network, and nowhere else.
//!
//! A job has an empty network namespace and no TCP by Landlock. One that works at a place on the network is started
//! with a socket as its standard input. Its specification comes over it on one line; after that, at the other end, is a
//! carrier: a process of its own, on the machine's network, that Landlock lets connect to one port. The job sends it an
//! end of a new socket pair ([`dial`]); the carrier connects to the place that the supervisor was told of at its start,
//! says what came of that, and copies bytes. It never learns what they mean: what is secret among them is encrypted
//! from end to end. Nobody else has this socket, so no other process can use a job's carrier.
//!
//! A socket of the machine's network is not handed to the job, which could have it listen.

use std::io::{self, IoSlice, IoSliceMut, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// A place that does not answer within this time is not there.
const PATIENCE: Duration = Duration::from_secs(15);
/// Connections of one job at once; a repository is read by a few threads.
const MOST: usize = 64;
/// What a carrier says of a connection ends with a line feed, and is no longer than this.
const LONGEST_WORD: usize = 512;
/// What it says when there is one.
const CONNECTED: &str = "connected";

/// A new connection to the place that this job's carrier connects to.
///
/// # Errors
///
/// When there is no carrier, or the place does not answer; with the cause that the carrier had.
pub fn dial(channel: impl AsFd) -> io::Result<UnixStream> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let descriptors = [theirs.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    message.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(
        channel,
        &[IoSlice::new(b"+")],
        &mut message,
        SendFlags::NOSIGNAL,
    )?;
    drop(theirs);
    let mut said = Vec::new();
    let mut byte = [0];
    loop {
        ours.read_exact(&mut byte)?;
        match byte {
            [b'\n'] => break,
            _ if said.len() >= LONGEST_WORD => return Err(io::ErrorKind::InvalidData.into()),
            [byte] => said.push(byte),
        }
    }
    if said == CONNECTED.as_bytes() {
        return Ok(ours);
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

/// Connects whoever asks over `channel` to this host and port, until nobody is left to ask.
///
/// # Errors
///
/// When what comes over the channel is no request.
pub async fn carry(channel: UnixStream, host: &str, port: u16) -> io::Result<()> {
    let place = (Arc::<str>::from(host), port);
    let room = Arc::new(Semaphore::new(MOST));
    let channel = Arc::new(channel);
    loop {
        let asking = Arc::clone(&channel);
        let asked = tokio::task::spawn_blocking(move || receive(&asking));
        let Some(stream) = asked.await.map_err(io::Error::other)?? else {
            return Ok(());
        };
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return Ok(());
        };
        stream.set_nonblocking(true)?;
        let stream = tokio::net::UnixStream::from_std(stream)?;
        let place = place.clone();
        tokio::spawn(async move {
            // A job that ends in the middle has no more use for its connection.
            connect(stream, &place.0, place.1).await.ok();
            drop(permit);
        });
    }
}

async fn connect(mut job: tokio::net::UnixStream, host: &str, port: u16) -> io::Result<()> {
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect((host, port)))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let mut place = match connected {
        Ok(place) => place,
        Err(error) => {
            let said = error.to_string().replace('\n', " ");
            return job.write_all(format!("{said}\n").as_bytes()).await;
        }
    };
    place.set_nodelay(true)?;
    job.write_all(format!("{CONNECTED}\n").as_bytes()).await?;
    tokio::io::copy_bidirectional(&mut job, &mut place).await?;
    Ok(())
}

/// The end of a socket pair that somebody wants connected; `None` when nobody is left.
fn receive(channel: impl AsFd) -> io::Result<Option<UnixStream>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let got = recvmsg(
        channel,
        &mut [IoSliceMut::new(&mut byte)],
        &mut message,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if got.bytes == 0 {
        return Ok(None);
    }
    for part in message.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = part
            && let Some(descriptor) = descriptors.next()
        {
            return Ok(Some(UnixStream::from(descriptor)));
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::TcpListener;

    /// A carrier to this port of this machine, and the end of its channel that a job has.
    fn carrier(port: u16) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(carry(theirs, "localhost", port)).unwrap();
        });
        ours
    }

    #[test]
    fn several_connections_are_carried_at_once_and_apart() {
        let place = TcpListener::bind("127.0.0.1:0").unwrap();
        let channel = carrier(place.local_addr().unwrap().port());
        let mut jobs = Vec::new();
        let mut far = Vec::new();
        for number in 0..3_u8 {
            jobs.push(dial(&channel).unwrap());
            far.push(place.accept().unwrap().0);
            jobs[usize::from(number)].write_all(&[number]).unwrap();
        }
        for (number, (job, far)) in jobs.iter_mut().zip(&mut far).enumerate() {
            let mut byte = [9];
            far.read_exact(&mut byte).unwrap();
            assert_eq!(usize::from(byte[0]), number);
            far.write_all(&byte).unwrap();
            job.read_exact(&mut byte).unwrap();
            assert_eq!(usize::from(byte[0]), number);
        }
    }

    #[test]
    fn a_place_that_is_not_there_is_said_with_its_cause() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = gone.local_addr().unwrap().port();
        drop(gone);
        let channel = carrier(port);
        let said = dial(&channel).unwrap_err().to_string();
        assert!(said.contains("refused"), "{said}");
    }
}
