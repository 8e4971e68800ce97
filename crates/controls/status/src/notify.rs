//! `[status.notify]`: by which relay the supplier's team is written to, and at which address.

use avouch_statement::{Draft, Figure, Length, Spanned, Table};

/// The claim that the supplier's team is written to.
pub const NOTIFY: &str = "status.notify";

/// The port of submission over TLS from the first byte (RFC 8314).
const SUBMISSIONS: u16 = 465;

/// Who is written to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// The relay that takes our mail.
    pub relay: Relay,
    /// The address that it comes from.
    pub from: String,
    /// The addresses that it goes to.
    pub to: Vec<String>,
    /// The user that the relay knows us as, if it wants one.
    pub user: Option<String>,
    /// The file with that user's password, in the folder of keys.
    pub secret: Option<String>,
    /// The file of the relay's certificate's authority, beside the statement; this machine's authorities if there is none.
    pub authority: Option<String>,
}

/// A mail relay. TLS begins with the first byte: what a relay says before it could be anybody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

const EXAMPLE: &str = r#"{ relay = "smtps://mail.example.test", from = "status@example.test", to = ["support@example.test"] }"#;

/// Reads `notify` of `[status]`, which may be left out; `None` for a fault.
pub(crate) fn read(section: &mut Table<'_>, within: Option<Length>) -> Option<Option<Notify>> {
    let Some(mut table) = section.table("notify", EXAMPLE) else {
        return Some(None);
    };
    let relay = table.need_parsed(
        "relay",
        "the address of a mail relay",
        "smtps://mail.example.test",
        relay_at,
    );
    let from = table.need_parsed("from", "an email address", "status@example.test", address);
    let to = table.need_texts("to", "[\"support@example.test\"]");
    let to = to.and_then(|to| addresses(&table, &to));
    let user = optional(&mut table, "user", "the name of a user", |text| {
        !text.is_empty() && !text.chars().any(char::is_control)
    });
    let secret = optional(
        &mut table,
        "secret",
        "the name of a file in the folder of keys",
        |text| !text.is_empty() && !text.contains('/') && !text.starts_with('.'),
    );
    let authority = optional(
        &mut table,
        "authority",
        "a file beside the statement",
        |text| !text.is_empty(),
    );
    if let (Some(user), Some(secret)) = (&user, &secret)
        && user.is_some() != secret.is_some()
    {
        table.fault(
            table.at(),
            "`user` and `secret` belong together",
            "one of them is missing",
            "write both, or neither",
        );
        return None;
    }
    let notify = Notify {
        relay: relay?.value,
        from: from?.value,
        to: to?,
        user: user?,
        secret: secret?,
        authority: authority?,
    };
    table.claim("", claim(within?));
    table.finish();
    Some(Some(notify))
}

fn addresses(table: &Table<'_>, to: &Spanned<Vec<Spanned<String>>>) -> Option<Vec<String>> {
    let read: Result<Vec<String>, String> =
        to.value.iter().map(|text| address(&text.value)).collect();
    match read {
        Ok(all) if !all.is_empty() => Some(all),
        _ => {
            table.fault(
                to.at.clone(),
                "`to` must be email addresses",
                "not an email address",
                "write `to = [\"support@example.test\"]`",
            );
            None
        }
    }
}

fn address(text: &str) -> Result<String, String> {
    let fits = text
        .split_once('@')
        .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty() && !host.contains('@'))
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains(['<', '>', ',', '"']);
    match fits {
        true => Ok(text.to_owned()),
        false => Err("not an email address".to_owned()),
    }
}

fn relay_at(text: &str) -> Result<Relay, String> {
    let rest = match text.split_once("://") {
        Some(("smtps", rest)) => rest,
        // What somebody in between says before the command counts as the relay's after it (RFC 3207, section 6).
        Some(("smtp", _)) => {
            return Err(format!(
                "`smtp://` begins in the clear; the relay's port for TLS from the first byte, often {SUBMISSIONS}, is `smtps://`"
            ));
        }
        _ => return Err("it does not begin with `smtps://`".to_owned()),
    };
    // What stands before the host would be a password in the open.
    if rest.contains('@') {
        return Err(
            "it has a name or password in it; these go into `user` and `secret`".to_owned(),
        );
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (
            host,
            port.parse().map_err(|_| "its port is none".to_owned())?,
        ),
        None => (rest, SUBMISSIONS),
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if host.is_empty() || port == 0 || !host.bytes().all(fits) {
        return Err("it names no host".to_owned());
    }
    Ok(Relay {
        host: host.to_owned(),
        port,
    })
}

/// A text that may be left out and must be like this.
fn optional(
    table: &mut Table<'_>,
    key: &'static str,
    what: &str,
    fits: impl Fn(&str) -> bool,
) -> Option<Option<String>> {
    table.or(key, None, |table, key| {
        table.need_parsed(key, what, "mail", |text| match fits(text) {
            true => Ok(Some(text.to_owned())),
            false => Err("it is none".to_owned()),
        })
    })
}

fn claim(within: Length) -> Draft {
    Draft::enforced(
        format!(
            "The supplier’s team is written to when something wrong begins and when it ends, within {within} of when it was \
             told, and after an absence of the mail relay."
        ),
        Figure::Length(within),
        "In every round the relay is connected to and greeted over TLS, and what was not taken is compared with this length. \
         What was taken once is not sent again after a restart. Not tried: whether the relay delivers, and whether somebody \
         reads it. What people report as a fault is not sent.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source, Unit};

    const SOUND: &str = "[status.notify]\nrelay = \"smtps://mail.test\"\nfrom = \"status@a.test\"\nto = [\"team@a.test\"]\n\
                         user = \"status\"\nsecret = \"mail\"\n";

    fn parsed(text: &str) -> Result<(Option<Notify>, Vec<String>), String> {
        let source = Source::new("avouch.toml", format!("[status]\n{text}"));
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut root = document.table(&reading);
        let mut section = root.need_table("status", "{ … }").unwrap();
        let notify = read(&mut section, Some(Length::new(1, Unit::Minute)));
        section.finish();
        root.finish();
        let claims = reading
            .finish()
            .map_err(|faults| faults.list()[0].message.clone())?;
        let ids = claims.iter().map(|claim| claim.id.to_string()).collect();
        Ok((notify.unwrap(), ids))
    }

    #[test]
    fn a_relay_is_promised_and_its_port_is_that_of_submission_over_tls() {
        let (notify, claims) = parsed(SOUND).unwrap();
        assert_eq!(claims, [NOTIFY]);
        assert_eq!(notify.unwrap().relay.port, 465);
        let (notify, _) = parsed(&SOUND.replace("mail.test", "mail.test:2525")).unwrap();
        assert_eq!(notify.unwrap().relay.port, 2525);
        assert_eq!(parsed("").unwrap(), (None, Vec::new()));
    }

    #[test]
    fn each_wrong_line_is_a_fault() {
        for (from, to, message) in [
            (
                "smtps:",
                "http:",
                "`relay` must be the address of a mail relay",
            ),
            (
                "smtps:",
                "smtp:",
                "`relay` must be the address of a mail relay",
            ),
            (
                "smtps://",
                "smtps://me:password@",
                "`relay` must be the address of a mail relay",
            ),
            ("status@a.test", "status", "`from` must be an email address"),
            ("team@a.test", "team", "`to` must be email addresses"),
            (
                "secret = \"mail\"",
                "secret = \"../master.key\"",
                "`secret` must be the name of a file in the folder of keys",
            ),
            (
                "secret = \"mail\"\n",
                "",
                "`user` and `secret` belong together",
            ),
        ] {
            assert_eq!(parsed(&SOUND.replace(from, to)).unwrap_err(), message);
        }
    }
}
