//! Judges `backup.encryption`: nothing stored can be read, opened or altered without the key.

use avouch_statement::Verdict;
use jiff::Timestamp;

use super::Judged;
use crate::{job::Examination, repository::cipher_facts};

/// Any one way in breaks it; where there is nothing stored to try, nothing is proved.
pub(super) fn judge(place: &str, seen: &Examination, at: Timestamp) -> Judged {
    if let Some(file) = &seen.readable {
        return (
            Verdict::Broken,
            format!("{place}: text that is in the backup can be read in {file}"),
        );
    }
    if seen.snapshots.is_empty() {
        return (
            Verdict::Unproven,
            format!("{place}: there is no backup to try it on"),
        );
    }
    if !seen.other_key_refused {
        return (
            Verdict::Broken,
            format!("{place}: another key was not refused"),
        );
    }
    match seen.flip_noticed {
        Some(true) => {}
        Some(false) => {
            return (
                Verdict::Broken,
                format!("{place}: a flipped bit went unnoticed"),
            );
        }
        None => {
            return (
                Verdict::Unproven,
                format!("{place}: no copy could be made to damage"),
            );
        }
    }
    (
        Verdict::Held,
        format!(
            "{place}: {} texts from the newest backup are in none of {} stored files; another key was refused; a \
             flipped bit was noticed; {} ({at})",
            seen.markers,
            seen.objects,
            cipher_facts().cipher,
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        repository::{Label, Listed},
        retention::SnapshotId,
    };

    fn tight() -> Examination {
        let taken: Timestamp = "2026-01-05T04:00:00Z".parse().unwrap();
        let label = Label {
            owner: "riverside".to_owned(),
            source: "tenant-data".to_owned(),
            taken,
            day: "2026-01-05".parse().unwrap(),
            grades: vec![],
            manifest: String::new(),
        };
        Examination {
            snapshots: vec![Listed {
                id: SnapshotId("7f".to_owned()),
                label,
                bytes: 1,
                added: 1,
            }],
            findings: vec![],
            objects: 6,
            markers: 4,
            readable: None,
            other_key_refused: true,
            flip_noticed: Some(true),
        }
    }

    #[test]
    fn each_way_in_breaks_it_by_itself() {
        let now = "2026-01-05T12:00:00Z".parse().unwrap();
        let mut table = vec![(tight(), Verdict::Held)];
        table.push((
            Examination {
                readable: Some("data/x".to_owned()),
                ..tight()
            },
            Verdict::Broken,
        ));
        table.push((
            Examination {
                other_key_refused: false,
                ..tight()
            },
            Verdict::Broken,
        ));
        table.push((
            Examination {
                flip_noticed: Some(false),
                ..tight()
            },
            Verdict::Broken,
        ));
        table.push((
            Examination {
                flip_noticed: None,
                ..tight()
            },
            Verdict::Unproven,
        ));
        table.push((
            Examination {
                snapshots: vec![],
                ..tight()
            },
            Verdict::Unproven,
        ));
        for (seen, verdict) in table {
            assert_eq!(judge("local", &seen, now).0, verdict, "{seen:?}");
        }
    }
}
