//! Synthetic people for checks, and the keys that vouch for everybody.

use std::sync::Arc;

use avouch_access::Worn;
use avouch_evidence::{BoxFuture, Ctx, Gateway, People};
use avouch_gateway::assertion;
use avouch_gateway::secret::SecretBytes;
use avouch_keyring::Purpose;
use avouch_statement::TenantId;
use jiff::{SignedDuration, Timestamp};

use super::state::Core;
use crate::fail::{Fail, chain};

/// The name of the session cookie.
pub const COOKIE: &str = "__Host-avouch";

/// Signs synthetic people in.
struct Synthetic(Arc<Core>);

impl People for Synthetic {
    fn session<'a>(
        &'a self,
        tenant: &'a TenantId,
        host: &'a str,
    ) -> BoxFuture<'a, Result<String, String>> {
        Box::pin(async move {
            let fresh = Worn {
                created: SignedDuration::ZERO,
                used: SignedDuration::ZERO,
            };
            let opened = self
                .0
                .access
                .synthetic_session(tenant, host, fresh, self.0.now())
                .await
                .map_err(|error| chain(&error))?;
            Ok(format!("{COOKIE}={}", opened.token.expose()))
        })
    }
}

impl Core {
    /// What a round's checks are given.
    ///
    /// # Errors
    /// If the gateway's address or authority cannot be used.
    pub fn context(self: &Arc<Self>, now: Timestamp) -> Result<Ctx, Fail> {
        Ok(Ctx {
            now,
            clock: self.clock.clone(),
            statement: self.digest.clone(),
            tenants: self.tenants.ids(),
            gateway: self.gateway()?,
            people: Arc::new(Synthetic(self.clone())),
        })
    }

    /// The service as a client on this host sees it.
    ///
    /// # Errors
    /// If there is no listener, or the authority's certificate cannot be used.
    pub fn gateway(&self) -> Result<Gateway, Fail> {
        let gateway = &self.statement.gateway;
        let address = gateway
            .listen
            .first()
            .copied()
            .ok_or_else(|| Fail::new("the gateway listens nowhere"))?;
        let (marks, clock) = (self.marks.clone(), self.clock.clone());
        let (dialled, since) = (self.marks.clone(), self.clock.clone());
        Gateway::new(address, gateway.domain.clone(), self.authority.der())
            .map(|gateway| {
                gateway
                    .marked(move || marks.issue(clock()))
                    .announced(move |from| dialled.dialled(from, since()))
            })
            .map_err(|error| Fail::new("the gateway cannot be reached").from(error))
    }

    /// The id of the assertion key: from its public half, so that it changes when the key does.
    pub fn assertion_kid(&self) -> String {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(self.assertion_public());
        hex::encode(digest.get(..8).unwrap_or_default())
    }

    /// The public half of the assertion key; empty where it cannot be had, and then nothing verifies.
    fn assertion_public(&self) -> Vec<u8> {
        let seed = match self.keyring.named(&Purpose::Assertion) {
            Ok(seed) => seed,
            Err(error) => {
                tracing::error!(error = chain(&error), "the assertion key cannot be had");
                return Vec::new();
            }
        };
        assertion::public_key(&SecretBytes::new(seed.expose().to_vec())).unwrap_or_default()
    }

    /// The public keys of the identity assertion, as a JSON Web Key Set.
    pub fn jwks(&self) -> String {
        assertion::jwks([(
            self.assertion_kid().as_str(),
            self.assertion_public().as_slice(),
        )])
    }
}
