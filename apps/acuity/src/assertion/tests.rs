use super::*;
use crate::testing::{Signer, claims, now};

fn expected() -> Expected {
    Expected {
        tenant: "riverside".to_owned(),
        issuer: Some("https://acuity.localhost".to_owned()),
    }
}

fn headers(tokens: &[&str]) -> HeaderMap {
    tokens
        .iter()
        .map(|token| (HEADER, token.parse().unwrap()))
        .collect()
}

fn judged(signer: &Signer, tokens: &[&str]) -> Result<Person, Refusal> {
    let key = signer.public();
    verify(&headers(tokens), &expected(), now(), |id| {
        (id == "k1").then_some(key)
    })
}

#[track_caller]
fn refused(header: &str, claims: &serde_json::Value, refusal: Refusal) {
    let signer = Signer::new();
    assert_eq!(
        judged(&signer, &[&signer.token(header, claims)]),
        Err(refusal),
        "{header} {claims}"
    );
}

const HEADER_JSON: &str = r#"{"alg":"EdDSA","typ":"JWT","kid":"k1"}"#;

#[test]
fn a_right_assertion_names_the_person() {
    let signer = Signer::new();
    let token = signer.token(HEADER_JSON, &claims());
    assert_eq!(
        judged(&signer, &[&token]),
        Ok(Person {
            name: "Amina Diallo".to_owned()
        })
    );
}

#[test]
fn no_assertion_and_two_assertions_are_refused() {
    let signer = Signer::new();
    let token = signer.token(HEADER_JSON, &claims());
    assert_eq!(judged(&signer, &[]), Err(Refusal::NotOne));
    assert_eq!(judged(&signer, &[&token, &token]), Err(Refusal::NotOne));
    assert_eq!(judged(&signer, &[&token, "x"]), Err(Refusal::NotOne));
    assert_eq!(
        judged(&signer, &[&"x".repeat(MOST_BYTES + 1)]),
        Err(Refusal::NotOne)
    );
}

#[test]
fn an_algorithm_other_than_eddsa_is_refused_however_it_is_signed() {
    for alg in [
        "none", "None", "HS256", "RS256", "ES256", "eddsa", "Ed25519", "",
    ] {
        refused(
            &HEADER_JSON.replace("EdDSA", alg),
            &claims(),
            Refusal::Malformed,
        );
    }
}

#[test]
fn an_unsigned_assertion_is_refused() {
    let signer = Signer::new();
    let token = signer.token(HEADER_JSON, &claims());
    let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
    assert_eq!(judged(&signer, &[&unsigned]), Err(Refusal::Forged));
    assert_eq!(
        judged(&signer, &[unsigned.trim_end_matches('.')]),
        Err(Refusal::Malformed)
    );
}

#[test]
fn an_assertion_of_another_key_is_refused() {
    let stranger = Signer::new().token(HEADER_JSON, &claims());
    assert_eq!(judged(&Signer::new(), &[&stranger]), Err(Refusal::Forged));
    refused(
        &HEADER_JSON.replace("k1", "k2"),
        &claims(),
        Refusal::UnknownKey,
    );
}

#[test]
fn a_changed_claim_breaks_the_signature() {
    let signer = Signer::new();
    let token = signer.token(HEADER_JSON, &claims());
    let mut other = claims();
    other["role"] = "administrator".into();
    let other = signer.token(HEADER_JSON, &other);
    let middle = other.split('.').nth(1).unwrap();
    let spliced: Vec<&str> = token
        .split('.')
        .enumerate()
        .map(|(at, part)| if at == 1 { middle } else { part })
        .collect();
    assert_eq!(judged(&signer, &[&spliced.join(".")]), Err(Refusal::Forged));
}

#[test]
fn an_assertion_for_somebody_else_is_refused() {
    for (claim, value) in [
        ("aud", "hilltop"),
        ("tenant", "hilltop"),
        ("iss", "https://elsewhere.test"),
        ("aud", ""),
    ] {
        let mut wrong = claims();
        wrong[claim] = value.into();
        refused(HEADER_JSON, &wrong, Refusal::Misdirected);
    }
}

#[test]
fn an_assertion_is_good_until_half_a_minute_after_its_end() {
    let second = now().as_second();
    let signer = Signer::new();
    for (iat, exp, good) in [
        (second - 90, second - 30, false),
        (second - 89, second - 29, true),
        (second + 30, second + 90, true),
        (second + 31, second + 91, false),
        (i64::MIN, i64::MIN, false),
        (i64::MAX, i64::MAX, false),
    ] {
        let mut timed = claims();
        timed["iat"] = iat.into();
        timed["exp"] = exp.into();
        let token = signer.token(HEADER_JSON, &timed);
        assert_eq!(
            judged(&signer, &[&token]).is_ok(),
            good,
            "from {iat} to {exp}"
        );
    }
}

#[test]
fn every_claim_that_matters_must_be_there_once_and_of_its_kind() {
    for claim in ["iss", "aud", "sub", "name", "tenant", "iat", "exp"] {
        let mut without = claims();
        without.as_object_mut().unwrap().remove(claim);
        refused(HEADER_JSON, &without, Refusal::Malformed);
        let mut other = claims();
        other[claim] = serde_json::json!(["riverside"]);
        refused(HEADER_JSON, &other, Refusal::Malformed);
    }
    let twice = claims()
        .to_string()
        .replacen('{', r#"{"aud":"riverside","#, 1);
    let signer = Signer::new();
    assert_eq!(
        judged(&signer, &[&signer.raw_token(HEADER_JSON, &twice)]),
        Err(Refusal::Malformed)
    );
}

#[test]
fn a_token_of_another_kind_is_refused() {
    refused(
        r#"{"alg":"EdDSA","kid":"k1"}"#,
        &claims(),
        Refusal::Malformed,
    );
    refused(
        r#"{"alg":"EdDSA","typ":"JWT","kid":"k1","crit":["exp"]}"#,
        &claims(),
        Refusal::Malformed,
    );
    refused(
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#,
        &claims(),
        Refusal::Malformed,
    );
    let signer = Signer::new();
    for text in ["", ".", "..", "...", "a.b.c", "{}.{}.{}", "e30.e30.e30"] {
        assert_eq!(judged(&signer, &[text]), Err(Refusal::Malformed), "{text}");
    }
}
