//! Rabin's fingerprint of the last bytes that were seen.

use crate::{Polynom, Polynom64};

/// A hash of a window that slides over a text.
pub trait RollingHash64 {
    /// Forgets what was seen, and takes one byte fewer than the window holds, or as many as there are; how many.
    fn reset_and_prefill_window<I>(&mut self, bytes: &mut I) -> usize
    where
        I: Iterator<Item = u8>;

    /// Takes one more byte into the window, and lets the oldest go.
    fn slide(&mut self, byte: u8);
}

/// The window's bytes as one polynomial, modulo another.
#[derive(Debug, Clone)]
pub struct Rabin64 {
    /// The hash of what is in the window now.
    pub hash: Polynom64,
    /// What the oldest byte in the window adds to the hash, for each byte.
    oldest: [Polynom64; 256],
    /// What is taken off a hash when it is shifted by a byte, for each byte that then stands above the modulus.
    above: [Polynom64; 256],
    /// How far a hash is shifted to see which byte will stand above the modulus.
    shift: u32,
    window: Vec<u8>,
    at: usize,
}

impl Rabin64 {
    /// A hash of windows of 2^`bits` bytes, modulo `modulus`, whose degree is 8 at least and 55 at most.
    #[must_use]
    pub fn new_with_polynom(bits: u32, modulus: &Polynom64) -> Self {
        let degree = modulus.degree().unsigned_abs();
        let mut new = Self {
            hash: 0,
            oldest: [0; 256],
            above: table(|byte| {
                let byte = byte << degree;
                byte ^ byte.modulo(modulus)
            }),
            shift: degree.saturating_sub(8),
            window: vec![0; 1 << bits],
            at: 0,
        };
        let newer = new.window.len() - 1;
        new.oldest = table(|byte| (0..newer).fold(byte, |hash, _| new.append(hash, 0)));
        new
    }

    /// The hash of a text with one more byte.
    #[inline]
    fn append(&self, hash: Polynom64, byte: u8) -> Polynom64 {
        (hash << 8 | Polynom64::from(byte)) ^ entry(&self.above, hash >> self.shift)
    }

    /// Puts a byte in the place of the oldest, which is returned.
    #[inline]
    fn replace(&mut self, byte: u8) -> u8 {
        let old = self
            .window
            .get_mut(self.at)
            .map_or(0, |place| std::mem::replace(place, byte));
        self.at = (self.at + 1) & (self.window.len() - 1);
        old
    }
}

impl RollingHash64 for Rabin64 {
    fn reset_and_prefill_window<I>(&mut self, bytes: &mut I) -> usize
    where
        I: Iterator<Item = u8>,
    {
        self.hash = 0;
        self.at = 0;
        self.window.fill(0);
        let room = self.window.len() - 1;
        let mut taken = 0;
        for byte in bytes.take(room) {
            self.hash = self.append(self.hash, byte);
            self.replace(byte);
            taken += 1;
        }
        taken
    }

    #[inline]
    fn slide(&mut self, byte: u8) {
        let old = self.replace(byte);
        let without = self.hash ^ entry(&self.oldest, Polynom64::from(old));
        self.hash = self.append(without, byte);
    }
}

/// The entry of the lowest byte of `index`.
#[inline]
fn entry(table: &[Polynom64; 256], index: u64) -> Polynom64 {
    let [byte, ..] = index.to_le_bytes();
    table.get(usize::from(byte)).copied().unwrap_or_default()
}

/// The values of a linear map for every byte: those of the single bits are asked for, all others are their sums.
fn table(value: impl Fn(Polynom64) -> Polynom64) -> [Polynom64; 256] {
    let mut table = [0; 256];
    for bit in 0..8 {
        let known = 1 << bit;
        let value = value(1 << bit);
        let (lower, higher) = table.split_at_mut(known);
        for (sum, lower) in higher.iter_mut().zip(lower.iter()) {
            *sum = *lower ^ value;
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The polynomial that the documentation of restic's chunker has for its example.
    const MODULUS: Polynom64 = 0x003D_A335_8B4D_C173;
    const WINDOW: usize = 64;

    /// The fingerprint by its definition, a byte at a time.
    fn fingerprint(bytes: &[u8], modulus: Polynom64) -> Polynom64 {
        bytes.iter().fold(0, |hash, byte| {
            (hash << 8 | Polynom64::from(*byte)).modulo(&modulus)
        })
    }

    /// Bytes without a pattern that a table could hide behind.
    fn text(length: usize) -> Vec<u8> {
        let mut seed = 7_u32;
        let next = |_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        };
        (0..length).map(next).collect()
    }

    #[track_caller]
    fn check(modulus: Polynom64) {
        let text = text(1_000);
        let mut hash = Rabin64::new_with_polynom(6, &modulus);
        let mut bytes = text.iter().copied();
        assert_eq!(hash.reset_and_prefill_window(&mut bytes), WINDOW - 1);
        assert_eq!(hash.hash, fingerprint(&text[..WINDOW - 1], modulus));
        for (end, byte) in (WINDOW..).zip(bytes) {
            hash.slide(byte);
            assert_eq!(hash.hash, fingerprint(&text[end - WINDOW..end], modulus));
        }
    }

    #[test]
    fn at_every_place_the_hash_is_the_fingerprint_of_the_window() {
        check(MODULUS);
        check(0x0024_1234_5678_9ABD | 1 << 53);
        check(0b1_0001_1011);
    }

    #[test]
    fn a_hash_that_is_used_again_remembers_nothing() {
        let text = text(500);
        let mut used = Rabin64::new_with_polynom(6, &MODULUS);
        used.reset_and_prefill_window(&mut text.iter().copied());
        text.iter().for_each(|byte| used.slide(*byte));
        let mut fresh = Rabin64::new_with_polynom(6, &MODULUS);
        for hash in [&mut used, &mut fresh] {
            hash.reset_and_prefill_window(&mut text[100..].iter().copied());
            hash.slide(1);
            hash.slide(2);
        }
        assert_eq!(used.hash, fresh.hash);
    }

    #[test]
    fn a_text_shorter_than_the_window_is_taken_whole() {
        let mut hash = Rabin64::new_with_polynom(6, &MODULUS);
        assert_eq!(hash.reset_and_prefill_window(&mut [3_u8, 1].into_iter()), 2);
        assert_eq!(hash.hash, 0x0301);
    }

    #[test]
    fn every_entry_of_a_table_is_the_value_of_its_byte() {
        let value = |byte: Polynom64| (byte << 53).modulo(&MODULUS);
        let table = table(value);
        for (byte, found) in (0..).zip(table) {
            assert_eq!(found, value(byte));
        }
    }
}
