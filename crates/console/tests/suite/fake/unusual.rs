//! Unusual access: one finding of each organisation, and one about whoever administers.

use avouch_console::unusual::{AnswerRow, Looked, UnusualAccess, UnusualRow, UnusualView};
use avouch_console::{Actor, Answer};

use super::{Fake, at, now};

impl Fake {
    fn found(&self, number: u64, tenant: &str, person: &str) -> UnusualRow {
        UnusualRow {
            number,
            tenant: tenant.to_owned(),
            what: "Opened a colleague's record".to_owned(),
            person: person.to_owned(),
            who: self.text(&format!("{person}@{tenant}.example")),
            unit: self.text("Ward 3"),
            subjects: vec![self.text("9434765919")],
            entries: vec![7, 9],
            when: at("2026-11-21T09:14:00Z")..=at("2026-11-21T09:15:00Z"),
            due: at("2026-11-25T06:00:00Z"),
            late: false,
            answer: (number == 7).then(|| AnswerRow {
                at: at("2026-11-22T09:00:00Z"),
                who: self.text("ada@riverside.example"),
                looked: Looked::Explained,
                because: self.text("She asked for it"),
            }),
        }
    }

    fn findings(&self) -> Vec<UnusualRow> {
        vec![
            self.found(4, "riverside", "p1"),
            self.found(5, "lakeside", "q1"),
            self.found(6, "riverside", "p2"),
            self.found(7, "riverside", "p1"),
        ]
    }
}

impl UnusualAccess for Fake {
    fn unusual<'a>(&'a self, _: &'a Actor) -> Answer<'a, UnusualView> {
        now(UnusualView {
            rules: vec![self.text("a colleague's record")],
            at: "06:00 Europe/London".to_owned(),
            within: "3 days".to_owned(),
            until: Some(at("2026-11-22T06:00:00Z")),
            rows: self.findings(),
        })
    }

    fn finding<'a>(&'a self, _: &'a Actor, number: u64) -> Answer<'a, Option<UnusualRow>> {
        now(self.findings().into_iter().find(|row| row.number == number))
    }

    fn look<'a>(
        &'a self,
        _: &'a Actor,
        number: u64,
        looked: Looked,
        because: &'a str,
    ) -> Answer<'a, ()> {
        let mut kept = self.looked.lock().expect("lock");
        kept.push((number, looked, because.to_owned()));
        now(())
    }
}
