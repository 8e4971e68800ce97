use super::*;

const RIGHT: &str = "day=21&month=11&year=2026&period=1&category_1=4&category_2=3&category_3=2&category_4=1\
                     &category_5=0&midwives=4";

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

#[test]
fn whole_numbers_in_range_are_read() {
    let entry = read(RIGHT.as_bytes(), noon()).unwrap();
    assert_eq!(entry.period.to_string(), "21 November 2026, 04:00 to 08:00");
    assert_eq!(
        entry.counts,
        Counts {
            women: [4, 3, 2, 1, 0],
            midwives: 4
        }
    );
}

/// `sent` in place of the right midwives, and what the refusal must say.
#[track_caller]
fn refused(sent: &str, sentence: &str) {
    let body = RIGHT.replace("midwives=4", sent);
    let found = read(body.as_bytes(), noon()).unwrap_err();
    let sentences: Vec<_> = found
        .faults
        .iter()
        .map(|fault| fault.sentence.as_str())
        .collect();
    assert_eq!(sentences, [sentence], "for `{sent}`");
    assert_eq!(found.kept[4], Some(4), "what was right is kept");
}

#[test]
fn anything_but_ascii_digits_in_range_is_refused() {
    let rule = "Midwives on duty must be a whole number from 0 to 99";
    for value in [
        "",
        "four",
        "Jane+Smith",
        "%3Cb%3E4%3C%2Fb%3E",
        "<script>alert(1)</script>",
        "21/11/2026",
        "2026-11-21",
        "\u{ff14}",
        "%EF%BC%94",
        "\u{664}",
        "-1",
        "-0",
        "+4",
        "%2B4",
        "%34",
        "004",
        "100",
        "18446744073709551620",
        "4.0",
        "4,0",
        "1e1",
        "0x4",
        "4_",
        " 4",
        "4+",
        "4%20",
        "4%00",
        "4\0",
        "4\n",
        "4=4",
        "NaN",
        "inf",
        "null",
        "9434765919",
        "\u{bd}",
        "IV",
    ] {
        refused(&format!("midwives={value}"), rule);
    }
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    let body = [RIGHT.strip_suffix('4').unwrap().as_bytes(), b"\xff\xfe"].concat();
    assert_eq!(
        read(&body, noon()).unwrap_err().faults[0].field,
        Some("midwives")
    );
}

#[test]
fn a_missing_field_is_named() {
    refused("", "Midwives on duty is missing");
}

#[test]
fn a_field_without_a_value_is_no_number() {
    refused(
        "midwives",
        "Midwives on duty must be a whole number from 0 to 99",
    );
}

#[test]
fn a_field_that_comes_twice_is_refused_even_with_one_value() {
    refused(
        "midwives=4&midwives=4",
        "Midwives on duty must be given once",
    );
    refused(
        "midwives=4&midwives=5",
        "Midwives on duty must be given once",
    );
}

#[test]
fn an_unknown_field_is_refused_by_name() {
    refused(
        "midwives=4&note=1",
        "The form has no field called \u{201c}note\u{201d}",
    );
    refused(
        "midwives=4&Midwives=4",
        "The form has no field called \u{201c}Midwives\u{201d}",
    );
    refused(
        "midwives=4&midwives[]=4",
        "The form has no field called what was sent",
    );
    refused(
        "midwives=4&%6didwives=4",
        "The form has no field called what was sent",
    );
    refused(
        "midwives=4&=4",
        "The form has no field called what was sent",
    );
    refused(
        "midwives=4&<script>=4",
        "The form has no field called what was sent",
    );
}

#[test]
fn every_fault_is_told_at_once_in_the_order_of_the_form() {
    let found = read(b"day=x&note=1", noon()).unwrap_err();
    let fields: Vec<_> = found.faults.iter().map(|fault| fault.field).collect();
    let ours: Vec<_> = FIELDS
        .iter()
        .map(|field| Some(field.name))
        .chain([None])
        .collect();
    assert_eq!(fields, ours);
}

#[test]
fn numbers_below_and_above_each_range_are_refused() {
    for (right, wrong) in [
        ("day=21", "day=0"),
        ("day=21", "day=32"),
        ("month=11", "month=0"),
        ("month=11", "month=13"),
        ("year=2026", "year=1999"),
        ("year=2026", "year=2100"),
        ("year=2026", "year=26"),
        ("period=1", "period=6"),
        ("category_5=0", "category_5=100"),
    ] {
        let found = read(RIGHT.replace(right, wrong).as_bytes(), noon()).unwrap_err();
        assert_eq!(
            found.faults[0].field,
            wrong.split('=').next(),
            "for {wrong}"
        );
    }
}

#[test]
fn a_date_that_does_not_exist_is_refused() {
    let body = RIGHT.replace("day=21&month=11", "day=31&month=2");
    let found = read(body.as_bytes(), noon()).unwrap_err();
    assert_eq!(
        found.faults[0].sentence,
        "Day, month and year must be a date that exists"
    );
}

#[test]
fn the_period_under_way_is_taken_and_the_next_is_refused() {
    let today = RIGHT.replace("day=21", "day=22");
    assert!(read(today.replace("period=1", "period=3").as_bytes(), noon()).is_ok());
    let found = read(today.replace("period=1", "period=4").as_bytes(), noon()).unwrap_err();
    assert_eq!(
        found.faults[0].sentence,
        "The period must have begun: this one lies ahead"
    );
}
