//! The master key on paper: printed as sheets, read off them by other programs, tried, and brought back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Done, Options, Service, run};

/// A folder in memory that goes with its test.
fn memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap()
}

fn escrowed() -> Service {
    let master = "master = { from = \"file\", path = \"master.key\" }";
    let escrow = "escrow = { sheets = 5, needed = 3, rehearsed = \"12 months\" }";
    Service::start(Options {
        edits: vec![(master.to_owned(), format!("{master}\n{escrow}"))],
        ..Options::default()
    })
}

/// What the check of the claim says now.
#[track_caller]
fn claim(service: &Service, status: &str, says: &str) {
    let report: Value = service.avouch(&["--json", "check", "keys.escrow"]).json();
    let claims = report["claims"].as_array().unwrap();
    let found = claims
        .iter()
        .find(|claim| claim["id"] == "keys.escrow")
        .unwrap();
    assert_eq!(found["status"], status, "{found}");
    assert!(found["checks"].to_string().contains(says), "{found}");
}

/// Types sheets into a command.
fn typing(service: &Service, words: &[&str], typed: &str) -> Done {
    let mut command = Command::new(crate::harness::avouch_binary());
    command.args(["-c", service.statement().to_str().unwrap()]);
    command
        .args(["--data", service.data().to_str().unwrap()])
        .args(words);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), typed.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// The lines that stand on a sheet, as its text and as its camera picture.
fn lines(sheet: &Path) -> String {
    let text = run("pdftotext", ["-layout", sheet.to_str().unwrap(), "-"]);
    let printed: Vec<String> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Line "))
        .map(|line| {
            line.split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(printed.len(), 4, "{text}");
    let picture = sheet.with_extension("");
    run(
        "pdftoppm",
        [
            "-r",
            "200",
            "-png",
            "-singlefile",
            sheet.to_str().unwrap(),
            picture.to_str().unwrap(),
        ],
    );
    let picture = picture.with_extension("png");
    let seen = run("zbarimg", ["--quiet", "--raw", picture.to_str().unwrap()]);
    assert_eq!(seen.trim(), printed.join("\n"));
    fs::remove_file(picture).unwrap();
    format!("{}\n", printed.join("\n"))
}

#[test]
fn three_of_five_holders_bring_the_master_key_back_from_paper_and_a_copy_of_the_keys() {
    let service = escrowed();
    claim(&service, "broken", "there are no sheets");
    let place = memory();
    let folder = place.path().join("sheets");
    let escrow = |to: &str| {
        service.avouch(&[
            "key", "escrow", "--sheets", "5", "--needed", "3", "--to", to,
        ])
    };
    let on_disk = escrow(service.place().join("sheets").to_str().unwrap()).with(2);
    assert!(on_disk.err.contains("it lies on a disk"), "{}", on_disk.err);
    escrow(folder.to_str().unwrap()).with(0);
    claim(
        &service,
        "held",
        "were printed, and not tried since, 0 days ago",
    );
    let sheets: Vec<String> = (1..=5)
        .map(|number| lines(&folder.join(format!("sheet-{number}.pdf"))))
        .collect();

    // The machine is gone; a copy of the folder of keys is left.
    let copy = place.path().join("keys");
    run(
        "cp",
        [
            "-r",
            service.data().join("core/keys").to_str().unwrap(),
            copy.to_str().unwrap(),
        ],
    );
    let master = place.path().join("master.key");
    let recover = |typed: &str| {
        let words = [
            "key",
            "recover",
            "--keys",
            copy.to_str().unwrap(),
            "--to",
            master.to_str().unwrap(),
        ];
        typing(&service, &words, typed)
    };
    let two = recover(&sheets[..2].concat()).with(2);
    assert!(two.err.contains("sheets are missing"), "{}", two.err);
    // A slip of the hand is named, and put right.
    let slip = format!(
        "{}\n{}",
        sheets[4]
            .lines()
            .next()
            .unwrap()
            .replacen(|_: char| true, "9", 2),
        sheets[4]
    );
    let done = recover(
        &[
            slip,
            sheets[4].clone(),
            sheets[1].clone(),
            sheets[2].clone(),
        ]
        .concat(),
    )
    .with(0);
    assert!(done.err.contains("line 1 has a slip in it"), "{}", done.err);
    assert!(done.err.contains("typed before"), "{}", done.err);
    let lost = service.data().join("keys/master.key");
    assert_eq!(fs::read(&master).unwrap(), fs::read(lost).unwrap());

    // Sheets from before others were printed are useless, and it is said why.
    let newer = place.path().join("newer");
    escrow(newer.to_str().unwrap()).with(0);
    let old = typing(&service, &["key", "rehearse"], &sheets.concat()).with(2);
    assert!(old.err.contains("look for the newer ones"), "{}", old.err);
    let new: Vec<PathBuf> = (1..=3)
        .map(|number| newer.join(format!("sheet-{number}.pdf")))
        .collect();
    let new: Vec<String> = new.iter().map(|sheet| lines(sheet)).collect();
    typing(&service, &["key", "rehearse"], &new.concat()).with(0);
    claim(&service, "held", "were last tried 0 days ago");
    let event = service.audited(&["--words", "key rehearse"], |row| row["outcome"] == "done");
    assert_eq!(event["role"], "local-root", "{event}");
    let line = new[0].lines().nth(2).unwrap();
    let packed = line.replace(' ', "");
    assert!(!event.to_string().contains(line), "{event}");
    for kept in crate::second_factor::telephone::files(&service.data()) {
        let bytes = fs::read(&kept).unwrap_or_default();
        for shape in [line, &packed] {
            let found = bytes
                .windows(shape.len())
                .any(|window| window == shape.as_bytes());
            assert!(!found, "{}", kept.display());
        }
    }

    // What the sheets open is altered, and put back.
    let kept = service.data().join("core/keys/escrow");
    let before = fs::read_to_string(&kept).unwrap();
    let mut altered = before.clone().into_bytes();
    let middle = altered.len() / 3;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    fs::write(&kept, altered).unwrap();
    claim(&service, "broken", "was altered in the folder of keys");
    fs::write(&kept, before).unwrap();
    claim(&service, "held", "were last tried 0 days ago");
}
