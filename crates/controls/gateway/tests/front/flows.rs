//! Connections are told when they are over: whose they were, how many bytes, and whether they were let in.

use avouch_gateway::link::{Configure, Flowed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::{Stage, TENANT, Told, mirror};

fn told(configure: &mut Configure) {
    configure.flows = true;
}

async fn flowed(stage: &mut Stage) -> Flowed {
    loop {
        if let Told::Flowed(flowed) = stage.told().await {
            return flowed;
        }
    }
}

#[tokio::test]
async fn a_connection_of_somebody_signed_in_is_told_as_theirs_once_it_is_over() {
    let mut stage = Stage::set_with(told).await;
    mirror(&stage.app_socket());
    let answer = stage.get("/", "").await;
    assert_eq!(answer.status, 200);
    let flowed = flowed(&mut stage).await;
    assert!(flowed.known);
    assert_eq!(flowed.refused, None);
    assert_eq!(flowed.host.as_deref(), Some(TENANT));
    assert_eq!(flowed.local, stage.addr);
    // A handshake, a request and an answer, whatever TLS makes of them.
    assert!(flowed.received > 300 && flowed.sent > 300, "{flowed:?}");
}

#[tokio::test]
async fn what_is_no_tls_is_told_as_turned_away_with_its_bytes() {
    let mut stage = Stage::set_with(told).await;
    let mut stream = TcpStream::connect(stage.addr).await.unwrap();
    stream
        .write_all(b"Is anybody there?\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let flowed = flowed(&mut stage).await;
    assert_eq!(flowed.refused.as_deref(), Some("handshake"));
    assert_eq!(flowed.client, stream.local_addr().unwrap());
    let sent = u64::try_from(answer.len()).unwrap();
    assert_eq!((flowed.received, flowed.sent), (21, sent));
    assert!(!flowed.known);
}

#[tokio::test]
async fn who_goes_away_without_a_word_is_told_as_turned_away() {
    let mut stage = Stage::set_with(told).await;
    let stream = TcpStream::connect(stage.addr).await.unwrap();
    let from = stream.local_addr().unwrap();
    drop(stream);
    let flowed = flowed(&mut stage).await;
    assert_eq!(flowed.refused.as_deref(), Some("no-handshake"));
    assert_eq!((flowed.client, flowed.received, flowed.sent), (from, 0, 0));
}

#[tokio::test]
async fn of_a_flood_each_connection_is_counted_and_only_some_are_told_one_by_one() {
    let mut stage = Stage::set_with(told).await;
    // From another address of this machine, as if from another machine.
    let elsewhere = || async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        socket.connect(stage.addr).await.unwrap()
    };
    for _ in 0..450 {
        drop(elsewhere().await);
    }
    let own = TcpStream::connect(stage.addr).await.unwrap();
    let from = own.local_addr().unwrap();
    drop(own);
    let (mut alone, mut counted, mut own) = (0, 0, 0);
    while counted < 451 {
        let flowed = flowed(&mut stage).await;
        alone += u64::from(flowed.count == 1);
        counted += flowed.count;
        own += u64::from(flowed.client == from && flowed.count == 1);
    }
    assert_eq!(counted, 451);
    assert!(alone < 451, "{alone}");
    assert_eq!(
        own, 1,
        "a check's is told by itself, whatever else there is"
    );
}

#[tokio::test]
async fn nothing_is_told_of_connections_where_nothing_is_promised() {
    let mut stage = Stage::set().await;
    drop(TcpStream::connect(stage.addr).await.unwrap());
    let request = format!("GET / HTTP/1.1\r\nhost: {TENANT}\r\n\r\n");
    assert_eq!(stage.raw(&request).await.status, 303);
    // What comes next is the request's, and the connection before it has been over for long.
    loop {
        match stage.told().await {
            Told::Flowed(flowed) => panic!("{flowed:?}"),
            Told::Begin(_) => break,
            _ => {}
        }
    }
}
