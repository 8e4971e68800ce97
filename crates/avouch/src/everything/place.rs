//! The destination that everything comes from: a folder, or a keeper on another machine.

use std::fmt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use avouch_backup::far::{self, Address, Credential, Dial, PublicKey};
use avouch_backup::settings::Url;
use avouch_runtime::carry;
use avouch_statement::Slug;

use crate::fail::Fail;

/// Where everything is.
pub enum Place {
    Folder(PathBuf),
    Keeper {
        address: Address,
        credential: Credential,
        dial: Dial,
    },
}

impl Place {
    /// Reads it from the command line.
    ///
    /// # Errors
    /// If it is neither, or what a keeper needs is missing.
    pub fn read(from: &str, pin: Option<&str>, credential: Option<&Path>) -> Result<Self, Fail> {
        let is_url = from.starts_with("file:") || from.contains("://");
        let url = match is_url {
            false => Url::Folder(PathBuf::from(from)),
            true => Url::parse(from)
                .map_err(|why| Fail::new(format!("`{from}` is no destination: {why}")))?,
        };
        match url {
            Url::Folder(folder) => {
                if !folder.join("platform").is_dir() {
                    return Err(Fail::new(format!(
                        "there are no backups of a platform in `{}`",
                        folder.display()
                    ))
                    .help("name the folder of the destination: in it are `platform` and a folder for each tenant"));
                }
                let folder = std::path::absolute(&folder)
                    .map_err(|error| Fail::new("the folder has no path").from(error))?;
                Ok(Self::Folder(folder))
            }
            Url::Keeper {
                host,
                port,
                service,
            } => {
                let needed = "a keeper is trusted by its public key, and lets in by a credential: give `--pin KEY` and \
                              `--credential FILE`";
                let (Some(pin), Some(credential)) = (pin, credential) else {
                    return Err(Fail::new(needed));
                };
                let key: PublicKey = pin.parse().map_err(|fault| {
                    Fail::new(format!("`{pin}` is no keeper's key")).from(fault)
                })?;
                let token = std::fs::read_to_string(credential).map_err(|error| {
                    Fail::new(format!("cannot read `{}`", credential.display())).from(error)
                })?;
                Ok(Self::Keeper {
                    dial: dial(host.clone(), port)?,
                    address: Address::Keeper {
                        host,
                        port,
                        service,
                        key,
                    },
                    credential: Credential::new(&token),
                })
            }
        }
    }

    /// Where an owner's repository is.
    pub fn repository(&self, owner: &str) -> Result<far::Place, Fail> {
        Ok(match self {
            Self::Folder(folder) => far::Place::Folder(folder.join(owner)),
            Self::Keeper {
                address,
                credential,
                ..
            } => far::Place::Far {
                destination: bare()?,
                address: address.clone(),
                repository: owner.to_owned(),
                credential: credential.clone(),
            },
        })
    }

    /// How it is reached, if it is on another machine.
    pub fn dial(&self) -> Option<&Dial> {
        match self {
            Self::Folder(_) => None,
            Self::Keeper { dial, .. } => Some(dial),
        }
    }

    /// Whose repositories lie there; `None` where that cannot be listed.
    pub fn owners(&self) -> Option<Vec<String>> {
        let Self::Folder(folder) = self else {
            return None;
        };
        let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
        let repositories = entries.filter(|entry| entry.path().join("config").is_file());
        Some(
            repositories
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect(),
        )
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Keeper { address, .. } => write!(f, "{address}"),
        }
    }
}

/// No statement has given the place a name yet.
fn bare() -> Result<Slug, Fail> {
    "bare"
        .parse()
        .map_err(|error| Fail::new("the destination has no name").from(error))
}

/// Connects to one place, as a carrier does for a job.
fn dial(host: String, port: u16) -> Result<Dial, Fail> {
    let (ours, theirs) = UnixStream::pair()
        .map_err(|error| Fail::new("there is no line to the keeper").from(error))?;
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        // Whoever asks then finds nobody to connect it, and says so.
        if let Ok(runtime) = runtime {
            runtime.block_on(carry::carry(theirs, &host, port)).ok();
        }
    });
    Ok(Arc::new(move || carry::dial(&ours)))
}
