//! Finds the streams that are ended for a client's fault in the bytes that go out over HTTP/2.
//!
//! The HTTP library ends a stream whose head breaks the protocol, or is larger than it reads, or that is one too many, by
//! itself and does not say so. The frames it writes do (RFC 9113, 4.1, 6.2 and 6.4).

/// Bytes of a frame's head.
const HEAD: usize = 9;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;
/// A status takes no more bytes than this (RFC 7541, 6.2.1), and every answer of ours has more than a status.
const STATUS_ALONE: usize = 5;

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;

/// For what fault a stream was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It broke the protocol.
    Broke,
    /// There were too many at once.
    TooMany,
    /// Its head was larger than is read: the one thing that the library answers, by a status alone.
    LargeHead,
}

/// The scanner of one connection's outgoing frames.
#[derive(Debug, Default)]
pub struct ResetScan {
    head: Vec<u8>,
    /// Bytes of the frame's payload that are still to come.
    left: usize,
    /// The code of a reset, as far as it has come.
    code: Option<u32>,
    /// The stream last answered by a status alone, whose reset says nothing more.
    answered: Option<[u8; 4]>,
}

impl ResetScan {
    /// Takes the bytes just written and returns the faults for which streams ended in them.
    ///
    /// Codes that say nothing against the client are passed over: a stream that ended well or was given up, and a frame
    /// that crossed an answer on its way.
    pub fn take(&mut self, mut bytes: &[u8]) -> Vec<Fault> {
        let mut faults = Vec::new();
        while !bytes.is_empty() {
            if self.left == 0 {
                let (here, rest) = bytes.split_at(bytes.len().min(HEAD - self.head.len()));
                self.head.extend_from_slice(here);
                bytes = rest;
                if let [a, b, c, kind, flags, ref stream @ ..] = *self.head.as_slice()
                    && let Ok(stream) = <[u8; 4]>::try_from(stream)
                {
                    let length = u32::from_be_bytes([0, a, b, c]);
                    self.left = usize::try_from(length).unwrap_or(usize::MAX);
                    self.code = (kind == RST_STREAM && self.answered != Some(stream)).then_some(0);
                    if kind == HEADERS && flags & END_STREAM != 0 && self.left <= STATUS_ALONE {
                        self.answered = Some(stream);
                        faults.push(Fault::LargeHead);
                    }
                    self.head.clear();
                }
                continue;
            }
            let (here, rest) = bytes.split_at(bytes.len().min(self.left));
            bytes = rest;
            self.left -= here.len();
            if let Some(code) = &mut self.code {
                // A reset's payload is its code and nothing else.
                for byte in here {
                    *code = *code << 8 | u32::from(*byte);
                }
                if self.left == 0 {
                    faults.extend(fault(*code));
                }
            }
        }
        faults
    }
}

const fn fault(code: u32) -> Option<Fault> {
    match code {
        PROTOCOL_ERROR | FLOW_CONTROL_ERROR | FRAME_SIZE_ERROR => Some(Fault::Broke),
        REFUSED_STREAM => Some(Fault::TooMany),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: u8 = 0;
    const NO_ERROR: u32 = 0;
    const CANCEL: u32 = 8;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        on(1, kind, 0, payload)
    }

    fn on(stream: u8, kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    }

    fn reset(code: u32) -> Vec<u8> {
        frame(RST_STREAM, &code.to_be_bytes())
    }

    #[test]
    fn resets_for_a_fault_are_found_however_the_bytes_are_cut() {
        let looks_like_one = reset(PROTOCOL_ERROR);
        let bytes = [
            frame(DATA, &looks_like_one),
            reset(PROTOCOL_ERROR),
            frame(DATA, &[]),
            reset(NO_ERROR),
            reset(CANCEL),
            reset(REFUSED_STREAM),
            frame(DATA, &[0; 20_000]),
            reset(FLOW_CONTROL_ERROR),
        ]
        .concat();
        for size in [1, 2, 3, 8, 9, 13, 64, bytes.len()] {
            let mut scan = ResetScan::default();
            let found: Vec<Fault> = bytes
                .chunks(size)
                .flat_map(|part| scan.take(part))
                .collect();
            assert_eq!(
                found,
                [Fault::Broke, Fault::TooMany, Fault::Broke],
                "{size}"
            );
        }
    }
    #[test]
    fn an_answer_by_a_status_alone_is_found_once_and_one_with_more_is_not() {
        let code = PROTOCOL_ERROR.to_be_bytes();
        let bytes = [
            on(1, HEADERS, END_STREAM, &[0x48, 3, b'4', b'3', b'1']),
            on(1, RST_STREAM, 0, &code),
            on(3, HEADERS, END_STREAM, &[0xbe]),
            on(5, RST_STREAM, 0, &code),
            on(
                7,
                HEADERS,
                END_STREAM,
                &[0x88, 0xbe, 0xbf, 0xc0, 0xc1, 0xc2],
            ),
            on(9, HEADERS, 0, &[0x88]),
        ]
        .concat();
        let found = ResetScan::default().take(&bytes);
        assert_eq!(found, [Fault::LargeHead, Fault::LargeHead, Fault::Broke]);
    }
}
