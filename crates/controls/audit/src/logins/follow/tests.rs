use super::*;
use crate::logins::record::testing::line;

fn login(account: &str, second: u32) -> Vec<u8> {
    line(7, account, "pts/0", "192.0.2.7", second).to_vec()
}

fn snapshot(file: u64, lines: &[Vec<u8>]) -> Snapshot {
    Snapshot {
        file,
        bytes: lines.concat(),
    }
}

/// Tells everything that is new, and says it in a few words.
#[track_caller]
fn told(followed: &mut Followed, now: Option<&Snapshot>, aside: &[Snapshot]) -> Vec<String> {
    let news = followed.news(now, || aside.to_vec());
    for news in &news {
        followed.take(news);
    }
    let again = followed.news(now, || aside.to_vec());
    assert_eq!(again, [], "nothing is told twice");
    news.iter().filter_map(words).collect()
}

fn words(news: &News) -> Option<String> {
    match news {
        News::Line { login, .. } => Some(format!("{} {}", login.kind, login.account)),
        News::Again { .. } => None,
        News::Begun {
            why: Began::Rotated,
            ..
        } => Some("rotated".to_owned()),
        News::Begun {
            why: Began::Lost { had, kept },
            ..
        } => Some(format!("lost: {kept} of {had} kept")),
        News::Begun {
            why: Began::Restored,
            ..
        } => Some("restored".to_owned()),
    }
}

/// One who has told of ann and bob.
fn followed() -> (Followed, Vec<Vec<u8>>) {
    let lines = vec![login("ann", 1), login("bob", 2)];
    let mut followed = Followed::default();
    let first = told(&mut followed, Some(&snapshot(1, &lines)), &[]);
    assert_eq!(first, ["login ann", "login bob"]);
    (followed, lines)
}

#[test]
fn each_line_is_told_once_and_an_end_by_whose_it_was() {
    let (mut followed, mut lines) = followed();
    lines.push(login("cat", 3));
    lines.push(line(8, "", "pts/0", "", 4).to_vec());
    lines.push(line(8, "", "pts/9", "", 5).to_vec());
    let more = told(&mut followed, Some(&snapshot(1, &lines)), &[]);
    assert_eq!(more, ["login cat", "logout cat", "logout "]);
}

#[test]
fn what_was_not_recorded_is_told_at_the_next_look() {
    let (mut followed, mut lines) = followed();
    lines.extend([login("cat", 3), login("dan", 4)]);
    let now = snapshot(1, &lines);
    let news = followed.news(Some(&now), Vec::new);
    followed.take(&news[0]);
    assert_eq!(told(&mut followed, Some(&now), &[]), ["login dan"]);
}

#[test]
fn a_record_that_was_set_aside_whole_is_told_to_its_end_and_the_new_one_from_its_beginning() {
    let (mut followed, mut lines) = followed();
    lines.push(login("cat", 3));
    let former = [snapshot(1, &lines)];
    assert_eq!(told(&mut followed, None, &former), ["login cat"]);
    let now = snapshot(2, &[login("dan", 4)]);
    assert_eq!(
        told(&mut followed, Some(&now), &former),
        ["rotated", "login dan"]
    );
}

#[test]
fn a_record_that_lost_something_is_told_with_how_much_is_left() {
    let wiped = line(0, "", "", "", 0).to_vec();
    let (_, lines) = followed();
    for (now, expected) in [
        (Some(snapshot(1, &[])), vec!["lost: 0 of 2 kept"]),
        (Some(snapshot(1, &lines[..1])), vec!["lost: 1 of 2 kept"]),
        (Some(snapshot(1, &lines[1..])), vec!["lost: 0 of 2 kept"]),
        (
            Some(snapshot(1, &[lines[0].clone(), wiped])),
            vec!["lost: 1 of 2 kept", "wiped line "],
        ),
        (
            Some(snapshot(9, &[login("eve", 9)])),
            vec!["lost: 0 of 2 kept", "login eve"],
        ),
        (None, vec!["lost: 0 of 2 kept"]),
    ] {
        let (mut followed, _) = followed();
        assert_eq!(told(&mut followed, now.as_ref(), &[]), expected);
    }
}

#[test]
fn a_login_in_the_moment_before_an_empty_record_is_set_aside_is_told() {
    let mut followed = Followed::default();
    followed.take(&News::Begun {
        file: Some(1),
        why: Began::Rotated,
    });
    let former = [snapshot(1, &[login("ann", 1)])];
    let now = snapshot(2, &[login("bob", 2)]);
    assert_eq!(
        told(&mut followed, Some(&now), &former),
        ["login ann", "rotated", "login bob"]
    );
}

#[test]
fn another_file_beside_the_record_does_not_explain_what_it_lost() {
    for aside in [
        snapshot(7, &[login("ann", 1), login("bob", 2)]),
        snapshot(1, &[login("ann", 1)]),
    ] {
        let (mut followed, _) = followed();
        let empty = snapshot(2, &[]);
        assert_eq!(
            told(&mut followed, Some(&empty), &[aside]),
            ["lost: 0 of 2 kept"]
        );
    }
}

#[test]
fn what_is_put_back_is_not_told_again_and_missed_again_when_it_goes() {
    let (mut followed, lines) = followed();
    let (empty, back) = (snapshot(1, &[]), snapshot(5, &lines));
    assert_eq!(
        told(&mut followed, Some(&empty), &[]),
        ["lost: 0 of 2 kept"]
    );
    assert_eq!(told(&mut followed, Some(&back), &[]), ["restored"]);
    assert_eq!(
        told(&mut followed, Some(&empty), &[]),
        ["lost: 0 of 2 kept"]
    );
}

#[test]
fn lines_that_stood_in_the_place_of_others_are_not_missed_when_these_are_put_back() {
    let (mut followed, lines) = followed();
    let falsified = snapshot(1, &[lines[0].clone(), login("eve", 2)]);
    assert_eq!(
        told(&mut followed, Some(&falsified), &[]),
        ["lost: 1 of 2 kept", "login eve"]
    );
    let shorter = snapshot(1, &lines[..1]);
    assert_eq!(
        told(&mut followed, Some(&shorter), &[]),
        ["lost: 1 of 2 kept"]
    );
    let back = snapshot(1, &[lines, vec![login("fay", 3)]].concat());
    assert_eq!(
        told(&mut followed, Some(&back), &[]),
        ["restored", "login fay"]
    );
}

#[test]
fn a_copy_in_the_records_place_is_no_loss() {
    let (mut followed, lines) = followed();
    assert!(told(&mut followed, Some(&snapshot(8, &lines)), &[]).is_empty());
}
