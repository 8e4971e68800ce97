//! The messages, and nothing else.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::rest::Rested;
use super::status::Status;
use crate::phase::Phase;
use crate::secret::SecretBytes;
use crate::tls::TlsUsed;

/// An opaque mark for one session, chosen by the core. It is no credential: it only groups tunnels and cached assertions.
pub type SessionTag = [u8; 16];

/// What the core knows its own word by: it changes with the person, their role, the tenant and the session.
pub type WarrantMark = u64;

/// What the core says to the front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToFront {
    /// Serve by these rules from now on.
    Configure(Box<Configure>),
    /// The answer to a [`Begin`].
    Begun {
        /// The request's id.
        id: u64,
        /// What is to happen to it.
        admit: Admit,
    },
    /// The answer to an [`End`].
    Ended {
        /// The request's id.
        id: u64,
        /// Whether the event is durable. If not, the answer is not released; a read that was not asked about is asked about.
        kept: bool,
    },
    /// A session is over: its tunnels close now, and nothing goes on an earlier word about it. [`ToCore::Revoked`] follows.
    Revoke {
        /// Which session.
        session: SessionTag,
        /// Counts revocations.
        number: u64,
    },
    /// What people are to be told of how the service is.
    Status(Box<Status>),
    /// The core is there, and what it said last is still so.
    StillSo,
    /// A tenant's instance may be put to rest: nothing goes to it any more on an earlier word. [`ToCore::Rested`] follows.
    Rest {
        /// The tenant's id.
        tenant: String,
        /// Counts such questions.
        number: u64,
    },
}

/// What the front says to the core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToCore {
    /// A listener is open.
    Listening {
        /// The address in fact bound (port 0 asked for is the port found here).
        addr: SocketAddr,
    },
    /// A listener could not be opened.
    ListenFailed {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        reason: String,
    },
    /// A request wants to go to a tenant.
    Begin(Begin),
    /// A forwarded request has its outcome.
    End(Ending),
    /// A tunnel has ended.
    Closed(Closed),
    /// The front itself refused something.
    Refused(Refused),
    /// A connection is over, or several were.
    Flowed(Flowed),
    /// What connections negotiated since the last time.
    Suites(Vec<SuiteCount>),
    /// Every revocation up to this number has been followed.
    Revoked {
        /// The number of the last.
        number: u64,
    },
    /// What is under way to a tenant's instance.
    Rested(Rested),
}

/// Everything the front needs to serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configure {
    /// Where to listen with TLS. Port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Where to answer plain HTTP with a redirect, if anywhere.
    pub http_redirect: Option<SocketAddr>,
    /// The service's name; tenants, `signin` and `console` are hosts under it.
    pub domain: String,
    /// The public port in our own addresses; 0 means the port bound.
    pub port: u16,
    /// Versions, suites and certificates.
    pub tls: TlsRules,
    /// The Ed25519 seed (32 bytes) that assertions are signed with.
    pub assertion_seed: SecretBytes,
    /// The key id in the assertions' heads.
    pub assertion_kid: String,
    /// Where the core serves sign-in, console and statement.
    pub console_socket: PathBuf,
    /// Sizes and times.
    pub limits: Limits,
    /// Where only numbers may be entered.
    pub entries: Vec<EntryRule>,
    /// What counts as opening a record.
    pub records: Vec<RecordRule>,
    /// Whether each connection is told.
    pub flows: bool,
}

/// Versions, suites and certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsRules {
    /// The lowest version spoken.
    pub minimum: Minimum,
    /// The weakest cipher spoken.
    pub ciphers: Ciphers,
    /// A chain and key for each name; names may be `*.domain`.
    pub certificates: Vec<CertifiedHost>,
}

/// The lowest TLS version spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Minimum {
    /// TLS 1.2 and 1.3.
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

/// The weakest cipher spoken, by key length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ciphers {
    /// AES-256-GCM and ChaCha20-Poly1305 only.
    Bits256,
    /// AES-128-GCM as well.
    Bits128AndAbove,
}

/// A certificate and its key, for some names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifiedHost {
    /// Exact names and `*.domain` wildcards (one label).
    pub names: Vec<String>,
    /// The chain, leaf first, DER.
    pub chain: Vec<Vec<u8>>,
    /// The leaf's private key, PKCS #8 DER.
    pub key: SecretBytes,
}

/// Sizes in bytes and times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The largest request head.
    pub header_bytes: u32,
    /// The largest request body.
    pub body_bytes: u64,
    /// How long a handshake, and a request's head, may take.
    pub header_ms: u32,
    /// How long a body, a write or an unused connection may stand still.
    pub idle_ms: u32,
    /// How long an instance may take to begin its answer.
    pub answer_ms: u32,
    /// How long a request waits for an instance that is restarting.
    pub reach_ms: u32,
    /// How many connections are served at once.
    pub connections: u32,
}

impl Default for Limits {
    /// 32 KiB heads, 10 MiB bodies, 10 s for a head, 60 s of silence, 30 s for an answer, 5 s for a restart, 4096 connections.
    fn default() -> Self {
        Self {
            header_bytes: 32 * 1024,
            body_bytes: 10 * 1024 * 1024,
            header_ms: 10_000,
            idle_ms: 60_000,
            answer_ms: 30_000,
            reach_ms: 5_000,
            connections: 4096,
        }
    }
}

/// A form that takes numbers and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRule {
    /// The entry's name in the statement.
    pub name: String,
    /// The method it is sent with.
    pub method: String,
    /// The path it is sent to.
    pub path: String,
    /// How many digits a number may have.
    pub digits: u8,
}

/// A path that opens a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordRule {
    /// The record's name in the statement.
    pub name: String,
    /// The path it is opened at.
    pub path: String,
    /// What names the subject, from the path's captures.
    pub subject: String,
}

/// A request that wants to go to a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Unique on this link.
    pub id: u64,
    /// The host asked for, lower-case, without the port; known to lie under the domain.
    pub host: String,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// SHA-256 of the session cookie's value.
    pub token_digest: Option<[u8; 32]>,
    /// The client's address.
    pub client: IpAddr,
    /// What was negotiated.
    pub tls: TlsUsed,
    /// Whether the method may change something: its intent must be durable before [`Admit::Forward`].
    pub unsafe_method: bool,
    /// Whether it asks for a tunnel (WebSocket).
    pub upgrade: bool,
    /// The record rule the path falls under.
    pub record: Option<String>,
    /// The subjects that the path names.
    pub subjects: Vec<String>,
    /// What is said to be a mark of one of the core's own checks.
    pub mark: Option<[u8; 32]>,
}

/// What is to happen to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admit {
    /// It goes to a tenant's instance. An [`End`] follows, always.
    Forward {
        /// The tenant's id.
        tenant: String,
        /// The instance's socket.
        upstream: PathBuf,
        /// Who it is.
        person: Person,
        /// The session's mark.
        session: SessionTag,
        /// If given, further reads with the same token may go on at once; each one's [`End`] brings this back.
        warrant: Option<WarrantMark>,
    },
    /// Nobody is signed in: the browser is sent there. No [`End`] follows.
    SignIn {
        /// An absolute URL.
        location: String,
    },
    /// It is refused. No [`End`] follows.
    Refuse {
        /// The status.
        status: u16,
        /// A short code that support can look up.
        reason: String,
    },
    /// The core cannot answer now, for instance because events cannot be written. No [`End`] follows.
    Unavailable,
}

/// Who is signed in, as the application is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The person's id.
    pub id: String,
    /// The address they sign in with.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Their role in the tenant.
    pub role: Role,
    /// Whether it is one of the checks' own people.
    pub synthetic: bool,
}

/// A role in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// May administer the tenant's people.
    Administrator,
    /// May use the application.
    Member,
}

impl Role {
    /// The word used in assertions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Member => "member",
        }
    }
}

/// A forwarded request's outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The request's id.
    pub id: u64,
    /// The status that the client gets, or would have got.
    pub status: u16,
    /// The answer's length where its head says so.
    pub bytes: Option<u64>,
    /// From the request's head to the answer's.
    pub micros: u64,
    /// What the path named and what the application said it showed.
    pub subjects: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
}

/// A read that went on an earlier word. The core judges it as if it had been asked, before the answer leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// What the front would have asked; a safe method, and no tunnel.
    pub begin: Begin,
    /// The word that it went on.
    pub warrant: WarrantMark,
    /// What came of it.
    pub end: End,
}

/// A request that has its outcome, by whether the core was asked before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The core said yes to a [`Begin`].
    Asked(End),
    /// No [`Begin`] came before.
    Unasked(Box<Read>),
}

impl Ending {
    /// The request's id.
    pub const fn id(&self) -> u64 {
        match self {
            Self::Asked(end) => end.id,
            Self::Unasked(read) => read.end.id,
        }
    }
}

/// How a forwarded request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The instance answered.
    Answered,
    /// The client went away first; whether it took effect is not known.
    ClientGone,
    /// No instance could be reached; nothing was sent.
    Unreachable,
    /// The instance went away in the middle; whether it took effect is not known.
    Broken,
    /// The instance did not begin its answer in time.
    Slow,
    /// The client's body was too large or came too slowly, or its framing was broken.
    BadBody,
}

impl Outcome {
    /// The name used in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ClientGone => "client-gone",
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::Slow => "slow",
            Self::BadBody => "bad-body",
        }
    }
}

/// A tunnel that has ended. Its beginning was the [`End`] with status 101 and the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The request's id.
    pub id: u64,
    /// Bytes from the client and to the client.
    pub bytes: (u64, u64),
    /// How long it was open.
    pub micros: u64,
    /// Whether it was cut by a sign-out or a shutdown.
    pub cut: bool,
}

/// A connection that is over; or, where there were too many of strangers' to tell one by one, the first of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flowed {
    /// The client's address and port.
    pub client: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
    /// The name that was asked for in the handshake.
    pub host: Option<String>,
    /// Why it was turned away, if it was.
    pub refused: Option<String>,
    /// Whether somebody who is signed in went over it to an application.
    pub known: bool,
    /// Bytes from the client; of all where there were several.
    pub received: u64,
    /// Bytes to the client; of all where there were several.
    pub sent: u64,
    /// How long it lasted; of the first where there were several.
    pub micros: u64,
    /// How many there were.
    pub count: u64,
}

/// What the front refused by itself, before any [`Begin`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Unique on this link.
    pub id: u64,
    /// Where in its life.
    pub phase: Phase,
    /// The code of the reason.
    pub reason: String,
    /// The status answered.
    pub status: u16,
    /// The host, if it is one of ours.
    pub host: Option<String>,
    /// The method, if one was read.
    pub method: Option<String>,
    /// The path, if one was read; shortened.
    pub path: Option<String>,
    /// The entry rule that was broken, if it was one.
    pub entry: Option<String>,
    /// The client's address and port.
    pub client: SocketAddr,
    /// SHA-256 of the session cookie's value, if there was one.
    pub token_digest: Option<[u8; 32]>,
    /// From the request's head to this; nothing of what had no head.
    pub micros: Option<u64>,
    /// How many of this reason it stands for. The facts above are of the first.
    pub count: u32,
}

/// How many connections negotiated a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteCount {
    /// The version and the suite.
    pub tls: TlsUsed,
    /// Connections since the last report.
    pub count: u64,
}
