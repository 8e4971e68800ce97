//! What the pages say, and that text stays text.

use std::sync::Arc;

use jiff::civil::date;

use crate::fake::{ELSEWHERE, Fake, ONE_TOO_MANY, TAKEN};
use crate::{CONSOLE, Got, SIGN_IN, STATEMENT, asked};

const PAGES: &[(&str, &str)] = &[
    (STATEMENT, "/"),
    (STATEMENT, "/coverage/demo"),
    (STATEMENT, "/absent"),
    (SIGN_IN, "/"),
    (SIGN_IN, "/done"),
    (CONSOLE, "/"),
    (CONSOLE, "/account"),
    (CONSOLE, "/support"),
    (CONSOLE, "/support?filed=3"),
    (CONSOLE, "/people"),
    (CONSOLE, "/people/new"),
    (CONSOLE, "/people/p1"),
    (CONSOLE, "/tenants"),
    (CONSOLE, "/trail"),
    (CONSOLE, "/trail?from=yesterday"),
    (CONSOLE, "/subject"),
    (CONSOLE, "/reports"),
    (CONSOLE, "/reports/riverside"),
    (CONSOLE, "/reports/riverside?period=2026-06"),
    (CONSOLE, "/backups"),
    (CONSOLE, "/restore"),
    (CONSOLE, "/restore/4"),
    (CONSOLE, "/drills"),
    (CONSOLE, "/drills/d41"),
    (CONSOLE, "/checks"),
    (CONSOLE, "/rounds"),
    (CONSOLE, "/rounds/2"),
    (CONSOLE, "/pack"),
];

async fn supplier_sees(fake: &Arc<Fake>, host: &'static str, path: &str) -> Got {
    asked(host, "GET", path).by("supplier-token").of(fake).await
}

#[tokio::test]
async fn every_page_has_a_language_a_title_one_heading_and_a_way_past_the_menu() {
    for (host, path) in PAGES {
        let fake = Arc::new(Fake::default());
        let body = supplier_sees(&fake, host, path).await.body;
        let place = format!("{host}{path}");
        assert_eq!(body.matches("<h1").count(), 1, "{place}");
        assert_eq!(body.matches("<main").count(), 1, "{place}");
        assert!(body.contains("<html lang=\"en\">"), "{place}");
        assert!(body.contains(" – Acuity</title>"), "{place}");
        assert!(body.contains("href=\"#maincontent\""), "{place}");
        assert!(body.contains("id=\"maincontent\""), "{place}");
    }
}

#[tokio::test]
async fn no_page_holds_a_script_a_style_or_another_hosts_address() {
    for (host, path) in PAGES {
        let fake = Arc::new(Fake::default());
        let body = supplier_sees(&fake, host, path).await.body;
        let place = format!("{host}{path}");
        for forbidden in [
            "<script",
            "<style",
            " style=",
            " onclick",
            "javascript:",
            "nhs.uk",
        ] {
            assert!(!body.contains(forbidden), "{forbidden} in {place}");
        }
        for address in body.split("https://").skip(1) {
            assert!(address.starts_with("acuity.localhost:8443"), "{place}");
        }
    }
}

#[tokio::test]
async fn markup_in_any_text_is_shown_as_text() {
    const MARKUP: &str = "<script>alert(\"x\")</script>'&amp;";
    for (host, path) in PAGES {
        let fake = Arc::new(Fake {
            suffix: MARKUP,
            ..Fake::default()
        });
        let body = supplier_sees(&fake, host, path).await.body;
        assert!(!body.contains("<script"), "{host}{path}");
        assert!(!body.contains("\"x\""), "{host}{path}");
    }
    let fake = Arc::new(Fake {
        suffix: MARKUP,
        ..Fake::default()
    });
    let body = supplier_sees(&fake, CONSOLE, "/people").await.body;
    assert!(
        body.contains("Mair Member&#60;script&#62;"),
        "the text itself is shown"
    );
}

#[tokio::test]
async fn markup_that_was_typed_comes_back_as_text() {
    let fake = Arc::new(Fake::default());
    let path = "/trail?who=%22%3E%3Cscript%3E&from=bad";
    let got = supplier_sees(&fake, CONSOLE, path).await;
    assert_eq!(got.status, 400);
    assert!(!got.body.contains("<script"));
    assert!(got.body.contains("value=\"&#34;&#62;&#60;script&#62;\""));
}

#[tokio::test]
async fn the_statement_counts_its_claims_and_names_the_digest_of_its_document() {
    let fake = Arc::new(Fake::default());
    let body = supplier_sees(&fake, STATEMENT, "/").await.body;
    for text in [
        "2: seen to be true",
        "1: seen to be false",
        "1: not seen lately",
        "Traffic is encrypted with TLS 1.2 or newer.",
        "Enforced: the platform keeps it true. Last tried 22 November 2026, 07:00 GMT.",
        "Not tried yet.",
        "Connections from outside this computer.",
        // SHA-256 of the document the fixed desk gives.
        "178fe8ea50b1adf81ed347fe6471018e",
    ] {
        assert!(body.contains(text), "{text}");
    }
}

#[tokio::test]
async fn a_search_of_the_trail_is_read_whole_and_keeps_its_filters_on_the_next_page() {
    let fake = Arc::new(Fake::default());
    let path = "/trail?who=+ada+&what=open&subject=a%26b&outcome=refused&from=1%2F11%2F2026&to=2026-11-22&before=5050";
    let body = supplier_sees(&fake, CONSOLE, path).await.body;
    let searches = fake.searches.lock().unwrap().clone();
    assert_eq!(searches[0].who, "ada");
    assert_eq!(searches[0].subject, "a&b");
    assert_eq!(searches[0].outcome, "refused");
    assert_eq!(searches[0].from, Some(date(2026, 11, 1)));
    assert_eq!(searches[0].to, Some(date(2026, 11, 22)));
    assert_eq!(searches[0].before, Some(5_050));
    assert!(
        body.contains("More than 120 events. The search lags behind: 7 entries are not in it yet.")
    );
    assert!(body.contains("before=5000&#38;who=ada&#38;what=open&#38;subject=a%26b"));
    assert!(body.contains("href=\"/trail?who=ada&#38;what=open&#38;subject=a%26b"));
}

#[tokio::test]
async fn a_search_with_a_wrong_date_says_so_and_asks_nothing() {
    for (query, words) in [
        (
            "from=2026-02-30",
            "The first day must be a real date, like 22/11/2026",
        ),
        (
            "to=tomorrow",
            "The last day must be a real date, like 22/11/2026",
        ),
        (
            "from=2026-11-22&to=2026-11-21",
            "The last day must be the same as the first or after it",
        ),
        ("outcome=odd", "Choose an outcome from the list"),
        ("kind=odd", "Choose a kind from the list"),
    ] {
        let fake = Arc::new(Fake::default());
        let got = supplier_sees(&fake, CONSOLE, &format!("/trail?{query}")).await;
        assert_eq!(got.status, 400, "{query}");
        assert!(got.body.contains(words), "{query}");
        assert!(fake.searches.lock().unwrap().is_empty(), "{query}");
    }
}

#[tokio::test]
async fn a_new_persons_password_is_shown_once_and_never_kept() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "POST", "/people")
        .by("supplier-token")
        .form("name=Nia+New&email=nia%40example.test&role=administrator&tenant=lakeside")
        .of(&fake)
        .await;
    assert_eq!(got.status, 200);
    assert!(got.body.contains("Kq7wRt2pLx9s"));
    assert_eq!(got.header("cache-control"), "no-store");
    let added = fake.added.lock().unwrap().clone();
    assert_eq!(added[0].tenant.as_deref(), Some("lakeside"));
}

#[tokio::test]
async fn a_person_that_cannot_be_added_leaves_every_fault_and_what_was_typed() {
    for (form, status, faults) in [
        (
            "",
            400,
            vec![
                "Enter the person’s full name",
                "Enter an email address, like name@example.org",
                "Choose a role",
                "Choose the person’s tenant",
            ],
        ),
        (
            "name=Nia&email=nia&role=member&tenant=absent",
            400,
            vec!["Enter an email address", "Choose the person’s tenant"],
        ),
        (
            "name=Nia&email=taken%40riverside.example&role=member&tenant=riverside",
            409,
            vec!["somebody signs in with this one"],
        ),
        (
            "name=Nia&email=taken%40lakeside.example&role=member&tenant=riverside",
            409,
            vec!["this one cannot be used in your organisation"],
        ),
        (
            "name=Nia&email=nia%40riverside.example&role=member&tenant=riverside&locality=everything",
            400,
            vec!["a locality has at most 80 letters"],
        ),
        (
            "name=Nia&email=another%40lakeside.example&role=member&tenant=riverside",
            429,
            vec!["Nobody can be added until tomorrow"],
        ),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(CONSOLE, "POST", "/people")
            .by("supplier-token")
            .form(form)
            .of(&fake)
            .await;
        assert_eq!(got.status.as_u16(), status, "{form}");
        for fault in faults {
            assert_eq!(
                got.body.matches(fault).count(),
                2,
                "{fault}: summary and field"
            );
        }
        assert!(fake.added.lock().unwrap().is_empty());
        let typed = [TAKEN, ELSEWHERE, ONE_TOO_MANY]
            .into_iter()
            .filter(|email| form.contains(&email.replace('@', "%40")));
        for email in typed {
            assert!(got.body.contains(email), "{form}");
        }
    }
}

#[tokio::test]
async fn what_failed_inside_stays_inside() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "POST", "/checks/run")
        .by("supplier-token")
        .of(&fake)
        .await;
    assert_eq!(got.status, 500);
    assert!(got.body.contains("Something went wrong"));
    assert!(!got.body.contains("/srv/secret"));
}

#[tokio::test]
async fn a_drill_that_is_running_already_is_not_started_twice() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "POST", "/drills")
        .by("supplier-token")
        .form("tenant=lakeside")
        .of(&fake)
        .await;
    assert_eq!(got.status, 409);
    assert!(got.body.contains("a drill is already running"));
}

#[tokio::test]
async fn summer_times_are_shown_in_british_summer_time() {
    let fake = Arc::new(Fake::default());
    let body = supplier_sees(&fake, CONSOLE, "/backups").await.body;
    for part in [
        r#"datetime="2026-07-22T03:00:00Z""#,
        ">22 July 2026,<",
        ">04:00 BST<",
    ] {
        assert!(body.contains(part), "{part}");
    }
    assert!(body.contains("3.4 MB"));
}

#[tokio::test]
async fn a_method_that_a_page_does_not_have_is_refused() {
    let fake = Arc::new(Fake::default());
    let got = asked(STATEMENT, "POST", "/").of(&fake).await;
    assert_eq!(got.status, 405);
}

#[tokio::test]
async fn what_is_broken_comes_before_what_is_held() {
    let fake = Arc::new(Fake::default());
    for path in ["/checks", "/rounds/2"] {
        let body = supplier_sees(&fake, CONSOLE, path).await.body;
        let broken = body.find(">Broken</strong>").expect("a broken finding");
        let held = body.find(">Held</strong>").expect("a finding that holds");
        assert!(broken < held, "{path}");
    }
}

#[tokio::test]
async fn a_moment_is_shown_as_a_plan_before_anything_is_done_and_a_wrong_one_is_explained() {
    let fake = Arc::new(Fake::default());
    let typed = |time: &str, because: &str| {
        format!("which=riverside+tenant-data&date=2026-11-21&time={time}&because={because}")
    };
    let sent = typed("14%3A32%3A07", "ward+2+was+deleted");
    let plan = asked(CONSOLE, "POST", "/restore/plan")
        .by("supplier-token")
        .form(&sent)
        .of(&fake)
        .await;
    assert_eq!(plan.status, 200);
    for words in [
        "2026-11-21 14:32:07 GMT",
        "Nothing has been done yet",
        "value=\"ward 2 was deleted\"",
        "Restore it now",
    ] {
        assert!(plan.body.contains(words), "{words}: {}", plan.body);
    }
    for (time, because, says) in [
        ("03%3A00%3A00", "asked", "nothing was followed then"),
        ("14%3A32%3A07", "", "Say why it is restored"),
        ("", "asked", "Type a time of day"),
    ] {
        let sent = typed(time, because);
        let got = asked(CONSOLE, "POST", "/restore/plan")
            .by("supplier-token")
            .form(&sent)
            .of(&fake)
            .await;
        assert_eq!(got.status, 400, "{says}");
        assert!(got.body.contains(says), "{says}: {}", got.body);
        assert!(!got.body.contains("Restore it now"));
    }
}

#[tokio::test]
async fn an_account_that_the_supplier_made_a_way_into_is_told_in_the_list_and_on_its_own_page() {
    let fake = Arc::new(Fake::default());
    for (path, says) in [
        ("/people", "Opens no trail yet"),
        ("/people/p2", "Opens no trail until"),
    ] {
        let got = asked(CONSOLE, "GET", path)
            .by("admin-token")
            .of(&fake)
            .await;
        assert!(got.body.contains(says), "{path}");
    }
}
