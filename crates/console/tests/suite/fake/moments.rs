//! Moments that can be restored, and one restore that goes on for ever.

use avouch_console::moments::{MomentAsk, MomentPlan, MomentView, Moments, WindowRow};
use avouch_console::views::Progress;
use avouch_console::{Actor, Answer};

use super::{Fake, now};

/// The one moment that cannot be restored.
const NOT_FOLLOWED: &str = "2026-11-21 03:00:00";

impl Moments for Fake {
    fn windows<'a>(&'a self, _: &'a Actor) -> Answer<'a, Vec<WindowRow>> {
        let row = |tenant: &str| WindowRow {
            tenant: tenant.to_owned(),
            source: "tenant-data".to_owned(),
            from: "2026-11-07 04:00:00".to_owned(),
            to: "2026-11-22 09:14:03".to_owned(),
            zone: "Europe/London".to_owned(),
            told_apart: "0.1 s".to_owned(),
            gaps: "2026-11-19 02:10:00 to 2026-11-19 02:31:07".to_owned(),
        };
        now(vec![row("riverside"), row("lakeside")])
    }

    fn plan_moment<'a>(
        &'a self,
        _: &'a Actor,
        asked: &'a MomentAsk,
    ) -> Answer<'a, Result<MomentPlan, String>> {
        now(if asked.when == NOT_FOLLOWED {
            Err("that moment cannot be restored: nothing was followed then".to_owned())
        } else {
            Ok(MomentPlan {
                shown: format!("{} GMT", asked.when),
                from: "local".to_owned(),
                place: self.text("/srv/acuity.db"),
                told_apart: "0.1 s".to_owned(),
            })
        })
    }

    fn restore_moment<'a>(
        &'a self,
        _: &'a Actor,
        _: &'a MomentAsk,
    ) -> Answer<'a, Result<u64, String>> {
        now(Ok(4))
    }

    fn restoring<'a>(&'a self, _: &'a Actor, number: u64) -> Answer<'a, Option<MomentView>> {
        now((number == 4).then(|| MomentView {
            tenant: "riverside".to_owned(),
            shown: "2026-11-21 14:32:07 GMT".to_owned(),
            progress: Progress::Running,
            seen: String::new(),
        }))
    }
}
