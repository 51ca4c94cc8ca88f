//! LISTAGG, ARRAY_AGG, COLLECT: aggregates that keep all of their values.
//!
//! Their state grows with the group; the values are kept one by one, as these are never hot. A
//! checkpoint writes all values of a group that has got another one.
//! ARRAY_AGG and COLLECT can take values back; a LISTAGG that can is in [`super::kept`].
//! LISTAGG and COLLECT ignore NULLs; ARRAY_AGG keeps them. A group without a value gives NULL for
//! LISTAGG and ARRAY_AGG and an empty multiset for COLLECT.
//!
//! Source: Apache Flink, `ListAggFunction`, `ArrayAggFunction`, `CollectAggFunction`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Int32Array, ListArray, MapArray, StringBuilder, StructArray, new_empty_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef};
use datafusion_common::ScalarValue;
use hashbrown::HashMap;
use millstream_core::{Code, Error, Result};

use super::kernel::{Accumulator, Grouped, Kernel, Rows, states_of};
use super::wrong_type;
use crate::state::bytes::{Fixed, Reader, damaged, put_optional};
use crate::state::codec::{put_scalars, scalars};

/// LISTAGG of a text column.
pub(super) fn text(arg: &DataType, separator: &Arc<str>) -> Result<Box<dyn Accumulator>> {
    match arg {
        DataType::Utf8 => Grouped::boxed(Texts {
            separator: Arc::clone(separator),
        }),
        other => Err(wrong_type("STRING", other)),
    }
}

/// ARRAY_AGG of a column of type `arg`.
pub(super) fn array(arg: &DataType, result: &DataType) -> Result<Box<dyn Accumulator>> {
    match result {
        DataType::List(element) if element.data_type() == arg => Grouped::boxed(Values {
            element: Arc::clone(element),
        }),
        other => Err(wrong_type(&format!("an ARRAY of {arg} as result"), other)),
    }
}

/// COLLECT of a column of type `arg`.
pub(super) fn multiset(arg: &DataType, result: &DataType) -> Result<Box<dyn Accumulator>> {
    match result {
        DataType::Map(entries, false) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 && pair[0].data_type() == arg => {
                Grouped::boxed(Counts {
                    entries: Arc::clone(entries),
                })
            }
            other => Err(wrong_type(&format!("a MULTISET of {arg}"), other)),
        },
        other => Err(wrong_type(&format!("a MULTISET of {arg}"), other)),
    }
}

struct Texts {
    separator: Arc<str>,
}

impl Texts {
    fn append(&self, kept: &mut Option<String>, text: &str) {
        match kept {
            None => *kept = Some(text.to_owned()),
            Some(kept) => {
                kept.push_str(&self.separator);
                kept.push_str(text);
            }
        }
    }
}

impl Kernel for Texts {
    type State = Option<String>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_string::<i32>();
        rows.each(|row, group, _| self.append(&mut states[group], values.value(row)));
        Ok(())
    }

    fn absorb(&mut self, into: &mut Self::State, from: &Self::State) {
        if let Some(text) = from {
            self.append(into, text);
        }
    }

    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef> {
        let lengths = states_of(states, groups).map(|text| text.as_ref().map_or(0, String::len));
        fits("LISTAGG", lengths.sum())?;
        let mut builder = StringBuilder::new();
        states_of(states, groups).for_each(|text| builder.append_option(text.as_deref()));
        Ok(Arc::new(builder.finish()))
    }

    const HAS_HEAP: bool = true;

    fn heap_bytes(&self, state: &Self::State) -> usize {
        state.as_ref().map_or(0, String::capacity)
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        put_optional(state.as_ref().map(String::as_bytes), out);
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Self::State> {
        let text = from.optional()?.map(std::str::from_utf8).transpose();
        let text = text.map_err(|e| damaged("a text is not UTF-8").caused_by(e))?;
        Ok(text.map(str::to_owned))
    }
}

struct Values {
    element: FieldRef,
}

impl Kernel for Values {
    type State = Vec<ScalarValue>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let mut failure = None;
        rows.each_or_null(|row, group, sign| match value_at(&rows.args[0], row) {
            Ok(value) if sign > 0 => states[group].push(value),
            // The first one that equals it, as in Flink.
            Ok(value) => {
                let values = &mut states[group];
                if let Some(at) = values.iter().position(|kept| *kept == value) {
                    values.remove(at);
                }
            }
            Err(error) => failure = Some(error),
        });
        failure.map_or(Ok(()), Err)
    }

    fn absorb(&mut self, into: &mut Self::State, from: &Self::State) {
        into.extend_from_slice(from);
    }

    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef> {
        fits("ARRAY_AGG", states_of(states, groups).map(Vec::len).sum())?;
        let values = states_of(states, groups).flatten().cloned();
        let values = array_of(values, self.element.data_type())?;
        let offsets = OffsetBuffer::from_lengths(states_of(states, groups).map(Vec::len));
        let nulls: NullBuffer = states_of(states, groups).map(|v| !v.is_empty()).collect();
        let list = ListArray::try_new(Arc::clone(&self.element), offsets, values, Some(nulls))?;
        Ok(Arc::new(list))
    }

    const HAS_HEAP: bool = true;

    fn heap_bytes(&self, state: &Self::State) -> usize {
        state.iter().map(ScalarValue::size).sum()
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        put_scalars(state, self.element.data_type(), out)
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Self::State> {
        scalars(from, self.element.data_type())
    }
}

struct Counts {
    entries: FieldRef,
}

impl Counts {
    fn value_type(&self) -> Result<&DataType> {
        match self.entries.data_type() {
            DataType::Struct(pair) => Ok(pair[0].data_type()),
            _ => Err(Error::internal("a multiset is a map")),
        }
    }
}

/// Values in the order they first came, and how often each did.
#[derive(Clone, Default)]
struct Multiset {
    order: Vec<ScalarValue>,
    counts: HashMap<ScalarValue, i32>,
}

impl Multiset {
    fn add(&mut self, value: ScalarValue, times: i32) {
        if let Some(count) = self.counts.get_mut(&value) {
            *count = count.saturating_add(times);
        } else {
            self.order.push(value.clone());
            self.counts.insert(value, times);
        }
    }

    fn take(&mut self, value: &ScalarValue) {
        let Some(count) = self.counts.get_mut(value) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(value);
            self.order.retain(|kept| kept != value);
        }
    }
}

impl Kernel for Counts {
    type State = Multiset;

    fn update(&mut self, states: &mut [Multiset], rows: &Rows<'_>) -> Result<()> {
        let mut failure = None;
        rows.each(|row, group, sign| match value_at(&rows.args[0], row) {
            Ok(value) if sign > 0 => states[group].add(value, 1),
            Ok(value) => states[group].take(&value),
            Err(error) => failure = Some(error),
        });
        failure.map_or(Ok(()), Err)
    }

    fn absorb(&mut self, into: &mut Multiset, from: &Multiset) {
        for value in &from.order {
            into.add(value.clone(), from.counts[value]);
        }
    }

    fn evaluate(&self, states: &[Multiset], groups: &[u32]) -> Result<ArrayRef> {
        let lengths = || states_of(states, groups).map(|set| set.order.len());
        fits("COLLECT", lengths().sum())?;
        let DataType::Struct(pair) = self.entries.data_type() else {
            return Err(Error::internal("a multiset is a map"));
        };
        let values = states_of(states, groups).flat_map(|set| set.order.iter().cloned());
        let values = array_of(values, pair[0].data_type())?;
        let counts = states_of(states, groups)
            .flat_map(|set| set.order.iter().map(|value| set.counts[value]));
        let counts: ArrayRef = Arc::new(Int32Array::from_iter_values(counts));
        let entries = StructArray::try_new(pair.clone(), vec![values, counts], None)?;
        let offsets = OffsetBuffer::from_lengths(lengths());
        let map = MapArray::try_new(Arc::clone(&self.entries), offsets, entries, None, false)?;
        Ok(Arc::new(map))
    }

    const HAS_HEAP: bool = true;

    fn heap_bytes(&self, state: &Multiset) -> usize {
        2 * state.order.iter().map(ScalarValue::size).sum::<usize>()
            + state.counts.allocation_size()
    }

    fn save(&self, state: &Multiset, out: &mut Vec<u8>) -> Result<()> {
        put_scalars(&state.order, self.value_type()?, out)?;
        let counts = state.order.iter().map(|value| state.counts[value]);
        counts.for_each(|count| count.put(out));
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Multiset> {
        let mut set = Multiset::default();
        for value in scalars(from, self.value_type()?)? {
            if set.counts.contains_key(&value) {
                return Err(damaged("a value is in a multiset twice"));
            }
            set.add(value, 0);
        }
        for value in &set.order {
            if let Some(count) = set.counts.get_mut(value) {
                *count = from.fixed()?;
            }
        }
        Ok(set)
    }
}

/// One value, holding on to nothing of its batch.
pub(super) fn value_at(array: &ArrayRef, row: usize) -> Result<ScalarValue> {
    ScalarValue::try_from_array(array, row)
        .map(ScalarValue::compacted)
        .map_err(|e| Error::internal(e.to_string()))
}

fn array_of(values: impl Iterator<Item = ScalarValue>, ty: &DataType) -> Result<ArrayRef> {
    let mut values = values.peekable();
    if values.peek().is_none() {
        return Ok(new_empty_array(ty));
    }
    ScalarValue::iter_to_array(values).map_err(|e| Error::internal(e.to_string()))
}

/// Arrow counts the bytes or values of a column in 31 bits.
pub(super) fn fits(function: &str, total: usize) -> Result<()> {
    match i32::try_from(total) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::new(
            Code::Evaluation,
            format!("{function} wants at most 2147483647 bytes or values per batch, found {total}"),
        )),
    }
}
