//! A column of strings under construction: Arrow's offsets and bytes, filled front to back.
//!
//! Short texts are appended as a block of fixed size and then cut: copying 32 bytes is a couple
//! of vector moves, copying a length known only at run time is a call.
//!
//! The caller keeps the bytes of one column below 2 GiB by bounding the rows of a batch.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use millstream_core::Result;

use super::random::{BLOCK, BLOCK_DRAWS, Draws};

/// Offsets and bytes of a string column.
#[derive(Debug)]
pub(super) struct Text {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

impl Text {
    /// An empty column with room for `rows` rows and `bytes` bytes.
    pub(super) fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Text {
            offsets,
            bytes: Vec::with_capacity(bytes + BLOCK),
        }
    }

    /// Ends the current row.
    #[inline]
    pub(super) fn end(&mut self) {
        self.offsets.push(self.bytes.len() as i32);
    }

    /// Adds empty rows until there are `rows`.
    pub(super) fn pad_to(&mut self, rows: usize) {
        self.offsets.resize(rows + 1, self.bytes.len() as i32);
    }

    /// Adds to the current row.
    pub(super) fn add(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Adds the first `length` bytes of an ASCII block to the current row.
    #[inline]
    pub(super) fn add_cut<const N: usize>(&mut self, block: &[u8; N], length: usize) {
        let end = self.bytes.len() + length.min(N);
        self.bytes.extend_from_slice(block);
        self.bytes.truncate(end);
    }

    /// Adds `length` random letters to the current row, from the draws beginning at `index`.
    #[inline]
    pub(super) fn add_letters(&mut self, draws: Draws, index: u64, length: usize) {
        let end = self.bytes.len() + length;
        let mut at = index;
        while self.bytes.len() < end {
            self.bytes.extend_from_slice(&draws.letters(at));
            at += BLOCK_DRAWS;
        }
        self.bytes.truncate(end);
    }

    /// Adds `length` (at least 1) letters and spaces to the current row; no space at either end.
    pub(super) fn add_words(&mut self, draws: Draws, index: u64, length: usize) {
        let start = self.bytes.len();
        let mut at = index;
        while self.bytes.len() < start + length {
            self.bytes.extend_from_slice(&draws.words(at, b' '));
            at += BLOCK_DRAWS;
        }
        self.bytes.truncate(start + length);
        for edge in [start, start + length - 1] {
            if let Some(byte) = self.bytes.get_mut(edge).filter(|byte| **byte == b' ') {
                *byte = b'e';
            }
        }
    }

    /// The finished column.
    pub(super) fn finish(self, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let values = Buffer::from_vec(self.bytes);
        Ok(Arc::new(StringArray::try_new(offsets, values, nulls)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_padded_and_joined() {
        let mut text = Text::with_capacity(4, 16);
        text.pad_to(2);
        text.add("auction");
        text.add_cut(b"-house!!", 6);
        text.end();
        text.pad_to(4);
        let array = text.finish(None).unwrap();
        assert_eq!(
            array.as_ref(),
            &StringArray::from(vec!["", "", "auction-house", ""]) as &dyn arrow::array::Array
        );
    }

    #[test]
    fn words_have_the_wanted_length_and_no_space_at_an_end() {
        let mut text = Text::with_capacity(0, 0);
        for event in 0..2_000 {
            text.add_words(Draws::of(3, event), 0, 3 + event as usize % 97);
            text.end();
        }
        let array = text.finish(None).unwrap();
        let strings = array.as_any().downcast_ref::<StringArray>().unwrap();
        for (row, value) in strings.iter().flatten().enumerate() {
            assert_eq!(value.len(), 3 + row % 97);
            assert_eq!(value.trim(), value);
        }
        assert!(strings.iter().flatten().any(|value| value.contains(' ')));
    }
}
