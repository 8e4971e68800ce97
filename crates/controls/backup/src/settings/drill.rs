//! `[backup.drill]`: how restores are rehearsed.

use avouch_statement::{Draft, Figure, Length, Table, Unit};

use super::{DrillSettings, FRESH};

pub(super) fn read(mut table: Table<'_>) -> Option<DrillSettings> {
    let every = table.need_parsed("every", "a length of time", "quarter", |text| match text {
        "quarter" => Ok(Length::new(3, Unit::Month)),
        "month" => Ok(Length::new(1, Unit::Month)),
        "week" => Ok(Length::new(1, Unit::Week)),
        other => other.parse(),
    });
    let back_within = table.need_length("back-within", "15 min");
    let expect: Vec<String> = table
        .texts("expect", "[\"select count(*) > 0 from assessment\"]")
        .map(|texts| texts.value.into_iter().map(|text| text.value).collect())
        .unwrap_or_default();
    let (every, back_within) = (every?.value, back_within?.value);
    table.claim(
        "every",
        Draft::enforced(
            format!("A restore is rehearsed at least every {every}."),
            Figure::Length(every),
            "The newest backup of each source, an older one chosen at random, and a moment drawn at random where changes are \
             stored, are restored from one of the destinations into an empty place and compared with what was backed up; \
             the application is started on them and asked a question; the copy is then destroyed. A drill that fails does \
             not count, and each is judged and repeated by itself. The record of the newest success, and of what came after it, must be \
             the one of which the ledger says who asked for it. Until the first is due, the observation says by when.",
        )
        .fresh_for(FRESH),
    );
    table.claim(
        "back-within",
        Draft::enforced(
            format!("In a rehearsal the data are back, and the application answers, within {back_within}."),
            Figure::Length(back_within),
            "Measured in the last drill of the newest backup, in that of an older one and in that of a moment, on this host \
             and with the data of that day.",
        )
        .fresh_for(FRESH),
    );
    table.finish();
    Some(DrillSettings {
        every,
        back_within,
        expect,
    })
}
