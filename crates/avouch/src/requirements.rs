//! The requirement sets that come with the product.

use avouch_statement::{RequirementSet, Source};

use crate::fail::Fail;

const SETS: [(&str, &str); 1] = [("demo", include_str!("../../../requirements/demo.toml"))];

/// The names of the sets.
pub fn names() -> Vec<&'static str> {
    SETS.iter().map(|(name, _)| *name).collect()
}

/// One set.
///
/// # Errors
/// If there is none of that name.
pub fn named(name: &str) -> Result<RequirementSet, Fail> {
    let Some((_, text)) = SETS.iter().find(|(known, _)| *known == name) else {
        return Err(Fail::new(format!("there is no requirement set `{name}`"))
            .help(format!("known: {}", names().join(", "))));
    };
    RequirementSet::read(&Source::new(format!("{name}.toml"), *text))
        .map_err(|faults| Fail::new(faults.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_that_comes_with_the_product_can_be_read_under_its_own_name() {
        for name in names() {
            assert_eq!(named(name).unwrap().name, name);
        }
    }
}
