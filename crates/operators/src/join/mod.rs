//! Regular joins: inner, left, right, full, semi and anti, over inputs that may be updated.
//!
//! ```text
//! left  ─▶ key ─┐   rows by key, each side its own ([`crate::rows`])
//!               ├─▶ pairs with the rows of the other side ─▶ condition ─▶ changes of the result
//! right ─▶ key ─┘
//! ```
//!
//! A row that comes is paired with all rows of the other side that have its key; a row that goes is
//! paired with the same ones, and takes back what it had put out. Rows of one batch never meet each
//! other, as they are of one side: so all pairs of a batch are found first, the condition is evaluated
//! over all of them at once, and only then is gone through row by row.
//!
//! * A side that is kept without a partner (both sides of FULL, the left one of LEFT, SEMI and ANTI …)
//!   counts for each of its rows how many rows of the other side it matches. When the first one comes
//!   the row with NULLs is taken back; when the last one goes it is put out again. So nothing is ever
//!   looked up a second time.
//! * NULL in a key matches nothing (unless the plan says so, for INTERSECT and the like): such a row
//!   is put out padded if its side is kept, and never stored.
//! * Rows are kept for ever: the join of two tables has no other bound.
//! * Keys are numbered once for both sides; a key without rows gives its number back.
//!
//! The idea of counting partners is Flink's (`StreamingJoinOperator`), that of pairing batches any
//! vectorised hash join's.
//!
//! Cost per row: interning its key and its bytes; per pair: 8 bytes, the columns of the condition and
//! those of the result. Pairs of one batch are worked on [`PAIRS`] at a time.

pub(crate) mod change;
pub(crate) mod pairs;
pub(crate) mod side;
pub(crate) mod stored;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::SchemaRef;
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::{Error, Result};
use millstream_plan::{JoinKind, JoinSpec};

use crate::OperatorContext;
use crate::keys::KeyTable;
use crate::rows::NONE;
use crate::state::bytes::damaged;
use crate::state::codec::types_text;
use crate::state::entries::{KeyCodec, Place};
use crate::state::form::Form;
use change::{Change, Changes};
use pairs::{Condition, Pairs};
use side::Side;

/// Pairs worked on at a time, unless a single row has more.
pub(crate) const PAIRS: usize = 32_768;

/// Joins two inputs.
pub struct Join {
    kind: JoinKind,
    null_equal: bool,
    sides: [Side; 2],
    keys: KeyTable,
    condition: Option<Condition>,
    changes: Changes,
    codec: KeyCodec,
    form: Form,
    scratch: Scratch,
}

/// Vectors that are used again.
#[derive(Default)]
struct Scratch {
    /// The key of each row of the batch; [`NONE`] if it matches nothing.
    ids: Vec<u32>,
    /// Keys that may be without rows now.
    emptied: Vec<u32>,
    pairs: Pairs,
}

/// One row of the batch at hand.
struct Met {
    row: usize,
    kind: RowKind,
    key: u32,
}

impl Join {
    /// A join without rows.
    ///
    /// # Errors
    /// `Internal` if the two sides' keys differ in number or type, `Unsupported` for keys or columns
    /// of types no state can hold.
    pub fn new(
        spec: &JoinSpec,
        [left, right]: [&SchemaRef; 2],
        output: &SchemaRef,
        context: &OperatorContext,
    ) -> Result<Self> {
        let pair = millstream_plan::pair_schema(left, right);
        let condition = match &spec.condition {
            Some(expr) => Some(Condition::new(expr, &pair, left.fields().len())?),
            None => None,
        };
        let read = |side: usize| {
            condition
                .as_ref()
                .map(|c| c.columns(side))
                .unwrap_or_default()
        };
        let is_mark = spec.kind == JoinKind::Mark;
        let is_whole = !is_mark && !matches!(spec.kind, JoinKind::Semi | JoinKind::Anti);
        let sides = [
            Side::new(left, &spec.left_keys, None, spec.kind.keeps_left())?,
            Side::new(
                right,
                &spec.right_keys,
                (!is_whole).then(|| read(1)),
                spec.kind.keeps_right(),
            )?,
        ];
        let types = sides[0].key_types();
        if types != sides[1].key_types() {
            return Err(Error::internal(format!(
                "a join compares keys of types {types:?} and {:?}",
                sides[1].key_types()
            )));
        }
        let parts = [
            format!("{:?}, key({})", spec.kind, types_text(&types)?),
            sides[0].form()?,
            sides[1].form()?,
        ];
        Ok(Join {
            kind: spec.kind,
            null_equal: spec.null_equals_null,
            changes: Changes::new(
                change::columns([left.fields().len(), right.fields().len()], is_whole),
                is_mark,
                output,
                context.batch_rows,
            )?,
            codec: KeyCodec::new(types.clone(), types.len(), context.key_groups)?,
            keys: KeyTable::new(&types)?,
            sides,
            condition,
            form: Form::new("join", parts),
            scratch: Scratch::default(),
        })
    }

    /// Pairs rows from `start` on; returns where it stopped.
    fn pair(&mut self, port: usize, rows: &RecordBatch, start: usize) -> Result<usize> {
        let Scratch { ids, pairs, .. } = &mut self.scratch;
        let other = &self.sides[1 - port].rows;
        pairs.clear(start);
        let mut row = start;
        while row < ids.len() && pairs.len() < PAIRS {
            let key = ids[row];
            if key != NONE {
                pairs.extend(row, other.slots(key));
            }
            pairs.end_row();
            row += 1;
        }
        if let Some(condition) = &self.condition {
            condition.keep(pairs, port, rows, &self.sides)?;
        }
        Ok(row)
    }

    fn meet(&mut self, port: usize, met: &Met) -> Result<()> {
        match met.kind.is_retraction() {
            false => self.comes(port, met),
            true => self.goes(port, met),
        }
    }

    /// A row comes: what it makes true.
    fn comes(&mut self, port: usize, met: &Met) -> Result<()> {
        let partners = self.partners(port, met.row);
        if met.key != NONE {
            let slot = self.sides[port].rows.add(met.row, met.key)?;
            self.sides[port].set_matches(slot, partners);
        }
        self.tell(port, met, partners);
        let other = 1 - port;
        for at in self.scratch.pairs.range(met.row) {
            let slot = self.scratch.pairs.slot(at);
            if self.sides[other].counts_matches() && self.sides[other].add_match(slot) == 1 {
                self.found(port, met, slot);
            }
            self.joined(port, met, slot);
        }
        Ok(())
    }

    /// A row goes: what it had made true is not any more.
    fn goes(&mut self, port: usize, met: &Met) -> Result<()> {
        if met.key != NONE {
            let Some(slot) = self.sides[port].rows.find(met.row, met.key) else {
                self.changes.unseen += 1;
                return Ok(());
            };
            if self.sides[port].rows.remove(slot) && self.sides[port].rows.is_empty_at(met.key) {
                self.scratch.emptied.push(met.key);
            }
        }
        let partners = self.partners(port, met.row);
        let other = 1 - port;
        for at in self.scratch.pairs.range(met.row) {
            let slot = self.scratch.pairs.slot(at);
            self.joined(port, met, slot);
            if self.sides[other].counts_matches() && self.sides[other].take_match(slot) == 0 {
                self.lost(port, met, slot);
            }
        }
        self.tell(port, met, partners);
        Ok(())
    }

    /// Rows of the other side that a row matches.
    fn partners(&self, port: usize, row: usize) -> u64 {
        let pairs = &self.scratch.pairs;
        let other = &self.sides[1 - port].rows;
        let counts = pairs
            .range(row)
            .map(|at| u64::from(other.count(pairs.slot(at))));
        counts.sum()
    }

    /// What a row says by itself, knowing how many partners it has.
    fn tell(&mut self, port: usize, met: &Met, partners: u64) {
        if self.kind == JoinKind::Mark {
            if port == 0 {
                let alone = Change::alone(met.row, met.kind).marked(partners > 0);
                self.changes.push(alone, 1);
            }
            return;
        }
        let says = match self.kind {
            JoinKind::Semi => port == 0 && partners > 0,
            JoinKind::Anti => port == 0 && partners == 0,
            _ => self.sides[port].is_kept && partners == 0,
        };
        if says {
            self.changes.push(Change::alone(met.row, met.kind), 1);
        }
    }

    /// A row and one of the other side are a row of the result, or were.
    fn joined(&mut self, port: usize, met: &Met, slot: u32) {
        if matches!(self.kind, JoinKind::Semi | JoinKind::Anti | JoinKind::Mark) {
            return;
        }
        let kind = match (self.kind, met.kind.is_retraction()) {
            (JoinKind::Inner, _) => met.kind,
            (_, false) => RowKind::Insert,
            (_, true) => RowKind::Delete,
        };
        let times = self.sides[1 - port].rows.count(slot);
        self.changes
            .push(Change::joined(met.row, slot, kind), times);
    }

    /// A row of the other side has its first partner.
    fn found(&mut self, port: usize, met: &Met, slot: u32) {
        if self.kind == JoinKind::Mark {
            return self.mark(port, met, slot, true);
        }
        let kind = match self.kind {
            JoinKind::Semi => RowKind::Insert,
            _ => RowKind::Delete,
        };
        self.other_alone(port, met, slot, kind);
    }

    /// A row of the other side has lost its last partner.
    fn lost(&mut self, port: usize, met: &Met, slot: u32) {
        if self.kind == JoinKind::Mark {
            return self.mark(port, met, slot, false);
        }
        let kind = match self.kind {
            JoinKind::Semi => RowKind::Delete,
            _ => RowKind::Insert,
        };
        self.other_alone(port, met, slot, kind);
    }

    /// A row of the other side has another mark now.
    fn mark(&mut self, port: usize, met: &Met, slot: u32, mark: bool) {
        let times = self.sides[1 - port].rows.count(slot);
        let gone = Change::other(met.row, slot, RowKind::Delete).marked(!mark);
        let new = Change::other(met.row, slot, RowKind::Insert).marked(mark);
        self.changes.push(gone, times);
        self.changes.push(new, times);
    }

    fn other_alone(&mut self, port: usize, met: &Met, slot: u32, kind: RowKind) {
        let times = self.sides[1 - port].rows.count(slot);
        self.changes.push(Change::other(met.row, slot, kind), times);
    }

    /// Gives the numbers of keys without rows back.
    fn tidy(&mut self) -> Result<()> {
        let Join {
            scratch,
            sides,
            keys,
            codec,
            ..
        } = self;
        let emptied = &mut scratch.emptied;
        if emptied.is_empty() {
            return Ok(());
        }
        for side in sides.iter_mut() {
            side.rows.name_buried(keys, codec)?;
            side.rows.compact();
        }
        emptied.sort_unstable();
        emptied.dedup();
        emptied.retain(|&key| sides.iter().all(|side| side.rows.is_empty_at(key)));
        keys.remove(emptied);
        emptied.clear();
        Ok(())
    }
}

impl Operator for Join {
    fn on_rows(&mut self, port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let port = port.0 as usize;
        let batch = rows.rows();
        let keys = self.sides[port].keys_of(batch);
        number(
            &mut self.keys,
            &keys,
            batch.num_rows(),
            self.null_equal,
            &mut self.scratch.ids,
            &mut self.scratch.emptied,
        )?;
        self.sides[port].take_in_hand(batch)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let end = self.pair(port, batch, start)?;
            for row in start..end {
                let key = self.scratch.ids[row];
                let kind = rows.kind(row);
                self.meet(port, &Met { row, kind, key })?;
                self.changes.flush(port, batch, &self.sides, false, out)?;
            }
            // Slots of the other side stay what they are until the next batch.
            self.changes.flush(port, batch, &self.sides, true, out)?;
            start = end;
        }
        out.unseen(std::mem::take(&mut self.changes.unseen));
        self.tidy()
    }

    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        self.form.write(state)?;
        for (table, side) in self.sides.iter_mut().enumerate() {
            side.snapshot(place(table), &self.keys, &mut self.codec, state)?;
        }
        Ok(())
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        self.form.check(state)?;
        while let Some(chunk) = state.next_chunk()? {
            let table = usize::from(chunk.table);
            let side = self.sides.get_mut(table);
            let side = side.ok_or_else(|| damaged("an entry is in a table nobody wrote"))?;
            side.restore(&chunk, &mut self.keys, &mut self.codec)?;
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let sides = self.sides.iter().map(Side::memory);
        self.keys.bytes() + sides.sum::<usize>()
    }
}

/// Numbers the keys of a batch. A key with NULL has no number ([`NONE`]) unless NULLs are equal; numbers
/// that are not used after all go to `emptied`.
pub(crate) fn number(
    table: &mut KeyTable,
    keys: &[ArrayRef],
    num_rows: usize,
    null_equal: bool,
    ids: &mut Vec<u32>,
    emptied: &mut Vec<u32>,
) -> Result<()> {
    table.intern(keys, num_rows, ids)?;
    if null_equal {
        return Ok(());
    }
    let Some(nulls) = nulls_of(keys) else {
        return Ok(());
    };
    for (row, id) in ids.iter_mut().enumerate() {
        if nulls.is_null(row) {
            emptied.push(std::mem::replace(id, NONE));
        }
    }
    Ok(())
}

/// Which rows have a NULL in one of these columns, if any has.
pub(crate) fn nulls_of(columns: &[ArrayRef]) -> Option<NullBuffer> {
    let nulls = columns.iter().fold(None, |nulls: Option<NullBuffer>, key| {
        NullBuffer::union(nulls.as_ref(), key.logical_nulls().as_ref())
    });
    nulls.filter(|nulls| nulls.null_count() > 0)
}

/// Where the entries of one side are.
pub(crate) fn place(table: usize) -> Place {
    Place {
        table: table as u8,
        namespace: 0,
    }
}

/// The columns of a batch at some positions.
pub(crate) fn picked(rows: &RecordBatch, positions: &[usize]) -> Vec<ArrayRef> {
    let columns = positions.iter();
    columns
        .map(|&column| Arc::clone(rows.column(column)))
        .collect()
}
