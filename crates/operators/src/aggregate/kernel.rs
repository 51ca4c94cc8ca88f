//! What an aggregate is: a state per group, and four functions on states.
//!
//! The states of all groups are one vector of small structs, so an update touches one cache line
//! per row. A kernel's loops are compiled for its own types; the only dynamic call is one per
//! aggregate and batch.

use std::any::Any;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use millstream_core::{Error, Result};

use crate::state::bytes::Reader;
use crate::state::grow::make_room;

/// The rows an aggregate takes from a batch.
pub(super) struct Rows<'a> {
    /// Its arguments, all of one length.
    pub(super) args: &'a [ArrayRef],
    /// The group of each row.
    pub(super) groups: &'a [u32],
    /// Only these rows count.
    pub(super) chosen: Option<&'a BooleanBuffer>,
    /// +1 for a row that comes, −1 for one that goes.
    pub(super) signs: Option<&'a [i8]>,
}

impl Rows<'_> {
    /// Calls `visit(row, group, sign)` for each row that counts and whose arguments are not NULL.
    pub(super) fn each(&self, visit: impl FnMut(usize, usize, i64)) {
        let mut nulls: Option<NullBuffer> = None;
        for arg in self.args {
            // Logical: a Null-typed column has no bitmap and yet only NULLs.
            nulls = NullBuffer::union(nulls.as_ref(), arg.logical_nulls().as_ref());
        }
        self.each_with(nulls.as_ref(), visit);
    }

    /// As [`each`](Self::each) for all rows that count, NULL or not.
    pub(super) fn each_or_null(&self, visit: impl FnMut(usize, usize, i64)) {
        self.each_with(None, visit);
    }

    fn each_with(&self, nulls: Option<&NullBuffer>, mut visit: impl FnMut(usize, usize, i64)) {
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        let mask = match (self.chosen, nulls) {
            (None, None) => None,
            (Some(chosen), None) => Some(chosen.clone()),
            (None, Some(nulls)) => Some(nulls.inner().clone()),
            (Some(chosen), Some(nulls)) => Some(chosen & nulls.inner()),
        };
        match (mask, self.signs) {
            (None, None) => {
                for (row, &group) in self.groups.iter().enumerate() {
                    visit(row, group as usize, 1);
                }
            }
            (None, Some(signs)) => {
                for (row, (&group, &sign)) in self.groups.iter().zip(signs).enumerate() {
                    visit(row, group as usize, i64::from(sign));
                }
            }
            (Some(mask), None) => {
                for row in mask.set_indices() {
                    visit(row, self.groups[row] as usize, 1);
                }
            }
            (Some(mask), Some(signs)) => {
                for row in mask.set_indices() {
                    visit(row, self.groups[row] as usize, i64::from(signs[row]));
                }
            }
        }
    }
}

/// An aggregate function on states.
///
/// `absorb` must be associative, and `State::default()` its neutral element.
pub(super) trait Kernel: Send + 'static {
    /// What a group remembers.
    type State: Clone + Default + Send + 'static;

    /// Adds rows to the states of their groups.
    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()>;

    /// Adds what another state has seen, as if its rows came after ours.
    fn absorb(&mut self, into: &mut Self::State, from: &Self::State);

    /// The results of some groups.
    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef>;

    /// Appends a state for a checkpoint; stable across releases (see `state::form::VERSION`).
    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()>;

    /// Takes a state back.
    fn load(&self, from: &mut Reader<'_>) -> Result<Self::State>;

    /// Bytes a state holds besides itself.
    fn heap_bytes(&self, _state: &Self::State) -> usize {
        0
    }

    /// True if `heap_bytes` is worth asking.
    const HAS_HEAP: bool = false;

    /// True if states are not stored: a distinct set tells their values again after a restore.
    const REBUILT: bool = false;
}

/// An aggregate over groups, its kind forgotten.
pub(super) trait Accumulator: Send {
    /// Makes room for groups below `groups`; never fewer than before.
    fn resize(&mut self, groups: usize);
    /// Adds rows.
    fn update(&mut self, rows: &Rows<'_>) -> Result<()>;
    /// Adds the groups of another accumulator of the same kind: its `i` to our `groups[i]`.
    fn merge(&mut self, other: &dyn Accumulator, groups: &[u32]) -> Result<()>;
    /// Moves one group into another.
    fn combine(&mut self, into: u32, from: u32);
    /// The results of some groups.
    fn evaluate(&self, groups: &[u32]) -> Result<ArrayRef>;
    /// Appends the state of a group for a checkpoint.
    fn save(&self, group: u32, out: &mut Vec<u8>) -> Result<()>;
    /// Takes the state of a group back.
    fn load(&mut self, group: u32, from: &mut Reader<'_>) -> Result<()>;
    /// True if states are not stored: a distinct set tells their values again after a restore.
    fn is_rebuilt(&self) -> bool;
    /// Empties some groups.
    fn reset(&mut self, groups: &[u32]);
    /// Keeps these groups only, ascending: `groups[i]` becomes `i`.
    fn keep(&mut self, groups: &[u32]);
    /// Forgets all groups.
    fn clear(&mut self);
    /// Bytes of memory held.
    fn bytes(&self) -> usize;
    /// Itself, to find out its kind.
    fn as_any(&self) -> &dyn Any;
}

/// A kernel and the states of its groups.
pub(super) struct Grouped<K: Kernel> {
    kernel: K,
    states: Vec<K::State>,
}

impl<K: Kernel> Grouped<K> {
    /// A boxed accumulator without groups.
    pub(super) fn boxed(kernel: K) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Grouped {
            kernel,
            states: Vec::new(),
        }))
    }
}

impl<K: Kernel> Accumulator for Grouped<K> {
    fn resize(&mut self, groups: usize) {
        if groups > self.states.len() {
            let more = groups - self.states.len();
            make_room(&mut self.states, more);
            self.states.resize(groups, K::State::default());
        }
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        self.kernel.update(&mut self.states, rows)
    }

    fn merge(&mut self, other: &dyn Accumulator, groups: &[u32]) -> Result<()> {
        let other = other
            .as_any()
            .downcast_ref::<Self>()
            .ok_or_else(|| Error::internal("aggregates of different kinds cannot be merged"))?;
        for (state, &group) in other.states.iter().zip(groups) {
            self.kernel.absorb(&mut self.states[group as usize], state);
        }
        Ok(())
    }

    fn combine(&mut self, into: u32, from: u32) {
        let state = std::mem::take(&mut self.states[from as usize]);
        self.kernel.absorb(&mut self.states[into as usize], &state);
    }

    fn evaluate(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.kernel.evaluate(&self.states, groups)
    }

    fn save(&self, group: u32, out: &mut Vec<u8>) -> Result<()> {
        self.kernel.save(&self.states[group as usize], out)
    }

    fn load(&mut self, group: u32, from: &mut Reader<'_>) -> Result<()> {
        if !K::REBUILT {
            self.states[group as usize] = self.kernel.load(from)?;
        }
        Ok(())
    }

    fn is_rebuilt(&self) -> bool {
        K::REBUILT
    }

    fn reset(&mut self, groups: &[u32]) {
        for &group in groups {
            self.states[group as usize] = K::State::default();
        }
    }

    fn keep(&mut self, groups: &[u32]) {
        for (new, &group) in groups.iter().enumerate() {
            self.states.swap(new, group as usize);
        }
        self.states.truncate(groups.len());
        self.states.shrink_to_fit();
    }

    fn clear(&mut self) {
        self.states.clear();
    }

    fn bytes(&self) -> usize {
        let heap = if K::HAS_HEAP { self.heap() } else { 0 };
        self.states.capacity() * size_of::<K::State>() + heap
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<K: Kernel> Grouped<K> {
    /// What the states hold besides themselves, by some of them: this is asked often.
    fn heap(&self) -> usize {
        let step = (self.states.len() / SAMPLE).max(1);
        let some = self.states.iter().step_by(step);
        let (count, bytes) = some.fold((0, 0), |(count, bytes), state| {
            (count + 1, bytes + self.kernel.heap_bytes(state))
        });
        match count {
            0 => 0,
            count => (bytes as u128 * self.states.len() as u128 / count) as usize,
        }
    }
}

/// About how many states are asked what they hold besides themselves.
const SAMPLE: usize = 512;

/// The states of `groups`, in order.
pub(super) fn states_of<'a, S>(
    states: &'a [S],
    groups: &'a [u32],
) -> impl ExactSizeIterator<Item = &'a S> {
    groups.iter().map(|&group| &states[group as usize])
}
