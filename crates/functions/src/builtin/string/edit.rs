//! Functions that make a string from strings.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::buffer::Buffer;
use arrow::datatypes::Int32Type;
use millstream_core::Result;

use crate::args::{Call, Texts};
use crate::output::{TextBuilder, text_rows};

pub(super) fn upper(call: &Call) -> Result<ArrayRef> {
    change_case(call, u8::make_ascii_uppercase, |out, c| {
        c.to_uppercase().try_for_each(|c| out.push_char(c))
    })
}

pub(super) fn lower(call: &Call) -> Result<ArrayRef> {
    change_case(call, u8::make_ascii_lowercase, |out, c| {
        c.to_lowercase().try_for_each(|c| out.push_char(c))
    })
}

/// ASCII keeps its length: the whole column changes at once and shares its offsets.
fn change_case(
    call: &Call,
    ascii: impl Fn(&mut u8),
    other: impl Fn(&mut TextBuilder, char) -> Result<()>,
) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let offsets = texts.array.value_offsets();
    let (start, end) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
    if texts.array.value_data()[start..end].is_ascii() {
        let mut bytes = texts.array.value_data()[..end].to_vec();
        bytes[start..].iter_mut().for_each(ascii);
        let nulls = texts.array.nulls().cloned();
        let offsets = texts.array.offsets().clone();
        return Ok(Arc::new(StringArray::try_new(
            offsets,
            Buffer::from_vec(bytes),
            nulls,
        )?));
    }
    text_rows(call, |row, out| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        text.chars().try_for_each(|c| other(out, c))?;
        Ok(Some(()))
    })
}

pub(super) fn initcap(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    text_rows(call, |row, out| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        // Only ASCII: any other letter stays, and a word begins behind it.
        let mut inside = false;
        for c in text.chars() {
            out.push_char(match inside {
                true => c.to_ascii_lowercase(),
                false => c.to_ascii_uppercase(),
            })?;
            inside = c.is_ascii_alphanumeric();
        }
        Ok(Some(()))
    })
}

pub(super) fn concat(call: &Call) -> Result<ArrayRef> {
    let parts: Vec<Texts> = (0..call.len())
        .map(|i| call.texts(i))
        .collect::<Result<_>>()?;
    text_rows(call, |row, out| {
        if parts.iter().any(|part| part.get(row).is_none()) {
            return Ok(None);
        }
        for part in &parts {
            out.push(part.get(row).unwrap_or_default())?;
        }
        Ok(Some(()))
    })
}

pub(super) fn concat_ws(call: &Call) -> Result<ArrayRef> {
    let separators = call.texts(0)?;
    let parts: Vec<Texts> = (1..call.len())
        .map(|i| call.texts(i))
        .collect::<Result<_>>()?;
    text_rows(call, |row, out| {
        let Some(separator) = separators.get(row) else {
            return Ok(None);
        };
        for (index, part) in parts.iter().filter_map(|part| part.get(row)).enumerate() {
            if index > 0 {
                out.push(separator)?;
            }
            out.push(part)?;
        }
        Ok(Some(()))
    })
}

pub(super) fn elt(call: &Call) -> Result<ArrayRef> {
    let indexes = call.numbers::<Int32Type>(0)?;
    let parts: Vec<Texts> = (1..call.len())
        .map(|i| call.texts(i))
        .collect::<Result<_>>()?;
    text_rows(call, |row, out| {
        let index = indexes
            .get(row)
            .and_then(|i| usize::try_from(i).ok()?.checked_sub(1));
        match index.and_then(|index| parts.get(index)?.get(row)) {
            Some(text) => out.push(text).map(Some),
            None => Ok(None),
        }
    })
}

pub(super) fn btrim(call: &Call) -> Result<ArrayRef> {
    trim(call, true, true)
}

pub(super) fn ltrim(call: &Call) -> Result<ArrayRef> {
    trim(call, true, false)
}

pub(super) fn rtrim(call: &Call) -> Result<ArrayRef> {
    trim(call, false, true)
}

/// Takes spaces, or any character of the second argument, from the ends.
fn trim(call: &Call, start: bool, end: bool) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let sets = call.optional_texts(1)?;
    text_rows(call, |row, out| {
        let set = match &sets {
            Some(sets) => sets.get(row),
            None => Some(" "),
        };
        let (Some(mut text), Some(set)) = (texts.get(row), set) else {
            return Ok(None);
        };
        if start {
            text = text.trim_start_matches(|c| set.contains(c));
        }
        if end {
            text = text.trim_end_matches(|c| set.contains(c));
        }
        out.push(text).map(Some)
    })
}

/// The byte where character `index` begins; the length if there are fewer.
pub(super) fn char_start(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    text.char_indices()
        .nth(index)
        .map_or(text.len(), |(at, _)| at)
}

/// How many characters a text has.
pub(super) fn char_count(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().count()
    }
}

pub(super) fn substring(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let starts = call.numbers::<Int32Type>(1)?;
    let lengths = (call.len() > 2)
        .then(|| call.numbers::<Int32Type>(2))
        .transpose()?;
    text_rows(call, |row, out| {
        let length = match &lengths {
            Some(lengths) => lengths.get(row),
            None => Some(i32::MAX),
        };
        let (Some(text), Some(start), Some(length)) = (texts.get(row), starts.get(row), length)
        else {
            return Ok(None);
        };
        match piece(text, start, length) {
            Some(piece) => out.push(piece).map(Some),
            None => Ok(None),
        }
    })
}

/// `length` characters from position `start`: from 1, or from the end if negative; 0 is 1.
/// NULL for a negative length, empty if the start lies outside.
fn piece(text: &str, start: i32, length: i32) -> Option<&str> {
    let length = usize::try_from(length).ok()?;
    let skip = if start > 0 {
        start as usize - 1
    } else {
        let back = start.unsigned_abs() as usize;
        match char_count(text).checked_sub(back) {
            Some(skip) if back > 0 => skip,
            Some(_) => 0,
            None => return Some(""),
        }
    };
    let rest = &text[char_start(text, skip)..];
    Some(&rest[..char_start(rest, length)])
}

pub(super) fn left(call: &Call) -> Result<ArrayRef> {
    cut(call, |text, length| &text[..char_start(text, length)])
}

pub(super) fn right(call: &Call) -> Result<ArrayRef> {
    cut(call, |text, length| {
        &text[char_start(text, char_count(text).saturating_sub(length))..]
    })
}

fn cut(call: &Call, keep: impl for<'t> Fn(&'t str, usize) -> &'t str) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let lengths = call.numbers::<Int32Type>(1)?;
    text_rows(call, |row, out| match (texts.get(row), lengths.get(row)) {
        (Some(text), Some(length)) => out
            .push(keep(text, usize::try_from(length).unwrap_or(0)))
            .map(Some),
        _ => Ok(None),
    })
}

pub(super) fn lpad(call: &Call) -> Result<ArrayRef> {
    pad(call, true)
}

pub(super) fn rpad(call: &Call) -> Result<ArrayRef> {
    pad(call, false)
}

/// NULL for a negative length, and for an empty filling that would be needed.
fn pad(call: &Call, before: bool) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let lengths = call.numbers::<Int32Type>(1)?;
    let fillings = call.texts(2)?;
    text_rows(call, |row, out| {
        let (Some(text), Some(length), Some(filling)) =
            (texts.get(row), lengths.get(row), fillings.get(row))
        else {
            return Ok(None);
        };
        let Ok(length) = usize::try_from(length) else {
            return Ok(None);
        };
        let Some(missing) = length.checked_sub(char_count(text)) else {
            return out.push(&text[..char_start(text, length)]).map(Some);
        };
        if filling.is_empty() && missing > 0 {
            return Ok(None);
        }
        if !before {
            out.push(text)?;
        }
        out.reserve(missing)?;
        filling
            .chars()
            .cycle()
            .take(missing)
            .try_for_each(|c| out.push_char(c))?;
        if before {
            out.push(text)?;
        }
        Ok(Some(()))
    })
}

pub(super) fn repeat(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let counts = call.numbers::<Int32Type>(1)?;
    text_rows(call, |row, out| match (texts.get(row), counts.get(row)) {
        (Some(text), Some(count)) => {
            let count = if text.is_empty() {
                0
            } else {
                usize::try_from(count).unwrap_or(0)
            };
            out.reserve(text.len().saturating_mul(count).min(usize::MAX / 2))?;
            for _ in 0..count {
                out.push(text)?;
            }
            Ok(Some(()))
        }
        _ => Ok(None),
    })
}

pub(super) fn space(call: &Call) -> Result<ArrayRef> {
    let counts = call.numbers::<Int32Type>(0)?;
    text_rows(call, |row, out| {
        let Some(count) = counts.get(row) else {
            return Ok(None);
        };
        let count = usize::try_from(count).unwrap_or(0);
        out.reserve(count)?;
        for _ in 0..count {
            out.push(" ")?;
        }
        Ok(Some(()))
    })
}

pub(super) fn replace(call: &Call) -> Result<ArrayRef> {
    let (texts, searches, news) = (call.texts(0)?, call.texts(1)?, call.texts(2)?);
    text_rows(call, |row, out| {
        let (Some(text), Some(search), Some(new)) =
            (texts.get(row), searches.get(row), news.get(row))
        else {
            return Ok(None);
        };
        let mut end = 0;
        for (at, found) in text.match_indices(search) {
            out.push(&text[end..at])?;
            out.push(new)?;
            end = at + found.len();
        }
        out.push(&text[end..]).map(Some)
    })
}

pub(super) fn overlay(call: &Call) -> Result<ArrayRef> {
    let (texts, news) = (call.texts(0)?, call.texts(1)?);
    let starts = call.numbers::<Int32Type>(2)?;
    let lengths = (call.len() > 3)
        .then(|| call.numbers::<Int32Type>(3))
        .transpose()?;
    text_rows(call, |row, out| {
        let (Some(text), Some(new), Some(start)) = (texts.get(row), news.get(row), starts.get(row))
        else {
            return Ok(None);
        };
        let length = match &lengths {
            Some(lengths) => lengths.get(row).map(i64::from),
            None => Some(char_count(new) as i64),
        };
        let Some(length) = length else {
            return Ok(None);
        };
        // A start outside the text leaves it as it is.
        if start < 1 || start as usize > char_count(text) {
            return out.push(text).map(Some);
        }
        let before = char_start(text, start as usize - 1);
        let replaced = usize::try_from(length).unwrap_or(0);
        let after = char_start(&text[before..], replaced) + before;
        out.push(&text[..before])?;
        out.push(new)?;
        out.push(&text[after..]).map(Some)
    })
}

pub(super) fn reverse(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    text_rows(call, |row, out| match texts.get(row) {
        Some(text) => {
            text.chars().rev().try_for_each(|c| out.push_char(c))?;
            Ok(Some(()))
        }
        None => Ok(None),
    })
}

pub(super) fn translate(call: &Call) -> Result<ArrayRef> {
    let (texts, olds, news) = (call.texts(0)?, call.texts(1)?, call.texts(2)?);
    text_rows(call, |row, out| {
        let (Some(text), Some(old), Some(new)) = (texts.get(row), olds.get(row), news.get(row))
        else {
            return Ok(None);
        };
        for c in text.chars() {
            match old.chars().position(|o| o == c) {
                None => out.push_char(c)?,
                Some(index) => {
                    if let Some(c) = new.chars().nth(index) {
                        out.push_char(c)?;
                    }
                }
            }
        }
        Ok(Some(()))
    })
}
