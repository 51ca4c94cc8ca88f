//! A sink that prints changes, as Flink's `print` does: `identifier:2> +I[1, abc]`.
//!
//! ```text
//! print-identifier   parallelism   a line
//! ''                 1             +I[1, abc]
//! ''                 3             2> +I[1, abc]          (the second subtask)
//! 'x'                1             x> +I[1, abc]
//! 'x'                3             x:2> +I[1, abc]
//! ```
//!
//! * A batch is rendered to text and then written in one call, which holds the lock of the stream,
//!   so that lines of subtasks never mix.
//! * A receipt counts the lines printed since the last one. What is printed cannot be taken back: a
//!   job that recovers prints the rows after its last checkpoint again (at-least-once), and nobody
//!   knows whether the last lines before a crash were seen.
//! * Values look as in Flink ([`crate::text`]).
//! * Cost: O(bytes printed); one text buffer per subtask, given back if a batch made it large.

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use async_trait::async_trait;
use millstream_core::connector::{
    Committer, Connector, Guarantee, Prepared, SinkAccepts, SinkContext, SinkFactory, SinkWriter,
    SourceFactory,
};
use millstream_core::format::Formats;
use millstream_core::message::Barrier;
use millstream_core::options::OptionSpec;
use millstream_core::rows::ChangeBatch;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};

use crate::blackhole::Nothing;
use crate::text;

const IDENTIFIER: &str = "print-identifier";
const STANDARD_ERROR: &str = "standard-error";

/// `'connector' = 'print'`.
pub(crate) struct Print;

impl Connector for Print {
    fn name(&self) -> &'static str {
        "print"
    }

    fn options(&self) -> &'static [OptionSpec] {
        const OPTIONS: &[OptionSpec] = &[
            OptionSpec::new(IDENTIFIER, "any text", "", "a word in front of each line"),
            OptionSpec::new(
                STANDARD_ERROR,
                "'true' or 'false'",
                "false",
                "print to the standard error rather than to the standard output",
            ),
        ];
        OPTIONS
    }

    fn source(&self) -> Option<&dyn SourceFactory> {
        None
    }

    fn sink(&self) -> Option<&dyn SinkFactory> {
        Some(self)
    }

    fn has_format(&self) -> bool {
        false
    }
}

impl SinkFactory for Print {
    fn accepts(&self, _table: &TableSpec) -> Result<SinkAccepts> {
        Ok(SinkAccepts::All)
    }

    fn check(&self, table: &TableSpec, _formats: &Formats) -> Result<()> {
        table.options.boolean(STANDARD_ERROR, false).map(|_| ())
    }

    fn writer(&self, table: &TableSpec, context: &SinkContext) -> Result<Box<dyn SinkWriter>> {
        let to: Box<dyn Write + Send> = match table.options.boolean(STANDARD_ERROR, false)? {
            true => Box::new(io::stderr()),
            false => Box::new(io::stdout()),
        };
        Ok(Box::new(Writer::new(table, context, to)))
    }

    fn committer(&self, _: &TableSpec, _: &SinkContext) -> Result<Box<dyn Committer>> {
        Ok(Box::new(Nothing))
    }

    fn guarantee(&self, _table: &TableSpec) -> Result<Guarantee> {
        Ok(Guarantee::at_least_once(
            "what is printed cannot be taken back: rows since the last checkpoint come again",
        ))
    }
}

struct Writer {
    table: String,
    prefix: String,
    /// Lines of one batch; empty between calls.
    lines: String,
    /// Rows printed since the last receipt.
    rows: u64,
    to: Box<dyn Write + Send>,
}

impl Writer {
    fn new(table: &TableSpec, context: &SinkContext, to: Box<dyn Write + Send>) -> Self {
        let identifier = table.options.get(IDENTIFIER).unwrap_or_default();
        Writer {
            table: table.options.owner().to_string(),
            prefix: prefix(identifier, context.subtask, context.parallelism),
            lines: String::new(),
            rows: 0,
            to,
        }
    }

    fn render(&mut self, rows: &ChangeBatch) {
        let columns = rows.rows().columns();
        for row in 0..rows.num_rows() {
            self.lines.push_str(&self.prefix);
            self.lines.push_str(rows.kind(row).as_str());
            self.lines.push('[');
            for (i, column) in columns.iter().enumerate() {
                self.lines.push_str(if i == 0 { "" } else { ", " });
                text::value(&mut self.lines, column, row);
            }
            self.lines.push_str("]\n");
        }
    }
}

#[async_trait]
impl SinkWriter for Writer {
    async fn write(&mut self, rows: ChangeBatch) -> Result<()> {
        const KEPT_BYTES_MAX: usize = 1 << 20;
        self.render(&rows);
        let written = self
            .to
            .write_all(self.lines.as_bytes())
            .and_then(|()| self.to.flush());
        self.lines.clear();
        self.lines.shrink_to(KEPT_BYTES_MAX);
        written.map_err(|error| {
            Error::new(Code::Write, format!("{} cannot print: {error}", self.table))
                .caused_by(error)
        })?;
        self.rows += rows.num_rows() as u64;
        Ok(())
    }

    async fn prepare(&mut self, _barrier: Barrier) -> Result<Prepared> {
        Ok(Prepared {
            committables: Vec::new(),
            rows: std::mem::take(&mut self.rows),
        })
    }
}

/// What stands in front of each line. Subtasks are counted from one here, as in Flink.
fn prefix(identifier: &str, subtask: u32, parallelism: u32) -> String {
    match (identifier.is_empty(), parallelism > 1) {
        (true, false) => String::new(),
        (true, true) => format!("{}> ", subtask + 1),
        (false, false) => format!("{identifier}> "),
        (false, true) => format!("{identifier}:{}> ", subtask + 1),
    }
}
