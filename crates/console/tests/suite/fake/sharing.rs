//! With whom trails are shared: somebody of the supplier's for each organisation, and nobody for longer than two weeks.

use avouch_console::sharing::{ShareAsk, ShareRow, Sharing, SharingView};
use avouch_console::{Actor, Answer, DeskError};

use super::{Fake, at, now};

impl Sharing for Fake {
    fn shares<'a>(&'a self, _: &'a Actor) -> Answer<'a, SharingView> {
        let row = |tenant: &str, person: &str| ShareRow {
            tenant: tenant.to_owned(),
            who: self.text(&format!("{person}@{tenant}.supplier.example")),
            since: at("2026-11-20T09:00:00Z"),
            until: at("2026-11-25T00:00:00Z"),
        };
        now(SharingView {
            most: Some("14 days".to_owned()),
            rows: vec![row("riverside", "s1"), row("lakeside", "s2")],
        })
    }

    fn share<'a>(&'a self, _: &'a Actor, asked: &'a ShareAsk) -> Answer<'a, ()> {
        if asked.last > jiff::civil::date(2026, 12, 6) {
            let why = "A trail is shared for 14 days at most".to_owned();
            return Box::pin(async move { Err(DeskError::Unfit(why)) });
        }
        self.shared.lock().expect("lock").push(asked.clone());
        now(())
    }

    fn unshare<'a>(&'a self, _: &'a Actor, _: &'a str) -> Answer<'a, ()> {
        now(())
    }
}
