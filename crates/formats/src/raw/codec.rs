//! Bytes ⇄ the one column of the format `raw`.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use memchr::memchr;
use millstream_core::format::{self, BadRecord};
use millstream_core::{Error, Result};

use crate::batch::{Batch, Place, RECORD_BYTES_MAX};
use crate::columns::Values;
use crate::reason::not_utf8;
use crate::view::{self, View};

/// A number from its bytes in the order of the table, if they are as many as it has.
macro_rules! number {
    ($bytes:expr, $little:expr, $ty:ty) => {
        match <[u8; size_of::<$ty>()]>::try_from($bytes) {
            Ok(bytes) if $little => Some(<$ty>::from_le_bytes(bytes)),
            Ok(bytes) => Some(<$ty>::from_be_bytes(bytes)),
            Err(_) => None,
        }
    };
}

/// Reads one column.
#[derive(Debug)]
pub(super) struct Decoder {
    batch: Batch,
    little: bool,
    place: Place,
}

impl Decoder {
    pub(super) fn new(schema: SchemaRef, little: bool) -> Result<Self> {
        Ok(Decoder {
            batch: Batch::new(schema)?,
            little,
            place: Place::START,
        })
    }

    fn record(&mut self, bytes: &[u8]) {
        match self.value(bytes) {
            Ok(()) => self.batch.commit(bytes.len()),
            Err(reason) => self.batch.refuse(self.place, reason, bytes, false),
        }
    }

    /// Appends the value; after an error a part of it may be there.
    fn value(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(format!("a record longer than {RECORD_BYTES_MAX} bytes"));
        }
        let little = self.little;
        let column = &mut self.batch.columns[0];
        let pushed = match &mut column.values {
            Values::Text(values) => {
                std::str::from_utf8(bytes)
                    .map_err(|error| not_utf8(bytes, error, self.place.offset))?;
                values.data.extend_from_slice(bytes);
                values.close();
                true
            }
            Values::Binary(values) => {
                values.data.extend_from_slice(bytes);
                values.close();
                true
            }
            Values::Boolean(values) => match bytes {
                [byte] => {
                    values.append(*byte != 0);
                    true
                }
                _ => false,
            },
            Values::Int8(values) => push(values, number!(bytes, little, i8)),
            Values::Int16(values) => push(values, number!(bytes, little, i16)),
            Values::Int32(values) => push(values, number!(bytes, little, i32)),
            Values::Int64(values) => push(values, number!(bytes, little, i64)),
            Values::Float32(values) => push(values, number!(bytes, little, f32)),
            Values::Float64(values) => push(values, number!(bytes, little, f64)),
            _ => false,
        };
        if !pushed {
            return Err(format!(
                "column '{}' wants the bytes of {}, found {} of them",
                column.field().name(),
                column.type_text(),
                bytes.len()
            ));
        }
        column.close();
        Ok(())
    }
}

fn push<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    let found = value.is_some();
    values.extend(value);
    found
}

impl format::Decoder for Decoder {
    fn set_batch_rows(&mut self, rows: usize) {
        self.batch.set_rows_max(rows);
    }

    fn decode(&mut self, input: &[u8], last: bool) -> Result<usize> {
        let mut used = 0;
        while used < input.len() && !self.batch.is_full() {
            let rest = &input[used..];
            let (line, length) = match memchr(b'\n', rest) {
                Some(end) => (&rest[..end], end + 1),
                None if last => (rest, rest.len()),
                None if rest.len() > RECORD_BYTES_MAX => {
                    return Err(Error::unsupported(format!(
                        "a line longer than {RECORD_BYTES_MAX} bytes in the format 'raw'"
                    )));
                }
                None => break,
            };
            self.record(line);
            self.place.offset += length as u64;
            self.place.line += 1;
            used += length;
        }
        Ok(used)
    }

    fn decode_message(&mut self, message: &[u8]) -> Result<()> {
        self.place = Place::START;
        self.record(message);
        Ok(())
    }

    fn decode_null(&mut self) -> bool {
        let added = self.batch.columns[0].push_null();
        if added {
            self.batch.commit(0);
        }
        added
    }

    fn rows(&self) -> usize {
        self.batch.rows()
    }

    fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    fn flush(&mut self) -> Result<RecordBatch> {
        self.batch.flush()
    }

    fn take_bad(&mut self) -> Vec<BadRecord> {
        self.batch.take_bad()
    }
}

/// Writes one column.
#[derive(Debug)]
pub(super) struct Encoder {
    schema: SchemaRef,
    little: bool,
}

impl Encoder {
    pub(super) fn new(schema: SchemaRef, little: bool) -> Self {
        Encoder { schema, little }
    }
}

impl format::Encoder for Encoder {
    fn encode(
        &mut self,
        rows: &RecordBatch,
        out: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> Result<()> {
        let view = View::new(&self.schema.fields()[0], rows.column(0).as_ref())?;
        for row in 0..rows.num_rows() {
            if !view.is_null(row) {
                value(&view.values, row, self.little, out)?;
            }
            ends.push(out.len());
        }
        Ok(())
    }
}

/// Appends a number in the order of the table.
macro_rules! put {
    ($out:expr, $value:expr, $little:expr) => {
        match $little {
            true => $out.extend_from_slice(&$value.to_le_bytes()),
            false => $out.extend_from_slice(&$value.to_be_bytes()),
        }
    };
}

fn value(values: &view::Values<'_>, row: usize, little: bool, out: &mut Vec<u8>) -> Result<()> {
    match values {
        view::Values::Text(values) => out.extend_from_slice(values.value(row).as_bytes()),
        view::Values::TextView(values) => out.extend_from_slice(values.value(row).as_bytes()),
        view::Values::Binary(values) => out.extend_from_slice(values.value(row)),
        view::Values::Boolean(values) => out.push(u8::from(values.value(row))),
        view::Values::Int8(values) => put!(out, values[row], little),
        view::Values::Int16(values) => put!(out, values[row], little),
        view::Values::Int32(values) => put!(out, values[row], little),
        view::Values::Int64(values) => put!(out, values[row], little),
        view::Values::Float32(values) => put!(out, values[row], little),
        view::Values::Float64(values) => put!(out, values[row], little),
        _ => return Err(Error::internal("the format 'raw' got another type")),
    }
    Ok(())
}
