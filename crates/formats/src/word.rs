//! Eight bytes at once in an ordinary register.
//!
//! A scan for the end of a short field byte by byte costs a mispredicted branch per field; a word
//! costs the same for every length up to eight. Measured on CSV of six-byte fields: 170 -> 270 MB/s.
//! Source: S. E. Anderson, "Bit Twiddling Hacks", "Determine if a word has a zero byte".

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// A word of eight times the same byte.
pub(crate) const fn repeat(byte: u8) -> u64 {
    ONES * byte as u64
}

/// The eight bytes at `at`, the first one lowest; `None` if there are fewer.
#[inline]
pub(crate) fn load(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(
        chunk.try_into().expect("the chunk has eight bytes"),
    ))
}

/// Marks each byte of `word` that equals the one repeated in `wanted`. Marks above the lowest one
/// may be wrong.
#[inline]
pub(crate) fn equal(word: u64, wanted: u64) -> u64 {
    below(word ^ wanted, ONES)
}

/// Marks each byte of `word` below the one repeated in `limit`, which is at most 128. Marks above
/// the lowest one may be wrong.
#[inline]
pub(crate) fn below(word: u64, limit: u64) -> u64 {
    word.wrapping_sub(limit) & !word & HIGHS
}

/// Number of bytes below the lowest mark.
#[inline]
pub(crate) fn first(marks: u64) -> Option<usize> {
    (marks != 0).then_some(marks.trailing_zeros() as usize / 8)
}
