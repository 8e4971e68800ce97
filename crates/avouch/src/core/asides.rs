//! Data that a restore took the place of: known while they stand aside, and destroyed after the stated time.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use avouch_backup::keeper::{Jobs as _, Owner};
use avouch_backup::records::Aside;
use avouch_events::Action;
use avouch_runtime::grant::Change;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::asker::Asker;
use super::state::Core;
use crate::fail::Fail;

/// How often it is looked whether the time of any has come.
const LOOK: Duration = Duration::from_secs(3600);

/// Destroys what has stood aside for long enough, again and again.
pub fn keep_clear(core: &Arc<Core>) {
    let core = core.clone();
    tokio::spawn(async move {
        loop {
            if let Err(fail) = core.clear_asides().await {
                tracing::error!(%fail, "data that stand aside were not destroyed");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = core.shutdown.cancelled() => return,
            }
        }
    });
}

impl Core {
    /// What stands aside, with the moment from which it may be destroyed.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub async fn asides(&self) -> Result<Vec<(Aside, Timestamp)>, Fail> {
        let keep = self.statement.backup.keep_aside.duration();
        let mut asides = self
            .backups
            .records()
            .asides()
            .await
            .map_err(|error| Fail::new("what stands aside cannot be listed").from(error))?;
        asides.retain(|aside| !is_gone(Path::new(&aside.path)));
        let until = |aside: Aside| {
            let until = aside.since.saturating_add(keep).unwrap_or(Timestamp::MAX);
            (aside, until)
        };
        Ok(asides.into_iter().map(until).collect())
    }

    /// The same for a program.
    ///
    /// # Errors
    /// As [`Core::asides`].
    pub async fn asides_shown(&self) -> Result<Vec<Value>, Fail> {
        let shown = |(aside, until): (Aside, Timestamp)| json!({ "owner": aside.owner, "path": aside.path, "since": aside.since, "until": until });
        Ok(self.asides().await?.into_iter().map(shown).collect())
    }

    /// Destroys what has stood aside for as long as is stated. Nothing while the clock is in doubt.
    async fn clear_asides(&self) -> Result<(), Fail> {
        let now = self.now();
        if self.steady.doubt(now).is_some() {
            return Ok(());
        }
        for (aside, until) in self.asides().await? {
            if until <= now {
                self.destroy_aside(&aside).await?;
            }
        }
        Ok(())
    }

    /// Destroys one; what is intended and what came of it are events of its owner's.
    async fn destroy_aside(&self, aside: &Aside) -> Result<(), Fail> {
        let owner = aside
            .owner
            .parse()
            .map(Owner::Tenant)
            .map_err(|_| Fail::new(format!("`{}` is not a tenant's name", aside.owner)))?;
        let begin = self
            .owned(
                &owner,
                &Asker::platform(self.now()),
                Action::Restore,
                "data aside of",
            )
            .with("path", aside.path.clone())
            .with("since", aside.since.to_string());
        self.record(begin.clone()).await.map_err(|error| {
            Fail::new("destroying them cannot be recorded, so it is not done").from(error)
        })?;
        let destroyed = self.destroy(&aside.path, &aside.owner).await;
        let outcome = match &destroyed {
            Ok(()) => Ok(format!(
                "what stood in {} since {} is destroyed",
                aside.path, aside.since
            )),
            Err(fail) => Err(fail.to_string()),
        };
        self.outcome(begin, &outcome).await;
        destroyed?;
        let records = self.backups.records();
        records
            .aside_gone(&aside.path, self.now())
            .await
            .map_err(|error| Fail::new("what was destroyed cannot be noted").from(error))
    }

    /// Takes a folder to where it can be removed, and removes it there.
    async fn destroy(&self, path: &str, owner: &str) -> Result<(), Fail> {
        let stays = || Fail::new(format!("`{path}` was not destroyed"));
        let scratch = self.runner.scratch(&format!("aside-{owner}")).await;
        let scratch = scratch.map_err(|error| stays().from(error))?;
        let leave = Change::Leave {
            from: PathBuf::from(path),
            to: scratch.join("left"),
        };
        let left = self.supervisor.change(leave).await;
        let discarded = self.runner.discard(scratch).await;
        left.map_err(|error| stays().from(error))?;
        discarded.map_err(|error| stays().from(error))
    }
}

fn is_gone(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}
