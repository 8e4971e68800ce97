//! WebSocket tunnels: opened with an event, closed with an event.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::harness::{SESSION, Stage, TENANT, Told, echo, mirror, read_answer};

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
        (end.id, (5, 5), false)
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
    let closed = closed(&mut stage).await;
    assert_eq!((closed.bytes, closed.cut), ((1, 1), true));
}

#[tokio::test]
async fn a_tunnel_whose_session_ends_while_it_is_opened_never_carries_anything() {
    let mut stage = Stage::set().await;
    echo(&stage.app_socket());
    // The outcome is kept only after the session has ended, and only then is the tunnel joined.
    stage.core.keeping.forget_permits(1_000_000);
    let mut stream = ask(&stage, "__Host-avouch=good", KEY, "").await;
    assert_eq!(stage.ended().await.status, 101);
    stage.core_end.revoke(SESSION);
    stage.core_end.followed().await;
    stage.core.keeping.add_permits(1_000_000);
    assert_eq!(read_answer(&mut stream).await.status, 101);
    let _ = stream.write_all(b"hello").await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "the tunnel outlived its session");
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

/// Sends an upgrade with these lines in place of the usual ones, and these bytes behind it.
async fn ask(stage: &Stage, cookie: &str, lines: &str, behind: &str) -> TlsStream<TcpStream> {
    let mut stream = stage.connect(TENANT).await;
    let request = format!(
        "GET /live HTTP/1.1\r\nhost: {TENANT}\r\ncookie: {cookie}\r\norigin: https://{TENANT}\r\n\
         connection: Upgrade\r\nupgrade: websocket\r\n{lines}\r\n{behind}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

const KEY: &str = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn somebody_who_is_not_signed_in_gets_no_tunnel() {
    let stage = Stage::set().await;
    echo(&stage.app_socket());
    let mut stream = ask(&stage, "theme=dark", KEY, "").await;
    assert_eq!(read_answer(&mut stream).await.status, 303);
}

#[tokio::test]
async fn a_tunnel_asked_for_from_nowhere_is_refused() {
    let stage = Stage::set().await;
    echo(&stage.app_socket());
    let answer = stage
        .get(
            "/live",
            &format!("connection: Upgrade\r\nupgrade: websocket\r\n{KEY}"),
        )
        .await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn a_body_before_a_tunnel_is_refused_and_what_hides_in_it_is_not_read_as_a_request() {
    let mut stage = Stage::set().await;
    echo(&stage.app_socket());
    let hidden =
        format!("GET /hidden HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n\r\n");
    let length = format!("{KEY}content-length: {}\r\n", hidden.len());
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    for (lines, behind) in [
        (length, hidden),
        (format!("{KEY}transfer-encoding: chunked\r\n"), chunked),
    ] {
        let mut stream = ask(&stage, "__Host-avouch=good", &lines, &behind).await;
        assert_eq!(read_answer(&mut stream).await.status, 400, "{lines}");
        let refused = stage.refused().await;
        assert!(refused.count > 0 && refused.reason == "ambiguous-length");
    }
}

#[tokio::test]
async fn a_handshake_that_is_none_is_no_tunnel_even_if_the_instance_would_have_it() {
    let mut stage = Stage::set().await;
    echo(&stage.app_socket());
    for lines in [
        "sec-websocket-version: 13\r\n",
        "sec-websocket-version: 13\r\nsec-websocket-key: short\r\n",
        "sec-websocket-version: 8\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "sec-websocket-version: 13\r\nsec-websocket-version: 8\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ] {
        let mut stream = ask(&stage, "__Host-avouch=good", lines, "").await;
        let answer = read_answer(&mut stream).await;
        assert_ne!(answer.status, 101, "{lines}");
        assert_ne!(stage.ended().await.status, 101, "{lines}");
    }
}

#[tokio::test]
async fn an_upgrade_that_the_instance_declines_leaves_a_connection_whose_requests_are_judged() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    let mut stream = ask(&stage, "__Host-avouch=good", KEY, "").await;
    assert_eq!(read_answer(&mut stream).await.status, 200);
    stage.ended().await;
    let next = format!("GET /next HTTP/1.1\r\nhost: {TENANT}\r\n\r\n");
    stream.write_all(next.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 303);
}

#[tokio::test]
async fn a_tunnel_carries_more_than_a_body_may_hold_and_counts_it() {
    let mut stage = Stage::set().await;
    echo(&stage.app_socket());
    let (_, stream) = open(&stage, &format!("https://{TENANT}")).await;
    let (mut from, mut to) = tokio::io::split(stream);
    let sending = tokio::spawn(async move {
        to.write_all(&vec![7; 1_000_000]).await.unwrap();
        to.flush().await.unwrap();
        to
    });
    let mut back = vec![0; 1_000_000];
    from.read_exact(&mut back).await.unwrap();
    sending.await.unwrap().shutdown().await.unwrap();
    assert_eq!(closed(&mut stage).await.bytes, (1_000_000, 1_000_000));
}
