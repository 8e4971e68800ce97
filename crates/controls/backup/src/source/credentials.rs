//! Files with a password, named by the statement: read by a server's own client, and looked at first.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use super::SourceError;

/// Looks that this process can read it, and nobody else can.
///
/// # Errors
///
/// With what is wrong with it, and how it is mended.
pub(super) fn check(path: &Path) -> Result<(), SourceError> {
    let wrong = |why: String| SourceError::Credentials {
        path: path.to_owned(),
        why,
    };
    let about = fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(wrong(
            "others may read it; run `chmod 600` on it".to_owned(),
        ));
    }
    File::open(path)
        .map(drop)
        .map_err(|error| wrong(format!("{error}; its owner is user {}", about.uid())))
}
