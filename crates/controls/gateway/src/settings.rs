//! `[gateway]`: what is promised about connections and about what may be entered, and where the gateway listens.

use std::net::{Ipv4Addr, SocketAddr};

use avouch_statement::{Draft, Figure, Length, Pattern, Slug, Spanned, Table, Unit};

use crate::checks::PERIOD;
use crate::hygiene::path;
use crate::link::{Ciphers, EntryRule, Limits, Minimum};

/// The claim about versions.
pub const MINIMUM: &str = "gateway.tls.minimum";
/// The claim about key lengths.
pub const CIPHERS: &str = "gateway.tls.ciphers";

/// Where the gateway listens unless the statement says otherwise: on this machine only.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

const KIB: u64 = 1024;

/// Everything that `[gateway]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where TLS is served.
    pub listen: Vec<SocketAddr>,
    /// Where plain HTTP is answered with a redirect, if anywhere.
    pub http: Option<SocketAddr>,
    /// The service's name.
    pub domain: String,
    /// The lowest TLS version.
    pub minimum: Minimum,
    /// The weakest cipher.
    pub ciphers: Ciphers,
    /// Sizes and times.
    pub limits: Limits,
    /// Where only numbers may be entered.
    pub entries: Vec<EntryRule>,
}

impl Settings {
    /// The port in our own addresses: the first that TLS is served on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listen
            .first()
            .map(SocketAddr::port)
            .unwrap_or_default()
    }

    /// Every address that is listened on.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listen.iter().copied().chain(self.http).collect()
    }

    /// Every port that is listened on.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.addresses().iter().map(SocketAddr::port).collect()
    }
}

/// Reads the section: `None` if anything in it is at fault.
pub fn read(section: &mut Table<'_>) -> Option<Settings> {
    let domain =
        section.need_parsed(
            "domain",
            "a DNS name",
            "acuity.example",
            |text| match path::host(text) {
                Some(host) if host == text && !text.starts_with('.') && !text.ends_with('.') => {
                    Ok(text.to_owned())
                }
                _ => Err("not a name in lower-case letters, digits, hyphens and dots".to_owned()),
            },
        );
    let listen = listen(section);
    let http = section.or("http", None, |section, key| {
        section.need_parsed(key, ADDRESS, "127.0.0.1:8080", |text| {
            address(text).map(Some)
        })
    });
    let tls = section
        .need_table(
            "tls",
            r#"{ minimum = "1.2", ciphers = "256-bit", certificate = "local-ca" }"#,
        )
        .and_then(tls);
    let entries: Vec<_> = section
        .entries("entry")
        .into_iter()
        .map(|(name, table)| entry(&name, table))
        .collect();
    let limits = match section.table("limits", r#"{ body = "10 MiB" }"#) {
        Some(table) => limits(table),
        None => Some(Limits::default()),
    };
    let (minimum, ciphers) = tls?;
    Some(Settings {
        listen: listen?,
        http: http?,
        domain: domain?.value,
        minimum,
        ciphers,
        limits: limits?,
        entries: entries.into_iter().collect::<Option<_>>()?,
    })
}

const ADDRESS: &str = "an address and a port";

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "not an address and a port".to_owned())
}

fn listen(section: &mut Table<'_>) -> Option<Vec<SocketAddr>> {
    if !section.has("listen") {
        section.text("listen", "127.0.0.1:8443");
        return Some(vec![LISTEN]);
    }
    let texts = section.texts("listen", r#"["127.0.0.1:8443"]"#)?;
    let mut addresses = Vec::new();
    for text in texts.value {
        match address(&text.value) {
            Ok(address) => addresses.push(address),
            Err(why) => {
                section.fault(
                    text.at,
                    format!("`listen` must hold {ADDRESS} each"),
                    why,
                    "write `listen = [\"127.0.0.1:8443\"]`",
                );
                return None;
            }
        }
    }
    Some(addresses)
}

fn tls(mut table: Table<'_>) -> Option<(Minimum, Ciphers)> {
    let minimum = table.need_word(
        "minimum",
        &[("1.2", Minimum::Tls12), ("1.3", Minimum::Tls13)],
    );
    let ciphers = table.need_word(
        "ciphers",
        &[
            ("256-bit", Ciphers::Bits256),
            ("128-bit", Ciphers::Bits128AndAbove),
        ],
    );
    let certificate = table.need_word("certificate", &[("local-ca", ())]);
    if let Some(minimum) = &minimum {
        table.claim("minimum", minimum_claim(minimum.value));
    }
    if let Some(ciphers) = &ciphers {
        table.claim("ciphers", ciphers_claim(ciphers.value));
    }
    table.finish();
    certificate?;
    Some((minimum?.value, ciphers?.value))
}

fn minimum_claim(minimum: Minimum) -> Draft {
    let (text, figure) = match minimum {
        Minimum::Tls12 => ("1.2 or 1.3", vec![1, 2]),
        Minimum::Tls13 => ("1.3", vec![1, 3]),
    };
    Draft::enforced(
        format!("Every byte between a browser and the service travels inside TLS {text}, never older."),
        Figure::Version(figure),
        "Tried by offering SSL 3, TLS 1.0 and TLS 1.1 alone, each of which must be turned away while the current versions are \
         answered, and by speaking plain HTTP, which may bring a redirect and nothing else. Tried from this machine, so a \
         proxy in front of it is not seen. The hop to the application is a socket on the same machine, without TLS.",
    )
    .for_audience(avouch_statement::Audience::Public)
}

fn ciphers_claim(ciphers: Ciphers) -> Draft {
    let bits = bits(ciphers);
    Draft::enforced(
        format!("Connections are encrypted with keys of at least {bits} bits."),
        Figure::Word(format!("{bits}-bit")),
        format!(
            "Tried by clients that offer shorter keys only, in each version of TLS that is spoken, none of which may connect, and \
             by counting what every connection of the last {PERIOD} days negotiated: none below {bits} bits. The counts are kept \
             by day; when the service is killed, those of its last minute are lost, but not that a suite was negotiated for \
             the first time on its day. Whoever may write the service’s store may change them. It is about the cipher's key; \
             the certificate's is an elliptic-curve key of 256 bits, which is weaker than a cipher's."
        ),
    )
    .for_audience(avouch_statement::Audience::Public)
}

/// The shortest key that the rule allows.
pub(crate) const fn bits(ciphers: Ciphers) -> u16 {
    match ciphers {
        Ciphers::Bits256 => 256,
        Ciphers::Bits128AndAbove => 128,
    }
}

fn entry(name: &Slug, mut table: Table<'_>) -> Option<EntryRule> {
    let method = table.or("method", "POST", |table, key| {
        table.need_word(key, &[("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH")])
    });
    let path = table.need_parsed(
        "path",
        "a path pattern",
        "/wards/{ward}/assessments",
        |text| {
            Pattern::parse(text)
                .map(|_| text.to_owned())
                .map_err(|error| error.to_string())
        },
    );
    let accept = table.need_word("accept", &[("numbers", ())]);
    let digits = table.need_whole("digits", 1..=18_u8, 4);
    if let (Some(_), Some(digits)) = (&accept, &digits) {
        table.claim("accept", entry_claim(name, digits.value));
    }
    table.finish();
    accept?;
    Some(EntryRule {
        name: name.to_string(),
        method: method?.to_owned(),
        path: path?.value,
        digits: digits?.value,
    })
}

fn entry_claim(name: &Slug, digits: u8) -> Draft {
    Draft::enforced(
        format!(
            "Where “{name}” is entered, whole numbers of at most {digits} digits are let through, and nothing else."
        ),
        Figure::Word("numbers".to_owned()),
        "Tried as a synthetic person of each customer, who sends text, markup, dates, fractions, numbers that are too long, other \
         content types and text in the address; every one must be turned away before the application sees it, and the trail must \
         show the gateway's own refusal of it. Paths that the \
         statement does not list as an entry are not covered.",
    )
}

fn limits(mut table: Table<'_>) -> Option<Limits> {
    let defaults = Limits::default();
    let header = table.or("header", defaults.header_bytes.into(), |table, key| {
        table.need_size(key, "32 KiB", 8 * KIB..=KIB * KIB)
    });
    let body = table.or("body", defaults.body_bytes, |table, key| {
        table.need_size(key, "10 MiB", KIB..=16 * KIB * KIB * KIB)
    });
    let header_time = time(&mut table, "header-time", "10 s", defaults.header_ms);
    let idle = time(&mut table, "idle", "60 s", defaults.idle_ms);
    let answer = time(&mut table, "answer", "30 s", defaults.answer_ms);
    let connections = table.or("connections", defaults.connections, |table, key| {
        table.need_whole(key, 16..=100_000, defaults.connections)
    });
    table.finish();
    Some(Limits {
        header_bytes: u32::try_from(header?).ok()?,
        body_bytes: body?,
        header_ms: header_time?,
        idle_ms: idle?,
        answer_ms: answer?,
        connections: connections?,
        ..defaults
    })
}

fn time(table: &mut Table<'_>, key: &'static str, example: &str, default: u32) -> Option<u32> {
    let range = Length::new(1, Unit::Second)..=Length::new(1, Unit::Hour);
    table.or(key, default, |table, key| {
        let length = table.need_length_within(key, example, range)?;
        let value = u32::try_from(length.value.seconds() * 1000).ok()?;
        Some(Spanned {
            value,
            at: length.at,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    const WHOLE: &str = r#"[gateway]
domain = "acuity.localhost"
tls = { minimum = "1.2", ciphers = "256-bit", certificate = "local-ca" }
[[gateway.entry]]
name = "assessment"
path = "/wards/{ward}/assessments"
accept = "numbers"
digits = 4
"#;

    fn read_text(text: &str) -> Result<(Settings, Vec<String>), Vec<String>> {
        let source = Source::new("avouch.toml", text);
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let mut section = root.need_table("gateway", "{ … }").unwrap();
        let settings = read(&mut section);
        section.finish();
        root.finish();
        let claims = reading.finish().map_err(|faults| {
            faults
                .list()
                .iter()
                .map(|fault| fault.message.clone())
                .collect::<Vec<_>>()
        })?;
        Ok((
            settings.unwrap(),
            claims
                .iter()
                .map(|claim| format!("{} {}", claim.id, claim.figure))
                .collect(),
        ))
    }

    #[test]
    fn each_promise_becomes_a_claim_with_its_figure() {
        let (settings, claims) = read_text(WHOLE).unwrap();
        let expected = [
            "gateway.tls.ciphers 256-bit",
            "gateway.tls.minimum 1.2",
            "gateway.entry.assessment.accept numbers",
        ];
        let mut claims = claims;
        claims.sort_by_key(|claim| expected.iter().position(|known| known == claim));
        assert_eq!(claims, expected);
        assert_eq!(
            (settings.listen, settings.http, settings.limits),
            (vec![LISTEN], None, Limits::default())
        );
        let rule = EntryRule {
            name: "assessment".into(),
            method: "POST".into(),
            path: "/wards/{ward}/assessments".into(),
            digits: 4,
        };
        assert_eq!(settings.entries, [rule]);
    }

    #[test]
    fn wiring_is_read_and_promises_nothing() {
        let more = "listen = [\"127.0.0.1:9443\", \"[::1]:9443\"]\nhttp = \"127.0.0.1:9080\"\nlimits = { body = \"1 MiB\", idle = \"5 s\", connections = 64 }\n";
        let (settings, claims) =
            read_text(&WHOLE.replace("tls =", &format!("{more}tls ="))).unwrap();
        assert_eq!(claims.len(), 3);
        assert_eq!(
            (settings.port(), settings.ports()),
            (9443, vec![9443, 9443, 9080])
        );
        assert_eq!(
            (
                settings.limits.body_bytes,
                settings.limits.idle_ms,
                settings.limits.connections
            ),
            (1024 * 1024, 5_000, 64)
        );
    }

    #[test]
    fn a_wrong_value_is_a_fault_that_names_its_key() {
        for (right, wrong, fault) in [
            (
                "\"acuity.localhost\"",
                "\"Acuity Localhost\"",
                "`domain` must be a DNS name",
            ),
            ("\"1.2\"", "\"1.1\"", "`minimum` cannot be \"1.1\""),
            (
                "\"256-bit\"",
                "\"56-bit\"",
                "`ciphers` cannot be \"56-bit\"",
            ),
            (
                "\"numbers\"",
                "\"anything\"",
                "`accept` cannot be \"anything\"",
            ),
            (
                "/wards/{ward}/assessments",
                "wards",
                "`path` must be a path pattern",
            ),
            ("digits = 4", "digits = 40", "`digits` must be from 1 to 18"),
            (
                "tls =",
                "listen = [\"here\"]\ntls =",
                "`listen` must hold an address and a port each",
            ),
            (
                "tls =",
                "limits = { body = \"10 MB\" }\ntls =",
                "`body` must be a size",
            ),
            (
                "tls =",
                "limits = { idle = \"2 h\" }\ntls =",
                "`idle` must be from 1 second to 1 hour",
            ),
        ] {
            assert_eq!(
                read_text(&WHOLE.replace(right, wrong)),
                Err(vec![fault.to_owned()]),
                "{wrong}"
            );
        }
    }
}
