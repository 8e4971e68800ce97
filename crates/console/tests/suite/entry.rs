//! In and out of a host: codes, cookies, redirects, and requests from elsewhere.

use std::sync::Arc;

use avouch_console::{LocalPath, Secret};
use http::Request;

use crate::fake::{CODE, Fake, STATE};
use crate::{CONSOLE, Got, TENANT, asked, send};

/// Where passwords are typed.
const SIGN_IN_ORIGIN: &str = "https://signin.acuity.localhost:8443";

/// What a marked browser sends.
fn marked() -> String {
    format!("theme=dark; __Host-avouch-state={STATE}")
}

fn cookies_set(got: &Got) -> Vec<&str> {
    let set = got.headers.get_all("set-cookie").iter();
    set.map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_code_becomes_a_host_cookie_and_leads_to_the_page() {
    for host in [TENANT, CONSOLE] {
        let fake = Arc::new(Fake::default());
        let path = format!("/.avouch/enter?code={CODE}&path=%2Fwards%2F3%3Fday%3D1");
        let got = asked(host, "GET", &path).cookies(&marked()).of(&fake).await;
        assert_eq!(got.status, 303);
        assert_eq!(got.header("location"), "/wards/3?day=1");
        assert_eq!(
            cookies_set(&got),
            [
                "__Host-avouch=fresh-token; Secure; HttpOnly; SameSite=Lax; Path=/",
                "__Host-avouch-state=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0",
            ]
        );
    }
}

#[tokio::test]
async fn a_spent_code_sets_no_cookie() {
    let fake = Arc::new(Fake::default());
    let got = asked(TENANT, "GET", "/.avouch/enter?code=old&path=%2F")
        .cookies(&marked())
        .of(&fake)
        .await;
    assert_eq!(got.status, 403);
    assert_eq!(got.header("set-cookie"), "");
    assert!(got.body.contains("Sign in again"));
}

#[tokio::test]
async fn a_code_in_a_browser_that_was_not_sent_to_sign_in_is_refused_with_a_page() {
    let path = format!("/.avouch/enter?code={CODE}&path=%2F");
    for cookies in [
        "theme=dark".to_owned(),
        "__Host-avouch-state=".to_owned(),
        "__Host-avouch-state=fedcba9876543210fedcba9876543210".to_owned(),
        format!("__Host-avouch-state={STATE}; __Host-avouch-state={STATE}"),
        format!("__Host-avouch-state={STATE}0"),
        format!("__Host-avouch={STATE}"),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(CONSOLE, "GET", &path).cookies(&cookies).of(&fake);
        let got = got.await;
        assert_eq!(got.status, 403, "{cookies}");
        assert_eq!(cookies_set(&got), [""; 0], "{cookies}");
        assert!(got.body.contains("was made for another browser"));
    }
}

#[tokio::test]
async fn a_session_that_the_browser_had_is_named_when_it_enters() {
    let fake = Arc::new(Fake::default());
    let path = format!("/.avouch/enter?code={CODE}&path=%2F");
    let cookies = format!("__Host-avouch=old-token; {}", marked());
    let got = asked(TENANT, "GET", &path).cookies(&cookies).of(&fake);
    assert_eq!(got.await.status, 303);
    let old = Secret::new("old-token".to_owned());
    assert_eq!(*fake.replaced.lock().unwrap(), [old.digest()]);
}

#[tokio::test]
async fn beginning_marks_the_browser_and_tells_the_sign_in_host_the_digest_alone() {
    for (host, to) in [(TENANT, "riverside"), (CONSOLE, "console")] {
        let fake = Arc::new(Fake::default());
        let mut states = Vec::new();
        for _ in 0..2 {
            let got = asked(host, "GET", "/.avouch/begin?path=%2Fwards%3Fday%3D1");
            let got = got.of(&fake).await;
            assert_eq!(got.status, 303);
            let (pair, rest) = got.header("set-cookie").split_once("; ").unwrap();
            assert_eq!(
                rest, "Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=600",
                "{host}"
            );
            let state = pair.strip_prefix("__Host-avouch-state=").unwrap();
            assert_eq!(state.len(), 32, "128 bits");
            let digest = Secret::new(state.to_owned()).state_digest();
            assert_eq!(
                got.header("location"),
                format!("{SIGN_IN_ORIGIN}/?to={to}&path=%2Fwards%3Fday%3D1&state={digest}")
            );
            states.push(state.to_owned());
        }
        assert_ne!(states[0], states[1]);
    }
}

#[tokio::test]
async fn a_second_tab_keeps_the_mark_of_the_first() {
    for (cookies, kept) in [
        (marked(), true),
        ("__Host-avouch-state=chosen-by-somebody".to_owned(), false),
        (format!("{}; __Host-avouch-state={STATE}", marked()), false),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(TENANT, "GET", "/.avouch/begin?path=%2F").cookies(&cookies);
        let got = got.of(&fake).await;
        let again = format!("__Host-avouch-state={STATE}; ");
        assert_eq!(
            got.header("set-cookie").starts_with(&again),
            kept,
            "{cookies}"
        );
    }
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
        let mut ask = asked(TENANT, "GET", &enter).cookies(&marked());
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
        let got = asked(TENANT, "GET", &path).cookies(&marked()).of(&fake);
        let got = got.await;
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
        let sessions: Vec<_> = fake
            .refusals
            .lock()
            .unwrap()
            .iter()
            .map(|refusal| refusal.session)
            .collect();
        // Whose session the other site made use of is for the desk to look up: it uses none.
        let victim = Secret::new("supplier-token".to_owned()).digest();
        let expected = if allowed { vec![] } else { vec![Some(victim)] };
        assert_eq!(sessions, expected, "{origin:?} {fetch_site:?}");
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
