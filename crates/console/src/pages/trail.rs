//! The audit trail: who did what, newest first. The search is itself in it.

use askama::Template;
use http::StatusCode;

use super::events::{Column, events};
use super::second_factor::gate;
use super::{Answer, days, kept};
use crate::ask::Ask;
use crate::callers::TenantAdministrator;
use crate::desk::second_factor::Act;
use crate::desk::views::{EventRow, KINDS, Page as Rows, Proofs, ProofsAsk, TrailQuery};
use crate::desk::{DeskError, Role};
use crate::html::{Cell, FieldError, Frame, Nav, Table, error_of, render};
use crate::service::encode;
use crate::shown;

/// A value that can be chosen, and its words.
type Choice = (&'static str, &'static str);

/// The outcomes that can be looked for.
const OUTCOMES: [Choice; 4] = [
    ("", "Any"),
    ("allowed", "Done"),
    ("refused", "Refused"),
    ("failed", "Failed"),
];

#[derive(Template)]
#[template(path = "trail.html")]
struct Page {
    frame: Frame,
    typed: Typed,
    errors: Vec<FieldError>,
    /// Whether the reason has to be said first.
    wanted: bool,
    /// Whether the search could be made out, so that there is something to show.
    searched: bool,
    total: String,
    table: Table,
    pages: Pages,
    /// Why the events are wanted with their proofs, as it was typed.
    because: String,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        error_of(&self.errors, field)
    }
}

/// The search as it was typed, to be shown again.
struct Typed {
    /// The organisation, which only the supplier's people choose.
    of: Option<String>,
    who: String,
    what: String,
    subject: String,
    kind: String,
    locality: String,
    address: String,
    outcome: String,
    from: String,
    to: String,
    why: String,
}

/// The way back to the newest events, and on to earlier ones.
struct Pages {
    newest: Option<String>,
    earlier: Option<String>,
}

/// One page of what was found.
pub async fn search(who: TenantAdministrator, ask: Ask) -> Answer {
    page(&who, &ask, Vec::new()).await
}

/// Everything that a search finds, each event with its proof, as a file.
pub async fn proofs(who: TenantAdministrator, ask: Ask) -> Answer {
    if let Some(answer) = gate(&ask, who.actor(), Act::Trail, "/trail").await? {
        return Ok(answer);
    }
    let (query, mut errors) = Typed::of(&who, &ask).read("");
    let because = ask.field("because").to_owned();
    let mut wrong = |text: String| {
        errors.push(FieldError {
            field: "because",
            text,
        });
    };
    if because.is_empty() {
        wrong("Say why you take these events away".to_owned());
    }
    if !errors.is_empty() {
        return page(&who, &ask, errors).await;
    }
    let asked = ProofsAsk { query, because };
    let text = match ask.desk().proofs(who.actor(), &asked).await? {
        Proofs::File(tenant, file) if who.actor().scope().covers(tenant.as_deref()) => {
            return kept(file);
        }
        Proofs::File(..) => return Err(ask.outside_scope(&who.caller()).await),
        Proofs::TooMany(most) => {
            format!("One file holds {most} events at most: choose fewer days, or search for less")
        }
        Proofs::Nothing => "No event fits, so there is nothing to take away".to_owned(),
    };
    let error = FieldError {
        field: "because",
        text,
    };
    page(&who, &ask, vec![error]).await
}

async fn page(who: &TenantAdministrator, ask: &Ask, mut errors: Vec<FieldError>) -> Answer {
    let typed = Typed::of(who, ask);
    let (query, wrong) = typed.read(ask.field("before"));
    let nothing = Rows {
        rows: Vec::new(),
        total: 0,
        more: false,
        next: None,
        behind: 0,
    };
    let (mut searched, mut wanted) = (wrong.is_empty(), false);
    let found = if searched {
        match ask.desk().trail(who.actor(), &query).await {
            Err(DeskError::ReasonWanted) => {
                (searched, wanted) = (false, true);
                nothing
            }
            found => found?,
        }
    } else {
        nothing
    };
    if errors.is_empty() {
        errors = wrong;
    }
    // Whoever only comes to the page has done nothing wrong yet.
    if wanted && typed.parts().iter().any(|(_, value)| !value.is_empty()) {
        errors.push(FieldError {
            field: "why",
            text: "Say why you look".to_owned(),
        });
    }
    let (title, status) = match errors.as_slice() {
        [] => ("Audit trail", StatusCode::OK),
        _ => ("Error: Audit trail", StatusCode::BAD_REQUEST),
    };
    let page = Page {
        frame: ask.console_frame(title, &who.caller(), Nav::Trail),
        pages: Pages {
            newest: query.before.map(|_| typed.address(None)),
            earlier: found.next.map(|before| typed.address(Some(before))),
        },
        total: total(&found),
        searched,
        wanted,
        table: table(who.actor().scope().sieve(found.rows)),
        because: ask.field("because").to_owned(),
        typed,
        errors,
    };
    render(&page, status)
}

impl Typed {
    fn of(who: &TenantAdministrator, ask: &Ask) -> Self {
        let field = |name| ask.field(name).to_owned();
        Self {
            of: (who.actor().person.role == Role::Supplier).then(|| field("of")),
            who: field("who"),
            what: field("what"),
            subject: field("subject"),
            kind: field("kind"),
            locality: field("locality"),
            address: field("address"),
            outcome: field("outcome"),
            from: field("from"),
            to: field("to"),
            why: field("why"),
        }
    }

    /// Name, label, hint, kind and value of each field that is typed.
    fn fields(&self) -> [(&'static str, &'static str, &'static str, &'static str, &str); 8] {
        [
            (
                "who",
                "Who",
                "Part of a name or email address",
                "text",
                &self.who,
            ),
            ("what", "What", "Words of what was done", "text", &self.what),
            (
                "subject",
                "Subject",
                "A record’s subject, exactly",
                "text",
                &self.subject,
            ),
            (
                "locality",
                "Locality",
                "A ward or unit, exactly",
                "text",
                &self.locality,
            ),
            (
                "address",
                "Where from",
                "An address, such as 192.0.2.7",
                "text",
                &self.address,
            ),
            (
                "from",
                "First day",
                "For example, 22/11/2026",
                "text",
                &self.from,
            ),
            (
                "to",
                "Last day",
                "For example, 22/11/2026",
                "text",
                &self.to,
            ),
            (
                "why",
                "Why you look",
                "It is written in the trail, with your name",
                "text",
                &self.why,
            ),
        ]
    }

    /// Name, label, hint, choices and value of each field that is chosen.
    fn chosen(&self) -> [(&'static str, &'static str, &'static str, Vec<Choice>, &str); 2] {
        let kinds = [("", "Any")].into_iter().chain(KINDS).collect();
        [
            ("kind", "Kind", "What sort of event", kinds, &self.kind),
            (
                "outcome",
                "Outcome",
                "What came of it",
                OUTCOMES.to_vec(),
                &self.outcome,
            ),
        ]
    }

    /// The query, and what is wrong with it.
    fn read(&self, before: &str) -> (TrailQuery, Vec<FieldError>) {
        let mut errors = Vec::new();
        let (from, to) = days(&self.from, &self.to, &mut errors);
        for (field, _, _, choices, value) in self.chosen() {
            if !choices.iter().any(|(known, _)| *known == value) {
                let text = match field {
                    "kind" => "Choose a kind from the list",
                    _ => "Choose an outcome from the list",
                };
                errors.push(FieldError {
                    field,
                    text: text.to_owned(),
                });
            }
        }
        let query = TrailQuery {
            of: self.of.clone().unwrap_or_default(),
            who: self.who.clone(),
            what: self.what.clone(),
            subject: self.subject.clone(),
            kind: self.kind.clone(),
            locality: self.locality.clone(),
            address: self.address.clone(),
            outcome: self.outcome.clone(),
            from,
            to,
            why: self.why.clone(),
            before: before.parse().ok(),
        };
        (query, errors)
    }

    /// Name and value of each part of the search, for a form that asks for the same.
    fn parts(&self) -> [(&'static str, &str); 11] {
        [
            ("of", self.of.as_deref().unwrap_or_default()),
            ("who", &self.who),
            ("what", &self.what),
            ("subject", &self.subject),
            ("kind", &self.kind),
            ("locality", &self.locality),
            ("address", &self.address),
            ("outcome", &self.outcome),
            ("from", &self.from),
            ("to", &self.to),
            ("why", &self.why),
        ]
    }

    /// This search, of events before this one.
    fn address(&self, before: Option<u64>) -> String {
        let before = before.map(|before| before.to_string());
        let place = [("before", before.as_deref().unwrap_or(""))];
        let given: Vec<String> = place
            .into_iter()
            .chain(self.parts())
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        match given.as_slice() {
            [] => "/trail".to_owned(),
            given => format!("/trail?{}", given.join("&")),
        }
    }
}

/// How many events there are, in words.
fn total(found: &Rows<EventRow>) -> String {
    let count = shown::count(found.total, "event", "events");
    let count = if found.more {
        format!("More than {count}")
    } else {
        count
    };
    match found.behind {
        0 => count,
        behind => format!(
            "{count}. The search lags behind: {} not in it yet",
            shown::count(behind, "entry is", "entries are")
        ),
    }
}

fn table(rows: Vec<EventRow>) -> Table {
    let own: [Column; 2] = [
        ("What", |row| Cell::Name(row.what.clone())),
        ("Subjects", |row| Cell::Name(row.subjects.join(", "))),
    ];
    let nothing = "No event fits. Take a filter away and search again.";
    events("Events, newest first", own, rows, nothing)
}
