//! Rows into JSON lines, spelt as Flink and its JSON library spell them.
//!
//! Fields stand in the order of the schema. A DOUBLE that is no number is a string (`"NaN"`), a
//! DECIMAL loses its trailing zeros. The key of a map is never NULL: Arrow's maps have no such key.
//! Cost: one pass, into the caller's buffer.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::format;

use super::scan::plain_end;
use crate::base64;
use crate::parse::Stamps;
use crate::render::{self, Fraction};
use crate::view::{self, Values, View};

/// The options of an encoder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) stamps: Stamps,
    pub(crate) plain_decimals: bool,
    pub(crate) leave_nulls_out: bool,
}

/// Encodes rows as JSON lines.
#[derive(Debug)]
pub(crate) struct Encoder {
    schema: SchemaRef,
    style: Style,
    /// `,"name":` of each column.
    keys: Vec<Vec<u8>>,
}

impl Encoder {
    pub(crate) fn new(schema: SchemaRef, style: Style) -> Self {
        let keys = schema.fields().iter().map(|field| {
            let mut key = vec![b','];
            string(field.name(), &mut key);
            key.push(b':');
            key
        });
        Encoder {
            keys: keys.collect(),
            schema,
            style,
        }
    }
}

impl format::Encoder for Encoder {
    fn encode(
        &mut self,
        rows: &RecordBatch,
        out: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> Result<()> {
        let columns = self.schema.fields().iter().zip(rows.columns());
        let views = columns
            .map(|(field, array)| View::new(field, array.as_ref()))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..rows.num_rows() {
            out.push(b'{');
            let start = out.len();
            for (key, view) in self.keys.iter().zip(&views) {
                let null = view.is_null(row);
                if null && self.style.leave_nulls_out {
                    continue;
                }
                let comma = usize::from(out.len() == start);
                out.extend_from_slice(&key[comma..]);
                self.style.value(view, row, out);
            }
            out.extend_from_slice(b"}\n");
            ends.push(out.len());
        }
        Ok(())
    }

    fn line_break_bytes(&self) -> usize {
        1
    }
}

impl Style {
    /// The value of one row.
    fn value(self, view: &View<'_>, row: usize, out: &mut Vec<u8>) {
        if view.is_null(row) {
            return out.extend_from_slice(b"null");
        }
        match &view.values {
            Values::List(offsets, element) => {
                out.push(b'[');
                for (i, row) in range(offsets, row).enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    self.value(element, row, out);
                }
                out.push(b']');
            }
            Values::Map(offsets, entry) => self.map(offsets, entry, row, out),
            Values::Row(fields) => {
                out.push(b'{');
                let start = out.len();
                for (name, view) in fields {
                    if self.leave_nulls_out && view.is_null(row) {
                        continue;
                    }
                    if out.len() > start {
                        out.push(b',');
                    }
                    string(name, out);
                    out.push(b':');
                    self.value(view, row, out);
                }
                out.push(b'}');
            }
            Values::Decimal(values, scale) => {
                render::decimal(values[row], *scale, self.plain_decimals, out);
            }
            Values::Timestamp(values, stamp) => {
                out.push(b'"');
                let between = if self.stamps == Stamps::Iso {
                    b'T'
                } else {
                    b' '
                };
                render::timestamp(stamp.split(values[row]), between, Fraction::Needed, out);
                if stamp.zoned {
                    out.push(b'Z');
                }
                out.push(b'"');
            }
            other => scalar(other, row, out),
        }
    }

    fn map(
        self,
        offsets: &[i32],
        (keys, values): &(View<'_>, View<'_>),
        row: usize,
        out: &mut Vec<u8>,
    ) {
        out.push(b'{');
        let start = out.len();
        for entry in range(offsets, row) {
            if out.len() > start {
                out.push(b',');
            }
            scalar(&keys.values, entry, out);
            out.push(b':');
            self.value(values, entry, out);
        }
        out.push(b'}');
    }
}

/// The elements of a nested value.
pub(crate) fn range(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    offsets[row] as usize..offsets[row + 1] as usize
}

/// A value that looks the same whatever the options are.
pub(crate) fn scalar(values: &Values<'_>, row: usize, out: &mut Vec<u8>) {
    match values {
        Values::Boolean(values) => {
            let word: &[u8] = if values.value(row) { b"true" } else { b"false" };
            out.extend_from_slice(word);
        }
        Values::Int8(values) => render::integer(values[row], out),
        Values::Int16(values) => render::integer(values[row], out),
        Values::Int32(values) | Values::Months(values) => render::integer(values[row], out),
        Values::Int64(values) => render::integer(values[row], out),
        Values::Float32(values) => {
            number(values[row].is_finite(), out, |out| {
                render::float(values[row], out)
            });
        }
        Values::Float64(values) => {
            number(values[row].is_finite(), out, |out| {
                render::double(values[row], out)
            });
        }
        Values::Text(values) => string(values.value(row), out),
        Values::TextView(values) => string(values.value(row), out),
        Values::Binary(values) => quoted(out, |out| base64::encode(values.value(row), out)),
        Values::Date(values) => quoted(out, |out| render::date(i64::from(values[row]), out)),
        Values::Time(values, _) => {
            quoted(out, |out| {
                render::time_ms(values[row], Fraction::Needed, out)
            });
        }
        Values::DayTime(values) => render::integer(view::interval_ms(values[row]), out),
        Values::Decimal(values, scale) => render::decimal_plain(values[row], *scale, out),
        Values::Timestamp(values, stamp) => quoted(out, |out| {
            render::timestamp(stamp.split(values[row]), b' ', Fraction::Needed, out);
        }),
        Values::Null | Values::List(..) | Values::Map(..) | Values::Row(_) => {
            out.extend_from_slice(b"null");
        }
    }
}

/// A floating-point number; one that JSON has no number for becomes a string.
fn number(finite: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    match finite {
        true => write(out),
        false => quoted(out, write),
    }
}

/// Text without anything to escape, in quotes.
pub(crate) fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Any text, in quotes and escaped.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut done = 0;
    loop {
        // What a string may not hold as it is, a scanned string ends with.
        let at = plain_end(bytes, done);
        out.extend_from_slice(&bytes[done..at]);
        match bytes.get(at) {
            Some(byte) => escape(*byte, out),
            None => break,
        }
        done = at + 1;
    }
    out.push(b'"');
}

/// A quote, a backslash or a control character.
fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            return out.push(HEX[usize::from(byte & 15)]);
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}
