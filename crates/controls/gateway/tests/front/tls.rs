//! Versions, suites, names, and both versions of HTTP.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Stage, TENANT, Told, mirror};

fn only_128_bit() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .retain(|suite| format!("{:?}", suite.suite()).contains("AES_128"));
    provider
}

#[tokio::test]
async fn both_current_versions_are_spoken_with_long_keys_and_counted() {
    let mut stage = Stage::set().await;
    for version in [&TLS12, &TLS13] {
        stage
            .try_connect(TENANT, aws_lc_rs::default_provider(), &[version], &[])
            .await
            .unwrap();
    }
    let mut counted = Vec::new();
    while counted.len() < 2 {
        counted.extend(stage.suites().await);
    }
    assert!(counted.iter().all(|suite| suite.tls.bits() == 256));
}

#[tokio::test]
async fn a_client_with_short_keys_only_cannot_connect() {
    let mut stage = Stage::set().await;
    for version in [&TLS12, &TLS13] {
        assert!(
            stage
                .try_connect(TENANT, only_128_bit(), &[version], &[])
                .await
                .is_err(),
            "{version:?}"
        );
    }
    assert_eq!(stage.refused().await.reason, "handshake");
}

#[tokio::test]
async fn a_lower_version_is_refused_when_the_rule_is_higher() {
    let stage =
        Stage::set_with(|configure| configure.tls.minimum = avouch_gateway::link::Minimum::Tls13)
            .await;
    assert!(
        stage
            .try_connect(TENANT, aws_lc_rs::default_provider(), &[&TLS12], &[])
            .await
            .is_err()
    );
    assert!(
        stage
            .try_connect(TENANT, aws_lc_rs::default_provider(), &[&TLS13], &[])
            .await
            .is_ok()
    );
}

/// A hello as clients of that age sent it: version, random, no session, one suite they had, no compression.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 4, 0xc0, 0x0a, 0x00, 0x35]);
    body.extend([1, 0]);
    let mut hello = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
    hello.extend(body);
    let mut record = vec![22, 3, minor, 0, u8::try_from(hello.len()).unwrap()];
    record.extend(hello);
    record
}

#[tokio::test]
async fn versions_of_the_last_century_and_a_little_later_get_an_alert() {
    let stage = Stage::set().await;
    for minor in [0, 1, 2] {
        let mut stream = TcpStream::connect(stage.addr).await.unwrap();
        stream.write_all(&old_hello(minor)).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(
            answer.is_empty() || answer[0] == 21,
            "3.{minor} got {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_not_ours_gets_no_certificate() {
    let stage = Stage::set().await;
    assert!(
        stage
            .try_connect(
                "bank.example",
                aws_lc_rs::default_provider(),
                rustls::ALL_VERSIONS,
                &[]
            )
            .await
            .is_err()
    );
}

#[tokio::test]
async fn http_2_is_served_and_forwarded_like_its_elder() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    let stream = stage
        .try_connect(TENANT, aws_lc_rs::default_provider(), &[&TLS13], &[b"h2"])
        .await
        .unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = |host: &str| {
        Request::post(format!("https://{host}/a"))
            .header("cookie", "__Host-app-theme=dark")
            .header("cookie", "__Host-avouch=good")
            .header("origin", format!("https://{TENANT}"))
            .header("avouch_assertion", "forged")
            .body(Full::new(Bytes::from_static(b"abc")))
            .unwrap()
    };
    let answer = sender.send_request(request(TENANT)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(
        text.contains(&format!("\nhost: {TENANT}\n")) && text.contains("\ncookie: theme=dark\n"),
        "{text}"
    );
    assert!(
        text.ends_with("\n\nabc") && !text.contains("forged") && !text.contains("good"),
        "{text}"
    );
    assert!(matches!(stage.told().await, Told::Begin(_)));
    let other = sender
        .send_request(request("lakeside.acuity.test"))
        .await
        .unwrap();
    assert_eq!(
        other.status(),
        421,
        "a connection made for one host asks for another"
    );
}
