//! Commands about the master key on paper.

use std::sync::Arc;

use avouch_keyring::escrow::{EscrowError, Sheet};
use serde_json::Value;

use super::{Core, json};
use crate::commands::Printed;
use crate::control::Typed;
use crate::fail::Fail;

/// Makes sheets, and hands them over this once.
pub async fn escrow(core: &Arc<Core>, numbers: (u8, u8)) -> Result<Value, Fail> {
    let (of, now) = (core.clone(), core.now());
    // The master may have to be fetched again, which may take its time.
    let sheets = tokio::task::spawn_blocking(move || of.keyring.escrow(&of.master, numbers, now))
        .await
        .map_err(|error| unmade().from(error))?
        .map_err(|error| unmade().from(error))?;
    json(&Printed {
        service: core.statement.service.name.clone(),
        set: sheets.first().map(Sheet::set).unwrap_or_default(),
        needed: numbers.1,
        made: now,
        sheets: sheets.iter().map(lines).collect(),
    })
}

/// Brings the master back from what was typed, and writes down that it was done.
pub async fn rehearse(core: &Arc<Core>, typed: Vec<Typed>) -> Result<Value, Fail> {
    let (of, now) = (core.clone(), core.now());
    let tried = tokio::task::spawn_blocking(move || {
        let sheets = typed.iter().map(|typed| Sheet::read(&typed.0));
        let sheets: Vec<Sheet> = sheets.collect::<Result<_, EscrowError>>()?;
        of.keyring.rehearse(&sheets, now)
    });
    let failed = || Fail::new("the sheets did not bring the master key back");
    let record = tried
        .await
        .map_err(|error| failed().from(error))?
        .map_err(|error| failed().from(error))?;
    json(&record)
}

fn lines(sheet: &Sheet) -> Vec<String> {
    let lines = sheet.lines();
    lines.iter().map(|line| line.expose().clone()).collect()
}

fn unmade() -> Fail {
    Fail::new("the sheets were not made")
}
