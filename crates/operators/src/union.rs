//! UNION ALL: the rows of all inputs, in the order of their arrival.
//!
//! The runtime merges the inputs' watermarks, so there is nothing left to do but to pass on.

use millstream_core::Result;
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};

/// Passes everything on.
pub struct Union;

impl Operator for Union {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        out.rows(rows);
        Ok(())
    }

    fn snapshot(&mut self, _state: &mut dyn StateWriter) -> Result<()> {
        Ok(())
    }

    fn restore(&mut self, _state: &mut dyn StateReader) -> Result<()> {
        Ok(())
    }
}
