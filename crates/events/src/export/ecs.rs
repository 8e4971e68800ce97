//! Events in Elastic Common Schema, as the line pairs of a `_bulk` request.
//!
//! Every document is made under an id of its own (`create`): sent again, it is answered with 409 and stored once.

use serde_json::{Map, Value, json};

use super::{Origin, method};
use crate::{Action, Outcome, Row};

/// The version of the schema that the fields are of.
const VERSION: &str = "8.11.0";
/// The data stream that events are written to: type, data set, namespace.
pub const STREAM: &str = "logs-avouch.audit-default";

/// The action line and the document.
pub(super) fn lines(row: &Row, origin: &Origin) -> [Value; 2] {
    let id = origin.id(row.index);
    [
        json!({ "create": { "_index": STREAM, "_id": id } }),
        document(row, origin, &id),
    ]
}

fn document(row: &Row, origin: &Origin, id: &str) -> Value {
    let event = &row.event;
    let (category, kinds) = sorted(event.action);
    let mut kinds: Vec<&str> = kinds.to_vec();
    kinds.extend(match event.outcome {
        Outcome::Refused => Some("denied"),
        Outcome::Done if matches!(event.action, Action::RecordOpened | Action::RecordChanged) => {
            Some("allowed")
        }
        _ => None,
    });
    let mut labels = Map::new();
    for (name, value) in &event.parameters {
        labels.insert(name.replace(['.', '*'], "_"), json!(value));
    }
    for (name, value) in [
        ("locality", &event.locality),
        ("behalf", &event.behalf),
        ("session", &event.session),
    ] {
        labels.insert(name.to_owned(), json!(value));
    }
    labels.insert("subjects".to_owned(), json!(event.subjects.join(" ")));
    labels.insert("log".to_owned(), json!(origin.log));
    labels.insert("log_index".to_owned(), json!(row.index.to_string()));
    let path = event.object.split_once(' ').map(|(_, path)| path);
    let document = json!({
        "@timestamp": event.at.to_string(),
        "ecs": { "version": VERSION },
        "data_stream": { "type": "logs", "dataset": "avouch.audit", "namespace": "default" },
        "message": format!("{} {}: {}", event.who.name, event.action, event.object),
        "event": {
            "kind": match (event.action, event.outcome) {
                (Action::Finding, Outcome::Failed) => "alert",
                _ => "event",
            },
            "category": [category],
            "type": kinds,
            "outcome": match event.outcome {
                Outcome::Done => "success",
                Outcome::Refused | Outcome::Failed => "failure",
                Outcome::Intended => "unknown",
            },
            "action": event.action.to_string(),
            "dataset": "avouch.audit",
            "id": id,
            "reason": event.reason,
            // Nanoseconds.
            "duration": event.micros.map(|micros| micros.saturating_mul(1_000)),
        },
        "user": { "id": event.who.id, "name": event.who.name, "roles": [event.who.role.to_string()] },
        "organization": { "id": event.tenant },
        "source": { "ip": event.source.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_string()) },
        "http": {
            "request": { "method": method(event) },
            "response": { "status_code": event.status },
        },
        "url": { "path": method(event).and(path) },
        "service": { "name": origin.service, "version": event.application },
        "agent": { "type": "avouch", "version": event.release },
        "trace": { "id": event.correlation },
        "labels": labels,
    });
    without_nothing(document).unwrap_or_default()
}

/// The event's category, and its types but those that the outcome gives.
fn sorted(action: Action) -> (&'static str, &'static [&'static str]) {
    match action {
        Action::SignIn => ("authentication", &["start"]),
        Action::SignOut => ("authentication", &["end"]),
        Action::ServerLogin => ("authentication", &["info"]),
        Action::Connection => ("network", &["connection", "end"]),
        Action::Request | Action::Timing => ("web", &["access"]),
        Action::RecordOpened | Action::Search | Action::Export => ("database", &["access"]),
        Action::RecordChanged | Action::Restore => ("database", &["change"]),
        Action::Administration => ("configuration", &["admin"]),
        Action::Backup | Action::Drill | Action::System => ("process", &["info"]),
        Action::Checks | Action::Finding => ("host", &["info"]),
        Action::Release => ("package", &["change"]),
    }
}

/// The same without nulls and empty texts, lists and objects.
fn without_nothing(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Object(fields) => {
            let kept: Map<String, Value> = fields
                .into_iter()
                .filter_map(|(name, value)| Some((name, without_nothing(value)?)))
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(values) => {
            let kept: Vec<Value> = values.into_iter().filter_map(without_nothing).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        other => Some(other),
    }
}
