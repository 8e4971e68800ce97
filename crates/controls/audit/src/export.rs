//! `[[audit.export]]`: who receives the audit trail as it is written.

use avouch_statement::{Draft, Figure, Length, Slug, Table, TenantId, Unit};
use http::Uri;

/// The port of syslog over TLS (RFC 5425).
const SYSLOG_PORT: u16 = 6514;

/// A receiver of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its name in the statement.
    pub name: Slug,
    /// What it is, and where.
    pub to: Receiver,
    /// An entry is there this long after it was recorded.
    pub within: Length,
    /// Whose events; of everybody and the platform itself if empty.
    pub tenants: Vec<TenantId>,
    /// The file of its certificate's authority, beside the statement; this machine's authorities if there is none.
    pub authority: Option<String>,
    /// The file with what it wants to be shown, in the folder of keys.
    pub secret: Option<String>,
}

/// What speaks at the other end, and where. Always over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// Elasticsearch or OpenSearch: Elastic Common Schema by `_bulk`.
    Bulk {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The path before `/_bulk`.
        prefix: String,
    },
    /// Syslog, RFC 5424.
    Syslog {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Export {
    /// The claim that entries are there in time.
    #[must_use]
    pub fn claim(&self) -> String {
        format!("audit.export.{}.within", self.name)
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        match &self.to {
            Receiver::Bulk { port, .. } | Receiver::Syslog { port, .. } => *port,
        }
    }
}

/// Reads the exports of `[audit]`; `None` for a fault.
pub(crate) fn read(section: &mut Table<'_>) -> Option<Vec<Export>> {
    let exports: Vec<_> = section
        .entries("export")
        .into_iter()
        .map(|(name, entry)| export(name, entry))
        .collect();
    exports.into_iter().collect()
}

fn export(name: Slug, mut entry: Table<'_>) -> Option<Export> {
    let syslog = entry.need_word("format", &[("ecs", false), ("syslog", true)]);
    let to = match syslog.as_ref().map(|syslog| syslog.value) {
        Some(true) => entry.need_parsed(
            "to",
            "the address of a syslog receiver over TLS",
            "tls://siem.example.test:6514",
            syslog_at,
        ),
        _ => entry.need_parsed(
            "to",
            "the address of Elasticsearch or OpenSearch",
            "https://siem.example.test:9200",
            bulk_at,
        ),
    };
    let within = entry.need_length_within(
        "within",
        "5 min",
        Length::new(10, Unit::Second)..=Length::new(7, Unit::Day),
    );
    let tenants = entry.or("tenants", Vec::new(), |entry, key| {
        let texts = entry.need_texts(key, "[\"riverside\"]")?;
        let read: Result<Vec<TenantId>, _> =
            texts.value.iter().map(|text| text.value.parse()).collect();
        if read.is_err() {
            entry.fault(
                texts.at.clone(),
                "`tenants` must be the short names of tenants",
                "not a short name",
                "write them as `avouch tenant list` shows them",
            );
        }
        Some(avouch_statement::Spanned {
            value: read.ok()?,
            at: texts.at,
        })
    });
    let authority = optional(
        &mut entry,
        "authority",
        "a file beside the statement",
        |text| !text.is_empty(),
    );
    let secret = optional(
        &mut entry,
        "secret",
        "the name of a file in the folder of keys",
        |text| !text.is_empty() && !text.contains('/') && !text.starts_with('.'),
    );
    if let (Some(true), Some(at)) = (syslog.map(|syslog| syslog.value), entry.value_at("secret")) {
        entry.fault(
            at,
            "a syslog receiver is shown no secret",
            "not used",
            "leave it out",
        );
        return None;
    }
    let export = Export {
        name,
        to: to?.value,
        within: within?.value,
        tenants: tenants?,
        authority: authority?,
        secret: secret?,
    };
    entry.claim("within", claim(&export));
    entry.finish();
    Some(export)
}

/// A text that may be left out and must be like this.
fn optional(
    entry: &mut Table<'_>,
    key: &'static str,
    what: &str,
    fits: impl Fn(&str) -> bool,
) -> Option<Option<String>> {
    entry.or(key, None, |entry, key| {
        entry.need_parsed(key, what, "siem", |text| match fits(text) {
            true => Ok(Some(text.to_owned())),
            false => Err("it is none".to_owned()),
        })
    })
}

fn bulk_at(text: &str) -> Result<Receiver, String> {
    let (uri, host) = address(text, "https")?;
    Ok(Receiver::Bulk {
        host,
        port: uri.port_u16().unwrap_or(443),
        prefix: uri.path().trim_end_matches('/').to_owned(),
    })
}

fn syslog_at(text: &str) -> Result<Receiver, String> {
    let (uri, host) = address(text, "tls")?;
    if !matches!(uri.path(), "" | "/") {
        return Err("it has a path".to_owned());
    }
    Ok(Receiver::Syslog {
        host,
        port: uri.port_u16().unwrap_or(SYSLOG_PORT),
    })
}

fn address(text: &str, scheme: &str) -> Result<(Uri, String), String> {
    let uri: Uri = text.parse().map_err(|_| "it is no address".to_owned())?;
    if uri.scheme_str() != Some(scheme) {
        return Err(format!("it does not begin with `{scheme}://`"));
    }
    // What stands before the host would be a password in the open.
    if uri
        .authority()
        .is_some_and(|all| all.as_str().contains('@'))
    {
        return Err("it has a name or password in it; that goes into `secret`".to_owned());
    }
    let host = uri.host().unwrap_or_default().to_owned();
    if host.is_empty() {
        return Err("it names no host".to_owned());
    }
    Ok((uri, host))
}

fn claim(export: &Export) -> Draft {
    let whose = if export.tenants.is_empty() {
        String::new()
    } else {
        let names: Vec<&str> = export.tenants.iter().map(TenantId::as_str).collect();
        format!(" of {}", names.join(", "))
    };
    let limits = match export.to {
        Receiver::Bulk { .. } => {
            "In every round the oldest entry that was not taken is compared with this length, an entry that was refused \
             breaks the promise, and the newest one that was taken is looked for at the receiver, if it can be searched. \
             Not tried: whether the receiver keeps what it took."
        }
        Receiver::Syslog { .. } => {
            "In every round the oldest entry that was not taken is compared with this length. A batch counts once the \
             receiver has read it to its end; syslog has no word for more. Not tried: whether the receiver writes down \
             and keeps what it read."
        }
    };
    Draft::enforced(
        format!(
            "The audit trail{whose} is sent to `{}` as it is written, over TLS: each entry within {}, and after an \
             absence of the receiver all that it missed.",
            export.name, export.within
        ),
        Figure::Length(export.within),
        limits,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    fn parsed(text: &str) -> Result<(Vec<Export>, Vec<String>), String> {
        let source = Source::new("avouch.toml", format!("[audit]\n{text}\n"));
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let mut section = root.need_table("audit", "{ … }").unwrap();
        let exports = read(&mut section);
        section.finish();
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        let ids = claims.iter().map(|claim| claim.id.to_string()).collect();
        Ok((exports.unwrap(), ids))
    }

    const SOUND: &str = "[[audit.export]]\nname = \"siem\"\nto = \"https://siem.test:9200/es/\"\nformat = \"ecs\"\n\
                         within = \"5 min\"\nsecret = \"siem.key\"\n";

    #[test]
    fn each_export_is_claimed_with_its_length() {
        let (exports, claims) = parsed(SOUND).unwrap();
        assert_eq!(claims, ["audit.export.siem.within"]);
        assert_eq!(exports[0].claim(), claims[0]);
        assert_eq!(
            exports[0].to,
            Receiver::Bulk {
                host: "siem.test".to_owned(),
                port: 9200,
                prefix: "/es".to_owned()
            }
        );
        let syslog = SOUND
            .replace("https://siem.test:9200/es/", "tls://[::1]")
            .replace("\"ecs\"", "\"syslog\"")
            .replace("secret = \"siem.key\"", "tenants = [\"riverside\"]");
        let (exports, _) = parsed(&syslog).unwrap();
        assert_eq!((exports[0].port(), exports[0].tenants.len()), (6514, 1));
        assert_eq!(parsed("").unwrap().0, []);
    }

    #[test]
    fn each_wrong_line_is_a_fault() {
        for (from, to, message) in [
            (
                "https:",
                "http:",
                "`to` must be the address of Elasticsearch or OpenSearch",
            ),
            (
                "https://",
                "https://me:password@",
                "`to` must be the address of Elasticsearch or OpenSearch",
            ),
            ("\"ecs\"", "\"cef\"", "`format` cannot be \"cef\""),
            (
                "\"ecs\"",
                "\"syslog\"",
                "`to` must be the address of a syslog receiver over TLS",
            ),
            (
                "siem.key",
                "../master.key",
                "`secret` must be the name of a file in the folder of keys",
            ),
            (
                "within = \"5 min\"\n",
                "",
                "`audit.export.siem` does not say `within`",
            ),
            (
                "secret = \"siem.key\"",
                "tenants = [\"Riverside Hospital\"]",
                "`tenants` must be the short names of tenants",
            ),
        ] {
            assert_eq!(parsed(&SOUND.replace(from, to)).unwrap_err(), message);
        }
        let syslog = SOUND
            .replace("https://siem.test:9200/es/", "tls://siem.test")
            .replace("\"ecs\"", "\"syslog\"");
        assert_eq!(
            parsed(&syslog).unwrap_err(),
            "a syslog receiver is shown no secret"
        );
    }
}
