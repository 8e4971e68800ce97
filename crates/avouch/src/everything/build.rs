//! Building it: one owner after another into a folder within the data folder, remembered as it goes.

use std::fs;
use std::path::{Path, PathBuf};

use avouch_backup::job::{self, JobError, Outcome, Spec};
use avouch_backup::manifest::DATA;
use avouch_backup::repository::{Password, RepositoryError};
use avouch_backup::retention::SnapshotId;
use avouch_keyring::Keyring;
use avouch_runtime::layout::Layout;
use avouch_statement::TenantId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::found::{self, Item, Older, PLATFORM, Plan};
use super::place::Place;
use super::{Order, finish, kit, progress, words};
use crate::durable;
use crate::fail::{Fail, chain};

/// What is remembered of an attempt.
const STATE: &str = "attempt.json";
/// Where it grows.
const GROWN: &str = "new";
/// What is being worked at.
const WORK: &str = "work";

/// An attempt, as far as it has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    pub plan: Plan,
    /// Owners of whom everything is back.
    pub done: Vec<String>,
    /// Tenants that come back without what is missing of them.
    pub without: Vec<String>,
    /// Tenants whose keys were destroyed after the backup.
    pub erased: Vec<TenantId>,
    /// Backups that turned out to be damaged, and what was taken in their place.
    pub damaged: Vec<String>,
    /// Everything is there, and takes its places.
    pub placing: bool,
    /// What came of verifying the ledger.
    pub ledger: Option<String>,
}

impl State {
    /// What an earlier attempt left, if there was one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(layout: &Layout) -> Result<Option<Self>, Fail> {
        let path = layout.restoring().join(STATE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Fail::new(format!("cannot read `{}`", path.display())).from(error));
            }
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            Fail::new(format!("`{}` is not one of this version", path.display()))
                .from(error)
                .help("begin again with `--anew`")
        })
    }

    /// Notes how far it has come, after what came before is on the disk.
    pub fn keep(&self, layout: &Layout) -> Result<(), Fail> {
        nix::unistd::sync();
        let unkept = || Fail::new("how far this has come cannot be noted");
        let text = serde_json::to_vec(self).map_err(|error| unkept().from(error))?;
        durable::write(&layout.restoring().join(STATE), &text).map_err(|error| unkept().from(error))
    }
}

/// Where it grows.
pub fn grown(layout: &Layout) -> PathBuf {
    layout.restoring().join(GROWN)
}

/// Does it, or goes on with what an earlier attempt began; what was done.
///
/// # Errors
/// If something is missing that was not left out by name, or anything cannot be read or written. It is gone on with then.
pub async fn build(order: &Order<'_>, place: &Place, layout: &Layout) -> Result<Value, Fail> {
    let restoring = layout.restoring();
    if order.asked.anew {
        remove(&restoring)?;
    }
    let made = |error: std::io::Error| {
        Fail::new(format!("`{}` cannot be made", restoring.display())).from(error)
    };
    fs::create_dir_all(grown(layout)).map_err(made)?;
    close(&restoring).map_err(made)?;
    let begun = State::read(layout)?;
    if let Some(state) = &begun
        && state.plan.from != place.to_string()
    {
        return Err(Fail::new(format!(
            "a restore from {} was begun in `{}`",
            state.plan.from,
            layout.data().display()
        ))
        .help("go on with that one by the same `--from`, or begin again with `--anew`"));
    }
    if let Some(state) = begun.as_ref().filter(|state| state.placing) {
        finish::take_places(layout)?;
        return Ok(words::done(order, layout, state));
    }
    let opened = async {
        let keys = restoring.join("keys");
        remove(&keys)?;
        let keyring = kit::open(order.asked, &keys)?;
        let state = match &begun {
            Some(state) => {
                let done = state.done.join(", ");
                progress(&format!(
                    "going on with what was begun; done already: {done}"
                ));
                state.clone()
            }
            None => begin(order, place, layout, &keyring, Vec::new()).await?,
        };
        Ok::<_, Fail>((keyring, state))
    };
    let (keyring, mut state) = match opened.await {
        Ok(opened) => opened,
        Err(fail) => {
            // Nothing was begun, so nothing is left that says so.
            if begun.is_none() {
                remove(&restoring)?;
            }
            return Err(fail);
        }
    };
    state.keep(layout)?;
    while let Some(owner) = next(&state) {
        match one(place, layout, &keyring, &state, &owner).await {
            Ok(brought) => {
                state.damaged.extend(brought.passed);
                for item in &mut state.plan.found {
                    let used = brought
                        .used
                        .iter()
                        .find(|(source, _)| *source == item.source);
                    if let Some((_, used)) = used.filter(|_| item.owner == owner) {
                        item.snapshot.clone_from(&used.snapshot);
                        item.taken = used.taken;
                    }
                }
                state.done.push(owner);
                state.keep(layout)?;
            }
            // Who the tenants are is in the platform's state, so all is planned anew on an older one.
            Err(Stopped::Unplanned(id)) => {
                progress(&format!(
                    "the platform's backup {id} cannot be used; an older one is taken"
                ));
                let mut passed: Vec<String> = state.damaged.clone();
                passed.push(id);
                state = begin(order, place, layout, &keyring, passed).await?;
                state.keep(layout)?;
            }
            Err(Stopped::Damaged { source, last }) => {
                let or = match owner.as_str() {
                    PLATFORM => String::new(),
                    tenant => format!(", or leave it out with `--without {tenant}` and `--anew`"),
                };
                return Err(Fail::new(format!(
                    "no backup of `{source}` of `{owner}` there is sound; the last that was tried is {last}"
                ))
                .help(format!("take another destination with `--from` and `--anew`{or}")));
            }
            Err(Stopped::Fail(fail)) => {
                return Err(fail.help("the same command goes on from here; `--anew` begins again"));
            }
        }
    }
    finish::finish(order, layout, &keyring, &mut state).await?;
    Ok(words::done(order, layout, &state))
}

/// Plans it, and refuses what would come back in part without anybody having said so.
async fn begin(
    order: &Order<'_>,
    place: &Place,
    layout: &Layout,
    keyring: &Keyring,
    damaged: Vec<String>,
) -> Result<State, Fail> {
    let mut found = found::find(order, place, keyring, layout, &damaged).await?;
    let without = order.asked.without.clone();
    found
        .plan
        .found
        .retain(|item| item.owner == PLATFORM || !without.contains(&item.owner));
    if let Some(missing) = found
        .plan
        .missing
        .iter()
        .find(|missing| !without.contains(&missing.owner))
    {
        return Err(Fail::new(format!("`{}`: {}", missing.owner, missing.what)).help(format!(
            "look for it, or go on without with `--without {}`; the plan lists all that is missing",
            missing.owner
        )));
    }
    if found.plan.free.is_some_and(|free| free < found.plan.bytes) {
        return Err(Fail::new(format!(
            "it takes {} bytes, and there is no room for them at `{}`",
            found.plan.bytes,
            layout.data().display()
        ))
        .help("name a folder on a larger disk with `--data DIR`"));
    }
    Ok(State {
        plan: found.plan,
        done: Vec::new(),
        without,
        erased: found.erased,
        damaged,
        placing: false,
        ledger: None,
    })
}

/// The next owner of whom not everything is back, the platform first.
fn next(state: &State) -> Option<String> {
    let mut owners = state.plan.found.iter().map(|item| &item.owner);
    owners.find(|owner| !state.done.contains(owner)).cloned()
}

/// What came of an owner.
struct Brought {
    /// Backups that were passed over as damaged.
    passed: Vec<String>,
    /// The backup that was used of each source.
    used: Vec<(String, Older)>,
}

/// Why an owner did not come back.
enum Stopped {
    /// Each backup of a source is damaged.
    Damaged {
        source: String,
        last: String,
    },
    /// The backup is that all was planned by.
    Unplanned(String),
    Fail(Fail),
}

impl From<Fail> for Stopped {
    fn from(fail: Fail) -> Self {
        Self::Fail(fail)
    }
}

/// Brings back everything of one owner.
async fn one(
    place: &Place,
    layout: &Layout,
    keyring: &Keyring,
    state: &State,
    owner: &str,
) -> Result<Brought, Stopped> {
    let home = home(layout, owner);
    remove(&home)?;
    let servers = for_servers(&Layout::new(grown(layout)), owner);
    remove(&servers)?;
    let tenant: Option<TenantId> = (owner != PLATFORM).then(|| owner.parse().ok()).flatten();
    let password = kit::password(keyring, tenant.as_ref(), &state.plan.destination)
        .map_err(|error| Fail::new("a key cannot be read").from(error))?
        .ok_or_else(|| Fail::new(format!("there is no key for the backups of `{owner}`")))?;
    let (mut passed, mut used) = (Vec::new(), Vec::new());
    let items: Vec<&Item> = state
        .plan
        .found
        .iter()
        .filter(|item| item.owner == owner)
        .collect();
    for item in items {
        progress(&format!(
            "{owner}: `{}` of {}, {} bytes…",
            item.source, item.taken, item.bytes
        ));
        let from = place.repository(owner)?;
        let into = match item.into_place {
            true => home.clone(),
            false => servers.join(&item.source),
        };
        let newest = Older {
            snapshot: item.snapshot.clone(),
            taken: item.taken,
        };
        let mut back = None;
        for one in std::iter::once(&newest).chain(&item.older) {
            let snapshot = &one.snapshot;
            let order = Bring {
                from: &from,
                password: &password,
                snapshot,
                item,
                into: &into,
            };
            match order.bring(place, layout).await? {
                None => {
                    back = Some(one.clone());
                    break;
                }
                // Who the tenants are is in the platform's state.
                Some(_) if item.plans => return Err(Stopped::Unplanned(snapshot.clone())),
                Some(why) => {
                    progress(&format!(
                        "{owner}: the backup {snapshot} cannot be used: {why}"
                    ));
                    passed.push(snapshot.clone());
                }
            }
        }
        let Some(back) = back else {
            return Err(Stopped::Damaged {
                source: item.source.clone(),
                last: passed.pop().unwrap_or_default(),
            });
        };
        used.push((item.source.clone(), back));
    }
    Ok(Brought { passed, used })
}

/// One backup of one source, and where it goes.
struct Bring<'a> {
    from: &'a avouch_backup::far::Place,
    password: &'a Password,
    snapshot: &'a str,
    item: &'a Item,
    into: &'a Path,
}

impl Bring<'_> {
    /// Reads it back, compares it with what was backed up, and puts it where it belongs; what is wrong with it, if it is
    /// damaged.
    async fn bring(&self, place: &Place, layout: &Layout) -> Result<Option<String>, Fail> {
        let work = layout.restoring().join(WORK);
        remove(&work)?;
        let restored = work.join("restored");
        let restore = Spec::Restore {
            repository: self.from.clone(),
            snapshot: SnapshotId(self.snapshot.to_owned()),
            into: restored.clone(),
        };
        let unread = |error: JobError| {
            Fail::new(format!(
                "`{}` of `{}` did not come back",
                self.item.source, self.item.owner
            ))
            .from(error)
        };
        match job::run(restore, Some(self.password), place.dial()).await {
            Ok(_) => {}
            Err(JobError::Repository(damaged @ RepositoryError::Damaged { .. })) => {
                return Ok(Some(chain(&damaged)));
            }
            // Its time came since it was planned, or somebody took it away.
            Err(JobError::Repository(gone @ RepositoryError::NoSnapshot(_))) => {
                return Ok(Some(chain(&gone)));
            }
            // What the library stumbles over in a folder is damage; on a line it may be the line.
            Err(JobError::Repository(damaged @ RepositoryError::Engine { .. }))
                if place.dial().is_none() =>
            {
                return Ok(Some(chain(&damaged)));
            }
            Err(error) => return Err(unread(error)),
        }
        if self.item.into_place
            && let Some(why) = compare(&restored).await.map_err(unread)?
        {
            return Ok(Some(why));
        }
        let gather = Spec::Gather {
            restored,
            into: self.into.to_owned(),
            within: self.item.within.clone(),
        };
        job::run(gather, None, None).await.map_err(unread)?;
        remove(&work)?;
        Ok(None)
    }
}

/// What differs from what was backed up, or is damaged, if anything is.
async fn compare(restored: &Path) -> Result<Option<String>, JobError> {
    let manifest = avouch_backup::manifest::FILE;
    let bytes = fs::read(restored.join(manifest)).map_err(|error| {
        JobError::Repository(RepositoryError::Io {
            act: "read",
            path: restored.join(manifest),
            source: error,
        })
    })?;
    let spec = Spec::Compare {
        restored: restored.to_owned(),
        manifest: avouch_backup::manifest::digest(&bytes),
        expect: Vec::new(),
        engine: None,
    };
    match job::run(spec, None, None).await? {
        Outcome::Compared(compared) if !compared.sound() => {
            Ok(Some(compared.damage.unwrap_or_else(|| {
                format!(
                    "it differs from `{DATA}` as it was: {:?}",
                    compared.differences
                )
            })))
        }
        _ => Ok(None),
    }
}

/// Where an owner's data grow.
fn home(layout: &Layout, owner: &str) -> PathBuf {
    let grown = Layout::new(grown(layout));
    match owner {
        PLATFORM => grown.core(),
        tenant => grown.tenant_data(tenant),
    }
}

/// Where lies what goes into a server by hand: a tenant's goes away with the tenant.
pub fn for_servers(new: &Layout, owner: &str) -> PathBuf {
    match owner {
        PLATFORM => new.data().join("restored"),
        tenant => new.tenant(tenant).join("restored"),
    }
}

/// Removes a folder, if it is there.
pub fn remove(folder: &Path) -> Result<(), Fail> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Fail::new(format!("`{}` cannot be removed", folder.display())).from(error))
        }
        _ => Ok(()),
    }
}

/// Nobody else looks into what is half done.
fn close(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}
