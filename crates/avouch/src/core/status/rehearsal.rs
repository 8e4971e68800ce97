//! A fault that is made up for a check: an application that nobody answers for until it is mended.

use std::path::PathBuf;
use std::sync::Arc;

use avouch_evidence::BoxFuture;
use avouch_statement::TenantId;
use avouch_status::checks::Rehearsals;
use avouch_status::{About, Then};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::Watched;
use crate::core::state::Core;

/// All that is answered: that it is well.
const WELL: &[u8] = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

/// What is made up, while it is.
pub struct Rehearsal {
    pub title: String,
    tenant: TenantId,
    socket: PathBuf,
    /// What answers, once it is mended.
    mended: Option<JoinHandle<()>>,
}

impl Rehearsal {
    /// As whose it is looked at, and where.
    pub fn asked(&self) -> (TenantId, PathBuf) {
        (self.tenant.clone(), self.socket.clone())
    }
}

/// Makes faults up on this core.
pub struct Stage(pub Arc<Core>);

impl Rehearsals for Stage {
    fn begin<'a>(
        &'a self,
        tenant: &'a TenantId,
        title: &'a str,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            self.forget().await;
            self.0.status.state().rehearsal = Some(Rehearsal {
                title: title.to_owned(),
                tenant: tenant.clone(),
                socket: self.0.layout.run().join("rehearsal.sock"),
                mended: None,
            });
            Ok(())
        })
    }

    fn say<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let (core, now) = (&self.0, self.0.now());
            let rehearsed = |about: &About| matches!(about, About::Rehearsal(_));
            let number = {
                let state = core.status.state();
                let found = state.book.all().find(|one| rehearsed(&one.about));
                found.map(|one| one.number)
            };
            let said = number.and_then(|number| core.status.say(number, text, now, Then::Lasts));
            core.tell_front();
            said.map(|_| ())
                .ok_or_else(|| "the rehearsed fault is over before it was mended".to_owned())
        })
    }

    fn mend(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let mut state = self.0.status.state();
            let rehearsal = state.rehearsal.as_mut().ok_or("nothing is rehearsed")?;
            let listener =
                UnixListener::bind(&rehearsal.socket).map_err(|error| error.to_string())?;
            rehearsal.mended = Some(tokio::spawn(async move {
                while let Ok((mut asked, _)) = listener.accept().await {
                    // Whoever asked and went away needs no answer.
                    let _ = asked.write_all(WELL).await;
                }
            }));
            Ok(())
        })
    }

    fn forget(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut state = self.0.status.state();
            if let Some(rehearsal) = state.rehearsal.take() {
                if let Some(mended) = rehearsal.mended {
                    mended.abort();
                }
                // It is not there if nothing was mended.
                let _ = std::fs::remove_file(&rehearsal.socket);
                state.watches.remove(&Watched::Rehearsal(rehearsal.tenant));
            }
            let rehearsed = |about: &About| matches!(about, About::Rehearsal(_));
            state.book.forget(|one| rehearsed(&one.about));
            state.told = None;
        })
    }
}
