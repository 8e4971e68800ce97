//! Instances that restart, stop in the middle, or never answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use avouch_gateway::link::Outcome;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use tokio::sync::Notify;

use crate::harness::{Stage, Told, instance, mirror};

#[tokio::test]
async fn a_request_waits_for_an_instance_that_is_restarting() {
    let mut stage = Stage::set().await;
    let socket = stage.app_socket();
    let before = mirror(&socket);
    assert_eq!(stage.get("/", "").await.status, 200);
    before.cancel();
    std::fs::remove_file(&socket).unwrap();
    while !matches!(stage.told().await, Told::End(_)) {}
    let (answer, ()) = tokio::join!(stage.post("/", "", "x"), async {
        // The request is under way without anybody to take it: the restart finishes only now.
        tokio::task::yield_now().await;
        mirror(&socket);
    });
    assert_eq!(answer.status, 200);
    assert!(answer.body.ends_with("\n\nx"));
}

#[tokio::test]
async fn an_instance_that_is_not_there_is_one_clear_page_and_an_end() {
    let mut stage = Stage::set_with(|configure| configure.limits.reach_ms = 50).await;
    let answer = stage.get("/", "").await;
    assert_eq!(answer.status, 502);
    assert!(answer.body.contains("Back in a moment"));
    assert_eq!(stage.ended().await.outcome, Outcome::Unreachable);
}

#[tokio::test]
async fn an_instance_that_hangs_up_each_time_is_not_asked_in_a_rush() {
    let mut stage = Stage::set_with(|configure| configure.limits.reach_ms = 200).await;
    let listener = tokio::net::UnixListener::bind(stage.app_socket()).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            // Hung up only after the request came, so that it counts as sent.
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 64]).await;
        }
    });
    assert_eq!(stage.get("/", "").await.status, 502);
    // By which of the two the time ran out is the machine's to say.
    let outcome = stage.ended().await.outcome;
    assert!(
        matches!(outcome, Outcome::Broken | Outcome::Unreachable),
        "{outcome:?}"
    );
    let calls = calls.load(Ordering::SeqCst);
    assert!((2..=12).contains(&calls), "{calls} calls in 200 ms");
}

#[tokio::test]
async fn an_instance_cannot_lead_its_requests_to_another_socket() {
    let mut stage = Stage::set_with(|configure| configure.limits.reach_ms = 50).await;
    let another = stage.folder.path().join("another.sock");
    mirror(&another);
    std::os::unix::fs::symlink(&another, stage.app_socket()).unwrap();
    assert_eq!(stage.get("/", "").await.status, 502);
    assert_eq!(stage.ended().await.outcome, Outcome::Unreachable);
}

/// An instance that breaks off its first request; the second time it answers.
fn breaks_once(stage: &Stage) -> Arc<AtomicUsize> {
    let socket = stage.app_socket();
    let seen = Arc::new(AtomicUsize::new(0));
    let broken = Arc::new(Notify::new());
    let (counter, breaking) = (seen.clone(), broken.clone());
    let first = instance(&socket, move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        breaking.notify_one();
        std::future::pending()
    });
    let counter = seen.clone();
    tokio::spawn(async move {
        broken.notified().await;
        first.cancel();
        instance(&socket, move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            async { Response::new(Full::new(Bytes::from_static(b"second"))) }
        });
    });
    seen
}

#[tokio::test]
async fn a_read_broken_off_by_a_restart_is_asked_again() {
    let stage = Stage::set().await;
    let seen = breaks_once(&stage);
    assert_eq!(stage.get("/", "").await.body, "second");
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_change_broken_off_by_a_restart_is_never_sent_twice() {
    let mut stage = Stage::set().await;
    let seen = breaks_once(&stage);
    let answer = stage.post("/", "", "x").await;
    assert_eq!(answer.status, 502);
    assert!(answer.body.contains("check whether it was saved"));
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    assert_eq!(stage.ended().await.outcome, Outcome::Broken);
}

#[tokio::test]
async fn an_instance_that_never_answers_is_given_up() {
    let mut stage = Stage::set_with(|configure| configure.limits.answer_ms = 30).await;
    instance(&stage.app_socket(), |_| std::future::pending());
    assert_eq!(stage.get("/", "").await.status, 504);
    assert_eq!(stage.ended().await.outcome, Outcome::Slow);
}

#[tokio::test]
async fn a_connection_to_an_instance_is_used_again() {
    let stage = Stage::set().await;
    let socket = stage.app_socket();
    mirror(&socket);
    assert_eq!(stage.get("/", "").await.status, 200);
    // Nobody can connect any more; only the connection kept from before still leads there.
    std::fs::remove_file(&socket).unwrap();
    assert_eq!(stage.get("/again", "").await.status, 200);
}
