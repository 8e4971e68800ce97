//! `avouch restore --everything`: a data folder on a bare machine, from one destination and the keys.
//!
//! It is planned first. What comes back is built in a folder of its own within the data folder, one owner after another, and
//! takes its places at the very end: until then no service starts from it, and an attempt that was cut off is gone on with.

mod build;
mod finish;
mod found;
mod kit;
mod place;
mod words;

use std::path::Path;

use avouch_runtime::layout::Layout;
use avouch_runtime::prepare;

use crate::cli::{Everything, Global};
use crate::fail::Fail;
use crate::{print, talk};

/// What is asked for.
pub struct Order<'a> {
    pub global: &'a Global,
    pub asked: &'a Everything,
    /// The destination.
    pub from: &'a str,
    /// Why, in the operator's words.
    pub because: &'a str,
}

/// Plans it, and with `execute` does it.
///
/// # Errors
/// If there is a data folder already, the keys do not open what is at the destination, or anything cannot be read or written.
pub fn run(order: &Order<'_>, execute: bool) -> Result<u8, Fail> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Fail::new("cannot start").from(error))?;
    let place = place::Place::read(
        order.from,
        order.asked.pin.as_deref(),
        order.asked.credential.as_deref(),
    )?;
    let layout = bare(&order.global.data)?;
    if !execute {
        let begun = build::State::read(&layout)?;
        let folder = kit::Scratch::new()?;
        let keyring = kit::open(order.asked, &folder.path().join("keys"))?;
        let found = runtime.block_on(found::find(order, &place, &keyring, &layout, &[]))?;
        show(order.global, &words::planned(&found.plan, begun.as_ref()))?;
        return Ok(0);
    }
    std::fs::create_dir_all(layout.data()).map_err(|error| {
        Fail::new(format!("`{}` cannot be made", layout.data().display())).from(error)
    })?;
    let _held = prepare::hold(&layout)
        .map_err(|error| Fail::new("the data folder cannot be used").from(error))?;
    let layout = bare(&order.global.data)?;
    let done = runtime.block_on(build::build(order, &place, &layout))?;
    show(order.global, &done)?;
    Ok(0)
}

/// The layout of a data folder that is absent, empty, or was begun by an earlier attempt.
fn bare(data: &Path) -> Result<Layout, Fail> {
    let data = std::path::absolute(data)
        .map_err(|error| Fail::new("the data folder has no path").from(error))?;
    let layout = Layout::new(&data);
    if layout.version().exists() {
        return Err(Fail::new(format!("there is a data folder at `{}`", data.display())).help(
            "nothing is ever written over one: name another with `--data DIR`, or move that one away; to bring single \
             tenants back into it, start the service and use `avouch restore TENANT`",
        ));
    }
    let entries = match std::fs::read_dir(&data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(layout),
        Err(error) => {
            return Err(
                Fail::new(format!("`{}` cannot be looked into", data.display())).from(error),
            );
        }
    };
    let begun = layout.restoring().is_dir();
    let known = ["lock", "restoring", "lost+found"];
    let foreign = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .find(|name| !begun && !known.contains(&name.as_str()));
    match foreign {
        None => Ok(layout),
        Some(name) => Err(Fail::new(format!(
            "`{}` is not empty: it holds `{name}`",
            data.display()
        ))
        .help("name an empty or new folder with `--data DIR`")),
    }
}

fn show(global: &Global, value: &serde_json::Value) -> Result<(), Fail> {
    if global.json {
        print(&value.to_string());
    } else {
        print(&words::text(value));
    }
    Ok(())
}

/// Says how far it has come.
fn progress(text: &str) {
    talk(text);
}
