//! HTTP/2 by hand: what no library of today sends, and what became of it.

use rustls::crypto::aws_lc_rs;
use rustls::version::TLS13;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::harness::{Stage, TENANT, Told, forward, instance, mirror};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// What the server did about a stream, or about everything.
#[derive(Debug, PartialEq, Eq)]
enum Done {
    /// It answered on this stream.
    Answered(u32),
    /// It ended this stream, with this code.
    Reset(u32, u32),
    /// It ended the connection, with this code; `None` where it closed without a word.
    Away(Option<u32>),
}

struct Two(TlsStream<TcpStream>);

impl Two {
    async fn connect(stage: &Stage) -> Self {
        let provider = aws_lc_rs::default_provider();
        let mut stream = stage
            .try_connect(TENANT, provider, &[&TLS13], &[b"h2"])
            .await
            .unwrap();
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await
            .unwrap();
        let mut two = Self(stream);
        two.send(SETTINGS, 0, 0, &[]).await;
        two
    }

    /// Sends one frame; what cannot be sent any more shows in what is read.
    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        let _ = self.0.write_all(&frame).await;
        let _ = self.0.flush().await;
    }

    /// Sends a whole request without a body.
    async fn request(&mut self, stream: u32, fields: &[(&str, &str)]) {
        let flags = END_STREAM | END_HEADERS;
        self.send(HEADERS, flags, stream, &block(fields)).await;
    }

    async fn reset(&mut self, stream: u32) {
        self.send(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
            .await;
    }

    /// The next thing done, past settings, windows and bodies.
    async fn done(&mut self) -> Done {
        loop {
            let mut head = [0; 9];
            if self.0.read_exact(&mut head).await.is_err() {
                return Done::Away(None);
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            if self.0.read_exact(&mut payload).await.is_err() {
                return Done::Away(None);
            }
            let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
            let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match head[3] {
                HEADERS => return Done::Answered(stream),
                RST_STREAM => return Done::Reset(stream, number(0)),
                GOAWAY => return Done::Away(Some(number(4))),
                _ => {}
            }
        }
    }
}

/// Fields as HPACK literals without Huffman coding (RFC 7541, 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            let mut rest = text.len();
            if rest < 127 {
                block.push(rest as u8);
            } else {
                block.push(127);
                rest -= 127;
                while rest >= 128 {
                    block.push((rest % 128) as u8 | 128);
                    rest /= 128;
                }
                block.push(rest as u8);
            }
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A sound request of somebody who is signed in, and more fields.
fn sound<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", TENANT),
        (":path", "/wards/7/assessments/12"),
        ("cookie", "__Host-avouch=good"),
    ];
    fields.extend(more);
    fields
}

/// The core hears once, and for this reason, of what came over this connection.
async fn told_once(stage: &mut Stage, two: &Two, reason: &str) {
    let refused = stage.refused().await;
    let client = two.0.get_ref().0.local_addr().unwrap();
    assert_eq!(
        (refused.reason.as_str(), refused.count, refused.client),
        (reason, 1, client)
    );
}

/// The next thing that the core hears of is a sound request: nothing before it reached an instance or was told twice.
async fn only_a_sound_request_is_asked_about(stage: &mut Stage) {
    let mut two = Two::connect(stage).await;
    two.request(1, &sound(&[("x-last", "1")])).await;
    assert_eq!(two.done().await, Done::Answered(1));
    match stage.told().await {
        Told::Begin(begin) => assert_eq!(begin.path, "/wards/7/assessments/12"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_sound_request_by_hand_is_answered() {
    let stage = Stage::set().await;
    mirror(&stage.app_socket());
    let mut two = Two::connect(&stage).await;
    two.request(1, &sound(&[])).await;
    assert_eq!(two.done().await, Done::Answered(1));
}

#[tokio::test]
async fn a_head_that_breaks_the_protocol_ends_its_stream_and_reaches_nobody() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    let without = |name: &str| {
        let mut fields = sound(&[]);
        fields.retain(|(known, _)| *known != name);
        fields
    };
    for fields in [
        without(":method"),
        without(":path"),
        without(":scheme"),
        sound(&[(":path", "/after-a-regular-field")]),
        sound(&[(":status", "200")]),
        sound(&[(":unknown", "x")]),
        sound(&[("Upper", "case")]),
        sound(&[("connection", "keep-alive")]),
        sound(&[("keep-alive", "timeout=5")]),
        sound(&[("proxy-connection", "keep-alive")]),
        sound(&[("transfer-encoding", "chunked")]),
        sound(&[("upgrade", "websocket")]),
        sound(&[("te", "gzip")]),
        [vec![(":method", "GET")], sound(&[])].concat(),
        [vec![(":path", "/first")], sound(&[])].concat(),
        [vec![(":authority", TENANT)], sound(&[])].concat(),
    ] {
        let mut two = Two::connect(&stage).await;
        two.request(1, &fields).await;
        let done = two.done().await;
        assert!(
            matches!(
                done,
                Done::Reset(1, PROTOCOL_ERROR) | Done::Away(Some(PROTOCOL_ERROR))
            ),
            "{fields:?}: {done:?}"
        );
        told_once(&mut stage, &two, "malformed").await;
    }
    only_a_sound_request_is_asked_about(&mut stage).await;
}

#[tokio::test]
async fn a_path_or_a_host_that_can_be_read_in_two_ways_reaches_no_instance() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    let other = |name: &'static str, value: &'static str| {
        let mut fields = sound(&[]);
        fields.retain(|(known, _)| *known != name);
        fields.insert(0, (name, value));
        fields
    };
    for (fields, reason) in [
        (
            sound(&[("host", "lakeside.acuity.test")]),
            "ambiguous-target",
        ),
        (
            sound(&[("host", TENANT), ("host", TENANT)]),
            "ambiguous-target",
        ),
        (other(":path", "/wards/../secret"), "ambiguous-target"),
        (other(":path", "/wards%2f7"), "ambiguous-target"),
        (other(":path", "*"), "ambiguous-target"),
        (
            other(":authority", "user@riverside.acuity.test"),
            "ambiguous-target",
        ),
        (other(":authority", "lakeside.acuity.test"), "misdirected"),
    ] {
        let mut two = Two::connect(&stage).await;
        two.request(1, &fields).await;
        assert_eq!(two.done().await, Done::Answered(1), "{fields:?}");
        told_once(&mut stage, &two, reason).await;
    }
    only_a_sound_request_is_asked_about(&mut stage).await;
}

#[tokio::test]
async fn a_tunnel_cannot_be_asked_for_by_connect() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    for (fields, reason) in [
        (
            vec![(":method", "CONNECT"), (":authority", "127.0.0.1:22")],
            "method",
        ),
        (
            [
                vec![(":protocol", "websocket"), (":method", "CONNECT")],
                sound(&[])[1..].to_vec(),
            ]
            .concat(),
            "malformed",
        ),
    ] {
        let mut two = Two::connect(&stage).await;
        two.request(1, &fields).await;
        let done = two.done().await;
        assert_ne!(done, Done::Away(None), "{fields:?}");
        told_once(&mut stage, &two, reason).await;
    }
    only_a_sound_request_is_asked_about(&mut stage).await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off_and_told() {
    let mut stage = Stage::set().await;
    let mut two = Two::connect(&stage).await;
    let field = block(&[("x-a", &"a".repeat(10_000))]);
    two.send(HEADERS, END_STREAM, 1, &block(&sound(&[]))).await;
    for _ in 0..1_000 {
        two.send(CONTINUATION, 0, 1, &field).await;
    }
    let done = two.done().await;
    assert!(
        matches!(
            done,
            Done::Away(Some(ENHANCE_YOUR_CALM | PROTOCOL_ERROR) | None)
        ),
        "{done:?}"
    );
    assert_eq!(stage.refused().await.reason, "malformed");
}

#[tokio::test]
async fn a_head_larger_than_the_limit_is_refused_and_reaches_nobody() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    let mut two = Two::connect(&stage).await;
    let long = "a".repeat(9_000);
    let flags = END_STREAM;
    two.send(HEADERS, flags, 1, &block(&sound(&[("x-a", &long)])))
        .await;
    two.send(CONTINUATION, END_HEADERS, 1, &block(&[("x-b", &long)]))
        .await;
    assert_eq!(two.done().await, Done::Answered(1));
    told_once(&mut stage, &two, "large-head").await;
    only_a_sound_request_is_asked_about(&mut stage).await;
}

#[tokio::test]
async fn a_head_larger_than_is_read_at_all_is_refused_and_told() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    let mut two = Two::connect(&stage).await;
    let field = block(&[("x-a", &"a".repeat(16_000))]);
    two.send(HEADERS, END_STREAM, 1, &block(&sound(&[]))).await;
    for _ in 0..70 {
        two.send(CONTINUATION, 0, 1, &field).await;
    }
    two.send(CONTINUATION, END_HEADERS, 1, &field).await;
    assert_eq!(two.done().await, Done::Answered(1));
    told_once(&mut stage, &two, "large-head").await;
    only_a_sound_request_is_asked_about(&mut stage).await;
}

#[tokio::test]
async fn more_requests_at_once_than_allowed_are_refused_one_by_one_and_told() {
    let mut stage = Stage::set().await;
    instance(&stage.app_socket(), |_| std::future::pending());
    let mut two = Two::connect(&stage).await;
    for number in 0..129 {
        two.request(2 * number + 1, &sound(&[])).await;
    }
    assert_eq!(two.done().await, Done::Reset(257, REFUSED_STREAM));
    told_once(&mut stage, &two, "too-many-at-once").await;
}

#[tokio::test]
async fn a_flood_of_requests_given_up_at_once_ends_the_connection_and_is_told() {
    let mut stage = Stage::set().await;
    instance(&stage.app_socket(), |_| std::future::pending());
    let mut two = Two::connect(&stage).await;
    let mut flood = Vec::new();
    for number in 0..1_000_u32 {
        let stream = 2 * number + 1;
        for (kind, flags, payload) in [
            (HEADERS, END_STREAM | END_HEADERS, block(&sound(&[]))),
            (RST_STREAM, 0, CANCEL.to_be_bytes().to_vec()),
        ] {
            let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
            flood.extend(&length[1..]);
            flood.extend([kind, flags]);
            flood.extend(stream.to_be_bytes());
            flood.extend(payload);
        }
    }
    let _ = two.0.write_all(&flood).await;
    let _ = two.0.flush().await;
    let done = two.done().await;
    assert!(
        matches!(done, Done::Away(Some(ENHANCE_YOUR_CALM | 0) | None)),
        "{done:?}"
    );
    let refused = stage.refused().await;
    assert!(
        matches!(refused.reason.as_str(), "malformed" | "given-up"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_client_that_gives_up_each_request_as_soon_as_it_has_begun_is_sent_away_and_told() {
    let mut stage = Stage::set().await;
    stage.admit(forward(&stage.app_socket()));
    instance(&stage.app_socket(), |_| std::future::pending());
    let mut two = Two::connect(&stage).await;
    let mut stream = 1;
    let refused = loop {
        two.request(stream, &sound(&[])).await;
        // Begun, and not only read.
        let refused = loop {
            match stage.told().await {
                Told::Begin(_) => break None,
                Told::Refused(refused) => break Some(refused),
                _ => {}
            }
        };
        if let Some(refused) = refused {
            break refused;
        }
        two.reset(stream).await;
        stream += 2;
        assert!(stream < 2_000, "nothing stops a flood");
        if stream > 201 {
            // From here on the connection may end at any time, and then nothing begins any more.
            break stage.refused().await;
        }
    };
    assert_eq!(refused.reason, "given-up");
    assert!(matches!(two.done().await, Done::Away(_)));
}
