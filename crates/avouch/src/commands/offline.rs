//! Commands that need no running service.

use std::path::Path;

use avouch_evidence::verify;
use avouch_ledger::verify as ledger;

use super::{proofs, trails};
use crate::cli::Global;
use crate::fail::Fail;
use crate::text::wrapped;
use crate::{print, talk};

/// Verifies a pack, a proof or events with theirs: 0 verified with a pinned key, 1 refused or signer unknown.
pub fn verify(
    global: &Global,
    file: &Path,
    policy: Option<&Path>,
    since: Option<&Path>,
) -> Result<u8, Fail> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Fail::new(format!("cannot read `{}`", file.display())).from(error))?;
    if proofs::is_proof(&text) {
        return proofs::check(global, &text, policy, since);
    }
    if verify::is_trail(&text) {
        return trails::check(global, &text, policy);
    }
    let pinned = policy.map(pinned_key).transpose()?;
    match verify::pack(&text, pinned.as_deref()) {
        Ok(report) => {
            if global.json {
                print(
                    &serde_json::to_string(&report)
                        .map_err(|error| Fail::new("cannot be written as JSON").from(error))?,
                );
            } else {
                print(&sentences(&report));
            }
            Ok(u8::from(!report.signer_known))
        }
        Err(refusal) => {
            if global.json {
                print(&serde_json::json!({ "refused": refusal }).to_string());
            }
            Err(Fail::new(format!("refused: {refusal}")).help("ask the supplier for the pack again; if it is refused again, something was changed").code(1))
        }
    }
}

fn sentences(report: &verify::Report) -> String {
    let mut text = format!(
        "{} by {}, for {}, made {}\n\nConfirmed:\n",
        report.service, report.supplier, report.tenant, report.made
    );
    for sentence in &report.confirmed {
        text.push_str(&wrapped(sentence, "  ", "    "));
    }
    text.push_str("\nNot confirmed:\n");
    for sentence in &report.not_confirmed {
        text.push_str(&wrapped(sentence, "  ", "    "));
    }
    text.push_str("\nThe claims, as the newest round of checks found them:\n");
    for claim in &report.claims {
        text.push_str(&format!("  {:<9} {}\n", claim.verdict, claim.id));
        text.push_str(&wrapped(&claim.text, "            ", "            "));
    }
    text
}

/// The first `log <key>` line of a policy.
fn pinned_key(path: &Path) -> Result<String, Fail> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Fail::new(format!("cannot read the policy `{}`", path.display())).from(error)
    })?;
    text.lines()
        .map(|line| line.split('#').next().unwrap_or(""))
        .find_map(|line| {
            let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
            (words.next() == Some("log"))
                .then(|| words.next())
                .flatten()
        })
        .map(ToOwned::to_owned)
        .ok_or_else(|| {
            Fail::new(format!("`{}` names no log", path.display()))
                .help("write `log <key>` on a line, with the key that the supplier gave you")
        })
}

/// Verifies the ledger's files with its public key, and that they go on from what these witnesses have signed.
pub fn audit_verify(
    global: &Global,
    key: Option<String>,
    witnesses: &[String],
) -> Result<u8, Fail> {
    let folder = global.data.join("core/ledger");
    let key = match key {
        Some(key) => key,
        None => {
            let path = global.data.join("run/log.vkey");
            talk(
                "The key is read from the data folder itself: somebody who changed the ledger could have changed it too. Name yours with --key.",
            );
            std::fs::read_to_string(&path).map_err(|error| {
                Fail::new(format!("cannot read the log's key `{}`", path.display())).from(error)
            })?
        }
    };
    let key: ledger::Vkey = key.trim().parse().map_err(|fault: ledger::VkeyFault| {
        Fail::new("the log's key cannot be read").from(fault)
    })?;
    let witnessed = proofs::witnessed(&folder, &key, witnesses)?;
    let verified = match &witnessed {
        None => ledger::directory(&folder, &key),
        Some((earlier, _)) => ledger::directory_since(&folder, &key, earlier),
    };
    match verified {
        Ok(report) => {
            let (earlier, by) = witnessed
                .map(|(earlier, by)| (Some(earlier.size), by))
                .unwrap_or_default();
            if global.json {
                print(&serde_json::json!({ "verified": true, "size": report.checkpoint.size, "root": hex::encode(report.checkpoint.root), "witnessed": earlier, "by": by }).to_string());
            } else {
                print(&format!(
                    "{} entries verified: every leaf, every chain, every tile and the checkpoint fit.",
                    report.checkpoint.size
                ));
                if let Some(earlier) = earlier {
                    print(&format!(
                        "They go on from the {earlier} that were witnessed by {}.",
                        by.join(", ")
                    ));
                }
            }
            Ok(0)
        }
        Err(fault) => {
            if global.json {
                print(
                    &serde_json::json!({ "verified": false, "fault": fault.to_string() })
                        .to_string(),
                );
            }
            Err(Fail::new(fault.to_string()).code(1))
        }
    }
}
