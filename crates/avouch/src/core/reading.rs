//! Reading evidence for a command: searches, one subject's report, exports. The command itself is recorded by its caller.

use std::collections::BTreeMap;
use std::sync::Arc;

use avouch_events::export::{Format, Origin};
use avouch_events::{Event, IndexError, Page, Query, Row, Staff, disclosed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::disclosure::{Disclosure, Form};
use super::state::Core;
use super::trails::{MOST, Taken};
use crate::control::{self, Reply};
use crate::fail::Fail;

/// Events fetched at once.
pub(super) const PAGE: u16 = 1_000;

/// What `avouch audit search` looks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Search {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// Why it is asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    pub limit: u16,
    /// The rows as text in this format, instead of as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Every event that is found, with its proof, as a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proofs: bool,
}

/// What `avouch audit subject` asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Subject {
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    pub because: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behalf: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The report as a file in this form, instead of its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
}

/// What `avouch audit export` asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Export {
    pub format: Format,
    pub because: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behalf: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// One page of what was found, newest first; or all of it with proofs.
pub async fn search(core: &Arc<Core>, asked: Search) -> Result<Value, Fail> {
    let (format, proofs, told) = (asked.format, asked.proofs, told(&asked));
    let query = Query {
        who: asked.who,
        subject: asked.subject,
        action: asked.action,
        outcome: asked.outcome,
        source: asked.source,
        locality: asked.locality,
        words: asked.words,
        from: asked.from,
        until: asked.until,
        before: asked.before,
        limit: asked.limit,
        tenant: asked.tenant.map(Some),
        ..Query::default()
    };
    if proofs {
        return with_proofs(core, query, told).await;
    }
    let page = core.index.search(&query).await.map_err(unsearched)?;
    let mut answer = json!({
        "total": page.total, "more": page.more_than_counted, "next": page.next,
        "indexed": page.indexed, "size": page.size,
    });
    let (name, rows) = match format {
        Some(format) => ("text", Value::String(text(core, format, &page.rows)?)),
        None => ("rows", page.rows.iter().map(flat).collect()),
    };
    if let Some(fields) = answer.as_object_mut() {
        fields.insert(name.to_owned(), rows);
    }
    Ok(answer)
}

/// Who opened or changed a subject's record, newest first; `own` is the correlation of the command that asks.
pub async fn subject(core: &Core, asked: &Subject, own: &str) -> Result<Value, Fail> {
    let query = Query {
        subject: Some(asked.subject.clone()),
        tenant: asked.tenant.clone().map(Some),
        from: asked.from,
        until: asked.until,
        ..Query::default()
    };
    let report = Disclosure::of(core, query, &asked.subject, own).await?;
    let mut answer = json!({
        "subject": asked.subject, "made": report.made, "service": core.statement.gateway.domain,
        "staff": report.staff, "accesses": report.rows.len(),
    });
    let (name, value) = match asked.form {
        Some(form) => {
            let file = report.written(form, core, asked.tenant.as_deref())?;
            ("file", Value::String(STANDARD.encode(file)))
        }
        None => ("rows", report.rows.iter().map(flat).collect()),
    };
    if let Some(fields) = answer.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
    Ok(answer)
}

/// What a search looks for, by its names, for whoever reads the file that comes of it.
fn told(asked: &Search) -> BTreeMap<String, String> {
    let asked = Search {
        format: None,
        proofs: false,
        before: None,
        because: String::new(),
        limit: 0,
        ..asked.clone()
    };
    match serde_json::to_value(asked) {
        Ok(Value::Object(fields)) => fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
            .collect(),
        _ => BTreeMap::new(),
    }
}

async fn with_proofs(
    core: &Arc<Core>,
    query: Query,
    told: BTreeMap<String, String>,
) -> Result<Value, Fail> {
    let tenant = query.tenant.clone().flatten();
    let tenant = tenant.and_then(|tenant| tenant.parse().ok());
    match core.trail_with_proofs(query, told, tenant).await? {
        Taken::File(file, events) => Ok(json!({ "file": file, "events": events })),
        Taken::Nothing => Err(Fail::new("no event fits, so there is nothing to take away")),
        Taken::TooMany => Err(Fail::new(format!(
            "more than {MOST} events fit, which is as many as one file holds"
        ))
        .help("search for less, or for fewer days with `--from` and `--until`")),
    }
}

/// Everything that may be shown of a subject; `own` is the correlation of the act that asks, which is not in it.
///
/// # Errors
/// If the index cannot be read, or lags behind: a report that leaves something out is none.
pub async fn report(
    core: &Core,
    mut query: Query,
    subject: &str,
    staff: Staff,
    own: &str,
) -> Result<Vec<Row>, Fail> {
    let mut rows = Vec::new();
    query.limit = PAGE;
    loop {
        let page = whole(core, &query).await?;
        rows.extend(page.rows);
        query.before = page.next;
        if query.before.is_none() {
            break;
        }
    }
    rows.retain(|row| row.event.correlation != own);
    Ok(disclosed(rows, subject, staff))
}

/// Sends every event of the question in parts, newest first; how many there were.
pub async fn export(core: &Core, asked: &Export, stream: &mut UnixStream) -> Result<Value, Fail> {
    let mut query = Query {
        tenant: asked.tenant.clone().map(Some),
        from: asked.from,
        until: asked.until,
        limit: PAGE,
        ..Query::default()
    };
    let mut events = 0;
    let mut part = asked.format.head();
    loop {
        let page = whole(core, &query).await?;
        events += page.rows.len();
        part.push_str(&text(core, asked.format, &page.rows)?);
        control::write(
            stream,
            &Reply::Part {
                text: std::mem::take(&mut part),
            },
        )
        .await
        .map_err(|error| Fail::new("whoever asked for the export went away").from(error))?;
        query.before = page.next;
        if query.before.is_none() {
            return Ok(json!({ "events": events }));
        }
    }
}

pub(super) async fn whole(core: &Core, query: &Query) -> Result<Page, Fail> {
    let page = core.index.search(query).await.map_err(unsearched)?;
    // Entries that came after the question are no part of its answer.
    if query.before.is_none() && page.indexed < page.size {
        return Err(Fail::new(format!(
            "the index of the trail has {} of {} entries, so something would be left out",
            page.indexed, page.size
        ))
        .help("it is being made anew; try again in a while"));
    }
    Ok(page)
}

fn unsearched(error: IndexError) -> Fail {
    Fail::new("the audit trail cannot be searched").from(error)
}

pub(super) fn text(core: &Core, format: Format, rows: &[Row]) -> Result<String, Fail> {
    let domain = &core.statement.gateway.domain;
    let origin = Origin {
        log: format!("{domain}/ledger"),
        service: domain.clone(),
    };
    rows.iter()
        .map(|row| format.lines(row, &origin))
        .collect::<Result<_, _>>()
        .map_err(|error| Fail::new("an event cannot be written").from(error))
}

/// A row as scripts read it.
fn flat(row: &Row) -> Value {
    let Event {
        at,
        who,
        behalf,
        tenant,
        locality,
        action,
        object,
        subjects,
        outcome,
        reason,
        parameters,
        source,
        session,
        status,
        micros,
        correlation,
        application,
        release,
        version: _,
    } = &row.event;
    json!({
        "index": row.index, "at": at, "who": who.name, "id": who.id, "role": who.role, "behalf": behalf,
        "tenant": tenant, "locality": locality, "action": action, "object": object, "subjects": subjects,
        "outcome": outcome, "status": status, "reason": reason, "source": source, "parameters": parameters,
        "session": session, "micros": micros, "correlation": correlation, "release": release, "application": application,
    })
}
