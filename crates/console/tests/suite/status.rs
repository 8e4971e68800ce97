//! What the supplier's people say of how the service is, and what they answer to faults.

use std::sync::Arc;

use crate::fake::Fake;
use crate::{CONSOLE, TENANT, asked};

#[tokio::test]
async fn something_wrong_is_told_to_everybody_or_to_one_organisation() {
    let fake = Arc::new(Fake::default());
    for (form, tenant) in [
        ("tenant=&title=All+is+slow&text=", None),
        ("tenant=lakeside&title=Slow&text=Found", Some("lakeside")),
    ] {
        let got = asked(CONSOLE, "POST", "/status")
            .by("supplier-token")
            .form(form)
            .of(&fake)
            .await;
        assert_eq!(got.header("location"), "/status?done=told");
        let told = fake.told.lock().unwrap().pop().unwrap();
        assert_eq!(told.tenant.as_deref(), tenant);
    }
}

#[tokio::test]
async fn what_says_nothing_or_too_much_is_not_told() {
    let fake = Arc::new(Fake::default());
    let (title, text) = ("t".repeat(121), "a".repeat(1_001));
    for (path, form, says) in [
        ("/status", "title=+", "in a few words"),
        (
            "/status",
            &*format!("title={title}"),
            "120 characters or fewer",
        ),
        (
            "/status/8",
            "text=+&then=lasts",
            "Say what is done about it",
        ),
        (
            "/status/8",
            &format!("text={text}"),
            "1000 characters or fewer",
        ),
        ("/support/3", "text=+", "Say what you answer"),
    ] {
        let got = asked(CONSOLE, "POST", path)
            .by("supplier-token")
            .form(form)
            .of(&fake)
            .await;
        assert_eq!(got.status, 400, "{path} {form}");
        assert!(got.body.contains(says), "{says}");
    }
    assert!(fake.told.lock().unwrap().is_empty());
    let over = asked(CONSOLE, "POST", "/status/8")
        .by("supplier-token")
        .form("text=&then=over")
        .of(&fake)
        .await;
    assert_eq!(over.header("location"), "/status?done=updated");
}

#[tokio::test]
async fn what_lasts_can_be_spoken_of_and_what_is_over_only_read() {
    let fake = Arc::new(Fake::default());
    for (path, lasts) in [("/status/8", true), ("/status/7", false)] {
        let got = asked(CONSOLE, "GET", path)
            .by("supplier-token")
            .of(&fake)
            .await;
        assert_eq!(got.status, 200, "{path}");
        assert!(got.body.contains("Looked at"), "{path}");
        assert_eq!(got.body.contains("Tell that it is over"), lasts, "{path}");
    }
}

#[tokio::test]
async fn a_fault_is_answered_by_the_supplier_and_the_answer_is_read_on_the_applications_own_host() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "POST", "/support/3")
        .by("supplier-token")
        .form("text=We+have+found+it&closed=yes")
        .of(&fake)
        .await;
    assert_eq!(got.header("location"), "/support");
    assert!(fake.answered.lock().unwrap().pop().unwrap().closed);

    let page = asked(TENANT, "GET", "/.avouch/support")
        .by("member-token")
        .of(&fake)
        .await;
    for text in [
        "We have found it",
        "Being looked at",
        "action=\"/.avouch/support\"",
        "Do not write anything about a patient",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
    assert!(!page.body.contains("Lakeside") && !page.body.contains("/account"));
    let filed = asked(TENANT, "POST", "/.avouch/support")
        .by("member-token")
        .form("words=slow")
        .of(&fake)
        .await;
    assert_eq!(filed.header("location"), "/.avouch/support?filed=3");
}

#[tokio::test]
async fn a_letter_that_was_not_taken_is_told_and_one_that_was_stands_with_its_incident_alone() {
    let fake = Arc::new(Fake::default());
    for (path, taken) in [("/status", false), ("/status/7", true)] {
        let got = asked(CONSOLE, "GET", path)
            .by("supplier-token")
            .of(&fake)
            .await;
        assert!(got.body.contains("did not take it for a day"), "{path}");
        let told = got.body.contains("Letter of its beginning");
        assert_eq!(told, taken, "{path}");
    }
}
