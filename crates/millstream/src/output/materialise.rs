//! The rows a changelog leads to.
//!
//! ```text
//! insertions only   batches in the order they came
//! other changes     bytes of a row (or of its key) ─▶ how often, since when
//!                   since when ─▶ those bytes         so that rows can be given in order
//! ```
//!
//! * A table is a multiset: the same row may be in it twice. If updates come without the old row
//!   (`-U`), the columns that identify a row say which one is replaced.
//! * Rows come out in the order in which they came in; a replaced row without a key goes last.
//! * Always: at most [`BYTES_MAX`] are kept; whoever has more is told what to do instead.
//! * Cost: O(1) hash operations per change and the bytes of each distinct row, once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use millstream_core::rows::ChangeBatch;
use millstream_core::{Code, Error, Result};
use millstream_plan::ChangelogMode;

/// Most bytes of rows that are kept.
pub(crate) const BYTES_MAX: usize = 1 << 30;

/// Rows in a batch that is given out.
const BATCH_ROWS: usize = 1024;

/// What a kept row costs besides its bytes: entries of two maps.
const ROW_BYTES: usize = 128;

/// The rows of a result as they are now.
pub(crate) struct Materialised {
    schema: SchemaRef,
    rows: Rows,
    bytes: usize,
    bytes_max: usize,
}

enum Rows {
    /// Of a query that only inserts.
    Appended(Vec<RecordBatch>),
    Changing(Box<Changing>),
}

struct Changing {
    converter: RowConverter,
    /// Finds the row that is replaced; `None`: by all columns.
    key: Option<(Vec<usize>, RowConverter)>,
    index: HashMap<Arc<[u8]>, Entry>,
    order: BTreeMap<u64, Arc<[u8]>>,
    next: u64,
    len: u64,
}

struct Entry {
    since: u64,
    /// How often it is in the table. Below zero: taken away before it came, which must not last.
    count: i64,
    /// The row, if the index has only its key.
    row: Option<Box<[u8]>>,
}

impl Materialised {
    /// An empty table. `schema` is what its batches are given; see [`super::shown`].
    pub(crate) fn new(
        schema: SchemaRef,
        changelog: ChangelogMode,
        upsert_key: Option<&[usize]>,
    ) -> Result<Self> {
        let rows = match changelog.is_insert_only() {
            true => Rows::Appended(Vec::new()),
            false => {
                let lacks_old = changelog.update_after && !changelog.update_before;
                let key = upsert_key.filter(|_| lacks_old);
                Rows::Changing(Box::new(Changing::new(&schema, key)?))
            }
        };
        Ok(Materialised {
            schema,
            rows,
            bytes: 0,
            bytes_max: BYTES_MAX,
        })
    }

    /// Applies changes.
    pub(crate) fn add(&mut self, changes: &ChangeBatch) -> Result<()> {
        let rows = super::renamed(changes.rows(), &self.schema)?;
        match &mut self.rows {
            Rows::Appended(batches) => {
                self.bytes += changes.bytes();
                batches.push(rows);
            }
            Rows::Changing(table) => table.apply(changes, &rows, &mut self.bytes)?,
        }
        if self.bytes <= self.bytes_max {
            return Ok(());
        }
        let message = format!(
            "the rows of the result take more than {} MiB, which is too much to keep until the end",
            self.bytes_max >> 20
        );
        Err(Error::new(Code::TooComplex, message)
            .hint("print the changes (--result changelog), or write them to a table with INSERT"))
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> u64 {
        match &self.rows {
            Rows::Appended(batches) => batches.iter().map(|batch| batch.num_rows() as u64).sum(),
            Rows::Changing(table) => table.len,
        }
    }

    /// True if rows never change once they are there.
    pub(crate) fn is_append_only(&self) -> bool {
        matches!(self.rows, Rows::Appended(_))
    }

    /// Bytes that are kept.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The last rows, at most `count`, in order.
    pub(crate) fn tail(&self, count: usize) -> Result<RecordBatch> {
        match &self.rows {
            Rows::Appended(batches) => {
                let mut room = count;
                let mut found = Vec::new();
                for batch in batches.iter().rev() {
                    let rows = batch.num_rows().min(room);
                    room -= rows;
                    found.push(batch.slice(batch.num_rows() - rows, rows));
                    if room == 0 {
                        break;
                    }
                }
                found.reverse();
                Ok(compute::concat_batches(&self.schema, &found)?)
            }
            Rows::Changing(table) => {
                let mut found: Vec<&[u8]> = Vec::new();
                for bytes in table.order.values().rev() {
                    let room = count - found.len();
                    found.extend(table.copies(bytes).take(room));
                    if found.len() == count {
                        break;
                    }
                }
                found.reverse();
                table.batch(&self.schema, &found)
            }
        }
    }

    /// Every row, in order; what was kept is given away.
    pub(crate) fn take(&mut self) -> Result<Vec<RecordBatch>> {
        self.bytes = 0;
        match &mut self.rows {
            Rows::Appended(batches) => Ok(std::mem::take(batches)),
            Rows::Changing(table) => table.take(&self.schema),
        }
    }
}

impl Changing {
    fn new(schema: &SchemaRef, key: Option<&[usize]>) -> Result<Self> {
        let converter = |columns: &mut dyn Iterator<Item = usize>| {
            let fields = columns.map(|i| SortField::new(schema.field(i).data_type().clone()));
            RowConverter::new(fields.collect())
        };
        let key = match key {
            Some(key) => Some((key.to_vec(), converter(&mut key.iter().copied())?)),
            None => None,
        };
        Ok(Changing {
            converter: converter(&mut (0..schema.fields().len()))?,
            key,
            index: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
            len: 0,
        })
    }

    fn apply(
        &mut self,
        changes: &ChangeBatch,
        rows: &RecordBatch,
        bytes: &mut usize,
    ) -> Result<()> {
        let full = self.converter.convert_columns(rows.columns())?;
        let keys = match &self.key {
            Some((columns, converter)) => {
                Some(converter.convert_columns(rows.project(columns)?.columns())?)
            }
            None => None,
        };
        for row in 0..rows.num_rows() {
            let is_gone = changes.kind(row).is_retraction();
            let whole = full.row(row);
            match &keys {
                None => self.count(whole.as_ref(), if is_gone { -1 } else { 1 }, bytes),
                Some(keys) => {
                    let whole = (!is_gone).then(|| whole.as_ref().into());
                    self.put(keys.row(row).as_ref(), whole, bytes);
                }
            }
        }
        Ok(())
    }

    /// One row more or less.
    fn count(&mut self, row: &[u8], by: i64, bytes: &mut usize) {
        let next = &mut self.next;
        if !self.index.contains_key(row) {
            let entry = Entry {
                since: 0,
                count: 0,
                row: None,
            };
            self.index.insert(row.into(), entry);
            *bytes += row.len() + ROW_BYTES;
        }
        let (shared, _) = self
            .index
            .get_key_value(row)
            .expect("it was just put there");
        let shared = Arc::clone(shared);
        let entry = self.index.get_mut(row).expect("it was just put there");
        let was = entry.count;
        entry.count += by;
        self.len = self.len - was.max(0) as u64 + entry.count.max(0) as u64;
        if was <= 0 && entry.count > 0 {
            entry.since = *next;
            *next += 1;
            self.order.insert(entry.since, shared);
        } else if was > 0 && entry.count <= 0 {
            self.order.remove(&entry.since);
        }
        if entry.count == 0 {
            self.index.remove(row);
            *bytes = bytes.saturating_sub(row.len() + ROW_BYTES);
        }
    }

    /// The row of a key is this one now, or gone.
    fn put(&mut self, key: &[u8], row: Option<Box<[u8]>>, bytes: &mut usize) {
        let cost = |row: &[u8]| key.len() + row.len() + ROW_BYTES;
        match (self.index.get_mut(key), row) {
            (Some(entry), Some(row)) => {
                *bytes = bytes.saturating_sub(entry.row.as_ref().map_or(0, |old| old.len()));
                *bytes += row.len();
                entry.row = Some(row);
            }
            (None, Some(row)) => {
                *bytes += cost(&row);
                self.len += 1;
                let shared: Arc<[u8]> = key.into();
                let since = self.next;
                self.next += 1;
                self.order.insert(since, Arc::clone(&shared));
                self.index.insert(
                    shared,
                    Entry {
                        since,
                        count: 1,
                        row: Some(row),
                    },
                );
            }
            (Some(_), None) => {
                if let Some(entry) = self.index.remove(key) {
                    self.len -= 1;
                    self.order.remove(&entry.since);
                    *bytes = bytes.saturating_sub(cost(&entry.row.unwrap_or_default()));
                }
            }
            (None, None) => {}
        }
    }

    /// The row behind an entry of the index, as often as it is in the table.
    fn copies<'a>(&'a self, bytes: &'a Arc<[u8]>) -> impl Iterator<Item = &'a [u8]> {
        let entry = self.index.get(bytes);
        let row = entry
            .and_then(|entry| entry.row.as_deref())
            .unwrap_or(bytes);
        let count = entry.map_or(0, |entry| entry.count.max(0) as usize);
        std::iter::repeat_n(row, count)
    }

    fn batch(&self, schema: &SchemaRef, rows: &[&[u8]]) -> Result<RecordBatch> {
        let parser = self.converter.parser();
        let columns = self
            .converter
            .convert_rows(rows.iter().map(|bytes| parser.parse(bytes)))?;
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
        if self.index.values().any(|entry| entry.count < 0) {
            return Err(Error::internal("the result takes away a row it never had"));
        }
        let rows: Vec<&[u8]> = self
            .order
            .values()
            .flat_map(|bytes| self.copies(bytes))
            .collect();
        let batches = rows.chunks(BATCH_ROWS).map(|rows| self.batch(schema, rows));
        let batches = batches.collect::<Result<Vec<_>>>()?;
        self.index.clear();
        self.order.clear();
        self.len = 0;
        Ok(batches)
    }
}

#[cfg(test)]
mod tests {
    use RowKind::{Delete, Insert, UpdateAfter, UpdateBefore};
    use arrow::array::{AsArray, StringArray};
    use arrow::datatypes::Int64Type;
    use millstream_core::rows::RowKind;

    use super::super::testing::{changes, schema};
    use super::*;

    type Change<'a> = (RowKind, Option<&'a str>, Option<i64>);

    fn table(
        mode: ChangelogMode,
        key: Option<&[usize]>,
        batches: &[&[Change<'_>]],
    ) -> Materialised {
        let mut table = Materialised::new(schema(), mode, key).unwrap();
        for batch in batches {
            table.add(&changes(batch)).unwrap();
        }
        table
    }

    fn names(batches: &[RecordBatch]) -> Vec<String> {
        let rows = batches.iter().flat_map(|batch| {
            let names: &StringArray = batch.column(0).as_string();
            let numbers = batch.column(1).as_primitive::<Int64Type>();
            let row = |i| format!("{}{}", names.value(i), numbers.value(i));
            (0..batch.num_rows()).map(row).collect::<Vec<_>>()
        });
        rows.collect()
    }

    #[test]
    fn a_table_is_a_multiset_in_the_order_of_arrival() {
        let (a, b) = (Some("a"), Some("b"));
        let mut table = table(
            ChangelogMode::ALL,
            None,
            &[
                &[
                    (Insert, a, Some(1)),
                    (Insert, b, Some(1)),
                    (Insert, a, Some(1)),
                ],
                &[
                    (UpdateBefore, b, Some(1)),
                    (UpdateAfter, b, Some(2)),
                    (Delete, a, Some(1)),
                ],
            ],
        );
        assert_eq!(table.len(), 2);
        assert_eq!(names(&[table.tail(1).unwrap()]), ["b2"]);
        assert_eq!(names(&table.take().unwrap()), ["a1", "b2"]);
    }

    #[test]
    fn a_row_is_replaced_by_its_key_if_updates_come_without_the_old_one() {
        let (a, b) = (Some("a"), Some("b"));
        let mut table = table(
            ChangelogMode::UPSERT,
            Some(&[0]),
            &[
                &[
                    (Insert, a, Some(1)),
                    (Insert, b, Some(1)),
                    (UpdateAfter, a, Some(5)),
                ],
                &[(Delete, b, None), (Delete, Some("c"), None)],
            ],
        );
        assert_eq!(names(&table.take().unwrap()), ["a5"]);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn inserted_rows_keep_their_order_across_batches() {
        let mut table = table(
            ChangelogMode::INSERT_ONLY,
            None,
            &[
                &[(Insert, Some("c"), Some(1)), (Insert, Some("a"), Some(2))],
                &[(Insert, Some("b"), Some(3))],
            ],
        );
        assert_eq!(names(&[table.tail(2).unwrap()]), ["a2", "b3"]);
        assert_eq!(names(&[table.tail(9).unwrap()]), ["c1", "a2", "b3"]);
        assert_eq!(names(&table.take().unwrap()), ["c1", "a2", "b3"]);
    }

    #[test]
    fn a_row_that_goes_before_it_comes_is_forgiven_only_if_it_comes() {
        let a = Some("a");
        let mut good = table(
            ChangelogMode::ALL,
            None,
            &[&[
                (Delete, a, Some(1)),
                (Insert, a, Some(1)),
                (Insert, a, Some(1)),
            ]],
        );
        assert_eq!(names(&good.take().unwrap()), ["a1"]);
        let mut bad = table(ChangelogMode::ALL, None, &[&[(Delete, a, Some(1))]]);
        assert_eq!(bad.take().unwrap_err().code(), Code::Internal);
    }

    #[test]
    fn more_rows_than_may_be_kept_are_refused_and_rows_that_go_give_room() {
        let mut table = table(ChangelogMode::ALL, None, &[]);
        table.bytes_max = 10_000;
        for n in 0..1_000 {
            table
                .add(&changes(&[(Insert, Some("a"), Some(n))]))
                .unwrap();
            table
                .add(&changes(&[(Delete, Some("a"), Some(n))]))
                .unwrap();
        }
        let error = (0..1_000).find_map(|n| table.add(&changes(&[(Insert, None, Some(n))])).err());
        assert_eq!(error.unwrap().code(), Code::TooComplex);
    }
}
