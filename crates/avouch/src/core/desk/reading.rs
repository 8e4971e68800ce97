//! What administrators read of the trail: searches, events with their proofs, one subject's report.

use avouch_console::views::{
    self, Download, EventRow, Proofs, ProofsAsk, SubjectAnswer, SubjectAsk, SubjectForm,
    SubjectReport,
};
use avouch_console::{Actor, DeskError, Scope};
use avouch_events::{Action, Event, Outcome, Query, Row, Staff, SubjectError};
use avouch_statement::TenantId;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::sharing::Reach;
use super::{Reception, asker, failed, stopped};
use crate::core::disclosure::{Disclosure, Form};
use crate::core::trails::{MOST, Taken};

/// Rows on one page of the trail.
const PAGE: u16 = 50;

impl Reception {
    pub(super) async fn trail_for(
        &self,
        actor: &Actor,
        asked: &views::TrailQuery,
    ) -> Result<views::Page<EventRow>, DeskError> {
        let Some(reach) = self.reach(actor, &asked.of).await? else {
            return Ok(views::Page {
                rows: Vec::new(),
                total: 0,
                more: false,
                next: None,
                behind: 0,
            });
        };
        let event = reads(actor, Action::Search, "audit trail", reach.tenant());
        let mut event = searching(event, asked);
        if !asked.why.is_empty() {
            event = event.with("because", &asked.why);
        } else if self.core.statement.audit.because_required {
            self.note_over(event, Outcome::Refused, "nobody said why")
                .await?;
            return Err(DeskError::ReasonWanted);
        }
        let event = self.permitted(&reach, event).await?;
        let query = Query {
            before: asked.before,
            limit: PAGE,
            ..query(asked, &reach)
        };
        let found = self.core.index.search(&query).await.map_err(failed);
        let found = self.told(event, found).await?;
        Ok(views::Page {
            total: found.total,
            more: found.more_than_counted,
            next: found.next,
            behind: found.size.saturating_sub(found.indexed),
            rows: found.rows.into_iter().map(shown_row).collect(),
        })
    }

    pub(super) async fn proofs_for(
        &self,
        actor: &Actor,
        asked: &ProofsAsk,
    ) -> Result<Proofs, DeskError> {
        let Some(reach) = self.reach(actor, &asked.query.of).await? else {
            return Ok(Proofs::Nothing);
        };
        let tenant = reach.tenant().cloned();
        let what = "audit trail with proofs";
        let event =
            reads(actor, Action::Export, what, tenant.as_ref()).with("because", &asked.because);
        let event = self
            .permitted(&reach, searching(event, &asked.query))
            .await?;
        let told = parts(&asked.query)
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let taken = self
            .core
            .trail_with_proofs(query(&asked.query, &reach), told, tenant.clone())
            .await
            .map_err(stopped);
        Ok(match self.told(event, taken).await? {
            Taken::TooMany => Proofs::TooMany(MOST),
            Taken::Nothing => Proofs::Nothing,
            Taken::File(text, _) => {
                let whose = tenant.map(|tenant| tenant.to_string());
                let name = format!("{}.avouch-trail", whose.as_deref().unwrap_or("all"));
                Proofs::File(
                    whose,
                    Download {
                        name,
                        content_type: "application/octet-stream",
                        bytes: text.into_bytes(),
                    },
                )
            }
        })
    }

    pub(super) async fn subject_for(
        &self,
        actor: &Actor,
        asked: &SubjectAsk,
    ) -> Result<SubjectAnswer, DeskError> {
        let reach = self
            .reach(actor, &asked.of)
            .await?
            .ok_or(DeskError::Absent)?;
        let tenant = reach.tenant().cloned();
        let subject = match avouch_events::subject(&asked.subject) {
            Ok(subject) => subject,
            Err(SubjectError::CheckDigit) if asked.as_is => asked.subject.trim().to_owned(),
            Err(SubjectError::CheckDigit) => {
                return Ok(SubjectAnswer::Unclear(
                    "This is not an NHS number, because its last digit does not fit: look for a typing mistake, or say that it is another kind of number".to_owned(),
                ));
            }
            Err(SubjectError::Empty) => {
                return Ok(SubjectAnswer::Unclear(
                    "Enter an NHS number or a record".to_owned(),
                ));
            }
        };
        let form = match asked.form {
            SubjectForm::Page => None,
            SubjectForm::Csv => Some(Form::Csv),
            SubjectForm::Fhir => Some(Form::Fhir),
            SubjectForm::Pdf => Some(Form::Pdf),
        };
        let action = if form.is_some() {
            Action::Export
        } else {
            Action::Search
        };
        let mut event =
            reads(actor, action, "audit subject", tenant.as_ref()).with("because", &asked.because);
        event.behalf.clone_from(&asked.behalf);
        // Whoever reads about somebody is in that somebody's report, too.
        event.subjects = vec![subject.clone()];
        let event = self.permitted(&reach, event).await?;
        let query = Query {
            subject: Some(subject.clone()),
            tenant: reach.bound(),
            from: asked.from.and_then(midnight),
            until: after(asked.to),
            ..Query::default()
        };
        let tenant = tenant.map(|tenant| tenant.to_string());
        let read = async {
            let report = Disclosure::of(&self.core, query, &subject, &event.correlation).await?;
            let file = form
                .map(|form| {
                    let bytes = report.written(form, &self.core, tenant.as_deref())?;
                    Ok(download(form, bytes))
                })
                .transpose()?;
            Ok((report, file))
        };
        let read = read.await.map_err(stopped);
        let (report, file) = self.told(event, read).await?;
        Ok(SubjectAnswer::Report(SubjectReport {
            subject,
            made: report.made,
            by_role: report.staff == Staff::RoleOnly,
            rows: report.rows.into_iter().map(shown_row).collect(),
            file,
            tenant,
        }))
    }
}

/// The event of reading evidence.
fn reads(actor: &Actor, action: Action, what: &str, tenant: Option<&TenantId>) -> Event {
    asker(actor).event(action, what).of(tenant)
}

/// Whose events the actor may read: a tenant's, or everybody's (`Some(None)`); `None` for nobody's.
pub(super) fn whose(actor: &Actor) -> Result<Option<Option<TenantId>>, DeskError> {
    Ok(match actor.scope() {
        Scope::Everything => Some(None),
        Scope::Tenant(tenant) => Some(Some(tenant.parse().map_err(|_| DeskError::Absent)?)),
        Scope::Nothing => None,
    })
}

/// What is looked for, by the names of the search.
fn parts(asked: &views::TrailQuery) -> impl Iterator<Item = (&'static str, String)> {
    let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
    [
        ("organisation", asked.of.clone()),
        ("who", asked.who.clone()),
        ("what", asked.what.clone()),
        ("subject", asked.subject.clone()),
        ("kind", asked.kind.clone()),
        ("locality", asked.locality.clone()),
        ("address", asked.address.clone()),
        ("outcome", asked.outcome.clone()),
        ("from", day(asked.from)),
        ("to", day(asked.to)),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
}

fn searching(event: Event, asked: &views::TrailQuery) -> Event {
    parts(asked).fold(event, |event, (name, value)| event.with(name, value))
}

fn query(asked: &views::TrailQuery, reach: &Reach) -> Query {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Query {
        tenant: reach.bound(),
        who: given(&asked.who),
        words: given(&asked.what),
        subject: given(&asked.subject),
        action: given(&asked.kind),
        locality: given(&asked.locality),
        source: given(&asked.address),
        outcome: given(&asked.outcome).map(|word| match word.as_str() {
            "allowed" => "done".to_owned(),
            _ => word,
        }),
        from: asked.from.and_then(midnight),
        until: after(asked.to),
        ..Query::default()
    }
}

/// The first instant of a day in the UK.
fn midnight(day: Date) -> Option<jiff::Timestamp> {
    day.in_tz("Europe/London")
        .or_else(|_| day.to_zoned(TimeZone::UTC))
        .map(|start| start.timestamp())
        .ok()
}

/// The first instant after a day.
pub(super) fn after(day: Option<Date>) -> Option<jiff::Timestamp> {
    day?.tomorrow().ok().and_then(midnight)
}

fn outcome(row: &Row) -> String {
    match row.event.status {
        Some(status) => format!("{} ({status})", row.event.outcome),
        None => row.event.outcome.to_string(),
    }
}

fn shown_row(row: Row) -> EventRow {
    EventRow {
        outcome: outcome(&row),
        at: row.event.at,
        who: row.event.who.name,
        role: row.event.who.role.to_string(),
        what: format!("{}: {}", row.event.action, row.event.object),
        subjects: row.event.subjects,
        tenant: row.event.tenant.map(|tenant| tenant.to_string()),
        source: row.event.source,
        index: row.index,
    }
}

/// The subject is not in the file's name: names of files are seen by more people than their contents.
fn download(form: Form, bytes: Vec<u8>) -> Download {
    let (name, content_type) = match form {
        Form::Csv => (
            "record-access.csv",
            "text/csv; charset=utf-8; header=present",
        ),
        Form::Fhir => ("record-access.ndjson", "application/fhir+ndjson"),
        Form::Pdf => ("record-access.pdf", "application/pdf"),
    };
    Download {
        name: name.to_owned(),
        content_type,
        bytes,
    }
}

#[cfg(test)]
mod tests {
    use avouch_console::views::KINDS;
    use avouch_events::Action;

    #[test]
    fn the_console_offers_every_kind_of_event_in_the_catalogue() {
        let offered: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
        assert_eq!(offered, Action::ALL.map(|action| action.to_string()));
    }
}
