//! What the core may have run: programs, paths and ids that were settled before the core started.
//!
//! A core that was taken over says anything. So nothing here is learnt from it: the programs are
//! those in the data folder's `bin`, the folders those of the data folder and the declared
//! destinations, and of the system only the few places that the plan names. Symbolic links are
//! not looked for here, where they could still be changed: the confinement opens each path
//! without following any.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::unistd::geteuid;

use super::Plan;
use crate::confine::{BaseSystem, Confinement, Network, Processes};
use crate::ids::Ids;
use crate::layout::Layout;

/// Why something that the core asked for is not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Beyond {
    #[error("only the front and the core are given a network")]
    Network,
    #[error("only the front and the core share the processes of others")]
    Processes,
    #[error("only the front is given a capability")]
    Capability,
    #[error("user or group {0} is not one of this service's")]
    Stranger(u32),
    #[error("an application runs as a tenant, and {0} is none")]
    NotATenant(u32),
    #[error("no program is named")]
    NoProgram,
    #[error("`{0}` is not one of the service's programs")]
    Program(PathBuf),
    #[error("`{0}` could be changed by others than this supervisor")]
    Changeable(PathBuf),
    #[error("cannot look at the program `{path}`")]
    Unseen {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{path}` was not declared to be {act} by what the core asks for")]
    Path { act: &'static str, path: PathBuf },
    #[error("the environment variable `{0}` was not declared")]
    Variable(String),
    #[error("no place on the network called `{0}` was declared")]
    Place(String),
}

/// The bounds of one supervisor.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    ids: Ids,
    bin: PathBuf,
    core: PathBuf,
    folders: Vec<PathBuf>,
    system: BaseSystem,
    tools: BaseSystem,
    environment: Vec<String>,
}

impl Bounds {
    pub fn new(plan: &Plan) -> Self {
        Self {
            ids: plan.ids,
            bin: plan.layout.bin(),
            core: plan.layout.core(),
            folders: folders(&plan.layout, &plan.destinations),
            system: plan.system.clone(),
            tools: plan.tools.clone(),
            environment: plan.environment.clone(),
        }
    }

    /// Whether a job may be run so.
    pub fn job(&self, command: &[String], asked: &Confinement) -> Result<(), Beyond> {
        self.process(command, asked, &[&self.system, &self.tools])
    }

    fn process(
        &self,
        command: &[String],
        asked: &Confinement,
        system: &[&BaseSystem],
    ) -> Result<(), Beyond> {
        self.program(command)?;
        self.who(asked)?;
        if asked.network != Network::None {
            return Err(Beyond::Network);
        }
        if asked.processes != Processes::Own {
            return Err(Beyond::Processes);
        }
        if asked.low_ports {
            return Err(Beyond::Capability);
        }
        if let Some(name) = asked
            .env
            .keys()
            .find(|name| !self.environment.contains(name))
        {
            return Err(Beyond::Variable(name.clone()));
        }
        self.paths(asked, system)
    }

    /// Whether an application may be run so: as a job without its tools, and as a tenant.
    pub fn instance(&self, command: &[String], asked: &Confinement) -> Result<(), Beyond> {
        if !self.ids.is_tenant(asked.uid) {
            return Err(Beyond::NotATenant(asked.uid));
        }
        self.process(command, asked, &[&self.system])
    }

    fn who(&self, asked: &Confinement) -> Result<(), Beyond> {
        let may = |id: &u32| self.ids.may_run_as(*id);
        if !may(&asked.uid) || (self.ids.are_separate() && asked.uid == self.ids.front) {
            return Err(Beyond::Stranger(asked.uid));
        }
        // A group besides its own would open what is another's to it.
        let own = self.ids.group(asked.uid);
        match asked
            .groups
            .iter()
            .chain([&asked.gid])
            .find(|group| **group != own)
        {
            Some(group) => Err(Beyond::Stranger(*group)),
            None => Ok(()),
        }
    }

    /// A program directly in `bin`, which nobody but this supervisor can change.
    fn program(&self, command: &[String]) -> Result<(), Beyond> {
        let path = Path::new(command.first().ok_or(Beyond::NoProgram)?);
        let named = path.strip_prefix(&self.bin).is_ok_and(|rest| {
            let mut parts = rest.components();
            matches!(
                (parts.next(), parts.next()),
                (Some(Component::Normal(_)), None)
            )
        });
        if !named {
            return Err(Beyond::Program(path.to_owned()));
        }
        for (path, folder) in [(self.bin.as_path(), true), (path, false)] {
            let found = std::fs::symlink_metadata(path).map_err(|source| Beyond::Unseen {
                path: path.to_owned(),
                source,
            })?;
            if found.is_dir() != folder || found.is_file() == folder {
                return Err(Beyond::Program(path.to_owned()));
            }
            if found.uid() != geteuid().as_raw() || found.mode() & 0o022 != 0 {
                return Err(Beyond::Changeable(path.to_owned()));
            }
        }
        Ok(())
    }

    fn paths(&self, asked: &Confinement, system: &[&BaseSystem]) -> Result<(), Beyond> {
        let known = |path: &Path, roots: fn(&BaseSystem) -> &[PathBuf]| {
            system.iter().any(|system| beneath(path, roots(system)))
        };
        for path in &asked.execute {
            if *path != self.bin && !known(path, |system| &system.execute) {
                return Err(beyond("executed", path));
            }
        }
        for path in &asked.read {
            let there = known(path, |system| &system.read) || known(path, |system| &system.execute);
            if !there && !self.is_ours(path, asked.uid) {
                return Err(beyond("read", path));
            }
        }
        for path in &asked.write {
            let there = system.iter().any(|system| system.write.contains(path));
            if !there && !self.is_ours(path, asked.uid) {
                return Err(beyond("written", path));
            }
        }
        if !self.is_ours(&asked.folder, asked.uid) {
            return Err(beyond("worked in", &asked.folder));
        }
        Ok(())
    }

    /// The core's own folder is for jobs that run as the core, which back it up.
    fn is_ours(&self, path: &Path, uid: u32) -> bool {
        beneath(path, &self.folders)
            || (uid == self.ids.core && beneath(path, std::slice::from_ref(&self.core)))
    }
}

/// The folders beneath which everything lies that the core has made and worked on.
fn folders(layout: &Layout, destinations: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders = vec![layout.tenants(), layout.scratch(), layout.backups()];
    folders.extend_from_slice(destinations);
    folders
}

fn beyond(act: &'static str, path: &Path) -> Beyond {
    Beyond::Path {
        act,
        path: path.to_owned(),
    }
}

/// Whether `path` is one of `roots` or lies beneath one, without a step up on the way.
fn beneath(path: &Path, roots: &[PathBuf]) -> bool {
    roots.iter().any(|root| {
        path.strip_prefix(root).is_ok_and(|rest| {
            rest.components()
                .all(|part| matches!(part, Component::Normal(_)))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use tempfile::TempDir;

    const TENANT: u32 = 61_000;

    /// A data folder with one program, and what an application is properly asked to run with.
    fn proper() -> (TempDir, Bounds, Vec<String>, Confinement) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        std::fs::create_dir(layout.bin()).unwrap();
        let program = layout.bin().join("app");
        std::fs::write(&program, "").unwrap();
        let bounds = Bounds {
            ids: Ids::separate(TENANT),
            bin: layout.bin(),
            core: layout.core(),
            folders: folders(&layout, &["/mnt/second".into()]),
            system: Confinement::base_system(),
            tools: BaseSystem {
                read: vec!["/etc/app/backup.credentials".into()],
                execute: vec!["/usr/bin/dump".into()],
                write: vec!["/run/postgresql".into()],
            },
            environment: vec!["DATA".to_owned()],
        };
        let at = layout.tenant("riverside");
        let mut asked = Confinement::new(TENANT, TENANT, at.join("data"));
        asked.execute.push(layout.bin());
        asked.write.push(at.join("data"));
        asked.env.insert("DATA".to_owned(), String::new());
        let command = vec![program.display().to_string()];
        (folder, bounds, command, asked)
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&Path, &mut Vec<String>, &mut Confinement), says: &str) {
        let (folder, bounds, mut command, mut asked) = proper();
        bounds.instance(&command, &asked).unwrap();
        change(folder.path(), &mut command, &mut asked);
        let said = bounds.instance(&command, &asked).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }

    #[test]
    fn only_programs_of_the_service_are_run() {
        let not_ours = "is not one of the service's programs";
        refused(|_, command, _| command[0] = "/bin/sh".into(), not_ours);
        refused(|_, command, _| command[0] = "app".into(), not_ours);
        refused(|_, command, _| command.clear(), "no program is named");
        refused(
            |at, command, _| command[0] = at.join("bin/../bin/app").display().to_string(),
            not_ours,
        );
        refused(
            |at, command, _| {
                std::os::unix::fs::symlink("/bin/sh", at.join("bin/way")).unwrap();
                command[0] = at.join("bin/way").display().to_string();
            },
            not_ours,
        );
    }

    #[test]
    fn a_program_that_others_can_change_is_not_run() {
        for path in ["bin", "bin/app"] {
            refused(
                |at, _, _| {
                    let open = std::fs::Permissions::from_mode(0o777);
                    std::fs::set_permissions(at.join(path), open).unwrap();
                },
                "could be changed by others",
            );
        }
    }

    #[test]
    fn only_declared_paths_are_given() {
        let undeclared = "was not declared";
        refused(|_, _, asked| asked.read.push("/etc".into()), undeclared);
        refused(|at, _, asked| asked.read.push(at.join("core")), undeclared);
        refused(|at, _, asked| asked.read.push(at.join("keys")), undeclared);
        refused(|at, _, asked| asked.read.push(at.to_owned()), undeclared);
        refused(
            |_, _, asked| asked.write.push("/usr/lib".into()),
            undeclared,
        );
        refused(|at, _, asked| asked.write.push(at.join("bin")), undeclared);
        refused(
            |at, _, asked| asked.write.push(at.join("tenants/../core")),
            undeclared,
        );
        refused(
            |at, _, asked| asked.execute.push(at.join("tenants/riverside/data")),
            undeclared,
        );
        refused(
            |_, _, asked| asked.execute.push("/usr/bin".into()),
            undeclared,
        );
        refused(|_, _, asked| asked.folder = "/".into(), undeclared);
    }

    #[test]
    fn nothing_is_given_that_is_for_the_front_and_the_core() {
        refused(
            |_, _, asked| {
                asked.network = Network::Host {
                    bind: crate::confine::Ports::Any,
                    connect: crate::confine::Ports::Any,
                };
            },
            "given a network",
        );
        refused(
            |_, _, asked| asked.processes = Processes::Shared,
            "share the processes",
        );
        refused(|_, _, asked| asked.low_ports = true, "a capability");
    }

    #[test]
    fn an_application_runs_as_a_tenant_in_its_own_group_alone() {
        for uid in [0, 1000, 60_900, 60_901, 60_902] {
            refused(
                |_, _, asked| asked.uid = uid,
                "an application runs as a tenant",
            );
        }
        let stranger = "is not one of this service's";
        refused(|_, _, asked| asked.gid = 60_901, stranger);
        refused(|_, _, asked| asked.groups = vec![60_901], stranger);
    }

    #[test]
    fn the_loader_is_not_told_what_to_load() {
        refused(
            |_, _, asked| {
                asked.env.insert("LD_PRELOAD".into(), "/x.so".into());
            },
            "`LD_PRELOAD` was not declared",
        );
    }

    #[test]
    fn tools_are_for_jobs_and_not_for_applications() {
        let (_folder, bounds, command, mut asked) = proper();
        asked.env.clear();
        asked.execute.push("/usr/bin/dump".into());
        asked.read.push("/etc/app/backup.credentials".into());
        asked.write.push("/run/postgresql".into());
        bounds.job(&command, &asked).unwrap();
        bounds.instance(&command, &asked).unwrap_err();
        asked.write.push("/run/postgresql/within".into());
        bounds.job(&command, &asked).unwrap_err();
    }

    #[test]
    fn a_job_works_at_the_destinations_and_on_the_cores_folder_only_as_the_core() {
        let (folder, bounds, command, mut asked) = proper();
        asked.env.clear();
        asked.write.push("/mnt/second/riverside".into());
        bounds.job(&command, &asked).unwrap();
        asked.read.push(folder.path().join("core/ledger"));
        bounds.job(&command, &asked).unwrap_err();
        (asked.uid, asked.gid) = (60_900, 60_900);
        bounds.job(&command, &asked).unwrap();
        (asked.uid, asked.gid) = (60_901, 60_901);
        bounds.job(&command, &asked).unwrap_err();
    }
}
