//! Keys together with the aggregates of each key: the state of a group aggregate or of one window.

use arrow::array::{ArrayRef, UInt8Array};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use millstream_core::rows::RowKind;
use millstream_core::{Error, Result};
use millstream_plan::AggregateCall;

use crate::aggregate::{Accumulators, Batch};
use crate::keys::KeyTable;

/// Which columns of the input an aggregation reads, and its calls in terms of those.
pub(crate) struct Layout {
    /// Positions in the input, keys first.
    pub(crate) columns: Vec<usize>,
    /// Number of key columns.
    pub(crate) keys: usize,
    /// The calls, over `columns`.
    pub(crate) calls: Vec<AggregateCall>,
    /// The types of `columns`.
    pub(crate) schema: SchemaRef,
}

impl Layout {
    /// The layout of an aggregation over `input`.
    pub(crate) fn new(keys: &[usize], calls: &[AggregateCall], input: &Schema) -> Result<Self> {
        let mut columns = keys.to_vec();
        let mut place = |column: usize| {
            // Not among the keys: a key's place may be taken twice without harm.
            columns
                .iter()
                .position(|&c| c == column)
                .unwrap_or_else(|| {
                    columns.push(column);
                    columns.len() - 1
                })
        };
        let calls = calls
            .iter()
            .map(|call| AggregateCall {
                args: call.args.iter().map(|&arg| place(arg)).collect(),
                filter: call.filter.map(&mut place),
                ..call.clone()
            })
            .collect();
        let schema = input.project(&columns).map_err(|e| {
            Error::internal("an aggregate reads a column that does not exist").caused_by(e)
        })?;
        Ok(Layout {
            columns,
            keys: keys.len(),
            calls,
            schema: schema.into(),
        })
    }

    /// The types of the keys.
    pub(crate) fn key_types(&self) -> Vec<DataType> {
        let fields = self.schema.fields().iter().take(self.keys);
        fields.map(|field| field.data_type().clone()).collect()
    }

    /// The columns of a batch that the aggregation reads.
    pub(crate) fn pick(&self, columns: &[ArrayRef]) -> Vec<ArrayRef> {
        let picked = self.columns.iter();
        picked
            .map(|&column| ArrayRef::clone(&columns[column]))
            .collect()
    }
}

/// Keys, and the aggregates of each.
pub(crate) struct Groups {
    pub(crate) keys: KeyTable,
    pub(crate) accumulators: Accumulators,
    /// Rows per group, if rows can go.
    rows: Option<Vec<i64>>,
    ids: Vec<u32>,
}

impl Groups {
    /// No groups yet.
    pub(crate) fn new(layout: &Layout, retracts: bool) -> Result<Self> {
        Ok(Groups {
            keys: KeyTable::new(&layout.key_types())?,
            accumulators: Accumulators::new(&layout.calls, &layout.schema, retracts, false)?,
            rows: retracts.then(Vec::new),
            ids: Vec::new(),
        })
    }

    /// Adds rows; `columns` are those of the layout, keys first.
    pub(crate) fn update(
        &mut self,
        columns: &[ArrayRef],
        num_keys: usize,
        num_rows: usize,
        signs: Option<&[i8]>,
    ) -> Result<()> {
        self.keys
            .intern(&columns[..num_keys], num_rows, &mut self.ids)?;
        let bound = self.keys.id_bound();
        self.accumulators.resize(bound);
        if let Some(rows) = &mut self.rows {
            rows.resize(bound, 0);
            for (row, &id) in self.ids.iter().enumerate() {
                rows[id as usize] += signs.map_or(1, |signs| i64::from(signs[row]));
            }
        }
        self.accumulators.update(Batch {
            columns,
            groups: &self.ids,
            signs,
        })
    }

    /// Adds the groups of `other`.
    pub(crate) fn merge(&mut self, other: &Groups) -> Result<()> {
        self.keys.intern_table(&other.keys, &mut self.ids)?;
        let bound = self.keys.id_bound();
        self.accumulators.resize(bound);
        if let (Some(rows), Some(theirs)) = (&mut self.rows, &other.rows) {
            rows.resize(bound, 0);
            for (&id, &count) in self.ids.iter().zip(theirs) {
                rows[id as usize] += count;
            }
        }
        self.accumulators.merge(&other.accumulators, &self.ids)
    }

    /// The groups that have rows.
    pub(crate) fn live(&self) -> Vec<u32> {
        let mut ids = self.keys.ids();
        if let Some(rows) = &self.rows {
            ids.retain(|&id| rows[id as usize] > 0);
        }
        ids
    }

    /// Keys and results of some groups.
    pub(crate) fn columns(&self, ids: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut columns = self.keys.keys(ids)?;
        columns.extend(self.accumulators.evaluate(ids)?);
        Ok(columns)
    }

    /// Forgets everything but the memory.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.accumulators.clear();
        if let Some(rows) = &mut self.rows {
            rows.clear();
        }
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        let rows = self.rows.as_ref().map_or(0, |rows| rows.capacity() * 8);
        self.keys.bytes() + self.accumulators.bytes() + rows + self.ids.capacity() * 4
    }
}

/// +1 or −1 per row; `None` if all rows come.
pub(crate) fn signs(kinds: Option<&UInt8Array>) -> Option<Vec<i8>> {
    let sign = |&kind: &u8| {
        if RowKind::from_u8(kind).is_retraction() {
            -1
        } else {
            1
        }
    };
    kinds.map(|kinds| kinds.values().iter().map(sign).collect())
}

/// True if no row of a batch goes.
pub(crate) fn only_additions(signs: Option<&[i8]>) -> bool {
    signs.is_none_or(|signs| signs.iter().all(|&sign| sign > 0))
}
