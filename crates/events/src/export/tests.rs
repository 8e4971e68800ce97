//! The formats against what reads them: FHIR's own data model in Python, and the rules of `_bulk`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::*;
use crate::{Action, Actor, Outcome, Role};

fn origin() -> Origin {
    Origin {
        log: "acuity.test/ledger".to_owned(),
        service: "acuity.test".to_owned(),
    }
}

/// One event for each action, outcome and kind of actor, and some with everything in them.
fn every_kind() -> Vec<Row> {
    let roles = [
        Role::Member,
        Role::Administrator,
        Role::Synthetic,
        Role::Platform,
        Role::LocalRoot,
        Role::Nobody,
    ];
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
    let mut rows = Vec::new();
    for action in Action::ALL {
        for outcome in Outcome::ALL {
            for (place, role) in roles.into_iter().enumerate() {
                let who = Actor {
                    id: if place % 2 == 0 {
                        "p7".to_owned()
                    } else {
                        String::new()
                    },
                    name: "ann@riverside.test".to_owned(),
                    role,
                };
                let at = jiff::Timestamp::from_second(1_767_225_600 + rows.len() as i64).unwrap();
                let object = format!("{} /records/9", methods[place]);
                let mut event = Event::new(at, who, action, object, outcome);
                if place > 1 {
                    event.tenant = Some("riverside".parse().unwrap());
                    event.subjects = vec![
                        "9434765919".to_owned(),
                        "9990000018".to_owned(),
                        "ward-3".to_owned(),
                    ];
                    event = event
                        .because("done, \"twice\"\nand more")
                        .with("because", "an access request")
                        .with("a.b", "=1+1");
                    event.source = if place == 2 {
                        "2001:db8::1"
                    } else {
                        "10.1.2.3"
                    }
                    .to_owned();
                    event.session = "5e55".to_owned();
                    event.correlation = "c-1".to_owned();
                    event.release = "1.2.3".to_owned();
                    event.locality = "ward 3".to_owned();
                    event.behalf = "the patient".to_owned();
                    event.status = Some(200);
                    event.micros = Some(1_234);
                }
                rows.push(Row {
                    index: rows.len() as u64,
                    event,
                });
            }
        }
    }
    rows
}

fn exported(format: Format) -> String {
    let lines = every_kind()
        .iter()
        .map(|row| format.lines(row, &origin()).unwrap())
        .collect::<String>();
    format.head() + &lines
}

#[test]
fn every_event_is_a_fhir_audit_event_to_fhirs_own_data_model() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/fhir/bin/python");
    assert!(
        python.exists(),
        "`.ci/install test` puts FHIR's data model in target/tools/fhir"
    );
    let mut reader = Command::new(python)
        .args(["-c", "import sys\nfrom fhir.resources.R4B.auditevent import AuditEvent\nprint(sum(1 for line in sys.stdin if AuditEvent.model_validate_json(line)))"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = exported(Format::Fhir);
    reader
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let out = reader.wait_with_output().unwrap();
    assert!(out.status.success());
    assert_eq!(
        String::from_utf8(out.stdout).unwrap().trim(),
        text.lines().count().to_string()
    );
}

#[test]
fn a_fhir_audit_event_keeps_to_the_required_codes_that_the_data_model_does_not_check() {
    let mut ids = std::collections::HashSet::new();
    for line in exported(Format::Fhir).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let id = event["id"].as_str().unwrap();
        assert!(
            id.len() <= 64
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'),
            "{id}"
        );
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        assert!(["C", "R", "U", "D", "E"].contains(&event["action"].as_str().unwrap()));
        assert!(matches!(
            event["outcome"].as_str(),
            None | Some("0" | "4" | "8" | "12")
        ));
        let agents = event["agent"].as_array().unwrap();
        assert_eq!(
            agents
                .iter()
                .filter(|agent| agent["requestor"] == true)
                .count(),
            1
        );
        for agent in agents {
            assert!(matches!(
                agent["network"]["type"].as_str(),
                None | Some("1" | "2")
            ));
        }
        let patients = event["entity"].as_array().unwrap().iter().filter(|entity| {
            entity["what"]["identifier"]["system"] == "https://fhir.nhs.uk/Id/nhs-number"
        });
        assert!(patients.count() <= 1, "{line}");
        for entity in event["entity"].as_array().unwrap() {
            assert!(entity.get("name").is_none() || entity.get("query").is_none());
        }
    }
}

#[test]
fn an_event_about_two_patients_is_one_audit_event_for_each() {
    let row = every_kind()
        .into_iter()
        .find(|row| row.event.subjects.len() == 3)
        .unwrap();
    let text = Format::Fhir.lines(&row, &origin()).unwrap();
    assert_eq!(text.lines().count(), 2);
    for (line, (own, other)) in text
        .lines()
        .zip([("9434765919", "9990000018"), ("9990000018", "9434765919")])
    {
        assert!(line.contains(own) && !line.contains(other), "{line}");
    }
}

/// A receiver as strict as the real one: pairs of lines, `create` alone, one document an id, fields of known shapes.
fn received(body: &str, stored: &mut std::collections::BTreeMap<String, Value>) -> Vec<u64> {
    assert!(body.ends_with('\n'));
    let lines: Vec<Value> = body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len() % 2, 0);
    lines
        .chunks(2)
        .map(|pair| {
            let create = pair[0]["create"].as_object().unwrap();
            assert_eq!(pair[0].as_object().unwrap().len(), 1);
            let id = create["_id"].as_str().unwrap();
            assert!(id.len() <= 512);
            let document = &pair[1];
            document["@timestamp"]
                .as_str()
                .unwrap()
                .parse::<jiff::Timestamp>()
                .unwrap();
            assert!(["event", "alert"].contains(&document["event"]["kind"].as_str().unwrap()));
            assert!(
                ["success", "failure", "unknown"]
                    .contains(&document["event"]["outcome"].as_str().unwrap())
            );
            for kind in document["event"]["type"].as_array().unwrap() {
                assert!(
                    [
                        "access",
                        "admin",
                        "allowed",
                        "change",
                        "connection",
                        "denied",
                        "end",
                        "info",
                        "start"
                    ]
                    .contains(&kind.as_str().unwrap()),
                    "{kind}"
                );
            }
            assert!(
                document["labels"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .all(|(name, value)| value.is_string() && !name.contains('.'))
            );
            match stored.insert(id.to_owned(), document.clone()) {
                None => 201,
                Some(before) => {
                    assert_eq!(before, *document);
                    409
                }
            }
        })
        .collect()
}

#[test]
fn a_bulk_body_that_is_sent_twice_is_stored_once() {
    let body = exported(Format::Ecs);
    let mut stored = std::collections::BTreeMap::new();
    assert!(
        received(&body, &mut stored)
            .iter()
            .all(|status| *status == 201)
    );
    assert_eq!(stored.len(), every_kind().len());
    assert!(
        received(&body, &mut stored)
            .iter()
            .all(|status| *status == 409)
    );
}

#[test]
fn a_sheet_has_a_cell_for_each_heading_and_no_formula() {
    let mut row = every_kind().swap_remove(3);
    for start in ["=", "+", "-", "@"] {
        row.event.reason = format!("{start}cmd|' /C calc'!A0, \"x\"");
        let line = Format::Csv.lines(&row, &origin()).unwrap();
        assert!(
            line.contains(&format!("\"'{start}cmd|' /C calc'!A0, \"\"x\"\"\"")),
            "{line}"
        );
    }
    assert_eq!(Format::Csv.head().matches(',').count(), 18);
    row.event.reason = "plain".to_owned();
    assert_eq!(
        Format::Csv
            .lines(&row, &origin())
            .unwrap()
            .matches(',')
            .count(),
        18
    );
}

#[test]
fn an_event_as_it_was_recorded_can_be_read_back() {
    for row in every_kind() {
        let line = Format::Json.lines(&row, &origin()).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["ledger"]["index"], row.index);
        assert_eq!(serde_json::from_value::<Event>(value).unwrap(), row.event);
    }
}
