//! Putting restored data together: several sources of one owner lie in one folder, each in its place.

use std::{fs, io::ErrorKind, path::Path};

use super::{Source, SourceError};

/// Moves everything in `from` into `into`, which is made if it is absent. Folders that both have become one.
///
/// # Errors
///
/// If anything is in the way, or cannot be moved; what was moved stays where it is then.
pub(crate) fn gather(from: &Path, into: &Path) -> Result<(), SourceError> {
    fs::create_dir_all(into).map_err(SourceError::io("create", into))?;
    for entry in fs::read_dir(from).map_err(SourceError::io("read", from))? {
        let entry = entry.map_err(SourceError::io("read", from))?;
        let (path, to) = (entry.path(), into.join(entry.file_name()));
        let folder = entry
            .file_type()
            .map_err(SourceError::io("read", &path))?
            .is_dir();
        match fs::symlink_metadata(&to) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::rename(&path, &to).map_err(SourceError::io("move", &path))?;
            }
            Err(error) => return Err(SourceError::io("look at", &to)(error)),
            Ok(there) if there.is_dir() && folder => gather(&path, &to)?,
            Ok(_) => return Err(SourceError::Occupied(to)),
        }
    }
    Ok(())
}

/// Copies everything in an owner's data folder that does not belong to the source that is restored: a restore of one
/// source leaves the rest as it is. Returns how many files that are.
///
/// # Errors
///
/// If anything cannot be read or written.
pub(crate) fn beside(data: &Path, of: &Source, into: &Path) -> Result<u64, SourceError> {
    fs::create_dir_all(into).map_err(SourceError::io("create", into))?;
    let mut files = 0;
    let mut folders = vec![std::path::PathBuf::new()];
    while let Some(within) = folders.pop() {
        let folder = data.join(&within);
        for entry in fs::read_dir(&folder).map_err(SourceError::io("read", &folder))? {
            let entry = entry.map_err(SourceError::io("read", &folder))?;
            let (path, name) = (entry.path(), within.join(entry.file_name()));
            if of.holds(&path) {
                continue;
            }
            let kind = entry.file_type().map_err(SourceError::io("read", &path))?;
            let to = into.join(&name);
            if kind.is_dir() {
                fs::create_dir_all(&to).map_err(SourceError::io("create", &to))?;
                let mode = fs::metadata(&path).map_err(SourceError::io("read", &path))?;
                fs::set_permissions(&to, mode.permissions())
                    .map_err(SourceError::io("write", &to))?;
                folders.push(name);
            } else if kind.is_file() || kind.is_symlink() {
                super::folder::copy(&path, &to)?;
                files += 1;
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn two_sources_come_together_and_neither_takes_the_others_place() {
        let home = TempDir::new().unwrap();
        let at = |path: &str| home.path().join(path);
        for file in ["a/app.db", "b/deep/one", "c/two", "d/two"] {
            fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            fs::write(at(file), file).unwrap();
        }
        gather(&at("a"), &at("whole")).unwrap();
        gather(&at("b"), &at("whole/uploads")).unwrap();
        gather(&at("c"), &at("whole/uploads/deep")).unwrap();
        for (file, content) in [
            ("whole/app.db", "a/app.db"),
            ("whole/uploads/deep/one", "b/deep/one"),
            ("whole/uploads/deep/two", "c/two"),
        ] {
            assert_eq!(fs::read_to_string(at(file)).unwrap(), content);
        }
        let refused = gather(&at("d"), &at("whole/uploads/deep")).unwrap_err();
        assert!(matches!(refused, SourceError::Occupied(_)), "{refused}");
        assert_eq!(
            fs::read_to_string(at("whole/uploads/deep/two")).unwrap(),
            "c/two"
        );
    }

    #[test]
    fn what_lies_beside_a_source_is_kept_and_what_belongs_to_it_is_not() {
        let home = TempDir::new().unwrap();
        let data = home.path().join("data");
        for file in [
            "app.db",
            "app.db-wal",
            "app.dbx",
            "uploads/one",
            "uploads/deep/two",
            "notes/three",
        ] {
            let path = data.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let left = |source: &Source, name: &str| {
            let into = home.path().join(name);
            let files = beside(&data, source, &into).unwrap();
            let mut found: Vec<String> = crate::repository::files(&into)
                .unwrap()
                .iter()
                .map(|path| {
                    path.strip_prefix(&into)
                        .unwrap()
                        .to_string_lossy()
                        .into_owned()
                })
                .collect();
            found.sort();
            assert_eq!(found.len() as u64, files);
            found
        };
        let database = Source::Sqlite {
            path: data.join("app.db"),
        };
        assert_eq!(
            left(&database, "a"),
            ["app.dbx", "notes/three", "uploads/deep/two", "uploads/one"]
        );
        let uploads = Source::Files {
            path: data.join("uploads"),
            skip: vec![],
            last: vec![],
        };
        assert_eq!(
            left(&uploads, "b"),
            ["app.db", "app.db-wal", "app.dbx", "notes/three"]
        );
        let all = Source::Files {
            path: data.clone(),
            skip: vec![],
            last: vec![],
        };
        assert_eq!(left(&all, "c"), Vec::<String>::new());
    }
}
