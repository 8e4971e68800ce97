//! Finds ambiguous framing in the bytes of HTTP/1.1 heads as they arrive.
//!
//! The HTTP library settles a head with both lengths, or with the same length twice, by itself and does not say so. A
//! client that sends such a head is trying to be understood differently by two parties, so it is refused instead
//! (RFC 9112, 6.3). The scanner walks beside the parser: head, body of the stated length, next head. After a chunked
//! body, whose length it does not know, the connection is closed, so there is no head it has not seen.

/// Where the scanner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Body(u64),
    /// Chunked, upgraded or ambiguous: no further head is read on this connection.
    Done,
}

/// The scanner of one connection.
#[derive(Debug)]
pub struct HeadScan {
    state: State,
    head: Vec<u8>,
    heads: u64,
    begun: u64,
    cap: usize,
}

/// What a head says about its body.
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Open,
    Ambiguous,
}

impl HeadScan {
    /// A scanner for heads of at most `cap` bytes; a longer one is the parser's to refuse.
    pub const fn new(cap: usize) -> Self {
        Self {
            state: State::Head,
            head: Vec::new(),
            heads: 0,
            begun: 0,
            cap,
        }
    }

    /// Whether a head has begun and not ended.
    pub const fn in_head(&self) -> bool {
        matches!(self.state, State::Head) && !self.head.is_empty()
    }

    /// How many heads have begun.
    pub const fn begun(&self) -> u64 {
        self.begun
    }

    /// Takes the bytes just read; returns the number of the head (from 0) whose framing is ambiguous, if one is.
    pub fn take(&mut self, mut bytes: &[u8]) -> Option<u64> {
        while !bytes.is_empty() {
            match self.state {
                State::Done => return None,
                State::Body(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(here..).unwrap_or_default();
                    let left = left - here as u64;
                    self.state = if left == 0 {
                        State::Head
                    } else {
                        State::Body(left)
                    };
                }
                State::Head => {
                    if self.head.is_empty() {
                        // Empty lines before a request line are allowed (RFC 9112, 2.2).
                        let skip = bytes
                            .iter()
                            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                            .count();
                        bytes = bytes.get(skip..).unwrap_or_default();
                        self.begun += u64::from(!bytes.is_empty());
                    }
                    let from = self.head.len();
                    self.head.extend_from_slice(bytes);
                    let Some(end) = end_of_head(&self.head, from) else {
                        if self.head.len() > self.cap {
                            self.state = State::Done;
                        }
                        return None;
                    };
                    bytes = bytes.get(end - from..).unwrap_or_default();
                    self.head.truncate(end);
                    let framing = framing(&self.head);
                    self.head.clear();
                    self.state = match framing {
                        Framing::Length(0) => State::Head,
                        Framing::Length(length) => State::Body(length),
                        Framing::Open | Framing::Ambiguous => State::Done,
                    };
                    if framing == Framing::Ambiguous {
                        return Some(self.heads);
                    }
                    self.heads += 1;
                }
            }
        }
        None
    }
}

/// The end of the head, counted from its start; bytes before `from` are known to hold none.
fn end_of_head(head: &[u8], from: usize) -> Option<usize> {
    let mut at = from.saturating_sub(3);
    while let Some(found) = head.get(at..)?.iter().position(|byte| *byte == b'\n') {
        at += found + 1;
        match head.get(at..) {
            Some([b'\n', ..]) => return Some(at + 1),
            Some([b'\r', b'\n', ..]) => return Some(at + 2),
            _ => {}
        }
    }
    None
}

fn framing(head: &[u8]) -> Framing {
    let mut lengths = 0_usize;
    let mut length = 0_u64;
    let mut encodings = 0_usize;
    let mut upgrade = false;
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        // White space around a name is the parser's to refuse; here it must not hide one.
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            lengths += 1;
            match std::str::from_utf8(value)
                .ok()
                .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|text| text.parse().ok())
            {
                Some(stated) => length = stated,
                None => return Framing::Ambiguous,
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            encodings += 1;
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Framing::Ambiguous;
            }
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            upgrade = true;
        }
    }
    match (lengths, encodings) {
        (0, 0) if upgrade => Framing::Open,
        (0, 0) => Framing::Length(0),
        (1, 0) => Framing::Length(length),
        (0, 1) => Framing::Open,
        _ => Framing::Ambiguous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    #[test]
    fn ambiguous_framing_is_found_wherever_it_stands() {
        for lines in [
            "content-length: 3\r\ntransfer-encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "content-length: 3\r\ncontent-length: 3",
            "content-length: 3\r\ncontent-length: 4",
            "content-length: +3",
            "content-length: 3, 3",
            "content-length: 0x3",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            "transfer-encoding: xchunked",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding : chunked\r\ncontent-length: 3",
            "content-length: 3\ntransfer-encoding: chunked",
        ] {
            let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n\r\nabc");
            assert_eq!(
                HeadScan::new(1 << 16).take(request.as_bytes()),
                Some(0),
                "{lines}"
            );
            let mut scan = HeadScan::new(1 << 16);
            let after =
                format!("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n\r\n\r\nx{PLAIN}{request}");
            let found = after.bytes().filter_map(|byte| scan.take(&[byte])).next();
            assert_eq!(found, Some(2), "byte by byte after two others: {lines}");
        }
    }

    #[test]
    fn text_in_a_body_is_no_head() {
        let body = "x\r\n\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n";
        let request = format!(
            "POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}{PLAIN}",
            body.len()
        );
        let mut scan = HeadScan::new(1 << 16);
        assert_eq!(scan.take(request.as_bytes()), None);
        assert_eq!(scan.heads, 2);
    }

    #[test]
    fn a_head_that_has_begun_is_told_from_a_connection_at_rest() {
        let mut scan = HeadScan::new(1 << 16);
        assert!(!scan.in_head());
        assert_eq!(scan.take(b"GET / HTTP/1.1\r\nhos"), None);
        assert!(scan.in_head());
        assert_eq!(scan.take(b"t: a\r\n\r\n"), None);
        assert!(!scan.in_head());
    }
}
