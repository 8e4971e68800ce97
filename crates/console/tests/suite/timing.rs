//! The script that times pages, and what it sends.

use std::sync::Arc;
use std::time::Duration;

use crate::fake::{Fake, TIMED};
use crate::{TENANT, asked};

async fn said(fake: &Arc<Fake>, form: &str) -> u16 {
    let got = asked(TENANT, "POST", "/.avouch/timing")
        .by("member-token")
        .form(form)
        .of(fake)
        .await;
    got.status.as_u16()
}

#[tokio::test]
async fn the_script_names_the_stated_requests_and_asks_no_other_host() {
    let fake = Arc::new(Fake::default());
    let got = asked(TENANT, "GET", "/.avouch/timing.js")
        .by("member-token")
        .of(&fake)
        .await;
    assert_eq!(got.header("content-type"), "text/javascript; charset=utf-8");
    let names = format!("const named = [\"{TIMED}\"].map(");
    assert!(got.body.contains(&names), "{}", got.body);
    assert!(!got.body.contains("://"), "{}", got.body);
}

#[tokio::test]
async fn a_time_is_kept_once_and_only_of_a_stated_request_and_a_sensible_length() {
    let fake = Arc::new(Fake::default());
    let good = "on=GET+%2Fwards%2F%7Bward%7D&ms=120";
    for (form, status) in [
        ("", 400),
        ("on=GET+%2Fwards%2F%7Bward%7D&ms=-1", 400),
        ("on=GET+%2Fwards%2F%7Bward%7D&ms=600001", 400),
        ("on=GET+%2F&ms=120", 404),
        (good, 204),
        (good, 429),
    ] {
        assert_eq!(said(&fake, form).await, status, "{form}");
    }
    let kept = fake.timings.lock().unwrap().clone();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].took, Duration::from_millis(120));
}
