//! Proofs in files: written by the running service, verified without it and without the network.

use std::path::{Path, PathBuf};

use avouch_ledger::verify::{
    self, Checkpoint, Cosignature, FileFault, Policy, PolicyFault, Vkey, VkeyFault, WitnessKey,
};
use serde_json::{Value, json};

use super::block_on;
use crate::cli::Global;
use crate::control::{self, Request};
use crate::fail::Fail;
use crate::{durable, print};

/// Writes a proof to a file: of an entry, or that the log goes on from a checkpoint that was kept.
pub fn prove(
    global: &Global,
    index: Option<u64>,
    since: Option<&Path>,
    output: &Path,
) -> Result<u8, Fail> {
    let request = match (index, since) {
        (Some(index), None) => Request::Prove { index },
        (None, Some(kept)) => Request::ProveSince {
            size: size_of(&read(kept)?, kept)?,
        },
        _ => {
            return Err(Fail::new(
                "say which entry to prove, or `--since` which checkpoint",
            ));
        }
    };
    let value = block_on(control::ask(&global.data, &request))?;
    let proof = value
        .get("proof")
        .and_then(Value::as_str)
        .ok_or_else(|| Fail::new("the service sent no proof"))?;
    durable::write(output, proof.as_bytes())
        .map_err(|error| Fail::new(format!("cannot write `{}`", output.display())).from(error))?;
    if global.json {
        print(&json!({ "wrote": output, "bytes": proof.len() }).to_string());
    } else {
        print(&format!("wrote {}", output.display()));
    }
    Ok(0)
}

/// Whether a file's text is a proof, and not a pack.
pub fn is_proof(text: &str) -> bool {
    verify::is_inclusion(text) || verify::is_consistency(text)
}

/// Verifies a proof: 0 it holds under the policy, 1 it does not.
pub fn check(
    global: &Global,
    text: &str,
    policy: Option<&Path>,
    since: Option<&Path>,
) -> Result<u8, Fail> {
    let path = policy.ok_or_else(|| {
        Fail::new("a proof says nothing without somebody to trust").help(
            "give `--policy`, a file with `log KEY` and, where there are witnesses, `witness NAME KEY` and `quorum NAME`",
        )
    })?;
    let policy = self::policy(path)?;
    let shown = if verify::is_inclusion(text) {
        verify::included(text, &policy).map(|shown| {
            let leaf = &shown.leaf;
            let value = json!({
                "index": shown.index,
                "kind": leaf.kind,
                "stream": hex::encode(leaf.stream),
                "previous": leaf.previous,
                "time": jiff::Timestamp::from_microsecond(leaf.time).ok(),
                "commitment": hex::encode(leaf.commitment),
            });
            let sentence = format!(
                "Entry {} is in the log `{}`, under its checkpoint of {} entries.",
                shown.index, shown.checkpoint.origin, shown.checkpoint.size
            );
            (value, sentence, shown.checkpoint, shown.cosigned)
        })
    } else {
        let kept = since.ok_or_else(|| {
            Fail::new("this proof goes on from an earlier checkpoint")
                .help("give `--since`, the file with the checkpoint that you kept")
        })?;
        verify::continued(text, &read(kept)?, &policy).map(|shown| {
            let value = json!({ "since": shown.older.size });
            let sentence = format!(
                "The log `{}` of {} entries goes on from the checkpoint of {} that you kept: nothing under that was changed.",
                shown.newer.origin, shown.newer.size, shown.older.size
            );
            (value, sentence, shown.newer, shown.cosigned)
        })
    };
    match shown {
        Ok((value, sentence, checkpoint, cosigned)) => {
            show(global, value, &sentence, &checkpoint, &cosigned, &policy);
            Ok(0)
        }
        Err(fault) => Err(refused(global, &fault)),
    }
}

/// Whom a reader trusts, as a file says it.
pub fn policy(path: &Path) -> Result<Policy, Fail> {
    read(path)?.parse().map_err(|fault: PolicyFault| {
        Fail::new(format!("cannot read the policy `{}`", path.display())).from(fault)
    })
}

fn show(
    global: &Global,
    mut value: Value,
    sentence: &str,
    checkpoint: &Checkpoint,
    cosigned: &[Cosignature],
    policy: &Policy,
) {
    let at = |signed: &Cosignature| {
        i64::try_from(signed.time)
            .ok()
            .and_then(|time| jiff::Timestamp::from_second(time).ok())
    };
    if global.json {
        if let Value::Object(fields) = &mut value {
            fields.insert("verified".to_owned(), json!(true));
            fields.insert("log".to_owned(), json!(checkpoint.origin));
            fields.insert("size".to_owned(), json!(checkpoint.size));
            let witnesses = cosigned
                .iter()
                .map(|signed| json!({ "name": signed.witness, "at": at(signed) }));
            fields.insert("witnesses".to_owned(), witnesses.collect());
        }
        print(&value.to_string());
        return;
    }
    let mut text = format!("{sentence}\n");
    for signed in cosigned {
        let when = at(signed).map_or_else(String::new, |at| format!(" at {at}"));
        text.push_str(&format!("Witnessed by `{}`{when}.\n", signed.witness));
    }
    if !policy.asks_for_witnesses() {
        text.push_str(
            "Not confirmed: that others were shown the same log; your policy asks for no witness.\n",
        );
    }
    print(&text);
}

fn refused(global: &Global, fault: &FileFault) -> Fail {
    if global.json {
        print(&json!({ "verified": false, "refused": fault.to_string() }).to_string());
    }
    Fail::new(format!("refused: {fault}")).code(1)
}

/// The checkpoint in a ledger's folder that witnesses have signed, and which of these have; `None` where none is asked for.
pub fn witnessed(
    folder: &Path,
    log: &Vkey,
    keys: &[String],
) -> Result<Option<(Checkpoint, Vec<String>)>, Fail> {
    if keys.is_empty() {
        return Ok(None);
    }
    let pinned = keys
        .iter()
        .map(|key| {
            key.trim().parse().map_err(|fault: VkeyFault| {
                Fail::new(format!("`{key}` is not a witness's key")).from(fault)
            })
        })
        .collect::<Result<Vec<WitnessKey>, Fail>>()?;
    let file = folder.join("checkpoint.cosigned");
    let unwitnessed = || Fail::new("the ledger's checkpoint is not witnessed").code(1);
    let text = std::fs::read_to_string(&file).map_err(|error| unwitnessed().from(error))?;
    let checkpoint = verify::checkpoint(&text, log).map_err(|fault| unwitnessed().from(fault))?;
    let signed = verify::cosignatures(&text, &pinned).map_err(|fault| unwitnessed().from(fault))?;
    let by: Vec<String> = signed.into_iter().map(|signed| signed.witness).collect();
    match pinned
        .iter()
        .find(|key| !by.iter().any(|name| name == key.name()))
    {
        None => Ok(Some((checkpoint, by))),
        Some(missing) => Err(Fail::new(format!(
            "`{}` has not signed the ledger's checkpoint",
            missing.name()
        ))
        .code(1)),
    }
}

/// The size in a checkpoint, which the proof's reader checks with its signature.
fn size_of(checkpoint: &str, path: &Path) -> Result<u64, Fail> {
    checkpoint
        .lines()
        .nth(1)
        .and_then(|size| size.parse().ok())
        .ok_or_else(|| Fail::new(format!("`{}` is not a checkpoint", path.display())))
}

fn read(path: &Path) -> Result<String, Fail> {
    let path: PathBuf = path.to_owned();
    std::fs::read_to_string(&path)
        .map_err(|error| Fail::new(format!("cannot read `{}`", path.display())).from(error))
}
