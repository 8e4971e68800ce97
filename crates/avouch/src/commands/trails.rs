//! Events taken from the trail with their proofs: written by the running service, verified without it.

use std::path::Path;

use avouch_evidence::verify::{self, TrailReport};
use avouch_ledger::verify::Policy;
use serde_json::{Value, json};

use super::proofs;
use crate::cli::Global;
use crate::fail::Fail;
use crate::text::{Column, Shown, table, wrapped};
use crate::{durable, print};

/// Writes the file that the service made.
pub fn taken(global: &Global, answer: &Value, output: &Path) -> Result<u8, Fail> {
    let file = answer.get("file").and_then(Value::as_str);
    let file = file.ok_or_else(|| Fail::new("the service sent no file"))?;
    durable::write(output, file.as_bytes())
        .map_err(|error| Fail::new(format!("cannot write `{}`", output.display())).from(error))?;
    let events = answer.get("events").and_then(Value::as_u64).unwrap_or(0);
    if global.json {
        print(&json!({ "wrote": output, "events": events }).to_string());
    } else {
        print(&format!("wrote {} ({events} events)", output.display()));
    }
    Ok(0)
}

/// Verifies such a file: 0 all of it fits and is signed by somebody whom the policy names, 1 otherwise.
pub fn check(global: &Global, text: &str, policy: Option<&Path>) -> Result<u8, Fail> {
    let policy: Option<Policy> = policy.map(proofs::policy).transpose()?;
    match verify::trail(text, policy.as_ref()) {
        Ok(report) => {
            if global.json {
                let json = serde_json::to_string(&report)
                    .map_err(|error| Fail::new("cannot be written as JSON").from(error))?;
                print(&json);
            } else {
                print(&sentences(&report));
            }
            Ok(u8::from(!report.signer_known))
        }
        Err(refusal) => {
            if global.json {
                print(&json!({ "refused": refusal }).to_string());
            }
            Err(Fail::new(format!("refused: {refusal}"))
                .help("ask for the file again; if it is refused again, something was changed")
                .code(1))
        }
    }
}

fn sentences(report: &TrailReport) -> String {
    let whose = report.tenant.as_deref().unwrap_or("all organisations");
    let mut text = wrapped(
        &format!(
            "Events of the audit trail of {}, for {whose}, made {}",
            report.service, report.made
        ),
        "",
        "",
    );
    text.push_str("\nConfirmed:\n");
    for sentence in &report.confirmed {
        text.push_str(&wrapped(sentence, "  ", "    "));
    }
    text.push_str("\nNot confirmed:\n");
    for sentence in &report.not_confirmed {
        text.push_str(&wrapped(sentence, "  ", "    "));
    }
    text.push('\n');
    let rows: Vec<Value> = report.events.iter().map(|event| json!(event)).collect();
    text.push_str(&table(
        &[
            Column("entry", "index", Shown::Plain),
            Column("when", "at", Shown::When),
            Column("who", "who", Shown::Plain),
            Column("role", "role", Shown::Plain),
            Column("did", "action", Shown::Plain),
            Column("on", "object", Shown::Plain),
            Column("outcome", "outcome", Shown::Plain),
            Column("from", "source", Shown::Plain),
        ],
        &rows,
    ));
    text
}
