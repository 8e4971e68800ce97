//! How the service is, and faults that people report.

use std::sync::Arc;

use crate::fake::Fake;
use crate::{CONSOLE, asked};

#[tokio::test]
async fn a_member_sees_their_own_faults_an_administrator_the_organisations_and_the_supplier_all() {
    for (token, sees, not) in [
        (
            "member-token",
            &["The form is slow"][..],
            &["A colleague", "Lakeside"][..],
        ),
        (
            "admin-token",
            &["The form is slow", "A colleague"],
            &["Lakeside"],
        ),
        (
            "supplier-token",
            &["The form is slow", "A colleague", "Lakeside", "lakeside"],
            &[],
        ),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(CONSOLE, "GET", "/support").by(token).of(&fake).await;
        assert_eq!(got.status, 200, "{token}");
        for text in sees {
            assert!(got.body.contains(text), "{token}: {text}");
        }
        for text in not {
            assert!(!got.body.contains(text), "{token}: {text}");
        }
    }
}

#[tokio::test]
async fn a_fault_needs_words_and_not_too_many_and_is_said_to_be_there_when_it_is() {
    let fake = Arc::new(Fake::default());
    let long = format!("words={}", "a".repeat(2_001));
    for (form, says) in [
        ("words=+", "Say what is wrong"),
        (&long, "2000 characters or fewer"),
        ("words=again", "as many faults today"),
    ] {
        let got = asked(CONSOLE, "POST", "/support")
            .by("member-token")
            .form(form)
            .of(&fake)
            .await;
        assert_eq!(got.status, 400, "{says}");
        assert!(got.body.contains(says), "{says}");
    }
    let got = asked(CONSOLE, "POST", "/support")
        .by("member-token")
        .form("words=slow")
        .of(&fake)
        .await;
    assert_eq!(got.header("location"), "/support?filed=3");
    for (path, told) in [("/support?filed=3", true), ("/support?filed=2", false)] {
        let got = asked(CONSOLE, "GET", path)
            .by("member-token")
            .of(&fake)
            .await;
        assert_eq!(got.body.contains("is reported."), told, "{path}");
    }
}

#[tokio::test]
async fn the_suppliers_people_choose_an_organisation_and_everybody_turns_pages() {
    for (token, path, expected, next) in [
        ("supplier-token", "/support", ("", 0), Some("page=1")),
        (
            "supplier-token",
            "/support?of=lakeside",
            ("lakeside", 0),
            Some("of=lakeside"),
        ),
        (
            "supplier-token",
            "/support?of=lakeside&page=1",
            ("lakeside", 1),
            None,
        ),
        ("admin-token", "/support?of=lakeside&page=1", ("", 1), None),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(CONSOLE, "GET", path).by(token).of(&fake).await;
        let asked = fake.faults_asked.lock().unwrap().pop().unwrap();
        assert_eq!((asked.of.as_str(), asked.page), expected, "{token} {path}");
        assert_eq!(got.body.contains("More faults"), next.is_some(), "{path}");
        assert!(next.is_none_or(|next| got.body.contains(next)), "{path}");
        assert_eq!(got.body.contains("Faults before these"), expected.1 == 1);
    }
}

#[tokio::test]
async fn everybody_of_an_organisation_is_told_that_the_supplier_made_a_way_into_its_trail() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "GET", "/support")
        .by("member-token")
        .of(&fake)
        .await;
    assert!(got.body.contains("sign in as p2@example.test"));
    assert!(got.body.contains("Until 23 November 2026"), "{}", got.body);
}
