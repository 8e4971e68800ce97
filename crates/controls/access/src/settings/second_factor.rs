//! `second-factor`: of whom one is demanded, and how soon it is asked for again.

use crate::Role;
use avouch_statement::{Draft, Figure, Length, Table, Unit};
use jiff::SignedDuration;

/// What the statement promises of second factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// Of whom one is demanded.
    pub of: Vec<Role>,
    /// This long after it was last shown, something dangerous asks for it again.
    pub again_after: SignedDuration,
}

const ROLES: [(Role, &str); 3] = [
    (Role::Administrator, "organisations’ administrators"),
    (Role::Supplier, "the supplier’s people"),
    (Role::Member, "members"),
];

pub(super) fn second_factor(mut table: Table<'_>) -> Option<SecondFactor> {
    let of = roles(&mut table, "for");
    let again = table.need_length_within(
        "again-after",
        "15 min",
        Length::new(1, Unit::Minute)..=Length::new(12, Unit::Hour),
    );
    if let Some((of, whom)) = &of {
        table.claim("for", demanded(of, whom));
    }
    if let Some(again) = &again {
        table.claim("again-after", asked_again(again.value));
    }
    table.finish();
    Some(SecondFactor {
        of: of?.0,
        again_after: again?.value.duration(),
    })
}

/// The roles that a list names, and what to call them in a sentence.
pub(super) fn roles(table: &mut Table<'_>, key: &'static str) -> Option<(Vec<Role>, String)> {
    let mut of = Vec::new();
    for word in table
        .need_texts(key, r#"["administrator", "supplier"]"#)?
        .value
    {
        match ROLES.iter().find(|(role, _)| role.as_str() == word.value) {
            Some((role, _)) => of.push(*role),
            None => {
                table.fault(
                    word.at,
                    format!("there is no role \"{}\"", word.value),
                    "not known here",
                    String::from(
                        "write one or more of: \"administrator\", \"supplier\", \"member\"",
                    ),
                );
                return None;
            }
        }
    }
    let named = ROLES.iter().filter(|(role, _)| of.contains(role));
    let whom: Vec<&str> = named.map(|(_, whom)| *whom).collect();
    Some((of, whom.join(" and ")))
}

fn demanded(of: &[Role], whom: &str) -> Draft {
    let words = of.iter().map(|role| role.as_str().to_owned()).collect();
    Draft::enforced(
        format!(
            "A password is not enough to sign in for {whom}: a second factor is needed too, a code from an application that \
             changes every 30 seconds, or a recovery code. Each is taken once."
        ),
        Figure::Words(words),
        "Tried at the sign-in page by a synthetic member of whom a second factor is demanded as it is of these: the password \
         alone, without and with a second factor set up, a wrong code, a code of five minutes ago, and a code and a recovery \
         code handed in twice must all be refused, and a fresh one of each let in. Every account is looked at: its seal says \
         whether it has a second factor, which must be there as it was set up. It is set up at the first sign-in, and the \
         first after an administrator took it away, by whoever has the password. Whose telephone it is on is not known, and \
         an earlier row put back whole by somebody who can write the store would let codes used since be used again.",
    )
}

fn asked_again(after: Length) -> Draft {
    Draft::enforced(
        format!(
            "Whoever has a second factor by this statement is asked for it again before anything dangerous in the console, \
             if they last showed it {after} ago or longer: before accounts are changed, evidence is downloaded, or a backup \
             is restored or tried.",
        ),
        Figure::Length(after),
        "Tried in the console by a synthetic member asking for new recovery codes, which passes the same gate, in two \
         sessions: one made to look as if the second factor was shown just within that time, which must get them, and one \
         just past it, which must be asked for a code instead. Root at a shell of the machine is not asked; what it does is \
         in the trail as `local-root`.",
    )
}
