//! LIMIT and OFFSET: passes `fetch` rows after leaving out `skip`, in the order of arrival.
//!
//! Which rows those are is not determined, as in SQL. Rows that are taken back later would need all
//! rows to be kept; a plan over updating input sorts instead ([`crate::sort`]). Runs once per job;
//! its state are the two numbers still left.

use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::{Error, Result};
use millstream_plan::LimitSpec;

use crate::groups::{only_additions, signs};
use crate::state::bytes::{Fixed, Reader};
use crate::state::form::{Form, single};

/// Blob: rows still to be left out, rows still to be passed.
const LEFT: &str = "left";

/// Passes some of the rows.
pub struct Limit {
    skip: u64,
    /// Rows still to be passed; `None`: all.
    left: Option<u64>,
}

impl Limit {
    /// A limit that has seen no row.
    pub fn new(spec: &LimitSpec) -> Self {
        Limit {
            skip: spec.skip,
            left: spec.fetch,
        }
    }
}

impl Operator for Limit {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        if !only_additions(signs(rows.kinds()).as_deref()) {
            return Err(
                Error::unsupported("LIMIT over a table whose rows are updated or deleted")
                    .hint("add ORDER BY, or aggregate after the LIMIT"),
            );
        }
        let num_rows = rows.num_rows() as u64;
        let skipped = self.skip.min(num_rows);
        self.skip -= skipped;
        let passed = self.left.unwrap_or(u64::MAX).min(num_rows - skipped);
        if let Some(left) = &mut self.left {
            *left -= passed;
        }
        out.rows(rows.slice(skipped as usize, passed as usize));
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        form().write(state)?;
        let mut bytes = Vec::new();
        self.skip.put(&mut bytes);
        u8::from(self.left.is_some()).put(&mut bytes);
        self.left.unwrap_or(0).put(&mut bytes);
        state.blob(LEFT, &bytes)
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        form().check(state)?;
        let mut reader = Reader::new(single(state, LEFT)?);
        self.skip = reader.fixed()?;
        let is_limited = reader.flag()?;
        let left = reader.fixed()?;
        self.left = is_limited.then_some(left);
        reader.end()
    }
}

fn form() -> Form {
    Form::new("limit", [])
}
