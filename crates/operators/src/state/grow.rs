//! How long vectors grow: in small steps once they are large.
//!
//! A vector that doubles holds three times its entries while they are moved, and up to twice of them
//! afterwards. Where state fills most of the memory there is no room for that.
//!
//! Cost: with steps of a quarter each entry is moved about four times over its life instead of once.

/// Vectors up to this size double.
const DOUBLES_BELOW: usize = 1 << 20;

/// Makes room for so many more entries.
#[inline]
pub(crate) fn make_room<T>(vector: &mut Vec<T>, more: usize) {
    if vector.capacity() - vector.len() < more {
        grow(vector, more);
    }
}

#[cold]
fn grow<T>(vector: &mut Vec<T>, more: usize) {
    match vector.capacity() * size_of::<T>() < DOUBLES_BELOW {
        true => vector.reserve(more),
        false => vector.reserve_exact(more.max(vector.capacity() / 4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_vector_holds_at_most_a_quarter_more_than_it_needs() {
        let mut numbers: Vec<u64> = Vec::new();
        for number in 0..1_000_000 {
            make_room(&mut numbers, 1);
            numbers.push(number);
        }
        assert!(numbers.capacity() <= 1_250_000, "{}", numbers.capacity());
        make_room(&mut numbers, 5_000_000);
        assert!(numbers.capacity() >= 6_000_000);
    }
}
