//! Unusual access to records, for an organisation's own administrators.

use avouch_console::unusual::{AnswerRow, Looked, UnusualAccess, UnusualRow, UnusualView};
use avouch_console::{Actor, Answer, DeskError};
use avouch_events::{Action, Outcome};
use avouch_statement::TenantId;
use jiff::SignedDuration;

use super::asked::tenant_of;
use super::{Reception, asker, stopped};
use crate::core::reviews::{self, Kept};
use crate::core::state::Core;

/// One event lists so many records, and further ones the rest: an entry of the ledger has a largest size.
const SUBJECTS: usize = 256;

impl Reception {
    async fn unusual_of(&self, actor: &Actor) -> Result<UnusualView, DeskError> {
        let tenant = tenant_of(actor).ok_or(DeskError::Absent)?;
        let event = asker(actor)
            .event(Action::Search, "unusual access")
            .of(Some(&tenant));
        let event = self.of_the_trail(actor, event).await?;
        let read = async {
            let found = self.core.unusual_found(&tenant).await?;
            let kept = self.core.reviews_kept(&tenant).await?;
            Ok((found, kept.until))
        };
        let read: Result<_, crate::fail::Fail> = read.await;
        let (found, until) = self.told(event, read.map_err(stopped)).await?;
        let review = self.core.statement.audit.review.as_ref();
        Ok(UnusualView {
            rules: review.map_or_else(Vec::new, |review| review.rules.words()),
            at: review.map_or_else(String::new, |review| review.at.to_string()),
            within: review.map_or_else(String::new, |review| review.looked_at_within.to_string()),
            until,
            rows: found
                .into_iter()
                .map(|kept| row(&self.core, &tenant, kept))
                .collect(),
        })
    }

    async fn one_finding(
        &self,
        actor: &Actor,
        number: u64,
    ) -> Result<Option<UnusualRow>, DeskError> {
        let tenant = tenant_of(actor).ok_or(DeskError::Absent)?;
        let found = self.core.unusual_found(&tenant).await.map_err(stopped)?;
        let Some(kept) = found.into_iter().find(|kept| kept.number == number) else {
            return Ok(None);
        };
        let event = asker(actor)
            .event(Action::Search, format!("unusual access {number}"))
            .of(Some(&tenant));
        let event = self.of_the_trail(actor, event).await?;
        // Whoever reads about somebody is in that somebody's report, too.
        let subjects: Vec<String> = kept.found.subjects.iter().cloned().collect();
        for subjects in subjects.chunks(SUBJECTS) {
            let mut event = event.clone();
            event.subjects = subjects.to_vec();
            self.note_over(event, Outcome::Done, "").await?;
        }
        Ok(Some(row(&self.core, &tenant, kept)))
    }

    async fn looked_at(
        &self,
        actor: &Actor,
        number: u64,
        looked: Looked,
        because: &str,
    ) -> Result<(), DeskError> {
        let tenant = tenant_of(actor).ok_or(DeskError::Absent)?;
        let found = self.core.unusual_found(&tenant).await.map_err(stopped)?;
        let open = |kept: &Kept| kept.number == number && kept.answer.is_none();
        if !found.iter().any(open) {
            return Err(DeskError::Absent);
        }
        let looked = match looked {
            Looked::Explained => reviews::Looked::Explained,
            Looked::FollowUp => reviews::Looked::FollowUp,
        };
        let event = asker(actor)
            .event(Action::Administration, "")
            .of(Some(&tenant));
        let event = Core::looked_event(event, number, looked, because);
        let event = self.of_the_trail(actor, event).await?;
        let entry = self.core.record(event.clone()).await;
        let entry = entry.map_err(|error| DeskError::Unavailable {
            source: Box::new(error),
        })?;
        let kept = self.core.keep_answer(number, entry.index).await;
        let kept = match kept.map_err(stopped) {
            // Somebody else was quicker, and theirs counts.
            Ok(false) => Err(DeskError::Absent),
            kept => kept.map(|_| ()),
        };
        self.told(event, kept).await
    }
}

fn row(core: &Core, tenant: &TenantId, kept: Kept) -> UnusualRow {
    let review = core.statement.audit.review.as_ref();
    let within = review.map_or(SignedDuration::ZERO, |review| {
        review.looked_at_within.duration()
    });
    let due = kept.made + within;
    UnusualRow {
        number: kept.number,
        tenant: tenant.to_string(),
        what: kept.found.rule.words().to_owned(),
        person: kept.found.who,
        who: kept.found.name,
        unit: kept.found.unit,
        subjects: kept.found.subjects.into_iter().collect(),
        entries: kept.found.entries.into_iter().collect(),
        when: kept.found.first..=kept.found.last,
        due,
        late: kept.answer.is_none() && due < core.now(),
        answer: kept.answer.map(|answer| AnswerRow {
            at: answer.at,
            who: answer.who,
            looked: match answer.looked {
                reviews::Looked::Explained => Looked::Explained,
                reviews::Looked::FollowUp => Looked::FollowUp,
            },
            because: answer.because,
        }),
    }
}

impl UnusualAccess for Reception {
    fn unusual<'a>(&'a self, actor: &'a Actor) -> Answer<'a, UnusualView> {
        Box::pin(self.unusual_of(actor))
    }

    fn finding<'a>(&'a self, actor: &'a Actor, number: u64) -> Answer<'a, Option<UnusualRow>> {
        Box::pin(self.one_finding(actor, number))
    }

    fn look<'a>(
        &'a self,
        actor: &'a Actor,
        number: u64,
        looked: Looked,
        because: &'a str,
    ) -> Answer<'a, ()> {
        Box::pin(self.looked_at(actor, number, looked, because))
    }
}
