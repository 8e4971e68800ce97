//! WebSocket tunnels: opened with an event, closed with an event.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::harness::{SESSION, Stage, TENANT, Told, echo, read_answer};

async fn open(stage: &Stage, origin: &str) -> (u16, TlsStream<TcpStream>) {
    let mut stream = stage.connect(TENANT).await;
    let request = format!(
        "GET /live HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\norigin: {origin}\r\nconnection: keep-alive, Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_answer(&mut stream).await;
    (answer.status, stream)
}

async fn closed(stage: &mut Stage) -> avouch_gateway::link::Closed {
    loop {
        if let Told::Closed(closed) = stage.told().await {
            return closed;
        }
    }
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_and_is_told_at_both_ends() {
    let mut stage = Stage::set().await;
    echo(&stage.app_socket());
    let (status, mut stream) = open(&stage, &format!("https://{TENANT}")).await;
    assert_eq!(status, 101);
    stream.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
    let end = stage.ended().await;
    assert_eq!(end.status, 101);
    stream.shutdown().await.unwrap();
    let closed = closed(&mut stage).await;
    assert_eq!(
        (closed.id, closed.bytes, closed.cut),
        (end.id, Some((5, 5)), false)
    );
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_open_a_tunnel() {
    let stage = Stage::set().await;
    echo(&stage.app_socket());
    assert_eq!(open(&stage, "https://lakeside.acuity.test").await.0, 403);
}

#[tokio::test]
async fn a_tunnel_closes_when_its_session_is_over() {
    let mut stage = Stage::set().await;
    echo(&stage.app_socket());
    let (_, mut stream) = open(&stage, &format!("https://{TENANT}")).await;
    stream.write_all(b"x").await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
    stage.core_end.revoke(SESSION);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    assert!(closed(&mut stage).await.cut);
}

#[tokio::test]
async fn tunnels_and_connections_close_when_the_gateway_stops() {
    let mut stage = Stage::set().await;
    echo(&stage.app_socket());
    let (_, mut stream) = open(&stage, &format!("https://{TENANT}")).await;
    stream.write_all(b"x").await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
    let _at_rest = stage.connect(TENANT).await;
    stage.stop_front.cancel();
    stage.front.take().unwrap().await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(closed(&mut stage).await.cut);
}
