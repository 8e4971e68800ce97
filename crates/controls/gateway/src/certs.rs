//! A local certificate authority, made for one domain and able to vouch for no other.
//!
//! Source: RFC 5280, 4.2.1.10 (name constraints), for what a thief of its key could do: nothing outside the domain.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};

use crate::link::CertifiedHost;
use crate::secret::SecretBytes;

/// How long the authority itself is valid.
const AUTHORITY_DAYS: i64 = 365;
/// How long a leaf is valid; issue a new one well before.
const LEAF_DAYS: i64 = 90;

/// Why a certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// The library refused.
    #[error("the certificate could not be made")]
    Make(#[source] rcgen::Error),
    /// What was stored is not an authority's certificate and key.
    #[error("the stored certificate authority cannot be read: remove it to have a new one made")]
    Load(#[source] rcgen::Error),
}

/// The local authority: one domain, one year.
pub struct LocalCa {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    der: Vec<u8>,
}

impl std::fmt::Debug for LocalCa {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LocalCa(key hidden)")
    }
}

impl LocalCa {
    /// Makes an authority for a domain and everything under it.
    ///
    /// # Errors
    /// The domain is no DNS name, or no key could be made.
    pub fn make(domain: &str, now: Timestamp) -> Result<Self, CertError> {
        let mut params = CertificateParams::new(Vec::new()).map_err(CertError::Make)?;
        params.distinguished_name.push(
            DnType::CommonName,
            format!("Avouch local authority for {domain}"),
        );
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
            excluded_subtrees: Vec::new(),
        });
        date(&mut params, now, AUTHORITY_DAYS);
        let key = KeyPair::generate().map_err(CertError::Make)?;
        let certificate = params.self_signed(&key).map_err(CertError::Make)?;
        Ok(Self {
            certificate: certificate.pem(),
            der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Reads an authority back from what [`certificate_pem`](Self::certificate_pem) and [`key_pem`](Self::key_pem) gave.
    ///
    /// # Errors
    /// The texts are no certificate and key.
    pub fn load(certificate_pem: &str, key_pem: &SecretBytes) -> Result<Self, CertError> {
        let text = String::from_utf8_lossy(key_pem.expose());
        let key = KeyPair::from_pem(&text).map_err(CertError::Load)?;
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key).map_err(CertError::Load)?;
        let der = rustls::pki_types::pem::PemObject::from_pem_slice(certificate_pem.as_bytes());
        let der: rustls::pki_types::CertificateDer<'static> =
            der.map_err(|_| CertError::Load(rcgen::Error::CouldNotParseCertificate))?;
        Ok(Self {
            issuer,
            certificate: certificate_pem.to_owned(),
            der: der.to_vec(),
        })
    }

    /// The certificate that clients are to trust, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// The certificate that clients are to trust, DER.
    pub fn certificate_der(&self) -> &[u8] {
        &self.der
    }

    /// The authority's private key, PEM, to be kept sealed.
    pub fn key_pem(&self) -> SecretBytes {
        SecretBytes::new(self.issuer.key().serialize_pem().into_bytes())
    }

    /// Issues a server certificate for these names, valid for 90 days.
    ///
    /// # Errors
    /// A name is no DNS name, or no key could be made.
    pub fn issue(&self, names: &[String], now: Timestamp) -> Result<CertifiedHost, CertError> {
        let mut params = CertificateParams::new(names.to_vec()).map_err(CertError::Make)?;
        params.distinguished_name.push(
            DnType::CommonName,
            names.first().cloned().unwrap_or_default(),
        );
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        date(&mut params, now, LEAF_DAYS);
        let key = KeyPair::generate().map_err(CertError::Make)?;
        let leaf = params
            .signed_by(&key, &self.issuer)
            .map_err(CertError::Make)?;
        Ok(CertifiedHost {
            names: names.to_vec(),
            chain: vec![leaf.der().to_vec()],
            key: SecretBytes::new(key.serialize_der()),
        })
    }

    /// Issues the certificate that the gateway needs: the domain, every host under it, and sign-in and console by name.
    ///
    /// # Errors
    /// As [`issue`](Self::issue).
    pub fn issue_for(&self, domain: &str, now: Timestamp) -> Result<CertifiedHost, CertError> {
        self.issue(
            &[
                domain.to_owned(),
                format!("*.{domain}"),
                format!("signin.{domain}"),
                format!("console.{domain}"),
            ],
            now,
        )
    }
}

/// Valid from the day before (for clients whose clock is a little behind) for so many days, in whole UTC days.
fn date(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let day = |offset: i64| {
        let date = (now + SignedDuration::from_hours(24 * offset))
            .to_zoned(TimeZone::UTC)
            .date();
        let [month, day] = [date.month(), date.day()].map(i8::unsigned_abs);
        date_time_ymd(i32::from(date.year()), month, day)
    };
    (params.not_before, params.not_after) = (day(-1), day(days));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T10:00:00Z".parse().unwrap()
    }

    fn verifies(ca: &LocalCa, leaf: &CertifiedHost, name: &str) -> bool {
        use rustls::client::danger::ServerCertVerifier as _;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca.certificate_der().to_vec().into()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
            std::sync::Arc::new(roots),
            provider,
        )
        .build()
        .unwrap();
        let seconds = u64::try_from(now().as_second()).unwrap();
        let at =
            rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let name = name.to_owned().try_into().unwrap();
        verifier
            .verify_server_cert(&leaf.chain[0].clone().into(), &[], &name, &[], at)
            .is_ok()
    }

    #[test]
    fn the_authority_vouches_for_its_domain_and_every_host_under_it() {
        let ca = LocalCa::make("acuity.test", now()).unwrap();
        let leaf = ca.issue_for("acuity.test", now()).unwrap();
        for name in ["acuity.test", "signin.acuity.test", "riverside.acuity.test"] {
            assert!(verifies(&ca, &leaf, name), "{name}");
        }
        assert!(!verifies(&ca, &leaf, "a.b.acuity.test"));
    }

    #[test]
    fn the_authority_cannot_vouch_for_another_domain() {
        let ca = LocalCa::make("acuity.test", now()).unwrap();
        let leaf = ca.issue(&["bank.example".to_owned()], now()).unwrap();
        assert!(!verifies(&ca, &leaf, "bank.example"));
    }

    #[test]
    fn an_authority_that_was_stored_issues_as_before() {
        let ca = LocalCa::make("acuity.test", now()).unwrap();
        let again = LocalCa::load(ca.certificate_pem(), &ca.key_pem()).unwrap();
        let leaf = again.issue_for("acuity.test", now()).unwrap();
        assert!(verifies(&ca, &leaf, "console.acuity.test"));
        assert!(matches!(
            LocalCa::load(ca.certificate_pem(), &SecretBytes::new(Vec::new())),
            Err(CertError::Load(_))
        ));
    }
}
