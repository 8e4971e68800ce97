//! In and out: a sign-in belongs to the browser that began it, and signing out ends it everywhere.

use http::StatusCode;

use crate::harness::{Browser, User, shared};

/// Somebody of riverside's whom no other test knows, since signing out ends every sign-in of a person.
#[track_caller]
fn somebody(name: &str) -> User {
    let email = format!("{name}@riverside.example");
    let words = [
        "user",
        "add",
        &email,
        "--name",
        name,
        "--tenant",
        "riverside",
    ];
    let added = shared().ask(&words);
    User {
        password: added["password"].as_str().unwrap().to_owned(),
        email,
        tenant: "riverside".to_owned(),
        role: "member".to_owned(),
    }
}

/// Whether the page is shown, and not the way to sign in.
#[track_caller]
fn is_in(browser: &mut Browser, label: &str, path: &str) -> bool {
    let answer = browser.get(label, path);
    let away = answer.status == StatusCode::SEE_OTHER;
    assert!(away || answer.status == StatusCode::OK, "{}", answer.text());
    !away
}

#[test]
fn signing_out_in_one_place_ends_every_sign_in_of_the_person() {
    let (service, person) = (shared(), somebody("olga"));
    let (mut here, mut elsewhere) = (Browser::new(service), Browser::new(service));
    here.sign_in("riverside", &person);
    elsewhere.sign_in("riverside", &person);
    let admitted = elsewhere.submit("console", &person, &person.password);
    let entrance = elsewhere.entrance(&admitted);
    elsewhere.follow(&entrance);
    let mut bystander = Browser::new(service);
    bystander.sign_in("riverside", &service.user("riverside", "member"));
    assert!(is_in(&mut elsewhere, "riverside", "/"));
    assert!(is_in(&mut elsewhere, "console", "/account"));

    let left = here.post("riverside", "/.avouch/leave", &[]);
    let told = here.follow(&left).text();
    assert!(
        told.contains("signed out of every part of Acuity, in this browser and in every other"),
        "{told}"
    );
    assert!(!is_in(&mut here, "riverside", "/"));
    assert!(!is_in(&mut elsewhere, "riverside", "/"));
    assert!(!is_in(&mut elsewhere, "console", "/account"));
    assert!(is_in(&mut bystander, "riverside", "/"), "nobody else");
    service.audited(&["--who", &person.email], |row| {
        row["action"] == "sign-out" && row["tenant"] == "riverside"
    });
}

#[test]
fn a_code_that_a_neighbour_got_for_themselves_signs_nobody_else_in() {
    let (service, neighbour) = (shared(), somebody("nigel"));
    let mut theirs = Browser::new(service);
    let admitted = theirs.submit("riverside", &neighbour, &neighbour.password);
    let entrance = theirs.entrance(&admitted);

    let mut victim = Browser::new(service);
    // With a mark of the victim's own, as whoever was about to sign in has one.
    victim.get("riverside", "/.avouch/begin?path=%2F");
    let refused = victim.follow(&entrance);
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.text().contains("made for another browser"),
        "{}",
        refused.text()
    );
    assert_eq!(victim.cookie("riverside"), None);
    service.audited(
        &["--outcome", "refused", "--who", &neighbour.email],
        |row| {
            row["reason"] == "the code was made for another browser" && row["tenant"] == "riverside"
        },
    );
    // It has been seen where it should not be, so it is used up.
    assert_eq!(theirs.follow(&entrance).status, StatusCode::FORBIDDEN);
}

#[test]
fn whoever_comes_straight_to_the_sign_in_page_gets_in() {
    let (service, person) = (shared(), somebody("stella"));
    let mut browser = Browser::new(service);
    assert_eq!(browser.get("signin", "/").status, StatusCode::OK);
    let admitted = browser.submit("", &person, &person.password);
    let entrance = browser.entrance(&admitted);
    let entered = browser.follow(&entrance);
    assert_eq!(entered.header("location"), Some("/"), "{}", entered.text());
    assert!(is_in(&mut browser, "riverside", "/"));
}

#[test]
fn two_tabs_that_were_sent_to_sign_in_both_get_in() {
    let (service, person) = (shared(), somebody("twyla"));
    let mut browser = Browser::new(service);
    let tabs = [1, 2].map(|_| browser.get("riverside", "/"));
    for tab in &tabs {
        assert_eq!(browser.follow(tab).status, StatusCode::OK);
    }
    for _ in tabs {
        let admitted = browser.submit("riverside", &person, &person.password);
        let entrance = browser.entrance(&admitted);
        let entered = browser.follow(&entrance);
        assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text());
        assert!(is_in(&mut browser, "riverside", "/"));
    }
}
