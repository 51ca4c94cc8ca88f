//! Values of rows in an order, many partitions at a time.
//!
//! ```text
//! rows in order   a1 b1 a2 a3 b2         round 1   a1 b1 ─▶ add, evaluate
//!                                        round 2   a2 b2
//!                                        round 3   a3
//! ```
//!
//! An aggregate adds a batch of rows to their groups at once, but the value of a row is wanted right
//! behind it. So the first rows of all partitions are added together and evaluated, then the second
//! ones, and so on. With RANGE, rows of a partition that are equal in the order make one round.
//!
//! Cost: one pass per round over the columns read; a single partition is a round per row.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::{concat, take};
use millstream_core::{Error, Result};
use millstream_plan::{AggregateCall, OverFunction};

use crate::aggregate::Batch;
use crate::groups::{Groups, Layout};

/// Rows in order, with what is known of each.
pub(super) struct Piece<'a> {
    /// The columns of the input.
    pub(super) columns: &'a [ArrayRef],
    /// The partition of each row.
    pub(super) ids: &'a [u32],
    /// Equal for rows of a partition that are equal in the order and stand together.
    pub(super) peers: &'a [i64],
}

/// Rows of a piece by the round they belong to.
#[derive(Default)]
pub(super) struct Rounds {
    /// All rows, those of a round together.
    order: Vec<u32>,
    ends: Vec<usize>,
}

impl Rounds {
    /// The rounds of a piece; `by_rows`: each row of a partition is in one of its own.
    pub(super) fn of(piece: &Piece<'_>, by_rows: bool, bound: usize) -> Self {
        // Of each partition: rounds so far, the last row's peers.
        let mut last: Vec<(u32, i64)> = vec![(0, 0); bound];
        let mut rounds = Vec::with_capacity(piece.ids.len());
        let mut sizes: Vec<usize> = Vec::new();
        for (&id, &peer) in piece.ids.iter().zip(piece.peers) {
            let (count, before) = &mut last[id as usize];
            if by_rows || *count == 0 || *before != peer {
                *count += 1;
                *before = peer;
            }
            let round = *count as usize - 1;
            if round >= sizes.len() {
                sizes.push(0);
            }
            sizes[round] += 1;
            rounds.push(round);
        }
        let mut ends: Vec<usize> = sizes
            .iter()
            .scan(0, |end, size| {
                *end += size;
                Some(*end)
            })
            .collect();
        let mut at: Vec<usize> = ends
            .iter()
            .zip(&sizes)
            .map(|(end, size)| end - size)
            .collect();
        let mut order = vec![0; rounds.len()];
        for (row, round) in rounds.into_iter().enumerate() {
            order[at[round]] = row as u32;
            at[round] += 1;
        }
        ends.shrink_to_fit();
        Rounds { order, ends }
    }

    /// Number of rounds.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The rows of a round, in order.
    pub(super) fn rows(&self, round: usize) -> &[u32] {
        let start = match round {
            0 => 0,
            later => self.ends[later - 1],
        };
        &self.order[start..self.ends[round]]
    }

    /// Puts values in the order of the rounds into that of the rows.
    pub(super) fn in_row_order(&self, parts: &[ArrayRef]) -> Result<ArrayRef> {
        let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
        let all = match parts.as_slice() {
            [only] if self.len() == 1 => return Ok(only.slice(0, only.len())),
            parts => concat(parts)?,
        };
        let mut places = vec![0_u32; self.order.len()];
        for (place, &row) in self.order.iter().enumerate() {
            places[row as usize] = place as u32;
        }
        Ok(take(&all, &UInt32Array::from(places), None)?)
    }
}

/// What the functions of an OVER know of each partition.
pub(super) struct Running {
    pub(super) groups: Groups,
    layout: Layout,
    functions: Vec<Function>,
    /// Rows and different values in the order so far, if a function counts them.
    pub(super) counters: Option<Vec<Counter>>,
    last_round: Vec<u32>,
}

/// What becomes of the values of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Rows are added for ever.
    Grows,
    /// Rows leave the frame too.
    Slides,
    /// They are computed anew again and again.
    Restarts,
}

/// Counted rows of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    pub(super) rows: i64,
    pub(super) values: i64,
}

/// Where the value of a call comes from.
#[derive(Clone, Copy, Debug)]
enum Function {
    Aggregate(usize),
    RowNumber,
    Rank,
    DenseRank,
    /// Whoever runs the rounds knows.
    Lag,
}

impl Running {
    /// For these calls over columns of the input.
    pub(super) fn new(
        calls: &[OverFunction],
        keys: &[usize],
        input: &arrow::datatypes::Schema,
        life: Life,
    ) -> Result<Self> {
        let mut aggregates: Vec<AggregateCall> = Vec::new();
        let functions = calls.iter().map(|call| match call {
            OverFunction::Aggregate(call) => {
                aggregates.push(call.clone());
                Function::Aggregate(aggregates.len() - 1)
            }
            OverFunction::RowNumber => Function::RowNumber,
            OverFunction::Rank => Function::Rank,
            OverFunction::DenseRank => Function::DenseRank,
            OverFunction::Lag { .. } => Function::Lag,
        });
        let functions: Vec<Function> = functions.collect();
        let counts = |function: &Function| {
            matches!(
                function,
                Function::RowNumber | Function::Rank | Function::DenseRank
            )
        };
        let layout = Layout::new(keys, &aggregates, input)?;
        Ok(Running {
            groups: match life {
                Life::Grows => Groups::new(&layout, false)?,
                Life::Slides => Groups::new(&layout, true)?,
                Life::Restarts => Groups::refilled(&layout)?,
            },
            layout,
            counters: functions.iter().any(counts).then(Vec::new),
            functions,
            last_round: Vec::new(),
        })
    }

    /// Makes room for all partitions that are known.
    pub(super) fn make_room(&mut self) {
        self.groups.make_room();
        self.make_room_for(self.groups.keys.id_bound());
    }

    /// Makes room for partitions that somebody else numbers.
    pub(super) fn make_room_for(&mut self, bound: usize) {
        self.groups.accumulators.resize(bound);
        if let Some(counters) = &mut self.counters {
            counters.resize(bound, Counter::default());
            self.last_round.resize(bound, 0);
        }
    }

    /// Adds rows, or takes them out of the frame.
    pub(super) fn change(&mut self, columns: &[ArrayRef], ids: &[u32], sign: i8) -> Result<()> {
        ids.iter().for_each(|&id| self.groups.tracker.touch_one(id));
        let signs = vec![sign; if sign < 0 { ids.len() } else { 0 }];
        if let Some(rows) = &mut self.groups.rows {
            ids.iter()
                .for_each(|&id| rows[id as usize] += i64::from(sign));
        }
        let columns = self.layout.pick(columns);
        self.groups.accumulators.update(Batch {
            columns: &columns,
            groups: ids,
            signs: (sign < 0).then_some(&signs),
        })
    }

    /// Adds the rows of a round and gives the values of its calls; `lag`: those of LAG, by call.
    pub(super) fn round(
        &mut self,
        columns: &[ArrayRef],
        ids: &[u32],
        lag: &mut dyn FnMut(usize) -> Result<ArrayRef>,
    ) -> Result<Vec<ArrayRef>> {
        self.change(columns, ids, 1)?;
        let results = self.groups.accumulators.evaluate(ids)?;
        let numbers = self.numbers(ids);
        let functions = self.functions.iter().enumerate();
        functions
            .map(|(call, function)| {
                Ok(match (*function, &numbers) {
                    (Function::Aggregate(index), _) => Arc::clone(&results[index]),
                    (Function::RowNumber, Some(numbers)) => Arc::clone(&numbers[0]),
                    (Function::Rank, Some(numbers)) => Arc::clone(&numbers[1]),
                    (Function::DenseRank, Some(numbers)) => Arc::clone(&numbers[2]),
                    (Function::Lag, _) => lag(call)?,
                    _ => return Err(Error::internal("a numbering without counters")),
                })
            })
            .collect()
    }

    /// Row numbers, ranks and dense ranks of the rows of a round.
    fn numbers(&mut self, ids: &[u32]) -> Option<[ArrayRef; 3]> {
        let counters = self.counters.as_mut()?;
        let before = |id: &u32| counters[*id as usize];
        let ranks: Vec<i64> = ids.iter().map(|id| before(id).rows + 1).collect();
        let dense: Vec<i64> = ids.iter().map(|id| before(id).values + 1).collect();
        let mut rows = Vec::with_capacity(ids.len());
        for &id in ids {
            let counter = &mut counters[id as usize];
            counter.rows += 1;
            rows.push(counter.rows);
            // Marks of the round: all its rows of a partition are equal in the order.
            if std::mem::replace(&mut self.last_round[id as usize], 1) == 0 {
                counter.values += 1;
            }
        }
        ids.iter().for_each(|&id| self.last_round[id as usize] = 0);
        let array = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
        Some([array(rows), array(ranks), array(dense)])
    }

    /// Forgets partitions, but not their numbers.
    pub(super) fn reset(&mut self, ids: &[u32]) -> Result<()> {
        self.groups.accumulators.reset(ids)?;
        if let Some(counters) = &mut self.counters {
            ids.iter()
                .for_each(|&id| counters[id as usize] = Counter::default());
        }
        Ok(())
    }

    /// Number of calls.
    pub(super) fn calls(&self) -> usize {
        self.functions.len()
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        let counters = self.counters.as_ref().map_or(0, Vec::capacity);
        self.groups.bytes() + counters * size_of::<Counter>() + self.last_round.capacity() * 4
    }
}
