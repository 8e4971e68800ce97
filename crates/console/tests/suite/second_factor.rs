//! The second factor: asked for after the password, set up, and shown again before something dangerous.

use std::sync::Arc;

use crate::fake::factors::{Factor, HALF, SIX};
use crate::fake::{Fake, PASS};
use crate::{Asked, CONSOLE, Got, SIGN_IN, asked};

const RIGHT: &str = "email=a%40b&password=++right%2C+spaces+and+all+&to=riverside&path=%2Fwards";
const ON: &str = "to=riverside&path=%2Fwards";

fn of(factor: Factor) -> Arc<Fake> {
    Arc::new(Fake {
        factor,
        ..Fake::default()
    })
}

fn halfway(path: &str, code: &str) -> Asked {
    asked(SIGN_IN, "POST", path)
        .cookies(&format!("__Host-avouch-half={HALF}"))
        .form(&format!("{ON}&code={code}"))
}

/// Where the page's form goes, and that it takes along where the person wanted to go.
fn leads_on(got: &Got, to: &str) {
    assert!(
        got.body.contains(&format!("action=\"{to}\"")),
        "{}",
        got.body
    );
    for hidden in [
        "name=\"to\" value=\"riverside\"",
        "name=\"path\" value=\"/wards\"",
    ] {
        assert!(got.body.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn a_right_password_asks_for_a_code_and_the_right_code_leads_to_the_target() {
    let fake = of(Factor::Wanted);
    let got = asked(SIGN_IN, "POST", "/").form(RIGHT).of(&fake).await;
    assert_eq!(got.status, 200);
    let cookie = got.header("set-cookie");
    assert_eq!(
        cookie,
        format!("__Host-avouch-half={HALF}; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=600")
    );
    leads_on(&got, "/second");
    let refused = halfway("/second", "000000").of(&fake).await;
    assert_eq!(refused.status, 401);
    assert!(refused.body.contains("was used before"));
    leads_on(&refused, "/second");
    let admitted = halfway("/second", SIX).of(&fake).await;
    assert_eq!(admitted.status, 303);
    assert_eq!(
        admitted.header("location"),
        "https://riverside.acuity.localhost:8443/.avouch/begin?path=%2Fwards"
    );
    let set: Vec<_> = admitted.headers.get_all("set-cookie").iter().collect();
    assert!(
        set[0]
            .to_str()
            .unwrap()
            .starts_with(&format!("__Host-avouch-pass={PASS}; "))
    );
    assert!(
        set[1]
            .to_str()
            .unwrap()
            .starts_with("__Host-avouch-half=; ")
    );
}

#[tokio::test]
async fn somebody_who_needs_one_sets_it_up_at_sign_in_and_keeps_recovery_codes() {
    let fake = of(Factor::Missing);
    let got = asked(SIGN_IN, "POST", "/").form(RIGHT).of(&fake).await;
    assert_eq!(got.status, 200);
    leads_on(&got, "/second/offer");
    let offered = halfway("/second/offer", "").of(&fake).await;
    leads_on(&offered, "/second/confirm");
    assert!(
        offered
            .body
            .contains("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")
    );
    assert!(offered.body.contains("<svg ") && !offered.body.contains("otpauth"));
    let wrong = halfway("/second/confirm", "000000").of(&fake).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.body.contains("GEZD GNBV"));
    let confirmed = halfway("/second/confirm", SIX).of(&fake).await;
    assert_eq!(confirmed.status, 200);
    assert!(confirmed.body.contains("abcd-efgh-jkmn-0009"));
    leads_on(&confirmed, "/second");
}

#[tokio::test]
async fn without_what_the_password_earned_a_code_leads_nowhere() {
    for cookies in [
        "other=1",
        "__Host-avouch-half=another",
        "__Host-avouch-half=a; __Host-avouch-half=b",
    ] {
        for path in ["/second", "/second/offer", "/second/confirm"] {
            let fake = of(Factor::Missing);
            let form = format!("{ON}&code={SIX}");
            let got = asked(SIGN_IN, "POST", path)
                .cookies(cookies)
                .form(&form)
                .of(&fake)
                .await;
            assert_eq!(got.status, 401, "{cookies} {path}");
            assert!(
                got.header("set-cookie")
                    .starts_with("__Host-avouch-half=; "),
                "{path}"
            );
            assert!(!got.body.contains("GEZD"), "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_dangerous_asks_for_a_code_first_and_comes_back() {
    for (token, method, path, form, back) in [
        (
            "admin-token",
            "POST",
            "/people",
            "name=N&email=n%40b&role=member",
            "%2Fpeople%2Fnew",
        ),
        (
            "admin-token",
            "POST",
            "/people/p1/disable",
            "",
            "%2Fpeople%2Fp1",
        ),
        (
            "admin-token",
            "POST",
            "/people/p1/reset",
            "",
            "%2Fpeople%2Fp1",
        ),
        (
            "admin-token",
            "POST",
            "/people/p1/second-factor",
            "",
            "%2Fpeople%2Fp1",
        ),
        (
            "admin-token",
            "GET",
            "/pack/riverside",
            "",
            "%2Fpack%2Friverside",
        ),
        (
            "admin-token",
            "POST",
            "/trail/proofs",
            "because=asked",
            "%2Ftrail",
        ),
        (
            "supplier-token",
            "POST",
            "/drills",
            "tenant=riverside",
            "%2Fdrills",
        ),
        (
            "supplier-token",
            "POST",
            "/restore",
            "which=riverside+tenant-data&date=2026-11-21&time=14%3A32%3A07&because=asked",
            "%2Frestore",
        ),
        (
            "member-token",
            "POST",
            "/account/second-factor/codes",
            "",
            "%2Faccount%2Fsecond-factor",
        ),
        (
            "member-token",
            "POST",
            "/account/second-factor/remove",
            "",
            "%2Faccount%2Fsecond-factor",
        ),
    ] {
        let ask = || asked(CONSOLE, method, path).by(token).form(form);
        let fake = of(Factor::Wanted);
        let got = ask().of(&fake).await;
        assert_eq!(got.status, 303, "{path}");
        assert_eq!(
            got.header("location"),
            format!("/account/confirm?path={back}")
        );
        assert!(fake.added.lock().unwrap().is_empty());
        let got = ask().of(&of(Factor::Missing)).await;
        assert_eq!(got.header("location"), "/account/second-factor", "{path}");
    }
}

#[tokio::test]
async fn a_code_given_again_leads_back_to_a_page_of_ours_only() {
    let fake = of(Factor::Wanted);
    for (path, back) in [
        ("%2Fpack%2Friverside", "/pack/riverside"),
        ("https%3A%2F%2Fevil.example", "/"),
    ] {
        let page = asked(CONSOLE, "GET", &format!("/account/confirm?path={path}"))
            .by("admin-token")
            .of(&fake)
            .await;
        assert!(
            page.body
                .contains(&format!("name=\"path\" value=\"{back}\"")),
            "{}",
            page.body
        );
        let right = format!("path={path}&code={SIX}");
        let got = asked(CONSOLE, "POST", "/account/confirm")
            .by("admin-token")
            .form(&right)
            .of(&fake)
            .await;
        assert_eq!(got.header("location"), back);
    }
}

#[tokio::test]
async fn nobody_takes_their_own_second_factor_away_as_an_administrator() {
    let fake = Arc::new(Fake::default());
    let got = asked(CONSOLE, "POST", "/people/p2/second-factor")
        .by("admin-token")
        .of(&fake)
        .await;
    assert_eq!(got.status, 403);
    assert_eq!(fake.refusals.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_approves_what_they_asked_for_themselves() {
    let fake = Arc::new(Fake::default());
    let own = asked(CONSOLE, "POST", "/approvals/r2")
        .by("supplier-token")
        .of(&fake)
        .await;
    assert_eq!(own.status, 403);
    assert_eq!(fake.refusals.lock().unwrap().len(), 1);
    let page = asked(CONSOLE, "GET", "/approvals")
        .by("supplier-token")
        .of(&fake)
        .await;
    assert!(
        page.body.contains("formaction=\"/approvals/r1\""),
        "{}",
        page.body
    );
    assert!(
        !page.body.contains("formaction=\"/approvals/r2\""),
        "{}",
        page.body
    );
}
