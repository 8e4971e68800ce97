//! In and out of a host: codes, cookies, redirects, and requests from elsewhere.

use std::sync::Arc;

use avouch_console::{LocalPath, Secret};
use http::Request;

use crate::fake::{CODE, Fake};
use crate::{CONSOLE, TENANT, asked, send};

#[tokio::test]
async fn a_code_becomes_a_host_cookie_and_leads_to_the_page() {
    for host in [TENANT, CONSOLE] {
        let fake = Arc::new(Fake::default());
        let path = format!("/.avouch/enter?code={CODE}&path=%2Fwards%2F3%3Fday%3D1");
        let got = asked(host, "GET", &path).of(&fake).await;
        assert_eq!(got.status, 303);
        assert_eq!(got.header("location"), "/wards/3?day=1");
        assert_eq!(
            got.header("set-cookie"),
            "__Host-avouch=fresh-token; Secure; HttpOnly; SameSite=Lax; Path=/"
        );
    }
}

#[tokio::test]
async fn a_spent_code_sets_no_cookie() {
    let fake = Arc::new(Fake::default());
    let got = asked(TENANT, "GET", "/.avouch/enter?code=old&path=%2F")
        .of(&fake)
        .await;
    assert_eq!(got.status, 403);
    assert_eq!(got.header("set-cookie"), "");
    assert!(got.body.contains("Sign in again"));
}

#[tokio::test]
async fn a_code_that_another_site_brings_is_not_taken() {
    let enter = format!("/.avouch/enter?code={CODE}&path=%2F");
    for (fetch_site, allowed) in [
        (Some("same-site"), true),
        (Some("same-origin"), true),
        (Some("none"), true),
        (None, true),
        (Some("cross-site"), false),
    ] {
        let fake = Arc::new(Fake::default());
        let mut ask = asked(TENANT, "GET", &enter);
        ask.fetch_site = fetch_site;
        let got = ask.of(&fake).await;
        assert_eq!(got.status.as_u16(), if allowed { 303 } else { 403 });
        assert_eq!(
            got.header("set-cookie").is_empty(),
            !allowed,
            "{fetch_site:?}"
        );
        let events = fake.refusals.lock().unwrap().len();
        assert_eq!(events, usize::from(!allowed), "{fetch_site:?}");
    }
}

#[tokio::test]
async fn leaving_ends_the_session_at_the_desk_and_in_the_browser() {
    let fake = Arc::new(Fake::default());
    let got = asked(TENANT, "POST", "/.avouch/leave")
        .by("member-token")
        .of(&fake)
        .await;
    assert_eq!(got.status, 303);
    assert_eq!(
        got.header("location"),
        "https://signin.acuity.localhost:8443/done"
    );
    assert!(got.header("set-cookie").ends_with("Path=/; Max-Age=0"));
    let token = Secret::new("member-token".to_owned());
    assert_eq!(*fake.left.lock().unwrap(), vec![token.digest()]);
}

#[test]
fn a_path_leads_nowhere_but_to_our_own_host() {
    for (given, kept) in [
        ("/", true),
        ("/wards/3", true),
        ("/wards/3?day=2026-11-22&to=//elsewhere", true),
        ("/caf%C3%A9", true),
        ("", false),
        ("wards", false),
        ("//evil.example", false),
        ("///evil.example", false),
        ("/\\evil.example", false),
        ("\\\\evil.example", false),
        ("/%2Fevil.example", false),
        ("/%2fevil.example", false),
        ("/%5Cevil.example", false),
        ("/%252Fevil.example", false),
        ("/\t/evil.example", false),
        ("/%09/evil.example", false),
        ("/\n/evil.example", false),
        ("/ /evil.example", false),
        ("/a//evil.example", false),
        ("/..//evil.example", false),
        ("/%2e%2e/evil.example", false),
        ("https://evil.example/", false),
        ("javascript:alert(1)", false),
        ("/.avouch/enter?code=theirs", false),
        ("/%2Eavouch/enter?code=theirs", false),
        ("/wards\r\nSet-Cookie: a=b", false),
        ("/caf\u{e9}", false),
    ] {
        let expected = if kept { given } else { "/" };
        assert_eq!(LocalPath::or_root(given).as_str(), expected, "{given:?}");
    }
    let long = format!("/{}", "a".repeat(3_000));
    assert_eq!(LocalPath::or_root(&long).as_str(), "/");
}

#[tokio::test]
async fn an_entry_that_names_another_site_leads_to_the_start() {
    for path in [
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "https%3A%2F%2Fevil.example",
    ] {
        let fake = Arc::new(Fake::default());
        let path = format!("/.avouch/enter?code={CODE}&path={path}");
        let got = asked(TENANT, "GET", &path).of(&fake).await;
        assert_eq!(got.header("location"), "/", "{path}");
    }
}

#[tokio::test]
async fn an_act_must_come_from_a_page_of_the_same_origin() {
    const OWN: &str = "https://console.acuity.localhost:8443";
    for (origin, fetch_site, allowed) in [
        (Some(OWN), None, true),
        (Some(OWN), Some("same-origin"), true),
        (None, Some("same-origin"), true),
        (Some("null"), Some("same-origin"), true),
        (None, None, false),
        (Some("null"), None, false),
        (None, Some("same-site"), false),
        (None, Some("cross-site"), false),
        (None, Some("none"), false),
        (Some("https://evil.example"), Some("same-origin"), false),
        (Some("https://riverside.acuity.localhost:8443"), None, false),
        (Some("https://console.acuity.localhost"), None, false),
        (Some("http://console.acuity.localhost:8443"), None, false),
        (
            Some("https://console.acuity.localhost:8443.evil.example"),
            None,
            false,
        ),
    ] {
        let fake = Arc::new(Fake::default());
        let mut ask = asked(CONSOLE, "POST", "/backups/run").by("supplier-token");
        ask.origin = origin.map(str::to_owned);
        ask.fetch_site = fetch_site;
        let got = ask.of(&fake).await;
        let expected = if allowed { 303 } else { 403 };
        assert_eq!(got.status.as_u16(), expected, "{origin:?} {fetch_site:?}");
        let events = fake.refusals.lock().unwrap().len();
        assert_eq!(events, usize::from(!allowed), "{origin:?} {fetch_site:?}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_ours_is_refused() {
    for host in [
        "",
        "evil.example",
        "acuity.localhost.evil.example",
        "notacuity.localhost",
        "ACUITY.localhost",
        "acuity.localhost:9999",
        "a.b.acuity.localhost",
        ".acuity.localhost",
        "under_score.acuity.localhost",
        "acuity.localhost.",
    ] {
        let fake = Arc::new(Fake::default());
        let request = Request::builder()
            .uri("/")
            .header("avouch-host", host)
            .header("avouch-client", "192.0.2.7");
        let got = send(&fake, request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(got.status, 421, "{host:?}");
    }
}

#[tokio::test]
async fn a_request_that_did_not_pass_the_gateway_is_refused() {
    let fake = Arc::new(Fake::default());
    let request = Request::builder()
        .uri("/")
        .header("host", "acuity.localhost");
    let got = send(&fake, request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(got.status, 421);
}

#[tokio::test]
async fn two_session_cookies_are_as_good_as_none() {
    let fake = Arc::new(Fake::default());
    let mut ask = asked(CONSOLE, "GET", "/");
    ask.cookie = Some("__Host-avouch=member-token; __Host-avouch=supplier-token".to_owned());
    assert_eq!(ask.of(&fake).await.status, 303);
}

#[tokio::test]
async fn a_refusal_keeps_the_code_in_the_query_out_of_the_trail() {
    let fake = Arc::new(Fake::default());
    asked(CONSOLE, "GET", "/tenants?code=secret")
        .by("member-token")
        .of(&fake)
        .await;
    let refusals = fake.refusals.lock().unwrap().clone();
    assert_eq!(refusals[0].path, "/tenants");
}
