//! Counts reports twice for their check: from the index, as people get them, and from the ledger. And makes requests that
//! are known beforehand, which must be in the figures.

use std::sync::Arc;
use std::time::Duration;

use avouch_audit::checks::{Known, Recount, Reporting};
use avouch_events::IndexError;
use avouch_events::report::{self, Checks, Definition, Measure, Period, Readers, Report, Wanted};
use avouch_evidence::{Ask, BoxFuture, ClaimId, Ctx};
use avouch_statement::TenantId;

use crate::core::state::Core;
use crate::fail::chain;

/// So many of the newest entries are counted again.
const COUNTED_AGAIN: u64 = 5_000;

/// So often a difference is looked at again, after a pause: the index follows the ledger.
const LOOKS: usize = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// How often the check asks for the first page of each organisation.
const ASKED: usize = 2;
/// Stands in each place of a named request's path: a record that nobody has.
const NOBODYS: &str = "100000000000000";

/// The reports of this core.
pub struct Reporter(pub Arc<Core>);

/// What a check asked for, of one organisation.
struct Asked {
    tenant: TenantId,
    /// Each request that was answered, as its event names it.
    objects: Vec<String>,
}

/// The ledger's size before and after, and what was asked for in between.
struct Session {
    from: u64,
    until: u64,
    asked: Vec<Asked>,
}

/// One reading of the reports: who reads each, as people get it and as counted again.
type Both = Vec<Recount>;

impl Reporter {
    fn claim(definition: &Definition) -> ClaimId {
        ClaimId::new(format!("report.{}.every", definition.name))
    }

    fn definitions(&self) -> &[Definition] {
        &self.0.statement.reports
    }

    /// Every report, each for everybody and for each organisation that may read it.
    fn wanted<'a>(&'a self, tenants: &'a [TenantId], checks: Checks) -> Vec<Wanted<'a>> {
        let now = self.0.now();
        let mut wanted = Vec::new();
        for definition in self.definitions() {
            let each = definition.readers == Readers::EachOrganisation;
            let organisations = tenants.iter().filter(|_| each).map(Some);
            wanted.extend(
                std::iter::once(None)
                    .chain(organisations)
                    .map(|tenant| Wanted {
                        definition,
                        period: Period::of(definition.every, now),
                        tenant,
                        checks,
                    }),
            );
        }
        wanted
    }

    /// Counts all reports twice over the newest entries, each source read once for all.
    async fn twice(&self, session: &Session) -> Result<Both, String> {
        let core = &self.0;
        // What the index has not taken in yet is not compared.
        let indexed = core.index.next().await.map_err(|error| chain(&error))?;
        let until = indexed.min(core.reader.size());
        let entries = until.saturating_sub(COUNTED_AGAIN)..until;
        let (tenants, now) = (core.tenants.ids(), core.now());
        let wanted = self.wanted(&tenants, Checks::Counted);
        let mut reported = Vec::new();
        for wanted in &wanted {
            reported.push(report::indexed(&core.index, wanted, Some(entries.clone()), now).await);
        }
        let counted = report::recorded(&core.reader, &core.opener, &wanted, entries.clone(), now)
            .map_err(|error| chain(&error))?;
        let alone = self.wanted(&tenants, Checks::Alone);
        let known = session.from..session.until.min(until);
        let mut own = Vec::new();
        for alone in &alone {
            own.push(report::indexed(&core.index, alone, Some(known.clone()), now).await);
        }
        let recount = |definition: &Definition| {
            let mut recount = Recount {
                claim: Self::claim(definition),
                entries: entries.end - entries.start,
                counted: 0,
                period: Period::of(definition.every, now).to_string(),
                readers: Vec::new(),
                known: Vec::new(),
            };
            let rows = wanted.iter().zip(&reported).zip(counted.iter().zip(&own));
            for ((wanted, reported), (counted, own)) in rows {
                if wanted.definition.name != definition.name {
                    continue;
                }
                let reader = match wanted.tenant {
                    None => {
                        recount.counted = counted.all();
                        "everybody".to_owned()
                    }
                    Some(tenant) => tenant.to_string(),
                };
                recount
                    .readers
                    .push((reader, sheet(reported), report::csv(counted)));
                if let (Some(tenant), Ok(own)) = (wanted.tenant, own) {
                    let made = session.made(tenant, &definition.measure);
                    recount.known.extend(made.map(|made| Known {
                        reader: tenant.to_string(),
                        made,
                        counted: own.all(),
                    }));
                }
            }
            recount
        };
        Ok(self.definitions().iter().map(recount).collect())
    }

    /// Asks each organisation's application, as somebody who exists only for checks, for what reports count.
    async fn ask(&self, ctx: &Ctx) -> Session {
        let from = self.0.reader.size();
        let mut asked = Vec::new();
        for tenant in &ctx.tenants {
            if let Some(objects) = self.ask_one(ctx, tenant).await {
                let tenant = tenant.clone();
                asked.push(Asked { tenant, objects });
            }
        }
        let until = self.0.reader.size();
        Session { from, until, asked }
    }

    /// What one organisation's gateway answered; `None` if not all of it was, so that nothing is known.
    async fn ask_one(&self, ctx: &Ctx, tenant: &TenantId) -> Option<Vec<String>> {
        let label = tenant.as_str();
        let host = ctx.gateway.host(label);
        let cookie = ctx.people.session(tenant, &host).await.ok()?;
        let first = self.0.statement.tenancy.crawl_from.clone();
        let mut requests = vec![("GET".to_owned(), first); ASKED];
        for definition in self.definitions() {
            if let Measure::Interaction { on, .. } = &definition.measure
                && let Some(path) = on.path_with(NOBODYS)
                && matches!(on.method(), "GET" | "POST")
            {
                requests.push((on.method().to_owned(), path));
            }
        }
        for (method, path) in &requests {
            let ask = match method.as_str() {
                "POST" => Ask::form(path, &ctx.gateway.origin(label), Vec::new()),
                _ => Ask::get(path),
            };
            let ask = ask.with("cookie", cookie.clone());
            ctx.gateway.send(label, ask).await.ok()?;
        }
        let object = |(method, path): (String, String)| format!("{method} {path}");
        Some(requests.into_iter().map(object).collect())
    }
}

/// A report as a sheet, or why there is none.
fn sheet(report: &Result<Report, IndexError>) -> Result<String, String> {
    match report {
        Ok(report) => Ok(report::csv(report)),
        Err(error) => Err(chain(error)),
    }
}

impl Session {
    /// What a report must count of what was asked for; `None` where that is not known beforehand.
    fn made(&self, tenant: &TenantId, measure: &Measure) -> Option<u64> {
        let asked = self.asked.iter().find(|asked| asked.tenant == *tenant)?;
        let named = |on: &report::Transaction| {
            let objects = asked.objects.iter();
            objects.filter(|object| on.is(object)).count()
        };
        let made = match measure {
            Measure::Use | Measure::Answered { .. } => asked.objects.len(),
            Measure::Sessions => 1,
            Measure::Interaction { on, .. } => named(on),
            Measure::Action { .. } | Measure::Available { .. } | Measure::SignIn => return None,
        };
        u64::try_from(made).ok().filter(|made| *made > 0)
    }
}

impl Reporting for Reporter {
    fn claims(&self) -> Vec<ClaimId> {
        self.definitions().iter().map(Self::claim).collect()
    }

    fn counted_twice<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Result<Vec<Recount>, String>> {
        Box::pin(async move {
            let session = self.ask(ctx).await;
            let mut recounts = self.twice(&session).await?;
            // An entry may be acknowledged a moment before one with a lower number reaches the index.
            for _ in 0..LOOKS {
                if recounts.iter().all(Recount::agrees) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
                recounts = self.twice(&session).await?;
            }
            Ok(recounts)
        })
    }
}
