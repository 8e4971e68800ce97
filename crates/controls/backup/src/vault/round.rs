//! A keeper's round of one repository: what came is read back and then kept, and what has had its time is removed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::PoisonError,
};

use jiff::{SignedDuration, Timestamp, civil};
use serde::{Deserialize, Serialize};

use super::{
    Kept, Service, Shelf, Vault, VaultError, files, is_there,
    pack::{Unfit, truthful},
    reader,
};
use crate::{
    far::{FileKind, Receipt, Received},
    repository::{CipherKey, Repository, remote},
    retention::{self, Grade, Removable, Snapshot, SnapshotId},
};

/// What was received and has not been found whole in this time is cleared away: an upload that broke off, or junk.
const UNFINISHED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How often everything that is kept is read and hashed.
const THROUGH: SignedDuration = SignedDuration::from_hours(20);
/// At most this many findings are remembered.
const MOST: usize = 20;

/// What a keeper knows of one repository, kept between rounds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Records {
    snapshots: BTreeMap<String, Record>,
    /// Indices that are false, and why.
    refused: BTreeMap<String, String>,
    read_through: Option<Timestamp>,
    /// What was wrong when everything was last read.
    damage: Vec<String>,
    /// What was wrong in the last round beside that.
    findings: Vec<String>,
}

/// A snapshot that was read back.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    received: Timestamp,
    verified: Timestamp,
    source: String,
    day: civil::Date,
    grades: Vec<Grade>,
}

/// What a round came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Snapshots that were found whole and are kept from now on.
    pub verified: Vec<SnapshotId>,
    /// Snapshots that had their time.
    pub removed: Vec<SnapshotId>,
    /// What is wrong.
    pub findings: Vec<String>,
}

#[derive(Deserialize)]
struct Head {
    tree: String,
    #[serde(default)]
    tags: Vec<String>,
}

impl Shelf {
    /// Reads back what came, keeps what is whole, and removes what has had its time if the clock is `steady`.
    ///
    /// # Errors
    ///
    /// If the keeper's own files cannot be used. What is wrong with the repository is in the report.
    pub fn round(
        &self,
        vault: &Vault,
        service: &Service,
        now: Timestamp,
        steady: bool,
    ) -> Result<Report, VaultError> {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let mut report = Report::default();
        if !is_there(&self.received().join("config")) && !is_there(&self.kept().join("config")) {
            return Ok(report);
        }
        let mut records = self.records()?;
        records.findings.clear();
        match self.password()? {
            None => records.findings.push(
                "nobody has left this repository's password here, so nothing is read back"
                    .to_owned(),
            ),
            Some(password) => {
                self.begin()?;
                match Repository::open(&self.kept(), &password) {
                    Err(error) => records.findings.push(error.to_string()),
                    Ok(repository) => {
                        self.admit(&repository, service, &mut records, &mut report, now)?;
                        if steady {
                            self.prune(&repository, service, &mut records, &mut report, now)?;
                            self.clear(now)?;
                        }
                        self.read_through(&repository, &mut records, now)?;
                    }
                }
            }
        }
        records.findings.truncate(MOST);
        report.findings = [records.damage.clone(), records.findings.clone()].concat();
        files::replace_json(&self.folder.join("records.json"), &records)?;
        vault.grew(service, None);
        Ok(report)
    }

    /// What the keeper says of this repository.
    ///
    /// # Errors
    ///
    /// If its files cannot be read.
    pub fn receipt(
        &self,
        vault: &Vault,
        service: &Service,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Receipt, VaultError> {
        let records = self.records()?;
        let mut snapshots: Vec<Received> = records
            .snapshots
            .iter()
            .map(|(id, record)| Received {
                id: SnapshotId(id.clone()),
                received: record.received,
                verified: Some(record.verified),
            })
            .collect();
        for (id, received) in self.come(FileKind::Snapshot)? {
            if !records.snapshots.contains_key(&id) {
                snapshots.push(Received {
                    id: SnapshotId(id),
                    received,
                    verified: None,
                });
            }
        }
        snapshots.sort_by(|a, b| (a.received, &a.id).cmp(&(b.received, &b.id)));
        Ok(Receipt {
            service: self.name.0.to_string(),
            repository: self.name.1.to_string(),
            nonce: nonce.to_owned(),
            at: now,
            snapshots,
            findings: [records.damage, records.findings].concat(),
            read_through: records.read_through,
            bytes: (vault.used(service)?, service.room),
        })
    }

    /// Gives the writer to see again just what is kept: after somebody wrote what does no good.
    ///
    /// # Errors
    ///
    /// If the files cannot be put in place.
    pub fn reinstate(&self) -> Result<(), VaultError> {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, received) = (self.kept(), self.received());
        let whole: BTreeSet<PathBuf> = self.kept_files()?;
        for within in &whole {
            files::link(&kept.join(within), &received.join(within))?;
        }
        for (within, _) in files::below(&received)? {
            if !whole.contains(&within) {
                files::remove(&received.join(within))?;
            }
        }
        Ok(())
    }

    /// The kept repository begins with the same `config` and key.
    fn begin(&self) -> Result<(), VaultError> {
        let (kept, received) = (self.kept(), self.received());
        if is_there(&kept.join("config")) {
            return Ok(());
        }
        for kind in FileKind::NAMED {
            files::make(&kept.join(kind.folder()))?;
        }
        for (name, _) in self.come(FileKind::Key)? {
            let within = remote::within(FileKind::Key, &name);
            files::link(&received.join(&within), &kept.join(&within))?;
        }
        files::link(&received.join("config"), &kept.join("config"))
    }

    fn admit(
        &self,
        repository: &Repository,
        service: &Service,
        records: &mut Records,
        report: &mut Report,
        now: Timestamp,
    ) -> Result<(), VaultError> {
        let Some(key) = repository.cipher_key() else {
            records
                .findings
                .push("its key is of no known form".to_owned());
            return Ok(());
        };
        for (name, _) in self.fresh(FileKind::Index)? {
            if !records.refused.contains_key(&name) {
                self.admit_index(&key, &name, records)?;
            }
        }
        records.findings.extend(
            records
                .refused
                .iter()
                .map(|(name, why)| format!("the index {} {why}", short(name))),
        );
        let mut new = self.fresh(FileKind::Snapshot)?;
        // The first that came keeps its day, whatever it is called.
        new.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        for (name, received) in new {
            let within = remote::within(FileKind::Snapshot, &name);
            let head: Option<Head> = fs::read(self.received().join(&within))
                .ok()
                .and_then(|sealed| reader::json(&key, &sealed));
            let Some(head) = head else {
                records
                    .findings
                    .push(format!("the snapshot {} cannot be read", short(&name)));
                continue;
            };
            if let Some(first) = repository.missing_of(&head.tree)?.first() {
                records.findings.push(format!(
                    "the snapshot {} is not whole: {first}",
                    short(&name)
                ));
                continue;
            }
            files::link(&self.received().join(&within), &self.kept().join(&within))?;
            let source = head
                .tags
                .iter()
                .find_map(|tag| tag.strip_prefix("source="))
                .unwrap_or_default()
                .to_owned();
            let Some(kept) = promised(service, &source) else {
                continue;
            };
            let day = kept
                .at
                .due_before(received)
                .map_or_else(civil::Date::default, |(day, _)| day);
            let existing = facts(records, &source);
            records.snapshots.insert(
                name.clone(),
                Record {
                    received,
                    verified: now,
                    grades: retention::grades(day, &kept.rule, &existing, now),
                    source,
                    day,
                },
            );
            report.verified.push(SnapshotId(name));
        }
        Ok(())
    }

    fn admit_index(
        &self,
        key: &CipherKey,
        name: &str,
        records: &mut Records,
    ) -> Result<(), VaultError> {
        let (kept, received) = (self.kept(), self.received());
        let within = remote::within(FileKind::Index, name);
        let sealed = fs::read(received.join(&within))
            .map_err(VaultError::io("read", &received.join(&within)))?;
        match truthful(key, &received, &sealed) {
            Ok(index) => {
                for pack in &index.packs {
                    let within = remote::within(FileKind::Pack, &pack.id);
                    files::link(&received.join(&within), &kept.join(&within))?;
                }
                files::link(&received.join(&within), &kept.join(&within))
            }
            Err(Unfit::Incomplete(why)) => {
                records
                    .findings
                    .push(format!("the index {} {why}", short(name)));
                Ok(())
            }
            Err(Unfit::False(why)) => {
                records.refused.insert(name.to_owned(), why);
                Ok(())
            }
        }
    }

    /// Removes what has had its time, by the clock here, from both views.
    fn prune(
        &self,
        repository: &Repository,
        service: &Service,
        records: &mut Records,
        report: &mut Report,
        now: Timestamp,
    ) -> Result<(), VaultError> {
        let sources: BTreeSet<String> = records
            .snapshots
            .values()
            .map(|record| record.source.clone())
            .collect();
        let mut proofs: Vec<Removable> = Vec::new();
        for source in sources {
            if let Some(kept) = promised(service, &source) {
                let plan = retention::plan(&facts(records, &source), &kept.rule, &kept.at, now);
                proofs.extend(retention::removable(&plan).cloned());
            }
        }
        if proofs.is_empty() {
            return Ok(());
        }
        let before = self.kept_files()?;
        repository.remove(&proofs)?;
        let after = self.kept_files()?;
        let (kept, received) = (self.kept(), self.received());
        for new in after.difference(&before) {
            files::link(&kept.join(new), &received.join(new))?;
        }
        for gone in before.difference(&after) {
            files::remove(&received.join(gone))?;
        }
        for proof in proofs {
            records.snapshots.remove(&proof.id().0);
            report.removed.push(proof.id().clone());
        }
        Ok(())
    }

    /// Clears away what came long ago and never was whole.
    fn clear(&self, now: Timestamp) -> Result<(), VaultError> {
        let old = |about: &fs::Metadata| {
            about
                .modified()
                .ok()
                .and_then(|at| Timestamp::try_from(at).ok())
                .is_some_and(|at| now.duration_since(at) > UNFINISHED)
        };
        for folder in [self.received(), self.folder.join("coming")] {
            for (within, about) in files::below(&folder)? {
                if old(&about) && !is_there(&self.kept().join(&within)) {
                    files::remove(&folder.join(within))?;
                }
            }
        }
        Ok(())
    }

    /// Reads and hashes everything kept, if that was not done lately.
    fn read_through(
        &self,
        repository: &Repository,
        records: &mut Records,
        now: Timestamp,
    ) -> Result<(), VaultError> {
        let lately = records
            .read_through
            .is_some_and(|at| now.duration_since(at).abs() < THROUGH);
        if !lately {
            let found = repository.verify_all()?;
            records.damage = found.iter().take(MOST).map(ToString::to_string).collect();
            records.read_through = Some(now);
        }
        for id in records.snapshots.keys() {
            if !is_there(&self.kept().join(remote::within(FileKind::Snapshot, id))) {
                records.findings.push(format!(
                    "the snapshot {} is gone from the keeper's disk",
                    short(id)
                ));
            }
        }
        Ok(())
    }

    fn records(&self) -> Result<Records, VaultError> {
        Ok(files::read_json(&self.folder.join("records.json"))?.unwrap_or_default())
    }

    /// Everything of a kind that came, and when.
    fn come(&self, kind: FileKind) -> Result<Vec<(String, Timestamp)>, VaultError> {
        let folder = self.received().join(kind.folder());
        Ok(files::below(&folder)?
            .into_iter()
            .filter_map(|(path, about)| {
                let name = path.file_name()?.to_string_lossy().into_owned();
                Some((name, Timestamp::try_from(about.modified().ok()?).ok()?))
            })
            .collect())
    }

    /// What of it is not kept yet.
    fn fresh(&self, kind: FileKind) -> Result<Vec<(String, Timestamp)>, VaultError> {
        let mut come = self.come(kind)?;
        come.retain(|(name, _)| !is_there(&self.kept().join(remote::within(kind, name))));
        Ok(come)
    }

    fn kept_files(&self) -> Result<BTreeSet<PathBuf>, VaultError> {
        let all = files::below(&self.kept())?;
        Ok(all.into_iter().map(|(within, _)| within).collect())
    }
}

/// What is promised of a source; of one that is not named, what is promised of the first.
fn promised<'s>(service: &'s Service, source: &str) -> Option<&'s Kept> {
    service
        .kept
        .iter()
        .find(|kept| kept.source == source)
        .or(service.kept.first())
}

fn facts(records: &Records, source: &str) -> Vec<Snapshot> {
    records
        .snapshots
        .iter()
        .filter(|(_, record)| record.source == source)
        .map(|(id, record)| Snapshot {
            id: SnapshotId(id.clone()),
            taken: record.received,
            day: record.day,
            grades: record.grades.clone(),
            verified: true,
        })
        .collect()
}

fn short(name: &str) -> &str {
    name.get(..8).unwrap_or(name)
}

/// An error with its causes, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
