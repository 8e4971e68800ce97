//! Events as FHIR R4 AuditEvent resources.
//!
//! Source: HL7 FHIR R4 (4.0.1) AuditEvent; for requests the shape of IHE BALP's Create, Read, Update and Delete, whose
//! profiles are not claimed. An event about several patients becomes one resource for each, so that "who looked at this
//! record" can be asked of any FHIR server.

use serde_json::{Map, Value, json};

use super::{Origin, method};
use crate::subject::is_nhs_number;
use crate::{Action, Event, Outcome, Role, Row};

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// The action as Avouch names it.
const OWN_ACTION: &str = "urn:avouch:action";

/// The resources of one event.
pub(super) fn resources(row: &Row, origin: &Origin) -> Vec<Value> {
    let (patients, others): (Vec<&String>, Vec<&String>) = row
        .event
        .subjects
        .iter()
        .partition(|subject| is_nhs_number(subject));
    match patients.as_slice() {
        [] => vec![resource(
            row,
            origin,
            format!("e-{}", row.index),
            None,
            &others,
        )],
        patients => patients
            .iter()
            .enumerate()
            .map(|(place, patient)| {
                let id = format!("e-{}-{place}", row.index);
                resource(row, origin, id, Some(patient), &others)
            })
            .collect(),
    }
}

fn resource(
    row: &Row,
    origin: &Origin,
    id: String,
    patient: Option<&String>,
    others: &[&String],
) -> Value {
    let event = &row.event;
    let verb = Verb::of(event);
    let mut resource = Map::new();
    let mut put = |name: &str, value: Value| resource.insert(name.to_owned(), value);
    put("resourceType", json!("AuditEvent"));
    put("id", json!(id));
    if event.who.role == Role::Synthetic {
        put(
            "meta",
            json!({ "security": [coding("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST", None)] }),
        );
    }
    let (kind, subtype) = kinds(event, verb);
    put("type", kind);
    let own = coding(OWN_ACTION, &event.action.to_string(), None);
    put(
        "subtype",
        Value::Array(subtype.into_iter().chain([own]).collect()),
    );
    put("action", json!(verb.letter()));
    put("recorded", json!(event.at.to_string()));
    if let Some(outcome) = outcome(event.outcome) {
        put("outcome", json!(outcome));
    }
    if !event.reason.is_empty() {
        put("outcomeDesc", json!(event.reason));
    }
    if let Some(why) = event
        .parameters
        .get("because")
        .filter(|why| !why.is_empty())
    {
        put("purposeOfEvent", json!([{ "text": why }]));
    }
    put("agent", Value::Array(agents(event, origin, verb)));
    put("source", source(event, origin));
    put(
        "entity",
        Value::Array(entities(row, origin, patient, others)),
    );
    Value::Object(resource)
}

/// What was done to the data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Read,
    Update,
    Delete,
    Execute,
}

impl Verb {
    fn of(event: &Event) -> Self {
        match (event.action, method(event)) {
            (Action::RecordOpened, _) | (Action::Request, Some("GET" | "HEAD")) => Self::Read,
            (Action::RecordChanged | Action::Request, Some("POST")) => Self::Create,
            (Action::RecordChanged | Action::Request, Some("DELETE")) => Self::Delete,
            (Action::RecordChanged, _) | (Action::Request, Some("PUT" | "PATCH")) => Self::Update,
            _ => Self::Execute,
        }
    }

    const fn letter(self) -> &'static str {
        match self {
            Self::Create => "C",
            Self::Read => "R",
            Self::Update => "U",
            Self::Delete => "D",
            Self::Execute => "E",
        }
    }

    const fn interaction(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Execute => "operation",
        }
    }
}

fn outcome(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        // It is not known yet what will come of it.
        Outcome::Intended => None,
        Outcome::Done => Some("0"),
        Outcome::Refused => Some("4"),
        Outcome::Failed => Some("8"),
    }
}

/// The event's type, and its subtype where the standard has one.
fn kinds(event: &Event, verb: Verb) -> (Value, Option<Value>) {
    let dicom = |code, display| coding(DICOM, code, Some(display));
    match event.action {
        Action::Request | Action::RecordOpened | Action::RecordChanged => (
            coding(
                "http://terminology.hl7.org/CodeSystem/audit-event-type",
                "rest",
                Some("Restful Operation"),
            ),
            Some(coding(
                "http://hl7.org/fhir/restful-interaction",
                verb.interaction(),
                None,
            )),
        ),
        Action::SignIn => (
            dicom("110114", "User Authentication"),
            Some(dicom("110122", "Login")),
        ),
        Action::SignOut => (
            dicom("110114", "User Authentication"),
            Some(dicom("110123", "Logout")),
        ),
        Action::ServerLogin => (dicom("110114", "User Authentication"), None),
        Action::Connection => (dicom("110108", "Network Entry"), None),
        Action::Search => (dicom("110101", "Audit Log Used"), None),
        Action::Export => (dicom("110106", "Export"), None),
        Action::Administration => (
            dicom("110113", "Security Alert"),
            Some(dicom("110129", "Security Configuration")),
        ),
        Action::Release => (
            dicom("110113", "Security Alert"),
            Some(dicom("110131", "Software Configuration")),
        ),
        Action::Finding => (dicom("110113", "Security Alert"), None),
        Action::Timing => (dicom("110100", "Application Activity"), None),
        Action::System if event.object == "start" => (
            dicom("110100", "Application Activity"),
            Some(dicom("110120", "Application Start")),
        ),
        Action::System if event.object == "stop" => (
            dicom("110100", "Application Activity"),
            Some(dicom("110121", "Application Stop")),
        ),
        Action::Backup | Action::Restore | Action::Drill | Action::Checks | Action::System => {
            (dicom("110100", "Application Activity"), None)
        }
    }
}

/// Client and server of a request, and whoever did it.
fn agents(event: &Event, origin: &Origin, verb: Verb) -> Vec<Value> {
    let mut agents = Vec::new();
    let address = event.source.parse::<std::net::IpAddr>().ok();
    let mut participation = "INF";
    if let Some(address) = address.filter(|_| method(event).is_some()) {
        let source = coding(DICOM, "110153", Some("Source Role ID"));
        let destination = coding(DICOM, "110152", Some("Destination Role ID"));
        let (client, server) = match verb {
            Verb::Read | Verb::Execute => (destination, source),
            Verb::Create | Verb::Update => (source, destination),
            Verb::Delete => (
                coding(DICOM, "110150", Some("Application")),
                coding(
                    "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                    "custodian",
                    None,
                ),
            ),
        };
        if matches!(verb, Verb::Read | Verb::Execute) {
            participation = "IRCP";
        }
        agents.push(json!({
            "type": { "coding": [client] }, "who": { "display": "browser" }, "requestor": false,
            "network": { "address": address.to_string(), "type": "2" },
        }));
        agents.push(json!({
            "type": { "coding": [server] }, "who": { "identifier": { "value": origin.service } }, "requestor": false,
            "network": { "address": origin.service, "type": "1" },
        }));
    }
    let person = if event.who.id.is_empty() {
        json!({ "display": event.who.name })
    } else {
        json!({ "identifier": { "system": "urn:avouch:person", "value": event.who.id }, "display": event.who.name })
    };
    let mut who = json!({
        "type": { "coding": [coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", participation, None)] },
        "role": [{ "text": event.who.role.to_string() }],
        "who": person,
        "name": event.who.name,
        "requestor": true,
    });
    // Of a request the client has the address; BALP wants none with the user.
    if let (true, Some(address), Some(fields)) = (agents.is_empty(), address, who.as_object_mut()) {
        fields.insert(
            "network".to_owned(),
            json!({ "address": address.to_string(), "type": "2" }),
        );
    }
    agents.push(who);
    if !event.behalf.is_empty() {
        agents.push(
            json!({ "who": { "display": event.behalf }, "name": event.behalf, "requestor": false }),
        );
    }
    agents
}

fn source(event: &Event, origin: &Origin) -> Value {
    let kind = coding(
        "http://terminology.hl7.org/CodeSystem/security-source-type",
        "4",
        Some("Application Server"),
    );
    let mut source =
        json!({ "observer": { "identifier": { "value": origin.log } }, "type": [kind] });
    if let (Some(tenant), Some(fields)) = (&event.tenant, source.as_object_mut()) {
        fields.insert("site".to_owned(), json!(tenant));
    }
    source
}

fn entities(
    row: &Row,
    origin: &Origin,
    patient: Option<&String>,
    others: &[&String],
) -> Vec<Value> {
    let event = &row.event;
    let system = coding(
        "http://terminology.hl7.org/CodeSystem/audit-entity-type",
        "2",
        Some("System Object"),
    );
    let role = |code, display| {
        coding(
            "http://terminology.hl7.org/CodeSystem/object-role",
            code,
            Some(display),
        )
    };
    let about = match event.action {
        Action::Request | Action::RecordOpened | Action::RecordChanged => {
            role("4", "Domain Resource")
        }
        _ => role("20", "Job"),
    };
    let mut details = vec![detail("ledger", &format!("{}/{}", origin.log, row.index))];
    for (name, value) in [
        ("session", &event.session),
        ("release", &event.release),
        ("application", &event.application),
        ("locality", &event.locality),
    ] {
        if !value.is_empty() {
            details.push(detail(name, value));
        }
    }
    if let Some(micros) = event.micros {
        details.push(detail("microseconds", &micros.to_string()));
    }
    let parameters = event
        .parameters
        .iter()
        .filter(|(_, value)| !value.is_empty());
    details.extend(parameters.map(|(name, value)| detail(name, value)));
    let mut entities = vec![json!({
        "what": { "display": event.object }, "type": system, "role": about, "detail": details,
    })];
    if let Some(patient) = patient {
        let person = coding(
            "http://terminology.hl7.org/CodeSystem/audit-entity-type",
            "1",
            Some("Person"),
        );
        entities.push(json!({
            "what": { "identifier": { "system": NHS_NUMBER, "value": patient } },
            "type": person, "role": role("1", "Patient"),
        }));
    }
    entities.extend(others.iter().map(|other| {
        json!({
            "what": { "identifier": { "system": "urn:avouch:subject", "value": other } },
            "type": system, "role": role("4", "Domain Resource"),
        })
    }));
    if !event.correlation.is_empty() {
        let kind = coding(
            "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
            "XrequestId",
            None,
        );
        entities.push(
            json!({ "what": { "identifier": { "value": event.correlation } }, "type": kind }),
        );
    }
    entities
}

fn detail(name: &str, value: &str) -> Value {
    json!({ "type": name, "valueString": value })
}

fn coding(system: &str, code: &str, display: Option<&str>) -> Value {
    match display {
        Some(display) => json!({ "system": system, "code": code, "display": display }),
        None => json!({ "system": system, "code": code }),
    }
}
