//! A client that sends exactly the fields it is given over HTTP/2, for what no library of today would send.

use std::io::{Read as _, Write as _};

use super::Service;
use super::raw::{Tls, tls};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The largest payload of a frame that nothing was agreed about (RFC 9113, 4.2).
const LARGEST: usize = 16_384;
/// The stream of the one request.
const STREAM: u32 = 1;

/// A connection over TLS to one of the service's hosts, speaking HTTP/2, for one request.
pub struct Frames(Tls);

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// An answer; of it the body.
    Answer(String),
    /// The stream was ended, with this code.
    Reset(u32),
    /// The connection was ended, or broke off.
    Away,
}

impl Frames {
    pub fn connect(service: &Service, host: &str) -> Self {
        let mut stream = tls(service, host, b"h2");
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .unwrap();
        let mut frames = Self(stream);
        frames.send(SETTINGS, 0, 0, &[]);
        frames
    }

    /// Where the service sees this connection come from.
    pub fn port(&self) -> u16 {
        self.0.sock.local_addr().unwrap().port()
    }

    /// Sends a request, with a body or with one that never comes, and returns what came of it.
    pub fn ask(&mut self, fields: &[(String, String)], body: Option<&str>) -> Came {
        let block = block(fields);
        let mut parts = block.chunks(LARGEST).peekable();
        let mut kind = HEADERS;
        while let Some(part) = parts.next() {
            let mut flags = 0;
            if kind == HEADERS && body == Some("") {
                flags |= END_STREAM;
            }
            if parts.peek().is_none() {
                flags |= END_HEADERS;
            }
            self.send(kind, flags, STREAM, part);
            kind = CONTINUATION;
        }
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            self.send(DATA, END_STREAM, STREAM, body.as_bytes());
        }
        self.came()
    }

    /// Sends one frame; what cannot be sent any more shows in what is read.
    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        let _ = self
            .0
            .write_all(&[&head, payload].concat())
            .and_then(|()| self.0.flush());
    }

    fn came(&mut self) -> Came {
        let mut body = Vec::new();
        loop {
            let mut head = [0; 9];
            if self.0.read_exact(&mut head).is_err() {
                return Came::Away;
            }
            let [a, b, c, kind, flags, stream @ ..] = head;
            let length = u32::from_be_bytes([0, a, b, c]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            if self.0.read_exact(&mut payload).is_err() {
                return Came::Away;
            }
            match kind {
                GOAWAY => return Came::Away,
                RST_STREAM => {
                    return Came::Reset(u32::from_be_bytes(payload.try_into().unwrap()));
                }
                HEADERS | DATA if u32::from_be_bytes(stream) == STREAM => {
                    if kind == DATA {
                        body.extend(payload);
                    }
                    if flags & END_STREAM != 0 {
                        return Came::Answer(String::from_utf8(body).unwrap());
                    }
                }
                _ => {}
            }
        }
    }
}

/// Fields as HPACK literals without Huffman coding (RFC 7541, 6.2.2).
fn block(fields: &[(String, String)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            match text.len().checked_sub(127) {
                None => block.push(u8::try_from(text.len()).unwrap()),
                Some(mut rest) => {
                    block.push(127);
                    while rest >= 128 {
                        block.push(u8::try_from(rest % 128).unwrap() | 128);
                        rest /= 128;
                    }
                    block.push(u8::try_from(rest).unwrap());
                }
            }
            block.extend(text.as_bytes());
        }
    }
    block
}
