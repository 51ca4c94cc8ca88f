//! The rows of a sort in a checkpoint.
//!
//! Table 0 holds rows that came, table 1 rows that have gone: number of the row ─▶ the row. Rows
//! are only appended, so a snapshot writes those behind the last one. When rows have been thrown
//! away because a limit can do without them, all are numbered again in a new namespace.
//!
//! The sort has no keys and runs once, so all entries are in key group 0.

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use millstream_core::Result;
use millstream_core::state::{StateChunk, StateReader, StateWriter};

use super::Sort;
use crate::state::bytes::{Fixed, Reader, damaged};
use crate::state::codec::{Decoder, Encoded, types_text};
use crate::state::entries::{BATCH_ENTRIES, Place, pieces, state_key};
use crate::state::form::{Form, single};

/// Blob: namespace of the rows, number of rows that came, number of rows that have gone.
const ROWS: &str = "rows";
/// Table of rows that came.
const CAME: u8 = 0;
/// Table of rows that have gone.
const GONE: u8 = 1;

/// What a checkpoint holds of the rows.
#[derive(Debug, Default)]
pub(super) struct Saved {
    namespace: i64,
    /// Rows of table `CAME`, and how many batches they are.
    came: Written,
    gone: Written,
    /// Namespaces that are to be dropped.
    dropped: Vec<i64>,
}

/// The first rows of a list of batches that never changes but at its end.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    batches: usize,
    rows: u64,
}

/// Rows read back, not in order.
#[derive(Default)]
struct Found {
    batches: Vec<RecordBatch>,
    /// Number of the row, batch, row of the batch.
    rows: Vec<(u64, usize, usize)>,
}

/// What the entries of a checkpoint are.
pub(super) fn form(input: &Schema) -> Result<Form> {
    let types = types_text(input.fields().iter().map(|field| field.data_type()))?;
    Ok(Form::new("sort", [format!("row({types})")]))
}

impl Saved {
    /// The rows are no longer those that were written with others behind.
    pub(super) fn start_again(&mut self) {
        if self.came.rows + self.gone.rows > 0 {
            self.dropped.push(self.namespace);
        }
        self.namespace = self.namespace.wrapping_add(1);
        (self.came, self.gone) = (Written::default(), Written::default());
    }
}

impl Sort {
    /// Writes rows; none may be pending.
    pub(super) fn write_state(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        let saved = &mut self.saved;
        if state.is_full() {
            (saved.came, saved.gone) = (Written::default(), Written::default());
            saved.dropped.clear();
        }
        for namespace in saved.dropped.drain(..) {
            state.drop_namespace(CAME, namespace)?;
            state.drop_namespace(GONE, namespace)?;
        }
        let place = |table| Place {
            table,
            namespace: saved.namespace,
        };
        saved.came.append(&self.kept.batches, place(CAME), state)?;
        saved.gone.append(&self.gone, place(GONE), state)?;
        let mut bytes = Vec::new();
        saved.namespace.put(&mut bytes);
        saved.came.rows.put(&mut bytes);
        saved.gone.rows.put(&mut bytes);
        state.blob(ROWS, &bytes)
    }

    pub(super) fn read_state(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        let mut reader = Reader::new(single(state, ROWS)?);
        self.saved.namespace = reader.fixed()?;
        let wanted: [u64; 2] = [reader.fixed()?, reader.fixed()?];
        reader.end()?;
        let mut found = [Found::default(), Found::default()];
        while let Some(chunk) = state.next_chunk()? {
            let table = found.get_mut(usize::from(chunk.table));
            match table.filter(|_| chunk.namespace == self.saved.namespace) {
                Some(found) => found.take(&chunk, &self.schema)?,
                None => return Err(damaged("a row is in no table of the sort")),
            }
        }
        let [came, gone] = found;
        for batch in came.in_order(wanted[0], self.batch_rows)? {
            self.keep(batch)?;
        }
        self.gone = gone.in_order(wanted[1], self.batch_rows)?;
        self.saved.came = Written {
            batches: self.kept.batches.len(),
            rows: wanted[0],
        };
        self.saved.gone = Written {
            batches: self.gone.len(),
            rows: wanted[1],
        };
        Ok(())
    }
}

impl Written {
    /// Writes the batches behind those that are written.
    fn append(
        &mut self,
        batches: &[RecordBatch],
        place: Place,
        state: &mut dyn StateWriter,
    ) -> Result<()> {
        let mut encoded = Encoded::default();
        for batch in &batches[self.batches..] {
            for start in (0..batch.num_rows()).step_by(BATCH_ENTRIES) {
                let rows = batch.slice(start, BATCH_ENTRIES.min(batch.num_rows() - start));
                encoded.encode(rows.columns(), rows.num_rows())?;
                for row in 0..rows.num_rows() {
                    let number = self.rows.to_be_bytes();
                    state.put(state_key(place, 0, &number), encoded.row(row))?;
                    self.rows += 1;
                }
            }
        }
        self.batches = batches.len();
        Ok(())
    }
}

impl Found {
    fn take(&mut self, chunk: &StateChunk, schema: &SchemaRef) -> Result<()> {
        for entries in pieces(chunk) {
            let mut decoder = Decoder::new(schema.fields().iter().map(|f| f.data_type()))?;
            for (row, entry) in entries.enumerate() {
                let number = chunk.key(entry).try_into();
                let number = number.map_err(|_| damaged("a row has no number"))?;
                let place = (u64::from_be_bytes(number), self.batches.len(), row);
                self.rows.push(place);
                let mut reader = Reader::new(chunk.value(entry));
                decoder.read(&mut reader)?;
                reader.end()?;
            }
            let batch = decoder.batch(schema)?;
            self.batches.push(batch);
        }
        Ok(())
    }

    /// The rows by their numbers, which count up from 0 to `wanted`.
    fn in_order(mut self, wanted: u64, batch_rows: usize) -> Result<Vec<RecordBatch>> {
        self.rows.sort_unstable();
        let numbers = self.rows.iter().map(|&(number, _, _)| number);
        if !numbers.eq(0..wanted) {
            return Err(damaged(&format!(
                "wanted {wanted} rows without a gap, found {}",
                self.rows.len()
            )));
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let picks: Vec<(usize, usize)> = self.rows.iter().map(|&(_, b, row)| (b, row)).collect();
        let chunks = picks.chunks(batch_rows);
        chunks
            .map(|picks| Ok(interleave_record_batch(&batches, picks)?))
            .collect()
    }
}
