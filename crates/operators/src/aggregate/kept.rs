//! FIRST_VALUE, LAST_VALUE and LISTAGG over rows that may go: all values of a group in the order in which
//! they came.
//!
//! A value that goes takes the first one that equals it, as in Flink. NULLs are ignored. The values are
//! kept one by one, as these are never hot, and a checkpoint writes all values of a group that has
//! changed.
//!
//! Source: Apache Flink, `FirstValueWithRetractAggFunction`, `ListAggWithRetractAggFunction`.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder, new_empty_array};
use arrow::datatypes::DataType;
use datafusion_common::ScalarValue;
use millstream_core::{Error, Result};

use super::kernel::{Accumulator, Grouped, Kernel, Rows, states_of};
use super::list::{fits, value_at};
use super::wrong_type;
use crate::state::bytes::Reader;
use crate::state::codec::{put_scalars, scalars};

/// What the values of a group give.
#[derive(Clone)]
enum Gives {
    First,
    Last,
    /// All of them, joined by a separator.
    Text(Arc<str>),
}

/// FIRST_VALUE of a column of type `arg`.
pub(super) fn first(arg: &DataType) -> Result<Box<dyn Accumulator>> {
    boxed(arg, Gives::First)
}

/// LAST_VALUE of a column of type `arg`.
pub(super) fn last(arg: &DataType) -> Result<Box<dyn Accumulator>> {
    boxed(arg, Gives::Last)
}

/// LISTAGG of a text column.
pub(super) fn text(arg: &DataType, separator: &Arc<str>) -> Result<Box<dyn Accumulator>> {
    match arg {
        DataType::Utf8 => boxed(arg, Gives::Text(Arc::clone(separator))),
        other => Err(wrong_type("STRING", other)),
    }
}

fn boxed(arg: &DataType, gives: Gives) -> Result<Box<dyn Accumulator>> {
    Grouped::boxed(Kept {
        ty: arg.clone(),
        gives,
    })
}

struct Kept {
    ty: DataType,
    gives: Gives,
}

impl Kept {
    fn joined<'a>(
        groups: impl Iterator<Item = &'a VecDeque<ScalarValue>>,
        separator: &str,
    ) -> Result<ArrayRef> {
        let mut builder = StringBuilder::new();
        let (mut text, mut total) = (String::new(), 0);
        for values in groups {
            if values.is_empty() {
                builder.append_null();
                continue;
            }
            text.clear();
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    text.push_str(separator);
                }
                text.push_str(value.try_as_str().flatten().unwrap_or_default());
            }
            total += text.len();
            fits("LISTAGG", total)?;
            builder.append_value(&text);
        }
        Ok(Arc::new(builder.finish()))
    }
}

impl Kernel for Kept {
    type State = VecDeque<ScalarValue>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let mut failure = None;
        rows.each(|row, group, sign| match value_at(&rows.args[0], row) {
            Ok(value) if sign > 0 => states[group].push_back(value),
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
        into.extend(from.iter().cloned());
    }

    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef> {
        if groups.is_empty() {
            return Ok(new_empty_array(&self.ty));
        }
        let groups = states_of(states, groups);
        let null = ScalarValue::try_from(&self.ty).map_err(|e| Error::internal(e.to_string()))?;
        let one = |value: Option<&ScalarValue>| value.unwrap_or(&null).clone();
        let column = match &self.gives {
            Gives::Text(separator) => return Self::joined(groups, separator),
            Gives::First => ScalarValue::iter_to_array(groups.map(|values| one(values.front()))),
            Gives::Last => ScalarValue::iter_to_array(groups.map(|values| one(values.back()))),
        };
        column.map_err(|e| Error::internal(e.to_string()))
    }

    const HAS_HEAP: bool = true;

    fn heap_bytes(&self, state: &Self::State) -> usize {
        state.iter().map(ScalarValue::size).sum()
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        let values: Vec<ScalarValue> = state.iter().cloned().collect();
        put_scalars(&values, &self.ty, out)
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Self::State> {
        scalars(from, &self.ty).map(VecDeque::from)
    }
}
