//! The service's name and hosts: which site a host is, and the addresses of the others.

use crate::local_path::LocalPath;
use crate::secret::StateDigest;

/// What every page says about the service, and where its hosts are.
#[derive(Debug, Clone)]
pub struct Service {
    /// The service's name, as its users know it.
    pub name: String,
    /// The organisation that answers for it.
    pub supplier: String,
    /// Where to write when something is wrong.
    pub support_email: String,
    /// The bare domain, lower case, without a port.
    pub domain: String,
    /// Whether there is a page of the service's status; the gateway serves it on every host.
    pub status_page: bool,
    /// The public HTTPS port; left out of addresses when it is 443.
    pub port: u16,
}

/// One of the service's hosts, each with an origin of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// The bare domain: the public statement.
    Statement,
    /// `signin.`: the only host that sees a password.
    SignIn,
    /// `console.`: administration.
    Console,
    /// `<tenant>.`: only the paths under `/.avouch/`; the rest is the application's.
    Tenant,
}

/// Where somebody wants to go after signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The console.
    Console,
    /// A tenant's application, by the tenant's slug.
    Tenant(String),
}

impl Target {
    /// The target as it stands in `?to=`; `None` when it is neither `console` nor a slug.
    #[must_use]
    pub fn read(given: &str) -> Option<Self> {
        match given {
            "console" => Some(Self::Console),
            reserved if is_reserved(reserved) => None,
            slug if is_slug(slug) => Some(Self::Tenant(slug.to_owned())),
            _ => None,
        }
    }

    /// The first label of its host, which is also its value in `?to=`.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::Console => "console",
            Self::Tenant(slug) => slug,
        }
    }
}

impl Service {
    /// Which site a `avouch-host` value is. The port may be left out; nothing else may differ.
    #[must_use]
    pub fn site(&self, host: &str) -> Option<(Site, Option<Target>)> {
        let name = host
            .strip_suffix(&format!(":{}", self.port))
            .unwrap_or(host);
        if name == self.domain {
            return Some((Site::Statement, None));
        }
        let label = name.strip_suffix(&self.domain)?.strip_suffix('.')?;
        match label {
            "signin" => Some((Site::SignIn, None)),
            "console" => Some((Site::Console, Some(Target::Console))),
            slug if is_slug(slug) => Some((Site::Tenant, Some(Target::Tenant(slug.to_owned())))),
            _ => None,
        }
    }

    /// The public statement's origin.
    #[must_use]
    pub fn statement_origin(&self) -> String {
        self.origin_of(&self.domain)
    }

    /// The sign-in page's origin.
    #[must_use]
    pub fn sign_in_origin(&self) -> String {
        self.origin_of(&format!("signin.{}", self.domain))
    }

    /// A target's origin.
    #[must_use]
    pub fn target_origin(&self, target: &Target) -> String {
        self.origin_of(&format!("{}.{}", target.label(), self.domain))
    }

    /// The origins that a form on the sign-in page may end at: a wildcard for all hosts of the service.
    #[must_use]
    pub fn any_origin(&self) -> String {
        self.origin_of(&format!("*.{}", self.domain))
    }

    /// The origin of a host by its exact name.
    #[must_use]
    pub fn origin_of(&self, host: &str) -> String {
        match self.port {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        }
    }

    /// Where somebody without a session is sent.
    #[must_use]
    pub fn sign_in_address(&self, target: &Target, path: &LocalPath) -> String {
        format!(
            "{}/?to={}&path={}",
            self.sign_in_origin(),
            target.label(),
            encode(path.as_str())
        )
    }

    /// Where a target marks the browser of somebody who has shown their password.
    #[must_use]
    pub fn begin_address(&self, target: &Target, path: &LocalPath) -> String {
        format!(
            "{}/.avouch/begin?path={}",
            self.target_origin(target),
            encode(path.as_str())
        )
    }

    /// Where a marked browser exchanges its pass for a code.
    #[must_use]
    pub fn code_address(&self, target: &Target, path: &LocalPath, browser: StateDigest) -> String {
        format!("{}&state={browser}", self.sign_in_address(target, path))
    }

    /// Where a one-time code is handed in.
    #[must_use]
    pub fn enter_address(&self, target: &Target, code: &str, path: &LocalPath) -> String {
        format!(
            "{}/.avouch/enter?code={}&path={}",
            self.target_origin(target),
            encode(code),
            encode(path.as_str())
        )
    }
}

/// Percent-encodes everything but the unreserved characters. Source: RFC 3986, 2.3.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

fn is_slug(label: &str) -> bool {
    (1..=40).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_reserved(label: &str) -> bool {
    ["signin", "console"].contains(&label)
}
