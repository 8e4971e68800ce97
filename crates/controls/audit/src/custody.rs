//! `[audit] custody`: an organisation's trail is read by its own administrators, and by whom they share it with.

use avouch_statement::{Draft, Figure, Length, Spanned, Table, Unit};

/// The claim that an organisation alone decides who reads its trail.
pub const CUSTODY: &str = "audit.custody";

/// Reads `custody`: for how long a trail is shared at most; `None` for a fault.
pub(crate) fn read(section: &mut Table<'_>) -> Option<Option<Length>> {
    let Some(mut table) = section.table("custody", r#"{ shared-for-at-most = "14 d" }"#) else {
        return (!section.has("custody")).then_some(None);
    };
    let range = Length::new(1, Unit::Hour)..=Length::new(1, Unit::Year);
    let most = table.need_length_within("shared-for-at-most", "14 d", range);
    table.finish();
    let Spanned { value: most, .. } = most?;
    section.claim("custody", claim(most));
    Some(Some(most))
}

fn claim(most: Length) -> Draft {
    Draft::enforced(
        format!(
            "An organisation's audit trail is sealed under a key of its own, and in the console its administrators alone read \
             it. Nobody of the supplier's does, unless an administrator of the organisation shares it with them by name: for \
             {most} at most, and until it is taken back. Sharing, taking back, each reading and each refusal are in that trail."
        ),
        Figure::Length(most),
        "In every round what answers the console's pages is asked, as it is for somebody of the supplier's, for each \
         organisation's trail, the same with proofs, a report on a record and its evidence pack: without a share, while it is \
         shared, after it was taken back and after its end; and each must be in the trail. They also search without naming it, \
         share it themselves, are given it for longer, and what a new password for each administrator would open is asked and \
         undone. That no entry can be altered or removed unnoticed is the \
         claim `audit.keep`. Not kept from the supplier: counts in reports, what checks found, and the receivers of the trail that \
         the statement names. Root at a shell of this machine can read what this machine holds the keys of, and the commands \
         that do so leave an entry in the organisation's trail. While an organisation has another administrator who \
         can sign in, nobody of the supplier's makes an administrator's account or password there, or takes a second factor \
         away. Where it has none, they can: everybody signed in there is told, and the account opens no trail for 24 hours. \
         They can disable administrators, which the trail says: whoever disables all but one, makes that one a password and is \
         not stopped for a day reads as them. A member's account opens the application, and no trail.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use avouch_statement::{Document, Reading, Source};

    #[test]
    fn custody_is_claimed_with_how_long_a_trail_is_shared_and_a_share_without_end_is_a_fault() {
        for (text, expected) in [
            ("", Ok((None, Vec::new()))),
            (
                "custody = { shared-for-at-most = \"14 d\" }",
                Ok((
                    Some(Length::new(14, Unit::Day)),
                    vec!["audit.custody = 14 days".to_owned()],
                )),
            ),
            (
                "custody = {}",
                Err("`audit.custody` does not say `shared-for-at-most`".to_owned()),
            ),
            (
                "custody = { shared-for-at-most = \"2 years\" }",
                Err("`shared-for-at-most` must be from 1 hour to 1 year".to_owned()),
            ),
        ] {
            let source = Source::new("avouch.toml", format!("[audit]\n{text}\n"));
            let reading = Reading::new(&source);
            let document = Document::parse(&reading);
            let mut root = document.table(&reading);
            let mut section = root.need_table("audit", "{ … }").unwrap();
            let custody = read(&mut section);
            section.finish();
            root.finish();
            let made = reading.finish().map(|claims| {
                let made = claims
                    .iter()
                    .map(|claim| format!("{} = {}", claim.id, claim.figure));
                (custody.flatten(), made.collect())
            });
            let made = made.map_err(|faults| faults.list()[0].message.clone());
            assert_eq!(made, expected, "{text}");
        }
    }
}
