//! Somebody in the place of the core's pages, who answers some requests himself and spoils the answers to others: for the
//! tests, which run him as the core's own user.
//!
//! `imposter SOCKET TRUE-SOCKET answer FIRST-LINE` forbids what begins so, and passes on the rest;
//! `imposter SOCKET TRUE-SOCKET spoil FIRST-LINE TEXT OTHER` passes everything on, and puts one text for another, of the
//! same length, in the answers to what begins so. He says `ready` once he listens.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;

const FORBIDDEN: &[u8] =
    b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What he does with requests that begin so.
#[derive(Clone)]
struct Deed {
    begins: String,
    spoil: Option<(String, String)>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let played = match words.as_slice() {
        [at, to, "answer", begins] => play(
            at,
            to,
            &Deed {
                begins: (*begins).to_owned(),
                spoil: None,
            },
        ),
        [at, to, "spoil", begins, from, other] => play(
            at,
            to,
            &Deed {
                begins: (*begins).to_owned(),
                spoil: Some(((*from).to_owned(), (*other).to_owned())),
            },
        ),
        _ => Err(io::Error::other("no such deed")),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "imposter: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play(at: &str, to: &str, deed: &Deed) -> io::Result<()> {
    let listener = UnixListener::bind(at)?;
    std::fs::set_permissions(at, std::fs::Permissions::from_mode(0o666))?;
    writeln!(io::stdout(), "ready")?;
    for near in listener.incoming() {
        let (near, to, deed) = (near?, to.to_owned(), deed.clone());
        std::thread::spawn(move || serve(near, UnixStream::connect(to)?, &deed));
    }
    Ok(())
}

/// One request to a connection: that keeps every answer beside its own request.
fn serve(near: UnixStream, mut far: UnixStream, deed: &Deed) -> io::Result<()> {
    let mut back = near.try_clone()?;
    let mut reader = BufReader::new(near);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let body = body(&head, &mut reader)?;
    let meant = head.starts_with(&deed.begins);
    if meant && deed.spoil.is_none() {
        return back.write_all(FORBIDDEN);
    }
    far.write_all(
        head.replacen("\r\n", "\r\nconnection: close\r\n", 1)
            .as_bytes(),
    )?;
    far.write_all(&body)?;
    let mut answer = Vec::new();
    far.read_to_end(&mut answer)?;
    match &deed.spoil {
        Some((from, other)) if meant => back.write_all(
            String::from_utf8_lossy(&answer)
                .replace(from, other)
                .as_bytes(),
        ),
        _ => back.write_all(&answer),
    }
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
