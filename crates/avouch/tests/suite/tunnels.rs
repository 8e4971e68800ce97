//! A WebSocket through the whole service: both its ends are in the trail, and signing out cuts it.

use serde_json::Value;

use crate::harness::{Browser, Raw, Service, User};
use crate::hostile::taken_over;

const HOST: &str = "riverside.acuity.localhost";

/// Somebody whom no other test knows, since signing out ends every sign-in of a person.
fn somebody(service: &Service) -> User {
    let email = "willow@riverside.example";
    let words = [
        "user",
        "add",
        email,
        "--name",
        "Willow",
        "--tenant",
        "riverside",
    ];
    let added = service.ask(&words);
    User {
        email: email.to_owned(),
        password: added["password"].as_str().unwrap().to_owned(),
        tenant: "riverside".to_owned(),
        role: "member".to_owned(),
    }
}

/// Opens a tunnel, and sends something there and back.
#[track_caller]
fn open(service: &Service, browser: &Browser) -> Raw {
    let mut raw = Raw::connect(service, HOST);
    let origin = browser.gateway().origin("riverside");
    raw.send(format!(
        "GET /live HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\norigin: {origin}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        browser.gateway().host("riverside"),
        browser.cookie("riverside").unwrap(),
    ));
    let head = raw.head();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    raw.send("hello");
    assert_eq!(raw.take(5), "hello");
    raw
}

/// The event of the end of somebody's newest tunnel.
#[track_caller]
fn ended(service: &Service, person: &User, how: &str) -> Value {
    service.audited(&["--who", &person.email], |row| {
        let reason = row["reason"].as_str().unwrap();
        row["object"].as_str().unwrap().starts_with("tunnel ") && reason.ends_with(how)
    })
}

#[test]
fn a_tunnel_is_in_the_trail_from_its_opening_to_its_end_and_signing_out_cuts_it() {
    let service = taken_over();
    let person = somebody(service);
    let mut browser = Browser::new(service);
    browser.sign_in("riverside", &person);

    // Gone without a word, as when a page is left.
    drop(open(service, &browser));
    let end = ended(service, &person, "5 bytes up, 5 bytes down, closed");
    let opened = |end: &Value| {
        service.audited(&["--who", &person.email], |row| {
            row["correlation"] == end["correlation"] && row["index"] != end["index"]
        })
    };
    let begin = opened(&end);
    assert_eq!(
        end["object"],
        format!("tunnel {}", begin["object"].as_str().unwrap()),
        "{begin}"
    );
    assert_eq!(begin["object"], "GET /live", "{begin}");
    assert!(begin["index"].as_u64() < end["index"].as_u64());

    let mut tunnel = open(service, &browser);
    let left = browser.post("riverside", "/.avouch/leave", &[]);
    assert_eq!(left.status.as_u16(), 303, "{}", left.text());
    // The answer comes only once nothing of theirs is open any more.
    tunnel.send("more");
    assert_eq!(tunnel.rest(), "");
    let end = ended(
        service,
        &person,
        "5 bytes up, 5 bytes down, cut by a sign-out or a stop",
    );
    assert_eq!(opened(&end)["object"], "GET /live");
}
