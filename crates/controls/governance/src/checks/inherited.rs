//! Judges `inherited.NAME`: the certificate is there, unchanged, in date, and covers where we are hosted.

use std::sync::Arc;

use avouch_evidence::{Audience, BoxFuture, Check, ClaimId, Ctx, Seen, Verdict};
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::{Inherited, today};

/// Reads a file named in the statement, relative to it.
pub type ReadFile = Arc<dyn Fn(&str) -> std::io::Result<Vec<u8>> + Send + Sync>;

/// The check of one certificate.
pub struct InheritedCheck {
    name: String,
    record: Inherited,
    read: ReadFile,
}

impl InheritedCheck {
    /// Looks at this record; `read` opens its file.
    #[must_use]
    pub fn new(record: Inherited, read: ReadFile) -> Self {
        Self {
            name: format!("certificate {}", record.name),
            record,
            read,
        }
    }
}

impl Check for InheritedCheck {
    fn name(&self) -> &str {
        &self.name
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![self.record.claim()]
    }

    fn dated(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, ctx: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        let digest = (self.read)(&self.record.certificate.file)
            .map(|bytes| hex::encode(Sha256::digest(bytes)))
            .map_err(|error| error.kind().to_string());
        let (verdict, observed) = judge(&self.record, &digest, today(ctx.now));
        let seen =
            Seen::new(&self.record.claim(), verdict, observed).for_audience(Audience::Public);
        Box::pin(std::future::ready(vec![seen]))
    }
}

/// Every reason why it does not cover, or what was seen. `digest` is the stored file's, or why it cannot be read.
///
/// The day of expiry is the last good one.
pub fn judge(
    record: &Inherited,
    digest: &Result<String, String>,
    today: Date,
) -> (Verdict, String) {
    let certificate = &record.certificate;
    let number = &certificate.number;
    let mut reasons = Vec::new();
    match (digest, &certificate.sha256) {
        (Err(why), _) => reasons.push(format!("its stored file cannot be read ({why})")),
        (Ok(found), Some(recorded)) if found != recorded => reasons.push(format!(
            "its stored file is not the one recorded (SHA-256 {found})"
        )),
        (Ok(_), _) => {}
    }
    if today > certificate.expires {
        reasons.push(format!("it expired on {}", certificate.expires));
    }
    if let Some(region) = &record.region
        && !certificate.sites.contains(region)
    {
        reasons.push(format!(
            "{region}, where we are hosted, is not one of its sites"
        ));
    }
    if !reasons.is_empty() {
        return (
            Verdict::Broken,
            format!(
                "Certificate {number} shows as not covering: {}.",
                reasons.join("; ")
            ),
        );
    }
    let file = digest.as_deref().unwrap_or_default();
    let sites = certificate.sites.join(", ");
    (
        Verdict::Held,
        format!(
            "Certificate {number} is in date on {today} (until {}), for {sites}; stored file SHA-256 {file}.",
            certificate.expires
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Certificate;

    fn record(region: &str, sha256: Option<&str>) -> Inherited {
        Inherited {
            name: "data-centre".parse().unwrap(),
            scheme: "ISO/IEC 27001".to_owned(),
            certificate: Certificate {
                file: "a.txt".to_owned(),
                sha256: sha256.map(str::to_owned),
                number: "N1".to_owned(),
                issuer: "Body".to_owned(),
                scope: "hosting".to_owned(),
                sites: vec!["London".to_owned()],
                expires: "2027-03-31".parse().unwrap(),
            },
            region: Some(region.to_owned()),
            example: false,
        }
    }

    #[test]
    fn a_certificate_covers_only_what_it_names_until_the_end_of_its_last_day() {
        let file = Ok("aa".to_owned());
        let gone = Err("not found".to_owned());
        for (record, digest, now, verdict, says) in [
            (
                record("London", None),
                &file,
                "2027-03-31T22:59:59Z",
                Verdict::Held,
                "in date on 2027-03-31",
            ),
            (
                record("London", None),
                &file,
                "2027-03-31T23:00:00Z",
                Verdict::Broken,
                "expired on 2027-03-31",
            ),
            (
                record("London", Some("aa")),
                &file,
                "2027-01-01T00:00:00Z",
                Verdict::Held,
                "SHA-256 aa",
            ),
            (
                record("London", Some("bb")),
                &file,
                "2027-01-01T00:00:00Z",
                Verdict::Broken,
                "not the one recorded",
            ),
            (
                record("Leeds", None),
                &file,
                "2027-01-01T00:00:00Z",
                Verdict::Broken,
                "not covering: Leeds",
            ),
            (
                record("London", None),
                &gone,
                "2027-01-01T00:00:00Z",
                Verdict::Broken,
                "cannot be read",
            ),
        ] {
            let (found, observed) = judge(&record, digest, today(now.parse().unwrap()));
            assert_eq!(found, verdict, "{observed}");
            assert!(observed.contains(says), "{observed}");
        }
    }

    #[test]
    fn every_reason_is_told_at_once() {
        let (_, observed) = judge(
            &record("Leeds", None),
            &Err("gone".to_owned()),
            "2028-01-01".parse().unwrap(),
        );
        for reason in ["cannot be read", "expired", "Leeds"] {
            assert!(observed.contains(reason), "{observed}");
        }
    }
}
