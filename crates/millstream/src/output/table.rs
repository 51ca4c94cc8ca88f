//! Columns for people, one line per row.
//!
//! ```text
//!  op | origin | flights
//! ----+--------+---------
//!  +I | EWR    |     218
//! (1 change)
//! ```
//!
//! * The first rows decide how wide the columns are; a longer cell that comes later makes its
//!   column wider from then on. Nothing is cut.
//! * Numbers stand on the right. NULL is `NULL`. Characters that would steer the terminal are
//!   escaped: values are not ours.

use std::fmt::Write;

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use millstream_core::Result;
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_formats::text::cell_of;

use super::{OP, RowWriter, Shape};
use crate::terminal::width;

/// Rows that are looked at together; the first lot decides the widths.
const LOT_ROWS: usize = 1024;

/// Widest a column is made; longer cells stick out.
const WIDTH_MAX: usize = 60;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const OFF: &str = "\x1b[0m";

/// A table with fixed columns.
pub(super) struct Table {
    schema: SchemaRef,
    shape: Shape,
    colour: bool,
    /// Empty before the header is written.
    widths: Vec<usize>,
    rows: u64,
}

impl Table {
    pub(super) fn new(schema: SchemaRef, shape: Shape, colour: bool) -> Self {
        Table {
            schema,
            shape,
            colour,
            widths: Vec::new(),
            rows: 0,
        }
    }

    /// Texts of some rows, column by column.
    fn cells(&self, rows: &ChangeBatch) -> Vec<Vec<String>> {
        let columns = self.schema.fields().iter().zip(rows.rows().columns());
        let columns = columns.map(|(field, column)| {
            let cell = |row| match column.is_null(row) {
                true => "NULL".to_string(),
                false => {
                    let mut text = String::new();
                    cell_of(field, column.as_ref(), row, &mut text);
                    harmless(text)
                }
            };
            (0..rows.num_rows()).map(cell).collect()
        });
        columns.collect()
    }

    fn widen(&mut self, cells: &[Vec<String>]) {
        for (known, column) in self.widths.iter_mut().zip(cells) {
            let longest = column
                .iter()
                .map(|cell| width(cell))
                .filter(|w| *w <= WIDTH_MAX)
                .max();
            *known = longest.unwrap_or(0).max(*known);
        }
    }

    fn begin(&mut self, cells: &[Vec<String>], out: &mut String) {
        let names: Vec<String> = self
            .schema
            .fields()
            .iter()
            .map(|field| harmless(field.name().clone()))
            .collect();
        let least = |field: &FieldRef| match self.shape {
            // More rows may follow the first ones, so there is some room.
            Shape::Changes => usual_width(field.data_type()),
            Shape::Rows => 1,
        };
        let fields = self.schema.fields().iter();
        self.widths = fields
            .zip(&names)
            .map(|(f, name)| least(f).max(width(name)))
            .collect();
        self.widen(cells);
        if self.shape == Shape::Changes {
            write!(out, " {OP} |").expect("a string takes every write");
        }
        self.line(&names, |_| false, out);
        if self.shape == Shape::Changes {
            out.push_str("----+");
        }
        let dashes: Vec<String> = self
            .widths
            .iter()
            .map(|width| "-".repeat(width + 2))
            .collect();
        out.push_str(&dashes.join("+"));
        out.push('\n');
    }

    fn line(&self, cells: &[impl AsRef<str>], on_right: impl Fn(usize) -> bool, out: &mut String) {
        let last = cells.len().saturating_sub(1);
        for (i, cell) in cells.iter().enumerate() {
            let cell = cell.as_ref();
            let pad = self.widths[i].saturating_sub(width(cell));
            let (before, after) = if on_right(i) { (pad, 0) } else { (0, pad) };
            out.push(' ');
            out.extend(std::iter::repeat_n(' ', before));
            out.push_str(cell);
            if i < last {
                out.extend(std::iter::repeat_n(' ', after));
                out.push_str(" |");
            }
        }
        out.push('\n');
    }

    fn op(&self, kind: RowKind, out: &mut String) {
        let (on, off) = match (self.colour, kind) {
            (false, _) => ("", ""),
            (true, RowKind::Insert) => (GREEN, OFF),
            (true, RowKind::Delete) => (RED, OFF),
            (true, _) => (YELLOW, OFF),
        };
        write!(out, " {on}{}{off} |", kind.as_str()).expect("a string takes every write");
    }

    fn lot(&mut self, rows: &ChangeBatch, out: &mut Vec<u8>) {
        let cells = self.cells(rows);
        let mut text = String::new();
        match self.widths.is_empty() {
            true => self.begin(&cells, &mut text),
            false => self.widen(&cells),
        }
        let fields = self.schema.fields();
        let on_right: Vec<bool> = fields.iter().map(|f| f.data_type().is_numeric()).collect();
        for row in 0..rows.num_rows() {
            if self.shape == Shape::Changes {
                self.op(rows.kind(row), &mut text);
            }
            let line: Vec<&str> = cells.iter().map(|column| column[row].as_str()).collect();
            self.line(&line, |column| on_right[column], &mut text);
        }
        self.rows += rows.num_rows() as u64;
        out.extend_from_slice(text.as_bytes());
    }
}

impl RowWriter for Table {
    fn write(&mut self, rows: &ChangeBatch, out: &mut Vec<u8>) -> Result<()> {
        for from in (0..rows.num_rows()).step_by(LOT_ROWS) {
            let lot = rows.slice(from, LOT_ROWS.min(rows.num_rows() - from));
            self.lot(&lot, out);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let mut text = String::new();
        if self.widths.is_empty() {
            self.begin(&[], &mut text);
        }
        let word = match (self.shape, self.rows) {
            (Shape::Changes, 1) => "change",
            (Shape::Changes, _) => "changes",
            (Shape::Rows, 1) => "row",
            (Shape::Rows, _) => "rows",
        };
        writeln!(text, "({} {word})", self.rows).expect("a string takes every write");
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Room for values that have not been seen.
fn usual_width(ty: &DataType) -> usize {
    match ty {
        DataType::Timestamp(_, _) => 23,
        DataType::Date32 => 10,
        DataType::Time32(_) => 8,
        DataType::Boolean => 5,
        ty if ty.is_numeric() => 8,
        _ => 12,
    }
}

/// `text` with characters that would steer the terminal or break the line escaped.
fn harmless(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::{changes, schema, written};
    use super::*;

    #[test]
    fn changes_have_room_for_what_comes_later() {
        let first = changes(&[(RowKind::Insert, Some("ann"), Some(1))]);
        let later = changes(&[
            (
                RowKind::UpdateBefore,
                Some("somebody else entirely"),
                Some(1_234_567_890),
            ),
            (RowKind::UpdateAfter, None, None),
        ]);
        expect![[r#"
             op | name         | n        | ts
            ----+--------------+----------+-------------------------
             +I | ann          |        1 | 1970-01-01 00:00:01.000
             -U | somebody else entirely | 1234567890 | 2009-02-13 23:31:30.000
             +U | NULL                   |       NULL | NULL
            (3 changes)
        "#]]
        .assert_eq(&written(
            Table::new(schema(), Shape::Changes, false),
            &[first, later],
        ));
    }

    #[test]
    fn rows_are_as_wide_as_they_must_be() {
        let rows = changes(&[
            (RowKind::Insert, Some("日本"), Some(1)),
            (RowKind::Insert, Some("b"), Some(22)),
        ]);
        expect![[r#"
             name | n  | ts
            ------+----+-------------------------
             日本 |  1 | 1970-01-01 00:00:01.000
             b    | 22 | 1970-01-01 00:00:22.000
            (2 rows)
        "#]]
        .assert_eq(&written(Table::new(schema(), Shape::Rows, false), &[rows]));
    }

    #[test]
    fn a_value_cannot_steer_the_terminal() {
        let rows = changes(&[(RowKind::Insert, Some("a\x1b[2J\nb"), None)]);
        let text = written(Table::new(schema(), Shape::Rows, false), &[rows]);
        assert!(text.contains("a\\u{1b}[2J\\nb"), "{text}");
    }

    #[test]
    fn no_rows_are_said_to_be_none() {
        let text = written(Table::new(schema(), Shape::Rows, false), &[]);
        assert_eq!(text, " name | n | ts\n------+---+----\n(0 rows)\n");
    }
}
