//! Signing in: every failure looks the same, and success leads to our own hosts only.

use std::sync::Arc;

use crate::fake::{DISK_FULL, Fake, PASS, THROTTLED};
use crate::{CONSOLE, SIGN_IN, asked};

/// The header that takes a pass away.
const PASS_GONE: &str = "__Host-avouch-pass=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0";

const RIGHT: &str = "password=++right%2C+spaces+and+all+";

#[tokio::test]
async fn the_right_password_earns_a_pass_and_leads_to_the_target_to_begin_there() {
    for (to, host) in [
        ("riverside", "riverside.acuity.localhost"),
        ("console", "console.acuity.localhost"),
        ("", "console.acuity.localhost"),
        ("signin", "console.acuity.localhost"),
        ("evil.example%2F", "console.acuity.localhost"),
        ("..", "console.acuity.localhost"),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(SIGN_IN, "POST", "/")
            .form(&format!(
                "email=a%40b&{RIGHT}&to={to}&path=%2Fwards%3Fday%3D1"
            ))
            .of(&fake)
            .await;
        assert_eq!(got.status, 303, "{to}");
        assert_eq!(
            got.header("location"),
            format!("https://{host}:8443/.avouch/begin?path=%2Fwards%3Fday%3D1")
        );
        assert_eq!(
            got.header("set-cookie"),
            format!(
                "__Host-avouch-pass={PASS}; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=60"
            )
        );
    }
}

#[tokio::test]
async fn a_marked_browser_exchanges_its_pass_for_a_code_of_that_mark() {
    let fake = Arc::new(Fake::default());
    let mark = "ab".repeat(32);
    let got = asked(
        SIGN_IN,
        "GET",
        &format!("/?to=riverside&path=%2Fwards&state={mark}"),
    )
    .cookies(&format!("__Host-avouch-pass={PASS}"))
    .of(&fake)
    .await;
    assert_eq!(got.status, 303);
    assert_eq!(
        got.header("location"),
        format!(
            "https://riverside.acuity.localhost:8443/.avouch/enter?code=code%2Ffor%2B{mark}&path=%2Fwards"
        )
    );
    assert_eq!(got.header("set-cookie"), PASS_GONE);
}

#[tokio::test]
async fn without_a_good_pass_and_a_mark_there_is_only_the_form() {
    let mark = "ab".repeat(32);
    for (query, pass, gone) in [
        (format!("to=riverside&state={mark}"), "", ""),
        (format!("to=riverside&state={mark}"), "spent", PASS_GONE),
        (format!("to=evil.example&state={mark}"), PASS, ""),
        (format!("to=riverside&state={mark}0"), PASS, ""),
        ("to=riverside&state=".to_owned(), PASS, ""),
        ("to=riverside".to_owned(), PASS, ""),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(SIGN_IN, "GET", &format!("/?{query}"))
            .cookies(&format!("__Host-avouch-pass={pass}"))
            .of(&fake)
            .await;
        assert_eq!(got.status, 200, "{query}");
        assert_eq!(got.header("set-cookie"), gone, "{query} {pass}");
        assert!(got.body.contains("name=\"password\""), "{query}");
    }
}

#[tokio::test]
async fn signing_in_while_nothing_can_be_written_down_says_to_come_back() {
    let fake = Arc::new(Fake::default());
    let got = asked(SIGN_IN, "POST", "/")
        .form(&format!("email={}&{RIGHT}", DISK_FULL.replace('@', "%40")))
        .of(&fake)
        .await;
    assert_eq!(got.status, 503);
    assert_eq!(got.header("set-cookie"), "");
    assert!(got.body.contains("Back in a moment"));
    assert!(!got.body.contains("/srv/"), "the cause is the log's");
}

#[tokio::test]
async fn signing_out_says_in_a_sentence_what_ended() {
    let fake = Arc::new(Fake::default());
    let got = asked(SIGN_IN, "GET", "/done").of(&fake).await;
    assert!(got.body.contains(
        "You are signed out of every part of Acuity, in this browser and in every other."
    ));
}

#[tokio::test]
async fn a_wrong_password_gives_the_form_again_without_the_password() {
    let fake = Arc::new(Fake::default());
    let got = asked(SIGN_IN, "POST", "/")
        .form("email=a%40b&password=wrong-one&to=riverside&path=%2Fwards")
        .of(&fake)
        .await;
    assert_eq!(got.status, 401);
    assert!(got.body.contains("<title>Error: Sign in – Acuity</title>"));
    assert!(
        got.body
            .contains("The email address or the password is not right")
    );
    assert!(!got.body.contains("a@b"));
    assert!(got.body.contains("name=\"to\" value=\"riverside\""));
    assert!(!got.body.contains("wrong-one"));
}

#[tokio::test]
async fn a_missing_part_is_answered_like_a_wrong_one() {
    let fake = Arc::new(Fake::default());
    let wrong = asked(SIGN_IN, "POST", "/")
        .form("email=+&password=wrong-one")
        .of(&fake)
        .await;
    for form in ["email=+&password=", "email=+", "password="] {
        let got = asked(SIGN_IN, "POST", "/").form(form).of(&fake).await;
        assert_eq!(got.status, 401, "{form}");
        assert_eq!(got.body, wrong.body, "{form}");
    }
}

#[tokio::test]
async fn throttling_says_when_to_come_back() {
    let fake = Arc::new(Fake::default());
    let got = asked(SIGN_IN, "POST", "/")
        .form(&format!("email={}&{RIGHT}", THROTTLED.replace('@', "%40")))
        .of(&fake)
        .await;
    assert_eq!(got.status, 429);
    assert_eq!(got.header("retry-after"), "90");
    assert!(got.body.contains("You can try again in 2 minutes."));
}

#[tokio::test]
async fn a_page_asked_for_without_a_session_is_kept_for_after_sign_in() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "GET", "/trail?who=a&page=2").of(&fake).await;
    assert_eq!(got.status, 303);
    assert_eq!(
        got.header("location"),
        "https://signin.acuity.localhost:8443/?to=console&path=%2Ftrail%3Fwho%3Da%26page%3D2"
    );
}

#[tokio::test]
async fn a_field_sent_twice_is_refused() {
    let fake = Arc::new(Fake::default());
    let got = asked(SIGN_IN, "POST", "/")
        .form(&format!("email=a%40b&email=c%40d&{RIGHT}"))
        .of(&fake)
        .await;
    assert_eq!(got.status, 400);
}

#[tokio::test]
async fn a_form_larger_than_any_of_ours_is_refused() {
    let fake = Arc::new(Fake::default());
    let got = asked(SIGN_IN, "POST", "/")
        .form(&format!("email={}&{RIGHT}", "a".repeat(20_000)))
        .of(&fake)
        .await;
    assert_eq!(got.status, 400);
}
