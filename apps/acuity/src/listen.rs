//! The one listener: a Unix socket, until SIGTERM or SIGINT.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

/// Owner and group: the gateway is in the group.
const MODE: u32 = 0o660;

/// How long requests under way may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the socket could not be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process answers on it.
    #[error("{} is in use: stop the program that answers on it, or name another socket", .0.display())]
    InUse(PathBuf),
    /// Something that is not a socket lies there.
    #[error("{} is not a socket: move it away, or name another socket", .0.display())]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("{} cannot be listened on", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Serves `router` on the socket until the process is told to end; requests under way get a few seconds to finish.
///
/// # Errors
///
/// When another process answers there, when something else lies there, or when the system refuses.
pub async fn serve(socket: &Path, router: Router) -> Result<(), ListenError> {
    let listener = bind(socket).await?;
    let refused = |source| ListenError::System {
        path: socket.to_owned(),
        source,
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    let (told, ending) = tokio::sync::oneshot::channel();
    let asked = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Nobody listens any more only when serving has ended already.
        let _ = told.send(());
    };
    let overdue = async {
        match ending.await {
            Ok(()) => tokio::time::sleep(PATIENCE).await,
            Err(_) => std::future::pending().await,
        }
    };
    let served = tokio::select! {
        served = axum::serve(listener, router).with_graceful_shutdown(asked) => served.map_err(refused),
        () = overdue => Ok(()),
    };
    // The next start removes it as well, if this one cannot.
    let _ = fs::remove_file(socket);
    served
}

/// Listens on `socket`, in place of one that a process which is gone has left behind.
async fn bind(socket: &Path) -> Result<UnixListener, ListenError> {
    let refused = |source| ListenError::System {
        path: socket.to_owned(),
        source,
    };
    match fs::symlink_metadata(socket) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ListenError::NotASocket(socket.to_owned()));
        }
        Ok(_) if UnixStream::connect(socket).await.is_ok() => {
            return Err(ListenError::InUse(socket.to_owned()));
        }
        Ok(_) => fs::remove_file(socket).map_err(refused)?,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
        Err(other) => return Err(refused(other)),
    }
    let listener = UnixListener::bind(socket).map_err(refused)?;
    fs::set_permissions(socket, Permissions::from_mode(MODE)).map_err(refused)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_its_owner_and_group_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let _listener = bind(&path).await.unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            MODE
        );
    }

    #[tokio::test]
    async fn a_socket_that_somebody_answers_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let _listener = bind(&path).await.unwrap();
        assert!(matches!(bind(&path).await, Err(ListenError::InUse(_))));
    }

    #[tokio::test]
    async fn a_socket_that_nobody_answers_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        drop(bind(&path).await.unwrap());
        assert!(path.exists(), "a killed process leaves its socket");
        bind(&path).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_in_the_sockets_place_is_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        fs::write(&path, "kept").unwrap();
        assert!(matches!(bind(&path).await, Err(ListenError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    }
}
