//! What the tests of all formats share: schemas in a few words, and a reader that behaves like a
//! connector, with its buffer cut wherever a test wants.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use millstream_core::format::{BadRecord, Decoder};
use millstream_core::options::Options;
use millstream_core::types::{ColumnType, RowField, SqlType};

use crate::text::json_row;

pub(crate) const DECIMAL: SqlType = SqlType::Decimal {
    precision: 10,
    scale: 2,
};

pub(crate) fn options(pairs: &[(&str, &str)]) -> Options {
    let pairs = pairs
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()));
    Options::new("table 't'", pairs.collect())
}

/// A column that allows NULL.
pub(crate) fn column(name: &str, sql: SqlType) -> Field {
    ColumnType::nullable(sql).field(name)
}

/// A column that does not.
pub(crate) fn required(name: &str, sql: SqlType) -> Field {
    column(name, sql).with_nullable(false)
}

pub(crate) fn schema(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

pub(crate) fn array(element: SqlType) -> SqlType {
    SqlType::Array(Box::new(ColumnType::nullable(element)))
}

pub(crate) fn map(value: SqlType) -> SqlType {
    let key = ColumnType {
        sql: SqlType::STRING,
        nullable: false,
    };
    SqlType::Map(Box::new(key), Box::new(ColumnType::nullable(value)))
}

pub(crate) fn row(fields: &[(&str, SqlType)]) -> SqlType {
    let field = |(name, sql): &(&str, SqlType)| RowField {
        name: name.to_string(),
        ty: ColumnType::nullable(sql.clone()),
        comment: None,
    };
    SqlType::Row(fields.iter().map(field).collect())
}

/// Everything a decoder made of its input.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Each row as JSON.
    pub(crate) rows: Vec<String>,
    pub(crate) bad: Vec<BadRecord>,
}

impl Outcome {
    /// Rows and bad records as text: one line each.
    pub(crate) fn text(&self) -> String {
        let rows = self.rows.iter().map(|row| format!("{row}\n"));
        let bad = self.bad.iter().map(|bad| {
            let kind = if bad.ignored { "ignored" } else { "bad" };
            format!("{kind} {}@{}: {}\n", bad.line, bad.offset, bad.reason)
        });
        rows.chain(bad).collect()
    }

    fn take(&mut self, decoder: &mut dyn Decoder) {
        let batch = decoder.flush().expect("what is waiting can be flushed");
        self.rows.extend(json_rows(&batch));
        self.bad.extend(decoder.take_bad());
    }
}

pub(crate) fn json_rows(batch: &RecordBatch) -> Vec<String> {
    let row = |row| {
        let mut out = Vec::new();
        json_row(batch, row, &mut out).expect("every type of a table has a text");
        String::from_utf8(out).expect("JSON is UTF-8")
    };
    (0..batch.num_rows()).map(row).collect()
}

/// Decodes `input` as one file whose bytes arrive in pieces that end at `cuts`.
pub(crate) fn read(decoder: &mut dyn Decoder, input: &[u8], cuts: &[usize]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(input.len());
    let (mut begin, mut pieces) = (0, ends.into_iter().peekable());
    while let Some(end) = pieces.next() {
        let last = pieces.peek().is_none();
        loop {
            let used = decoder
                .decode(&input[begin..end], last)
                .expect("decoding goes on");
            begin += used;
            if !decoder.is_full() {
                break;
            }
            outcome.take(decoder);
        }
        assert!(!last || begin == end, "the last piece is used up");
    }
    outcome.take(decoder);
    outcome
}

/// Decodes a whole file.
pub(crate) fn read_all(mut decoder: Box<dyn Decoder>, input: &[u8]) -> Outcome {
    read(decoder.as_mut(), input, &[])
}

/// Decodes each of `messages` by itself.
pub(crate) fn read_messages(mut decoder: Box<dyn Decoder>, messages: &[&[u8]]) -> Outcome {
    let mut outcome = Outcome::default();
    for message in messages {
        let (rows, bad) = (decoder.rows(), outcome.bad.len());
        decoder.decode_message(message).expect("decoding goes on");
        outcome.bad.extend(decoder.take_bad());
        let added = decoder.rows() - rows;
        let refused = outcome.bad[bad..].iter().filter(|bad| !bad.ignored).count();
        assert!(added + refused <= 1, "one message, one record");
    }
    outcome.take(decoder.as_mut());
    outcome
}
