//! The local certificate authority of this data folder, and the keys that the front is given.

use avouch_gateway::certs::LocalCa;
use avouch_gateway::link::CertifiedHost;
use avouch_gateway::secret::SecretBytes;
use avouch_keyring::{Keyring, Purpose, Secret};
use avouch_runtime::layout::Layout;
use jiff::Timestamp;

use crate::durable;
use crate::fail::Fail;

/// The authority, and the certificate in use.
pub struct Authority {
    ca: LocalCa,
    domain: String,
}

impl Authority {
    /// Reads the authority back, or makes one: its key is wrapped, its certificate is public.
    ///
    /// # Errors
    /// If it cannot be made, kept or read.
    pub fn open(
        layout: &Layout,
        keyring: &Keyring,
        domain: &str,
        now: Timestamp,
    ) -> Result<Self, Fail> {
        let path = layout.run().join("ca.pem");
        let kept = layout.core().join("ca/ca.pem");
        let failed =
            |what: &str| Fail::new(format!("the local certificate authority cannot be {what}"));
        let mut made = None;
        let key = keyring
            .named_or(&Purpose::Authority, || {
                let ca = LocalCa::make(domain, now).map_err(|error| failed("made").from(error))?;
                // Before its key is: a key without its certificate is of no use.
                durable::write(&kept, ca.certificate_pem().as_bytes())
                    .map_err(|error| failed("kept").from(error))?;
                let key = Secret::new(ca.key_pem().expose().to_vec());
                made = Some(ca);
                Ok::<_, Keep>(key)
            })
            .map_err(|Keep(fail)| fail)?;
        let ca = match made {
            Some(ca) => ca,
            None => {
                let pem =
                    std::fs::read_to_string(&kept).map_err(|error| failed("read").from(error))?;
                LocalCa::load(&pem, &SecretBytes::new(key.expose().clone()))
                    .map_err(|error| failed("read").from(error))?
            }
        };
        std::fs::write(&path, ca.certificate_pem()).map_err(|error| failed("shown").from(error))?;
        Ok(Self {
            ca,
            domain: domain.to_owned(),
        })
    }

    /// A fresh certificate for every host of the service.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn issue(&self, now: Timestamp) -> Result<CertifiedHost, Fail> {
        self.ca
            .issue_for(&self.domain, now)
            .map_err(|error| Fail::new("a certificate cannot be made").from(error))
    }

    /// The authority's certificate, DER.
    pub fn der(&self) -> &[u8] {
        self.ca.certificate_der()
    }
}

/// A `Fail` that a keyring error can become.
struct Keep(Fail);

impl From<avouch_keyring::KeyringError> for Keep {
    fn from(error: avouch_keyring::KeyringError) -> Self {
        Self(Fail::new("the authority's key cannot be had").from(error))
    }
}

impl From<Fail> for Keep {
    fn from(fail: Fail) -> Self {
        Self(fail)
    }
}
