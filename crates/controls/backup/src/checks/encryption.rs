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
    let flips = seen.flips;
    let noticed = if !seen.findings.is_empty() {
        "what is damaged in it was noticed".to_owned()
    } else if flips.tried == 0 {
        return (
            Verdict::Unproven,
            format!("{place}: no copy could be made to damage"),
        );
    } else if flips.refused < flips.tried {
        return (
            Verdict::Broken,
            format!(
                "{place}: a flipped bit went unnoticed in {} of {} copied packs",
                flips.tried - flips.refused,
                flips.tried
            ),
        );
    } else {
        format!(
            "one flipped bit was noticed in each of {} copied packs",
            flips.tried
        )
    };
    (
        Verdict::Held,
        format!(
            "{place}: {} texts from the newest backup are in none of {} of {} stored files ({} of {} bytes); another \
             key was refused; {noticed}; {} ({at})",
            seen.markers,
            seen.searched,
            seen.objects,
            seen.searched_bytes,
            seen.bytes,
            cipher_facts().cipher,
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        repository::{Finding, Flips, Label, Listed},
        retention::SnapshotId,
    };

    fn flips(tried: u64, refused: u64) -> Flips {
        Flips { tried, refused }
    }

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
            searched: 5,
            searched_bytes: 50,
            bytes: 60,
            markers: 4,
            readable: None,
            other_key_refused: true,
            flips: flips(2, 2),
            ..Examination::default()
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
                flips: flips(2, 1),
                ..tight()
            },
            Verdict::Broken,
        ));
        table.push((
            Examination {
                flips: flips(0, 0),
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
        table.push((
            Examination {
                findings: vec![Finding("data/ab has been altered".to_owned())],
                flips: flips(0, 0),
                ..tight()
            },
            Verdict::Held,
        ));
        for (seen, verdict) in table {
            assert_eq!(judge("local", &seen, now).0, verdict, "{seen:?}");
        }
    }
}
