//! Rows travel as Arrow batches with a row kind.
//!
//! A [`ChangeBatch`] is a `RecordBatch` plus an optional column of [`RowKind`]s. A batch without
//! kinds holds insertions only, so an append-only edge pays nothing for the changelog.
//!
//! ```text
//! kinds   rows                     kinds: None
//!  -U   │ ann │ 3 │                          │ ann │ 4 │   (all +I)
//!  +U   │ ann │ 4 │                          │ bob │ 1 │
//! ```
//!
//! The row kinds are Flink's (`org.apache.flink.types.RowKind`), with the same letters.

use arrow::array::{Array, BooleanArray, RecordBatch, UInt8Array, UInt32Array};
use arrow::compute;
use arrow::datatypes::SchemaRef;

use crate::Result;
use crate::id::SplitId;

/// What a row says about the table it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RowKind {
    /// `+I`: a new row.
    Insert = 0,
    /// `-U`: the old version of an updated row.
    UpdateBefore = 1,
    /// `+U`: the new version of an updated row.
    UpdateAfter = 2,
    /// `-D`: the row is gone.
    Delete = 3,
}

impl RowKind {
    /// The two letters users see: `+I`, `-U`, `+U`, `-D`.
    pub fn as_str(self) -> &'static str {
        match self {
            RowKind::Insert => "+I",
            RowKind::UpdateBefore => "-U",
            RowKind::UpdateAfter => "+U",
            RowKind::Delete => "-D",
        }
    }

    /// The kind of a byte in [`ChangeBatch::kinds`]; unknown bytes cannot occur there.
    pub fn from_u8(byte: u8) -> RowKind {
        match byte {
            0 => RowKind::Insert,
            1 => RowKind::UpdateBefore,
            2 => RowKind::UpdateAfter,
            _ => RowKind::Delete,
        }
    }

    /// True for the kinds that take a row away (`-U`, `-D`).
    pub fn is_retraction(self) -> bool {
        matches!(self, RowKind::UpdateBefore | RowKind::Delete)
    }
}

/// Changed rows: what an edge of a running job carries. Cheap to clone and to slice.
#[derive(Clone, Debug)]
pub struct ChangeBatch {
    rows: RecordBatch,
    kinds: Option<UInt8Array>,
    origin: Option<SplitId>,
}

impl ChangeBatch {
    /// A batch of insertions.
    pub fn inserts(rows: RecordBatch) -> Self {
        ChangeBatch {
            rows,
            kinds: None,
            origin: None,
        }
    }

    /// A batch with one kind (a [`RowKind`] as `u8`) per row.
    ///
    /// # Panics
    /// If the lengths differ: a programming error of the operator that built it.
    pub fn with_kinds(rows: RecordBatch, kinds: UInt8Array) -> Self {
        assert_eq!(rows.num_rows(), kinds.len(), "one kind per row");
        ChangeBatch {
            rows,
            kinds: Some(kinds),
            origin: None,
        }
    }

    /// The same changes with other columns, computed row by row.
    ///
    /// # Panics
    /// If the number of rows differs and the batch has kinds.
    #[must_use]
    pub fn with_rows(&self, rows: RecordBatch) -> Self {
        assert!(
            self.kinds
                .as_ref()
                .is_none_or(|kinds| kinds.len() == rows.num_rows())
        );
        ChangeBatch {
            rows,
            kinds: self.kinds.clone(),
            origin: self.origin,
        }
    }

    /// Says which split all rows were read from.
    #[must_use]
    pub fn from_split(mut self, split: SplitId) -> Self {
        self.origin = Some(split);
        self
    }

    /// The split all rows were read from; `None` for derived rows such as results of an aggregate.
    pub fn origin(&self) -> Option<SplitId> {
        self.origin
    }

    /// The columns.
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// The schema of the columns.
    pub fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    /// One [`RowKind`] byte per row; `None` if every row is an insertion.
    pub fn kinds(&self) -> Option<&UInt8Array> {
        self.kinds.as_ref()
    }

    /// The kind of one row.
    pub fn kind(&self, row: usize) -> RowKind {
        self.kinds
            .as_ref()
            .map_or(RowKind::Insert, |kinds| RowKind::from_u8(kinds.value(row)))
    }

    /// Number of rows.
    pub fn num_rows(&self) -> usize {
        self.rows.num_rows()
    }

    /// Bytes this batch keeps alive, for byte-bounded queues. Slices count their share only.
    pub fn bytes(&self) -> usize {
        let columns = self.rows.columns().iter();
        let data: usize = columns
            .map(|c| c.to_data().get_slice_memory_size().unwrap_or(0))
            .sum();
        data + self.kinds.as_ref().map_or(0, |kinds| kinds.len())
    }

    /// `length` rows from `offset`, without copying.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        ChangeBatch {
            rows: self.rows.slice(offset, length),
            kinds: self.kinds.as_ref().map(|kinds| kinds.slice(offset, length)),
            origin: self.origin,
        }
    }

    /// The rows where `mask` is true.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Self> {
        Ok(ChangeBatch {
            rows: compute::filter_record_batch(&self.rows, mask)?,
            kinds: match &self.kinds {
                Some(kinds) => Some(
                    compute::filter(kinds, mask)?
                        .as_any()
                        .downcast_ref::<UInt8Array>()
                        .expect("filter keeps the type")
                        .clone(),
                ),
                None => None,
            },
            origin: self.origin,
        })
    }

    /// The rows at `indices`, in that order.
    pub fn take(&self, indices: &UInt32Array) -> Result<Self> {
        Ok(ChangeBatch {
            rows: compute::take_record_batch(&self.rows, indices)?,
            kinds: match &self.kinds {
                Some(kinds) => Some(
                    compute::take(kinds, indices, None)?
                        .as_any()
                        .downcast_ref::<UInt8Array>()
                        .expect("take keeps the type")
                        .clone(),
                ),
                None => None,
            },
            origin: self.origin,
        })
    }
}
