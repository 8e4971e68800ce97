//! `[[backup.destination]]`: a place for copies.

use std::path::{Component, PathBuf};

use avouch_statement::{Slug, Table};

use super::{Destination, LOCAL};

pub(super) fn read(name: Slug, mut table: Table<'_>) -> Option<Destination> {
    let url = table.need_parsed(
        "url",
        "the address of a folder",
        "file:///mnt/second",
        |text| {
            let rest = text
                .strip_prefix("file:")
                .ok_or("this build stores in folders only")?;
            let path = PathBuf::from(rest.strip_prefix("//").unwrap_or(rest));
            let climbs = path
                .components()
                .any(|part| matches!(part, Component::ParentDir));
            if path.as_os_str().is_empty() || climbs {
                return Err("not a folder, or one with `..` in it".to_owned());
            }
            Ok(path)
        },
    );
    if name.as_str() == LOCAL {
        table.fault(
            table.at(),
            "`local` is in the data folder and needs no entry",
            "",
            "remove it, or name it otherwise",
        );
        return None;
    }
    table.finish();
    Some(Destination {
        name,
        folder: url?.value,
    })
}
