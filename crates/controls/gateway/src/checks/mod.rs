//! Attempts to prove the gateway's claims false, from outside.

mod entry;
mod hello;
mod minimum;
mod shake;
mod suites;

use std::sync::Arc;

use avouch_evidence::{BoxFuture, Check};

use crate::Settings;
use crate::link::SuiteCount;

/// What connections have negotiated since the core started.
pub trait SuiteLog: Send + Sync {
    /// A count for each version and suite seen.
    fn counts(&self) -> Vec<SuiteCount>;
}

/// What is written down of requests that were turned away before they went on.
pub trait RefusalLog: Send + Sync {
    /// How many entries there are.
    fn size(&self) -> BoxFuture<'_, Result<u64, String>>;

    /// Each entry since then that tells of one: the method, host and path that were asked for, and why it was turned away.
    fn since(&self, size: u64) -> BoxFuture<'_, Result<Vec<(String, String)>, String>>;
}

/// Every check of this control. `authority` is the certificate (DER) that clients are to trust.
pub fn checks(
    settings: &Settings,
    authority: &[u8],
    log: Arc<dyn SuiteLog>,
    refusals: &Arc<dyn RefusalLog>,
) -> Vec<Box<dyn Check>> {
    let mut all: Vec<Box<dyn Check>> = vec![
        Box::new(minimum::Versions::new(
            settings.minimum,
            settings.http,
            authority,
        )),
        Box::new(suites::Suites::new(
            settings.minimum,
            settings.ciphers,
            authority,
            log,
        )),
    ];
    all.extend(settings.entries.iter().map(|rule| -> Box<dyn Check> {
        Box::new(entry::Entry::new(rule.clone(), Arc::clone(refusals)))
    }));
    all
}
