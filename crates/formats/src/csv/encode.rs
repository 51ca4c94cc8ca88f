//! Rows into CSV, quoted as Flink's CSV library quotes.
//!
//! That library decides quickly rather than exactly: a text is quoted if it is longer than 24
//! characters or holds any character up to the delimiter, the quote or the line break, whichever
//! is highest. So with the defaults a space is reason enough, and every timestamp is quoted.
//! Numbers and booleans never are. NULL is the null literal, or nothing.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::format;

use super::scan::Dialect;
use crate::base64;
use crate::render::{self, Fraction};
use crate::view::{self, Values, View};

/// The options of an encoder.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    pub(crate) dialect: Dialect,
    pub(crate) elements: u8,
    pub(crate) null: String,
    pub(crate) plain_decimals: bool,
}

/// Encodes rows as CSV.
#[derive(Debug)]
pub(crate) struct Encoder {
    schema: SchemaRef,
    style: Style,
    scratch: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new(schema: SchemaRef, style: Style) -> Self {
        Encoder {
            schema,
            style,
            scratch: Vec::new(),
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
            for (i, view) in views.iter().enumerate() {
                if i > 0 {
                    out.push(self.style.dialect.delimiter);
                }
                self.style.field(view, row, &mut self.scratch, out);
            }
            out.push(b'\n');
            ends.push(out.len());
        }
        Ok(())
    }

    fn line_break_bytes(&self) -> usize {
        1
    }
}

impl Style {
    /// Longest text that is looked at before it is quoted.
    const QUOTE_CHECK_CHARS: usize = 24;

    fn field(&self, view: &View<'_>, row: usize, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        if view.is_null(row) {
            return out.extend_from_slice(self.null.as_bytes());
        }
        match &view.values {
            Values::Text(values) => self.text(values.value(row).as_bytes(), out),
            Values::TextView(values) => self.text(values.value(row).as_bytes(), out),
            values if is_text(values) => {
                scratch.clear();
                self.raw(view, row, scratch);
                self.text(scratch, out);
            }
            _ => self.raw(view, row, out),
        }
    }

    /// A value without quotes.
    fn raw(&self, view: &View<'_>, row: usize, out: &mut Vec<u8>) {
        if view.is_null(row) {
            return out.extend_from_slice(self.null.as_bytes());
        }
        match &view.values {
            Values::Null | Values::Map(..) => {}
            Values::Boolean(values) => {
                let word: &[u8] = if values.value(row) { b"true" } else { b"false" };
                out.extend_from_slice(word);
            }
            Values::Int8(values) => render::integer(values[row], out),
            Values::Int16(values) => render::integer(values[row], out),
            Values::Int32(values) | Values::Months(values) => render::integer(values[row], out),
            Values::Int64(values) => render::integer(values[row], out),
            Values::Float32(values) => render::float(values[row], out),
            Values::Float64(values) => render::double(values[row], out),
            Values::Decimal(values, scale) => {
                render::decimal(values[row], *scale, self.plain_decimals, out);
            }
            Values::Text(values) => out.extend_from_slice(values.value(row).as_bytes()),
            Values::TextView(values) => out.extend_from_slice(values.value(row).as_bytes()),
            Values::Binary(values) => base64::encode(values.value(row), out),
            Values::Date(values) => render::date(i64::from(values[row]), out),
            Values::Time(values, _) => render::time_ms(values[row], Fraction::Needed, out),
            Values::Timestamp(values, stamp) => {
                render::timestamp(stamp.split(values[row]), b' ', Fraction::Needed, out);
                if stamp.zoned {
                    out.push(b'Z');
                }
            }
            Values::DayTime(values) => render::integer(view::interval_ms(values[row]), out),
            Values::List(offsets, element) => {
                for (i, row) in crate::json::range(offsets, row).enumerate() {
                    if i > 0 {
                        out.push(self.elements);
                    }
                    self.raw(element, row, out);
                }
            }
            Values::Row(fields) => {
                for (i, (_, field)) in fields.iter().enumerate() {
                    if i > 0 {
                        out.push(self.elements);
                    }
                    self.raw(field, row, out);
                }
            }
        }
    }

    /// A text, in quotes if it may need them.
    fn text(&self, text: &[u8], out: &mut Vec<u8>) {
        let Some(quote) = self
            .dialect
            .quote
            .filter(|quote| self.needs_quotes(*quote, text))
        else {
            return out.extend_from_slice(text);
        };
        let escape = self.dialect.escape.unwrap_or(quote);
        out.push(quote);
        let mut done = 0;
        for at in memchr::memchr2_iter(quote, escape, text) {
            out.extend_from_slice(&text[done..at]);
            // Each is written twice: the quote after a quote, the escape after an escape.
            out.push(text[at]);
            done = at;
        }
        out.extend_from_slice(&text[done..]);
        out.push(quote);
    }

    fn needs_quotes(&self, quote: u8, text: &[u8]) -> bool {
        let highest = quote.max(self.dialect.delimiter).max(b'\n');
        let stops = |byte: &u8| *byte <= highest || Some(*byte) == self.dialect.escape;
        text.len() > Self::QUOTE_CHECK_CHARS && chars(text) > Self::QUOTE_CHECK_CHARS
            || text.iter().any(stops)
    }
}

/// Number of UTF-16 units, which is what the limit counts.
fn chars(text: &[u8]) -> usize {
    let units = text.iter().map(|byte| match byte {
        0x80..0xc0 => 0,
        0xf0.. => 2,
        _ => 1,
    });
    units.sum()
}

/// True for values that are quoted like texts.
fn is_text(values: &Values<'_>) -> bool {
    matches!(
        values,
        Values::Binary(_)
            | Values::Date(_)
            | Values::Time(..)
            | Values::Timestamp(..)
            | Values::List(..)
            | Values::Row(_)
    )
}
