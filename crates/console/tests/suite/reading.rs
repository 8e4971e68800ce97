//! Reading the trail about somebody, and taking events away with their proofs.

use std::sync::Arc;

use avouch_console::views::SubjectForm;

use crate::fake::{Fake, TOO_MUCH, WRONG_NUMBER};
use crate::{CONSOLE, Got, asked};

async fn sent(fake: &Arc<Fake>, token: &str, path: &str, form: &str) -> Got {
    asked(CONSOLE, "POST", path)
        .by(token)
        .form(form)
        .of(fake)
        .await
}

#[tokio::test]
async fn a_question_about_a_record_needs_a_subject_and_a_reason() {
    let fake = Arc::new(Fake::default());
    for (form, says) in [
        ("subject=riverside&because=+", "Say why you ask"),
        ("because=a+complaint", "Enter an NHS number or a record"),
        (
            "subject=riverside&because=x&from=31%2F02%2F2026",
            "must be a real date",
        ),
    ] {
        let got = sent(&fake, "admin-token", "/subject", form).await;
        assert_eq!(got.status, 400, "{form}");
        assert!(got.body.contains(says), "{form}: {}", got.body);
        assert!(fake.asked.lock().unwrap().is_empty(), "{form}");
    }
    let form = format!("subject={WRONG_NUMBER}&because=a+complaint");
    let got = sent(&fake, "admin-token", "/subject", &form).await;
    assert_eq!(got.status, 400);
    assert!(got.body.contains("Its check digit does not fit"));
}

#[tokio::test]
async fn a_report_about_a_record_shows_own_accesses_alone_and_offers_them_in_three_forms() {
    let fake = Arc::new(Fake::default());
    let form = "subject=riverside&because=a+complaint&behalf=the+patient&to=22%2F11%2F2026";
    let got = sent(&fake, "admin-token", "/subject", form).await;
    assert_eq!(got.status, 200);
    for text in [
        "1 access, as of",
        "Staff are shown by their role",
        "10.0.0.7",
    ] {
        assert!(got.body.contains(text), "{text}: {}", got.body);
    }
    assert!(!got.body.to_lowercase().contains("lakeside"));
    for (word, form) in [
        ("pdf", SubjectForm::Pdf),
        ("csv", SubjectForm::Csv),
        ("fhir", SubjectForm::Fhir),
    ] {
        assert!(
            got.body.contains(&format!("name=\"as\" value=\"{word}\"")),
            "{word}"
        );
        let sending = format!("subject=riverside&because=a+complaint&as={word}");
        let file = sent(&fake, "admin-token", "/subject", &sending).await;
        assert!(
            file.header("content-disposition").contains("attachment"),
            "{word}"
        );
        assert_eq!(fake.asked.lock().unwrap().last().unwrap().form, form);
    }
    let first = fake.asked.lock().unwrap()[0].clone();
    assert_eq!(first.because, "a complaint");
    assert_eq!(first.behalf, "the patient");
    assert_eq!(first.to, Some(jiff::civil::date(2026, 11, 22)));
}

#[tokio::test]
async fn a_report_or_proofs_of_another_tenant_look_absent_and_the_attempt_is_recorded() {
    for path in ["/subject", "/trail/proofs"] {
        let fake = Arc::new(Fake::default());
        let form = "subject=lakeside&because=curiosity";
        let got = sent(&fake, "admin-token", path, form).await;
        assert_eq!(got.status, 404, "{path}");
        assert_eq!(fake.refusals.lock().unwrap().len(), 1, "{path}");
        let got = sent(&fake, "supplier-token", path, form).await;
        assert_eq!(got.status, 200, "{path}");
    }
}

#[tokio::test]
async fn proofs_need_a_reason_and_say_what_to_do_when_there_are_too_many_or_none() {
    let fake = Arc::new(Fake::default());
    for (form, says) in [
        ("subject=riverside".to_owned(), "Say why you take"),
        (
            format!("subject={TOO_MUCH}&because=x"),
            "5000 events at most",
        ),
        ("because=x".to_owned(), "nothing to take away"),
    ] {
        let got = sent(&fake, "admin-token", "/trail/proofs", &form).await;
        assert_eq!(got.status, 400, "{form}");
        assert!(got.body.contains(says), "{form}: {}", got.body);
        assert!(got.body.contains("Download with proofs"), "{form}");
    }
    let form = "subject=riverside&because=a+complaint";
    let got = sent(&fake, "admin-token", "/trail/proofs", form).await;
    assert_eq!(
        got.header("content-disposition"),
        "attachment; filename=\"trail.avouch-trail\""
    );
}

#[tokio::test]
async fn markup_that_was_typed_about_a_record_comes_back_as_text() {
    let fake = Arc::new(Fake {
        suffix: "<script>",
        ..Fake::default()
    });
    for form in [
        "subject=riverside&because=%22%3E%3Cscript%3E",
        "subject=%22%3E%3Cscript%3E&because=",
    ] {
        let got = sent(&fake, "admin-token", "/subject", form).await;
        assert!(!got.body.contains("<script"), "{form}");
        assert!(got.body.contains("&#34;&#62;&#60;script&#62;"), "{form}");
    }
}

#[tokio::test]
async fn where_reasons_are_demanded_a_search_without_one_is_asked_for_it_and_pages_keep_it() {
    let fake = Arc::new(Fake {
        reasons: true,
        ..Fake::default()
    });
    let first = asked(CONSOLE, "GET", "/trail")
        .by("admin-token")
        .of(&fake)
        .await;
    assert_eq!(first.status, 200);
    assert!(first.body.contains("Say why you look, and then search."));
    let without = asked(CONSOLE, "GET", "/trail?who=ada")
        .by("admin-token")
        .of(&fake)
        .await;
    assert_eq!(without.status, 400);
    assert!(without.body.contains("href=\"#why\""), "{}", without.body);
    assert!(fake.searches.lock().unwrap().is_empty());
    let with = asked(CONSOLE, "GET", "/trail?who=ada&why=she+asked")
        .by("admin-token")
        .of(&fake)
        .await;
    assert_eq!(with.status, 200);
    assert_eq!(fake.searches.lock().unwrap()[0].why, "she asked");
    assert!(with.body.contains("who=ada&#38;why=she"), "{}", with.body);
}
