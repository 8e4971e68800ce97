//! The second factor from outside: set up and shown with other people's tools, demanded by the statement, and sabotaged.

mod sabotages;
mod second_person;
pub mod telephone;

use http::StatusCode;

use crate::harness::{Browser, Options, Service, User, within};
use telephone::Telephone;

/// A service whose statement demands a second factor of administrators and of the supplier's people.
fn demanding() -> Service {
    let lockout = "lockout = { failures = 10, within = \"15 min\" }";
    let factor =
        "second-factor = { for = [\"administrator\", \"supplier\"], again-after = \"15 min\" }";
    Service::start(Options {
        edits: vec![(lockout.to_owned(), format!("{lockout}\n{factor}"))],
        ..Options::default()
    })
}

/// Somebody of riverside's who has just been added.
fn added(service: &Service, name: &str, role: &[&str]) -> User {
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
    let added = service.ask(&[&words[..], role].concat());
    User {
        password: added["password"].as_str().unwrap().to_owned(),
        email,
        tenant: "riverside".to_owned(),
        role: added["role"].as_str().unwrap().to_owned(),
    }
}

const CONSOLE: [(&str, &str); 2] = [("to", "console"), ("path", "/account")];

/// Sends a form of the sign-in host's that goes on to the console.
fn on(browser: &mut Browser, path: &str, code: &str) -> avouch_evidence::Answer {
    let fields = [&CONSOLE[..], &[("code", code)]].concat();
    browser.post("signin", path, &fields)
}

/// Goes from a right password and a right code into the console.
#[track_caller]
fn goes_in(browser: &mut Browser, admitted: &avouch_evidence::Answer) {
    let entrance = browser.entrance(admitted);
    browser.follow(&entrance);
    let page = browser.get("console", "/account");
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
}

/// Signs in for the first time: sets the second factor up with a telephone, and keeps the recovery codes.
#[track_caller]
fn sets_up(browser: &mut Browser, user: &User) -> (Telephone, Vec<String>) {
    let asked = browser.submit("console", user, &user.password);
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text());
    assert!(
        asked.text().contains("Your role needs a second factor"),
        "{}",
        asked.text()
    );
    let telephone = Telephone::of(&on(browser, "/second/offer", "").text());
    let confirmed = on(browser, "/second/confirm", &telephone.shows(0));
    assert_eq!(confirmed.status, StatusCode::OK, "{}", confirmed.text());
    let codes = telephone::recovery_codes(&confirmed.text());
    assert_eq!(codes.len(), 10, "{}", confirmed.text());
    let admitted = on(browser, "/second", "");
    goes_in(browser, &admitted);
    (telephone, codes)
}

#[test]
fn an_administrator_sets_up_a_second_factor_and_then_needs_it_to_sign_in_and_for_what_is_dangerous()
{
    let service = demanding();
    let ada = service.user("riverside", "administrator");
    let mut browser = Browser::new(&service);
    let (telephone, recovery) = sets_up(&mut browser, &ada);
    let first = telephone.shows(0);

    // The password alone leads nowhere, nor does a code that is wrong, old or used.
    let mut second = Browser::new(&service);
    second.submit("console", &ada, &ada.password);
    for code in [
        String::new(),
        "000000".to_owned(),
        telephone.shows(-300),
        first,
    ] {
        let refused = on(&mut second, "/second", &code);
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{code}");
        assert!(second.cookie("console").is_none());
    }
    let admitted = on(&mut second, "/second", &recovery[0]);
    goes_in(&mut second, &admitted);
    let mut third = Browser::new(&service);
    third.submit("console", &ada, &ada.password);
    assert_eq!(
        on(&mut third, "/second", &recovery[0]).status,
        StatusCode::UNAUTHORIZED
    );
    // Without its password, a code is worth nothing.
    let stray = on(&mut Browser::new(&service), "/second", &telephone.shows(30));
    assert_eq!(stray.status, StatusCode::UNAUTHORIZED);
    assert!(
        stray.text().contains("given too long ago"),
        "{}",
        stray.text()
    );

    // A code that was shown lately is enough, and one that was not is asked for again.
    let pack = |browser: &mut Browser| browser.get("console", "/pack/riverside");
    assert_eq!(pack(&mut browser).status, StatusCode::OK);
    let ago = "update session set verified = verified - 900000000 where verified is not null";
    telephone::store(&service, ago);
    let asked = within(5, || {
        Some(pack(&mut browser)).filter(|asked| asked.status == StatusCode::SEE_OTHER)
    });
    let asked = asked.expect("a code is asked for again");
    assert_eq!(
        asked.header("location"),
        Some("/account/confirm?path=%2Fpack%2Friverside")
    );
    let give = |browser: &mut Browser, code: &str| {
        browser.post(
            "console",
            "/account/confirm",
            &[("path", "/pack/riverside"), ("code", code)],
        )
    };
    assert_eq!(
        give(&mut browser, "000000").status,
        StatusCode::UNAUTHORIZED
    );
    let given = give(&mut browser, &telephone.shows(30));
    assert_eq!(
        given.header("location"),
        Some("/pack/riverside"),
        "{}",
        given.text()
    );
    assert_eq!(pack(&mut browser).status, StatusCode::OK);

    for (words, outcome, reason) in [
        (
            ["--words", "download pack"],
            "refused",
            "the second factor was not shown lately",
        ),
        (
            ["--words", "show second factor"],
            "refused",
            "the code was used before",
        ),
        (["--words", "set second factor"], "done", ""),
    ] {
        let event = service.audited(&words, |row| {
            row["outcome"] == outcome && row["reason"] == reason
        });
        assert_eq!(event["tenant"], "riverside", "{event}");
        assert_eq!(event["who"], ada.email.as_str(), "{event}");
    }
}

#[test]
fn a_second_factor_that_is_lost_is_taken_away_by_somebody_else_and_a_new_one_set_up() {
    let service = demanding();
    let (ada, ben) = (
        service.user("riverside", "administrator"),
        added(&service, "ben", &["--administrator"]),
    );
    let (mut by, mut lost) = (Browser::new(&service), Browser::new(&service));
    sets_up(&mut by, &ada);
    let (old, _) = sets_up(&mut lost, &ben);
    let id = telephone::store(
        &service,
        "select id from person where email_key = 'ben@riverside.example'",
    );
    let own = telephone::store(
        &service,
        &format!("select id from person where email_key = '{}'", ada.email),
    );
    let take = |browser: &mut Browser, id: &str| {
        browser.post(
            "console",
            &format!("/people/{}/second-factor", id.trim()),
            &[],
        )
    };
    assert_eq!(take(&mut by, &own).status, StatusCode::FORBIDDEN);
    assert_eq!(take(&mut by, &id).status, StatusCode::SEE_OTHER);
    assert_eq!(
        lost.get("console", "/account").status,
        StatusCode::SEE_OTHER,
        "the sessions have ended"
    );
    let (new, _) = sets_up(&mut lost, &ben);
    assert_ne!(old.shows(60), new.shows(60));

    // Root at a shell may too, and the organisation sees it.
    service
        .avouch(&["user", "remove-second-factor", &ben.email])
        .with(0);
    let seen = service.audited(&["--words", "user second factor remove"], |row| {
        row["outcome"] == "done"
    });
    assert_eq!(seen["role"], "local-root", "{seen}");
    assert_eq!(seen["tenant"], "riverside", "{seen}");
    sets_up(&mut lost, &ben);

    // What was done to the factor, by whom and by which way, is asked for under the address of the person it is about.
    let about = ["audit", "search", "--limit", "1000", "--words", &ben.email];
    let found = service.ask(&about);
    let rows = found["rows"].as_array().unwrap();
    for (object, who) in [
        ("set up a second factor", ben.email.as_str()),
        ("person second factor remove", ada.email.as_str()),
        ("user second factor remove", "local-root"),
    ] {
        let done = |row: &serde_json::Value| {
            row["object"].as_str().unwrap().contains(object)
                && row["who"] == who
                && row["outcome"] == "done"
        };
        assert!(rows.iter().any(done), "no {object} by {who}: {rows:?}");
    }
}

#[test]
fn a_member_takes_one_of_their_own_accord_and_the_picture_says_what_the_key_says() {
    let service = demanding();
    let member = added(&service, "mo", &[]);
    let mut browser = Browser::new(&service);
    browser.sign_in("console", &member);
    let offered = browser
        .post("console", "/account/second-factor", &[])
        .text();
    let telephone = Telephone::of(&offered);
    let says = telephone::read_picture(&offered);
    let key = telephone.key();
    assert_eq!(
        says,
        format!(
            "otpauth://totp/Acuity:{}?secret={key}&issuer=Acuity&algorithm=SHA1&digits=6&period=30",
            member.email
        )
    );
    let confirm = |browser: &mut Browser, code: &str| {
        browser.post(
            "console",
            "/account/second-factor/confirm",
            &[("code", code)],
        )
    };
    let wrong = confirm(&mut browser, "000000");
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Telephone::of(&wrong.text()).key(), key, "the same offer");
    assert_eq!(
        confirm(&mut browser, &telephone.shows(0)).status,
        StatusCode::OK
    );
    let asked = Browser::new(&service).submit("riverside", &member, &member.password);
    assert!(asked.text().contains("Enter a code"), "{}", asked.text());
    let removed = browser.post("console", "/account/second-factor/remove", &[]);
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    Browser::new(&service).sign_in("riverside", &member);
    // What an application and we both know is nowhere in the clear.
    for file in telephone::files(&service.data()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(
            !bytes
                .windows(key.len())
                .any(|window| window == key.as_bytes()),
            "{}",
            file.display()
        );
    }
}
