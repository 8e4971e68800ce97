//! Sharing an organisation's trail with somebody of the supplier's.

use std::sync::Arc;

use avouch_console::sharing::ShareAsk;

use crate::fake::Fake;
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
            "email=sam%40elsewhere.example&last=25%2F11%2F2026&because=a+fault",
            "Nobody of the supplier",
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
