//! Sharing an organisation's trail with somebody of the supplier's.

use std::sync::Arc;

use avouch_console::sharing::ShareAsk;

use crate::fake::Fake;
use crate::fake::factors::Factor;
use crate::{CONSOLE, asked};

#[tokio::test]
async fn a_share_has_a_person_a_last_day_and_a_reason() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "POST", "/sharing")
        .by("admin-token")
        .form("email=sam%40supplier.example&last=25%2F11%2F2026&because=a+fault")
        .of(&fake)
        .await;
    assert_eq!(got.status, 303);
    let expected = ShareAsk {
        email: "sam@supplier.example".to_owned(),
        last: jiff::civil::date(2026, 11, 25),
        because: "a fault".to_owned(),
    };
    assert_eq!(fake.shared.lock().unwrap().clone(), [expected]);
}

#[tokio::test]
async fn a_share_that_lacks_something_is_not_made() {
    for (form, told) in [
        (
            "last=25%2F11%2F2026&because=a+fault",
            "Enter an email address",
        ),
        (
            "email=sam%40supplier.example&because=a+fault",
            "The last day must be a real date",
        ),
        (
            "email=sam%40supplier.example&last=25%2F11%2F2026",
            "Say why",
        ),
        (
            "email=sam&last=25%2F11%2F2026&because=a+fault",
            "Enter an email address",
        ),
        (
            "email=sam%40supplier.example&last=25%2F12%2F2026&because=a+fault",
            "14 days at most",
        ),
    ] {
        let fake = Arc::new(Fake::default());
        let got = asked(CONSOLE, "POST", "/sharing")
            .by("admin-token")
            .form(form)
            .of(&fake)
            .await;
        assert_eq!(got.status, 400, "{form}");
        assert!(got.body.contains(told), "{form}");
        assert!(fake.shared.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn only_the_suppliers_people_choose_an_organisation() {
    for path in ["/trail", "/subject"] {
        for (token, chooses) in [("admin-token", false), ("supplier-token", true)] {
            let fake = Arc::new(Fake::default());
            let got = asked(CONSOLE, "GET", path).by(token).of(&fake).await;
            assert_eq!(got.body.contains("name=\"of\""), chooses, "{path} {token}");
        }
    }
}

#[tokio::test]
async fn a_trail_is_shared_by_those_who_show_their_second_factor_and_taken_back_without() {
    for (factor, location) in [
        (Factor::Wanted, "/account/confirm?path=%2Fsharing"),
        (Factor::Missing, "/account/second-factor"),
    ] {
        let fake = Arc::new(Fake {
            factor,
            ..Fake::default()
        });
        let post = async |path: &str, form: &str| {
            let post = asked(CONSOLE, "POST", path).by("admin-token").form(form);
            post.of(&fake).await
        };
        let form = "email=sam%40supplier.example&last=25%2F11%2F2026&because=a+fault";
        assert_eq!(post("/sharing", form).await.header("location"), location);
        assert!(fake.shared.lock().unwrap().is_empty());
        let end = "/sharing/s1%40riverside.supplier.example/end";
        assert_eq!(post(end, "").await.header("location"), "/sharing?done=yes");
    }
}
