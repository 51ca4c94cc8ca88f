//! Functions that measure and search strings.

use arrow::array::{Array, ArrayRef, BinaryArray};
use arrow::datatypes::{DataType, Int32Type};
use millstream_core::Result;

use super::edit::{char_count, char_start};
use crate::args::{Call, Values};
use crate::output::{bool_rows, number_rows};

pub(super) fn char_length(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    number_rows::<Int32Type>(call, |row| {
        Ok(texts.get(row).map(|text| char_count(text) as i32))
    })
}

pub(super) fn octet_length(call: &Call) -> Result<ArrayRef> {
    if *call.array(0).data_type() == DataType::Binary {
        let values: Values<BinaryArray> = call.typed(0)?;
        return number_rows::<Int32Type>(call, |row| Ok(values.get(row).map(|v| v.len() as i32)));
    }
    let texts = call.texts(0)?;
    number_rows::<Int32Type>(call, |row| Ok(texts.get(row).map(|text| text.len() as i32)))
}

pub(super) fn starts_with(call: &Call) -> Result<ArrayRef> {
    compare(call, <[u8]>::starts_with)
}

pub(super) fn ends_with(call: &Call) -> Result<ArrayRef> {
    compare(call, <[u8]>::ends_with)
}

/// Strings and bytes compare alike, but not with each other.
fn compare(call: &Call, compare: fn(&[u8], &[u8]) -> bool) -> Result<ArrayRef> {
    let binary = |index: usize| *call.array(index).data_type() == DataType::Binary;
    if binary(0) != binary(1) {
        return Err(call.error("wants two STRING or two BYTES, found one of each"));
    }
    if binary(0) {
        let (values, parts) = (call.typed::<BinaryArray>(0)?, call.typed::<BinaryArray>(1)?);
        return bool_rows(call, |row| {
            Ok(values
                .get(row)
                .zip(parts.get(row))
                .map(|(value, part)| compare(value, part)))
        });
    }
    let (texts, parts) = (call.texts(0)?, call.texts(1)?);
    bool_rows(call, |row| {
        let pair = texts.get(row).zip(parts.get(row));
        Ok(pair.map(|(text, part)| compare(text.as_bytes(), part.as_bytes())))
    })
}

/// INSTR(text, part[, start[, occurrence]]): the position from 1, 0 if it is not there.
pub(super) fn instr(call: &Call) -> Result<ArrayRef> {
    let (texts, parts) = (call.texts(0)?, call.texts(1)?);
    let starts = (call.len() > 2)
        .then(|| call.numbers::<Int32Type>(2))
        .transpose()?;
    let nths = (call.len() > 3)
        .then(|| call.numbers::<Int32Type>(3))
        .transpose()?;
    number_rows::<Int32Type>(call, |row| {
        let start = starts.as_ref().map_or(Some(1), |starts| starts.get(row));
        let nth = nths.as_ref().map_or(Some(1), |nths| nths.get(row));
        let (Some(text), Some(part), Some(start), Some(nth)) =
            (texts.get(row), parts.get(row), start, nth)
        else {
            return Ok(None);
        };
        Ok(Some(position(text, part, start, nth)))
    })
}

/// LOCATE(part, text[, start]).
pub(super) fn locate(call: &Call) -> Result<ArrayRef> {
    let (parts, texts) = (call.texts(0)?, call.texts(1)?);
    let starts = (call.len() > 2)
        .then(|| call.numbers::<Int32Type>(2))
        .transpose()?;
    number_rows::<Int32Type>(call, |row| {
        let start = starts.as_ref().map_or(Some(1), |starts| starts.get(row));
        let (Some(text), Some(part), Some(start)) = (texts.get(row), parts.get(row), start) else {
            return Ok(None);
        };
        Ok(Some(if start < 1 {
            0
        } else {
            position(text, part, start, 1)
        }))
    })
}

/// The position of the `nth` occurrence from `start` on; a negative start searches backwards from
/// that far before the end.
fn position(text: &str, part: &str, start: i32, nth: i32) -> i32 {
    if nth < 1 || start == 0 {
        return 0;
    }
    let at = if start > 0 {
        forwards(text, part, start as usize - 1, nth as usize)
    } else {
        backwards(text, part, start.unsigned_abs() as usize, nth as usize)
    };
    at.map_or(0, |at| char_count(&text[..at]) as i32 + 1)
}

fn forwards(text: &str, part: &str, skip: usize, nth: usize) -> Option<usize> {
    if skip > char_count(text) {
        return None;
    }
    let mut from = char_start(text, skip);
    for _ in 1..nth {
        from += text[from..].find(part)?;
        from += text[from..].chars().next()?.len_utf8();
    }
    text[from..].find(part).map(|at| from + at)
}

fn backwards(text: &str, part: &str, back: usize, nth: usize) -> Option<usize> {
    let last = char_count(text).checked_sub(back)?;
    let from = char_start(text, last);
    let starts = text
        .char_indices()
        .map(|(at, _)| at)
        .filter(|at| *at <= from);
    let found: Vec<usize> = starts.filter(|at| text[*at..].starts_with(part)).collect();
    found.len().checked_sub(nth).map(|index| found[index])
}

/// The longest texts whose edit distance is computed: its cost is the product of their lengths.
const DISTANCE_CHARS_MAX: usize = 4096;

pub(super) fn levenshtein(call: &Call) -> Result<ArrayRef> {
    let (lefts, rights) = (call.texts(0)?, call.texts(1)?);
    number_rows::<Int32Type>(call, |row| {
        let (Some(left), Some(right)) = (lefts.get(row), rights.get(row)) else {
            return Ok(None);
        };
        let (left, right): (Vec<char>, Vec<char>) =
            (left.chars().collect(), right.chars().collect());
        if left.len().max(right.len()) > DISTANCE_CHARS_MAX {
            return Err(call.error(format!(
                "a text of more than {DISTANCE_CHARS_MAX} characters"
            )));
        }
        Ok(Some(distance(&left, &right)))
    })
}

/// One row of the dynamic programming table at a time.
fn distance(left: &[char], right: &[char]) -> i32 {
    let mut row: Vec<i32> = (0..=right.len() as i32).collect();
    for (i, l) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i as i32 + 1;
        for (j, r) in right.iter().enumerate() {
            let substituted = diagonal + i32::from(l != r);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
