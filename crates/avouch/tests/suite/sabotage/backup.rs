//! Copies: repositories that decay, are read, or lose what they hold; sources that are not whole; drills that fail.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bench::{chmod, files, flip, flip_at};
use super::{Bench, Mend, Sabotage};
use crate::harness::run;
use crate::restic;

pub const ALL: &[&Sabotage] = &[
    &Sabotage {
        what: "a file in the clear lies in a repository",
        turns: &[("backup.encryption", "broken")],
        act: |bench| {
            let note = repository(bench, "riverside", "offsite").join("note");
            fs::write(&note, "for the restore: owner=riverside\n").unwrap();
            Box::new(move |_| fs::remove_file(note).unwrap())
        },
    },
    &Sabotage {
        what: "one bit of a tenant's repository turns over",
        turns: &[("backup.source.tenant-data.to", "broken")],
        act: |bench| decay(bench, "hillside"),
    },
    &Sabotage {
        what: "one bit of the platform's repository turns over",
        turns: &[("backup.source.platform.to", "broken")],
        act: |bench| decay(bench, "platform"),
    },
    &Sabotage {
        what: "a tenant's copies are gone from one place",
        turns: &[
            ("backup.source.tenant-data.at", "broken"),
            ("backup.source.tenant-data.to", "broken"),
            ("backup.source.tenant-data.keep.daily", "broken"),
            ("backup.source.tenant-data.keep.weekly", "broken"),
            ("backup.source.tenant-data.keep.monthly", "broken"),
            ("backup.encryption", "unproven"),
        ],
        act: |bench| lose(bench, "riverside"),
    },
    &Sabotage {
        what: "the platform's copies are gone from one place",
        turns: &[
            ("backup.source.platform.at", "broken"),
            ("backup.source.platform.to", "broken"),
            ("backup.source.platform.keep.daily", "broken"),
            ("backup.source.platform.keep.weekly", "broken"),
            ("backup.source.platform.keep.monthly", "broken"),
            ("backup.encryption", "unproven"),
        ],
        act: |bench| lose(bench, "platform"),
    },
    &Sabotage {
        what: "a tenant's copy of years ago is put back",
        turns: &[
            ("backup.source.tenant-data.keep.daily", "broken"),
            ("backup.source.tenant-data.keep.weekly", "broken"),
            ("backup.source.tenant-data.keep.monthly", "broken"),
        ],
        act: |bench| put_back(bench, "riverside"),
    },
    &Sabotage {
        what: "a copy of the platform's of years ago is put back",
        turns: &[
            ("backup.source.platform.keep.daily", "broken"),
            ("backup.source.platform.keep.weekly", "broken"),
            ("backup.source.platform.keep.monthly", "broken"),
        ],
        act: |bench| put_back(bench, "platform"),
    },
    &Sabotage {
        what: "a tenant's database speaks of a ward that it does not have",
        turns: &[("backup.source.tenant-data.kind", "broken")],
        act: |bench| {
            let oldest = bench.tenant(
                "riverside",
                "select id, ward from assessment order by starts limit 1",
            );
            let (id, ward) = oldest
                .trim()
                .split_once('|')
                .map(|(id, ward)| (id.to_owned(), ward.to_owned()))
                .unwrap();
            bench.tenant(
                "riverside",
                &format!("update assessment set ward = 999 where id = {id}"),
            );
            bench
                .service
                .avouch(&["backup", "run", "riverside"])
                .with(2);
            Box::new(move |bench| {
                bench.tenant(
                    "riverside",
                    &format!("update assessment set ward = {ward} where id = {id}"),
                );
                bench
                    .service
                    .avouch(&["backup", "run", "riverside"])
                    .with(0);
            })
        },
    },
    &Sabotage {
        what: "what lies in the place of a tenant's database is none, at its backup",
        turns: &[("backup.source.tenant-data.kind", "broken")],
        act: |bench| {
            // The application goes on with the files that it has open.
            let database = bench.data("tenants/riverside/data/acuity.db");
            let moved: Vec<(PathBuf, PathBuf)> = ["", "-wal", "-shm"]
                .map(|ending| PathBuf::from(format!("{}{ending}", database.display())))
                .into_iter()
                .filter(|path| path.exists())
                .map(|path| {
                    (
                        path.clone(),
                        PathBuf::from(format!("{}.aside", path.display())),
                    )
                })
                .collect();
            for (from, to) in &moved {
                fs::rename(from, to).unwrap();
            }
            fs::write(&database, "a letter, and no database\n".repeat(64)).unwrap();
            chmod(&database, 0o644);
            bench
                .service
                .avouch(&["backup", "run", "riverside"])
                .with(2);
            Box::new(move |bench| {
                for (from, to) in moved {
                    fs::rename(to, from).unwrap();
                }
                bench
                    .service
                    .avouch(&["backup", "run", "riverside"])
                    .with(0);
            })
        },
    },
    &Sabotage {
        what: "a database in the platform's own folder is not whole",
        turns: &[("backup.source.platform.kind", "broken")],
        act: |bench| {
            let stray = bench.data("core/stray.db");
            let orphan = "create table parent (id integer primary key); create table child (of references parent (id)); insert into child values (7)";
            run("sqlite3", [stray.to_str().unwrap(), orphan]);
            chmod(&stray, 0o644);
            bench.service.avouch(&["backup", "run", "platform"]).with(2);
            Box::new(move |bench| {
                fs::remove_file(stray).unwrap();
                bench.service.avouch(&["backup", "run", "platform"]).with(0);
            })
        },
    },
    &Sabotage {
        what: "the last drill was longer ago than a quarter",
        turns: &[("backup.drill.every", "broken")],
        act: |bench| {
            bench.store("create table kept as select * from backup_drill");
            // The keeper would at once do what is overdue: what it notes down is thrown away.
            bench.store("create trigger sabotage before insert on backup_drill begin select raise(ignore); end");
            let long_ago = "started = 1577836800000000, record = json_set(record, '$.started', '2020-01-01T00:00:00Z')";
            bench.store(&format!(
                "update backup_drill set {long_ago} where owner = 'riverside'"
            ));
            Box::new(|bench| {
                bench.store(
                    "drop trigger sabotage; \
                     update backup_drill set (started, record) = (select started, record from kept where kept.id = backup_drill.id) \
                     where id in (select id from kept); \
                     drop table kept",
                );
            })
        },
    },
    &Sabotage {
        what: "a drill that nobody ran stands in the records",
        turns: &[("backup.drill.every", "broken")],
        act: |bench| {
            bench.store(
                "insert into backup_drill (id, owner, started, verdict, record, entry) \
                 select 'd1', owner, started + 1, verdict, json_set(record, '$.id', 'd1'), entry from backup_drill \
                 where owner = 'hillside' order by started desc limit 1",
            );
            Box::new(|bench| {
                bench.store("delete from backup_drill where id = 'd1'");
            })
        },
    },
    &Sabotage {
        what: "a drill fails because its copy has decayed",
        turns: &[("backup.drill.back-within", "broken")],
        act: |bench| {
            // Decayed only while it is drilled: what is judged is what the drill has shown.
            let mend = decay(bench, "riverside");
            bench
                .service
                .avouch(&["drill", "run", "riverside", "--from", "local"])
                .with(1);
            mend(bench);
            Box::new(|bench| {
                bench.service.avouch(&["drill", "run", "riverside"]).with(0);
            })
        },
    },
];

fn repository(bench: &Bench, owner: &str, place: &str) -> PathBuf {
    bench.data("backups").join(place).join(owner)
}

/// Turns over a bit of the largest pack.
fn decay(bench: &Bench, owner: &str) -> Mend {
    let packs = files(&repository(bench, owner, "local").join("data"));
    let largest = packs
        .into_iter()
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .expect("a pack");
    let at = flip(&largest);
    Box::new(move |_| flip_at(&largest, at))
}

/// Has Debian's `restic` store what is there once more, as it would lie there if it had been taken years ago and had never been
/// removed: with the words of a true snapshot, and with the owner of its files.
fn put_back(bench: &Bench, owner: &str) -> Mend {
    let repository = restic::repository(&bench.service, owner, "local");
    let folder = PathBuf::from(&repository.folder);
    let listed = repository.restic(&["snapshots", "--json"]).unwrap();
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let tags = listed.last().expect("a snapshot")["tags"]
        .as_array()
        .unwrap();
    let tags = tags.iter().map(|tag| tag.as_str().unwrap());
    let tags: Vec<String> = tags
        .filter(|tag| !tag.starts_with("day=") && !tag.starts_with("grade="))
        .chain([
            "day=2020-01-01",
            "grade=daily",
            "grade=weekly",
            "grade=monthly",
        ])
        .map(str::to_owned)
        .collect();
    let what = bench.service.place().join(&format!("of-{owner}"));
    fs::write(&what, "a copy of years ago").unwrap();
    // Whatever lies within a folder comes before it.
    let lying = || -> Vec<String> {
        let found = run("find", [&*repository.folder, "-mindepth", "1", "-depth"]);
        found.lines().map(str::to_owned).collect()
    };
    let before = lying();
    let mut words = vec!["backup", "--quiet", "--time", "2020-01-01 04:00:02"];
    words.extend(tags.iter().flat_map(|tag| ["--tag", tag.as_str()]));
    words.push(what.to_str().unwrap());
    repository.restic(&words).unwrap();
    let owner = fs::metadata(folder.join("config")).unwrap();
    let mut after = lying();
    after.retain(|path| !before.contains(path));
    for path in &after {
        chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
        if Path::new(path).is_file() {
            chmod(Path::new(path), 0o600);
        }
    }
    Box::new(move |_| {
        for path in after {
            match Path::new(&path).is_dir() {
                true => fs::remove_dir(path).unwrap(),
                false => fs::remove_file(path).unwrap(),
            }
        }
    })
}

/// Takes away every snapshot of an owner at the second place; what they hold stays.
fn lose(bench: &Bench, owner: &str) -> Mend {
    let snapshots = repository(bench, owner, "offsite").join("snapshots");
    let aside: PathBuf = bench.service.place().join(&format!("lost-{owner}"));
    fs::create_dir(&aside).unwrap();
    let names: Vec<PathBuf> = files(&snapshots);
    let away = |path: &Path| aside.join(path.file_name().unwrap());
    let moved: Vec<(PathBuf, PathBuf)> = names
        .iter()
        .map(|path| (path.clone(), away(path)))
        .collect();
    for (from, to) in &moved {
        fs::rename(from, to).unwrap();
    }
    Box::new(move |_| {
        for (from, to) in moved {
            fs::rename(to, from).unwrap();
        }
    })
}
