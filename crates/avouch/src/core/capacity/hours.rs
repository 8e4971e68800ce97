//! The hours of applications, from the trail: for their check, and as a report of a day.

use std::time::Duration;

use avouch_events::report::{Every, Period};
use avouch_events::{Action, Event, Outcome, Query, Row};
use avouch_evidence::BoxFuture;
use avouch_runtime::capacity::{Hours, Idle, Noted, Span, What, Whose, reckon};
use avouch_runtime::checks::{Asked, Book, Books, Came};
use avouch_runtime::protocol::Count;
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::turning::{PROCESS, REQUEST, need};
use crate::core::admission::OWN_PAGES;
use crate::core::state::Core;
use crate::fail::{Fail, chain};

/// The most entries that one search gives.
const PAGE: u16 = 1_000;
/// What the front says of a request that went on and was not answered; see `avouch_gateway::link::Outcome`.
const WENT_ON: [&str; 5] = ["client-gone", "unreachable", "broken", "slow", "bad-body"];

/// The applications of this core, for the check.
pub struct Ran(pub std::sync::Arc<Core>, pub Idle);

impl Books for Ran {
    fn books<'a>(&'a self, within: &'a Span) -> BoxFuture<'a, Result<Vec<Book>, String>> {
        Box::pin(async move {
            let mut books = Vec::new();
            for tenant in self.0.tenants.ids() {
                let noted = self.0.noted_of(&tenant, within).await?;
                let (asked, asked_since) = self.0.asked_of(&tenant, within).await?;
                books.push(Book {
                    name: tenant.to_string(),
                    spans: reckon(&noted, &self.1, within.end),
                    asked,
                    asked_since: Some(asked_since),
                });
            }
            Ok(books)
        })
    }

    fn count(&self, within: Duration) -> BoxFuture<'_, Result<Count, String>> {
        Box::pin(async move {
            let count = self.0.supervisor.count(within).await;
            count.map_err(|error| chain(&error))
        })
    }

    fn at_rest(&self) -> Vec<TenantId> {
        self.0.capacity.asleep()
    }
}

impl Core {
    /// For how long each application ran on a day, and for whom.
    ///
    /// # Errors
    /// If nothing is stated of it, that is no day, or the trail cannot be read.
    pub async fn hours_of(&self, day: Option<&str>) -> Result<Value, Fail> {
        let idle = self.capacity.idle.ok_or_else(|| {
            Fail::new("the statement does not say when applications are stopped")
                .help("add `idle-after` and `idle-share` to `[app]`")
        })?;
        let now = self.now();
        let day = match day {
            Some(day) => {
                Period::named(Every::Day, day).map_err(|error| Fail::new(error.to_string()))?
            }
            None => Period::of(Every::Day, now),
        };
        let (from, until) = day.bounds();
        let within = from..until.min(now).max(from);
        let mut rows = Vec::new();
        let mut all = Hours::default();
        for tenant in self.tenants.ids() {
            let noted = self.noted_of(&tenant, &within).await.map_err(Fail::new)?;
            let hours = reckon(&noted, &idle, within.end).hours(&within);
            all = all.and(hours);
            rows.push(row(tenant.as_str(), &hours));
        }
        rows.push(row("all", &all));
        Ok(json!({
            "day": day.to_string(), "complete": until <= now,
            "idle-after": idle.after.to_string(), "promised-share": idle.share, "rows": rows,
        }))
    }

    /// What the trail has of an application in this time, and how it stood before; oldest first.
    async fn noted_of(&self, tenant: &TenantId, within: &Span) -> Result<Vec<Noted>, String> {
        let mut rows = Vec::new();
        for words in [PROCESS, need(Whose::People), need(Whose::Own)] {
            let before = Query {
                words: Some(words.to_owned()),
                until: Some(within.start),
                limit: 5,
                ..about(tenant)
            };
            let found = self.index.search(&before).await;
            let newest = found.map_err(|error| chain(&error))?.rows.into_iter();
            let mut own = newest.filter(|row| row.event.object.starts_with(words));
            rows.extend(own.next());
        }
        let mut query = Query {
            words: Some("instance".to_owned()),
            from: Some(within.start),
            until: Some(within.end),
            limit: PAGE,
            ..about(tenant)
        };
        loop {
            let page = self.index.search(&query).await;
            let page = page.map_err(|error| chain(&error))?;
            rows.extend(page.rows);
            query.before = page.next;
            if query.before.is_none() {
                break;
            }
        }
        rows.sort_by_key(|row| row.index);
        Ok(rows.iter().filter_map(|row| noted(&row.event)).collect())
    }

    /// The newest requests of a tenant's people, and from when on they are all.
    async fn asked_of(
        &self,
        tenant: &TenantId,
        within: &Span,
    ) -> Result<(Vec<Asked>, Timestamp), String> {
        let query = Query {
            tenant: Some(Some(tenant.to_string())),
            from: Some(within.start),
            until: Some(within.end),
            without_checks: true,
            limit: PAGE,
            ..Query::default()
        };
        let page = self.index.search(&query).await;
        let page = page.map_err(|error| chain(&error))?;
        let oldest = page.rows.last().map(|row| row.event.at);
        let since = match page.next {
            Some(_) => oldest.unwrap_or(within.end),
            None => within.start,
        };
        Ok((page.rows.iter().filter_map(asked).collect(), since))
    }
}

/// A search of what the platform says of itself about this tenant.
fn about(tenant: &TenantId) -> Query {
    Query {
        tenant: Some(Some(tenant.to_string())),
        action: Some(Action::System.to_string()),
        ..Query::default()
    }
}

/// What an event says of an application; nothing, if it is about something else.
fn noted(event: &Event) -> Option<Noted> {
    let time = |name: &str| event.parameters.get(name)?.parse::<Timestamp>().ok();
    let at = event.at;
    if let Some(what) = event.object.strip_prefix(PROCESS) {
        let what = match what {
            " started" => What::Started {
                since: time("since")?,
            },
            " ended" => What::Ended {
                forced: event.outcome == Outcome::Failed
                    && event
                        .parameters
                        .get("told-to")
                        .is_some_and(|told| told == "true"),
            },
            " unseen" => What::Unseen {
                from: time("from")?,
            },
            _ => return None,
        };
        return Some(Noted { at, what });
    }
    [Whose::People, Whose::Own].into_iter().find_map(|whose| {
        match event.object.strip_prefix(need(whose))? {
            " began" => Some(Noted {
                at: time("since")?,
                what: What::Began {
                    whose,
                    request: event.reason == REQUEST,
                },
            }),
            " ended" => Some(Noted {
                at,
                what: What::Over {
                    whose,
                    last: time("last")?,
                },
            }),
            _ => None,
        }
    })
}

/// A request, and how far it came; nothing, if it is something else.
fn asked(row: &Row) -> Option<Asked> {
    let event = &row.event;
    let request = matches!(
        event.action,
        Action::Request | Action::RecordOpened | Action::RecordChanged
    );
    let (method, path) = event.object.split_once(' ')?;
    let own = method == "tunnel" || path.starts_with(OWN_PAGES);
    if !request || own || event.outcome == Outcome::Intended {
        return None;
    }
    let came = match event.reason.as_str() {
        "answered" => Came::Answered,
        reason if WENT_ON.contains(&reason) => Came::Through,
        _ => Came::Nowhere,
    };
    Some(Asked { at: event.at, came })
}

fn row(whose: &str, hours: &Hours) -> Value {
    let shown = |span: SignedDuration| format!("{:.2} h", span.as_secs_f64() / 3600.0);
    json!({
        "tenant": whose,
        "ran": shown(hours.ran),
        "people": shown(hours.people),
        "service": shown(hours.own),
        "idle": shown(hours.idle()),
        "idle-share": format!("{:.1}%", hours.idle_share()),
        "ran-seconds": hours.ran.as_secs(),
        "needed-seconds": (hours.people + hours.own).as_secs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_events::Actor;

    fn event(action: Action, object: &str, outcome: Outcome, reason: &str) -> Event {
        let at = "2026-01-05T12:00:00Z".parse().unwrap();
        Event::new(at, Actor::platform(), action, object, outcome).because(reason)
    }

    #[test]
    fn what_the_platform_notes_of_an_application_is_read_back_and_nothing_else_is() {
        let since: Timestamp = "2026-01-05T11:00:00Z".parse().unwrap();
        let system = |object: &str, outcome, reason: &str, time: &str| {
            let event = event(Action::System, object, outcome, reason);
            noted(&event.with(time, since.to_string()).with("told-to", "true")).map(|it| it.what)
        };
        let done = Outcome::Done;
        let people = "instance needed by people";
        for (object, outcome, reason, time, what) in [
            (
                "instance process started",
                done,
                "",
                "since",
                Some(What::Started { since }),
            ),
            (
                "instance process ended",
                done,
                "",
                "",
                Some(What::Ended { forced: false }),
            ),
            (
                "instance process ended",
                Outcome::Failed,
                "",
                "",
                Some(What::Ended { forced: true }),
            ),
            (
                "instance process unseen",
                done,
                "",
                "from",
                Some(What::Unseen { from: since }),
            ),
            (
                &format!("{people} began"),
                done,
                REQUEST,
                "since",
                Some(What::Began {
                    whose: Whose::People,
                    request: true,
                }),
            ),
            (
                "instance needed by the service ended",
                done,
                "",
                "last",
                Some(What::Over {
                    whose: Whose::Own,
                    last: since,
                }),
            ),
            ("instance process started", done, "", "", None),
            ("process hillside", Outcome::Failed, "", "", None),
        ] {
            assert_eq!(system(object, outcome, reason, time), what, "{object}");
        }
    }

    #[test]
    fn a_request_is_one_for_the_application_alone_and_has_come_so_far() {
        let came = |object: &str, outcome, reason: &str| {
            let event = event(Action::Request, object, outcome, reason);
            asked(&Row { index: 0, event }).map(|asked| asked.came)
        };
        let (done, failed) = (Outcome::Done, Outcome::Failed);
        assert_eq!(came("GET /", done, "answered"), Some(Came::Answered));
        assert_eq!(came("GET /", failed, "slow"), Some(Came::Through));
        assert_eq!(
            came("GET /", Outcome::Refused, "no session here"),
            Some(Came::Nowhere)
        );
        assert_eq!(came("POST /", Outcome::Intended, ""), None);
        assert_eq!(came("GET /.avouch/status", done, "answered"), None);
        assert_eq!(came("tunnel GET /live", done, "5 bytes up"), None);
    }
}
