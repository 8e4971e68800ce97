use super::*;
use tempfile::TempDir;

struct World {
    place: TempDir,
    keyring: Keyring,
    source: Source,
}

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

impl World {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let source = Source::File {
            path: place.path().join("master.key"),
        };
        let keyring = Keyring::unlock(&place.path().join("keys"), &source).unwrap();
        Self {
            place,
            keyring,
            source,
        }
    }

    fn keys(&self) -> PathBuf {
        self.place.path().join("keys")
    }

    fn sheets(&self, sheets: u8, needed: u8) -> Vec<Sheet> {
        self.keyring
            .escrow(&self.source, (sheets, needed), noon())
            .unwrap()
    }
}

/// As somebody types it who holds the paper.
fn typed(sheet: &Sheet) -> Sheet {
    Sheet::read(sheet.text().expose()).unwrap()
}

fn some(sheets: &[Sheet], numbers: &[usize]) -> Vec<Sheet> {
    numbers.iter().map(|at| typed(&sheets[*at])).collect()
}

#[test]
fn any_so_many_of_the_sheets_and_the_folder_bring_the_master_back_and_fewer_do_not() {
    let world = World::new();
    let sheets = world.sheets(5, 3);
    for chosen in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
        let master = recover(&world.keys(), &some(&sheets, &chosen)).unwrap();
        assert!(Keyring::open(&world.keys(), &master).is_ok(), "{chosen:?}");
    }
    for (chosen, found) in [(&[][..], 0), (&[0, 1], 2), (&[3, 3, 3], 1)] {
        let error = recover(&world.keys(), &some(&sheets, chosen)).unwrap_err();
        let least = if chosen.is_empty() { 2 } else { 3 };
        assert!(
            matches!(error, EscrowError::TooFew { needed, found: seen } if needed == least && seen == found),
            "{error}"
        );
    }
    let spare = recover(&world.keys(), &some(&sheets, &[0, 1, 2, 3, 4, 0])).unwrap();
    assert!(
        Keyring::open(&world.keys(), &spare).is_ok(),
        "more than needed, one twice"
    );
}

#[test]
fn the_master_brought_back_is_saved_as_one_that_unlocks() {
    let world = World::new();
    let sheets = world.sheets(3, 2);
    let before = std::fs::read(world.place.path().join("master.key")).unwrap();
    std::fs::remove_file(world.place.path().join("master.key")).unwrap();
    recover(&world.keys(), &some(&sheets, &[0, 2]))
        .unwrap()
        .save(world.source.path().unwrap())
        .unwrap();
    assert_eq!(
        std::fs::read(world.place.path().join("master.key")).unwrap(),
        before
    );
    Keyring::unlock(&world.keys(), &world.source).unwrap();
}

#[test]
fn a_slip_of_the_hand_and_two_lines_that_changed_places_are_named_by_their_line() {
    let world = World::new();
    let sheet = &world.sheets(2, 2)[0];
    let text = sheet.text().expose().clone();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        for (place, sign) in line.char_indices().filter(|(_, sign)| *sign != ' ') {
            let other = if sign == 'a' { "b" } else { "a" };
            let mut slip = lines
                .iter()
                .map(|line| (*line).to_owned())
                .collect::<Vec<_>>();
            slip[at].replace_range(place..=place, other);
            let error = Sheet::read(&slip.join("\n")).unwrap_err();
            assert!(
                matches!(error, EscrowError::Line { line } if line == at + 1),
                "{error}"
            );
        }
    }
    let swapped = [lines[0], lines[2], lines[1], lines[3]].join("\n");
    assert!(matches!(
        Sheet::read(&swapped).unwrap_err(),
        EscrowError::Line { line: 2 }
    ));
    assert!(matches!(
        Sheet::read(&lines[..3].join("\n")).unwrap_err(),
        EscrowError::Lines { found: 3 }
    ));
    let shouted = text.to_uppercase().replace(' ', "-");
    assert_eq!(Sheet::read(&shouted).unwrap().number(), 1);
}

#[test]
fn sheets_are_useless_once_others_are_printed_or_the_master_is_changed() {
    let world = World::new();
    let old = world.sheets(3, 2);
    let new = world.sheets(3, 2);
    let error = recover(&world.keys(), &some(&old, &[0, 1])).unwrap_err();
    assert!(matches!(error, EscrowError::OtherSet { .. }), "{error}");
    recover(&world.keys(), &some(&new, &[0, 1])).unwrap();
    world
        .keyring
        .change_master(world.source.path().unwrap())
        .unwrap();
    assert!(matches!(
        world.keyring.escrow_of().unwrap(),
        Escrow::Outdated(_)
    ));
    let error = recover(&world.keys(), &some(&new, &[0, 1])).unwrap_err();
    assert!(matches!(error, EscrowError::Outdated), "{error}");
    assert!(
        world
            .keyring
            .rehearse(&some(&new, &[0, 1]), noon())
            .is_err()
    );
}

#[test]
fn a_rehearsal_is_written_down_and_a_failed_one_is_not() {
    let world = World::new();
    assert_eq!(world.keyring.escrow_of().unwrap(), Escrow::None);
    let sheets = world.sheets(4, 3);
    assert!(
        world
            .keyring
            .rehearse(&some(&sheets, &[0, 1]), noon())
            .is_err()
    );
    let Escrow::Good(record) = world.keyring.escrow_of().unwrap() else {
        panic!("good sheets")
    };
    assert_eq!(
        (record.sheets, record.needed, record.rehearsed),
        (4, 3, None)
    );
    world
        .keyring
        .rehearse(&some(&sheets, &[0, 1, 3]), noon())
        .unwrap();
    let Escrow::Good(record) = world.keyring.escrow_of().unwrap() else {
        panic!("good sheets")
    };
    assert_eq!(record.rehearsed, Some(noon()));
    recover(&world.keys(), &some(&sheets, &[1, 2, 3])).unwrap();
}

#[test]
fn what_is_altered_in_the_folder_shows() {
    let world = World::new();
    let sheets = world.sheets(2, 2);
    let path = world.keys().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    for at in [0, MARK.len() + 1, MARK.len() + 30, text.len() - 8] {
        let mut altered = text.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        std::fs::write(&path, altered).unwrap();
        assert_eq!(world.keyring.escrow_of().unwrap(), Escrow::Altered, "{at}");
    }
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(
        world.keyring.escrow_of().unwrap(),
        Escrow::Good(_)
    ));
    drop(sheets);
}

#[test]
fn neither_a_sheet_nor_the_recovery_key_is_in_the_folder() {
    let world = World::new();
    let sheets = world.sheets(5, 3);
    let text = std::fs::read_to_string(world.keys().join(FILE)).unwrap();
    for sheet in &sheets {
        for line in sheet.lines() {
            assert!(!text.contains(line.expose().as_str()));
        }
        assert!(!text.contains(&hex::encode(sheet.share.expose())));
        assert!(!format!("{sheet:?}").contains(&hex::encode(sheet.share.expose())));
    }
}

#[test]
fn numbers_that_protect_nothing_are_refused() {
    let world = World::new();
    for numbers in [(1, 1), (5, 1), (3, 4), (21, 3), (0, 0)] {
        let error = world
            .keyring
            .escrow(&world.source, numbers, noon())
            .unwrap_err();
        assert!(matches!(error, EscrowError::Numbers), "{numbers:?}");
    }
}

#[test]
fn the_statement_says_how_many_sheets_how_many_are_needed_and_how_often_they_are_tried() {
    use avouch_statement::{Document, Length, Reading, Unit};
    let read = |escrow: &str| {
        let text = format!(
            "[keys]\nmaster = {{ from = \"file\", path = \"master.key\" }}\nescrow = {escrow}\n"
        );
        let source = avouch_statement::Source::new("avouch.toml", &text);
        let reading = Reading::new(&source);
        let document = Document::parse(&reading);
        let mut section = document.table(&reading).table("keys", "{ }").unwrap();
        let settings = crate::read(&mut section);
        section.finish();
        let claims = reading.finish().map_err(|faults| faults.to_string())?;
        Ok::<_, String>((settings.unwrap().escrow.unwrap(), claims.len()))
    };
    let whole = "{ sheets = 5, needed = 3, rehearsed = \"12 months\" }";
    let (settings, claims) = read(whole).unwrap();
    assert_eq!((settings.sheets, settings.needed, claims), (5, 3, 2));
    assert_eq!(settings.rehearsed, Length::new(12, Unit::Month));
    for (from, to, fault) in [
        ("sheets = 5", "sheets = 1", "`sheets` must be from 2 to 20"),
        ("needed = 3", "needed = 1", "`needed` must be from 2 to 20"),
        ("needed = 3", "needed = 6", "`needed` is more than `sheets`"),
        ("12 months", "3 d", "`rehearsed` must be from"),
        (
            ", rehearsed = \"12 months\"",
            "",
            "does not say `rehearsed`",
        ),
    ] {
        let faults = read(&whole.replace(from, to)).unwrap_err();
        assert!(faults.contains(fault), "{faults}");
    }
}
