//! Somebody between the core and the front, who reads what each says to the other and passes on something else.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use avouch_gateway::link::{ToCore, ToFront};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Service, eventually, kill, named};

/// What is made of what the core says.
pub type BendFront = Arc<dyn Fn(ToFront) -> ToFront + Send + Sync>;
/// What is made of what the front says: something for the core, or an answer in the core's name.
pub type BendCore = Arc<dyn Fn(ToCore) -> Result<ToCore, Box<ToFront>> + Send + Sync>;

/// A socket's true listener, moved aside.
pub struct Aside {
    path: PathBuf,
    aside: PathBuf,
}

impl Aside {
    /// Moves a socket aside and listens in its place, with its owner and mode.
    pub fn move_away(path: &Path) -> (Self, UnixListener) {
        let aside = path.with_extension("true");
        let about = fs::metadata(path).unwrap();
        fs::rename(path, &aside).unwrap();
        let listener = UnixListener::bind(path).unwrap();
        chown(path, Some(about.uid()), Some(about.gid())).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(about.mode())).unwrap();
        (
            Self {
                path: path.to_owned(),
                aside,
            },
            listener,
        )
    }

    pub fn true_path(&self) -> &Path {
        &self.aside
    }

    /// Puts the true socket back.
    pub fn put_back(self) {
        fs::rename(&self.aside, &self.path).unwrap();
    }
}

/// Puts somebody between front and core, and has the front start anew so that it meets them. Mended by `straighten`.
pub fn bend(service: &Service, front: BendFront, core: BendCore) -> Aside {
    let (aside, listener) = Aside::move_away(&service.data().join("run/link.sock"));
    let to = aside.true_path().to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(near), Ok(far)) = (stream, UnixStream::connect(&to)) else {
                return;
            };
            relay(near, far, front.clone(), core.clone());
        }
    });
    renew(service);
    aside
}

/// Takes them away again.
pub fn straighten(service: &Service, aside: Aside) {
    aside.put_back();
    renew(service);
}

/// Has the supervisor start another front, and waits until it serves.
pub fn renew(service: &Service) {
    let data = service.data();
    let before = named(&data, "front").expect("a front");
    kill(before);
    eventually("another front", 40, || {
        named(&data, "front").filter(|pid| *pid != before)
    });
    let mut browser = super::Browser::new(service);
    eventually("the front to serve", 40, || {
        browser
            .send("", avouch_evidence::Ask::get("/"))
            .ok()
            .filter(|answer| answer.status.is_success())
    });
}

fn relay(near: UnixStream, far: UnixStream, front: BendFront, core: BendCore) {
    let (near_in, mut far_out) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    // Answers in the core's name go to the front between the core's own.
    let to_front = Arc::new(std::sync::Mutex::new(near));
    let answers = to_front.clone();
    std::thread::spawn(move || {
        let mut near_in = near_in;
        while let Ok(message) = read::<ToCore>(&mut near_in) {
            let passed = match core(message) {
                Ok(message) => write(&mut far_out, &message),
                Err(answer) => write(&mut *answers.lock().unwrap(), &answer),
            };
            if passed.is_err() {
                break;
            }
        }
        let _ = far_out.shutdown(std::net::Shutdown::Both);
    });
    std::thread::spawn(move || {
        let mut far = far;
        while let Ok(message) = read::<ToFront>(&mut far) {
            if write(&mut *to_front.lock().unwrap(), &front(message)).is_err() {
                break;
            }
        }
        let _ = to_front.lock().unwrap().shutdown(std::net::Shutdown::Both);
    });
}

fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut body)?;
    postcard::from_bytes(&body).map_err(io::Error::other)
}

fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let body = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let mut frame = u32::try_from(body.len())
        .map_err(io::Error::other)?
        .to_be_bytes()
        .to_vec();
    frame.extend_from_slice(&body);
    to.write_all(&frame)
}
