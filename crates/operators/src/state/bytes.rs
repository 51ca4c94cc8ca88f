//! Numbers, lengths and byte strings in the bytes of a checkpoint.
//!
//! Numbers are little-endian and of fixed width; lengths are LEB128: seven bits per byte, lowest
//! first, the high bit saying that more follow. Reading never goes beyond the end and never
//! allocates by a length it has not seen the bytes of: damaged bytes are an error.

use arrow::datatypes::IntervalMonthDayNano;
use millstream_core::{Code, Error, Result};

/// What to say about bytes that cannot be what was written.
pub(crate) fn damaged(what: &str) -> Error {
    Error::new(
        Code::CheckpointDamaged,
        format!("the state in the checkpoint is damaged: {what}"),
    )
}

/// A number of fixed width.
pub(crate) trait Fixed: Copy {
    /// Its width.
    const BYTES: usize;
    /// Appends it.
    fn put(self, out: &mut Vec<u8>);
    /// Takes it back from exactly `BYTES` bytes.
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! fixed {
    ($($ty:ty),*) => {
        $(impl Fixed for $ty {
            const BYTES: usize = size_of::<$ty>();

            #[inline]
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn get(bytes: &[u8]) -> Self {
                <$ty>::from_le_bytes(bytes.try_into().expect("as many bytes as it is wide"))
            }
        })*
    };
}

fixed!(u8, i8, i16, i32, i64, i128, u16, u32, u64, f32, f64);

impl Fixed for IntervalMonthDayNano {
    const BYTES: usize = 16;

    fn put(self, out: &mut Vec<u8>) {
        self.months.put(out);
        self.days.put(out);
        self.nanoseconds.put(out);
    }

    fn get(bytes: &[u8]) -> Self {
        IntervalMonthDayNano::new(
            i32::get(&bytes[..4]),
            i32::get(&bytes[4..8]),
            i64::get(&bytes[8..16]),
        )
    }
}

/// Appends a length.
#[inline]
pub(crate) fn put_length(length: usize, out: &mut Vec<u8>) {
    let mut rest = length as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends a byte string with its length.
#[inline]
pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Appends a byte string that may be missing.
pub(crate) fn put_optional(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        put_bytes(bytes, out);
    }
}

/// Takes apart what was put together.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the front of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The next `length` bytes.
    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(damaged("it ends in the middle of a value")),
        }
    }

    /// The next number.
    #[inline]
    pub(crate) fn fixed<T: Fixed>(&mut self) -> Result<T> {
        self.take(T::BYTES).map(T::get)
    }

    /// The next number, one byte being 0 or 1.
    #[inline]
    pub(crate) fn flag(&mut self) -> Result<bool> {
        match self.fixed::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(damaged("a truth value is neither true nor false")),
        }
    }

    /// The next length.
    #[inline]
    pub(crate) fn length(&mut self) -> Result<usize> {
        let mut length = 0u64;
        for shift in (0..63).step_by(7) {
            let byte = self.fixed::<u8>()?;
            length |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return usize::try_from(length).map_err(|_| damaged("a length is too large"));
            }
        }
        Err(damaged("a length is too large"))
    }

    /// The next byte string.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    /// The next byte string, if it is there.
    pub(crate) fn optional(&mut self) -> Result<Option<&'a [u8]>> {
        match self.flag()? {
            true => self.bytes().map(Some),
            false => Ok(None),
        }
    }

    /// Says that nothing may be left.
    #[inline]
    pub(crate) fn end(&self) -> Result<()> {
        match self.rest {
            [] => Ok(()),
            _ => Err(damaged("a value is longer than it should be")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_comes_back_and_nothing_is_left() {
        let mut out = Vec::new();
        for length in [0, 127, 128, 300, usize::MAX >> 1] {
            put_length(length, &mut out);
        }
        (-7i128).put(&mut out);
        (-0.0f64).put(&mut out);
        IntervalMonthDayNano::new(-1, 2, i64::MIN).put(&mut out);
        put_optional(Some(b"ann"), &mut out);
        put_optional(None, &mut out);
        let mut reader = Reader::new(&out);
        for length in [0, 127, 128, 300, usize::MAX >> 1] {
            assert_eq!(reader.length().unwrap(), length);
        }
        assert_eq!(reader.fixed::<i128>().unwrap(), -7);
        assert_eq!(
            reader.fixed::<f64>().unwrap().to_bits(),
            (-0.0f64).to_bits()
        );
        let interval = reader.fixed::<IntervalMonthDayNano>().unwrap();
        assert_eq!(interval, IntervalMonthDayNano::new(-1, 2, i64::MIN));
        assert_eq!(reader.optional().unwrap(), Some(&b"ann"[..]));
        assert_eq!(reader.optional().unwrap(), None);
        reader.end().unwrap();
    }

    #[test]
    fn a_length_beyond_the_end_or_without_end_is_damage() {
        for bytes in [&[5, 1][..], &[0xff; 20], &[0x80], &[]] {
            let error = Reader::new(bytes).bytes().unwrap_err();
            assert_eq!(error.code(), Code::CheckpointDamaged);
        }
    }
}
