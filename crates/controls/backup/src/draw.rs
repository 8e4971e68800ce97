//! Choosing at random, from the system's generator: what is sampled or drilled next must not be known beforehand.

use std::io;

/// Bytes that nobody can guess.
///
/// # Errors
///
/// If the system gives none.
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// A number below `count`, each as likely as any other; 0 if there is none.
///
/// # Errors
///
/// If the system gives no random bytes.
pub(crate) fn below(count: usize) -> io::Result<usize> {
    let count = count as u128;
    if count == 0 {
        return Ok(0);
    }
    let bytes = self::bytes()?;
    // Of 64 bits scaled down, no number is favoured by more than one part in 2^64 / count.
    let drawn = (u128::from(u64::from_le_bytes(bytes)) * count) >> 64;
    usize::try_from(drawn).map_err(io::Error::other)
}

/// Brings items into a random order.
///
/// # Errors
///
/// If the system gives no random bytes.
pub(crate) fn shuffle<T>(items: &mut [T]) -> io::Result<()> {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_below_is_drawn_and_no_other() {
        let drawn: BTreeSet<usize> = (0..1000).map(|_| below(3).unwrap()).collect();
        assert_eq!(drawn, BTreeSet::from([0, 1, 2]));
        assert_eq!(below(0).unwrap(), 0);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<u32> = (0..100).collect();
        shuffle(&mut items).unwrap();
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
