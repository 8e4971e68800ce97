//! Judges `backup.source.*.kind`: what is stored is whole and of one instant.

use avouch_statement::Verdict;

use super::Judged;
use crate::{
    drill::{Drill, Verdict as Drilled, complaint},
    records::Run,
    settings::Kind,
};

/// A copy is made in one statement and passes the database's own checks, or its run fails; and the last one that was
/// restored must have been the same, row by row.
pub(super) fn judge(kind: &Kind, run: Option<&Run>, drills: &[(Drill, Drilled)]) -> Judged {
    if let Some((run, fault)) = run.and_then(|run| Some((run, run.fault.as_ref()?))) {
        return (
            Verdict::Broken,
            format!(
                "there was nothing whole to back up at {}: {fault}",
                run.started
            ),
        );
    }
    let last = drills
        .iter()
        .map(|(drill, _)| drill)
        .find(|drill| drill.compared.is_some());
    let Some((drill, compared)) = last.and_then(|drill| Some((drill, drill.compared.as_ref()?)))
    else {
        return (
            Verdict::Unproven,
            "no backup has been restored and compared yet".to_owned(),
        );
    };
    let taken = drill
        .taken
        .map_or_else(String::new, |taken| format!(" of {taken}"));
    match complaint(compared) {
        Some(why) => (
            Verdict::Broken,
            format!("the backup{taken}, restored {}: {why}", drill.started),
        ),
        None => (
            Verdict::Held,
            format!(
                "the backup{taken}, restored {}: {} (rows {}, files {})",
                drill.started,
                kind.came_back(),
                compared.rows,
                compared.files
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        job::Compared,
        source::{Fault, SourceFault},
    };

    fn sqlite() -> Kind {
        Kind::Sqlite {
            path: "$DATA/acuity.db".to_owned(),
        }
    }

    fn drilled(compared: Option<Compared>) -> Vec<(Drill, Drilled)> {
        let drill = Drill {
            id: "d1".to_owned(),
            owner: "riverside".to_owned(),
            source: "tenant-data".to_owned(),
            destination: "local".to_owned(),
            started: "2026-01-05T12:00:00Z".parse().unwrap(),
            snapshot: None,
            taken: None,
            older: false,
            moment: None,
            steps: vec![],
            compared,
        };
        vec![(drill, Drilled::Passed)]
    }

    #[test]
    fn the_last_restored_copy_decides() {
        let sound = Compared {
            rows: 12,
            ..Compared::default()
        };
        assert_eq!(
            judge(&sqlite(), None, &drilled(Some(sound.clone()))).0,
            Verdict::Held
        );
        let damaged = Compared {
            damage: Some("3 rows refer to nothing".to_owned()),
            ..sound.clone()
        };
        assert_eq!(
            judge(&sqlite(), None, &drilled(Some(damaged))).0,
            Verdict::Broken
        );
        assert_eq!(judge(&sqlite(), None, &drilled(None)).0, Verdict::Unproven);
    }

    #[test]
    fn a_source_that_is_at_fault_now_breaks_it_and_is_named() {
        let run = |fault| Run {
            day: "2026-01-05".parse().unwrap(),
            started: "2026-01-05T04:00:00Z".parse().unwrap(),
            finished: Some("2026-01-05T04:00:01Z".parse().unwrap()),
            late: false,
            failure: Some("no sound copy at offsite: a file there is damaged".to_owned()),
            fault,
        };
        let drills = drilled(Some(Compared::default()));
        for (fault, says) in [
            (Fault::Damaged("1 row".to_owned()), "`acuity.db` is damaged"),
            (Fault::NotADatabase, "`acuity.db` is not a database"),
            (Fault::Empty, "`acuity.db` is an empty database"),
            (Fault::Absent, "`acuity.db` is not there"),
            (
                Fault::Unreadable("permission denied".to_owned()),
                "`acuity.db` cannot be read: permission denied",
            ),
        ] {
            let file = "acuity.db".to_owned();
            let faulty = run(Some(SourceFault { file, fault }));
            let (verdict, observed) = judge(&sqlite(), Some(&faulty), &drills);
            assert_eq!(verdict, Verdict::Broken);
            assert!(observed.contains(says), "{observed}");
        }
        let (verdict, _) = judge(&sqlite(), Some(&run(None)), &drills);
        assert_eq!(
            verdict,
            Verdict::Held,
            "a destination failed, not the source"
        );
    }
}
