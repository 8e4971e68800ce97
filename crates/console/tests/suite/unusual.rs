//! What somebody makes of unusual access.

use std::sync::Arc;

use avouch_console::unusual::Looked;

use crate::fake::Fake;
use crate::{CONSOLE, asked};

#[tokio::test]
async fn what_waits_is_shown_before_what_somebody_looked_at() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "GET", "/unusual")
        .by("admin-token")
        .of(&fake)
        .await;
    let place = |text: &str| got.body.find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(place("/unusual/4") < place("Looked at by"));
    assert!(place("/unusual/7") > place("Looked at by"));
    assert!(
        !got.body.contains("9434765919"),
        "whose records stands on its own page"
    );
}

#[tokio::test]
async fn an_answer_is_kept_with_its_reason() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "POST", "/unusual/4")
        .by("admin-token")
        .form("answer=follow-up&because=nobody+asked+her+to")
        .of(&fake)
        .await;
    assert_eq!(got.status, 303);
    let kept = fake.looked.lock().unwrap().clone();
    let expected = (4, Looked::FollowUp, "nobody asked her to".to_owned());
    assert_eq!(kept, [expected]);
}

#[tokio::test]
async fn without_a_choice_or_a_reason_nothing_is_kept() {
    for (form, told) in [
        ("because=it+was+fine", "Choose what it was"),
        ("answer=explained", "Say why"),
        ("answer=explained&because=+", "Say why"),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(CONSOLE, "POST", "/unusual/4")
            .by("admin-token")
            .form(form)
            .of(&fake)
            .await;
        assert_eq!(got.status, 400, "{form}");
        assert!(got.body.contains(told), "{form}");
        assert!(fake.looked.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn nobody_explains_their_own_access() {
    let fake = Arc::new(Fake::default());
    let ask = |method| {
        asked(CONSOLE, method, "/unusual/6")
            .by("admin-token")
            .form("answer=explained&because=it+was+fine")
    };
    let got = ask("POST").of(&fake).await;
    assert_eq!(got.status, 403);
    assert!(fake.looked.lock().unwrap().is_empty());
    assert_eq!(fake.refusals.lock().unwrap().len(), 1);
    let shown = ask("GET").of(&fake).await;
    assert!(!shown.body.contains("<fieldset"), "there is no form");
    assert!(shown.body.contains("somebody else of your organisation"));
}
