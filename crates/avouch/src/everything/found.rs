//! What is found at a destination, and what of it is missing: the plan.

use std::path::{Path, PathBuf};

use avouch_backup::drill::{Drill, StepName};
use avouch_backup::keeper::within;
use avouch_backup::records::Records;
use avouch_backup::repository::{Listed, Repository, RepositoryError, Unverified};
use avouch_backup::settings::{At, LOCAL, SourceSettings};
use avouch_keyring::Keyring;
use avouch_runtime::layout::Layout;
use avouch_statement::{Slug, Source, TenantId};
use avouch_store::Store;
use jiff::Timestamp;
use nix::sys::statvfs::statvfs;
use serde::{Deserialize, Serialize};

use super::Order;
use super::kit::{self, Scratch};
use super::place::Place;
use crate::core::log_key;
use crate::fail::Fail;
use crate::statement_file::{self, Statement};

/// What is Avouch's own, as repositories call its owner.
pub const PLATFORM: &str = "platform";

/// What would come back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    pub service: String,
    /// Where it comes from.
    pub from: String,
    /// What the statement calls that.
    pub destination: Slug,
    /// What comes back, the platform first.
    pub found: Vec<Item>,
    /// What does not, and stops it unless it is left out by name.
    pub missing: Vec<Missing>,
    /// What is worth knowing besides.
    pub told: Vec<String>,
    /// The ledger at the moment of the backup.
    pub ledger: Option<Ledger>,
    /// Destinations that were in the data folder, and went with it.
    pub lost: Vec<Slug>,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Bytes that there are room for, if that is known.
    pub free: Option<u64>,
}

/// One source of one owner, in its newest backup there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Item {
    pub owner: String,
    /// The number of the tenant's user; `None` for the platform.
    pub number: Option<u32>,
    pub source: String,
    pub snapshot: String,
    pub taken: Timestamp,
    pub bytes: u64,
    /// Older backups of it, newest first: taken where the newest turns out to be damaged.
    pub older: Vec<Older>,
    /// Whether all this was planned by it: an older one of it is another plan.
    pub plans: bool,
    /// Whether it has a place in the data folder. What has not is put into a folder, and from there into its server by hand.
    pub into_place: bool,
    /// Its place within its owner's data.
    #[serde(skip_serializing_if = "is_nothing", default)]
    pub within: PathBuf,
    /// How long reading it back and comparing it took in its last drill.
    pub took_ms: Option<u64>,
}

/// An older backup of a source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Older {
    pub snapshot: String,
    pub taken: Timestamp,
}

/// Something that is not there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Missing {
    pub owner: String,
    pub what: String,
}

/// The ledger, as the checkpoint says that was in the backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ledger {
    pub entries: u64,
    /// Entries of a checkpoint that was kept elsewhere, if one was named.
    pub kept: Option<u64>,
    /// How it stands with that, in words.
    pub says: String,
}

/// The plan, and whom it leaves out.
pub struct Found {
    pub plan: Plan,
    /// Tenants whose keys were destroyed after the backup was taken.
    pub erased: Vec<TenantId>,
}

/// The platform's repository, opened, and the newest of its backups that can be read.
struct Platform {
    destination: Slug,
    listed: Vec<Listed>,
    newest: Listed,
    statement: Statement,
    store: Vec<u8>,
    checkpoint: Option<Vec<u8>>,
}

/// A tenant in the platform's store.
struct Tenant {
    id: TenantId,
    number: u32,
}

/// Looks at everything; backups of the platform that are in `damaged` are passed over.
///
/// # Errors
/// If the keys do not open the platform's repository, or nothing in it can be read.
pub async fn find(
    order: &Order<'_>,
    place: &Place,
    keyring: &Keyring,
    layout: &Layout,
    damaged: &[String],
) -> Result<Found, Fail> {
    let platform = platform(place, keyring, damaged)?;
    let scratch = Scratch::new()?;
    let path = scratch.path().join("store.db");
    std::fs::write(&path, &platform.store)
        .map_err(|error| Fail::new("the store cannot be looked at").from(error))?;
    let store = Store::open(&path)
        .await
        .map_err(|error| Fail::new("the store in the backup cannot be opened").from(error))?;
    let records = Records::open(store.clone())
        .await
        .map_err(|error| Fail::new("the records in the backup cannot be read").from(error))?;
    let tenants = active(&store).await?;

    let mut plan = Plan {
        service: platform.statement.service.name.clone(),
        from: place.to_string(),
        destination: platform.destination.clone(),
        found: Vec::new(),
        missing: Vec::new(),
        told: Vec::new(),
        ledger: ledger(order, &platform, keyring)?,
        lost: lost(&platform.statement),
        bytes: 0,
        free: free(layout.data()),
    };
    let settings = &platform.statement.backup.sources;
    let (ours, theirs): (Vec<&SourceSettings>, Vec<&SourceSettings>) =
        settings.iter().partition(|source| source.is_platform());
    let drills = drills(&records, PLATFORM).await?;
    let planned = &platform.newest;
    let sound: Vec<Listed> = platform
        .listed
        .iter()
        .filter(|one| !damaged.contains(&one.id.to_string()))
        // Of the state, the one that this is planned by; of what else is the platform's, the newest.
        .filter(|one| one.label.source != planned.label.source || one.id == planned.id)
        .cloned()
        .collect();
    for source in &ours {
        plan.take(PLATFORM, None, source, &sound, &drills);
    }
    for item in &mut plan.found {
        item.plans = item.source == planned.label.source;
    }
    let mut erased = Vec::new();
    for tenant in &tenants {
        if keyring.is_shredded(&tenant.id) {
            plan.told.push(format!(
                "`{}` was erased after this backup was taken: its keys were destroyed, and it does not come back",
                tenant.id
            ));
            erased.push(tenant.id.clone());
            continue;
        }
        let drills = self::drills(&records, tenant.id.as_str()).await?;
        match theirs_there(place, keyring, tenant, &platform.destination)? {
            Ok(listed) => {
                for source in &theirs {
                    let id = tenant.id.as_str();
                    plan.take(id, Some(tenant.number), source, &listed, &drills);
                }
            }
            Err(what) => plan.missing.push(Missing {
                owner: tenant.id.to_string(),
                what,
            }),
        }
    }
    for owner in place.owners().unwrap_or_default() {
        let known = tenants.iter().any(|tenant| tenant.id.as_str() == owner);
        if !known && owner != PLATFORM {
            plan.told.push(format!(
                "there is a repository of `{owner}`, of whom the platform's backup of {} does not know: it was added \
                 later, or is being erased",
                platform.newest.label.taken
            ));
        }
    }
    plan.bytes = plan.found.iter().map(|item| item.bytes).sum();
    store.close().await;
    Ok(Found { plan, erased })
}

impl Plan {
    /// Takes in one source, or says that it is missing.
    fn take(
        &mut self,
        owner: &str,
        number: Option<u32>,
        source: &SourceSettings,
        listed: &[Listed],
        drills: &[Drill],
    ) {
        let mut of_it: Vec<&Listed> = listed
            .iter()
            .filter(|one| one.label.source == source.name.as_str())
            .collect();
        of_it.sort_by_key(|one| std::cmp::Reverse(one.label.taken));
        let Some((newest, older)) = of_it.split_first() else {
            let elsewhere: Vec<String> = source.to.iter().map(ToString::to_string).collect();
            self.missing.push(Missing {
                owner: owner.to_owned(),
                what: format!(
                    "there is no backup of its source `{}` here; the statement keeps it at {}",
                    source.name,
                    elsewhere.join(", ")
                ),
            });
            return;
        };
        let of_source = drills
            .iter()
            .find(|drill| drill.source == source.name.as_str());
        self.found.push(Item {
            owner: owner.to_owned(),
            number,
            source: source.name.to_string(),
            snapshot: newest.id.to_string(),
            taken: newest.label.taken,
            bytes: newest.bytes,
            older: older
                .iter()
                .map(|one| Older {
                    snapshot: one.id.to_string(),
                    taken: one.label.taken,
                })
                .collect(),
            plans: false,
            into_place: source.kind.is_in_a_folder(),
            within: within(source),
            took_ms: of_source.and_then(took),
        });
    }
}

/// The platform's repository, whichever of the keys opens it.
fn platform(place: &Place, keyring: &Keyring, damaged: &[String]) -> Result<Platform, Fail> {
    let unread = || Fail::new(format!("the platform's backups at {place} cannot be read"));
    let names = keyring
        .destinations()
        .map_err(|error| Fail::new("the keys cannot be listed").from(error))?;
    let site = place
        .repository(PLATFORM)?
        .site(place.dial())
        .map_err(|error| unread().from(error))?;
    for destination in names {
        let Some(password) = kit::password(keyring, None, &destination)
            .map_err(|error| Fail::new("a key cannot be read").from(error))?
        else {
            continue;
        };
        let repository = match Repository::open(&site, &password) {
            Ok(repository) => repository,
            Err(RepositoryError::WrongKey(_)) => continue,
            Err(error) => return Err(unread().from(error)),
        };
        return newest(&repository, destination, damaged)
            .map_err(|fail| fail.help("name another destination with `--from`"));
    }
    Err(Fail::new(format!(
        "none of these keys opens the platform's backups at {place}"
    ))
    .help("they are keys of another service, or of this one before it had this destination: look for a newer copy of them"))
}

/// The newest backup of the platform that has a store and a statement.
fn newest(
    repository: &Repository,
    destination: Slug,
    damaged: &[String],
) -> Result<Platform, Fail> {
    let unread = || Fail::new("the platform's backups cannot be listed");
    let all: Vec<Unverified> = repository.list().map_err(|error| unread().from(error))?;
    let listed: Vec<Listed> = all.iter().map(|one| one.listed().clone()).collect();
    let mut first = None;
    for snapshot in all.iter().rev() {
        if damaged.contains(&snapshot.listed().id.to_string()) {
            continue;
        }
        let read = |path: &str| repository.file(snapshot, &Path::new("data").join(path));
        let parts = read("store.db").and_then(|store| {
            Ok((
                store,
                read("statement/statement.toml")?,
                read("ledger/checkpoint")?,
            ))
        });
        let (Some(store), Some(statement), checkpoint) = (match parts {
            Ok(parts) => parts,
            Err(error) => {
                first = first.or(Some(error));
                continue;
            }
        }) else {
            continue;
        };
        let text = String::from_utf8_lossy(&statement).into_owned();
        let statement =
            statement_file::read(Source::new("statement.toml", text)).map_err(|faults| {
                Fail::new(format!(
                "this version of Avouch does not read the statement in the backup of {}:\n{faults}",
                snapshot.listed().label.taken
            ))
            .help("use the version that took the backup")
            })?;
        return Ok(Platform {
            destination,
            newest: snapshot.listed().clone(),
            listed,
            statement,
            store,
            checkpoint,
        });
    }
    let none = Fail::new("there is no backup of the platform that can be read");
    Err(match first {
        Some(error) => none.from(error),
        None => none,
    })
}

async fn active(store: &Store) -> Result<Vec<Tenant>, Fail> {
    let unread = |error: sqlx::Error| Fail::new("the tenants cannot be read").from(error);
    let rows: Vec<(String, i64)> =
        sqlx::query_as("select id, uid from tenant where status = 'active' order by id")
            .fetch_all(store.readers())
            .await
            .map_err(unread)?;
    let tenant = |(id, number): (String, i64)| {
        Some(Tenant {
            id: id.parse().ok()?,
            number: u32::try_from(number).ok()?,
        })
    };
    let tenants: Option<Vec<Tenant>> = rows.into_iter().map(tenant).collect();
    tenants.ok_or_else(|| Fail::new("a tenant in the store cannot be read"))
}

/// The backups of a tenant there, or why there are none.
fn theirs_there(
    place: &Place,
    keyring: &Keyring,
    tenant: &Tenant,
    destination: &Slug,
) -> Result<Result<Vec<Listed>, String>, Fail> {
    let password = kit::password(keyring, Some(&tenant.id), destination)
        .map_err(|error| Fail::new("a key cannot be read").from(error))?;
    let Some(password) = password else {
        return Ok(Err(format!(
            "there is no key for its backups at `{destination}`: this copy of the keys is from before its first one"
        )));
    };
    let site = place
        .repository(tenant.id.as_str())?
        .site(place.dial())
        .map_err(|error| Fail::new("the destination cannot be reached").from(error))?;
    let listed = Repository::open(&site, &password).and_then(|repository| repository.list());
    Ok(match listed {
        Ok(all) => Ok(all.iter().map(|one| one.listed().clone()).collect()),
        Err(RepositoryError::Far(error)) => {
            return Err(Fail::new("the destination cannot be reached").from(error));
        }
        Err(error) => Err(crate::fail::chain(&error)),
    })
}

async fn drills(records: &Records, owner: &str) -> Result<Vec<Drill>, Fail> {
    let drills = records
        .drills(owner)
        .await
        .map_err(|error| Fail::new("the drills in the backup cannot be read").from(error))?;
    Ok(drills.into_iter().map(|(drill, _)| drill).collect())
}

fn took(drill: &Drill) -> Option<u64> {
    let step = |name| drill.steps.iter().find(|step| step.name == name);
    let took = step(StepName::Restore)?.took + step(StepName::Compare)?.took;
    u64::try_from(took.as_millis()).ok()
}

/// How far the ledger in the backup goes, and what of a checkpoint that was kept is not in it.
fn ledger(
    order: &Order<'_>,
    platform: &Platform,
    keyring: &Keyring,
) -> Result<Option<Ledger>, Fail> {
    let vkey = log_key(&platform.statement, keyring)?.vkey();
    let Ok(vkey) = vkey.parse::<avouch_ledger::verify::Vkey>() else {
        return Ok(None);
    };
    let read = |bytes: &[u8]| {
        avouch_ledger::verify::checkpoint(&String::from_utf8_lossy(bytes), &vkey).ok()
    };
    let Some(ours) = platform.checkpoint.as_deref().and_then(read) else {
        return Ok(None);
    };
    let (kept, says) = match &order.asked.checkpoint {
        None => (
            None,
            "whatever was recorded after that is lost; name a checkpoint that was kept elsewhere with `--checkpoint FILE` \
             to learn how much at least"
                .to_owned(),
        ),
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| {
                Fail::new(format!("cannot read `{}`", path.display())).from(error)
            })?;
            let kept = read(&bytes).ok_or_else(|| {
                Fail::new(format!(
                    "`{}` is no checkpoint of this service's ledger",
                    path.display()
                ))
            })?;
            let says = match kept.size.checked_sub(ours.size) {
                None | Some(0) => {
                    "it goes at least as far as the checkpoint that was kept, and is compared with that once it is there"
                        .to_owned()
                }
                Some(more) => format!(
                    "the checkpoint that was kept has {more} entries more: these are lost, and the ledger will not go on \
                     from that checkpoint, as its holders and every witness that signed one can see"
                ),
            };
            (Some(kept.size), says)
        }
    };
    Ok(Some(Ledger {
        entries: ours.size,
        kept,
        says,
    }))
}

/// Destinations in the data folder itself.
fn lost(statement: &Statement) -> Vec<Slug> {
    let inside = statement.backup.destinations.iter().filter(
        |destination| matches!(&destination.at, At::Folder(folder) if folder.is_relative()),
    );
    LOCAL
        .parse()
        .into_iter()
        .chain(inside.map(|destination| destination.name.clone()))
        .collect()
}

fn free(data: &Path) -> Option<u64> {
    let there = data.ancestors().find(|folder| folder.is_dir())?;
    let disk = statvfs(there).ok()?;
    disk.blocks_available().checked_mul(disk.fragment_size())
}

fn is_nothing(path: &Path) -> bool {
    path.as_os_str().is_empty()
}
