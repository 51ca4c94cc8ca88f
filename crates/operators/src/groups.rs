//! Keys together with the aggregates of each key: the state of a group aggregate or of one window.
//!
//! In a checkpoint a group is an entry: key ─▶ rows of the group (if rows can go), states of its
//! aggregates. A snapshot writes the groups that rows have touched since the one before.

use arrow::array::{ArrayRef, UInt8Array};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use millstream_core::rows::RowKind;
use millstream_core::state::{StateChunk, StateWriter};
use millstream_core::{Error, Result};
use millstream_plan::AggregateCall;

use crate::aggregate::{Accumulators, Batch};
use crate::keys::KeyTable;
use crate::state::bytes::{Fixed, Reader, damaged};
use crate::state::codec::types_text;
use crate::state::entries::{self, KeyCodec, Place};
use crate::state::tracker::Tracker;

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
    /// Rows per group, if rows can go. Not kept for insert-only input: there a key that is known
    /// has rows.
    pub(crate) rows: Option<Vec<i64>>,
    /// The group of each row of the last batch.
    pub(crate) ids: Vec<u32>,
    pub(crate) tracker: Tracker,
    /// True if a checkpoint may hold any of the groups.
    stored: bool,
    /// True if entries will be looked up one by one: they are written key group by key group.
    pub(crate) looked_up: bool,
}

impl Groups {
    /// No groups yet.
    pub(crate) fn new(layout: &Layout, retracts: bool) -> Result<Self> {
        Self::with(layout, retracts, false)
    }

    /// No groups yet; groups will often be emptied and filled again.
    pub(crate) fn refilled(layout: &Layout) -> Result<Self> {
        Self::with(layout, false, true)
    }

    fn with(layout: &Layout, retracts: bool, regroups: bool) -> Result<Self> {
        Ok(Groups {
            keys: KeyTable::new(&layout.key_types())?,
            accumulators: Accumulators::new(&layout.calls, &layout.schema, retracts, regroups)?,
            rows: retracts.then(Vec::new),
            ids: Vec::new(),
            tracker: Tracker::default(),
            stored: false,
            looked_up: false,
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
        self.tracker.touch(&self.ids, bound);
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
        self.tracker.touch(&self.ids, bound);
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
        self.tracker.clear();
        self.stored = false;
    }

    /// Forgets these groups.
    pub(crate) fn remove(&mut self, ids: &[u32], codec: &mut KeyCodec) -> Result<()> {
        let (keys, accumulators) = (&self.keys, &mut self.accumulators);
        accumulators.reset(ids)?;
        accumulators.name_buried(codec, &|groups| keys.keys(groups))?;
        entries::bury(ids, codec, &mut self.tracker, |ids| keys.keys(ids))?;
        self.keys.remove(ids);
        if let Some(rows) = &mut self.rows {
            ids.iter().for_each(|&id| rows[id as usize] = 0);
        }
        Ok(())
    }

    /// Keeps these groups only, ascending: `ids[i]` becomes `i`. All others must be in a checkpoint
    /// as they are. Their memory is given back.
    pub(crate) fn keep(&mut self, ids: &[u32]) -> Result<()> {
        self.accumulators.keep(ids)?;
        self.keys.keep(ids);
        self.tracker.keep(ids);
        if let Some(rows) = &mut self.rows {
            *rows = ids.iter().map(|&id| rows[id as usize]).collect();
        }
        // Numbers of the last batch, which mean other groups now.
        self.ids = Vec::new();
        Ok(())
    }

    /// What the entries of a checkpoint are.
    pub(crate) fn form(&self) -> Result<Vec<String>> {
        let rows = if self.rows.is_some() { ", rows" } else { "" };
        let key = format!("key({}){rows}", types_text(self.keys.types())?);
        let aggregates = self.accumulators.form().iter().cloned();
        Ok(std::iter::once(key).chain(aggregates).collect())
    }

    /// The tables of a checkpoint the groups take, from the first on.
    pub(crate) fn tables(&self) -> u8 {
        1 + self.accumulators.distinct_sets() as u8
    }

    /// True if a checkpoint may hold any of the groups.
    pub(crate) fn is_stored(&self) -> bool {
        self.stored
    }

    /// Adds the groups of `other`, whose keys are all others; a checkpoint may hold them.
    pub(crate) fn absorb(&mut self, other: Groups) -> Result<()> {
        let is_stored = self.stored | other.stored;
        self.merge(&other)?;
        if is_stored {
            self.adopted();
        }
        Ok(())
    }

    /// Says that the groups have got another place in the checkpoint.
    pub(crate) fn moved(&mut self) {
        self.tracker.moved(self.keys.id_bound());
        self.accumulators.moved();
        self.stored = false;
    }

    /// Says that a checkpoint may hold any of the groups, but not as they are now.
    fn adopted(&mut self) {
        let ids = self.keys.ids();
        ids.iter().for_each(|&id| self.tracker.adopted(id));
        self.accumulators.adopted();
        self.stored = true;
    }

    /// Writes what has changed to the tables from that of `place` on.
    pub(crate) fn snapshot(
        &mut self,
        place: Place,
        codec: &mut KeyCodec,
        state: &mut dyn StateWriter,
    ) -> Result<()> {
        let mut ids = self.tracker.changes(self.keys.id_bound(), state.is_full());
        ids.retain(|&id| self.keys.space(id).is_some());
        let (keys, rows, accumulators) = (&self.keys, &self.rows, &self.accumulators);
        if self.looked_up {
            ids = entries::by_key_group(&ids, codec, |ids| keys.keys(ids))?;
        }
        let value = |id: u32, out: &mut Vec<u8>| {
            if let Some(rows) = rows {
                rows[id as usize].put(out);
            }
            accumulators.save(id, out)
        };
        let keys_of = |ids: &[u32]| keys.keys(ids);
        entries::write(&ids, place, codec, &mut self.tracker, keys_of, value, state)?;
        let distinct = Place {
            table: place.table + 1,
            ..place
        };
        self.accumulators
            .snapshot_distinct(distinct, codec, &keys_of, state)?;
        self.stored = true;
        Ok(())
    }

    /// Takes entries back; `table` counts from the first of the groups' tables.
    pub(crate) fn restore(
        &mut self,
        table: u8,
        chunk: &StateChunk,
        codec: &mut KeyCodec,
    ) -> Result<()> {
        self.stored = true;
        if table > 0 {
            let keys = &mut self.keys;
            let groups_of = &mut |columns: &[ArrayRef], num_rows: usize| {
                let mut groups = Vec::new();
                keys.intern(columns, num_rows, &mut groups)?;
                Ok(groups)
            };
            let set = usize::from(table) - 1;
            if set >= self.accumulators.distinct_sets() {
                return Err(damaged("a table is of no aggregate"));
            }
            self.accumulators
                .restore_distinct(set, chunk, codec, groups_of)?;
            self.make_room();
            return Ok(());
        }
        for entries in entries::pieces(chunk) {
            let columns = codec.decode(chunk, entries.clone(), None)?;
            self.keys.intern(&columns, entries.len(), &mut self.ids)?;
            self.make_room();
            for (&id, entry) in self.ids.iter().zip(entries) {
                let mut reader = Reader::new(chunk.value(entry));
                if let Some(rows) = &mut self.rows {
                    rows[id as usize] = reader.fixed()?;
                }
                self.accumulators.load(id, &mut reader)?;
                reader.end()?;
                self.tracker.restored(id);
            }
        }
        Ok(())
    }

    /// Lengthens everything that is indexed by group.
    pub(crate) fn make_room(&mut self) {
        let bound = self.keys.id_bound();
        self.accumulators.resize(bound);
        if let Some(rows) = &mut self.rows {
            rows.resize(bound, 0);
        }
    }

    /// Refuses distinct values of groups that did not come.
    pub(crate) fn check_restored(&self) -> Result<()> {
        let ids = self.keys.ids();
        match ids.iter().all(|&id| self.tracker.is_stored(id)) {
            true => Ok(()),
            false => Err(damaged("a key has distinct values but no entry")),
        }
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        let rows = self.rows.as_ref().map_or(0, |rows| rows.capacity() * 8);
        let ids = self.ids.capacity() * 4 + self.tracker.bytes();
        self.keys.bytes() + self.accumulators.bytes() + rows + ids
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
