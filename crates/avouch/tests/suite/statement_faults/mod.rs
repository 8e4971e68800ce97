//! Every mistake in a statement is told with its place and its mend, and nothing is started.
//!
//! The table is `faults.txt`: a sentence, edits of the demo's statement, and what is printed for it, to the letter. After a
//! change of the demo's statement or of a message, `AVOUCH_BLESS=1 cargo test -p avouch --test suite statement_faults`
//! writes what is printed now; read the difference before you commit it.

use std::fs;
use std::path::Path;

use crate::harness::{Place, avouch};

/// One line of the table.
struct Case<'t> {
    sentence: &'t str,
    edits: Vec<(String, String)>,
    printed: &'t str,
}

#[test]
fn every_faulty_statement_is_refused_with_exactly_these_words() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/statement_faults/faults.txt");
    let table = fs::read_to_string(&path).unwrap();
    let cases = read(&table);
    assert!(cases.len() >= 50, "{} cases", cases.len());
    let printed: Vec<String> = cases.iter().map(|case| printed(case)).collect();
    if std::env::var_os("AVOUCH_BLESS").is_some() {
        fs::write(&path, write(&cases, &printed)).unwrap();
        return;
    }
    let wrong: Vec<String> = cases
        .iter()
        .zip(&printed)
        .filter(|(case, printed)| case.printed != **printed)
        .map(|(case, printed)| {
            format!(
                "\n## {}\n-- expected --\n{}-- printed --\n{printed}",
                case.sentence, case.printed
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn a_statement_that_cannot_be_read_is_refused_with_what_to_do() {
    let place = Place::new();
    let (statement, data) = (place.join("absent.toml"), place.join("data"));
    for command in ["up", "doctor", "statement"] {
        let done = avouch([
            "-c",
            statement.to_str().unwrap(),
            "--data",
            data.to_str().unwrap(),
            command,
        ])
        .with(2);
        assert!(
            done.err.contains("cannot read the statement") && done.err.contains("help: "),
            "{command}: {}",
            done.err
        );
        assert_eq!(done.out, "", "{command}");
    }
    assert!(!data.exists(), "a faulty start made the data folder");
}

#[test]
fn the_published_statement_has_no_fault() {
    let place = Place::new();
    let statement = place.statement(&[]);
    let done = avouch([
        "-c",
        statement.to_str().unwrap(),
        "--data",
        place.join("data").to_str().unwrap(),
        "statement",
    ])
    .with(0);
    assert!(done.out.contains("what we promise"), "{}", done.out);
}

#[track_caller]
fn printed(case: &Case<'_>) -> String {
    let place = Place::new();
    let statement = place.statement(&case.edits);
    let done = avouch([
        "-c",
        statement.to_str().unwrap(),
        "--data",
        place.join("data").to_str().unwrap(),
        "statement",
    ]);
    match (done.code, done.out.as_str()) {
        (2, "") => done.err,
        (code, _) => format!("exit {code}, and no fault was told\n"),
    }
}

/// Reads the table: `## sentence`, then pairs of `- from` and `+ to`, then what is printed, indented by two.
fn read(table: &str) -> Vec<Case<'_>> {
    let sections = table.split("\n## ").skip(1);
    sections
        .map(|section| {
            let (head, printed) = section
                .split_once("\n~~~\n")
                .expect("~~~ before what is printed");
            let mut lines = head.lines();
            let sentence = lines.next().unwrap();
            let edits = lines.collect::<Vec<_>>();
            let edit = |line: &str| line.get(2..).unwrap_or("").replace("\\n", "\n");
            let edits = edits
                .chunks(2)
                .map(|pair| (edit(pair[0]), edit(pair[1])))
                .collect();
            Case {
                sentence,
                edits,
                printed: printed.strip_suffix("~~~\n").unwrap_or(printed),
            }
        })
        .collect()
}

fn write(cases: &[Case<'_>], printed: &[String]) -> String {
    let mut table =
        "What is printed for each mistake in the demo's statement. See `mod.rs`.\n".to_owned();
    for (case, printed) in cases.iter().zip(printed) {
        table.push_str(&format!("\n## {}\n", case.sentence));
        for (from, to) in &case.edits {
            for (sign, text) in [('-', from), ('+', to)] {
                let line = format!("{sign} {}", text.replace('\n', "\\n"));
                table.push_str(line.trim_end());
                table.push('\n');
            }
        }
        table.push_str(&format!("~~~\n{printed}~~~\n"));
    }
    table
}
