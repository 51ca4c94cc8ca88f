//! Functions between strings, codes and bytes.

use arrow::array::{Array, ArrayRef, BinaryArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use millstream_core::Result;

use crate::args::{Call, Values};
use crate::output::{bool_rows, byte_rows, number_rows, text_rows};

/// The first byte of the text's UTF-8 as a TINYINT, below 0 outside of ASCII; 0 for an empty text.
pub(super) fn ascii(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    number_rows::<Int32Type>(call, |row| {
        Ok(texts
            .get(row)
            .map(|text| text.bytes().next().map_or(0, |byte| i32::from(byte as i8))))
    })
}

/// The character with a code, modulo 256; empty for a negative one.
pub(super) fn chr(call: &Call) -> Result<ArrayRef> {
    let codes = arrow::compute::cast(call.array(0), &DataType::Int64)?;
    let codes: &arrow::array::Int64Array = arrow::array::AsArray::as_primitive::<Int64Type>(&codes);
    let codes = Values {
        array: codes,
        step: usize::from(!call.is_constant(0)),
    };
    text_rows(call, |row, out| match codes.get(row) {
        Some(code) if code >= 0 => out.push_char(char::from((code & 0xFF) as u8)).map(Some),
        Some(_) => Ok(Some(())),
        None => Ok(None),
    })
}

#[derive(Clone, Copy)]
enum Charset {
    Ascii,
    Latin1,
    Utf8,
    Utf16 { mark: bool, little: bool },
}

fn charset(call: &Call, name: &str) -> Result<Charset> {
    match name.to_ascii_uppercase().as_str() {
        "US-ASCII" | "ASCII" => Ok(Charset::Ascii),
        "ISO-8859-1" | "LATIN1" => Ok(Charset::Latin1),
        "UTF-8" | "UTF8" => Ok(Charset::Utf8),
        "UTF-16" | "UTF16" => Ok(Charset::Utf16 {
            mark: true,
            little: false,
        }),
        "UTF-16BE" => Ok(Charset::Utf16 {
            mark: false,
            little: false,
        }),
        "UTF-16LE" => Ok(Charset::Utf16 {
            mark: false,
            little: true,
        }),
        _ => Err(call.error(format!(
            "wants US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE or UTF-16LE, found '{name}'"
        ))),
    }
}

pub(super) fn encode(call: &Call) -> Result<ArrayRef> {
    let (texts, names) = (call.texts(0)?, call.texts(1)?);
    byte_rows(call, |row| {
        let Some((text, name)) = texts.get(row).zip(names.get(row)) else {
            return Ok(None);
        };
        let narrow = |limit: u32| -> Vec<u8> {
            text.chars()
                .map(|c| if (c as u32) < limit { c as u8 } else { b'?' })
                .collect()
        };
        Ok(Some(match charset(call, name)? {
            Charset::Ascii => narrow(128),
            Charset::Latin1 => narrow(256),
            Charset::Utf8 => text.as_bytes().to_vec(),
            Charset::Utf16 { mark, little } => {
                let units = mark
                    .then_some(0xFEFF)
                    .into_iter()
                    .chain(text.encode_utf16());
                units
                    .flat_map(|u| {
                        if little {
                            u.to_le_bytes()
                        } else {
                            u.to_be_bytes()
                        }
                    })
                    .collect()
            }
        }))
    })
}

pub(super) fn decode(call: &Call) -> Result<ArrayRef> {
    let values: Values<BinaryArray> = call.typed(0)?;
    let names = call.texts(1)?;
    text_rows(call, |row, out| {
        let Some((bytes, name)) = values.get(row).zip(names.get(row)) else {
            return Ok(None);
        };
        match charset(call, name)? {
            Charset::Ascii => bytes.iter().try_for_each(|byte| {
                out.push_char(if byte.is_ascii() {
                    char::from(*byte)
                } else {
                    char::REPLACEMENT_CHARACTER
                })
            })?,
            Charset::Latin1 => bytes
                .iter()
                .try_for_each(|byte| out.push_char(char::from(*byte)))?,
            Charset::Utf8 => out.push(&String::from_utf8_lossy(bytes))?,
            Charset::Utf16 { mark, little } => {
                let marked_little = mark && bytes.starts_with(&[0xFF, 0xFE]);
                let skip = if marked_little || (mark && bytes.starts_with(&[0xFE, 0xFF])) {
                    2
                } else {
                    0
                };
                let units = bytes[skip..].chunks(2).map(|pair| match pair {
                    [a, b] if little || marked_little => u16::from_le_bytes([*a, *b]),
                    [a, b] => u16::from_be_bytes([*a, *b]),
                    _ => 0xFFFD,
                });
                for c in char::decode_utf16(units) {
                    out.push_char(c.unwrap_or(char::REPLACEMENT_CHARACTER))?;
                }
            }
        }
        Ok(Some(()))
    })
}

pub(super) fn is_valid_utf8(call: &Call) -> Result<ArrayRef> {
    let values: Values<BinaryArray> = call.typed(0)?;
    bool_rows(call, |row| {
        Ok(values
            .get(row)
            .map(|bytes| std::str::from_utf8(bytes).is_ok()))
    })
}

pub(super) fn make_valid_utf8(call: &Call) -> Result<ArrayRef> {
    let values: Values<BinaryArray> = call.typed(0)?;
    text_rows(call, |row, out| match values.get(row) {
        Some(bytes) => out.push(&String::from_utf8_lossy(bytes)).map(Some),
        None => Ok(None),
    })
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn to_base64(call: &Call) -> Result<ArrayRef> {
    let binary = *call.array(0).data_type() == DataType::Binary;
    let values = binary.then(|| call.typed::<BinaryArray>(0)).transpose()?;
    let texts = (!binary).then(|| call.texts(0)).transpose()?;
    text_rows(call, |row, out| {
        let bytes = match (&values, &texts) {
            (Some(values), _) => values.get(row),
            (_, Some(texts)) => texts.get(row).map(str::as_bytes),
            _ => None,
        };
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        out.push(&base64_text(bytes)).map(Some)
    })
}

/// Bytes as base64 with padding.
pub(crate) fn base64_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * index) & 63) as usize];
            text.push(if index <= group.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

/// NULL if the text is not base64; bytes that are not UTF-8 are replaced.
pub(super) fn from_base64(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    text_rows(call, |row, out| {
        match texts.get(row).and_then(base64_bytes) {
            Some(bytes) => out.push(&String::from_utf8_lossy(&bytes)).map(Some),
            None => Ok(None),
        }
    })
}

fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .strip_suffix("==")
        .or(text.strip_suffix('='))
        .unwrap_or(text);
    if digits.len() % 4 == 1 || (text.len() != digits.len() && !text.len().is_multiple_of(4)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        bits = bits << 6 | BASE64.iter().position(|known| *known == digit)? as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

/// NULL if the text is not hexadecimal; an odd number of digits gets a 0 in front.
pub(super) fn unhex(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    byte_rows(call, |row| Ok(texts.get(row).and_then(hex_bytes)))
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let (first, pairs) = digits.split_at(digits.len() % 2);
    let pairs = pairs.chunks(2).map(|pair| pair[0] << 4 | pair[1]);
    Some(first.iter().copied().chain(pairs).collect())
}

/// `application/x-www-form-urlencoded`: letters, digits and `.-*_` stay, a space is `+`.
pub(super) fn url_encode(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    text_rows(call, |row, out| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        for byte in text.bytes() {
            match byte {
                b' ' => out.push("+")?,
                b if b.is_ascii_alphanumeric() || b".-*_".contains(&b) => {
                    out.push_char(char::from(b))?;
                }
                b => out.push(&format!("%{b:02X}"))?,
            }
        }
        Ok(Some(()))
    })
}

/// NULL if the text is not encoded so, or not as UTF-8.
pub(super) fn url_decode(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    text_rows(call, |row, out| {
        match texts.get(row).and_then(url_decoded) {
            Some(text) => out.push(&text).map(Some),
            None => Ok(None),
        }
    })
}

fn url_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                bytes.push((high << 4 | low) as u8);
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}
