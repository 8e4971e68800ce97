//! What a refusal says to whoever was refused, and what it leaves in the trail.

use jiff::Timestamp;
use serde_json::Value;

use crate::harness::{Service, within};

/// What is said, by the code of the reason.
const WORDS: [(&str, &str); 10] = [
    ("ambiguous-length", UNCLEAR),
    ("ambiguous-target", UNCLEAR),
    ("malformed", UNCLEAR),
    ("meddling", UNCLEAR),
    (
        "ambiguous-session",
        "Your browser sent two sign-ins at once. Close it, open it again and sign in.",
    ),
    (
        "misdirected",
        "This address is not served here. Check it and try again.",
    ),
    (
        "method",
        "Your browser asked in a way that this service does not answer. Go back and try again.",
    ),
    (
        "large-head",
        "The address, or what your browser sent with it, is longer than this service takes. Check the address and try again.",
    ),
    (
        "large-body",
        "What you sent is larger than this service takes. Send less.",
    ),
    (
        "other-origin",
        "The request did not come from a page of this service. Go back to the service and try again there.",
    ),
];
const UNCLEAR: &str =
    "Your browser sent something that could not be understood. Go back and try again.";
/// Of a body that breaks off.
pub const BROKEN: &str =
    "What you sent did not arrive whole. Check whether it was saved before you send it again.";
/// Of a head that does not end.
pub const SLOW: &str =
    "What your browser asked for took too long to arrive. Check your connection and try again.";

/// The sentence that is said for a reason; `for_numbers` where only numbers can be entered.
pub fn words(reason: &str, for_numbers: &'static str) -> &'static str {
    match reason {
        "not-numbers" => for_numbers,
        "bad-body" => BROKEN,
        _ => WORDS.iter().find(|(known, _)| *known == reason).unwrap().1,
    }
}

/// What an event of a refusal says.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    pub reason: String,
    pub status: u64,
    /// The method, or `-` where none could be read.
    pub method: String,
}

/// When looking begins, so that what came earlier from the same port is not found.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// What the connection from this port left, once it did.
///
/// Of one reason, an event can stand for all the refusals of a second, and says of the first alone where it came from. So
/// nothing of a connection's own is no fault while others are refused for the same reason: whoever asks tries again.
pub fn left(service: &Service, port: u16, since: Timestamp, reason: &str) -> Option<Left> {
    let (port, since) = (port.to_string(), since.to_string());
    within(5, || {
        let asked = ["--outcome", "refused", "--action", "request"];
        let more = ["--from", &since, "--limit", "1000"];
        let seen = service.ask(&[&["audit", "search"], &asked[..], &more[..]].concat());
        let rows = seen["rows"].as_array().unwrap().iter();
        rows.filter(|row| row["parameters"]["source-port"] == port.as_str())
            .map(read)
            .find(|left| left.reason == reason)
    })
}

fn read(row: &Value) -> Left {
    let word = |name: &str| {
        let text = row[name].as_str().unwrap();
        text.split(' ').next().unwrap().to_owned()
    };
    Left {
        reason: word("reason"),
        status: row["status"].as_u64().unwrap(),
        method: word("object"),
    }
}
