//! What comes from outside and is not meant well: each is refused clearly, and the refusal is an event.

mod left;
mod two;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{Browser, Raw, shared};
use left::{BROKEN, Left, SLOW, left, now, words};

const TENANT: &str = "riverside.acuity.localhost";
/// How often a request is made whose event another's may stand for.
const TRIES: u32 = 5;

/// One ill-meant request: what it is, its bytes after `{host}` and `{cookie}` are filled in, and what must come of it.
struct Ill {
    what: &'static str,
    bytes: String,
    status: u16,
    reason: &'static str,
}

fn ill(what: &'static str, bytes: impl Into<String>, status: u16, reason: &'static str) -> Ill {
    Ill {
        what,
        bytes: bytes.into(),
        status,
        reason,
    }
}

impl Ill {
    /// The sentence that says what is wrong with what was entered.
    fn what_of_numbers(&self) -> &'static str {
        match self.what {
            "a field sent twice" => "The field “day” was sent twice.",
            "a file where numbers go" => "Only a plain form may be sent here.",
            _ => "The field “day” takes a whole number of at most 4 digits, and nothing else.",
        }
    }
}

fn table() -> Vec<Ill> {
    let post = "POST /wards/1/assessments HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\norigin: {origin}\r\n";
    let get = "GET / HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n";
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    vec![
        ill(
            "two lengths",
            format!("{post}{form}content-length: 3\r\ncontent-length: 30\r\n\r\na=1"),
            400,
            "ambiguous-length",
        ),
        ill(
            "the same length twice",
            format!("{post}{form}content-length: 3\r\ncontent-length: 3\r\n\r\na=1"),
            400,
            "ambiguous-length",
        ),
        ill(
            "a length and chunks",
            format!(
                "{post}{form}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
            ),
            400,
            "ambiguous-length",
        ),
        ill(
            "chunks in another spelling",
            format!("{post}{form}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
            400,
            "ambiguous-length",
        ),
        ill(
            "a length that is none",
            format!("{post}{form}content-length: +3\r\n\r\na=1"),
            400,
            "ambiguous-length",
        ),
        ill(
            "two hosts",
            format!("{get}host: console.acuity.localhost\r\n\r\n"),
            400,
            "ambiguous-target",
        ),
        ill(
            "no host",
            "GET / HTTP/1.1\r\ncookie: {cookie}\r\n\r\n",
            400,
            "ambiguous-target",
        ),
        ill(
            "another host than the connection's",
            "GET / HTTP/1.1\r\nhost: hillside.acuity.localhost\r\n\r\n",
            421,
            "misdirected",
        ),
        ill(
            "a host that is not ours",
            "GET / HTTP/1.1\r\nhost: example.org\r\n\r\n",
            421,
            "misdirected",
        ),
        ill(
            "a path that climbs",
            "GET /wards/../totals HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n",
            400,
            "ambiguous-target",
        ),
        ill(
            "a path with a hidden slash",
            "GET /wards%2f1 HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n",
            400,
            "ambiguous-target",
        ),
        ill(
            "an identity sent twice",
            format!("{get}avouch-assertion: a\r\nAvouch_Assertion: b\r\n\r\n"),
            400,
            "meddling",
        ),
        ill(
            "an identity to be taken out on the way",
            format!("{get}connection: avouch-assertion\r\n\r\n"),
            400,
            "meddling",
        ),
        ill(
            "a cookie to be taken out on the way",
            format!("{get}connection: close, cookie\r\n\r\n"),
            400,
            "meddling",
        ),
        ill(
            "two sessions",
            format!("{get}cookie: __Host-avouch=another\r\n\r\n"),
            400,
            "ambiguous-session",
        ),
        ill(
            "one session twice",
            format!("{get}cookie: {{cookie}}\r\n\r\n"),
            400,
            "ambiguous-session",
        ),
        ill(
            "one session twice in a line",
            "GET / HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}; a=1; {cookie}\r\n\r\n",
            400,
            "ambiguous-session",
        ),
        ill(
            "a target that names another host",
            "GET https://hillside.acuity.localhost/ HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n",
            400,
            "ambiguous-target",
        ),
        ill(
            "a target that asks for a tunnel",
            "CONNECT hillside.acuity.localhost:443 HTTP/1.1\r\nhost: {host}\r\n\r\n",
            405,
            "method",
        ),
        ill(
            "a path with a hidden end of text",
            "GET /wards/1%00 HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n",
            400,
            "ambiguous-target",
        ),
        ill(
            "an end of text in a header",
            format!("{get}x: a\0b\r\n\r\n"),
            400,
            "malformed",
        ),
        ill(
            "half an end of line in a header",
            format!("{get}x: a\rcookie: b\r\n\r\n"),
            400,
            "malformed",
        ),
        ill(
            "a header that goes on in the next line",
            format!("{get}x: a\r\n cookie: b\r\n\r\n"),
            400,
            "malformed",
        ),
        ill("a version of long ago", "GET /\r\n\r\n", 400, "malformed"),
        ill(
            "a chunk without a length",
            format!("{post}{form}transfer-encoding: chunked\r\n\r\nnone\r\na=1\r\n0\r\n\r\n"),
            400,
            "bad-body",
        ),
        ill(
            "a chunk longer than any number",
            format!(
                "{post}{form}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\na=1\r\n0\r\n\r\n"
            ),
            400,
            "bad-body",
        ),
        ill(
            "a method that is not spoken",
            "TRACE / HTTP/1.1\r\nhost: {host}\r\n\r\n",
            405,
            "method",
        ),
        ill(
            "a head without end",
            format!("{get}x: {}\r\n\r\n", "x".repeat(80_000)),
            431,
            "large-head",
        ),
        ill(
            "a space before a colon",
            format!("{get}content-length : 0\r\n\r\n"),
            400,
            "malformed",
        ),
        ill(
            "no HTTP at all",
            "\u{16}\u{3}hello there\r\n\r\n",
            400,
            "malformed",
        ),
        ill(
            "a stated body that is too large",
            format!("{post}{form}content-length: 999999999\r\n\r\n"),
            413,
            "large-body",
        ),
        ill(
            "a form from nowhere",
            "POST /wards/1/assessments HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\ncontent-length: 0\r\n\r\n",
            403,
            "other-origin",
        ),
        ill(
            "a form from another tenant's page",
            "POST /wards/1/assessments HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\norigin: https://hillside.acuity.localhost\r\ncontent-length: 0\r\n\r\n",
            403,
            "other-origin",
        ),
        ill(
            "text where numbers go",
            format!("{post}{form}content-length: 10\r\n\r\nday=monday"),
            422,
            "not-numbers",
        ),
        ill(
            "a number that is too long",
            format!("{post}{form}content-length: 9\r\n\r\nday=12345"),
            422,
            "not-numbers",
        ),
        ill(
            "a field sent twice",
            format!("{post}{form}content-length: 11\r\n\r\nday=1&day=2"),
            422,
            "not-numbers",
        ),
        ill(
            "a file where numbers go",
            format!(
                "{post}content-type: multipart/form-data; boundary=x\r\ncontent-length: 5\r\n\r\n--x--"
            ),
            422,
            "not-numbers",
        ),
    ]
}

#[test]
fn every_ill_meant_request_is_refused_clearly_and_leaves_an_event() {
    let service = shared();
    let mut browser = Browser::new(service);
    browser.sign_in("riverside", &service.user("riverside", "member"));
    let cookie = browser.cookie("riverside").unwrap();
    let mut wrong = Vec::new();
    for ill in table() {
        let host = format!("{TENANT}:{}", service.address().port());
        let bytes = ill
            .bytes
            .replace("{host}", &host)
            .replace("{cookie}", &cookie)
            .replace("{origin}", &format!("https://{host}"));
        let found = (0..TRIES).find_map(|_| {
            let (mut raw, since) = (Raw::connect(service, TENANT), now());
            let answer = raw.send(&bytes).rest();
            if !answer.starts_with(&format!("HTTP/1.1 {} ", ill.status))
                || !answer.contains(words(ill.reason, ill.what_of_numbers()))
            {
                wrong.push(format!("{}: answered {answer}", ill.what));
            }
            left(service, raw.port(), since, ill.reason)
        });
        let left = |method: &str| Left {
            reason: ill.reason.to_owned(),
            status: ill.status.into(),
            method: method.to_owned(),
        };
        // Of a head that cannot be read no word is believed.
        let unread = matches!(ill.reason, "malformed" | "large-head" | "ambiguous-length");
        let method = bytes.split(' ').next().unwrap();
        if found != Some(left(method)) && !(unread && found == Some(left("-"))) {
            wrong.push(format!("{}: left {found:?}", ill.what));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_smuggled_second_request_is_never_carried_out() {
    let service = shared();
    let host = format!("{TENANT}:{}", service.address().port());
    let inner =
        format!("GET /wards/1/assessments/4040404040404040 HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let outer = format!(
        "POST /wards/1/assessments HTTP/1.1\r\nhost: {host}\r\norigin: https://{host}\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        inner.len() + 5
    );
    let answers = Raw::connect(service, TENANT).send(outer).rest();
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    let seen = service.ask(&["audit", "search", "--subject", "4040404040404040"]);
    assert_eq!(seen["total"], 0, "{seen}");
}

#[test]
fn a_request_that_comes_too_slowly_is_given_up_and_leaves_an_event() {
    let service = shared();
    let found = (0..TRIES).find_map(|_| {
        let (mut raw, since) = (Raw::connect(service, TENANT), now());
        raw.send("GET / HTTP/1.1\r\nhost: ");
        let answer = raw.rest();
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains(SLOW), "{answer}");
        left(service, raw.port(), since, "slow-head")
    });
    assert_eq!(found.map(|left| left.status), Some(408));
}

#[test]
fn a_body_that_stops_coming_is_given_up_and_leaves_an_event() {
    let service = shared();
    let mut browser = Browser::new(service);
    browser.sign_in("riverside", &service.user("riverside", "member"));
    let host = format!("{TENANT}:{}", service.address().port());
    let found = (0..TRIES).find_map(|_| {
        let (mut raw, since) = (Raw::connect(service, TENANT), now());
        raw.send(format!(
            "POST /wards/1/assessments HTTP/1.1\r\nhost: {host}\r\norigin: https://{host}\r\ncookie: {}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\nday=",
            browser.cookie("riverside").unwrap()
        ));
        let answer = raw.rest();
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains(BROKEN), "{answer}");
        left(service, raw.port(), since, "bad-body")
    });
    assert_eq!(found.map(|left| left.status), Some(408));
}

#[test]
fn a_client_that_speaks_no_tls_gets_nothing_and_leaves_an_event() {
    let service = shared();
    let found = (0..TRIES).find_map(|_| {
        let (mut socket, since) = (TcpStream::connect(service.address()).unwrap(), now());
        let patience = Some(Duration::from_secs(20));
        socket.set_read_timeout(patience).unwrap();
        socket
            .write_all(b"GET / HTTP/1.1\r\nhost: riverside.acuity.localhost\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains("HTTP/"), "{answer:?}");
        let port = socket.local_addr().unwrap().port();
        left(service, port, since, "handshake")
    });
    assert!(found.is_some(), "no event of the handshake");
}

#[test]
fn an_application_is_unknown_to_whoever_is_not_signed_in() {
    let service = shared();
    let mut browser = Browser::new(service);
    for host in ["riverside", "hillside", "nobody-of-this-name"] {
        let answer = browser.get(host, "/wards/1");
        assert_eq!(answer.status.as_u16(), 303, "{host}");
        let to = answer.header("location").unwrap();
        assert!(
            to.starts_with(&format!(
                "{}/?to={host}",
                browser.gateway().origin("signin")
            )),
            "{to}"
        );
    }
}
