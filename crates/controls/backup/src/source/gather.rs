//! Putting restored data together: several sources of one owner lie in one folder, each in its place.

use std::{fs, io::ErrorKind, path::Path};

use super::SourceError;

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
}
