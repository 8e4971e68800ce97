//! The master key on paper: printed, tried, and brought back from it.

use std::io::{BufRead as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use avouch_keyring::Secret;
use avouch_keyring::escrow::{self, LINES, Sheet};
use avouch_paper::{About, Paper, PaperError};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use qrcode::{Color, EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::block_on;
use super::online::show;
use crate::cli::{Global, Key};
use crate::control::{self, Request, Typed};
use crate::fail::Fail;
use crate::talk;

/// What the core hands over of a set of sheets, this once.
#[derive(Serialize, Deserialize)]
pub struct Printed {
    /// The service's name.
    pub service: String,
    /// The set.
    pub set: String,
    /// How many are needed.
    pub needed: u8,
    /// When.
    pub made: jiff::Timestamp,
    /// The lines of each.
    pub sheets: Vec<Vec<String>>,
}

/// Runs one of the commands about the master key.
pub fn run(global: &Global, key: Key) -> Result<u8, Fail> {
    match key {
        Key::Escrow { sheets, needed, to } => print_sheets(global, (sheets, needed), &to),
        Key::Rehearse { sheets } => rehearse(global, &sheets),
        Key::Recover { keys, sheets, to } => recover(global, &keys, &sheets, &to),
        Key::Hold { spec, given } => super::roles::key(&spec, given),
    }
}

fn print_sheets(global: &Global, (sheets, needed): (u8, u8), to: &Path) -> Result<u8, Fail> {
    // Before the sheets from before are made useless.
    in_memory(to)?;
    let request = Request::KeyEscrow { sheets, needed };
    let answer = block_on(control::ask(&global.data, &request))?;
    let printed: Printed = serde_json::from_value(answer).map_err(|error| {
        Fail::new("the service answered something that this version does not know").from(error)
    })?;
    let mut files = Vec::new();
    for (at, lines) in printed.sheets.iter().enumerate() {
        let path = to.join(format!("sheet-{}.pdf", at + 1));
        let bytes = pdf(&printed, at + 1, lines)
            .map_err(|error| Fail::new("a sheet cannot be made").from(error))?;
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(&bytes))
            .map_err(|error| Fail::new(format!("cannot write `{}`", path.display())).from(error))?;
        files.push(path.display().to_string());
    }
    let value = json!({ "set": printed.set, "needed": needed, "files": files });
    show(global, &value, || {
        format!(
            "{sheets} sheets of set {} are in {}. Print each, give each to somebody else, and remove the folder. Sheets that \
             were printed before are useless now: destroy them.",
            printed.set,
            to.display()
        )
    });
    Ok(0)
}

/// Makes the folder, which may not lie on a disk: a sheet that was there may be found there for ever.
fn in_memory(folder: &Path) -> Result<(), Fail> {
    let refused = |why: &str| {
        Fail::new(format!(
            "sheets cannot be put into `{}`: {why}",
            folder.display()
        ))
        .help("name a new folder in memory, such as `--to /dev/shm/sheets`")
    };
    if !folder.exists() {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(folder)
            .map_err(|error| refused("it cannot be made").from(error))?;
    }
    let mut entries =
        std::fs::read_dir(folder).map_err(|error| refused("it is no folder").from(error))?;
    if entries.next().is_some() {
        return Err(refused("it is not empty"));
    }
    let system = statfs(folder).map_err(|errno| refused("it cannot be looked at").from(errno))?;
    if system.filesystem_type() != TMPFS_MAGIC {
        let _ = std::fs::remove_dir(folder);
        return Err(refused("it lies on a disk"));
    }
    Ok(())
}

fn rehearse(global: &Global, files: &[PathBuf]) -> Result<u8, Fail> {
    let sheets = read_sheets(files)?;
    let sheets = sheets
        .iter()
        .map(|sheet| Typed(sheet.text().expose().clone()));
    let request = Request::KeyRehearse {
        sheets: sheets.collect(),
    };
    let value = block_on(control::ask(&global.data, &request))?;
    show(global, &value, || {
        "The sheets bring the master key back, and it opens the keys. The date is kept.".to_owned()
    });
    Ok(0)
}

fn recover(global: &Global, keys: &Path, files: &[PathBuf], to: &Path) -> Result<u8, Fail> {
    if to.exists() {
        return Err(Fail::new(format!("`{}` is there already", to.display()))
            .help("name a new file, and put it in the old one’s place once the service has started with it"));
    }
    let sheets = read_sheets(files)?;
    let lost = || Fail::new("the master key was not brought back");
    let master = escrow::recover(keys, &sheets).map_err(|error| lost().from(error))?;
    master.save(to).map_err(|error| lost().from(error))?;
    let value = json!({ "master": to.display().to_string(), "opens": keys.display().to_string() });
    show(global, &value, || {
        format!(
            "{} holds the master key that opens {}. Put it where the statement says that the master key comes from, start the \
             service, and print new sheets.",
            to.display(),
            keys.display()
        )
    });
    Ok(0)
}

/// The sheets in these files, or typed on standard input, line by line.
fn read_sheets(files: &[PathBuf]) -> Result<Vec<Sheet>, Fail> {
    if files.is_empty() {
        return type_sheets();
    }
    let read = |path: &PathBuf| {
        let wrong = || Fail::new(format!("`{}` is no sheet", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong().from(error))?;
        let text = Secret::new(text);
        Sheet::read(text.expose()).map_err(|error| wrong().from(error))
    };
    files.iter().map(read).collect()
}

fn type_sheets() -> Result<Vec<Sheet>, Fail> {
    let mut sheets: Vec<Sheet> = Vec::new();
    let mut typed = std::io::stdin().lock().lines();
    while sheets
        .first()
        .is_none_or(|first| sheets.len() < first.needed().into())
    {
        let mut lines = Secret::new(String::new());
        let mut at = 0;
        while at < LINES {
            talk(&format!(
                "Sheet {} of those at hand, line {}:",
                sheets.len() + 1,
                at + 1
            ));
            let line = match typed.next() {
                Some(Ok(line)) => Secret::new(line),
                _ => {
                    return Err(Fail::new(
                        "there was no more to read, and sheets are missing",
                    ));
                }
            };
            match escrow::line(at, line.expose()) {
                Ok(_) => {
                    lines = Secret::new(format!("{}{}\n", lines.expose(), line.expose()));
                    at += 1;
                }
                Err(error) => talk(&format!("{error}; type it again")),
            }
        }
        let sheet = Sheet::read(lines.expose())
            .map_err(|error| Fail::new("this sheet cannot be used").from(error))?;
        match sheets.iter().any(|known| known.number() == sheet.number()) {
            true => talk("That sheet was typed before: take another."),
            false => sheets.push(sheet),
        }
    }
    Ok(sheets)
}

/// What a holder gets.
fn pdf(printed: &Printed, number: usize, lines: &[String]) -> Result<Vec<u8>, PaperError> {
    let (service, needed, count) = (&printed.service, printed.needed, printed.sheets.len());
    let made = printed.made.strftime("%d %B %Y").to_string();
    let title = format!("Sheet {number} of {count}: the master key of {service}");
    let mut paper = Paper::new(About {
        title: title.clone(),
        subject: format!("{service}: master key on paper"),
        author: format!("printed {made}"),
        footer: format!("Set {}, sheet {number} of {count}", printed.set),
        made: printed.made,
    })?;
    paper.title(&title);
    paper.pair("Set", &printed.set);
    paper.pair("Printed", &made);
    paper.pair(
        "Needed",
        &format!("any {needed} of the {count} sheets, and a copy of the folder of keys"),
    );
    paper.heading("The sheet");
    for (at, line) in lines.iter().enumerate() {
        paper.pair(&format!("Line {}", at + 1), line);
    }
    paper.aside(
        "The letters are small letters; there is no l, no o, no 0 and no 1. The last group of each line is made from the \
         others, so a slip of the hand is named by its line.",
    );
    if let Ok(code) = QrCode::with_error_correction_level(lines.join("\n"), EcLevel::M) {
        let dark: Vec<bool> = code
            .to_colors()
            .iter()
            .map(|colour| *colour == Color::Dark)
            .collect();
        paper.squares(code.width(), &dark);
    }
    paper.heading("What it is");
    paper.paragraph(&format!(
        "All keys of {service} are kept encrypted under one master key. If it is lost, {needed} holders of these sheets \
         together bring it back, from their sheets and a copy of the folder of keys. Fewer sheets say nothing about it, and \
         all of them together say nothing without that folder."
    ));
    paper.heading("Who may use it");
    paper.paragraph(
        "You, together with other holders, when the master key is lost, and to try the sheets as often as the service \
         promises its customers. Nobody may hold two of them. Keep it where you keep a passport; do not copy or photograph \
         it. If it is lost, or somebody may have read it, say so: new sheets are printed, and this one is useless.",
    );
    paper.heading("How it is used");
    paper.paragraph(
        "To try the sheets: `avouch key rehearse`, on the machine of the service. To bring the master key back: `avouch key \
         recover --keys FOLDER --to FILE`, on any machine that has a copy of the folder of keys. Both ask for the lines of \
         each sheet.",
    );
    paper.aside(
        "Printing sheets again, or changing the master key, makes this sheet useless for the keys as they are from then on. A \
         copy of the folder of keys from before stays open to it, so destroy it then.",
    );
    paper.finish()
}
