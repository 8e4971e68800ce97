//! Nothing passes without the core's word, once before and once after.

use avouch_gateway::link::{Admit, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Stage, TENANT, Told, mirror, read_answer, sha256};

#[tokio::test]
async fn the_core_learns_what_is_wanted_and_never_the_token() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    assert_eq!(
        stage
            .get("/wards/7/assessments/12?x=secret", "")
            .await
            .status,
        200
    );
    let Told::Begin(begin) = stage.told().await else {
        panic!()
    };
    assert_eq!(
        (
            begin.host.as_str(),
            begin.method.as_str(),
            begin.path.as_str()
        ),
        (TENANT, "GET", "/wards/7/assessments/12")
    );
    assert_eq!(begin.token_digest, Some(sha256(b"good")));
    assert_eq!(
        (begin.record.as_deref(), begin.subjects),
        (Some("assessment"), vec!["12".to_owned()])
    );
    assert_eq!(
        (begin.unsafe_method, begin.upgrade, begin.tls.suite_name()),
        (false, false, "TLS_AES_256_GCM_SHA384")
    );
    let end = stage.ended().await;
    assert_eq!(
        (end.id, end.status, end.outcome),
        (begin.id, 200, Outcome::Answered)
    );
}

#[tokio::test]
async fn an_unknown_tenant_and_a_known_one_look_the_same_to_a_stranger() {
    let stage = Stage::set().await;
    let mut answers = Vec::new();
    for name in [TENANT, "nobody.acuity.test"] {
        let mut stream = stage.connect(name).await;
        stream
            .write_all(format!("GET / HTTP/1.1\r\nhost: {name}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = read_answer_without_body(&mut stream).await;
        answer.1.retain(|line| !line.starts_with("date"));
        answers.push(answer);
    }
    assert_eq!(answers[0].0, 303);
    assert_eq!(answers[0], answers[1]);
}

async fn read_answer_without_body(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
) -> (u16, Vec<String>) {
    let answer = read_answer(stream).await;
    (answer.status, answer.head)
}

#[tokio::test]
async fn no_answer_leaves_before_its_event_is_kept() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    stage.core.keeping.forget_permits(1_000_000);
    let mut stream = stage.connect(TENANT).await;
    for request in [
        format!("GET / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n\r\n"),
        format!(
            "POST / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\norigin: https://{TENANT}\r\ncontent-length: 0\r\n\r\n"
        ),
    ] {
        stream.write_all(request.as_bytes()).await.unwrap();
        stage.ended().await;
        // While another request goes to the core and back, an answer that did not wait would long have left.
        let stranger = stage
            .raw(&format!("GET / HTTP/1.1\r\nhost: {TENANT}\r\n\r\n"))
            .await;
        assert_eq!(stranger.status, 303);
        let mut byte = [0];
        let early = futures_util::FutureExt::now_or_never(stream.read(&mut byte));
        assert!(early.is_none(), "something left before its event was kept");
        stage.core.keeping.add_permits(1);
        assert_eq!(read_answer(&mut stream).await.status, 200);
    }
}

#[tokio::test]
async fn an_answer_whose_event_cannot_be_kept_is_not_shown() {
    let stage = Stage::set().await;
    mirror(&stage.app_socket());
    stage.core.keeping.close();
    let answer = stage.get("/secret", "").await;
    assert_eq!(answer.status, 503);
    assert!(!answer.body.contains("/secret"));
}

#[tokio::test]
async fn what_the_core_refuses_is_a_page_with_its_code() {
    let stage = Stage::set().await;
    stage.admit(Admit::Refuse {
        status: 403,
        reason: "not-a-member".into(),
    });
    let answer = stage.get("/", "").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("Code: not-a-member"));
    stage.admit(Admit::Unavailable);
    assert_eq!(stage.get("/", "").await.status, 503);
}

#[tokio::test]
async fn a_client_that_goes_away_still_has_an_end() {
    let mut stage = Stage::set().await;
    let asked = std::sync::Arc::new(tokio::sync::Notify::new());
    let tell = asked.clone();
    crate::harness::instance(&stage.app_socket(), move |_| {
        tell.notify_one();
        std::future::pending()
    });
    let mut stream = stage.connect(TENANT).await;
    stream.write_all(format!("GET /wards/1/assessments/9 HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\n\r\n").as_bytes()).await.unwrap();
    asked.notified().await;
    drop(stream);
    let end = stage.ended().await;
    assert_eq!(
        (end.outcome, end.subjects),
        (Outcome::ClientGone, vec!["9".to_owned()])
    );
}

#[tokio::test]
async fn without_the_core_nothing_passes_and_with_it_everything_passes_again() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    assert_eq!(stage.get("/", "").await.status, 200);
    stage.stop_core().await;
    let answer = stage.get("/secret", "").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("Back in a moment") && !answer.body.contains("secret"));
    stage.start_core().await;
    assert_eq!(stage.get("/", "").await.status, 200);
}

#[tokio::test]
async fn an_entry_that_is_not_numbers_is_refused_before_the_core_is_asked() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";
    for (path, lines, body) in [
        ("/wards/7/assessments", FORM, "a=1&note=unwell"),
        ("/wards/7/assessments", FORM, "note=%3Cb%3E"),
        ("/wards/7/assessments", FORM, "note=01%2F02%2F2026"),
        ("/wards/7/assessments", FORM, "note=1234"),
        ("/wards/7/assessments", FORM, "note=1&note=2"),
        (
            "/wards/7/assessments",
            "content-type: text/plain\r\n",
            "note=1",
        ),
        (
            "/wards/7/assessments",
            "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n",
            "note=1",
        ),
        ("/wards/7/assessments/", FORM, "note=x"),
        ("//wards/7/assessment%73", FORM, "note=x"),
        ("/wards/7/assessments?note=unwell", FORM, "note=1"),
    ] {
        let answer = stage.post(path, lines, body).await;
        assert_eq!(answer.status, 422, "{path} {body}");
    }
    let answer = stage
        .post("/wards/7/assessments", FORM, "a=1&note=unwell")
        .await;
    assert!(
        answer.body.contains("“note”") && !answer.body.contains("unwell"),
        "{}",
        answer.body
    );
    let refused = stage.refused().await;
    assert_eq!(
        (
            refused.reason.as_str(),
            refused.entry.as_deref(),
            refused.token_digest
        ),
        ("not-numbers", Some("assessment"), Some(sha256(b"good")))
    );
    let answer = stage.post("/wards/7/assessments", FORM, "a=1&b=012").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.ends_with("\n\na=1&b=012"));
    let counted = stage.refused().await;
    assert!(
        counted.count >= 1,
        "the rest of the second is told as a count"
    );
}

#[tokio::test]
async fn a_changed_configuration_is_served_on_the_same_socket() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    stage.configure.send_modify(|configure| {
        let mut changed = avouch_gateway::link::Configure::clone(configure);
        changed.entries.clear();
        *configure = std::sync::Arc::new(changed);
    });
    while !matches!(
        stage.reports.recv().await.unwrap(),
        avouch_gateway::link::Report::Listening(_)
    ) {}
    let answer = stage.post("/wards/7/assessments", "", "note=unwell").await;
    assert_eq!(answer.status, 200);
}
