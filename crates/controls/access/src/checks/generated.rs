//! Judges `access.password.length` and `access.password.alphabet`: ten thousand passwords, and what those in use were made
//! with.
//!
//! Source: NIST SP 800-63B-4, 3.1.1; the uniformity test is Pearson's chi-square at each position.

use crate::{
    Access, Password,
    password::{ALPHABET, ALPHABET_NAME},
};
use avouch_evidence::{BoxFuture, Check, Ctx, Seen};
use avouch_statement::{ClaimId, Verdict};
use std::{collections::HashSet, sync::Arc};

const SAMPLE: usize = 10_000;

/// An even source passes this with 61 degrees of freedom all but once in ten million positions.
const CHI_SQUARE_MOST: f64 = 137.0;

/// The check of the generator.
pub(super) struct Generated {
    pub(super) access: Arc<Access>,
}

/// What the passwords in use were made with.
#[derive(Debug)]
struct InUse {
    length: i64,
    alphabet: String,
}

impl Check for Generated {
    fn name(&self) -> &str {
        "ten thousand passwords"
    }

    fn claims(&self) -> Vec<ClaimId> {
        vec![length_claim(), alphabet_claim()]
    }

    fn run<'a>(&'a self, _: &'a Ctx) -> BoxFuture<'a, Vec<Seen>> {
        Box::pin(async move {
            let claimed = self.access.settings().length;
            let drawn = tokio::task::spawn_blocking(move || draw(claimed)).await;
            let drawn =
                drawn.unwrap_or_else(|_| Err(String::from("the passwords could not be drawn")));
            let (drawn, used) = match (drawn, self.in_use().await) {
                (Ok(drawn), Ok(used)) => (drawn, used),
                (Err(why), _) | (_, Err(why)) => {
                    return vec![
                        Seen::unproven(&length_claim(), &why),
                        Seen::unproven(&alphabet_claim(), &why),
                    ];
                }
            };
            let (length, alphabet) = (
                judge_length(&drawn, &used, claimed),
                judge_alphabet(&drawn, &used),
            );
            vec![
                Seen::new(&length_claim(), length.0, length.1),
                Seen::new(&alphabet_claim(), alphabet.0, alphabet.1),
            ]
        })
    }
}

impl Generated {
    async fn in_use(&self) -> Result<Vec<InUse>, String> {
        let accounts = self
            .access
            .accounts()
            .await
            .map_err(|error| error.to_string())?;
        let issued = accounts.into_iter().filter_map(|account| account.password);
        Ok(issued
            .map(|issued| InUse {
                length: issued.length,
                alphabet: issued.alphabet,
            })
            .collect())
    }
}

fn length_claim() -> ClaimId {
    ClaimId::new("access.password.length")
}

fn alphabet_claim() -> ClaimId {
    ClaimId::new("access.password.alphabet")
}

fn draw(length: usize) -> Result<Vec<Vec<u8>>, String> {
    let one = || Password::generate(length).map(|password| password.expose().as_bytes().to_vec());
    (0..SAMPLE)
        .map(|_| one())
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

fn judge_length(drawn: &[Vec<u8>], used: &[InUse], claimed: usize) -> (Verdict, String) {
    let wrong = drawn
        .iter()
        .filter(|password| password.len() != claimed)
        .count();
    let short = used
        .iter()
        .filter(|one| usize::try_from(one.length).map_or(true, |length| length < claimed))
        .count();
    let (sample, in_use) = (drawn.len(), used.len());
    let observed = format!(
        "of {sample} passwords generated, {wrong} had not {claimed} characters; of {in_use} in use, {short} were \
         generated with fewer"
    );
    (
        if wrong + short == 0 {
            Verdict::Held
        } else {
            Verdict::Broken
        },
        observed,
    )
}

fn judge_alphabet(drawn: &[Vec<u8>], used: &[InUse]) -> (Verdict, String) {
    let foreign = drawn
        .iter()
        .filter(|password| !password.iter().all(|sign| ALPHABET.contains(sign)))
        .count();
    let repeated = drawn.len() - drawn.iter().collect::<HashSet<_>>().len();
    let longest = drawn.iter().map(Vec::len).max().unwrap_or(0);
    let worst = (0..longest)
        .map(|position| chi_square(drawn, position))
        .fold(0.0, f64::max);
    let other = used
        .iter()
        .filter(|one| one.alphabet != ALPHABET_NAME)
        .count();
    let (sample, in_use) = (drawn.len(), used.len());
    let observed = format!(
        "of {sample} passwords generated, {foreign} held another sign and {repeated} came twice; the most uneven of \
         {longest} positions has a chi-square of {worst:.0} where {CHI_SQUARE_MOST:.0} is the limit; of {in_use} in use, \
         {other} were generated otherwise"
    );
    let held = foreign + repeated + other == 0 && worst <= CHI_SQUARE_MOST;
    (if held { Verdict::Held } else { Verdict::Broken }, observed)
}

/// How far the signs at one position are from coming equally often.
fn chi_square(drawn: &[Vec<u8>], position: usize) -> f64 {
    let expected = drawn.len() as f64 / ALPHABET.len() as f64;
    let apart = |sign: &u8| {
        let count = drawn
            .iter()
            .filter(|password| password.get(position) == Some(sign))
            .count();
        (count as f64 - expected).powi(2) / expected
    };
    ALPHABET.iter().map(apart).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(length: i64, alphabet: &str) -> Vec<InUse> {
        vec![InUse {
            length,
            alphabet: alphabet.to_owned(),
        }]
    }

    #[test]
    fn the_generator_passes_its_own_check() {
        let (drawn, used) = (draw(12).unwrap(), used(12, ALPHABET_NAME));
        let (length, alphabet) = (
            judge_length(&drawn, &used, 12),
            judge_alphabet(&drawn, &used),
        );
        assert_eq!(length.0, Verdict::Held, "{}", length.1);
        assert_eq!(alphabet.0, Verdict::Held, "{}", alphabet.1);
    }

    #[test]
    fn a_short_a_foreign_a_repeated_and_an_uneven_password_each_break_it() {
        let good = draw(12).unwrap();
        let altered = |place: usize, with: &[u8]| {
            let mut drawn = good.clone();
            drawn[place] = with.to_vec();
            drawn
        };
        assert_eq!(
            judge_length(&altered(0, b"short"), &[], 12).0,
            Verdict::Broken
        );
        assert_eq!(
            judge_length(&good, &used(11, ALPHABET_NAME), 12).0,
            Verdict::Broken
        );
        assert_eq!(
            judge_length(&good, &used(16, ALPHABET_NAME), 12).0,
            Verdict::Held
        );
        assert_eq!(
            judge_alphabet(&altered(0, b"abcdefghijk!"), &[]).0,
            Verdict::Broken
        );
        assert_eq!(
            judge_alphabet(&altered(0, &good[1]), &[]).0,
            Verdict::Broken
        );
        assert_eq!(
            judge_alphabet(&good, &used(12, "letters")).0,
            Verdict::Broken
        );
        let mut uneven = good.clone();
        uneven
            .iter_mut()
            .step_by(20)
            .for_each(|password| password[7] = b'A');
        assert_eq!(judge_alphabet(&uneven, &[]).0, Verdict::Broken);
    }
}
