//! A disk of a test's own, which can fill up and lose power.
//!
//! It is mounted in a mount namespace that only this test's thread, and what it starts, is in: nobody else sees it, and it
//! goes with them. Only root may mount.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::{eventually, run};

/// A disk, mounted; taken away when dropped.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
    /// The file that is the disk; none for one in memory.
    image: Option<PathBuf>,
}

/// Has ext4 forget what was written and not yet flushed, and refuse everything from then on: what is left on the disk is
/// what a power cut would leave.
///
/// Source: Linux, `fs/ext4/ext4.h`, `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`, as xfstests uses it.
const CUT: &str = r#"
open(my $disk, "<", $ARGV[0]) or die "open: $!";
my $no_flush = pack("L", 2);
ioctl($disk, 0x8004587d, $no_flush) or die "ioctl: $!";
"#;

/// Does not guess that a file which replaces another is wanted on disk, as a stricter file system would not.
const MOUNT: &str = "loop,noauto_da_alloc";

impl Disk {
    /// Whether there can be one here; the error says why not.
    pub fn is_possible() -> Result<(), &'static str> {
        if !nix::unistd::geteuid().is_root() {
            return Err("only root may mount a disk");
        }
        let own = Command::new("unshare").args(["--mount", "true"]).status();
        match own.is_ok_and(|status| status.success()) {
            true => Ok(()),
            false => Err("nothing can be mounted in here"),
        }
    }

    /// Whether there can be one whose power is cut.
    pub fn has_power_to_cut() -> Result<(), &'static str> {
        Self::is_possible()?;
        match Path::new("/dev/loop-control").exists() {
            true => Ok(()),
            false => Err("there is no loop device"),
        }
    }

    /// A disk of this many MiB in memory, at a new folder.
    pub fn in_memory(at: &Path, mebibytes: u32) -> Self {
        alone();
        fs::create_dir(at).unwrap();
        let size = format!("size={mebibytes}m,mode=0755");
        mount(
            Some("tmpfs"),
            at,
            Some("tmpfs"),
            MsFlags::empty(),
            Some(size.as_str()),
        )
        .unwrap();
        Self {
            at: at.to_owned(),
            image: None,
        }
    }

    /// A disk of this many MiB with ext4 on it, at a new folder; the file that it is lies beside.
    pub fn with_journal(at: &Path, mebibytes: u64) -> Self {
        alone();
        let image = at.with_extension("img");
        File::create(&image)
            .unwrap()
            .set_len(mebibytes << 20)
            .unwrap();
        run("/usr/sbin/mkfs.ext4", ["-q", "-F", image.to_str().unwrap()]);
        fs::create_dir(at).unwrap();
        let disk = Self {
            at: at.to_owned(),
            image: Some(image),
        };
        disk.mount();
        // What the file system keeps for itself is not the service's.
        fs::remove_dir(at.join("lost+found")).unwrap();
        disk
    }

    /// Cuts the power: nothing that is not flushed reaches the disk any more.
    pub fn cut_power(&self) {
        run("perl", ["-e", CUT, self.at.to_str().unwrap()]);
    }

    /// Switches it on again, once nobody uses it.
    pub fn power_on(&self) {
        // The last of a process that was killed goes a little later than the process.
        eventually("nobody to use the disk", 20, || {
            umount2(&self.at, MntFlags::empty()).ok()
        });
        self.mount();
    }

    /// Leaves room for nothing.
    pub fn fill(&self) {
        let mut rest = File::create(self.filling()).unwrap();
        for size in [1 << 20, 4096, 1] {
            let bytes = vec![0; size];
            while rest.write(&bytes).is_ok_and(|count| count == size) {}
        }
    }

    /// Makes room again.
    pub fn clear(&self) {
        fs::remove_file(self.filling()).unwrap();
    }

    fn filling(&self) -> PathBuf {
        self.at.join("filling")
    }

    fn mount(&self) {
        let image = self.image.as_deref().expect("a disk with an image");
        run(
            "mount",
            [
                "-o",
                MOUNT,
                image.to_str().unwrap(),
                self.at.to_str().unwrap(),
            ],
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(&self.at, MntFlags::MNT_DETACH);
    }
}

/// Gives this thread mounts of its own.
fn alone() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let nothing: Option<&str> = None;
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )
    .unwrap();
}
