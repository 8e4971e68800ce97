//! The public page: what the service promises, and whether it is true now.

use askama::Template;
use axum::response::IntoResponse as _;
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::{Answer, Problem};
use crate::ask::Ask;
use crate::callers::{Caller, Visitor};
use crate::desk::views::{
    Assurance, ClaimView, Counts, Coverage, CoverageView, DocumentFormat, StatementView, Verdict,
};
use crate::html::{Cell, Fact, Frame, Listing, Table, Tag, render};
use crate::shown;

#[derive(Template)]
#[template(path = "statement.html")]
struct Page {
    frame: Frame,
    view: StatementView,
    counts: Counts,
    document_digest: String,
}

impl Page {
    fn in_force_since(&self) -> String {
        shown::minute(self.view.in_force_since)
    }
}

/// Every claim, with its status and how it was tried.
pub async fn page(_: Visitor, ask: Ask) -> Answer {
    let view = ask.desk().statement().await?;
    let document = ask.desk().statement_document(DocumentFormat::Json).await?;
    let page = Page {
        frame: ask.frame(
            "What we promise, and whether it is true now",
            &Caller::Unknown,
        ),
        counts: count(&view),
        view,
        document_digest: hex::encode(Sha256::digest(&document)),
    };
    render(&page, StatusCode::OK)
}

/// The statement for programs.
pub async fn json(_: Visitor, ask: Ask) -> Answer {
    document(&ask, DocumentFormat::Json, "application/json").await
}

/// The statement as a document to keep.
pub async fn markdown(_: Visitor, ask: Ask) -> Answer {
    document(
        &ask,
        DocumentFormat::Markdown,
        "text/markdown; charset=utf-8",
    )
    .await
}

/// One requirement set, answered.
pub async fn coverage(_: Visitor, ask: Ask) -> Answer {
    let view = ask.desk().coverage(ask.param("set")).await?;
    let view = view.ok_or(Problem::Absent)?;
    let frame = ask.frame(&view.title, &Caller::Unknown);
    let mut page = Listing::new(
        frame,
        "Each requirement is worked out from the claims that answer it, with the figures it needs.",
    );
    page.facts = coverage_facts(&view);
    page.tables = vec![Table {
        caption: "Requirements",
        headings: vec!["Requirement", "What is asked", "Status", "Claims"],
        rows: view
            .requirements
            .iter()
            .map(|row| {
                vec![
                    Cell::Name(row.id.clone()),
                    Cell::text(&row.text),
                    Cell::Tag(row.status.into()),
                    match row.claims.join(", ") {
                        none if none.is_empty() => Cell::text("None"),
                        claims => Cell::Name(claims),
                    },
                ]
            })
            .collect(),
        nothing: "This set has no requirements.",
    }];
    render(&page, StatusCode::OK)
}

fn coverage_facts(view: &CoverageView) -> Vec<Fact> {
    [
        ("Met", Coverage::Met),
        ("Broken", Coverage::Broken),
        ("Unproven", Coverage::Unproven),
        ("Part", Coverage::Part),
        ("Gap", Coverage::Gap),
    ]
    .into_iter()
    .map(|(name, wanted)| {
        let number = view
            .requirements
            .iter()
            .filter(|row| row.status == wanted)
            .count();
        Fact {
            name,
            value: Cell::text(format!("{number} of {}", view.requirements.len())),
        }
    })
    .collect()
}

async fn document(ask: &Ask, format: DocumentFormat, media: &'static str) -> Answer {
    let bytes = ask.desk().statement_document(format).await?;
    let media = HeaderValue::from_static(media);
    Ok(([(header::CONTENT_TYPE, media)], bytes).into_response())
}

fn count(view: &StatementView) -> Counts {
    let mut counts = Counts::default();
    for claim in view.sections.iter().flat_map(|section| &section.claims) {
        let place = match claim.status {
            Verdict::Held => &mut counts.held,
            Verdict::Broken => &mut counts.broken,
            Verdict::Unproven => &mut counts.unproven,
        };
        *place = place.saturating_add(1);
    }
    counts
}

impl ClaimView {
    fn tag(&self) -> Tag {
        self.status.into()
    }

    fn assured(&self) -> &'static str {
        match self.assurance {
            Assurance::Enforced => "Enforced: the platform keeps it true",
            Assurance::Inherited => "Inherited: a provider keeps it true",
            Assurance::Attested => "Attested: a named person has signed for it",
        }
    }

    fn tried_at(&self) -> String {
        self.last_tried.map_or_else(
            || "Not tried yet".to_owned(),
            |at| format!("Last tried {}", shown::minute(at)),
        )
    }
}
