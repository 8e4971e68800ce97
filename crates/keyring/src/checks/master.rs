//! Judges `keys.master`: every key is wrapped, sound, and nobody's but the core's; the master opens them.
//!
//! Source: OWASP ASVS 5.0.0, 13.3.1 (secrets are kept apart from what they protect).

use crate::{Keyring, Master, Source, files, root};
use avouch_evidence::{BoxFuture, Check, Ctx, Seen, Verdict};
use avouch_statement::{Audience, ClaimId};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The check of the folder that this keyring opened.
pub struct MasterCheck {
    keyring: Arc<Keyring>,
    source: Source,
    owner: u32,
    also: Vec<PathBuf>,
}

/// One file or folder of keys, as it was found.
#[derive(Debug)]
struct Found {
    path: PathBuf,
    mode: u32,
    owner: u32,
    content: Content,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// A folder, or a file that should hold no key.
    None,
    /// A key, encrypted under its own name.
    Wrapped,
    /// The master key, and it opens the root key.
    Opens,
    /// The master key's place, but what is there does not open the root key.
    DoesNotOpen,
    /// The master key, come from outside, and it opens the root key.
    Given,
    /// What the master key is read from, and it lies on a disk although it should not.
    OnDisk,
    /// The master key did not come again, and why.
    NotGiven(String),
    /// Not what was wrapped here.
    Altered,
    /// A key that is in use has no file any more.
    Missing,
    /// A key that is in use, for anybody to read.
    InTheClear,
}

impl MasterCheck {
    /// Looks at the keyring's folder and at the master's file, which must belong to this user id. A master that comes from
    /// outside is looked for in the files of `also` too.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>, source: Source, owner: u32, also: Vec<PathBuf>) -> Self {
        Self {
            keyring,
            source,
            owner,
            also,
        }
    }
}

impl Check for MasterCheck {
    fn name(&self) -> &str {
        "keys at rest"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![claim()]
    }

    fn run<'a>(&'a self, _: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        let (keyring, source) = (self.keyring.clone(), self.source.clone());
        let also = self.also.clone();
        Box::pin(async move {
            // The holder may take its time: a command has its own limit.
            let looked = tokio::task::spawn_blocking(move || look(&keyring, &source, &also)).await;
            let (verdict, observed) = match looked.map_err(io::Error::other).and_then(|found| found)
            {
                Ok(found) => judge(&found, self.owner),
                Err(error) => (
                    Verdict::Unproven,
                    format!("the keys folder could not be looked at: {}", error.kind()),
                ),
            };
            vec![Seen::new(&claim(), verdict, observed).for_audience(Audience::Supplier)]
        })
    }
}

fn claim() -> ClaimId {
    ClaimId::new("keys.master")
}

fn look(keyring: &Keyring, source: &Source, also: &[PathBuf]) -> io::Result<Vec<Found>> {
    let mut paths = Vec::new();
    walk(keyring.folder(), &mut paths)?;
    let keys: Vec<_> = paths
        .iter()
        .filter_map(|path| keyring.unwrap_file(path))
        .collect();
    let mut found = match source {
        Source::File { path } if path.exists() => vec![found(path, opens(keyring, path))?],
        Source::File { path } => vec![missing(path)],
        Source::Holder(asker) => match root::ask_again(asker, keyring.folder()) {
            Err(error) => vec![outside(Content::NotGiven(error.to_string()))],
            Ok(given) => {
                let content = match (keyring.is_opened_by(&given.master), given.from_disk) {
                    (false, _) => Content::DoesNotOpen,
                    (true, true) => Content::OnDisk,
                    (true, false) => Content::Given,
                };
                let mut found = vec![outside(content)];
                found.extend(lying_about(&given.master, keyring.folder(), also)?);
                found
            }
        },
    };
    found.extend(
        keyring
            .files_in_use()
            .iter()
            .filter(|path| !path.exists())
            .map(|path| missing(path)),
    );
    for path in paths {
        let content = if path.is_dir() {
            Content::None
        } else {
            let bytes = fs::read(&path)?;
            let plain = keys.iter().any(|key| reveals(&bytes, key.expose()));
            match (
                plain,
                path.extension().is_some_and(|extension| extension == "key"),
            ) {
                (true, _) => Content::InTheClear,
                (false, false) => Content::None,
                (false, true) if keyring.unwrap_file(&path).is_some() => Content::Wrapped,
                (false, true) => Content::Altered,
            }
        };
        found.push(self::found(&path, content)?);
    }
    Ok(found)
}

fn found(path: &Path, content: Content) -> io::Result<Found> {
    let about = fs::symlink_metadata(path)?;
    Ok(Found {
        path: path.to_owned(),
        mode: about.mode() & 0o7777,
        owner: about.uid(),
        content,
    })
}

/// The master key, which is not a file of ours.
fn outside(content: Content) -> Found {
    Found {
        path: PathBuf::from("the master key"),
        mode: 0,
        owner: 0,
        content,
    }
}

/// Every file in these folders that holds the master key as it is.
fn lying_about(master: &Master, keys: &Path, also: &[PathBuf]) -> io::Result<Vec<Found>> {
    let mut paths = Vec::new();
    walk(keys, &mut paths)?;
    for folder in also.iter().filter(|folder| folder.is_dir()) {
        walk(folder, &mut paths)?;
    }
    let mut found = Vec::new();
    for path in paths {
        // A file may go while it is looked for; sockets and folders hold nothing.
        if fs::symlink_metadata(&path).is_ok_and(|about| about.is_file())
            && fs::read(&path).is_ok_and(|bytes| reveals(&bytes, master.bytes()))
        {
            found.push(self::found(&path, Content::InTheClear)?);
        }
    }
    Ok(found)
}

fn missing(path: &Path) -> Found {
    Found {
        path: path.to_owned(),
        mode: 0,
        owner: 0,
        content: Content::Missing,
    }
}

fn opens(keyring: &Keyring, path: &Path) -> Content {
    let master = Master::from_file(path).ok().flatten();
    match master.is_some_and(|master| keyring.is_opened_by(&master)) {
        true => Content::Opens,
        false => Content::DoesNotOpen,
    }
}

/// The folder and everything in it.
fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    paths.push(folder.to_owned());
    for path in files::list(folder).map_err(|_| io::Error::from(io::ErrorKind::NotFound))? {
        match path.is_dir() {
            true => walk(&path, paths)?,
            false => paths.push(path),
        }
    }
    Ok(())
}

/// Whether the key stands in these bytes as it is, in hexadecimal or in base64.
fn reveals(bytes: &[u8], key: &[u8]) -> bool {
    let (hex, base64) = (hex::encode(key), STANDARD.encode(key));
    let base64 = base64.trim_end_matches('=');
    [
        key,
        hex.as_bytes(),
        hex.to_uppercase().as_bytes(),
        base64.as_bytes(),
    ]
    .iter()
    .any(|form| bytes.windows(form.len()).any(|window| window == *form))
}

/// Names the first few that are not as they should be.
fn judge(found: &[Found], owner: u32) -> (Verdict, String) {
    let wrong: Vec<String> = found.iter().filter_map(|one| fault(one, owner)).collect();
    let wrapped = found
        .iter()
        .filter(|one| one.content == Content::Wrapped)
        .count();
    if wrong.is_empty() {
        let files = found.len();
        let observed = format!(
            "{wrapped} wrapped keys all opened under the master key; {files} files and folders belong to user {owner} \
             and nobody else may read them; none holds a key in the clear"
        );
        return (Verdict::Held, observed);
    }
    let more = wrong.len().saturating_sub(5);
    let mut observed = wrong.into_iter().take(5).collect::<Vec<_>>().join("; ");
    if more > 0 {
        observed.push_str(&format!("; and {more} more"));
    }
    (Verdict::Broken, observed)
}

fn fault(found: &Found, owner: u32) -> Option<String> {
    let path = found.path.display();
    match &found.content {
        Content::NotGiven(why) => {
            return Some(format!("{why}; a restart would fail"));
        }
        Content::OnDisk => {
            return Some(String::from(
                "the master key is read from a file that lies on a disk",
            ));
        }
        Content::DoesNotOpen => {
            return Some(format!(
                "`{path}` does not open the keys; a restart would fail"
            ));
        }
        Content::Altered => return Some(format!("`{path}` has been altered")),
        Content::Missing => {
            return Some(format!(
                "`{path}` is missing; a restart would fail or lose what it protects"
            ));
        }
        Content::InTheClear => return Some(format!("`{path}` holds a key in the clear")),
        // What is outside has no owner or mode.
        Content::Given => return None,
        Content::None | Content::Wrapped | Content::Opens => {}
    }
    if found.owner != owner {
        return Some(format!(
            "`{path}` belongs to user {}, not {owner}",
            found.owner
        ));
    }
    (found.mode & 0o077 != 0)
        .then(|| format!("`{path}` has mode {:04o}, which lets others in", found.mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_out_of_place_breaks_the_claim() {
        let file = |mode, owner, content| Found {
            path: PathBuf::from("k"),
            mode,
            owner,
            content,
        };
        for (found, verdict, says) in [
            (
                file(0o600, 9, Content::Wrapped),
                Verdict::Held,
                "1 wrapped keys",
            ),
            (
                file(0o700, 9, Content::None),
                Verdict::Held,
                "0 wrapped keys",
            ),
            (
                file(0o640, 9, Content::Wrapped),
                Verdict::Broken,
                "mode 0640",
            ),
            (file(0o604, 9, Content::Opens), Verdict::Broken, "mode 0604"),
            (file(0o711, 9, Content::None), Verdict::Broken, "mode 0711"),
            (
                file(0o600, 0, Content::Wrapped),
                Verdict::Broken,
                "user 0, not 9",
            ),
            (file(0o600, 9, Content::Altered), Verdict::Broken, "altered"),
            (
                file(0o600, 9, Content::InTheClear),
                Verdict::Broken,
                "in the clear",
            ),
            (
                file(0o600, 9, Content::DoesNotOpen),
                Verdict::Broken,
                "a restart would fail",
            ),
        ] {
            let (judged, observed) = judge(&[file(0o600, 9, Content::Opens), found], 9);
            assert_eq!(judged, verdict, "{observed}");
            assert!(observed.contains(says), "{observed}");
        }
    }

    #[test]
    fn a_key_is_recognised_in_every_form_it_could_lie_about_in() {
        let key = [0xab; 32];
        for form in [
            key.to_vec(),
            hex::encode(key).into_bytes(),
            STANDARD.encode(key).into_bytes(),
        ] {
            assert!(reveals(&[b"x", form.as_slice(), b"y"].concat(), &key));
        }
        assert!(!reveals(b"nothing here", &key));
    }

    #[test]
    fn what_happens_to_the_folder_is_seen() {
        let place = tempfile::tempdir().unwrap();
        let source = Source::File {
            path: place.path().join("master.key"),
        };
        let folder = place.path().join("keys");
        let keyring = Keyring::unlock(&folder, &source).unwrap();
        let seed = keyring.named(&crate::Purpose::LedgerSigning).unwrap();
        let owner = fs::metadata(&folder).unwrap().uid();
        let verdict = || judge(&look(&keyring, &source, &[]).unwrap(), owner);
        assert_eq!(verdict().0, Verdict::Held, "{}", verdict().1);

        let (stray, ledger) = (folder.join("note"), folder.join("ledger.key"));
        files::write(&stray, hex::encode(seed.expose()).as_bytes()).unwrap();
        assert!(verdict().1.contains("in the clear"), "{}", verdict().1);
        fs::remove_file(&stray).unwrap();

        let text = fs::read_to_string(&ledger).unwrap();
        files::write(&ledger, text.to_lowercase().as_bytes()).unwrap();
        assert!(verdict().1.contains("altered"), "{}", verdict().1);
        files::write(&ledger, text.as_bytes()).unwrap();

        Master::generate()
            .unwrap()
            .save(&place.path().join("master.key"))
            .unwrap();
        assert!(verdict().1.contains("does not open"), "{}", verdict().1);
        fs::remove_file(place.path().join("master.key")).unwrap();
        assert!(
            verdict().1.contains("master.key` is missing"),
            "{}",
            verdict().1
        );
    }
}
