//! Asks the witnesses that the statement names: by itself as the ledger grows, and for their check.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use avouch_audit::Witnessed;
use avouch_audit::checks::Answers;
use avouch_evidence::BoxFuture;
use avouch_ledger::Reader;
use avouch_ledger::verify::{self, WitnessKey};
use avouch_ledger::witness::{AskError, Client, Http, Named};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::fail::{Fail, chain};

/// Where this machine keeps the authorities that it trusts.
pub const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How often a ledger that has grown is shown to its witnesses.
const EVERY: Duration = Duration::from_secs(2);

/// The witnesses of this ledger.
pub struct Witnesses {
    client: Client,
    reader: Reader,
    names: Vec<(String, WitnessKey)>,
}

impl Witnesses {
    /// Those that the statement names.
    ///
    /// # Errors
    /// If one is reached by TLS and this machine has no authorities.
    pub fn new(settings: &Witnessed, reader: Reader) -> Result<Arc<Self>, Fail> {
        let secure = settings
            .witnesses
            .iter()
            .any(|witness| witness.url.starts_with("https:"));
        let http = Http::new(secure.then_some(Path::new(AUTHORITIES))).map_err(|error| {
            Fail::new("the witnesses cannot be reached")
                .from(error)
                .help("install the package `ca-certificates`")
        })?;
        let named = settings
            .witnesses
            .iter()
            .map(|witness| Named {
                name: witness.name.to_string(),
                url: witness.url.clone(),
                key: witness.key.clone(),
            })
            .collect();
        let wanted = usize::try_from(settings.by).unwrap_or(usize::MAX);
        Ok(Arc::new(Self {
            client: Client::new(reader.clone(), named, wanted, Arc::new(http)),
            reader,
            names: settings
                .witnesses
                .iter()
                .map(|witness| (witness.name.to_string(), witness.key.clone()))
                .collect(),
        }))
    }

    /// Shows them the ledger as it grows, until the core stops.
    pub fn keep_asking(self: &Arc<Self>, shutdown: CancellationToken) {
        let witnesses = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = witnesses.client.run(EVERY) => {}
                () = shutdown.cancelled() => {}
            }
        });
    }

    /// Has the newest checkpoint signed by whoever answers.
    pub async fn sign_now(&self) {
        self.client.ask().await;
    }

    async fn answers(&self) -> Result<Answers, String> {
        let (mut contradicted, mut silent) = (Vec::new(), Vec::new());
        for asked in self.client.ask().await {
            match asked.outcome {
                Ok(_) => {}
                Err(error @ (AskError::Fork | AskError::Ahead { .. })) => {
                    contradicted.push((asked.witness, error.to_string()));
                }
                Err(error) => silent.push((asked.witness, chain(&error))),
            }
        }
        let keys: Vec<WitnessKey> = self.names.iter().map(|(_, key)| key.clone()).collect();
        let (mut size, mut signed) = (0, Vec::new());
        if let Some(newest) = self.reader.cosigned() {
            size = newest.size;
            let found = verify::cosignatures(&newest.text, &keys)
                .map_err(|fault| format!("what they signed cannot be read: {fault}"))?;
            for cosignature in found {
                let name = self
                    .names
                    .iter()
                    .find(|(_, key)| key.name() == cosignature.witness)
                    .map_or(cosignature.witness, |(name, _)| name.clone());
                let at = i64::try_from(cosignature.time)
                    .ok()
                    .and_then(|seconds| Timestamp::from_second(seconds).ok())
                    .unwrap_or(Timestamp::UNIX_EPOCH);
                signed.push((name, at));
            }
        }
        Ok(Answers {
            size,
            signed,
            contradicted,
            silent,
        })
    }
}

impl avouch_audit::checks::Witnesses for Witnesses {
    fn ask<'a>(&'a self) -> BoxFuture<'a, Result<Answers, String>> {
        Box::pin(self.answers())
    }
}
