//! What a person sees of each answer; a program reads the same answer with `--json`.

use avouch_events::report::{self, Report};
use serde_json::Value;

use crate::text::{Column, Shown, cell, table, wrapped};

/// How an answer is put into words.
pub type View = fn(&Value) -> String;

/// The snapshots that are kept, and what room there is for more.
pub fn snapshots(answer: &Value) -> String {
    let kept = rows(
        answer,
        &[
            Column("whose", "owner", Shown::Plain),
            Column("source", "source", Shown::Plain),
            Column("at", "destination", Shown::Plain),
            Column("snapshot", "snapshot", Shown::Plain),
            Column("taken", "taken", Shown::When),
            Column("read back", "read-back", Shown::When),
            Column("size", "bytes", Shown::Bytes),
            Column("rows", "rows", Shown::Plain),
            Column("changed", "changed", Shown::Plain),
            Column("kept as", "kept-as", Shown::Plain),
        ],
    );
    let places = answer.get("destinations").and_then(Value::as_array);
    let room = table(
        &[
            Column("at", "destination", Shown::Plain),
            Column("stored", "stored", Shown::Bytes),
            Column("free", "free", Shown::Bytes),
            Column("added a day", "bytes-per-day", Shown::Bytes),
            Column("full in days", "full-in-days", Shown::Plain),
        ],
        places.map_or(&[][..], Vec::as_slice),
    );
    let asides = answer.get("asides").and_then(Value::as_array);
    let Some(asides) = asides.filter(|asides| !asides.is_empty()) else {
        return format!("{kept}\n{room}");
    };
    let aside = table(
        &[
            Column("whose data, before a restore", "owner", Shown::Plain),
            Column("stand aside in", "path", Shown::Plain),
            Column("since", "since", Shown::When),
            Column("destroyed after", "until", Shown::When),
        ],
        asides,
    );
    format!("{kept}\n{room}\n{aside}")
}

/// Repositories that were read back whole.
pub fn examined(answer: &Value) -> String {
    let mut text = rows(
        answer,
        &[
            Column("whose", "owner", Shown::Plain),
            Column("at", "destination", Shown::Plain),
            Column("sound", "sound", Shown::Plain),
            Column("snapshots", "snapshots", Shown::Plain),
            Column("objects read", "objects", Shown::Plain),
            Column("what was found", "findings", Shown::Plain),
        ],
    );
    text.push_str(match answer.get("held").and_then(Value::as_bool) {
        Some(true) => "\nEvery stored byte was read back and is as it was written.\n",
        _ => "\nSomething stored is not as it was written: take a new backup, then look at that disk.\n",
    });
    text
}

/// How far the receivers of the trail have got.
pub fn exports(answer: &Value) -> String {
    rows(
        answer,
        &[
            Column("export", "name", Shown::Plain),
            Column("entries done", "done", Shown::Plain),
            Column("waiting", "waiting", Shown::Plain),
            Column("since", "oldest", Shown::When),
            Column("refused", "refused", Shown::Plain),
            Column("trouble", "trouble", Shown::Plain),
        ],
    )
}

/// What the reviews of access found.
pub fn unusual(answer: &Value) -> String {
    rows(
        answer,
        &[
            Column("finding", "number", Shown::Plain),
            Column("what", "what", Shown::Plain),
            Column("who", "who", Shown::Plain),
            Column("records", "records", Shown::Plain),
            Column("last", "last", Shown::When),
            Column("look by", "due", Shown::When),
            Column("looked at by", "looked-at-by", Shown::Plain),
            Column("came of it", "answer", Shown::Plain),
        ],
    )
}

/// How many records somebody is now known to be tied to.
pub fn records(answer: &Value) -> String {
    let of = |name| cell(answer.get(name), Shown::Plain);
    format!(
        "{} records are stated for {}.\n",
        of("records"),
        of("email")
    )
}

/// The drills, one line each.
pub fn drills(answer: &Value) -> String {
    rows(
        answer,
        &[
            Column("drill", "id", Shown::Plain),
            Column("whose", "owner", Shown::Plain),
            Column("source", "source", Shown::Plain),
            Column("from", "destination", Shown::Plain),
            Column("snapshot", "snapshot", Shown::Plain),
            Column("taken", "taken", Shown::When),
            Column("restored", "started", Shown::When),
            Column("back in", "took-ms", Shown::Took),
            Column("verdict", "verdict", Shown::Plain),
        ],
    )
}

/// The drills that were just run, one for each source.
pub fn drilled(answer: &Value) -> String {
    let drills = answer.get("drills").and_then(Value::as_array);
    drills.into_iter().flatten().map(drill).collect()
}

/// One drill, step by step.
pub fn drill(answer: &Value) -> String {
    let field = |name| cell(answer.get(name), Shown::Plain);
    let what = match answer.get("moment") {
        Some(Value::String(_)) => "the database as it was at".to_owned(),
        _ => format!("snapshot {} taken", field("snapshot")),
    };
    let mut text = wrapped(
        &format!(
            "Drill {}: {} of {}, {} {} from {}, restored {}.",
            field("id"),
            field("source"),
            field("owner"),
            what,
            cell(answer.get("taken"), Shown::When),
            field("destination"),
            cell(answer.get("started"), Shown::When),
        ),
        "",
        "",
    );
    for step in answer
        .get("steps")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let begin = format!(
            "  {:<9} {:<6} {:>8}  ",
            cell(step.get("step"), Shown::Plain),
            cell(step.get("outcome"), Shown::Plain),
            cell(step.get("took-ms"), Shown::Took),
        );
        text.push_str(&wrapped(
            &cell(step.get("seen"), Shown::Plain),
            &begin,
            &" ".repeat(28),
        ));
    }
    text.push_str(&format!(
        "{}, back in {}.\n",
        capital(&field("verdict")),
        cell(answer.get("took-ms"), Shown::Took)
    ));
    text
}

/// The reports that the statement names.
pub fn reports(answer: &Value) -> String {
    rows(
        answer,
        &[
            Column("report", "report", Shown::Plain),
            Column("what it shows", "title", Shown::Plain),
            Column("for each", "every", Shown::Plain),
            Column("who may read it", "for", Shown::Plain),
        ],
    )
}

/// One report, for a person.
pub fn report(answer: &Value) -> String {
    with_report(answer, |report| {
        let state = if report.complete { "" } else { " so far" };
        let mut text = format!("{}, {}{state}\n\n", report.title, report.period);
        text.push_str(&report_lines(&report));
        text.push('\n');
        for note in &report.notes {
            text.push_str(&wrapped(note, "", ""));
        }
        text
    })
}

/// For how long applications ran on a day, and for whom.
pub fn hours(answer: &Value) -> String {
    let said = |name: &str| cell(answer.get(name), Shown::Plain);
    let state = match answer.get("complete").and_then(Value::as_bool) {
        Some(true) => "",
        _ => " so far",
    };
    let rows = rows(
        answer,
        &[
            Column("whose application", "tenant", Shown::Plain),
            Column("ran", "ran", Shown::Plain),
            Column("needed by people", "people", Shown::Plain),
            Column("by the service", "service", Shown::Plain),
            Column("idle", "idle", Shown::Plain),
            Column("idle share", "idle-share", Shown::Plain),
        ],
    );
    format!(
        "Hours that applications ran, {}{state}\n\n{rows}\nNobody’s after {} without use; at most {}% of all is promised to be idle.\n",
        said("day"),
        said("idle-after"),
        said("promised-share"),
    )
}

/// One report as comma-separated values.
pub fn sheet(answer: &Value) -> String {
    with_report(answer, |report| report::csv(&report))
}

/// One report as a picture.
pub fn picture(answer: &Value) -> String {
    with_report(answer, |report| {
        report::picture(&report).unwrap_or_else(|| "nothing to compare in a picture\n".to_owned())
    })
}

fn with_report(answer: &Value, show: impl FnOnce(Report) -> String) -> String {
    match serde_json::from_value(answer.clone()) {
        Ok(report) => show(report),
        Err(_) => answer.to_string(),
    }
}

fn report_lines(report: &Report) -> String {
    let headings = report.headings();
    let fields: Vec<String> = (0..headings.len())
        .map(|place| format!("c{place}"))
        .collect();
    let columns: Vec<Column> = headings
        .iter()
        .zip(&fields)
        .map(|(heading, field)| Column(heading, field, Shown::Plain))
        .collect();
    let rows: Vec<Value> = report
        .cells()
        .into_iter()
        .map(|line| {
            fields
                .iter()
                .cloned()
                .zip(line.into_iter().map(Value::from))
                .collect()
        })
        .collect();
    table(&columns, &rows)
}

/// The tenants.
pub fn tenants(answer: &Value) -> String {
    rows(answer, TENANT)
}

/// One tenant.
pub fn tenant(answer: &Value) -> String {
    table(TENANT, std::slice::from_ref(answer))
}

const TENANT: &[Column<'static>] = &[
    Column("tenant", "id", Shown::Plain),
    Column("name", "name", Shown::Plain),
    Column("address", "url", Shown::Plain),
];

/// What would be erased of a tenant, or what was.
pub fn erasure(answer: &Value) -> String {
    let plain = |name| cell(answer.get(name), Shown::Plain);
    if answer.get("executed") == Some(&Value::Bool(true)) {
        return format!(
            "The data of `{}` are erased, with {} accounts and {} payloads of the ledger: entry {}.\n\
             Keep this record for who asked for it; the ledger's key has signed it.\n\n{}",
            plain("tenant"),
            plain("people"),
            plain("payloads"),
            plain("entry"),
            plain("record"),
        );
    }
    let more = match answer.get("more-events") {
        Some(Value::Bool(true)) => "more than ",
        _ => "",
    };
    format!(
        "Of `{}` ({}): {} people, {more}{} events, {} snapshots in its repositories, and everything in {}.\n\
         Its keys are destroyed first, so no copy of these can be read again, wherever it is. Others lose nothing.\n\
         Nothing was done. Add `--because TEXT --execute` to do it; it cannot be undone.\n",
        plain("tenant"),
        plain("name"),
        plain("people"),
        plain("events"),
        plain("snapshots"),
        plain("folder"),
    )
}

/// What was derived anew.
pub fn rebuilt(answer: &Value) -> String {
    let plain = |name| cell(answer.get(name), Shown::Plain);
    let tiles = answer.get("tiles").and_then(Value::as_array);
    format!(
        "The index was made anew from {} entries, and {} rounds of checks are in the store.\n\
         Tiles that did not fit the journal and were written anew: {}.\n",
        plain("entries"),
        plain("rounds"),
        tiles.map_or(0, Vec::len),
    )
}

/// The people.
pub fn people(answer: &Value) -> String {
    rows(
        answer,
        &[
            Column("email", "email", Shown::Plain),
            Column("name", "name", Shown::Plain),
            Column("tenant", "tenant", Shown::Plain),
            Column("locality", "locality", Shown::Plain),
            Column("role", "role", Shown::Plain),
            Column("second factor", "second-factor", Shown::When),
            Column("closed", "disabled", Shown::Plain),
            Column("nominated by", "nominated-by", Shown::Plain),
            Column("on", "nominated-at", Shown::When),
        ],
    )
}

/// Where somebody belongs.
pub fn locality(answer: &Value) -> String {
    let email = cell(answer.get("email"), Shown::Plain);
    match cell(answer.get("locality"), Shown::Plain) {
        none if none.is_empty() => format!("{email} belongs to no locality.\n"),
        name => format!("{email} belongs to {name}.\n"),
    }
}

/// Somebody who was given a password.
pub fn password(answer: &Value) -> String {
    format!(
        "{}   {}\nThe password is shown here only; it is stored as a hash.\n",
        cell(answer.get("email"), Shown::Plain),
        cell(answer.get("password"), Shown::Plain)
    )
}

/// Somebody whose account was closed.
pub fn closed(answer: &Value) -> String {
    format!(
        "{} can no longer sign in, and is signed out everywhere.\n",
        cell(answer.get("email"), Shown::Plain)
    )
}

/// Somebody whose second factor was taken away.
pub fn without_factor(answer: &Value) -> String {
    format!(
        "{} has no second factor any more, and is signed out everywhere.\n",
        cell(answer.get("email"), Shown::Plain)
    )
}

/// The list in an answer: the answer itself, or its `rows`.
fn rows(answer: &Value, columns: &[Column<'_>]) -> String {
    let rows = answer
        .as_array()
        .or_else(|| answer.get("rows").and_then(Value::as_array));
    table(columns, rows.map_or(&[][..], Vec::as_slice))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
