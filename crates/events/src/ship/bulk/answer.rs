//! What a receiver's answer to `_bulk` says of each event. 200 does not mean that they are stored.

use serde::Deserialize;

use super::super::{Delivered, ShipError};
use crate::Row;
use crate::export::Origin;

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Created,
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "_id")]
    id: String,
    status: u16,
    #[serde(default)]
    error: Option<Why>,
}

#[derive(Deserialize)]
struct Why {
    /// Its kind alone: the reason may repeat what stands in the document.
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Found {
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_id")]
    id: String,
}

/// What became of these events, of which the answer must speak one by one, in their order.
pub(super) fn judge(answer: &[u8], rows: &[Row], origin: &Origin) -> Result<Delivered, ShipError> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| ShipError::Answer)?;
    if answer.items.len() != rows.len() {
        return Err(ShipError::Answer);
    }
    let mut delivered = Delivered::default();
    for (item, row) in answer.items.into_iter().zip(rows) {
        let Created { id, status, error } = item.create;
        if id != origin.id(row.index) {
            return Err(ShipError::Answer);
        }
        match status {
            // Stored just now, or an earlier time.
            200..=299 | 409 => {}
            429 | 500.. => delivered.busy = true,
            _ => {
                let why = error.map_or_else(|| status.to_string(), |why| why.kind);
                delivered.refused.push((row.index, why));
            }
        }
    }
    Ok(delivered)
}

/// Whether an answer to a search has this document.
pub(super) fn has(answer: &[u8], id: &str) -> Result<bool, ShipError> {
    let found: Found = serde_json::from_slice(answer).map_err(|_| ShipError::Answer)?;
    Ok(found.hits.hits.iter().any(|hit| hit.id == id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Actor, Event, Outcome};

    fn origin() -> Origin {
        Origin {
            log: "acuity.test/ledger".to_owned(),
            service: "acuity.test".to_owned(),
        }
    }

    fn rows(indices: &[u64]) -> Vec<Row> {
        let event = Event::new(
            jiff::Timestamp::UNIX_EPOCH,
            Actor::platform(),
            Action::System,
            "start",
            Outcome::Done,
        );
        let row = |index: &u64| Row {
            index: *index,
            event: event.clone(),
        };
        indices.iter().map(row).collect()
    }

    /// An exchange as both servers' reference documentation shows it: stored, there already, busy, not to be mapped.
    const RECORDED: &str = r#"{"took":486,"errors":true,"items":[
      {"create":{"_index":".ds-logs-avouch.audit-default-2026.01.05-000001","_id":"acuity.test/ledger/3","_version":1,
        "result":"created","_shards":{"total":2,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}},
      {"create":{"_index":".ds-logs-avouch.audit-default-2026.01.05-000001","_id":"acuity.test/ledger/4","status":409,
        "error":{"type":"version_conflict_engine_exception","reason":"[4]: version conflict, document already exists (current version [1])",
        "index_uuid":"aAsFqTI0Tc2W0LCWgPNrOA","shard":"0","index":".ds-logs-avouch.audit-default-2026.01.05-000001"}}},
      {"create":{"_index":".ds-logs-avouch.audit-default-2026.01.05-000001","_id":"acuity.test/ledger/7","status":400,
        "error":{"type":"document_parsing_exception","reason":"failed to parse field [http.response.status_code] of type [long] in document with id '7'. Preview of field's value: 'abc'",
        "caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"abc\""}}}},
      {"create":{"_index":".ds-logs-avouch.audit-default-2026.01.05-000001","_id":"acuity.test/ledger/9","status":429,
        "error":{"type":"es_rejected_execution_exception","reason":"rejected execution of coordinating operation"}}}]}"#;

    #[test]
    fn each_event_is_stored_there_already_busy_or_refused_by_its_own_line() {
        let judged = judge(RECORDED.as_bytes(), &rows(&[3, 4, 7, 9]), &origin()).unwrap();
        assert!(judged.busy);
        assert_eq!(
            judged.refused,
            [(7, "document_parsing_exception".to_owned())]
        );
    }

    #[test]
    fn an_answer_about_something_else_is_no_answer() {
        for indices in [&[3, 4, 7][..], &[3, 4, 9, 7], &[3, 4, 7, 9, 10]] {
            assert!(matches!(
                judge(RECORDED.as_bytes(), &rows(indices), &origin()),
                Err(ShipError::Answer)
            ));
        }
        for answer in [
            "",
            "{}",
            r#"{"errors":false,"items":[{"index":{"_id":"x","status":201}}]}"#,
        ] {
            assert!(judge(answer.as_bytes(), &rows(&[3]), &origin()).is_err());
        }
    }

    #[test]
    fn a_document_is_found_by_its_own_id_only() {
        let found = r#"{"took":1,"timed_out":false,"hits":{"total":{"value":1,"relation":"eq"},"hits":[
            {"_index":".ds-logs-avouch.audit-default-2026.01.05-000001","_id":"acuity.test/ledger/3","_score":1.0}]}}"#;
        assert!(has(found.as_bytes(), "acuity.test/ledger/3").unwrap());
        assert!(!has(found.as_bytes(), "acuity.test/ledger/30").unwrap());
        assert!(has(b"{\"acknowledged\":true}", "x").is_err());
    }
}
