//! The plan and what was done, for a program and for a person at three in the morning.

use avouch_runtime::layout::Layout;
use serde_json::{Value, json};

use super::Order;
use super::build::State;
use super::found::Plan;
use crate::text::{Column, Shown, cell, table, wrapped};

/// A plan, and what an earlier attempt has done of one.
pub fn planned(plan: &Plan, begun: Option<&State>) -> Value {
    json!({
        "executed": false,
        "plan": plan,
        "begun": begun.map(|state| json!({ "from": state.plan.from, "done": state.done })),
    })
}

/// What was done.
pub fn done(order: &Order<'_>, layout: &Layout, state: &State) -> Value {
    json!({
        "executed": true,
        "plan": state.plan,
        "damaged": state.damaged,
        "without": state.without,
        "ledger": state.ledger,
        "data": layout.data(),
        "statement": order.global.statement,
    })
}

/// Either, in words.
pub fn text(value: &Value) -> String {
    let plan = value.get("plan").unwrap_or(&Value::Null);
    let field = |name| cell(plan.get(name), Shown::Plain);
    let list = |of: &Value, name| {
        of.get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let found = list(plan, "found");
    let mut text = wrapped(
        &format!(
            "Everything of {}, from {} (`{}` in its statement).",
            field("service"),
            field("from"),
            field("destination")
        ),
        "",
        "",
    );
    text.push('\n');
    text.push_str(&table(
        &[
            Column("whose", "owner", Shown::Plain),
            Column("source", "source", Shown::Plain),
            Column("newest backup", "snapshot", Shown::Plain),
            Column("taken", "taken", Shown::When),
            Column("size", "bytes", Shown::Bytes),
            Column("took in a drill", "took-ms", Shown::Took),
        ],
        &found,
    ));
    text.push('\n');
    let mut say = |sentence: &str| text.push_str(&wrapped(sentence, "", "  "));
    if value.get("executed") == Some(&Value::Bool(true)) {
        for sentence in executed(value) {
            say(&sentence);
        }
        return text;
    }
    say(&format!(
        "It takes {}; {}.",
        bytes(plan.get("bytes")),
        room(plan)
    ));
    say(&took(&found));
    if let Some(ledger) = plan.get("ledger").filter(|ledger| !ledger.is_null()) {
        say(&format!(
            "The ledger comes back with {} entries: {}.",
            cell(ledger.get("entries"), Shown::Plain),
            cell(ledger.get("says"), Shown::Plain)
        ));
    }
    for told in list(plan, "told") {
        say(&format!("Note: {}.", cell(Some(&told), Shown::Plain)));
    }
    for item in found
        .iter()
        .filter(|item| item.get("into-place") == Some(&Value::Bool(false)))
    {
        say(&format!(
            "Note: `{}` of `{}` is put into a folder `restored`, and goes into its server by hand.",
            cell(item.get("source"), Shown::Plain),
            cell(item.get("owner"), Shown::Plain)
        ));
    }
    for missing in list(plan, "missing") {
        let owner = cell(missing.get("owner"), Shown::Plain);
        say(&format!(
            "MISSING, `{owner}`: {}. To go on without: `--without {owner}`.",
            cell(missing.get("what"), Shown::Plain)
        ));
    }
    if let Some(begun) = value.get("begun").filter(|begun| !begun.is_null()) {
        let done: Vec<String> = list(begun, "done")
            .iter()
            .map(|owner| cell(Some(owner), Shown::Plain))
            .collect();
        say(&format!(
            "An earlier attempt, from {}, has brought back: {}. `--execute` goes on with that one; `--anew` begins again.",
            cell(begun.get("from"), Shown::Plain),
            if done.is_empty() {
                "nothing yet".to_owned()
            } else {
                done.join(", ")
            }
        ));
    }
    say("Nothing was done. Add `--because TEXT --execute` to do it.");
    text
}

fn executed(value: &Value) -> Vec<String> {
    let plan = value.get("plan").unwrap_or(&Value::Null);
    let data = cell(value.get("data"), Shown::Plain);
    let statement = cell(value.get("statement"), Shown::Plain);
    let names = |of: &Value, name: &str| {
        let list = of.get(name).and_then(Value::as_array).cloned();
        let names: Vec<String> = list
            .unwrap_or_default()
            .iter()
            .map(|name| cell(Some(name), Shown::Plain))
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let mut said = vec![format!("Done: everything is in {data}.")];
    said.push(format!(
        "The ledger: {}.",
        cell(value.get("ledger"), Shown::Plain)
    ));
    if let Some(damaged) = names(value, "damaged") {
        said.push(format!(
            "These backups cannot be used, and the ones before them were taken: {damaged}."
        ));
    }
    if let Some(without) = names(value, "without") {
        said.push(format!(
            "It came back without what is missing of: {without}."
        ));
    }
    if let Some(lost) = names(plan, "lost") {
        said.push(format!(
            "Backups at {lost} were in the data folder that was lost; the service writes that down and begins new ones."
        ));
    }
    said.push(format!(
        "Next: see that the master key is where `[keys]` in {statement} says, and a destination's credential in {data}/keys; \
         then `avouch -c {statement} --data {data} up`, and after that `avouch check` and `avouch audit verify`."
    ));
    said
}

/// How long it may take, as far as drills tell.
fn took(found: &[Value]) -> String {
    let measured: Vec<u64> = found
        .iter()
        .filter_map(|item| item.get("took-ms")?.as_u64())
        .collect();
    if measured.is_empty() {
        return "None of it has been drilled, so how long it takes is not known.".to_owned();
    }
    let sum = Value::from(measured.iter().sum::<u64>());
    let rest = match found.len() - measured.len() {
        0 => String::new(),
        1 => ", and one of them was never drilled".to_owned(),
        more => format!(", and {more} of them were never drilled"),
    };
    format!(
        "Reading it back and comparing it took {} in the last drills{rest}.",
        cell(Some(&sum), Shown::Took)
    )
}

fn room(plan: &Value) -> String {
    match plan.get("free").filter(|free| !free.is_null()) {
        None => "how much room there is for it is not known".to_owned(),
        free => format!("{} are free there", bytes(free)),
    }
}

fn bytes(value: Option<&Value>) -> String {
    cell(value, Shown::Bytes)
}
