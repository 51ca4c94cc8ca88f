//! LIMIT and OFFSET: passes `fetch` rows after leaving out `skip`, in the order of arrival.
//!
//! Which rows those are is not determined, as in SQL. Rows that are taken back later would need all
//! rows to be kept; a plan over updating input sorts instead ([`crate::sort`]).

use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::{Error, Result};
use millstream_plan::LimitSpec;

use crate::groups::{only_additions, signs};

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

    fn snapshot(&mut self, _state: &mut dyn StateWriter) -> Result<()> {
        Err(Error::unsupported("the state of LIMIT cannot be kept in a checkpoint yet"))
    }

    fn restore(&mut self, _state: &mut dyn StateReader) -> Result<()> {
        Err(Error::unsupported("the state of LIMIT cannot be kept in a checkpoint yet"))
    }
}
