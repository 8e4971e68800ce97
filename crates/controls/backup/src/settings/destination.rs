//! `[[backup.destination]]`: a place for copies.

use std::path::{Component, Path, PathBuf};

use avouch_statement::{Draft, Figure, Slug, Table};

use super::{At, Destination, FRESH, LOCAL};
use crate::far::{Address, PublicKey};

/// What an address says, before the keys beside it are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Url {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A keeper on another one.
    Keeper {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// The name that the service has there.
        service: String,
    },
}

pub(super) fn read(name: Slug, mut table: Table<'_>) -> Option<Destination> {
    let url = table.need_parsed(
        "url",
        "the address of a folder or of a keeper",
        "file:///mnt/second",
        Url::parse,
    );
    if name.as_str() == LOCAL {
        table.fault(
            table.at(),
            "`local` is in the data folder and needs no entry",
            "",
            "remove it, or name it otherwise",
        );
        return None;
    }
    let at = match url?.value {
        Url::Folder(folder) => At::Folder(folder),
        Url::Keeper {
            host,
            port,
            service,
        } => {
            let key = table.need_parsed(
                "key",
                "the public key that the keeper shows",
                &"0f".repeat(32),
                |text| text.parse::<PublicKey>().map_err(|fault| fault.to_string()),
            );
            let credential = credential(&mut table);
            table.claim("append-only", append_only(&name));
            At::Far {
                address: Address::Keeper {
                    host,
                    port,
                    service,
                    key: key?.value,
                },
                credential: credential?,
            }
        }
    };
    table.finish();
    Some(Destination { name, at })
}

/// The name of a file beside the master key; the statement holds no secret itself.
fn credential(table: &mut Table<'_>) -> Option<String> {
    let named = table.need_parsed(
        "credential",
        "the name of a file in the data folder's `keys`",
        "keeper.token",
        |text| {
            let mut parts = Path::new(text).components();
            match (parts.next(), parts.next()) {
                (Some(Component::Normal(_)), None) => Ok(text.to_owned()),
                _ => Err("not the name of one file".to_owned()),
            }
        },
    );
    Some(named?.value)
}

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// With what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("file:") {
            let path = PathBuf::from(rest.strip_prefix("//").unwrap_or(rest));
            let climbs = path
                .components()
                .any(|part| matches!(part, Component::ParentDir));
            if path.as_os_str().is_empty() || climbs {
                return Err("not a folder, or one with `..` in it".to_owned());
            }
            return Ok(Self::Folder(path));
        }
        let rest = text
            .strip_prefix("keeper://")
            .ok_or("it begins with neither `file:` nor `keeper://`")?;
        let unfit = || {
            "write `keeper://HOST:PORT/NAME`, with the name that the service has there".to_owned()
        };
        let (place, service) = rest.split_once('/').ok_or_else(unfit)?;
        let (host, port) = place.rsplit_once(':').ok_or_else(unfit)?;
        let port = port.parse().map_err(|_| unfit())?;
        let service: Slug = service.parse().map_err(|_| unfit())?;
        if host.is_empty() || port == 0 {
            return Err(unfit());
        }
        Ok(Self::Keeper {
            host: host.to_owned(),
            port,
            service: service.to_string(),
        })
    }
}

fn append_only(name: &Slug) -> Draft {
    Draft::enforced(
        format!(
            "Nobody who takes over this service's machine can delete, change or shorten what its keeper `{name}` has: \
             copies are received, read back, and removed by the keeper alone, by its own clock."
        ),
        Figure::Word("append-only".to_owned()),
        "Tried in every round with this service's own credential, on the smallest file of each kind of each \
         repository: deleting it, overwriting it and shortening it. The keeper's signed word is wanted that each \
         snapshot of which this service has a record has been read back, and that nothing is wrong. The jobs that do \
         this reach the stated host and port through a process that connects to nothing else. Not tried: the keeper's \
         own machine, which whoever runs it can change; it holds the passwords of these copies, so a copy there can be \
         read after a tenant's key was destroyed here, until its time has come.",
    )
    .fresh_for(FRESH)
}
