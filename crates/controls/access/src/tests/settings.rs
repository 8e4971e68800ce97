//! What the statement may say of second factors and of reaching backups.

use crate::Role;
use crate::settings::{Reach, SecondFactor, read, read_reach};
use avouch_statement::{Document, Reading, Source, Table};

const ACCESS: &str = r#"[access]
sign-in = "unique-email-and-password"
administrators = "nominated"
password = { issued = "generated", length = 12, alphabet = "letters-digits" }
session = { idle = "30 min", absolute = "12 h" }
lockout = { failures = 10, within = "15 min" }
"#;

/// What a section says, and its claims that are about `about`; or its faults.
fn read_text<T>(
    text: &str,
    section: &'static str,
    about: &str,
    read: impl FnOnce(&mut Table<'_>) -> Option<T>,
) -> Result<(T, Vec<String>), String> {
    let source = Source::new("avouch.toml", text);
    let reading = Reading::new(&source);
    let document = Document::parse(&reading);
    let mut table = document.table(&reading).table(section, "{ }").unwrap();
    let settings = read(&mut table);
    table.finish();
    let claims = reading.finish().map_err(|faults| faults.to_string())?;
    let claims = claims
        .iter()
        .filter(|claim| claim.id.as_str().contains(about));
    let claims = claims.map(|claim| format!("{} {}", claim.id, claim.figure));
    Ok((settings.unwrap(), claims.collect()))
}

#[test]
fn a_second_factor_is_demanded_of_the_roles_that_are_named_and_of_nobody_without_the_line() {
    let line =
        "second-factor = { for = [\"administrator\", \"supplier\"], again-after = \"15 min\" }\n";
    let text = format!("{ACCESS}{line}");
    let (settings, claims) = read_text(&text, "access", "second-factor", read).unwrap();
    assert_eq!(
        settings.second_factor,
        Some(SecondFactor {
            of: vec![Role::Administrator, Role::Supplier],
            again_after: super::minutes(15),
        })
    );
    assert_eq!(
        claims,
        [
            "access.second-factor.for administrator, supplier",
            "access.second-factor.again-after 15 minutes"
        ]
    );
    let (settings, claims) = read_text(ACCESS, "access", "second-factor", read).unwrap();
    assert_eq!((settings.second_factor, claims), (None, Vec::new()));
    for (from, to, fault) in [
        ("\"supplier\"", "\"boss\"", "there is no role \"boss\""),
        ("[\"administrator\", \"supplier\"]", "[]", "`for` is empty"),
        ("\"15 min\"", "\"10 s\"", "`again-after` must be from"),
        (
            ", again-after = \"15 min\"",
            "",
            "does not say `again-after`",
        ),
        ("for =", "of =", "has no `of`"),
    ] {
        let faults = read_text(&text.replace(from, to), "access", "", read)
            .map(|_| ())
            .unwrap_err();
        assert!(faults.contains(fault), "{faults}");
    }
}

#[test]
fn backups_are_reached_by_the_roles_that_are_named_and_a_second_person_is_a_claim_of_its_own() {
    let text = "[backup]\nreach = { roles = [\"supplier\"], second-person = true }\n";
    let (reach, claims) = read_text(text, "backup", "reach", read_reach).unwrap();
    assert_eq!(
        reach,
        Some(Reach {
            of: vec![Role::Supplier],
            second_person: true,
        })
    );
    assert_eq!(
        claims,
        [
            "backup.reach.roles supplier",
            "backup.reach.second-person approval"
        ]
    );
    let alone = text.replace("true", "false");
    let (_, claims) = read_text(&alone, "backup", "reach", read_reach).unwrap();
    assert_eq!(claims, ["backup.reach.roles supplier"]);
    let (reach, _) = read_text("[backup]\n", "backup", "reach", read_reach).unwrap();
    assert_eq!(reach, None);
    for (from, to, fault) in [
        ("true", "\"yes\"", "`second-person` must be true or false"),
        (", second-person = true", "", "does not say `second-person`"),
        ("\"supplier\"", "\"root\"", "there is no role \"root\""),
    ] {
        let faults = read_text(&text.replace(from, to), "backup", "", read_reach)
            .map(|_| ())
            .unwrap_err();
        assert!(faults.contains(fault), "{faults}");
    }
}
