//! Somebody in the place of the core's pages, who answers some requests himself and spoils the answers to others.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::Service;
use super::wire::{Aside, renew};

/// What he does with a request, told by its first line.
pub enum Deed {
    /// Passes it on, and the answer back.
    Pass,
    /// Answers it himself.
    Answer(&'static str),
    /// Passes it on, and back an answer in which the one text stands for the other, of the same length.
    Spoil(&'static str, &'static str),
}

/// Puts him there, and has the front start anew, because it keeps connections that it has.
pub fn impersonate(
    service: &Service,
    deed: impl Fn(&str) -> Deed + Send + Sync + 'static,
) -> Aside {
    let (aside, listener) = Aside::move_away(&service.data().join("run/console.sock"));
    let to = aside.true_path().to_owned();
    let deed = Arc::new(deed);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(near), to, deed) = (stream, to.clone(), deed.clone()) else {
                return;
            };
            std::thread::spawn(move || {
                let Ok(far) = UnixStream::connect(&to) else {
                    return;
                };
                let _ = serve(near, far, &*deed);
            });
        }
    });
    renew(service);
    aside
}

/// One request to a connection: that keeps every answer beside its own request.
fn serve(near: UnixStream, mut far: UnixStream, deed: &dyn Fn(&str) -> Deed) -> io::Result<()> {
    let mut back = near.try_clone()?;
    let mut reader = BufReader::new(near);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let body = body(&text, &mut reader)?;
    let (first, spoil) = (text.lines().next().unwrap_or_default(), |bytes: Vec<u8>| {
        bytes
    });
    match deed(first) {
        Deed::Answer(answer) => back.write_all(answer.as_bytes()),
        Deed::Pass => pass(&text, &body, &mut far, &mut back, spoil),
        Deed::Spoil(from, to) => pass(&text, &body, &mut far, &mut back, move |bytes| {
            String::from_utf8_lossy(&bytes)
                .replace(from, to)
                .into_bytes()
        }),
    }
}

fn pass(
    head: &str,
    body: &[u8],
    far: &mut UnixStream,
    back: &mut UnixStream,
    spoil: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> io::Result<()> {
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    far.write_all(head.as_bytes())?;
    far.write_all(body)?;
    let mut answer = Vec::new();
    far.read_to_end(&mut answer)?;
    back.write_all(&spoil(answer))
}

/// The body as it was sent, whether its length was stated or it came in chunks.
fn body(head: &str, reader: &mut impl io::BufRead) -> io::Result<Vec<u8>> {
    let head = head.to_ascii_lowercase();
    let mut body = Vec::new();
    if head.contains("\r\ntransfer-encoding: chunked\r\n") {
        while !body.ends_with(b"0\r\n\r\n") {
            if reader.read_until(b'\n', &mut body)? == 0 {
                break;
            }
        }
    } else if let Some(length) = head.lines().find_map(|line| {
        line.strip_prefix("content-length:")?
            .trim()
            .parse::<u64>()
            .ok()
    }) {
        reader.take(length).read_to_end(&mut body)?;
    }
    Ok(body)
}
