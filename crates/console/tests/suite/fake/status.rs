//! One thing that is wrong and one that was, of two organisations.

use avouch_console::status::{
    IncidentView, LetterRow, LetterStands, NewAnswer, NewIncident, NewUpdate, StatusDesk,
};
use avouch_console::{Actor, Answer};

use super::{Fake, now};

impl StatusDesk for Fake {
    fn incidents<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<IncidentView>> {
        let time = |text: &str| text.parse().expect("a time");
        let row = |number, tenant: &str, title: &str, ended: Option<&str>| IncidentView {
            number,
            tenant: Some(tenant.to_owned()),
            seen: ended.is_some(),
            title: self.text(title),
            began: time("2026-11-22T07:00:00Z"),
            ended: ended.map(time),
            updates: vec![(time("2026-11-22T07:05:00Z"), self.text("Looked at"))],
            letters: vec![
                LetterRow {
                    of_end: false,
                    stands: LetterStands::Taken,
                },
                LetterRow {
                    of_end: true,
                    stands: LetterStands::GivenUp(time("2026-11-23T07:10:00Z")),
                },
            ],
        };
        now(vec![
            row(8, "riverside", "All is slow", None),
            row(7, "lakeside", "No answer", Some("2026-11-22T07:10:00Z")),
        ])
    }

    fn tell<'a>(&'a self, _: &'a Actor, new: &'a NewIncident) -> Answer<'a, u64> {
        self.told.lock().expect("lock").push(new.clone());
        now(9)
    }

    fn update<'a>(&'a self, _: &'a Actor, _: u64, _: &'a NewUpdate) -> Answer<'a, ()> {
        now(())
    }

    fn answer_fault<'a>(&'a self, _: &'a Actor, _: u64, answer: &'a NewAnswer) -> Answer<'a, ()> {
        self.answered.lock().expect("lock").push(answer.clone());
        now(())
    }
}
