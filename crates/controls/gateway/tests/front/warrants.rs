//! Reads that go on an earlier word of the core's: judged and kept all the same before anything leaves.

use std::sync::Arc;

use avouch_gateway::link::{Admit, Configure, CoreEnd, Outcome, Report, ToCore};
use http::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::harness::{Stage, TENANT, Told, forward_on, mirror, read_answer, user};

/// A stage whose core lets further reads go on its word, which one read was let through on already.
async fn with_a_word() -> Stage {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    stage.admit(forward_on(&stage.app_socket(), Some(7)));
    assert_eq!(stage.get("/", "").await.status, 200);
    assert!(matches!(stage.told().await, Told::Begin(_)));
    assert!(matches!(stage.told().await, Told::End(_)));
    stage
}

/// Returns when the front has heard everything that the core said before.
async fn heard(stage: &mut Stage) {
    let stranger = stage
        .raw(&format!("GET / HTTP/1.1\r\nhost: {TENANT}\r\n\r\n"))
        .await;
    assert_eq!(stranger.status, 303);
    assert!(matches!(stage.told().await, Told::Begin(_)));
}

#[tokio::test]
async fn a_further_read_is_told_once_with_everything_that_a_question_would_have_said() {
    let mut stage = with_a_word().await;
    let answer = stage.get("/wards/7/assessments/12?x=secret", "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("avouch-assertion: "));
    let Told::Read(read) = stage.told().await else {
        panic!("a question was asked")
    };
    let (begin, end) = (read.begin, read.end);
    assert_eq!((end.status, end.outcome), (200, Outcome::Answered));
    assert_eq!((begin.id, read.warrant), (end.id, 7));
    assert_eq!(
        (begin.host.as_str(), begin.path.as_str()),
        (TENANT, "/wards/7/assessments/12")
    );
    assert_eq!(end.subjects, ["12"]);
}

#[tokio::test]
async fn no_answer_of_a_further_read_leaves_before_its_event_is_kept() {
    let mut stage = with_a_word().await;
    stage.core.keeping.forget_permits(1_000_000);
    let mut stream = stage.connect(TENANT).await;
    let request = format!("GET / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stage.ended().await;
    // While another request goes to the core and back, an answer that did not wait would long have left.
    heard(&mut stage).await;
    let early = futures_util::FutureExt::now_or_never(stream.read(&mut [0]));
    assert!(early.is_none(), "something left before its event was kept");
    stage.core.keeping.add_permits(1);
    assert_eq!(read_answer(&mut stream).await.status, 200);
}

#[tokio::test]
async fn what_came_on_a_word_that_does_not_hold_any_more_is_thrown_away_and_asked_about_anew() {
    let mut stage = with_a_word().await;
    stage.admit(Admit::SignIn {
        location: "https://signin.acuity.test/".into(),
    });
    let answer = stage.get("/secret", "").await;
    assert_eq!(answer.status, 303);
    assert!(!answer.body.contains("secret"));
    assert!(matches!(stage.told().await, Told::Read(_)));
    assert!(matches!(stage.told().await, Told::Begin(_)));
}

#[tokio::test]
async fn a_word_that_has_changed_is_asked_about_anew_and_the_instance_is_told_the_new_one() {
    let mut stage = with_a_word().await;
    stage.admit(forward_on(&stage.app_socket(), Some(8)));
    assert_eq!(stage.get("/", "").await.status, 200);
    assert!(matches!(stage.told().await, Told::Read(_)));
    assert!(matches!(stage.told().await, Told::Begin(_)));
    assert!(matches!(stage.told().await, Told::End(_)));
    assert_eq!(stage.get("/", "").await.status, 200);
    assert!(matches!(stage.told().await, Told::Read(read) if read.warrant == 8));
}

#[tokio::test]
async fn once_a_session_is_over_its_reads_are_asked_about_before_they_go_anywhere() {
    let mut stage = with_a_word().await;
    stage.core_end.revoke(crate::harness::SESSION);
    heard(&mut stage).await;
    stage.get("/", "").await;
    assert!(matches!(stage.told().await, Told::Begin(_)));
}

#[tokio::test]
async fn whoever_ends_a_session_hears_when_nothing_goes_on_an_earlier_word_about_it_any_more() {
    let mut stage = with_a_word().await;
    stage.core_end.revoke(crate::harness::SESSION);
    stage.core_end.followed().await;
    stage.get("/", "").await;
    assert!(matches!(stage.told().await, Told::Begin(_)));
}

#[tokio::test]
async fn a_front_that_does_not_follow_is_cut_off_and_one_that_is_not_there_is_not_waited_for() {
    let mut stage = Stage::set().await;
    // A front that says a word and never reads.
    let mut deaf = UnixStream::connect(stage.folder.path().join("link.sock"))
        .await
        .unwrap();
    let word = postcard::to_io(&ToCore::Suites(Vec::new()), Vec::new()).unwrap();
    let length = u32::try_from(word.len()).unwrap().to_be_bytes();
    deaf.write_all(&[&length[..], &word].concat())
        .await
        .unwrap();
    assert_eq!(stage.reports.recv().await, Some(Report::Connected));
    stage.core_end.revoke(crate::harness::SESSION);
    stage.core_end.followed().await;
    assert_eq!(stage.reports.recv().await, Some(Report::Lost));
    stage.core_end.revoke(crate::harness::SESSION);
    stage.core_end.followed().await;
}

#[tokio::test]
async fn a_read_that_waits_for_its_instance_does_not_reach_it_once_its_session_is_over() {
    let mut stage = with_a_word().await;
    // The instance is away, so that the read waits with the word in its hand.
    let socket = stage.folder.path().join("away.sock");
    stage.admit(forward_on(&socket, Some(8)));
    let asked = Arc::new(tokio::sync::Notify::new());
    let tell = asked.clone();
    let away = crate::harness::instance(&socket, |_| async { Response::default() });
    assert_eq!(stage.get("/", "").await.status, 200);
    away.cancel();
    std::fs::remove_file(&socket).unwrap();
    while !matches!(stage.told().await, Told::End(_)) {}
    let mut stream = stage.connect(TENANT).await;
    let request = format!("GET / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    heard(&mut stage).await;
    stage.core_end.revoke(crate::harness::SESSION);
    stage.core_end.followed().await;
    stage.admit(Admit::SignIn {
        location: "https://signin.acuity.test/".into(),
    });
    crate::harness::instance(&socket, move |_| {
        tell.notify_one();
        async { Response::default() }
    });
    assert_eq!(read_answer(&mut stream).await.status, 303);
    assert!(
        matches!(stage.told().await, Told::Begin(_)),
        "nothing was told of what was not sent"
    );
    let reached = futures_util::FutureExt::now_or_never(asked.notified());
    assert!(
        reached.is_none(),
        "the instance was reached after the session was over"
    );
}

#[tokio::test]
async fn a_read_under_way_when_the_core_dies_is_told_to_the_next_core_though_its_client_has_gone() {
    let mut stage = with_a_word().await;
    stage.core.keeping.forget_permits(1_000_000);
    let mut stream = stage.connect(TENANT).await;
    let request = format!(
        "GET /wards/1/assessments/9 HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let first = stage.ended().await;
    drop(stream);
    stage.stop_core().await;
    stage.core.keeping.add_permits(1_000_000);
    stage.start_core().await;
    let Told::Read(second) = stage.told().await else {
        panic!("the next core was told something else")
    };
    assert_eq!(
        (second.end.id, second.end.subjects),
        (first.id, vec!["9".to_owned()])
    );
}

#[tokio::test]
async fn what_may_change_something_is_always_asked_about_first() {
    let mut stage = with_a_word().await;
    assert_eq!(stage.post("/", "", "").await.status, 200);
    assert!(matches!(stage.told().await, Told::Begin(begin) if begin.unsafe_method));
}

#[tokio::test]
async fn a_further_read_whose_client_goes_away_still_has_an_end() {
    let mut stage = with_a_word().await;
    let asked = Arc::new(tokio::sync::Notify::new());
    let tell = asked.clone();
    let socket = stage.folder.path().join("slow.sock");
    crate::harness::instance(&socket, move |_| {
        tell.notify_one();
        std::future::pending()
    });
    stage.admit(forward_on(&socket, Some(8)));
    let request = format!(
        "GET /wards/1/assessments/9 HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n\r\n"
    );
    // The first goes by its own question, the second on the word that the first got.
    for unasked in [false, true] {
        let mut stream = stage.connect(TENANT).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        asked.notified().await;
        drop(stream);
        let (end, went_on) = loop {
            let (end, went_on) = match stage.told().await {
                Told::End(end) => (end, false),
                Told::Read(read) => (read.end, true),
                _ => continue,
            };
            if end.outcome == Outcome::ClientGone {
                break (end, went_on);
            }
        };
        assert_eq!(went_on, unasked);
        assert_eq!(end.subjects, ["9"]);
    }
}

#[tokio::test]
async fn a_process_of_another_user_is_told_nothing_and_is_reported() {
    let mut stage = Stage::set().await;
    let path = stage.folder.path().join("another.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (core, stop) = (stage.core.clone(), CancellationToken::new());
    let configure: tokio::sync::watch::Receiver<Arc<Configure>> = stage.configure.subscribe();
    let serving = stop.clone();
    tokio::spawn(async move {
        CoreEnd::default()
            .serve(listener, &[user() + 1], configure, core, serving)
            .await
    });
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let mut told = Vec::new();
    stream.read_to_end(&mut told).await.unwrap();
    assert!(told.is_empty());
    assert_eq!(
        stage.reports.recv().await,
        Some(Report::Stranger(Some(user())))
    );
    stop.cancel();
}
