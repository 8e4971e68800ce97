//! Too large, too slow, too many.

use avouch_gateway::link::Outcome;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs;
use rustls::version::TLS13;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Stage, TENANT, mirror, read_answer};

#[tokio::test]
async fn a_head_larger_than_the_limit_is_refused_and_told() {
    let mut stage = Stage::set().await;
    let answer = stage
        .get("/", &format!("x-a: {}\r\n", "a".repeat(17_000)))
        .await;
    assert_eq!(answer.status, 431);
    assert!(answer.values("clear-site-data").is_empty());
    assert_eq!(stage.refused().await.reason, "large-head");
}

#[tokio::test]
async fn a_browser_with_all_the_cookies_it_can_keep_is_told_to_forget_them() {
    let mut stage = Stage::set().await;
    for host in [TENANT, "signin.acuity.test", "console.acuity.test"] {
        let stream = stage
            .try_connect(host, aws_lc_rs::default_provider(), &[&TLS13], &[b"h2"])
            .await
            .unwrap();
        let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = Request::get(format!("https://{host}/"));
        for number in 0..180 {
            let cookie = format!("{number}={}", "x".repeat(4_090));
            request = request.header("cookie", cookie);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 431, "{host}");
        assert_eq!(answer.headers()["clear-site-data"], "\"cookies\"");
        assert_eq!(stage.refused().await.reason, "large-cookies");
    }
}

#[tokio::test]
async fn a_record_with_a_longer_name_than_an_event_lists_is_refused_before_the_application_and_told()
 {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    // Characters count, and not the bytes in which a browser writes them.
    for (name, status) in [
        ("7".repeat(128), 200),
        ("%C3%A9".repeat(128), 200),
        ("7".repeat(129), 414),
    ] {
        let path = format!("/wards/1/assessments/{name}");
        let answer = stage.get(&path, "").await;
        assert_eq!(answer.status, status, "{path}");
    }
    let refused = stage.refused().await;
    assert_eq!(refused.reason, "long-subject");
    assert!(refused.token_digest.is_some(), "it is told whose it was");
}

#[tokio::test]
async fn a_body_larger_than_the_limit_is_refused_by_its_stated_length() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\norigin: https://{TENANT}\r\ncontent-length: 100001\r\n\r\n"
    );
    assert_eq!(stage.raw(&head).await.status, 413);
    assert_eq!(stage.refused().await.reason, "large-body");
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_cut_off_and_has_an_end() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    let mut request = format!(
        "POST / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\norigin: https://{TENANT}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    for _ in 0..101 {
        request.push_str(&format!("3e8\r\n{}\r\n", "a".repeat(1000)));
    }
    request.push_str("0\r\n\r\n");
    assert_eq!(stage.raw(&request).await.status, 413);
    assert_eq!(stage.ended().await.outcome, Outcome::BadBody);
}

#[tokio::test]
async fn a_head_that_does_not_come_to_an_end_is_answered_so_and_told() {
    let mut stage = Stage::set_with(|configure| configure.limits.header_ms = 200).await;
    let mut stream = stage.connect(TENANT).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.values("connection"), ["close"]);
    assert!(answer.body.contains("Too slow"), "{}", answer.body);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    assert_eq!(stage.refused().await.reason, "slow-head");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_to_an_end_is_cut_off_and_told() {
    let mut stage = Stage::set_with(|configure| configure.limits.header_ms = 50).await;
    let mut stream = tokio::net::TcpStream::connect(stage.addr).await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(stage.refused().await.reason, "slow-handshake");
}

#[tokio::test]
async fn a_body_that_stands_still_is_cut_off_and_has_an_end() {
    let mut stage = Stage::set_with(|configure| configure.limits.idle_ms = 50).await;
    mirror(&stage.app_socket());
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\norigin: https://{TENANT}\r\ncontent-length: 9\r\n\r\nab"
    );
    assert_eq!(stage.raw(&head).await.status, 408);
    assert_eq!(stage.ended().await.outcome, Outcome::BadBody);
}

#[tokio::test]
async fn a_body_with_a_bad_chunk_is_refused_as_the_clients_mistake() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    for chunk in ["none", "ffffffffffffffffff"] {
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\norigin: https://{TENANT}\r\ntransfer-encoding: chunked\r\n\r\n{chunk}\r\nab\r\n0\r\n\r\n"
        );
        assert_eq!(stage.raw(&request).await.status, 400, "{chunk}");
        assert_eq!(stage.ended().await.outcome, Outcome::BadBody);
    }
}

#[tokio::test]
async fn a_crowd_waits_until_a_place_is_free() {
    let stage = Stage::set_with(|configure| {
        // The listeners each hold one place while they wait.
        configure.limits.connections = 2;
        configure.http_redirect = Some("127.0.0.1:0".parse().unwrap());
    })
    .await;
    mirror(&stage.app_socket());
    let mut first = stage.connect(TENANT).await;
    let mut second = tokio::net::TcpStream::connect(stage.addr).await.unwrap();
    second.write_all(b"not tls").await.unwrap();
    // While this goes all the way to the instance and back, an accepted second would long have had its alert.
    let request = format!("GET / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n\r\n");
    first.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut first).await.status, 200);
    let mut byte = [0];
    assert!(futures_util::FutureExt::now_or_never(second.read(&mut byte)).is_none());
    drop(first);
    assert!(
        second.read(&mut byte).await.is_ok(),
        "an alert comes as soon as there is a place"
    );
}

#[tokio::test]
async fn plain_http_gets_a_redirect_and_nothing_else() {
    let stage = Stage::set().await;
    for (host, location) in [
        (TENANT, format!("https://{TENANT}/a?b=c")),
        ("bank.example", "https://acuity.test/a?b=c".to_owned()),
    ] {
        let mut stream = tokio::net::TcpStream::connect(stage.plain).await.unwrap();
        stream
            .write_all(
                format!(
                    "GET /a?b=c HTTP/1.1\r\nhost: {host}\r\ncookie: __Host-avouch=good\r\n\r\n"
                )
                .as_bytes(),
            )
            .await
            .unwrap();
        let answer = read_answer(&mut stream).await;
        assert_eq!(
            (
                answer.status,
                answer.values("location"),
                answer.body.as_str()
            ),
            (308, vec![location.as_str()], "")
        );
        assert!(answer.values("set-cookie").is_empty());
    }
}
