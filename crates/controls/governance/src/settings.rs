//! `[[inherited]]` and `[[attested]]`: records of what others answer for.

use avouch_statement::{Assurance, Audience, ClaimId, Draft, Figure, Slug, Spanned, Table};
use jiff::civil::Date;

const CERTIFICATE: &str = "{ file = \"certs/iso27001.pdf\", number = \"…\", issuer = \"…\", scope = \"…\", sites = [\"…\"], expires = 2027-03-31 }";

/// All that others answer for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// What providers hold.
    pub inherited: Vec<Inherited>,
    /// What people signed.
    pub attested: Vec<Attested>,
}

/// Something a provider holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherited {
    /// Its name in the statement.
    pub name: Slug,
    /// The scheme, such as `ISO/IEC 27001`.
    pub scheme: String,
    /// The certificate.
    pub certificate: Certificate,
    /// Where we are hosted: it must be one of the certificate's sites.
    pub region: Option<String>,
    /// Made up, to show how it looks.
    pub example: bool,
}

/// A certificate as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The stored file, relative to the statement.
    pub file: String,
    /// SHA-256 of that file, lower-case hex.
    pub sha256: Option<String>,
    /// Its number.
    pub number: String,
    /// Who issued it.
    pub issuer: String,
    /// What it covers.
    pub scope: String,
    /// Where it covers it.
    pub sites: Vec<String>,
    /// The last day on which it is good.
    pub expires: Date,
}

/// A duty that a person signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// Its name in the statement.
    pub name: Slug,
    /// The duty.
    pub role: String,
    /// Who carries it.
    pub person: String,
    /// The day of the signature.
    pub signed: Date,
    /// The last day before it must be reviewed.
    pub review_by: Date,
    /// The day on which the person's employment ends; from that day the duty is the successor's.
    pub until: Option<Date>,
    /// Who takes over.
    pub successor: Option<Successor>,
    /// Made up, to show how it looks.
    pub example: bool,
}

/// Who takes over a duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// Who.
    pub person: String,
    /// The day of the signature.
    pub signed: Date,
}

impl Inherited {
    /// Its claim's id.
    #[must_use]
    pub fn claim(&self) -> ClaimId {
        ClaimId::new(format!("inherited.{}", self.name))
    }

    fn sentence(&self) -> String {
        let Certificate {
            number,
            issuer,
            scope,
            sites,
            expires,
            ..
        } = &self.certificate;
        format!(
            "{}Our provider holds {} certificate {number}, issued by {issuer}, for {scope}, at {}, until {expires}.",
            example(self.example),
            self.scheme,
            sites.join(", "),
        )
    }
}

impl Attested {
    /// Its claim's id.
    #[must_use]
    pub fn claim(&self) -> ClaimId {
        ClaimId::new(format!("attested.{}", self.name))
    }

    fn sentence(&self) -> String {
        format!(
            "{}{} is our {}: signed on {}, to be reviewed by {}.",
            example(self.example),
            self.person,
            self.role,
            self.signed,
            self.review_by,
        )
    }
}

/// Reads `[[inherited]]` and `[[attested]]` from the whole document, and records a claim for each.
pub fn read(root: &mut Table<'_>) -> Option<Settings> {
    let (mut settings, mut whole) = (Settings::default(), true);
    for (name, entry) in root.entries("inherited") {
        match inherited(name, entry) {
            Some(found) => {
                settings.inherited.push(found);
            }
            None => whole = false,
        }
    }
    for (name, entry) in root.entries("attested") {
        match attested(name, entry) {
            Some(found) => {
                settings.attested.push(found);
            }
            None => whole = false,
        }
    }
    whole.then_some(settings)
}

fn inherited_claim(found: &Inherited) -> Draft {
    let file = match &found.certificate.sha256 {
        Some(_) => "that the stored file is the one recorded",
        None => "that the stored file is there",
    };
    let (tried, untried) = match &found.region {
        Some(region) => (
            format!(", that {region}, where we are hosted, is one of its sites"),
            "",
        ),
        None => (
            String::new(),
            "whether we are hosted at one of its sites, and ",
        ),
    };
    Draft::enforced(
        found.sentence(),
        Figure::Word(found.scheme.clone()),
        format!(
            "Looked at in every round: that it is in date{tried}, and {file}. \
             Not tried: {untried}whether the issuer still stands by it."
        ),
    )
    .assured(Assurance::Inherited)
    .for_audience(Audience::Public)
}

fn attested_claim(found: &Attested) -> Draft {
    Draft::enforced(
        found.sentence(),
        Figure::Word(found.role.clone()),
        "Looked at in every round: that the review is not overdue and that nobody has left without a successor. Not tried: what the person does.",
    )
    .assured(Assurance::Attested)
    .for_audience(Audience::Public)
}

fn inherited(name: Slug, mut entry: Table<'_>) -> Option<Inherited> {
    let scheme = entry.need_text("scheme", "ISO/IEC 27001");
    let table = entry.need_table("certificate", CERTIFICATE);
    let region = entry.text("region", "London");
    let example = entry.truth("example").is_some_and(|truth| truth.value);
    let certificate = table.and_then(certificate);
    let found = (|| {
        Some(Inherited {
            name,
            scheme: scheme?.value,
            certificate: certificate?,
            region: region.map(|text| text.value),
            example,
        })
    })();
    if let Some(found) = &found {
        entry.claim("", inherited_claim(found));
    }
    entry.finish();
    found
}

fn certificate(mut table: Table<'_>) -> Option<Certificate> {
    let file = table.need_text("file", "certs/iso27001.pdf");
    let sha256 = table.or("sha256", None, digest);
    let number = table.need_text("number", "IS 12345");
    let issuer = table.need_text("issuer", "the body that issued it");
    let scope = table.need_text("scope", "what it covers");
    let sites = table.need_texts("sites", "[\"London\"]");
    let expires = table.need_date("expires", "2027-03-31");
    table.finish();
    Some(Certificate {
        file: file?.value,
        sha256: sha256?,
        number: number?.value,
        issuer: issuer?.value,
        scope: scope?.value,
        sites: values(sites?.value),
        expires: expires?.value,
    })
}

fn digest(table: &mut Table<'_>, key: &'static str) -> Option<Spanned<Option<String>>> {
    let text = table.text(key, &"0f".repeat(32))?;
    let sound = text.value.len() == 64
        && text
            .value
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if sound {
        return Some(Spanned {
            value: Some(text.value),
            at: text.at,
        });
    }
    table.fault(
        text.at,
        "`sha256` must be the file's SHA-256",
        "not 64 digits and letters a to f",
        "write what `sha256sum FILE` prints",
    );
    None
}

fn attested(name: Slug, mut entry: Table<'_>) -> Option<Attested> {
    let role = entry.need_text("role", "information governance lead");
    let person = entry.need_text("person", "First Last");
    let signed = entry.need_date("signed", "2026-10-01");
    let review_by = entry.need_date("review-by", "2027-10-01");
    let until = optional_date(&mut entry, "until");
    let successor = entry.table(
        "successor",
        r#"{ person = "First Last", signed = 2026-10-01 }"#,
    );
    let had_successor = successor.is_some() || entry.has("successor");
    let successor = successor.and_then(successor_of);
    let example = entry.truth("example").is_some_and(|truth| truth.value);
    if let (Some(signed), Some(review_by)) = (&signed, &review_by)
        && review_by.value <= signed.value
    {
        entry.fault(
            review_by.at.clone(),
            "`review-by` must come after `signed`",
            "not after the signature",
            "write the day by which it is looked at again",
        );
    }
    let broken = had_successor && successor.is_none();
    let found = (|| {
        Some(Attested {
            name,
            role: role?.value,
            person: person?.value,
            signed: signed?.value,
            review_by: review_by?.value,
            until: until?,
            successor,
            example,
        })
    })()
    .filter(|_| !broken);
    if let Some(found) = &found {
        entry.claim("", attested_claim(found));
    }
    entry.finish();
    found
}

fn successor_of(mut table: Table<'_>) -> Option<Successor> {
    let person = table.need_text("person", "First Last");
    let signed = table.need_date("signed", "2026-10-01");
    table.finish();
    Some(Successor {
        person: person?.value,
        signed: signed?.value,
    })
}

/// `Some(None)` where none is given, `None` where it is wrong.
fn optional_date(table: &mut Table<'_>, key: &'static str) -> Option<Option<Date>> {
    table.or(key, None, |table, key| {
        let date = table.need_date(key, "2027-01-31")?;
        Some(Spanned {
            value: Some(date.value),
            at: date.at,
        })
    })
}

fn values(list: Vec<Spanned<String>>) -> Vec<String> {
    list.into_iter().map(|text| text.value).collect()
}

const fn example(marked: bool) -> &'static str {
    if marked { "EXAMPLE, not real. " } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Claim, Document, Faults, Reading, Source};

    const GOOD: &str = r#"
[[inherited]]
name = "data-centre"
scheme = "ISO/IEC 27001"
region = "London"
certificate = { file = "certs/a.txt", number = "N1", issuer = "Body", scope = "hosting", sites = ["London", "Leeds"], expires = 2027-03-31 }

[[attested]]
name = "ig-lead"
example = true
role = "lead"
person = "Ada"
signed = 2026-01-01
review-by = 2027-01-01
"#;

    fn parsed(text: &str) -> Result<(Settings, Vec<Claim>), Faults> {
        let source = Source::new("avouch.toml", text);
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let settings = read(&mut root);
        root.finish();
        let claims = reading.finish()?;
        Ok((settings.unwrap(), claims))
    }

    #[test]
    fn the_sentence_is_made_from_the_record() {
        let (_, claims) = parsed(GOOD).unwrap();
        let said: Vec<_> = claims
            .iter()
            .map(|claim| (claim.id.as_str(), claim.assurance, claim.text.as_str()))
            .collect();
        assert!(said.contains(&(
            "inherited.data-centre",
            Assurance::Inherited,
            "Our provider holds ISO/IEC 27001 certificate N1, issued by Body, for hosting, at London, Leeds, until 2027-03-31.",
        )));
        assert!(said.contains(&(
            "attested.ig-lead",
            Assurance::Attested,
            "EXAMPLE, not real. Ada is our lead: signed on 2026-01-01, to be reviewed by 2027-01-01.",
        )));
    }

    #[test]
    fn a_record_without_what_it_rests_on_is_a_fault() {
        for (from, to, message) in [
            (
                "number = \"N1\", ",
                "",
                "`inherited.data-centre.certificate` does not say `number`",
            ),
            (
                "expires = 2027-03-31",
                "expires = \"soon\"",
                "`expires` must be a date",
            ),
            (
                "sites = [\"London\", \"Leeds\"]",
                "sites = []",
                "`sites` is empty",
            ),
            (
                "number = \"N1\"",
                "number = \"N1\", sha256 = \"abc\"",
                "`sha256` must be the file's SHA-256",
            ),
            (
                "person = \"Ada\"\n",
                "",
                "`attested.ig-lead` does not say `person`",
            ),
            (
                "review-by = 2027-01-01",
                "review-by = 2026-01-01",
                "`review-by` must come after `signed`",
            ),
            (
                "review-by = 2027-01-01",
                "review-by = 2027-01-01\nuntil = 5",
                "`until` must be a date",
            ),
        ] {
            let faults = parsed(&GOOD.replace(from, to)).unwrap_err();
            assert!(
                faults.list().iter().any(|fault| fault.message == message),
                "{faults}"
            );
        }
    }
}
