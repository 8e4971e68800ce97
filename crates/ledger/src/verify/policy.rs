//! Reads a policy: which logs are believed, which witnesses are known, and how many of them must have signed.
//!
//! Source: C2SP tlog-policy. One thing is read more kindly: a policy that names no witness may leave `quorum none` out.

use std::collections::HashMap;
use std::str::FromStr;

use super::vkey::{Vkey, VkeyFault, WitnessKey};

/// Whom a reader trusts.
#[derive(Debug, Clone)]
pub struct Policy {
    logs: Vec<Vkey>,
    witnesses: Vec<WitnessKey>,
    quorum: Option<Rule>,
}

/// What must have signed.
#[derive(Debug, Clone)]
enum Rule {
    /// The witness at this place.
    Witness(usize),
    /// So many of these.
    Some(usize, Vec<Rule>),
}

/// Why text is not a policy, with the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct PolicyFault {
    /// Counted from 1; the last one when something is missing.
    pub line: usize,
    /// What is wrong there.
    pub why: PolicyWhy,
}

/// What is wrong with a line of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyWhy {
    /// Not one of the four kinds of line, or with too few or too many words.
    #[error(
        "write `log KEY [URL]`, `witness NAME KEY [URL]`, `group NAME COUNT|any|all MEMBER…` or `quorum NAME`"
    )]
    Form,
    /// The key cannot be read.
    #[error("{0}")]
    Key(VkeyFault),
    /// Key or name is there twice.
    #[error("`{0}` was given before")]
    Twice(String),
    /// A name that no earlier line defines, or that is a member already.
    #[error("`{0}` is not the name of a witness or group of an earlier line that is no member yet")]
    Unknown(String),
    /// More than there are, or none.
    #[error("a group of {1} cannot ask for `{0}`")]
    Count(String, usize),
    /// There are witnesses but it is not said how many must have signed.
    #[error("`quorum NAME` is missing: say which witness or group must have signed, or `none`")]
    Quorum,
}

impl Policy {
    /// The logs that are believed.
    #[must_use]
    pub fn logs(&self) -> &[Vkey] {
        &self.logs
    }

    /// The witnesses that are known.
    #[must_use]
    pub fn witnesses(&self) -> &[WitnessKey] {
        &self.witnesses
    }

    /// Whether any witness must have signed.
    #[must_use]
    pub fn asks_for_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether the witnesses of these names are enough.
    #[must_use]
    pub fn met_by(&self, signed: &[&str]) -> bool {
        let has = |place: usize| {
            self.witnesses
                .get(place)
                .is_some_and(|key| signed.contains(&key.name()))
        };
        self.quorum.as_ref().is_none_or(|rule| rule.met(&has))
    }
}

impl Rule {
    fn met(&self, has: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::Witness(place) => has(*place),
            Self::Some(count, members) => {
                members.iter().filter(|member| member.met(has)).count() >= *count
            }
        }
    }
}

impl FromStr for Policy {
    type Err = PolicyFault;

    fn from_str(text: &str) -> Result<Self, PolicyFault> {
        let mut reading = Reading::default();
        let mut last = 1;
        for (place, line) in text.split('\n').enumerate() {
            let words: Vec<&str> = line
                .split([' ', '\t'])
                .filter(|word| !word.is_empty())
                .collect();
            if words.first().is_none_or(|word| word.starts_with('#')) {
                continue;
            }
            last = place + 1;
            reading
                .line(&words)
                .map_err(|why| PolicyFault { line: last, why })?;
        }
        let quorum = match reading.quorum {
            Some(quorum) => quorum,
            None if reading.witnesses.is_empty() => None,
            None => {
                return Err(PolicyFault {
                    line: last,
                    why: PolicyWhy::Quorum,
                });
            }
        };
        Ok(Self {
            logs: reading.logs,
            witnesses: reading.witnesses,
            quorum,
        })
    }
}

#[derive(Default)]
struct Reading<'a> {
    logs: Vec<Vkey>,
    witnesses: Vec<WitnessKey>,
    /// What each name stands for; nothing any more once it is a member of a group.
    names: HashMap<&'a str, Option<Rule>>,
    quorum: Option<Option<Rule>>,
}

impl<'a> Reading<'a> {
    fn line(&mut self, words: &[&'a str]) -> Result<(), PolicyWhy> {
        match words {
            ["log", key] | ["log", key, _] => {
                let key: Vkey = key.parse().map_err(PolicyWhy::Key)?;
                if self.logs.iter().any(|known| known.key() == key.key()) {
                    return Err(PolicyWhy::Twice(key.to_string()));
                }
                self.logs.push(key);
                Ok(())
            }
            ["witness", name, key] | ["witness", name, key, _] => {
                let key: WitnessKey = key.parse().map_err(PolicyWhy::Key)?;
                if self
                    .witnesses
                    .iter()
                    .any(|known| known.key() == key.key() || known.name() == key.name())
                {
                    return Err(PolicyWhy::Twice(key.to_string()));
                }
                self.define(name, Rule::Witness(self.witnesses.len()))?;
                self.witnesses.push(key);
                Ok(())
            }
            ["group", name, count, members @ ..] => {
                let rules = members
                    .iter()
                    .map(|member| {
                        self.names
                            .get_mut(member)
                            .and_then(Option::take)
                            .ok_or_else(|| PolicyWhy::Unknown((*member).to_owned()))
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                let wanted = match *count {
                    "any" => Some(1),
                    "all" => Some(rules.len()),
                    number => number.parse().ok(),
                };
                let wanted = wanted
                    .filter(|wanted| (1..=rules.len()).contains(wanted))
                    .ok_or_else(|| PolicyWhy::Count((*count).to_owned(), rules.len()))?;
                self.define(name, Rule::Some(wanted, rules))
            }
            ["quorum", name] => {
                let rule = match (*name, self.names.get(name)) {
                    ("none", _) => None,
                    (_, Some(Some(rule))) => Some(rule.clone()),
                    _ => return Err(PolicyWhy::Unknown((*name).to_owned())),
                };
                match self.quorum.replace(rule) {
                    None => Ok(()),
                    Some(_) => Err(PolicyWhy::Twice("quorum".to_owned())),
                }
            }
            _ => Err(PolicyWhy::Form),
        }
    }

    fn define(&mut self, name: &'a str, rule: Rule) -> Result<(), PolicyWhy> {
        if name == "none" || self.names.insert(name, Some(rule)).is_some() {
            return Err(PolicyWhy::Twice(name.to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W1: &str =
        "witness w1 witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X";
    const W2: &str =
        "witness w2 witness.example/w2+d8c59cc6+BCVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd";
    const ONE: &str = "witness.example/w1";
    const TWO: &str = "witness.example/w2";

    fn policy(rest: &str) -> Result<Policy, PolicyFault> {
        format!("# whom we trust\n{W1} https://w1.example/\n\t{W2}\n{rest}").parse()
    }

    #[test]
    fn a_quorum_counts_witnesses_and_groups_of_them() {
        for (rest, one, both) in [
            ("quorum none", true, true),
            ("quorum w1", true, true),
            ("quorum w2", false, true),
            ("group both all w1 w2\nquorum both", false, true),
            ("group both 2 w1 w2\nquorum both", false, true),
            ("group either any w1 w2\nquorum either", true, true),
            ("group x any w1\ngroup y all x w2\nquorum y\n", false, true),
        ] {
            let policy = policy(rest).unwrap();
            assert_eq!(policy.met_by(&[ONE]), one, "{rest}");
            assert_eq!(policy.met_by(&[ONE, TWO]), both, "{rest}");
            assert_eq!(policy.met_by(&[]), rest == "quorum none", "{rest}");
            assert!(!policy.met_by(&["witness.example/w3"]) || rest == "quorum none");
        }
    }

    #[test]
    fn a_policy_that_could_be_read_in_two_ways_is_refused_with_its_line() {
        for (rest, line, why) in [
            ("", 3, PolicyWhy::Quorum),
            ("quorum w3", 4, PolicyWhy::Unknown("w3".to_owned())),
            (
                "group g any w1 w1\nquorum g",
                4,
                PolicyWhy::Unknown("w1".to_owned()),
            ),
            (
                "group g any w1\ngroup h any w1\nquorum h",
                5,
                PolicyWhy::Unknown("w1".to_owned()),
            ),
            (
                "group g 3 w1 w2\nquorum g",
                4,
                PolicyWhy::Count("3".to_owned(), 2),
            ),
            (
                "group g 0 w1 w2\nquorum g",
                4,
                PolicyWhy::Count("0".to_owned(), 2),
            ),
            (
                "group none any w1\nquorum none",
                4,
                PolicyWhy::Twice("none".to_owned()),
            ),
            (
                "quorum w1\nquorum w2",
                5,
                PolicyWhy::Twice("quorum".to_owned()),
            ),
            ("quorum", 4, PolicyWhy::Form),
            ("believe w1", 4, PolicyWhy::Form),
        ] {
            assert_eq!(
                policy(rest).unwrap_err(),
                PolicyFault { line, why },
                "{rest}"
            );
        }
        let twice = policy(&W1.replace("witness w1", "witness again")).unwrap_err();
        assert!(matches!(twice.why, PolicyWhy::Twice(_)), "{twice}");
    }

    #[test]
    fn a_policy_without_witnesses_needs_no_quorum() {
        let log =
            "log log.avouch.example/tenant-a+7b62c721+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
        let policy: Policy = log.parse().unwrap();
        assert_eq!(policy.logs().len(), 1);
        assert!(policy.met_by(&[]) && !policy.asks_for_witnesses());
    }
}
