//! The core's three sockets: the link to the front, the console's pages, and the control socket. All are files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use avouch_events::Outcome;
use avouch_gateway::link::{Configure, TlsRules};
use avouch_gateway::secret::SecretBytes;
use avouch_keyring::Purpose;
use tokio::net::UnixListener;
use tokio::sync::watch;

use super::admission::{Gate, Heard};
use super::state::Core;
use super::{commands, desk};
use crate::fail::{Fail, chain};

/// How long the front may take to open its listeners.
const LISTEN: Duration = Duration::from_secs(20);
/// The front's certificate is replaced this often, long before its 90 days are over.
const RENEW: Duration = Duration::from_secs(24 * 3600);

/// The doors, open.
pub struct Serving {
    pub heard: watch::Receiver<Heard>,
}

/// Opens the three sockets and waits until the front listens.
///
/// # Errors
/// If a socket cannot be opened, or the front cannot listen.
pub async fn open(core: &Arc<Core>) -> Result<Serving, Fail> {
    let run = core.layout.run();
    let link = listen(&run.join("link.sock"), 0o660)?;
    let console = listen(&run.join("console.sock"), 0o660)?;
    let control = listen(&run.join("control.sock"), 0o600)?;

    let (heard, hearing) = watch::channel(Heard::default());
    let (configure, configured) = watch::channel(Arc::new(configuration(core)?));
    tokio::spawn(renew(core.clone(), configure));
    let gate = Arc::new(Gate::new(core.clone(), heard));
    let (shutdown, end) = (core.shutdown.clone(), core.link.clone());
    // Root could read the keys from the disk.
    let users = [core.ids.front, 0];
    tokio::spawn(async move { end.serve(link, &users, configured, gate, shutdown).await });

    let router = avouch_console::router(
        desk::service(core),
        Arc::new(desk::Reception::new(core.clone())),
    );
    tokio::spawn(async move {
        if let Err(error) = axum::serve(console, router).await {
            tracing::error!(error = chain(&error), "the pages are not served any more");
        }
    });
    tokio::spawn(commands::serve(core.clone(), control));

    let expected = core.statement.gateway.addresses().len();
    let mut waiting = hearing.clone();
    let ready = tokio::time::timeout(
        LISTEN,
        waiting.wait_for(|heard| heard.failed.is_some() || heard.listening.len() >= expected),
    )
    .await;
    match ready {
        Ok(Ok(heard)) => {
            if let Some(reason) = &heard.failed {
                // The start is in the ledger by now, so why there was no more of it is, too.
                if let Err(error) = core.say("front", Outcome::Failed, reason.clone()).await {
                    tracing::warn!(error = chain(&error), "why the start ends is not recorded");
                }
                return Err(Fail::new(reason.clone())
                    .help("stop what uses that address, or state another in `[gateway] listen`"));
            }
        }
        _ => {
            let silent = "the front does not listen; its log says why";
            let _ = core.say("front", Outcome::Failed, silent).await;
            return Err(Fail::new(silent));
        }
    }
    Ok(Serving { heard: hearing })
}

fn listen(path: &Path, mode: u32) -> Result<UnixListener, Fail> {
    let failed = |error: std::io::Error| {
        Fail::new(format!("cannot open the socket `{}`", path.display())).from(error)
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
    Ok(listener)
}

fn configuration(core: &Core) -> Result<Configure, Fail> {
    let gateway = &core.statement.gateway;
    let seed = core
        .keyring
        .named(&Purpose::Assertion)
        .map_err(|error| Fail::new("the assertion key cannot be had").from(error))?;
    Ok(Configure {
        listen: gateway.listen.clone(),
        http_redirect: gateway.http,
        domain: gateway.domain.clone(),
        port: gateway.port(),
        tls: TlsRules {
            minimum: gateway.minimum,
            ciphers: gateway.ciphers,
            certificates: vec![core.authority.issue(core.now())?],
        },
        assertion_seed: SecretBytes::new(seed.expose().to_vec()),
        assertion_kid: core.assertion_kid(),
        console_socket: core.layout.run().join("console.sock"),
        limits: gateway.limits.clone(),
        entries: gateway.entries.clone(),
        records: core
            .statement
            .audit
            .records
            .iter()
            .map(|record| avouch_gateway::link::RecordRule {
                name: record.name.to_string(),
                path: record.path.to_string(),
                subject: record.subject.to_string(),
            })
            .collect(),
        flows: core.statement.audit.connections,
    })
}

async fn renew(core: Arc<Core>, configure: watch::Sender<Arc<Configure>>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEW) => {}
            () = core.shutdown.cancelled() => return,
        }
        match configuration(&core) {
            Ok(next) => {
                configure.send_replace(Arc::new(next));
            }
            Err(fail) => tracing::error!(%fail, "the front keeps its old certificate"),
        }
    }
}
