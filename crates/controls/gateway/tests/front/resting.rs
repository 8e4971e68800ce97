//! What the front knows of what is under way, when the core asks whether a tenant's instance may be stopped.

use std::time::Duration;

use avouch_gateway::link::{CoreEnd, Quiet};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::harness::{Stage, TENANT, Told, echo, forward_on, mirror, read_answer};

const NAME: &str = "riverside";

/// Waits until nothing is under way any more.
async fn at_rest(stage: &Stage) -> Quiet {
    loop {
        let quiet = stage.core_end.rest(NAME).await.unwrap();
        if quiet.open == 0 {
            return quiet;
        }
        tokio::task::yield_now().await;
    }
}

/// Takes a request on the instance's socket, and answers with the head and half of a body of ten bytes.
async fn begin_to_stream(listener: UnixListener) -> UnixStream {
    let (mut instance, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(instance.read_u8().await.unwrap());
    }
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
    instance.write_all(half.as_bytes()).await.unwrap();
    instance
}

#[tokio::test]
async fn an_answer_that_still_streams_is_open_though_its_event_is_kept() {
    let mut stage = Stage::set().await;
    let listener = UnixListener::bind(stage.app_socket()).unwrap();
    let streaming = tokio::spawn(begin_to_stream(listener));
    let mut client = stage.connect(TENANT).await;
    let request = format!("GET / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut instance = streaming.await.unwrap();
    assert_eq!(stage.ended().await.status, 200);
    let busy = stage.core_end.rest(NAME).await.unwrap();
    assert_eq!((busy.open, busy.checks), (1, Some(Duration::ZERO)));
    assert_eq!(busy.people, None, "the one person here is a check's");
    assert_eq!(
        stage.core_end.rest("hillside").await,
        Some(Quiet::default())
    );
    instance.write_all(b"world").await.unwrap();
    assert_eq!(read_answer(&mut client).await.body, "helloworld");
    assert!(at_rest(&stage).await.checks.is_some());
}

#[tokio::test]
async fn a_tunnel_is_open_until_it_is_over() {
    let mut stage = Stage::set().await;
    echo(&stage.app_socket());
    let mut stream = stage.connect(TENANT).await;
    let request = format!(
        "GET /live HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\norigin: https://{TENANT}\r\n\
         connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 101);
    stream.write_all(b"hello").await.unwrap();
    stream.read_exact(&mut [0; 5]).await.unwrap();
    assert_eq!(stage.core_end.rest(NAME).await.unwrap().open, 1);
    stream.shutdown().await.unwrap();
    while !matches!(stage.told().await, Told::Closed(_)) {}
    assert_eq!(stage.core_end.rest(NAME).await.unwrap().open, 0);
}

#[tokio::test]
async fn once_it_was_asked_nothing_goes_there_without_a_question() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    stage.admit(forward_on(&stage.app_socket(), Some(7)));
    for _ in 0..2 {
        assert_eq!(stage.get("/", "").await.status, 200);
    }
    assert!(matches!(stage.told().await, Told::Begin(_)));
    assert!(matches!(stage.told().await, Told::End(_)));
    assert!(matches!(stage.told().await, Told::Read(_)));
    at_rest(&stage).await;
    assert_eq!(stage.get("/", "").await.status, 200);
    assert!(matches!(stage.told().await, Told::Begin(_)));
}

#[tokio::test]
async fn without_a_front_nothing_is_known() {
    assert_eq!(CoreEnd::default().rest(NAME).await, None);
}
