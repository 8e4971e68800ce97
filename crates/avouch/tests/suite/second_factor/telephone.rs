//! Somebody's telephone: an authenticator that is not ours (`oathtool`), and a camera that is not either (`zbarimg`).

use std::path::{Path, PathBuf};

use crate::harness::{Service, run};

/// What was typed into the authenticator.
pub struct Telephone(String);

impl Telephone {
    /// Types the key in that the page shows.
    #[track_caller]
    pub fn of(page: &str) -> Self {
        let shown = between(
            page,
            "<p class=\"nhsuk-u-font-code nhsuk-u-text-break-word\">",
            "</p>",
        );
        Self(shown.replace(' ', ""))
    }

    pub fn key(&self) -> &str {
        &self.0
    }

    /// The code that it shows so many seconds from now.
    #[track_caller]
    pub fn shows(&self, from_now: i64) -> String {
        let at = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(from_now)).as_second();
        let now = format!("--now=@{at}");
        run("oathtool", ["--totp", "--base32", &now, &self.0])
            .trim()
            .to_owned()
    }
}

/// The recovery codes on a page.
pub fn recovery_codes(page: &str) -> Vec<String> {
    let list = between(page, "<ul class=\"nhsuk-list nhsuk-u-font-code\">", "</ul>");
    list.split("<li>")
        .skip(1)
        .map(|item| item.split("</li>").next().unwrap().to_owned())
        .collect()
}

/// What the camera reads off the page's picture.
#[track_caller]
pub fn read_picture(page: &str) -> String {
    let svg = between(page, "<svg ", "</svg>");
    let side: usize = between(svg, "viewBox=\"0 0 ", " ").parse().unwrap();
    let mut dark = vec![vec![false; side]; side];
    for square in between(svg, "d=\"", "\"").split('M').skip(1) {
        let (column, row) = square
            .strip_suffix("h1v1h-1z")
            .unwrap()
            .split_once(' ')
            .unwrap();
        dark[row.parse::<usize>().unwrap()][column.parse::<usize>().unwrap()] = true;
    }
    // A portable bitmap, four dots to a square.
    let mut picture = format!("P1\n{0} {0}\n", side * 4);
    for row in dark.iter().flat_map(|row| [row; 4]) {
        for square in row {
            picture.push_str(if *square { "1 1 1 1 " } else { "0 0 0 0 " });
        }
        picture.push('\n');
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.pbm");
    std::fs::write(&path, picture).unwrap();
    run("zbarimg", ["--quiet", "--raw", path.to_str().unwrap()])
        .trim()
        .to_owned()
}

/// Runs SQL on the core's store, from outside.
#[track_caller]
pub fn store(service: &Service, sql: &str) -> String {
    let database = service.data().join("core/store.db");
    run(
        "sqlite3",
        ["-cmd", ".timeout 10000", database.to_str().unwrap(), sql],
    )
}

/// Every file of the core's beneath a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path()),
            Ok(kind) if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}

#[track_caller]
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let from = text
        .find(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"))
        + before.len();
    let rest = &text[from..];
    &rest[..rest.find(after).unwrap()]
}
