//! What may be written under `[[report]]`, and what it promises.

use super::*;
use avouch_statement::{Document, Reading, Source};

fn parsed(text: &str) -> Result<(Vec<Definition>, Vec<String>), String> {
    let source = Source::new("avouch.toml", text.to_owned());
    let reading = Reading::new(&source);
    let document = Document::parse(&reading);
    let mut root = document.table(&reading);
    let definitions = read(&mut root);
    root.finish();
    let claims = reading
        .finish()
        .map_err(|faults| faults.list()[0].message.clone())?;
    Ok((
        definitions.unwrap(),
        claims.iter().map(|claim| claim.id.to_string()).collect(),
    ))
}

#[test]
fn a_report_is_a_few_lines_and_makes_one_claim() {
    let (reports, claims) = parsed(
        "[[report]]\nname = \"save\"\ntitle = \"Time to save\"\nmeasure = \"interaction\"\non = \"POST /wards/{ward}/assessments\"\nwithin = \"2 s\"\ngroup = \"organisation\"\nevery = \"month\"\nfor = \"supplier\"\n\n[[report]]\nname = \"answered\"\ntitle = \"Answered\"\nmeasure = \"answered\"\ntarget = \"99.5%\"\nevery = \"quarter\"\nfor = \"each-organisation\"\n",
    )
    .unwrap();
    assert_eq!(claims, ["report.save.every", "report.answered.every"]);
    assert_eq!(reports[0].group, Group::Organisation);
    assert_eq!(
        reports[1].measure,
        Measure::Answered {
            target: Some(9_950)
        }
    );
}

#[test]
fn a_share_of_minutes_and_a_kept_report_are_promises_of_their_own() {
    let there = "[[report]]\nname = \"there\"\ntitle = \"There\"\nmeasure = \"available\"\ntarget = \"99.5%\"\nevery = \"month\"\nfor = \"each-organisation\"\nto = [\"administrators\", \"supplier\"]\n";
    let (reports, claims) = parsed(there).unwrap();
    assert_eq!(
        claims,
        [
            "report.there.target",
            "report.there.every",
            "report.there.to"
        ]
    );
    assert_eq!(
        reports[0].to,
        [Recipient::Administrators, Recipient::Supplier]
    );
    for (from, to, message) in [
        (
            "target = \"99.5%\"\n",
            "",
            "`report.there` does not say `target`",
        ),
        (
            "\"supplier\"]",
            "\"everybody\"]",
            "`to` cannot hold \"everybody\"",
        ),
        (
            "each-organisation",
            "supplier",
            "only the supplier may read this report",
        ),
    ] {
        let message = message.to_owned();
        assert_eq!(parsed(&there.replace(from, to)).unwrap_err(), message);
    }
}

#[test]
fn each_wrong_line_is_a_fault() {
    let sound = "[[report]]\nname = \"a\"\ntitle = \"A\"\nmeasure = \"action\"\nbegins = \"GET /a\"\nends = \"POST /a\"\nevery = \"month\"\nfor = \"supplier\"\n";
    parsed(sound).unwrap();
    for (from, to, message) in [
        ("title = \"A\"\n", "", "`report.a` does not say `title`"),
        ("\"action\"", "\"usage\"", "`measure` cannot be \"usage\""),
        ("GET /a", "get /a", "`begins` must be a method and a path"),
        ("POST /a", "POST a", "`ends` must be a method and a path"),
        ("ends = \"POST /a\"\n", "", "`report.a` does not say `ends`"),
        (
            "\"month\"",
            "\"fortnight\"",
            "`every` cannot be \"fortnight\"",
        ),
        ("\"supplier\"", "\"all\"", "`for` cannot be \"all\""),
    ] {
        assert_eq!(
            parsed(&sound.replace(from, to)).unwrap_err(),
            message,
            "{from} as {to}"
        );
    }
}

#[test]
fn a_share_has_two_decimal_places_at_most() {
    for (text, share) in [("99.5%", 9_950), ("100%", 10_000), ("0.01%", 1)] {
        assert_eq!(hundredths(text), Ok(share));
    }
    for text in ["99.5", "99.555%", "101%", "-1%", "%", "9.%", "1e2%"] {
        assert!(hundredths(text).is_err(), "{text}");
    }
}
