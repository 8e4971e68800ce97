//! What of the system a job reaches beside its own folders: the servers' programs, sockets and credentials.

use std::path::{Path, PathBuf};

use super::Source;
use crate::{
    changes::task::Task,
    job::Spec,
    manifest::Engine,
    settings::{Command, Kind, Server, Settings},
};

/// The shell, without which PostgreSQL makes no new cluster.
const SHELL: &str = "/bin/sh";

/// What unpacks the image of a whole server.
pub(crate) const TAR: &str = "/bin/tar";

/// Programs, files and folders, each by its path without symbolic links.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// To read and execute.
    pub execute: Vec<PathBuf>,
    /// To read.
    pub read: Vec<PathBuf>,
    /// To connect to: folders of sockets.
    pub write: Vec<PathBuf>,
}

impl Reach {
    /// What jobs may need for everything that is stated; settled before the core starts.
    #[must_use]
    pub fn of_all(settings: &Settings) -> Self {
        let mut all = Self::default();
        for source in &settings.sources {
            all.add(match &source.kind {
                Kind::Sqlite { .. } | Kind::Files { .. } => Self::default(),
                Kind::Command(command) => Self::of_command(command),
                Kind::Postgres(server) => Self::of_server(Engine::Postgres, server),
                Kind::Mariadb(server) => Self::of_server(Engine::Mariadb, server),
            });
        }
        all.settled()
    }

    /// What one job needs. What is not there now is left out: whoever misses it says so.
    #[must_use]
    pub fn of_job(spec: &Spec) -> Self {
        let mut reach = match spec {
            Spec::Snapshot { source, .. } => match source {
                Source::Sqlite { .. } | Source::Files { .. } => Self::default(),
                Source::Command { command, .. } => Self::of_command(command),
                Source::Postgres { server } => Self::of_server(Engine::Postgres, server),
                Source::Mariadb { server } => Self::of_server(Engine::Mariadb, server),
            },
            Spec::Compare {
                engine: Some(engine),
                ..
            } => Self::of_engine(*engine),
            Spec::FollowServer { follow } => Self::of_server(Engine::Postgres, &follow.server),
            Spec::Changes { task } => match task {
                Task::LookServer { server, .. } | Task::LetGo { server, .. } => {
                    Self::of_server(Engine::Postgres, server)
                }
                Task::Rebuild {
                    server: Some(_), ..
                } => Self::of_engine(Engine::Postgres),
                _ => Self::default(),
            },
            _ => Self::default(),
        }
        .settled();
        for paths in [&mut reach.execute, &mut reach.read, &mut reach.write] {
            paths.retain(|path| path.exists());
        }
        reach
    }

    fn of_command(command: &Command) -> Self {
        let mut execute = command.runs.clone();
        execute.extend(command.words.first().map(PathBuf::from));
        Self {
            execute,
            read: command.reads.clone(),
            write: command.reaches.clone(),
        }
    }

    fn of_server(engine: Engine, server: &Server) -> Self {
        let mut reach = Self::of_engine(engine);
        reach.read.push(server.credentials.clone());
        reach.write.push(match engine {
            Engine::Postgres => server.socket.clone(),
            // The socket is made anew with each start of the server; its folder stays.
            Engine::Mariadb => folder_of(&server.socket),
        });
        reach
    }

    /// A fresh server for restored data, and its clients.
    fn of_engine(engine: Engine) -> Self {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        match engine {
            // Debian keeps PostgreSQL's programs with the libraries, which every job may execute.
            Engine::Postgres => Self {
                execute: paths(&[SHELL, TAR]),
                read: paths(&["/usr/share/postgresql"]),
                write: Vec::new(),
            },
            Engine::Mariadb => Self {
                execute: paths(&[
                    super::mariadb::CLIENT,
                    super::mariadb::DUMP,
                    super::mariadb::CHECK,
                    super::mariadb::SERVER,
                ]),
                read: paths(&[super::mariadb::SHARE]),
                write: Vec::new(),
            },
        }
    }

    fn add(&mut self, other: Self) {
        self.execute.extend(other.execute);
        self.read.extend(other.read);
        self.write.extend(other.write);
    }

    fn settled(mut self) -> Self {
        for paths in [&mut self.execute, &mut self.read, &mut self.write] {
            for path in paths.iter_mut() {
                *path = settled(path);
            }
            paths.sort();
            paths.dedup();
        }
        self
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map_or_else(|| path.to_owned(), PathBuf::from)
}

/// The path without symbolic links, as far as it is there.
fn settled(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let (Ok(found), Ok(rest)) = (above.canonicalize(), path.strip_prefix(above)) {
            // To join nothing would add a separator.
            return if rest.as_os_str().is_empty() {
                found
            } else {
                found.join(rest)
            };
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_path_is_settled_as_far_as_it_is_there() {
        let home = TempDir::new().unwrap();
        let home = home.path().canonicalize().unwrap();
        std::fs::create_dir(home.join("run")).unwrap();
        std::os::unix::fs::symlink("run", home.join("way")).unwrap();
        assert_eq!(settled(&home.join("way")), home.join("run"));
        assert_eq!(
            settled(&home.join("way/mysqld/mysqld.sock")),
            home.join("run/mysqld/mysqld.sock")
        );
    }
}
