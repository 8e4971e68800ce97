//! What the supervisor makes and removes for the core, and what it refuses.

use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use avouch_runtime::grant::{Change, Grant, GrantError, Grounds, Kind};
use avouch_runtime::ids::Ids;
use avouch_runtime::layout::Layout;
use avouch_runtime::protocol::Bytes;
use tempfile::TempDir;

const IDS: Ids = Ids::separate(61_000);
const TENANT: u32 = 61_000;

fn grounds() -> (TempDir, Layout, Grounds) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path());
    for path in [layout.tenants(), layout.scratch(), layout.backups()] {
        std::fs::create_dir(path).unwrap();
    }
    let grounds = Grounds::new(&layout, &[], IDS);
    (folder, layout, grounds)
}

fn dir(path: impl Into<PathBuf>) -> Grant {
    Grant {
        path: path.into(),
        uid: TENANT,
        gid: TENANT,
        mode: 0o700,
        recursive: false,
        kind: Kind::Dir,
    }
}

fn file(path: impl Into<PathBuf>, contents: &str) -> Grant {
    let kind = Kind::File {
        contents: Bytes(contents.into()),
    };
    Grant {
        kind,
        mode: 0o440,
        ..dir(path)
    }
}

#[track_caller]
fn owned(path: &Path, uid: u32, gid: u32, mode: u32) {
    let found = std::fs::symlink_metadata(path).unwrap();
    assert_eq!(
        (found.uid(), found.gid(), found.mode() & 0o7777),
        (uid, gid, mode)
    );
}

#[test]
fn a_tenants_folders_are_made_with_their_owners_and_modes() {
    let (_folder, layout, grounds) = grounds();
    let at = layout.tenant("riverside");
    for _ in 0..2 {
        for grant in Layout::instance_folders(&at, TENANT, &IDS) {
            grounds.grant(&grant).unwrap();
        }
    }
    owned(&at, 0, 0, 0o711);
    owned(&at.join("data"), TENANT, TENANT, 0o700);
    owned(&at.join("run"), TENANT, IDS.front, 0o2770);
}

#[test]
fn a_file_is_replaced_whole() {
    let (_folder, layout, grounds) = grounds();
    grounds.grant(&dir(layout.tenant("a"))).unwrap();
    let path = layout.tenant("a").join("jwks.json");
    grounds.grant(&file(&path, "first")).unwrap();
    grounds.grant(&file(&path, "second")).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
    owned(&path, TENANT, TENANT, 0o440);
    assert_eq!(std::fs::read_dir(layout.tenant("a")).unwrap().count(), 1);
}

#[test]
fn nothing_outside_the_declared_folders_is_touched() {
    let (folder, layout, grounds) = grounds();
    for path in [
        folder.path().join("core/x"),
        folder.path().join("bin/avouch"),
        layout.tenants(),
        layout.tenants().join("../core"),
        layout.tenants().join("a/../../core"),
        PathBuf::from("/etc/x"),
        PathBuf::from("tenants/x"),
    ] {
        let refused = grounds.grant(&dir(&path));
        assert!(
            matches!(refused, Err(GrantError::Outside(_))),
            "{}",
            path.display()
        );
    }
}

#[test]
fn strangers_and_special_modes_are_refused() {
    let (_folder, layout, grounds) = grounds();
    let path = layout.tenant("a");
    for id in [1, 1000, 60_903, 70_000] {
        let refused = grounds.grant(&Grant {
            uid: id,
            ..dir(&path)
        });
        assert!(matches!(refused, Err(GrantError::Stranger(_))));
        let refused = grounds.grant(&Grant {
            gid: id,
            ..dir(&path)
        });
        assert!(matches!(refused, Err(GrantError::Stranger(_))));
    }
    for mode in [0o4755, 0o1777, 0o2755] {
        let refused = grounds.grant(&Grant {
            mode,
            ..file(&path, "")
        });
        assert!(matches!(refused, Err(GrantError::Mode(_))));
    }
    assert!(matches!(
        grounds.grant(&Grant {
            mode: 0o4700,
            ..dir(&path)
        }),
        Err(GrantError::Mode(_))
    ));
    assert!(!path.exists());
}

#[test]
fn symbolic_links_are_not_followed() {
    let (folder, layout, grounds) = grounds();
    let outside = folder.path().join("core");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("key"), "secret").unwrap();
    grounds.grant(&dir(layout.tenant("a"))).unwrap();
    symlink(&outside, layout.tenant("a").join("way")).unwrap();
    symlink(outside.join("key"), layout.tenant("a").join("jwks.json")).unwrap();

    grounds
        .grant(&dir(layout.tenant("a").join("way")))
        .unwrap_err();
    grounds
        .grant(&dir(layout.tenant("a").join("way/in")))
        .unwrap_err();
    grounds
        .grant(&file(layout.tenant("a").join("way/key"), "x"))
        .unwrap_err();
    grounds
        .clear_socket(&layout.tenant("a").join("way/key"))
        .unwrap_err();
    // Writing a file puts it in the link's place.
    grounds
        .grant(&file(layout.tenant("a").join("jwks.json"), "x"))
        .unwrap();

    grounds
        .grant(&Grant {
            recursive: true,
            ..dir(layout.tenant("a"))
        })
        .unwrap();
    owned(&outside, 0, 0, 0o755);
    owned(&outside.join("key"), 0, 0, 0o644);
    assert_eq!(
        std::fs::read_to_string(outside.join("key")).unwrap(),
        "secret"
    );
}

#[test]
fn a_tree_is_handed_over_whole_but_not_a_file_with_several_names() {
    let (folder, layout, grounds) = grounds();
    let tree = layout.scratch().join("restore");
    std::fs::create_dir_all(tree.join("deep/er")).unwrap();
    std::fs::write(tree.join("deep/er/file"), "").unwrap();
    grounds
        .grant(&Grant {
            recursive: true,
            ..dir(&tree)
        })
        .unwrap();
    owned(&tree, TENANT, TENANT, 0o700);
    owned(&tree.join("deep/er"), TENANT, TENANT, 0o755);
    owned(&tree.join("deep/er/file"), TENANT, TENANT, 0o644);

    let key = folder.path().join("key");
    std::fs::write(&key, "").unwrap();
    std::fs::hard_link(&key, tree.join("deep/key")).unwrap();
    let refused = grounds.grant(&Grant {
        recursive: true,
        ..dir(&tree)
    });
    assert!(matches!(refused, Err(GrantError::Linked(_))));
    owned(&key, 0, 0, 0o644);
}

#[test]
fn only_a_working_folder_a_tenants_or_a_repository_is_removed() {
    let (_folder, layout, grounds) = grounds();
    let job = layout.scratch().join("job");
    std::fs::create_dir_all(job.join("deep")).unwrap();
    let tenant = layout.tenant("a");
    std::fs::create_dir(&tenant).unwrap();
    symlink(&tenant, job.join("deep/way")).unwrap();
    let local = layout.backups().join("local");
    let repository = local.join("a");
    std::fs::create_dir_all(repository.join("data")).unwrap();
    for path in [
        &tenant.join("data"),
        &layout.tenants(),
        &layout.scratch(),
        &layout.backups(),
        &local,
        &repository.join("data"),
        &layout.core(),
        &job.join("deep"),
        &job.join("../../tenants/a"),
    ] {
        let refused = grounds.remove(path);
        assert!(
            matches!(refused, Err(GrantError::Outside(_))),
            "{}: {refused:?}",
            path.display()
        );
    }
    grounds.remove(&job).unwrap();
    grounds.remove(&job).unwrap();
    assert!(!job.exists() && tenant.exists());
    grounds.remove(&repository).unwrap();
    grounds.remove(&tenant).unwrap();
    grounds.remove(&layout.tenant("never")).unwrap();
    assert!(!repository.exists() && local.exists());
    assert!(!tenant.exists() && layout.tenants().exists());
    symlink(layout.core(), layout.backups().join("way")).unwrap();
    grounds
        .remove(&layout.backups().join("way/keys"))
        .unwrap_err();
}

#[test]
fn an_old_socket_is_cleared_and_nothing_else() {
    let (_folder, layout, grounds) = grounds();
    let socket = layout.tenants().join("app.sock");
    drop(UnixListener::bind(&socket).unwrap());
    grounds.clear_socket(&socket).unwrap();
    grounds.clear_socket(&socket).unwrap();
    assert!(!socket.exists());
    std::fs::write(&socket, "data").unwrap();
    grounds.clear_socket(&socket).unwrap_err();
    assert!(socket.exists());
}

#[test]
fn restored_data_change_places_with_the_present_ones_and_back() {
    let (_folder, layout, grounds) = grounds();
    let aside = layout.tenant("riverside").join("aside-1");
    std::fs::create_dir_all(layout.tenant_data("riverside")).unwrap();
    std::fs::create_dir_all(layout.scratch().join("restore/whole")).unwrap();
    std::fs::write(layout.tenant_data("riverside").join("db"), "present").unwrap();
    std::fs::write(layout.scratch().join("restore/whole/db"), "restored").unwrap();
    let content = |path: &Path| std::fs::read_to_string(path.join("db")).unwrap();

    let from = layout.scratch().join("restore/whole");
    let arrive = Change::Arrive {
        from: from.clone(),
        to: aside.clone(),
    };
    grounds.change(&arrive).unwrap();
    let exchange = Change::Exchange {
        aside: aside.clone(),
    };
    grounds.change(&exchange).unwrap();
    assert_eq!(content(&layout.tenant_data("riverside")), "restored");
    assert_eq!(content(&aside), "present");
    grounds.change(&exchange).unwrap();
    assert_eq!(content(&layout.tenant_data("riverside")), "present");
    let leave = Change::Leave {
        from: aside.clone(),
        to: from.clone(),
    };
    grounds.change(&leave).unwrap();
    assert_eq!(content(&from), "restored");
    assert!(!aside.exists());
}

#[test]
fn no_folder_changes_places_with_anothers_or_takes_one() {
    let (_folder, layout, grounds) = grounds();
    for tenant in ["riverside", "hillside"] {
        std::fs::create_dir_all(layout.tenant_data(tenant)).unwrap();
        std::fs::create_dir_all(layout.tenant(tenant).join("aside-1")).unwrap();
    }
    std::fs::create_dir_all(layout.scratch().join("restore/whole")).unwrap();
    let (riverside, hillside) = (layout.tenant("riverside"), layout.tenant("hillside"));
    let whole = layout.scratch().join("restore/whole");
    for refused in [
        Change::Exchange {
            aside: hillside.join("data"),
        },
        Change::Exchange {
            aside: hillside.join("aside-1/.."),
        },
        Change::Exchange {
            aside: layout.core().join("aside-1"),
        },
        Change::Arrive {
            from: whole.clone(),
            to: riverside.join("data"),
        },
        Change::Arrive {
            from: whole.clone(),
            to: riverside.join("aside-1"),
        },
        Change::Arrive {
            from: riverside.join("data"),
            to: hillside.join("aside-2"),
        },
        Change::Leave {
            from: riverside.join("data"),
            to: layout.scratch().join("restore/taken"),
        },
        Change::Leave {
            from: riverside.join("aside-1"),
            to: layout.run().join("taken"),
        },
    ] {
        grounds.change(&refused).unwrap_err();
    }
    symlink(&riverside, layout.tenants().join("linked")).unwrap();
    let linked = Change::Exchange {
        aside: layout.tenant("linked").join("aside-1"),
    };
    grounds.change(&linked).unwrap_err();
    assert!(whole.exists() && riverside.join("data").exists());
}
