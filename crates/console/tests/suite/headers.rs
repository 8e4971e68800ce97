//! Every answer's headers, whole: one that is not listed fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::fake::{CODE, Fake};
use crate::{CONSOLE, Got, SIGN_IN, STATEMENT, TENANT, asked};

const EVERYWHERE: &str = "\
cross-origin-opener-policy: same-origin
cross-origin-resource-policy: same-origin
permissions-policy: camera=(), geolocation=(), microphone=()
referrer-policy: same-origin
x-content-type-options: nosniff
x-frame-options: DENY
";

/// The headers of an answer, sorted, without those that every answer has and its length.
fn own_headers(got: &Got) -> String {
    let mut listed: BTreeMap<String, String> = BTreeMap::new();
    for name in got.headers.keys() {
        // Each cookie has a header of its own.
        assert!(
            name == "set-cookie" || got.headers.get_all(name).iter().count() == 1,
            "{name} is sent twice"
        );
        listed.insert(name.to_string(), got.header(name.as_str()).to_owned());
    }
    listed.remove("content-length");
    for line in EVERYWHERE.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        assert_eq!(listed.remove(name).as_deref(), Some(value), "{name}");
    }
    listed
        .iter()
        .fold(String::new(), |mut text, (name, value)| {
            writeln!(text, "{name}: {value}").unwrap();
            text
        })
}

const CLOSED: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action";
const BARE: &str = "frame-ancestors 'none'; base-uri 'none'";
const HTML: &str = "content-type: text/html; charset=utf-8\n";

fn page(forms: &str) -> String {
    format!("cache-control: no-store\ncontent-security-policy: {CLOSED} {forms}; {BARE}\n{HTML}")
}

#[tokio::test]
async fn pages_send_these_headers_and_no_others() {
    let signin = "'self' https://signin.acuity.localhost:8443";
    for (host, path, token, forms) in [
        (STATEMENT, "/", "", "'none'"),
        (STATEMENT, "/absent", "", "'none'"),
        (SIGN_IN, "/", "", "'self' https://*.acuity.localhost:8443"),
        (
            SIGN_IN,
            "/done",
            "",
            "'self' https://*.acuity.localhost:8443",
        ),
        (CONSOLE, "/", "supplier-token", signin),
        (CONSOLE, "/drills/d39", "supplier-token", signin),
        (CONSOLE, "/tenants", "member-token", signin),
        (TENANT, "/.avouch/enter", "", signin),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(host, "GET", path).by(token).of(&fake).await;
        assert_eq!(own_headers(&got), page(forms), "{host}{path}");
    }
}

#[tokio::test]
async fn a_running_drill_asks_the_browser_to_look_again() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "GET", "/drills/d41")
        .by("admin-token")
        .of(&fake)
        .await;
    let signin = "'self' https://signin.acuity.localhost:8443";
    assert_eq!(own_headers(&got), format!("{}refresh: 3\n", page(signin)));
}

#[tokio::test]
async fn documents_downloads_and_entries_send_these_headers_and_no_others() {
    let signin = "'self' https://signin.acuity.localhost:8443";
    for (host, path, token, forms, before, after) in [
        (
            STATEMENT,
            "/statement.json",
            "",
            "'none'",
            "",
            "content-type: application/json\n",
        ),
        (
            STATEMENT,
            "/statement.md",
            "",
            "'none'",
            "",
            "content-type: text/markdown; charset=utf-8\n",
        ),
        (
            TENANT,
            "/.avouch/jwks.json",
            "",
            signin,
            "",
            "content-type: application/jwk-set+json\n",
        ),
        (
            CONSOLE,
            "/pack/riverside",
            "admin-token",
            signin,
            "content-disposition: attachment; filename=\"riverside.avouch-pack\"\n",
            "content-type: application/octet-stream\n",
        ),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(host, "GET", path).by(token).of(&fake).await;
        let policy = format!("content-security-policy: {CLOSED} {forms}; {BARE}\n");
        let expected = format!("cache-control: no-store\n{before}{policy}{after}");
        assert_eq!(own_headers(&got), expected, "{path}");
    }
}

#[tokio::test]
async fn a_tile_of_the_log_sends_the_headers_of_its_format_and_what_is_not_there_is_absent() {
    let fake = Arc::new(Fake::default());
    let got = asked(STATEMENT, "GET", "/log/tile/0/x001/067.p/7")
        .of(&fake)
        .await;
    let policy = format!("content-security-policy: {CLOSED} 'none'; {BARE}\n");
    assert_eq!(
        own_headers(&got),
        format!(
            "cache-control: public, max-age=31536000, immutable\n{policy}content-type: application/octet-stream\n"
        )
    );
    for path in ["/log/tile/0/000", "/log/", "/log", "/log/journal/0.seg"] {
        let got = asked(STATEMENT, "GET", path).of(&fake).await;
        assert_eq!(got.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_entry_sends_a_cookie_and_a_place_and_nothing_else() {
    let fake = Arc::new(Fake::default());
    let path = format!("/.avouch/enter?code={CODE}&path=%2F");
    let mark = format!("__Host-avouch-state={}", crate::fake::STATE);
    let got = asked(TENANT, "GET", &path).cookies(&mark).of(&fake).await;
    let names: Vec<String> = own_headers(&got)
        .lines()
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "cache-control",
            "content-security-policy",
            "location",
            "set-cookie"
        ]
    );
    assert!(got.body.is_empty());
}

#[tokio::test]
async fn the_stylesheet_may_be_kept_because_its_address_changes_with_it() {
    let fake = Arc::new(Fake::default());
    let page = asked(STATEMENT, "GET", "/").of(&fake).await;
    let address = page
        .body
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .unwrap();
    let address = address.split('"').next().unwrap();
    assert!(address.starts_with("/.avouch/avouch.css?v="));
    let got = asked(STATEMENT, "GET", address).of(&fake).await;
    assert_eq!(got.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(
        got.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert!(got.body.contains(".nhsuk-button"));
    assert!(
        !got.body.contains("@font-face"),
        "the NHS font is not ours to use"
    );
}
