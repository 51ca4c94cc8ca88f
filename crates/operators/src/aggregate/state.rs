//! The states of aggregates in a checkpoint.
//!
//! A group's plain states lie one behind the other in the value of its entry; the form says of what
//! kind they are. Distinct sets are tables of their own, numbered after that of the groups.

use arrow::array::ArrayRef;
use arrow::datatypes::Schema;
use millstream_core::Result;
use millstream_core::state::{StateChunk, StateWriter};
use millstream_plan::AggregateCall;

use super::Accumulators;
use crate::state::bytes::Reader;
use crate::state::codec::{type_text, types_text};
use crate::state::entries::{KeyCodec, Place};

/// Finds or makes the groups of keys.
pub(crate) type GroupsOf<'a> = dyn FnMut(&[ArrayRef], usize) -> Result<Vec<u32>> + 'a;

/// What the saved state of a call is.
pub(super) fn form_of(call: &AggregateCall, input: &Schema) -> Result<String> {
    let args = call.args.iter().map(|&arg| input.field(arg).data_type());
    let distinct = if call.distinct { "distinct " } else { "" };
    Ok(format!(
        "{}({distinct}{}) {}",
        call.function.name(),
        types_text(args)?,
        type_text(call.field.data_type())?
    ))
}

impl Accumulators {
    /// What the saved states are, a line each.
    pub(crate) fn form(&self) -> &[String] {
        &self.form
    }

    /// Number of distinct sets, each a table in a checkpoint.
    pub(crate) fn distinct_sets(&self) -> usize {
        self.distinct.len()
    }

    /// Appends the states of a group.
    pub(crate) fn save(&self, group: u32, out: &mut Vec<u8>) -> Result<()> {
        let mut accumulators = self.accumulators.iter();
        accumulators.try_for_each(|accumulator| accumulator.save(group, out))
    }

    /// Takes the states of a group back.
    pub(crate) fn load(&mut self, group: u32, from: &mut Reader<'_>) -> Result<()> {
        let mut accumulators = self.accumulators.iter_mut();
        accumulators.try_for_each(|accumulator| accumulator.load(group, from))
    }

    /// Writes the distinct values that are new or have gone, from the table of `place` on; `keys`
    /// gives the keys of groups.
    pub(crate) fn snapshot_distinct(
        &mut self,
        place: Place,
        codec: &mut KeyCodec,
        keys: &dyn Fn(&[u32]) -> Result<Vec<ArrayRef>>,
        state: &mut dyn StateWriter,
    ) -> Result<()> {
        for (index, set) in self.distinct.iter_mut().enumerate() {
            let place = Place {
                table: place.table + index as u8,
                ..place
            };
            set.snapshot(place, codec, keys, state)?;
        }
        Ok(())
    }

    /// Takes distinct values of a set back.
    pub(crate) fn restore_distinct(
        &mut self,
        set: usize,
        chunk: &StateChunk,
        codec: &mut KeyCodec,
        groups_of: &mut GroupsOf<'_>,
    ) -> Result<()> {
        self.distinct[set].restore(chunk, codec, groups_of, &mut self.accumulators)
    }

    /// To be called after groups were reset or combined, while `keys` still knows them.
    pub(crate) fn name_buried(
        &mut self,
        codec: &mut KeyCodec,
        keys: &dyn Fn(&[u32]) -> Result<Vec<ArrayRef>>,
    ) -> Result<()> {
        let mut sets = self.distinct.iter_mut();
        sets.try_for_each(|set| set.name_buried(codec, keys))
    }

    /// Says that all groups have got another place in the checkpoint.
    pub(crate) fn moved(&mut self) {
        self.distinct.iter_mut().for_each(|set| set.moved());
    }

    /// Says that a checkpoint may hold any of the values, but not as they are now.
    pub(crate) fn adopted(&mut self) {
        self.distinct.iter_mut().for_each(|set| set.adopted());
    }
}
