use super::*;

/// `≥`, `£`, `–` and letters with accents, Welsh ones among them.
const SENTENCE: &str = "Siân’s café in Tŷ Gwyn – kept ≥ 14 days for £3 “naïvely”.";

fn about() -> About {
    About {
        title: "Acuity: what we promise".to_owned(),
        subject: "Acuity".to_owned(),
        author: "Example Digital Ltd".to_owned(),
        footer: "Statement 0123456789abcdef".to_owned(),
        made: "2026-11-21T12:00:00Z".parse().unwrap(),
    }
}

fn sample() -> Vec<u8> {
    let mut paper = Paper::new(about()).unwrap();
    paper.title("Acuity: what we promise");
    paper.pair("Supplier", "Example Digital Ltd");
    paper.pair("Digest", &"0123456789abcdef".repeat(12));
    for number in 0..30 {
        paper.heading(&format!("Promise {number}: {SENTENCE}"));
        paper.paragraph(&format!("{SENTENCE} ").repeat(9));
        paper.aside("Tried each round.");
    }
    let row = |number: usize| {
        let long = "a cell that is long enough to wrap into several lines of its own ";
        vec![
            format!("row {number}"),
            "held".to_owned(),
            long.repeat(number % 5),
        ]
    };
    let mut rows: Vec<Vec<String>> = (0..60).map(row).collect();
    rows.push(vec![
        "taller than a page".to_owned(),
        "held".to_owned(),
        "word ".repeat(2000),
    ]);
    paper.table(&["Name", "Verdict", "Observed"], &[2.0, 1.0, 5.0], &rows);
    paper.finish().unwrap()
}

/// What `pdftotext` reads, page by page.
fn text_of(document: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.pdf");
    std::fs::write(&path, document).unwrap();
    let output = std::process::Command::new("pdftotext")
        .args(["-enc", "UTF-8"])
        .arg(&path)
        .arg("-")
        .output()
        .expect("pdftotext of poppler-utils is needed: .ci/install test");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.split('\u{c}')
        .filter(|page| !page.is_empty())
        .map(|page| page.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert!(sample() == sample());
}

#[test]
fn every_letter_can_be_selected_and_every_page_is_numbered() {
    let pages = text_of(&sample());
    assert!(pages.len() > 5, "{}", pages.len());
    assert!(pages[0].contains(SENTENCE), "{}", pages[0]);
    for (at, page) in pages.iter().enumerate() {
        let number = format!("page {} of {}", at + 1, pages.len());
        for expected in [
            &number,
            "Acuity",
            "Example Digital Ltd",
            "Statement 0123456789abcdef",
        ] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
    }
    let words = pages.iter().map(|page| page.matches("word").count());
    assert_eq!(words.sum::<usize>(), 2000);
    assert!(pages.iter().any(|page| page.contains("row 59")));
}

#[test]
fn a_table_says_its_heads_again_on_each_page() {
    let pages = text_of(&sample());
    let with_rows = pages.iter().filter(|page| page.contains(" row ")).count();
    let with_heads = pages
        .iter()
        .filter(|page| page.contains("Observed"))
        .count();
    assert!(
        with_rows > 2 && with_heads >= with_rows,
        "{with_rows} {with_heads}"
    );
}

#[test]
fn text_wraps_within_its_width_and_loses_nothing() {
    let font = font::Fonts::new().unwrap().regular;
    let text = format!("{SENTENCE} {}", "0123456789abcdef".repeat(20));
    let lines = font.wrap(&text, 9.0, 120.0);
    assert!(
        lines.iter().all(|line| font.width(line, 9.0) <= 120.0),
        "{lines:?}"
    );
    let letters = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(letters(&lines.concat()), letters(&text));
}

#[test]
fn a_picture_of_squares_draws_each_dark_one() {
    let mut paper = Paper::new(about()).unwrap();
    paper.squares(2, &[true, false, false, true]);
    paper.paragraph("under it");
    let (with, mut without) = (paper.finish().unwrap(), Paper::new(about()).unwrap());
    without.squares(2, &[false; 4]);
    without.paragraph("under it");
    assert!(with.len() > without.finish().unwrap().len());
}
