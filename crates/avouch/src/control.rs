//! The control socket: how `avouch` commands ask the running core, one JSON message a line.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::core::reading;
use crate::fail::Fail;

/// A request is short; anything longer is not one of ours.
pub const LONGEST_REQUEST: u64 = 1 << 20;

/// What a command asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    Check {
        claims: Vec<String>,
    },
    Coverage {
        set: String,
    },
    Statement,
    Pack {
        tenant: String,
    },
    BackupRun {
        tenant: Option<String>,
    },
    BackupList,
    BackupVerify,
    Restore {
        tenant: String,
        source: Option<String>,
        snapshot: Option<String>,
        #[serde(default)]
        at: Option<String>,
        from: Option<String>,
        to: Option<String>,
        file: Option<String>,
        because: Option<String>,
        execute: bool,
    },
    DrillRun {
        tenant: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        random: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        any_moment: bool,
        snapshot: Option<String>,
        from: Option<String>,
    },
    DrillList,
    DrillShow {
        id: String,
    },
    Clock,
    ClockBelieve {
        time: Timestamp,
        because: String,
    },
    AuditSearch(reading::Search),
    AuditSubject(reading::Subject),
    AuditExport(reading::Export),
    AuditExports,
    AuditUnusual {
        tenant: String,
        because: String,
    },
    Prove {
        index: u64,
    },
    ProveSince {
        size: u64,
    },
    AuditRebuild,
    ReportList,
    ReportShow {
        name: String,
        period: Option<String>,
        tenant: Option<String>,
    },
    ReportHours {
        day: Option<String>,
    },
    TenantList,
    TenantAdd {
        id: String,
        name: String,
    },
    TenantRemove {
        id: String,
        because: Option<String>,
        execute: bool,
    },
    UserList,
    UserAdd {
        email: String,
        name: String,
        tenant: Option<String>,
        administrator: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        locality: Option<String>,
    },
    UserLocality {
        email: String,
        name: String,
    },
    UserRecords {
        email: String,
        own: Vec<Typed>,
        family: Vec<Typed>,
    },
    UserDisable {
        email: String,
    },
    UserReset {
        email: String,
    },
    UserRemoveSecondFactor {
        email: String,
    },
    KeyEscrow {
        sheets: u8,
        needed: u8,
    },
    KeyRehearse {
        sheets: Vec<Typed>,
    },
}

/// What somebody typed off a sheet, or the number of a record: shown by nothing.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Typed(pub String);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(hidden)")
    }
}

/// What the core answers: any number of `Progress` and `Part`, then one of the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Reply {
    Progress {
        text: String,
    },
    /// A piece of an answer that is too long for one message.
    Part {
        text: String,
    },
    /// A folder that the asker may copy until it says that it has, or goes away.
    Take {
        folder: PathBuf,
    },
    Done {
        value: Value,
    },
    Failed {
        message: String,
        help: Option<String>,
    },
}

impl Request {
    /// The name that the audit trail gives it.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Check { .. } => "check",
            Self::Coverage { .. } => "coverage",
            Self::Statement => "statement",
            Self::Pack { .. } => "pack",
            Self::BackupRun { .. } => "backup run",
            Self::BackupList => "backup list",
            Self::BackupVerify => "backup verify",
            Self::Restore { .. } => "restore",
            Self::DrillRun { .. } => "drill run",
            Self::DrillList => "drill list",
            Self::DrillShow { .. } => "drill show",
            Self::Clock => "clock show",
            Self::ClockBelieve { .. } => "clock believe",
            Self::AuditSearch(_) => "audit search",
            Self::AuditSubject(_) => "audit subject",
            Self::AuditExport(_) => "audit export",
            Self::AuditExports => "audit exports",
            Self::AuditUnusual { .. } => "audit unusual",
            Self::Prove { .. } | Self::ProveSince { .. } => "audit prove",
            Self::AuditRebuild => "audit rebuild",
            Self::ReportList => "report list",
            Self::ReportShow { .. } => "report show",
            Self::ReportHours { .. } => "report hours",
            Self::TenantList => "tenant list",
            Self::TenantAdd { .. } => "tenant add",
            Self::TenantRemove { .. } => "tenant remove",
            Self::UserList => "user list",
            Self::UserAdd { .. } => "user add",
            Self::UserLocality { .. } => "user locality",
            Self::UserRecords { .. } => "user records",
            Self::UserDisable { .. } => "user disable",
            Self::UserReset { .. } => "user reset",
            Self::KeyEscrow { .. } => "key escrow",
            Self::KeyRehearse { .. } => "key rehearse",
            Self::UserRemoveSecondFactor { .. } => "user second factor remove",
        }
    }

    /// Its parameters as texts, for the audit trail. None of them is a secret.
    pub fn parameters(&self) -> Vec<(String, String)> {
        if let Self::KeyRehearse { sheets } = self {
            return vec![("sheets".to_owned(), sheets.len().to_string())];
        }
        if let Self::UserRecords { email, own, family } = self {
            return vec![
                ("email".to_owned(), email.clone()),
                ("own".to_owned(), own.len().to_string()),
                ("family".to_owned(), family.len().to_string()),
            ];
        }
        let Ok(Value::Object(fields)) = serde_json::to_value(self) else {
            return Vec::new();
        };
        fields
            .into_iter()
            .filter(|(name, value)| name != "ask" && !value.is_null())
            .map(|(name, value)| match value {
                Value::String(text) => (name, text),
                other => (name, other.to_string()),
            })
            .collect()
    }
}

/// What the asker says when it has taken what it was offered.
const TAKEN: &[u8] = b"taken\n";

/// Asks the running core; progress goes to standard error.
///
/// # Errors
/// If no core runs on this data folder, or it says no.
pub async fn ask(data: &Path, request: &Request) -> Result<Value, Fail> {
    ask_for(data, request, no_parts, no_folder).await
}

/// Asks for something that comes as a folder, which `take` copies.
///
/// # Errors
/// As for [`ask`], and if it was not copied.
pub async fn ask_and_take(
    data: &Path,
    request: &Request,
    take: impl Fn(&Path) -> Result<(), Fail>,
) -> Result<Value, Fail> {
    ask_for(data, request, no_parts, take).await
}

/// Asks the running core for something long: each part is taken as it comes.
///
/// # Errors
/// If no core runs on this data folder, it says no, or a part is not taken.
pub async fn ask_parts(
    data: &Path,
    request: &Request,
    take: impl FnMut(String) -> Result<(), Fail>,
) -> Result<Value, Fail> {
    ask_for(data, request, take, no_folder).await
}

fn no_parts(_: String) -> Result<(), Fail> {
    Err(Fail::new(
        "the service answered in parts, which were not asked for",
    ))
}

fn no_folder(_: &Path) -> Result<(), Fail> {
    Err(Fail::new("the service offered what was not asked for"))
}

async fn ask_for(
    data: &Path,
    request: &Request,
    mut part: impl FnMut(String) -> Result<(), Fail>,
    take: impl Fn(&Path) -> Result<(), Fail>,
) -> Result<Value, Fail> {
    let path = data.join("run/control.sock");
    let stream = UnixStream::connect(&path).await.map_err(|error| {
        Fail::new(format!("no service runs on `{}`", data.display()))
            .from(error)
            .help("start it with `avouch up`, or name another folder with `--data DIR`")
    })?;
    let (reader, mut writer) = stream.into_split();
    let mut line = serde_json::to_string(request)
        .map_err(|error| Fail::new("the request cannot be written").from(error))?;
    line.push('\n');
    let lost = |error: std::io::Error| {
        Fail::new("the service went away before it answered")
            .from(error)
            .help("look at its log, then try again")
    };
    writer.write_all(line.as_bytes()).await.map_err(lost)?;
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await.map_err(lost)? {
        match serde_json::from_str(&line) {
            Ok(Reply::Progress { text }) => crate::talk(&text),
            Ok(Reply::Part { text }) => part(text)?,
            Ok(Reply::Take { folder }) => {
                take(&folder)?;
                writer.write_all(TAKEN).await.map_err(lost)?;
            }
            Ok(Reply::Done { value }) => return Ok(value),
            Ok(Reply::Failed { message, help }) => {
                let fail = Fail::new(message);
                return Err(match help {
                    Some(help) => fail.help(help),
                    None => fail,
                });
            }
            Err(error) => {
                return Err(Fail::new(
                    "the service answered something that this version does not know",
                )
                .from(error));
            }
        }
    }
    Err(Fail::new("the service went away before it answered")
        .help("look at its log, then try again"))
}

/// Reads one request from a connection; `None` when it is not one.
pub async fn read(stream: &mut UnixStream) -> Option<Request> {
    let mut line = Vec::new();
    BufReader::new(stream.take(LONGEST_REQUEST))
        .read_until(b'\n', &mut line)
        .await
        .ok()?;
    serde_json::from_slice(&line).ok()
}

/// Offers a folder, and waits until the asker has taken it.
///
/// # Errors
/// If the asker went away before it had.
pub async fn offer(stream: &mut UnixStream, folder: PathBuf) -> std::io::Result<()> {
    write(stream, &Reply::Take { folder }).await?;
    let mut said = [0; TAKEN.len()];
    stream.read_exact(&mut said).await?;
    if said == TAKEN {
        Ok(())
    } else {
        Err(std::io::ErrorKind::InvalidData.into())
    }
}

/// Writes one reply.
///
/// # Errors
/// If the asker has gone.
pub async fn write(stream: &mut UnixStream, reply: &Reply) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line).await
}
