//! The shapes of a pack as a verifier reads them, and its hashing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Refusal, digest};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pack {
    #[serde(rename = "format")]
    pub _format: String,
    pub tenant: String,
    pub made: String,
    pub promise: String,
    pub key: String,
    pub checkpoint: String,
    pub rounds: Vec<Round>,
    pub stream: String,
    pub events: Vec<Entry>,
}

/// The text of `promise`, once it is known to be the one that the newest round committed to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promise {
    pub format: String,
    pub statement: String,
    pub service: String,
    pub supplier: String,
    pub claims: Vec<Claim>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Claim {
    pub id: String,
    pub text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub index: u64,
    pub leaf: String,
    pub salt: String,
    pub payload: String,
    pub proof: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Round {
    pub entry: Entry,
    pub findings: Vec<Option<Opened>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opened {
    pub salt: String,
    pub finding: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub format: String,
    pub number: u64,
    pub at: String,
    pub statement: String,
    #[serde(default)]
    pub promise: Option<String>,
    pub previous: Option<Previous>,
    pub findings: Vec<Summary>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Previous {
    pub index: u64,
    pub digest: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Summary {
    pub claim: String,
    #[serde(rename = "tenant")]
    pub _tenant: Option<String>,
    pub verdict: String,
    pub digest: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Finding {
    pub claim: String,
    pub tenant: Option<String>,
    pub verdict: String,
    pub observed: String,
    pub at: String,
}

pub(super) fn read(body: &str) -> Result<Pack, Refusal> {
    // The format first: what else is in a pack depends on it.
    #[derive(Deserialize)]
    struct Format {
        format: String,
    }
    let Format { format } = parse(body, "form")?;
    if format != "avouch-pack/v2" {
        return Err(Refusal::new(
            "form",
            format!("this is a pack of format `{format}`, and this version reads `avouch-pack/v2`"),
        ));
    }
    parse(body, "form")
}

pub(super) fn promise(text: &str) -> Result<Promise, Refusal> {
    let promise: Promise = parse(text, "promise")?;
    if promise.format != "avouch-promise/v1" {
        return Err(Refusal::new(
            "promise",
            format!("it has the unknown format `{}`", promise.format),
        ));
    }
    Ok(promise)
}

pub(super) fn header(text: &str, index: u64) -> Result<Header, Refusal> {
    let header: Header = parse(text, "rounds")?;
    if header.format != "avouch-round/v1" {
        return Err(Refusal::new(
            "rounds",
            format!(
                "the round at entry {index} has the unknown format `{}`",
                header.format
            ),
        ));
    }
    Ok(header)
}

/// Opens a finding: its text must be what the header committed to, and fit what the header says.
pub(super) fn finding(
    summary: &Summary,
    opened: &Opened,
    reader: &str,
    round: u64,
) -> Result<Finding, Refusal> {
    let refuse = |why: &str| {
        Refusal::new(
            "findings",
            format!("round {round}, claim `{}`: {why}", summary.claim),
        )
    };
    let salt = hex::decode(&opened.salt).map_err(|_| refuse("its salt is not hex"))?;
    if hex::encode(digest::of(&[
        b"avouch-finding/v1\n",
        &salt,
        opened.finding.as_bytes(),
    ])) != summary.digest
    {
        return Err(refuse("its text is not what the round committed to"));
    }
    let finding: Finding = parse(&opened.finding, "findings")?;
    if finding.claim != summary.claim || finding.verdict != summary.verdict {
        return Err(refuse(
            "its text says another thing than the round's header",
        ));
    }
    if finding.tenant.as_ref().is_some_and(|whose| whose != reader) {
        return Err(refuse(
            "it is about another customer's data and does not belong in this pack",
        ));
    }
    Ok(finding)
}

pub(super) fn hashes(texts: &[String]) -> Option<Vec<[u8; 32]>> {
    texts
        .iter()
        .map(|text| STANDARD.decode(text).ok()?.try_into().ok())
        .collect()
}

/// The text that the supplier signs for a pack with this body.
pub(super) fn digest_line(body: &str) -> String {
    format!(
        "avouch-pack/v2\nsha256 {}\n",
        digest::hex_of(body.as_bytes())
    )
}

pub(super) fn parse<T: DeserializeOwned>(text: &str, part: &'static str) -> Result<T, Refusal> {
    serde_json::from_str(text)
        .map_err(|error| Refusal::new(part, format!("it cannot be read: {error}")))
}
