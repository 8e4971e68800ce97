//! Judges `evidence.overview`: what a stranger downloads, as a page and as a document, is what the checks found.

use std::collections::BTreeMap;
use std::sync::Arc;

use avouch_evidence::{Ask, Audience, BoxFuture, Check, ClaimId, Ctx, Seen};
use jiff::{SignedDuration, Timestamp};

use crate::core::state::Core;
use crate::document::{ClaimReport, Report};
use crate::fail::chain;

/// The claim.
const CLAIM: &str = "evidence.overview";
/// A download that is dated so far from now is not of now.
const LATELY: SignedDuration = SignedDuration::from_mins(1);
/// Where the page begins to tell of a claim.
const CARD: &str = "<div class=\"nhsuk-card\" id=\"";
/// What the page calls each status.
const TAGS: [(&str, &str); 3] = [
    ("held", "Held"),
    ("broken", "Broken"),
    ("unproven", "Unproven"),
];

/// Downloads the overview as a stranger.
pub struct Overview(pub Arc<Core>);

/// What was downloaded.
struct Downloaded {
    page: String,
    document: Result<Report, String>,
}

impl Check for Overview {
    fn name(&self) -> &str {
        "overview"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![ClaimId::new(CLAIM)]
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let claim = ClaimId::new(CLAIM);
            let judged = match observe(ctx).await {
                Ok(seen) => judge(&seen, &self.0.report(), &ctx.statement, (ctx.clock)()),
                Err(why) => Err(format!(
                    "A stranger could not download the overview: {why}."
                )),
            };
            vec![match judged {
                Ok(seen) => Seen::held(&claim, seen).for_audience(Audience::Public),
                Err(why) => Seen::broken(&claim, why),
            }]
        })
    }
}

async fn observe(ctx: &Ctx) -> Result<Downloaded, String> {
    let [page, document] = [
        ctx.gateway.send("", Ask::get("/")).await,
        ctx.gateway.send("", Ask::get("/statement.json")).await,
    ];
    let page = page.map_err(|error| chain(&error))?;
    if !page.status.is_success() {
        return Err(format!("the page was answered with {}", page.status));
    }
    let document = document.map_err(|error| chain(&error))?;
    Ok(Downloaded {
        page: page.text(),
        document: serde_json::from_slice(&document.body).map_err(|error| error.to_string()),
    })
}

/// What was seen, or in what it differs from what is known.
fn judge(
    seen: &Downloaded,
    known: &Report,
    statement: &str,
    now: Timestamp,
) -> Result<String, String> {
    let document = seen
        .document
        .as_ref()
        .map_err(|why| format!("The downloaded overview cannot be read: {why}."))?;
    if document.statement != statement || !seen.page.contains(statement) {
        return Err(
            "The downloaded overview is of another statement than the one in force.".to_owned(),
        );
    }
    if now.duration_since(document.at).abs() > LATELY {
        return Err(format!(
            "The overview that was downloaded at {now} is dated {}.",
            document.at
        ));
    }
    let told = |claim: &ClaimReport| {
        let (id, text, status) = (claim.id.clone(), claim.text.clone(), claim.status.clone());
        (id, (text, status))
    };
    let found: Told = known.claims.iter().map(told).collect();
    differs(
        "document",
        &found,
        &document.claims.iter().map(told).collect(),
    )?;
    differs("page", &found, &cards(&seen.page)?)?;
    for (status, tag) in TAGS {
        let (found, shown) = (known.count(status), total(&seen.page, tag));
        if shown != Some(found) {
            return Err(format!(
                "The downloaded page does not count {found} promises as {status}."
            ));
        }
    }
    Ok(format!(
        "Downloaded as a stranger: {} claims, on the page and in the document, each with the words of the statement and the \
         status that the checks found, dated {}, of statement {}.",
        known.claims.len(),
        document.at,
        statement.get(..12).unwrap_or_default()
    ))
}

/// Each claim's words and status, by its id.
type Told = BTreeMap<String, (String, String)>;

fn differs(what: &str, found: &Told, told: &Told) -> Result<(), String> {
    let ids = found.keys().chain(told.keys());
    let mut differing: Vec<&str> = ids
        .filter(|id| found.get(*id) != told.get(*id))
        .map(String::as_str)
        .collect();
    differing.sort_unstable();
    differing.dedup();
    match differing.as_slice() {
        [] => Ok(()),
        _ => Err(format!(
            "The downloaded {what} differs from what the checks found on {}.",
            differing.join(", ")
        )),
    }
}

/// What the page shows of each claim; or why that cannot be said.
fn cards(page: &str) -> Result<Told, String> {
    let mut cards = Told::new();
    for card in page.split(CARD).skip(1) {
        let id = card.split('"').next().unwrap_or_default();
        let tags: Vec<&str> = card
            .split("<strong class=\"nhsuk-tag")
            .skip(1)
            .filter_map(inner)
            .collect();
        let status = TAGS.iter().find(|(_, tag)| tags == [*tag]);
        let words = card.split("<h3").nth(1).and_then(inner);
        let (Some((status, _)), Some(words)) = (status, words) else {
            return Err(format!(
                "The downloaded page shows no status of {id} that could be read."
            ));
        };
        let told = (plain(words), (*status).to_owned());
        if cards.insert(id.to_owned(), told).is_some() {
            return Err(format!("The downloaded page shows {id} twice."));
        }
    }
    Ok(cards)
}

/// How many promises the page counts under a tag, before it shows the first.
fn total(page: &str, tag: &str) -> Option<usize> {
    let head = page.split(CARD).next()?;
    let after = head.split(&format!(">{tag}</strong>")).nth(1)?;
    let count = after.split("<dd").nth(1)?.split('>').nth(1)?;
    count.split(':').next()?.trim().parse().ok()
}

/// What stands in an element, of which the beginning of the first tag is left out.
fn inner(element: &str) -> Option<&str> {
    element.split('>').nth(1)?.split('<').next()
}

/// Text as it was before it was written as HTML.
fn plain(text: &str) -> String {
    [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
    ]
    .iter()
    .fold(text.trim().to_owned(), |text, (written, sign)| {
        text.replace(written, sign)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-03-02T12:00:00Z";
    const STATEMENT: &str = "0123456789abcdef";

    fn report(statement: &str) -> Report {
        let claims = [("a.b", "held"), ("a.c", "broken")].map(|(id, status)| {
            serde_json::json!({
                "id": id, "text": "It’s \"so\" & <so>.", "assurance": "enforced", "status": status, "why": "",
                "limits": "", "checks": [],
            })
        });
        serde_json::from_value(serde_json::json!({
            "statement": statement, "at": NOW, "service": "Acuity", "supplier": "Us", "claims": claims,
        }))
        .unwrap()
    }

    /// The page as it is shown, in what is read of it.
    fn page() -> String {
        let card = |id: &str, tag: &str| {
            format!(
                "<div class=\"nhsuk-card\" id=\"{id}\">\n<h3 class=\"s\">It’s &#34;so&#34; &#38; &#60;so&#62;.</h3>\n\
                 <p><strong class=\"nhsuk-tag nhsuk-tag--green\">{tag}</strong></p></div>"
            )
        };
        let counts = [("Held", 1), ("Broken", 1), ("Unproven", 0)].map(|(tag, count)| {
            format!(
                "<dt><strong class=\"nhsuk-tag\">{tag}</strong></dt><dd class=\"v\">{count}: so</dd>"
            )
        });
        format!(
            "{}{}{}{STATEMENT}",
            counts.concat(),
            card("a.b", "Held"),
            card("a.c", "Broken")
        )
    }

    #[track_caller]
    fn check(page: &str, document: impl FnOnce(&mut Report), expected: Result<&str, &str>) {
        let mut downloaded = report(STATEMENT);
        document(&mut downloaded);
        let seen = Downloaded {
            page: page.to_owned(),
            document: Ok(downloaded),
        };
        let judged = judge(&seen, &report(STATEMENT), STATEMENT, NOW.parse().unwrap());
        match (&judged, expected) {
            (Ok(said), Ok(words)) | (Err(said), Err(words)) => {
                assert!(said.contains(words), "{said}");
            }
            _ => panic!("{judged:?}"),
        }
    }

    #[test]
    fn a_document_of_another_day_or_statement_or_status_is_not_the_one_of_now() {
        let page = page();
        check(&page, |_| {}, Ok("2 claims"));
        check(
            &page,
            |document| document.at -= SignedDuration::from_mins(2),
            Err("is dated 2026-03-02T11:58:00Z"),
        );
        check(
            &page,
            |document| "s2".clone_into(&mut document.statement),
            Err("another statement"),
        );
        check(
            &page,
            |document| "held".clone_into(&mut document.claims[1].status),
            Err("document differs from what the checks found on a.c"),
        );
        check(
            &page,
            |document| drop(document.claims.pop()),
            Err("document differs from what the checks found on a.c"),
        );
    }

    #[test]
    fn a_page_that_says_otherwise_of_one_claim_is_not_what_the_checks_found() {
        let page = page();
        let (first, rest) = page.split_at(page.find("a.c").unwrap());
        let told = |text: String, says| check(&text, |_| {}, Err(says));
        told(
            format!("{first}{}", rest.replace(">Broken<", ">Held<")),
            "page differs from what the checks found on a.c",
        );
        told(
            format!("{first}{}", rest.replace(">Broken<", ">Fine<")),
            "no status of a.c that could be read",
        );
        told(
            page.replace("id=\"a.c\"", "id=\"a.d\""),
            "page differs from what the checks found on a.c, a.d",
        );
        told(page.replace("id=\"a.c\"", "id=\"a.b\""), "shows a.b twice");
        told(
            page.replacen("&#34;so&#34;", "never so", 1),
            "page differs from what the checks found on a.b",
        );
        told(
            page.replace(">0: so", ">7: so"),
            "does not count 0 promises as unproven",
        );
        told(page.replace(STATEMENT, ""), "another statement");
    }
}
