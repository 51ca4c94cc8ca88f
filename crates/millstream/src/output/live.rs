//! A result that is redrawn in place while it changes; at the end it is printed as it is then.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_core::rows::ChangeBatch;
use millstream_core::{Code, Error, Result};
use millstream_sql::session::Query;

use super::materialise::Materialised;
use super::view::table;
use super::{Out, Shape, View, writer};
use crate::cli::Format;
use crate::terminal::{self, Region};

/// Most rows that are printed at the end: more than that nobody reads on a terminal.
const PRINTED_ROWS_MAX: usize = 1000;

/// The last rows of a result, on the terminal that standard output is.
pub(crate) struct Live {
    schema: SchemaRef,
    table: Materialised,
    region: Region,
    colour: bool,
    /// Most rows that are drawn, besides what the terminal has room for.
    rows_max: usize,
    changes: u64,
}

impl Live {
    /// The rows of this query.
    pub(crate) fn new(query: &Query, colour: bool) -> Result<Self> {
        Ok(Live {
            schema: Arc::clone(&query.schema),
            table: table(query)?,
            region: Region::new(Box::new(std::io::stdout())),
            colour,
            rows_max: usize::MAX,
            changes: 0,
        })
    }

    /// At most so many rows are drawn.
    pub(crate) fn with_rows_max(mut self, rows: usize) -> Self {
        self.rows_max = rows;
        self
    }

    /// Takes changes without showing them yet.
    pub(crate) fn add(&mut self, changes: &ChangeBatch) -> Result<()> {
        self.changes += changes.num_rows() as u64;
        self.table.add(changes)
    }

    /// Leaves what is drawn on the screen.
    pub(crate) fn keep(&mut self) {
        self.region.keep();
    }

    /// Draws the last rows with `below` under them.
    pub(crate) fn show(&mut self, below: &[String]) -> Result<()> {
        const HEADER: usize = 2;
        let (_, height) = terminal::size();
        let room = height
            .saturating_sub(HEADER + below.len() + 2)
            .clamp(1, self.rows_max);
        let mut lines = self.lines(room)?;
        lines.extend_from_slice(below);
        self.region.draw(&lines).map_err(cannot_draw)
    }

    fn lines(&self, rows: usize) -> Result<Vec<String>> {
        let mut text = Vec::new();
        let mut writer = writer(Format::Table, &self.schema, Shape::Rows, self.colour);
        writer.write(&ChangeBatch::inserts(self.table.tail(rows)?), &mut text)?;
        writer.finish(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        // The writer has counted the rows it saw; the table has more.
        lines.pop();
        lines.push(format!(
            "({} rows, {} changes)",
            self.table.len(),
            self.changes
        ));
        Ok(lines)
    }
}

impl View for Live {
    fn rows(&mut self, changes: &ChangeBatch, _out: &mut Out) -> Result<()> {
        self.add(changes)
    }

    fn draw(&mut self, progress: &[String]) -> Result<bool> {
        self.show(progress)?;
        Ok(true)
    }

    fn clear(&mut self) -> Result<()> {
        self.region.clear().map_err(cannot_draw)
    }

    fn end(&mut self, out: &mut Out) -> Result<()> {
        self.region.clear().map_err(cannot_draw)?;
        let all = self.table.len();
        let rows = self.table.tail(PRINTED_ROWS_MAX)?;
        let left_out = all - rows.num_rows() as u64;
        let mut writer = writer(Format::Table, &self.schema, Shape::Rows, self.colour);
        writer.write(&ChangeBatch::inserts(rows), out.buffer())?;
        writer.finish(out.buffer())?;
        if left_out > 0 {
            let note = format!("({left_out} rows before these are not shown)\n");
            out.buffer().extend_from_slice(note.as_bytes());
        }
        Ok(())
    }
}

fn cannot_draw(error: std::io::Error) -> Error {
    Error::new(Code::Write, format!("cannot draw on the terminal: {error}")).caused_by(error)
}
