//! Sends the trail to the receivers that the statement names, and says how far each has got.

use std::path::Path;
use std::sync::Arc;

use avouch_audit::checks::{Back, Delivery};
use avouch_audit::{Export, Receiver};
use avouch_events::export::Origin;
use avouch_events::ship::{Bulk, News, Progress, ReadBack, Shipper, Syslog, Target, Wire};
use avouch_events::{Opener, Outcome};
use avouch_evidence::BoxFuture;
use avouch_ledger::Reader;
use avouch_runtime::layout::Layout;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::AUTHORITIES;
use crate::core::state::Core;
use crate::fail::{Fail, chain};
use crate::statement_file::Statement;

/// Refused entries that an event names; of more it says how many.
const NAMED: usize = 20;

/// The receivers of the trail.
pub struct Exports(Vec<Arc<Shipper>>);

impl Exports {
    /// Those that the statement names, each where it had got to.
    ///
    /// # Errors
    /// If an authority cannot be read, or how far one had got.
    pub fn open(
        statement: &Statement,
        layout: &Layout,
        reader: &Reader,
        opener: &Opener,
    ) -> Result<Arc<Self>, Fail> {
        let folder = layout.core().join("exports");
        let domain = &statement.gateway.domain;
        let origin = Origin {
            log: format!("{domain}/ledger"),
            service: domain.clone(),
        };
        let open = |export: &Export| {
            let fail = || Fail::new(format!("the trail cannot be sent to `{}`", export.name));
            std::fs::create_dir_all(&folder).map_err(|error| fail().from(error))?;
            let target = target(export, layout, &origin)?;
            let file = folder.join(format!("{}.json", export.name));
            let from = (reader.clone(), opener.clone());
            let tenants = export.tenants.clone();
            Shipper::open(export.name.as_str(), from, tenants, target, file)
                .map(Arc::new)
                .map_err(|error| fail().from(error))
        };
        let shippers: Result<_, Fail> = statement.audit.exports.iter().map(open).collect();
        Ok(Arc::new(Self(shippers?)))
    }

    /// Sends until the core stops; what somebody should know is an event.
    pub fn keep_sending(&self, core: &Arc<Core>) {
        for shipper in &self.0 {
            let (tell, mut news) = mpsc::unbounded_channel();
            let (sending, shutdown) = (shipper.clone(), core.shutdown.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = sending.run(&tell) => {}
                    () = shutdown.cancelled() => {}
                }
            });
            let (core, object) = (core.clone(), format!("export {}", shipper.name()));
            tokio::spawn(async move {
                while let Some(news) = news.recv().await {
                    let (outcome, reason) = words(news);
                    // Logged where it fails; the check of the export sees it, too.
                    let _ = core.say(&object, outcome, reason).await;
                }
            });
        }
    }

    /// How far each has got, for a command.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn rows(&self) -> Result<Value, Fail> {
        let row = |shipper: &Arc<Shipper>| {
            let Progress {
                done,
                size,
                oldest,
                aside,
                trouble,
                newest: _,
            } = shipper
                .progress()
                .map_err(|error| Fail::new("the ledger cannot be read").from(error))?;
            Ok(json!({
                "name": shipper.name(), "done": done, "waiting": size.saturating_sub(done), "oldest": oldest,
                "refused": aside.len(), "trouble": trouble,
            }))
        };
        self.0.iter().map(row).collect()
    }

    /// What somebody has to look at, in a sentence each.
    pub fn attention(&self) -> Vec<String> {
        let told = |shipper: &Arc<Shipper>| {
            let name = shipper.name();
            let Progress {
                done,
                size,
                aside,
                trouble,
                ..
            } = shipper.progress().ok()?;
            match (trouble, aside.len()) {
                (Some(why), _) => Some(format!(
                    "The receiver `{name}` of the audit trail takes nothing ({why}): {} entries wait for it",
                    size.saturating_sub(done)
                )),
                (None, 0) => None,
                (None, refused) => Some(format!(
                    "The receiver `{name}` of the audit trail has refused {refused} entries"
                )),
            }
        };
        self.0.iter().filter_map(told).collect()
    }

    async fn delivery(&self, name: &str) -> Result<Delivery, String> {
        let shipper = self
            .0
            .iter()
            .find(|shipper| shipper.name() == name)
            .ok_or("there is no such export")?;
        let back = match shipper.read_back().await {
            Ok(Some((index, ReadBack::There))) => Back::There(index),
            Ok(Some((index, ReadBack::Missing))) => Back::Missing(index),
            Ok(Some((_, ReadBack::NotAsked(status)))) => {
                Back::NotAsked(format!("it answers {status} when it is searched"))
            }
            Ok(None) => Back::NotAsked("it has taken nothing that can be asked for".to_owned()),
            Err(error) => Back::NotAsked(chain(&error)),
        };
        let progress = shipper.progress().map_err(|error| chain(&error))?;
        Ok(Delivery {
            done: progress.done,
            size: progress.size,
            oldest: progress.oldest,
            aside: progress.aside,
            trouble: progress.trouble,
            back,
        })
    }
}

impl avouch_audit::checks::Exports for Exports {
    fn look<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Delivery, String>> {
        Box::pin(self.delivery(name))
    }
}

fn target(export: &Export, layout: &Layout, origin: &Origin) -> Result<Target, Fail> {
    let wire = |host: &str| {
        let beside = layout.core().join("statement");
        let authorities = export.authority.as_ref().map(|file| beside.join(file));
        let authorities = authorities.as_deref().unwrap_or(Path::new(AUTHORITIES));
        Wire::new(host, export.port(), authorities).map_err(|error| {
            Fail::new(format!("the trail cannot be sent to `{}`", export.name))
                .from(error)
                .help("name the file of its authority's certificate with `authority`, or install the package `ca-certificates`")
        })
    };
    Ok(match &export.to {
        Receiver::Bulk { host, prefix, .. } => {
            let secret = export.secret.as_ref().map(|file| layout.keys().join(file));
            Target::Bulk(Bulk::new(wire(host)?, prefix, secret, origin.clone()))
        }
        Receiver::Syslog { host, .. } => Target::Syslog(Syslog::new(wire(host)?, origin.clone())),
    })
}

fn words(news: News) -> (Outcome, String) {
    match news {
        News::Away(why) => (
            Outcome::Failed,
            format!("{why}; it is tried again, and what is recorded meanwhile waits"),
        ),
        News::Back => (Outcome::Done, "the receiver takes events again".to_owned()),
        News::Refused(entries, why) => {
            let named: Vec<String> = entries.iter().take(NAMED).map(u64::to_string).collect();
            let more = match entries.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            (
                Outcome::Refused,
                format!(
                    "the receiver refused ({why}) and is offered again later: {}{more}",
                    named.join(", ")
                ),
            )
        }
        News::Shorter { sent, has } => (
            Outcome::Failed,
            format!(
                "the ledger has {has} entries and {sent} were sent: it was put back to an earlier state, and the receiver \
                 knows entries from {has} on that are not in it"
            ),
        ),
    }
}
