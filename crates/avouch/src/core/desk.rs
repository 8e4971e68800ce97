//! The console's questions, answered: public pages and sign-in here, administration in `desk/`.

mod administration;
mod asked;
mod evidence;
mod moments;
mod reading;
mod reports;
mod second_factor;
mod second_person;
mod sharing;
mod shown;
mod sign_in;
mod status;
mod support;
mod timing;
mod unusual;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use avouch_access::{AccessError, Session, TokenDigest};
use avouch_console::views::{
    self, CoverageView, DocumentFormat, Entry, Exchange, LogResource, SignInAttempt, SignInOutcome,
    StatementView,
};
use avouch_console::{
    Answer, Desk, DeskError, Moment, Refusal, Secret, Service, SessionDigest, Target,
};
use avouch_events::{Action, Actor, Event, Outcome};
use avouch_statement::cover;

use self::asked::{asker, tenant_of, visitor};
pub use self::sharing::SYNTHETIC;
use super::admission::{actor, session_mark};
use super::asker::Asker;
use super::state::Core;
use super::strangers::Sort;
use crate::fail::Fail;
use crate::requirements;

/// Answers the console for this core.
pub struct Reception {
    core: Arc<Core>,
    /// Requests so far.
    asked: AtomicU64,
    /// What browsers said of late.
    timings: timing::Lately,
    going: moments::Going,
}

/// What every page says about the service.
pub fn service(core: &Core) -> Service {
    Service {
        name: core.statement.service.name.clone(),
        supplier: core.statement.service.supplier.clone(),
        support_email: core.statement.service.support.clone(),
        domain: core.statement.gateway.domain.clone(),
        status_page: core.statement.status.is_some(),
        port: core.statement.gateway.port(),
    }
}

impl Reception {
    /// For this core.
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            asked: AtomicU64::new(0),
            timings: timing::Lately::default(),
            going: moments::Going::default(),
        }
    }

    /// Records what somebody does, before it takes effect. If it cannot be written down, it is not done.
    async fn note(&self, event: Event) -> Result<(), DeskError> {
        match self.core.record(event).await {
            Ok(_) => Ok(()),
            Err(error) => Err(DeskError::Unavailable {
                source: Box::new(error),
            }),
        }
    }

    /// A target's host, without its port.
    fn host(&self, target: &Target) -> String {
        format!("{}.{}", target.label(), self.core.statement.gateway.domain)
    }

    /// The session that this was; `None` if an act ended it.
    async fn was(&self, session: SessionDigest) -> Result<Option<Session>, DeskError> {
        let digest = TokenDigest(session.0);
        let was = self.core.access.was(&digest, self.core.now()).await;
        was.map_err(unable)
    }

    async fn session_of(
        &self,
        digest: SessionDigest,
        host: &str,
    ) -> Result<Option<Session>, DeskError> {
        self.core
            .access
            .resolve(&TokenDigest(digest.0), host, self.core.now())
            .await
            .map_err(unable)
    }
}

impl Desk for Reception {
    fn statement(&self) -> Answer<'_, StatementView> {
        Box::pin(async move { Ok(shown::statement(&self.core)) })
    }

    fn statement_document(&self, format: DocumentFormat) -> Answer<'_, Vec<u8>> {
        Box::pin(async move {
            let report = self.core.report().public(&self.core.statement.claims);
            Ok(match format {
                DocumentFormat::Json => serde_json::to_vec(&report).map_err(failed)?,
                DocumentFormat::Markdown => report.markdown().into_bytes(),
            })
        })
    }

    fn log<'a>(&'a self, path: &'a str) -> Answer<'a, Option<LogResource>> {
        Box::pin(async move {
            let (reader, path) = (self.core.reader.clone(), path.to_owned());
            let found = tokio::task::spawn_blocking(move || reader.resource(&path))
                .await
                .map_err(failed)?
                .map_err(failed)?;
            Ok(found.map(|found| LogResource {
                bytes: found.bytes,
                content_type: found.content_type,
                cache_control: found.cache_control,
            }))
        })
    }

    fn coverage<'a>(&'a self, set: &'a str) -> Answer<'a, Option<CoverageView>> {
        Box::pin(async move {
            let Ok(set) = requirements::named(set) else {
                return Ok(None);
            };
            Ok(Some(shown::coverage(&self.core.coverage(&set))))
        })
    }

    fn jwks(&self) -> Answer<'_, String> {
        Box::pin(async move { Ok(self.core.jwks()) })
    }

    fn sign_in(&self, attempt: SignInAttempt) -> Answer<'_, SignInOutcome> {
        Box::pin(self.try_sign_in(attempt))
    }

    fn code(&self, exchange: Exchange) -> Answer<'_, Option<Secret>> {
        Box::pin(self.exchange(exchange))
    }

    fn enter(&self, entry: Entry) -> Answer<'_, Option<Secret>> {
        Box::pin(self.admit_to(entry))
    }

    fn leave<'a>(&'a self, actor: &'a avouch_console::Actor, host: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let Some(session) = self.session_of(actor.session, host).await? else {
                return Ok(());
            };
            let what = format!("sign out everywhere, at {host}");
            let event = asker(actor)
                .event(Action::SignOut, what)
                .of(session.person.tenant.as_ref());
            self.note(event.clone()).await?;
            let left = self.core.access.sign_out(&session).await.map_err(unable);
            self.told(event, left).await
        })
    }

    fn moment(&self) -> Moment {
        let since = self.core.now();
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        Moment {
            since,
            correlation: format!("console-{}-{number}", since.as_microsecond()),
        }
    }

    fn session<'a>(
        &'a self,
        digest: SessionDigest,
        host: &'a str,
    ) -> Answer<'a, Option<avouch_console::Session>> {
        Box::pin(async move {
            let session = self.session_of(digest, host).await?;
            Ok(session.map(|session| avouch_console::Session {
                person: shown::person(&session.person),
                tag: session_mark(&session),
            }))
        })
    }

    fn refused(&self, refusal: Refusal) -> Answer<'_, ()> {
        Box::pin(async move {
            let was = match (&refusal.actor, refusal.session) {
                (None, Some(session)) => self.was(session).await?,
                _ => None,
            };
            let (asker, tenant) = match (&refusal.actor, was) {
                (Some(actor), _) => (asker(actor), tenant_of(actor)),
                (None, Some(was)) => {
                    let known = visitor(actor(&was.person), &refusal.client, &refusal.moment);
                    let session = session_mark(&was);
                    (Asker { session, ..known }, was.person.tenant)
                }
                (None, None) => {
                    let nobody = visitor(Actor::nobody(), &refusal.client, &refusal.moment);
                    (nobody, None)
                }
            };
            let what = format!("{} {}{}", refusal.method, refusal.host, refusal.path);
            let event = asker
                .event(Action::Request, what)
                .of(tenant.as_ref())
                .with("host", &refusal.host)
                .with("path", refusal.path)
                .ended(self.core.now(), Outcome::Refused, refusal.reason);
            match refusal.actor {
                Some(_) => self.note(event).await,
                None => self.note_stranger(Sort::Request, event).await,
            }
        })
    }

    fn overview<'a>(&'a self, actor: &'a avouch_console::Actor) -> Answer<'a, views::Overview> {
        Box::pin(self.overview_for(actor))
    }

    fn people<'a>(&'a self, actor: &'a avouch_console::Actor) -> Answer<'a, Vec<views::PersonRow>> {
        Box::pin(self.people_for(actor))
    }

    fn person<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        id: &'a str,
    ) -> Answer<'a, Option<views::PersonRow>> {
        Box::pin(async move {
            Ok(self
                .people_for(actor)
                .await?
                .into_iter()
                .find(|person| person.id == id))
        })
    }

    fn add_person<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        person: views::NewPerson,
    ) -> Answer<'a, Secret> {
        Box::pin(self.add(actor, person))
    }

    fn disable<'a>(&'a self, actor: &'a avouch_console::Actor, id: &'a str) -> Answer<'a, ()> {
        Box::pin(self.close_account(actor, id))
    }

    fn set_locality<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        id: &'a str,
        locality: &'a str,
    ) -> Answer<'a, ()> {
        Box::pin(self.place(actor, id, locality))
    }

    fn reset_password<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        id: &'a str,
    ) -> Answer<'a, Secret> {
        Box::pin(self.reset(actor, id))
    }

    fn support<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        asked: &'a views::FaultsAsk,
    ) -> Answer<'a, views::SupportView> {
        Box::pin(self.support_for(actor, asked))
    }

    fn fault<'a>(
        &'a self,
        _: &'a avouch_console::Actor,
        number: u64,
    ) -> Answer<'a, Option<views::FaultRow>> {
        Box::pin(self.one_fault(number))
    }

    fn report_fault<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        words: &'a str,
    ) -> Answer<'a, views::Filed> {
        Box::pin(self.file_fault(actor, words))
    }

    fn tenants<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
    ) -> Answer<'a, Vec<views::TenantRow>> {
        Box::pin(self.tenants_for(actor))
    }

    fn timed(&self) -> Vec<String> {
        self.core.timed_in_browsers().collect()
    }

    fn timing<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        timing: views::Timing,
    ) -> Answer<'a, views::Timed> {
        Box::pin(self.keep_timing(actor, timing))
    }

    fn trail<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        query: &'a views::TrailQuery,
    ) -> Answer<'a, views::Page<views::EventRow>> {
        Box::pin(self.trail_for(actor, query))
    }

    fn proofs<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        asked: &'a views::ProofsAsk,
    ) -> Answer<'a, views::Proofs> {
        Box::pin(self.proofs_for(actor, asked))
    }

    fn subject<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        asked: &'a views::SubjectAsk,
    ) -> Answer<'a, views::SubjectAnswer> {
        Box::pin(self.subject_for(actor, asked))
    }

    fn backups<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
    ) -> Answer<'a, Vec<views::BackupRow>> {
        Box::pin(self.backups_for(actor))
    }

    fn room<'a>(&'a self, _: &'a avouch_console::Actor) -> Answer<'a, Vec<views::RoomRow>> {
        Box::pin(self.room_left())
    }

    fn run_backup<'a>(&'a self, actor: &'a avouch_console::Actor) -> Answer<'a, ()> {
        Box::pin(self.start_backup(actor))
    }

    fn drills<'a>(&'a self, actor: &'a avouch_console::Actor) -> Answer<'a, Vec<views::DrillRow>> {
        Box::pin(async move {
            Ok(self
                .drills_for(actor)
                .await?
                .into_iter()
                .map(|view| view.drill)
                .collect())
        })
    }

    fn start_drill<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        tenant: &'a str,
    ) -> Answer<'a, String> {
        Box::pin(self.begin_drill(actor, tenant))
    }

    fn drill<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        id: &'a str,
    ) -> Answer<'a, Option<views::DrillView>> {
        Box::pin(async move {
            Ok(self
                .drills_for(actor)
                .await?
                .into_iter()
                .find(|view| view.drill.id == id))
        })
    }

    fn findings<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
    ) -> Answer<'a, Vec<views::FindingRow>> {
        Box::pin(self.findings_for(actor))
    }

    fn run_checks<'a>(&'a self, actor: &'a avouch_console::Actor) -> Answer<'a, ()> {
        Box::pin(self.start_checks(actor))
    }

    fn rounds<'a>(&'a self, actor: &'a avouch_console::Actor) -> Answer<'a, Vec<views::RoundRow>> {
        Box::pin(self.rounds_for(actor))
    }

    fn round<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        number: u64,
    ) -> Answer<'a, Option<views::RoundView>> {
        Box::pin(self.round_for(actor, number))
    }

    fn reports<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
    ) -> Answer<'a, Vec<views::ReportRow>> {
        Box::pin(self.reports_for(actor))
    }

    fn kept_reports<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
    ) -> Answer<'a, Vec<views::KeptReportRow>> {
        Box::pin(self.kept_reports_for(actor))
    }

    fn report<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        name: &'a str,
        period: Option<&'a str>,
    ) -> Answer<'a, Option<views::ReportView>> {
        Box::pin(self.report_for(actor, name, period))
    }

    fn packs<'a>(&'a self, actor: &'a avouch_console::Actor) -> Answer<'a, Vec<views::PackRow>> {
        Box::pin(self.packs_for(actor))
    }

    fn pack<'a>(
        &'a self,
        actor: &'a avouch_console::Actor,
        tenant: &'a str,
    ) -> Answer<'a, Vec<u8>> {
        Box::pin(self.pack_for(actor, tenant))
    }
}

impl Core {
    /// What the statement answers of a requirement set, as things stand now.
    pub fn coverage(
        self: &Arc<Self>,
        set: &avouch_statement::RequirementSet,
    ) -> avouch_statement::Coverage {
        let standings = self.standings();
        cover(set, &self.statement.claims, |id| {
            standings
                .iter()
                .find(|standing| standing.claim == *id)
                .map_or(avouch_statement::Verdict::Unproven, |standing| {
                    standing.verdict
                })
        })
    }
}

/// An error of ours: the person is told only that.
fn failed(error: impl std::error::Error + Send + Sync + 'static) -> DeskError {
    DeskError::Failed {
        source: Box::new(error),
    }
}

/// The same of accounts and sessions. A store that cannot be written, as on a full disk, may be written again later.
fn unable(error: AccessError) -> DeskError {
    match error {
        AccessError::Store(_) => DeskError::Unavailable {
            source: Box::new(error),
        },
        other => failed(other),
    }
}

/// The same for a sentence.
fn stopped(fail: Fail) -> DeskError {
    DeskError::Failed {
        source: fail.to_string().into(),
    }
}
