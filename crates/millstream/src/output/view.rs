//! What of a query is shown, and when: every change at once, or the rows at the end.

use millstream_core::Result;
use millstream_core::rows::ChangeBatch;
use millstream_sql::session::Query;

use super::materialise::Materialised;
use super::{Out, RowWriter, Shape, shown, writer};
use crate::cli::Format;

/// Inserted rows that cannot change any more are held back until the end only up to this size.
const HELD_BYTES_MAX: usize = 64 << 20;

/// Shows the rows of one query.
///
/// ```text
/// { rows | draw }* ─▶ end      end only if the job ended well
/// ```
pub(crate) trait View {
    /// Takes changes.
    fn rows(&mut self, changes: &ChangeBatch, out: &mut Out) -> Result<()>;

    /// Time has passed. `progress` tells how the sources are; true if this view has shown it.
    fn draw(&mut self, _progress: &[String]) -> Result<bool> {
        Ok(false)
    }

    /// Somebody else wants to write to the terminal.
    fn clear(&mut self) -> Result<()> {
        Ok(())
    }

    /// Nothing more will come.
    fn end(&mut self, out: &mut Out) -> Result<()>;
}

/// Every change as it comes, or rows as they come if that is all a query makes.
pub(crate) struct Changes {
    writer: Box<dyn RowWriter>,
}

impl Changes {
    /// Changes in this format; as [`Shape::Rows`] their kind is left out.
    pub(crate) fn new(query: &Query, format: Format, shape: Shape, colour: bool) -> Self {
        Changes {
            writer: writer(format, &query.schema, shape, colour),
        }
    }
}

impl View for Changes {
    fn rows(&mut self, changes: &ChangeBatch, out: &mut Out) -> Result<()> {
        self.writer.write(changes, out.buffer())?;
        out.relieve()
    }

    fn end(&mut self, out: &mut Out) -> Result<()> {
        self.writer.finish(out.buffer())
    }
}

/// The rows once, at the end.
pub(crate) struct Final {
    table: Materialised,
    writer: Box<dyn RowWriter>,
}

impl Final {
    /// The rows of this query.
    pub(crate) fn new(query: &Query, format: Format, colour: bool) -> Result<Self> {
        Ok(Final {
            table: table(query)?,
            writer: writer(format, &query.schema, Shape::Rows, colour),
        })
    }

    fn write(&mut self, out: &mut Out) -> Result<()> {
        for rows in self.table.take()? {
            if out.is_closed() {
                return Ok(());
            }
            self.writer
                .write(&ChangeBatch::inserts(rows), out.buffer())?;
            out.relieve()?;
        }
        Ok(())
    }
}

impl View for Final {
    fn rows(&mut self, changes: &ChangeBatch, out: &mut Out) -> Result<()> {
        self.table.add(changes)?;
        match self.table.is_append_only() && self.table.bytes() > HELD_BYTES_MAX {
            true => self.write(out),
            false => Ok(()),
        }
    }

    fn end(&mut self, out: &mut Out) -> Result<()> {
        self.write(out)?;
        self.writer.finish(out.buffer())
    }
}

/// An empty table for the rows of a query.
pub(super) fn table(query: &Query) -> Result<Materialised> {
    let last = query.graph.nodes.last();
    let changelog = last
        .map(|node| node.changelog)
        .unwrap_or(millstream_plan::ChangelogMode::ALL);
    Materialised::new(shown(&query.schema), changelog, query.upsert_key.as_deref())
}
