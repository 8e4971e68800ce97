//! The client's way to a witness, over a real socket.

use std::io;
use std::sync::Arc;

use avouch_ledger::witness::{Http, HttpError, Post, Reply};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Listens once, gives back what it was sent as far as `body` reaches, and answers `answer`.
async fn once(body: &'static str, answer: String) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(body.as_bytes()) {
            assert!(socket.read_buf(&mut got).await.unwrap() > 0, "cut off");
        }
        socket.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(got).unwrap()
    });
    (url, served)
}

fn reach() -> Http {
    Http::new(None).unwrap()
}

#[tokio::test]
async fn a_body_is_posted_and_status_and_body_come_back() {
    let answer =
        "HTTP/1.1 409 Conflict\r\ncontent-type: text/x.tlog.size\r\ncontent-length: 4\r\n\r\n256\n";
    let (url, served) = once("old 0\n\nnote\n", answer.to_owned()).await;
    let reply = reach()
        .post(
            &format!("{url}/w1/add-checkpoint"),
            "old 0\n\nnote\n".to_owned(),
        )
        .await
        .unwrap();
    let expected = Reply {
        status: 409,
        body: b"256\n".to_vec(),
    };
    assert_eq!(reply, expected);
    let request = served.await.unwrap();
    assert!(
        request.starts_with("POST /w1/add-checkpoint HTTP/1.1\r\n"),
        "{request}"
    );
    let host = format!("\r\nhost: {}\r\n", url.strip_prefix("http://").unwrap());
    assert!(request.contains(&host), "{request}");
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_given_up() {
    let long = "x".repeat(100_000);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{long}");
    let (url, served) = once("body", answer).await;
    assert!(reach().post(&url, "body".to_owned()).await.is_err());
    // The other end may find the connection gone while it still writes.
    let _ = served.await;
}

#[tokio::test]
async fn what_is_no_address_of_a_witness_and_tls_without_authorities_are_refused() {
    for url in [
        "",
        "witness.example.test",
        "ftp://127.0.0.1/",
        "https://127.0.0.1:1/",
    ] {
        assert!(reach().post(url, String::new()).await.is_err(), "{url}");
    }
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let refused = reach()
        .post(&format!("http://{closed}"), String::new())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

/// A certificate for this machine that vouches for itself, and a server's side with it.
fn certified() -> (String, tokio_rustls::TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (made.cert.pem(), Arc::new(config).into())
}

#[tokio::test]
async fn over_tls_only_a_witness_whose_certificate_an_authority_vouches_for_is_told_anything() {
    let dir = tempfile::tempdir().unwrap();
    let (pem, acceptor) = certified();
    let (known, foreign) = (dir.path().join("known.pem"), dir.path().join("foreign.pem"));
    std::fs::write(&known, pem).unwrap();
    std::fs::write(&foreign, certified().0).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let mut told = Vec::new();
        for _ in 0..2 {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(socket).await else {
                continue;
            };
            let mut got = Vec::new();
            while !got.ends_with(b"body") && stream.read_buf(&mut got).await.unwrap_or(0) > 0 {}
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await;
            let _ = stream.shutdown().await;
            told.extend(got);
        }
        told
    });
    let url = format!("https://localhost:{port}/add-checkpoint");
    let deceived = Http::new(Some(&foreign)).unwrap();
    assert!(deceived.post(&url, "secret".to_owned()).await.is_err());
    let reply = Http::new(Some(&known))
        .unwrap()
        .post(&url, "body".to_owned())
        .await
        .unwrap();
    assert_eq!((reply.status, reply.body), (200, b"ok".to_vec()));
    let told = String::from_utf8(served.await.unwrap()).unwrap();
    assert!(!told.contains("secret"), "{told}");
    assert!(told.contains(&format!("host: localhost:{port}")), "{told}");
}

#[test]
fn authorities_that_cannot_be_read_are_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    assert!(matches!(Http::new(Some(&empty)), Err(HttpError::Read(..))));
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(Http::new(Some(&empty)), Err(HttpError::None(_))));
}
