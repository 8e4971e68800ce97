//! Polynomials over the field of two elements, as the bits of a number.

/// A polynomial that another can be divided by.
pub trait Polynom {
    /// The highest power in it; -1 for zero.
    fn degree(&self) -> i32;

    /// What is left of it after division by `divisor`; itself, if that is zero.
    #[must_use]
    fn modulo(&self, divisor: &Self) -> Self;
}

/// A polynomial of degree 63 at most.
pub type Polynom64 = u64;

impl Polynom for Polynom64 {
    fn degree(&self) -> i32 {
        63 - self.leading_zeros().cast_signed()
    }

    fn modulo(&self, divisor: &Self) -> Self {
        let degree = divisor.degree();
        let mut rest = *self;
        while degree >= 0 && rest.degree() >= degree {
            rest ^= divisor << (rest.degree() - degree);
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: u64, divisor: u64, rest: u64) {
        assert_eq!(number.modulo(&divisor), rest);
    }

    #[test]
    fn the_rest_is_of_a_lower_degree_than_the_divisor() {
        // x² + x + 1 = (x + 1) x + 1, and x⁴ = (x + 1)(x³ + x² + x + 1) + 1.
        check(0b111, 0b11, 1);
        check(0b10000, 0b11, 1);
        check(0b10000, 0b1000, 0);
        check(0b10011, 0b1000, 0b11);
        check(0b11, 0b1000, 0b11);
        check(0b11, 1, 0);
    }

    #[test]
    fn zero_has_no_degree_and_divides_nothing() {
        assert_eq!(0_u64.degree(), -1);
        check(0, 0b11, 0);
        check(0b101, 0, 0b101);
    }
}
