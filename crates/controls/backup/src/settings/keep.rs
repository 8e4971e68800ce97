//! `keep`: how long each grade of backup is kept.

use avouch_statement::{Draft, Figure, Table, Unit};

use super::FRESH;
use crate::retention::Rule;

pub(super) fn read(mut table: Table<'_>) -> Option<Rule> {
    let mut faulty = false;
    let mut length = |table: &mut Table<'_>, key: &'static str, example: &str, must: bool| {
        if !must && !table.has(key) {
            // Asking for it tells the table that the key is known here.
            table.text(key, "14 d");
            return None;
        }
        let Some(length) = table.need_length(key, example) else {
            faulty = true;
            return None;
        };
        if matches!(length.value.unit, Unit::Second | Unit::Minute | Unit::Hour) {
            faulty = true;
            table.fault(
                length.at,
                format!("`{key}` is shorter than a day"),
                "a backup is taken once a day",
                format!("write `{key} = \"{example}\"` (units: d, weeks, months, years)"),
            );
            return None;
        }
        let every = match key {
            "weekly" => "first backup of each week",
            "monthly" => "first backup of each month",
            _ => "backup of each day",
        };
        table.claim(
            key,
            Draft::enforced(
                format!("The {every} is kept {}, then removed.", length.value),
                Figure::Length(length.value),
                "Each repository is listed and compared with what the rule keeps, no less and no more. On a young \
                 system the observation says since when.",
            )
            .fresh_for(FRESH),
        );
        Some(length.value)
    };
    let daily = length(&mut table, "daily", "14 d", true);
    let weekly = length(&mut table, "weekly", "2 months", false);
    let monthly = length(&mut table, "monthly", "2 years", false);
    table.finish();
    if faulty {
        None
    } else {
        Some(Rule {
            daily: daily?,
            weekly,
            monthly,
        })
    }
}
