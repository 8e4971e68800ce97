//! Requests that two parties could understand differently.

use tokio::io::AsyncWriteExt as _;

use crate::harness::{Stage, TENANT, mirror, read_answer};

#[tokio::test]
async fn a_request_that_can_be_read_two_ways_is_refused_and_never_forwarded() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    let signed =
        format!("host: {TENANT}\r\ncookie: __Host-avouch=good\r\norigin: https://{TENANT}");
    for (what, request, status) in [
        (
            "both lengths",
            format!(
                "POST / HTTP/1.1\r\n{signed}\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            400,
        ),
        (
            "both lengths, other order",
            format!(
                "POST / HTTP/1.1\r\n{signed}\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n"
            ),
            400,
        ),
        (
            "one length twice",
            format!(
                "POST / HTTP/1.1\r\n{signed}\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc"
            ),
            400,
        ),
        (
            "two lengths",
            format!(
                "POST / HTTP/1.1\r\n{signed}\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd"
            ),
            400,
        ),
        (
            "a length with a sign",
            format!("POST / HTTP/1.1\r\n{signed}\r\ncontent-length: +3\r\n\r\nabc"),
            400,
        ),
        (
            "an encoding nobody knows",
            format!("POST / HTTP/1.1\r\n{signed}\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
            400,
        ),
        (
            "chunked twice",
            format!(
                "POST / HTTP/1.1\r\n{signed}\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            400,
        ),
        (
            "space before the colon",
            format!("POST / HTTP/1.1\r\n{signed}\r\ncontent-length : 3\r\n\r\nabc"),
            400,
        ),
        (
            "a folded line",
            format!("GET / HTTP/1.1\r\n{signed}\r\nx-a: b\r\n c\r\n\r\n"),
            400,
        ),
        (
            "a NUL in a value",
            format!("GET / HTTP/1.1\r\n{signed}\r\nx-a: b\0c\r\n\r\n"),
            400,
        ),
        (
            "a bare CR in a value",
            format!("GET / HTTP/1.1\r\n{signed}\r\nx-a: b\rc\r\n\r\n"),
            400,
        ),
        (
            "a bad name",
            format!("GET / HTTP/1.1\r\n{signed}\r\nx(a: b\r\n\r\n"),
            400,
        ),
        (
            "two hosts",
            format!("GET / HTTP/1.1\r\n{signed}\r\nhost: {TENANT}\r\n\r\n"),
            400,
        ),
        (
            "no host",
            "GET / HTTP/1.1\r\ncookie: __Host-avouch=good\r\n\r\n".to_owned(),
            400,
        ),
        (
            "another host in the target",
            format!("GET https://lakeside.acuity.test/ HTTP/1.1\r\n{signed}\r\n\r\n"),
            400,
        ),
        (
            "a user in the target",
            format!("GET https://x@{TENANT}/ HTTP/1.1\r\n{signed}\r\n\r\n"),
            400,
        ),
        (
            "dot segments",
            format!("GET /a/../b HTTP/1.1\r\n{signed}\r\n\r\n"),
            400,
        ),
        (
            "hidden dot segments",
            format!("GET /a/%2e%2E/b HTTP/1.1\r\n{signed}\r\n\r\n"),
            400,
        ),
        (
            "a hidden slash",
            format!("GET /a%2Fb HTTP/1.1\r\n{signed}\r\n\r\n"),
            400,
        ),
        (
            "a target that is no path",
            format!("OPTIONS * HTTP/1.1\r\n{signed}\r\n\r\n"),
            400,
        ),
        (
            "a trace",
            format!("TRACE / HTTP/1.1\r\n{signed}\r\n\r\n"),
            405,
        ),
        (
            "another host",
            "GET / HTTP/1.1\r\nhost: lakeside.acuity.test\r\n\r\n".to_owned(),
            421,
        ),
        (
            "another domain",
            "GET / HTTP/1.1\r\nhost: bank.example\r\n\r\n".to_owned(),
            421,
        ),
        (
            "a host below a tenant",
            format!("GET / HTTP/1.1\r\nhost: x.{TENANT}\r\n\r\n"),
            421,
        ),
        (
            "two sessions",
            format!("GET / HTTP/1.1\r\n{signed}\r\ncookie: __Host-avouch=other\r\n\r\n"),
            400,
        ),
    ] {
        let answer = stage.raw(&request).await;
        assert_eq!(answer.status, status, "{what}");
        assert!(
            answer.body.contains("try again") || answer.body.contains("sign in"),
            "{what}: {}",
            answer.body
        );
        // Of one reason only the first in a second is told at once, so the last word is not waited for here.
    }
    assert_eq!(stage.refused().await.status, 400);
    stage.get("/clean", "").await;
    let begun = loop {
        match stage.told().await {
            crate::harness::Told::Begin(begin) => break begin,
            crate::harness::Told::Refused(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        begun.path, "/clean",
        "nothing before this one asked to be admitted"
    );
}

#[tokio::test]
async fn a_request_hidden_behind_an_ambiguous_one_is_never_answered() {
    let stage = Stage::set().await;
    mirror(&stage.app_socket());
    let first =
        format!("GET /first HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n\r\n");
    let both = format!(
        "POST / HTTP/1.1\r\nhost: {TENANT}\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    let mut stream = stage.connect(TENANT).await;
    stream
        .write_all(format!("{first}{both}{first}").as_bytes())
        .await
        .unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 200);
    let refused = read_answer(&mut stream).await;
    assert_eq!(refused.status, 400);
    assert!(refused.has("connection: close"));
    let mut rest = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_chunked_body_arrives_whole_without_its_trailers_and_ends_the_connection() {
    let stage = Stage::set().await;
    mirror(&stage.app_socket());
    let answer = stage
        .raw(&format!(
            "POST / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\norigin: https://{TENANT}\r\n\
             trailer: avouch-assertion\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\navouch-assertion: forged\r\n\r\n"
        ))
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.ends_with("\n\nabc"), "{}", answer.body);
    assert!(!answer.body.contains("forged") && !answer.body.contains("trailer"));
    assert!(answer.has("connection: close"));
}
