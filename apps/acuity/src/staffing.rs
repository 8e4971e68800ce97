//! Acuity: how many midwives a ward's women need, compared with how many are on duty.
//!
//! The weights are an example of our own, made up so that this program has something to work out. They are not clinical
//! guidance, come from no published tool, and must not be used to staff a ward.

use std::fmt;

/// How many care categories there are.
pub const CATEGORIES: usize = 5;

/// What each category is called and how many hundredths of a midwife one woman in it needs.
pub const WEIGHTS: [(&str, Midwives); CATEGORIES] = [
    ("I", Midwives(20)),
    ("II", Midwives(30)),
    ("III", Midwives(50)),
    ("IV", Midwives(100)),
    ("V", Midwives(150)),
];

/// A ward that is short by more than this is red; by less, amber.
pub const AMBER_TO: Midwives = Midwives(100);

/// A number of midwives, in hundredths, so that sums are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Midwives(i32);

impl Midwives {
    /// This many whole midwives.
    pub fn whole(count: u8) -> Self {
        Self(i32::from(count) * 100)
    }

    /// In hundredths of a midwife.
    pub fn hundredths(self) -> i32 {
        self.0
    }
}

/// With two decimal places, such as `4.35`; a minus sign where negative.
impl fmt::Display for Midwives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "\u{2212}" } else { "" };
        write!(f, "{sign}{}.{:02}", self.0.abs() / 100, self.0.abs() % 100)
    }
}

/// Whether there are enough midwives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As many as needed, or more.
    Green,
    /// Short by up to [`AMBER_TO`].
    Amber,
    /// Short by more.
    Red,
}

impl Status {
    /// The word for it. Colour never stands alone.
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "Green",
            Self::Amber => "Amber",
            Self::Red => "Red",
        }
    }

    /// The class of the design system's tag for it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Green => "nhsuk-tag--green",
            Self::Amber => "nhsuk-tag--yellow",
            Self::Red => "nhsuk-tag--red",
        }
    }

    /// The class of its bar in the trend picture.
    pub fn bar(self) -> &'static str {
        match self {
            Self::Green => "acuity-bar--green",
            Self::Amber => "acuity-bar--amber",
            Self::Red => "acuity-bar--red",
        }
    }
}

/// The numbers counted on a ward in one period. Each is from 0 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Women in each care category.
    pub women: [u8; CATEGORIES],
    /// Midwives on duty.
    pub midwives: u8,
}

impl Counts {
    /// Midwives needed for these women.
    pub fn required(&self) -> Midwives {
        Midwives(
            self.women
                .iter()
                .zip(WEIGHTS)
                .map(|(&count, (_, weight))| i32::from(count) * weight.0)
                .sum(),
        )
    }

    /// Midwives on duty less midwives needed: negative where the ward is short.
    pub fn balance(&self) -> Midwives {
        Midwives(Midwives::whole(self.midwives).0 - self.required().0)
    }

    /// Red, amber or green.
    pub fn status(&self) -> Status {
        match self.balance().0 {
            0.. => Status::Green,
            short if -short <= AMBER_TO.0 => Status::Amber,
            _ => Status::Red,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(women: [u8; CATEGORIES], midwives: u8, balance: &str, status: Status) {
        let counts = Counts { women, midwives };
        assert_eq!(
            (counts.balance().to_string().as_str(), counts.status()),
            (balance, status)
        );
    }

    #[test]
    fn an_empty_ward_needs_nobody() {
        check([0; CATEGORIES], 0, "0.00", Status::Green);
    }

    #[test]
    fn each_category_weighs_what_is_stated() {
        check([1, 1, 1, 1, 1], 0, "\u{2212}3.50", Status::Red);
    }

    #[test]
    fn exactly_enough_is_green() {
        check([0, 0, 2, 1, 0], 2, "0.00", Status::Green);
    }

    #[test]
    fn short_by_exactly_one_is_amber_and_by_more_is_red() {
        check([0, 0, 0, 3, 0], 2, "\u{2212}1.00", Status::Amber);
        check([1, 0, 0, 3, 0], 2, "\u{2212}1.20", Status::Red);
    }

    #[test]
    fn the_fullest_ward_does_not_overflow() {
        check([99; CATEGORIES], 99, "\u{2212}247.50", Status::Red);
    }
}
