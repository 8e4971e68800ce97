//! With whom trails are shared: somebody of the supplier's for each organisation, and nobody with any other address.

use avouch_console::sharing::{ShareAsk, ShareRow, Sharing, SharingView};
use avouch_console::{Actor, Answer, DeskError};

use super::{Fake, at, now};

impl Sharing for Fake {
    fn shares<'a>(&'a self, _: &'a Actor) -> Answer<'a, SharingView> {
        let row = |tenant: &str, person: &str| ShareRow {
            tenant: tenant.to_owned(),
            person: person.to_owned(),
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
        if !asked.email.ends_with("@supplier.example") {
            let why = "Nobody of the supplier’s signs in with this address".to_owned();
            return Box::pin(async move { Err(DeskError::Unfit(why)) });
        }
        self.shared.lock().expect("lock").push(asked.clone());
        now(())
    }

    fn unshare<'a>(&'a self, _: &'a Actor, _: &'a str) -> Answer<'a, ()> {
        now(())
    }
}
