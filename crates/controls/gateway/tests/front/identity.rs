//! Who the application is told it is, and what it can neither see nor set.

use crate::harness::{Stage, TENANT, instance, mirror, read_answer};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use tokio::io::AsyncWriteExt as _;

#[tokio::test]
async fn forged_identity_never_reaches_the_application_in_any_spelling() {
    let stage = Stage::set().await;
    mirror(&stage.app_socket());
    for name in [
        "Avouch-Assertion",
        "AVOUCH-ASSERTION",
        "avouch_assertion",
        "Avouch.Assertion",
        "avouch-host",
        "X-Forwarded-User",
        "x_forwarded_user",
        "X.Forwarded.User",
        "X-Forwarded-For",
        "Remote-User",
        "REMOTE_USER",
        "X-Real-IP",
        "Forwarded",
        "X-Auth-Request-Email",
        "Client-Cert",
        "X-HTTP-Method-Override",
        "X-Original-URL",
    ] {
        let answer = stage
            .get("/", &format!("{name}: forged\r\nx-kept: yes\r\n"))
            .await;
        assert_eq!(answer.status, 200, "{name}");
        assert!(!answer.body.contains("forged"), "{name}: {}", answer.body);
        assert!(answer.body.contains("\nx-kept: yes\n"));
        assert_eq!(
            answer.body.matches("\navouch-assertion: ey").count(),
            1,
            "{name}"
        );
    }
}

#[tokio::test]
async fn meddling_with_identity_headers_is_refused_and_told() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    for lines in [
        "avouch-assertion: a\r\navouch-assertion: b\r\n",
        "avouch-assertion: a\r\nAvouch_Assertion: b\r\n",
        "connection: close, avouch-assertion\r\n",
        "connection: Avouch_Assertion\r\n",
        "connection: cookie\r\n",
    ] {
        assert_eq!(stage.get("/", lines).await.status, 400, "{lines}");
    }
    assert_eq!(stage.refused().await.reason, "meddling");
}

#[tokio::test]
async fn the_application_sees_its_own_cookies_and_neither_the_session_nor_a_neighbours() {
    let stage = Stage::set().await;
    mirror(&stage.app_socket());
    let answer = stage.raw(&format!("GET / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: theme=tossed; __Host-app-theme=dark; __Host-avouch=good; __Host-app-a=b\r\n\r\n")).await;
    assert!(
        answer.body.contains("\ncookie: theme=dark; a=b\n"),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains("good") && !answer.body.contains("tossed"));
}

#[tokio::test]
async fn an_application_reaches_no_origin_but_its_own() {
    let mut stage = Stage::set().await;
    instance(&stage.app_socket(), |_| async {
        Response::builder()
            .header("set-cookie", "__Host-avouch=forged; Secure; Path=/")
            .header("set-cookie", "a=b; Domain=acuity.test; Path=/")
            .header("clear-site-data", "\"cookies\"")
            .header("alt-svc", "h2=\":1\"")
            .header("avouch-subject", "s1, s2")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .body(Full::new(Bytes::from_static(b"ok")))
            .unwrap()
    });
    let answer = stage.get("/wards/7/assessments/12", "").await;
    assert_eq!(
        answer.values("set-cookie"),
        ["__Host-app-a=b; Path=/; Secure"]
    );
    let mut names: Vec<_> = answer
        .head
        .iter()
        .filter_map(|line| line.split(':').next())
        .collect();
    names.sort_unstable();
    let allowed = [
        "content-length",
        "content-security-policy",
        "date",
        "referrer-policy",
        "set-cookie",
        "strict-transport-security",
        "x-content-type-options",
    ];
    assert_eq!(names, allowed);
    assert_eq!(stage.ended().await.subjects, ["12", "s1", "s2"]);
}

#[tokio::test]
async fn only_a_page_of_the_same_origin_can_change_anything() {
    let mut stage = Stage::set().await;
    mirror(&stage.app_socket());
    let post = |lines: &str| {
        format!(
            "POST / HTTP/1.1\r\nhost: {TENANT}\r\ncookie: __Host-avouch=good\r\ncontent-length: 0\r\n{lines}\r\n"
        )
    };
    for (lines, status) in [
        (format!("origin: https://{TENANT}\r\n"), 200),
        ("sec-fetch-site: same-origin\r\n".to_owned(), 200),
        (String::new(), 403),
        ("origin: https://lakeside.acuity.test\r\n".to_owned(), 403),
        (format!("origin: http://{TENANT}\r\n"), 403),
        ("origin: null\r\n".to_owned(), 403),
        ("sec-fetch-site: same-site\r\n".to_owned(), 403),
    ] {
        assert_eq!(stage.raw(&post(&lines)).await.status, status, "{lines}");
    }
    assert_eq!(
        stage
            .get(
                "/data.js",
                "sec-fetch-site: same-site\r\nsec-fetch-mode: no-cors\r\n"
            )
            .await
            .status,
        403
    );
    assert_eq!(stage.refused().await.reason, "other-origin");
}

#[tokio::test]
async fn the_core_is_told_by_headers_that_only_the_gateway_sets() {
    let stage = Stage::set().await;
    mirror(&stage.folder.path().join("console.sock"));
    for (name, path) in [
        ("signin.acuity.test", "/"),
        ("console.acuity.test", "/people"),
        ("acuity.test", "/"),
        (TENANT, "/.avouch/enter?code=1"),
    ] {
        let mut stream = stage.connect(name).await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {name}\r\ncookie: __Host-avouch=good\r\navouch-host: forged\r\navouch_client: forged\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.body.starts_with(&format!("GET {path}\n")),
            "{}",
            answer.body
        );
        for line in [
            &format!("avouch-host: {name}"),
            "avouch-client: 127.0.0.1",
            "avouch-tls: TLSv1_3 TLS_AES_256_GCM_SHA384",
            "cookie: __Host-avouch=good",
        ] {
            assert!(
                answer.body.contains(&format!("\n{line}\n")),
                "{line} in {}",
                answer.body
            );
        }
        assert!(!answer.body.contains("forged"));
    }
}
