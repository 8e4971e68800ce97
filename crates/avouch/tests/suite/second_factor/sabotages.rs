//! What turns the claims about second factors, each from outside, and is mended again.

use serde_json::Value;

use super::{demanding, sets_up, telephone};
use crate::harness::{Browser, Service, within};

const OF: &str = "access.second-factor.for";
const AGAIN: &str = "access.second-factor.again-after";

/// Every claim that is not held, as `id status`.
pub(super) fn turned(service: &Service) -> Vec<String> {
    let report = service.avouch(&["--json", "check"]).json();
    let claims = report["claims"].as_array().unwrap().iter();
    claims
        .filter(|claim| claim["status"] != "held")
        .map(|claim| {
            format!(
                "{} {}",
                claim["id"].as_str().unwrap(),
                claim["status"].as_str().unwrap()
            )
        })
        .collect()
}

/// What is observed of a claim.
fn observed(service: &Service, claim: &str) -> String {
    let report: Value = service.avouch(&["--json", "check", claim]).json();
    let claims = report["claims"].as_array().unwrap().iter();
    claims
        .filter(|one| one["id"] == claim)
        .map(|one| one["checks"].to_string())
        .collect()
}

#[test]
fn each_sabotage_of_the_second_factor_turns_its_own_claim_and_mending_turns_it_back() {
    let service = demanding();
    let ada = service.user("riverside", "administrator");
    sets_up(&mut Browser::new(&service), &ada);
    let settled = within(60, || turned(&service).is_empty().then_some(()));
    assert!(settled.is_some(), "{:?}", turned(&service));
    assert!(
        observed(&service, OF).contains("1 have set theirs up"),
        "{}",
        observed(&service, OF)
    );

    let ada = format!("(select id from person where email_key = '{}')", ada.email);
    let row = telephone::store(
        &service,
        &format!("select quote(sealed) from second_factor where person = {ada}"),
    );
    let back = format!(
        "insert into second_factor (person, sealed) values ({ada}, {})",
        row.trim()
    );
    for (what, act, mend, claim) in [
        (
            "which codes were used is forgotten",
            "create trigger sabotage before update on second_factor begin select raise(ignore); end",
            "drop trigger sabotage",
            OF,
        ),
        (
            "a second factor is taken out of the store",
            &format!("delete from second_factor where person = {ada}"),
            &back,
            OF,
        ),
        (
            "sessions count as having shown it just now",
            "create trigger sabotage after insert on session when new.verified is not null begin \
             update session set verified = cast((julianday('now') - 2440587.5) * 86400000000 as integer) \
             where token_digest = new.token_digest; end",
            "drop trigger sabotage",
            AGAIN,
        ),
    ] {
        telephone::store(&service, act);
        assert_eq!(turned(&service), [format!("{claim} broken")], "{what}");
        telephone::store(&service, mend);
        assert_eq!(turned(&service), Vec::<String>::new(), "{what}, mended");
    }
}
