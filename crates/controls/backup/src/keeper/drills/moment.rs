//! A drill of a database as it was at a moment.

use std::path::Path;

use avouch_statement::Slug;
use jiff::{SignedDuration, Timestamp};

use super::super::{Backups, KeeperError, Moment, Owner, Plan, chain};
use crate::{
    changes::moments::{Found, reach},
    draw,
    drill::{Drill, StepName, complaint},
    records::Taken,
    settings::SourceSettings,
};

/// A moment that is drawn in a gap is drawn again, so often.
const DRAWS: usize = 50;

impl Backups {
    /// Any moment of a source that can be had at any destination.
    pub(super) async fn any_moment(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        from: Option<&Slug>,
    ) -> Result<Plan, KeeperError> {
        let nothing = || KeeperError::NoSuch(owner.clone());
        let changes = source.changes.ok_or_else(nothing)?;
        let by = self.reckoning();
        let since = changes.since(&source.at, (self.clock)());
        let mut places: Vec<&Slug> = self.places(source).collect();
        places.retain(|place| from.is_none_or(|from| from == *place));
        draw::shuffle(&mut places).map_err(KeeperError::Draw)?;
        for place in places {
            let stored = self
                .records
                .generations(&owner.to_string(), source.name.as_str(), place.as_str())
                .await?;
            let Some(reach) = reach(&stored, None, changes.tolerated(), by.as_ref()) else {
                continue;
            };
            for _ in 0..DRAWS {
                let at = between(reach.from.max(since), reach.to)?;
                if let Found::In(shipment, apart) = reach.find(at) {
                    return Ok(self.plan_of(owner, source, at, shipment, apart));
                }
            }
        }
        Err(nothing())
    }

    /// Goes through the steps until one fails: what is stored is read back and rebuilt as it was, by the hashes of the log;
    /// SQLite's own check goes over it, and it is asked the stated questions.
    pub(super) async fn steps_of_moment(
        &self,
        owner: &Owner,
        source: &SourceSettings,
        (what, moment): (&Taken, &Moment),
        scratch: &Path,
        drill: &mut Drill,
    ) {
        let mut found = None;
        let restoring = async {
            let fetched = self.fetch_generation(owner, what, moment, scratch).await;
            let fetched = fetched.map_err(|error| chain(&error))?;
            let instead = fetched
                .instead
                .map_or_else(String::new, |it| format!("; {it}"));
            found = Some(fetched.moment);
            Ok(format!(
                "{} bytes of image and log in {} files from {}{instead}",
                fetched.bytes, fetched.files, what.destination
            ))
        };
        if !self.step(drill, StepName::Restore, restoring).await {
            return;
        }
        let moment = found.as_ref().unwrap_or(moment);
        let stated = self.settings.drill.as_ref();
        let questions = source
            .kind
            .questions(stated.map_or(&[], |drill| &drill.expect));
        let mut what = what.clone();
        let mut compared = None;
        let comparing = async {
            let rebuilt = self.rebuild(owner, source, moment, scratch).await;
            let (found, manifest) = rebuilt.map_err(|error| chain(&error))?;
            what.manifest = manifest;
            let asked = self.compare(questions, &what, scratch).await;
            let asked = asked.map_err(|error| chain(&error))?;
            let wrong = complaint(&asked);
            let said = format!(
                "as it was at {}, by the hashes of its log, and sound: rows {}; the last change in it was seen at {}",
                moment.shown,
                asked.rows,
                found
                    .last
                    .map_or_else(|| "no time since the image".to_owned(), |at| at.to_string()),
            );
            compared = Some(asked);
            wrong.map_or(Ok(said), Err)
        };
        let same = self.step(drill, StepName::Compare, comparing).await;
        drill.compared = compared;
        if same {
            self.start(owner, source, &what, scratch, drill).await;
        }
    }
}

/// A moment between two, each second as likely as another.
fn between(from: Timestamp, to: Timestamp) -> Result<Timestamp, KeeperError> {
    let seconds = usize::try_from(to.duration_since(from).as_secs()).unwrap_or_default();
    let after = draw::below(seconds + 1).map_err(KeeperError::Draw)?;
    let after = SignedDuration::from_secs(i64::try_from(after).unwrap_or_default());
    Ok(from + after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_moment_is_one_of_those_that_can_be_had() {
        let at = |text: &str| format!("2026-11-21T{text}Z").parse::<Timestamp>().unwrap();
        let (from, to) = (at("10:00:00"), at("10:00:02.5"));
        let drawn: std::collections::BTreeSet<Timestamp> =
            (0..200).map(|_| between(from, to).unwrap()).collect();
        let expected = [at("10:00:00"), at("10:00:01"), at("10:00:02")];
        assert!(drawn.into_iter().eq(expected));
        assert_eq!(between(to, from).unwrap(), to);
    }
}
