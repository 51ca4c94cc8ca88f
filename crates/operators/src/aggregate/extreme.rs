//! MIN, MAX, EVERY and SOME over rows that may go: the ordered set of a group's values.
//!
//! A [`super::distinct::DistinctSet`] counts how often each value is there and tells when the first one
//! comes and the last one goes; here they are only kept in order, so that the next one is known when the
//! smallest goes.
//!
//! * Nothing of this is stored in a checkpoint: the values are entries of the distinct set, and a
//!   restore tells them again.
//! * Cost: O(log n) per value that is new or gone, nothing for one that is there already. Numbers lie in
//!   the nodes of the tree, eleven to a node; texts have their own memory.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, AsArray, BinaryBuilder, BooleanArray, PrimitiveArray,
    StringBuilder,
};
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use millstream_core::Result;

use super::kernel::{Accumulator, Grouped, Kernel, Rows, states_of};
use super::wrong_type;
use crate::state::bytes::Reader;

/// The smallest (or largest) of the values of type `arg` that are there.
pub(super) fn extreme(arg: &DataType, largest: bool) -> Result<Box<dyn Accumulator>> {
    match arg {
        DataType::Int8 => number::<Int8Type>(arg, largest),
        DataType::Int16 => number::<Int16Type>(arg, largest),
        DataType::Int32 => number::<Int32Type>(arg, largest),
        DataType::Int64 => number::<Int64Type>(arg, largest),
        DataType::Float32 => number::<Float32Type>(arg, largest),
        DataType::Float64 => number::<Float64Type>(arg, largest),
        DataType::Decimal128(_, _) => number::<Decimal128Type>(arg, largest),
        DataType::Date32 => number::<Date32Type>(arg, largest),
        DataType::Time32(TimeUnit::Millisecond) => number::<Time32MillisecondType>(arg, largest),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            number::<TimestampMillisecondType>(arg, largest)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            number::<TimestampMicrosecondType>(arg, largest)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            number::<TimestampNanosecondType>(arg, largest)
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            number::<IntervalYearMonthType>(arg, largest)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            number::<IntervalMonthDayNanoType>(arg, largest)
        }
        DataType::Boolean => boxed(Truth, largest),
        DataType::Utf8 => boxed(Text, largest),
        DataType::Binary => boxed(Bytes, largest),
        other => Err(wrong_type("a comparable value", other)),
    }
}

fn number<T: ArrowPrimitiveType>(ty: &DataType, largest: bool) -> Result<Box<dyn Accumulator>> {
    let values = Number::<T> {
        ty: ty.clone(),
        kind: PhantomData,
    };
    boxed(values, largest)
}

fn boxed<V: Values>(values: V, largest: bool) -> Result<Box<dyn Accumulator>> {
    Grouped::boxed(Extreme { values, largest })
}

/// Values of one type that can be ordered.
trait Values: Send + 'static {
    /// A value in its order.
    type Value: Ord + Clone + Send + 'static;

    /// Calls `visit(value, group, sign)` for each value that counts.
    fn each(&self, rows: &Rows<'_>, visit: impl FnMut(Self::Value, usize, i64));

    /// Values as a column.
    fn column<'a>(
        &self,
        values: impl ExactSizeIterator<Item = Option<&'a Self::Value>>,
    ) -> Result<ArrayRef>;

    /// Bytes a value holds besides itself.
    fn heap_bytes(_value: &Self::Value) -> usize {
        0
    }
}

struct Extreme<V> {
    values: V,
    largest: bool,
}

impl<V: Values> Kernel for Extreme<V> {
    type State = BTreeSet<V::Value>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        self.values.each(rows, |value, group, sign| {
            if sign > 0 {
                states[group].insert(value);
            } else {
                states[group].remove(&value);
            }
        });
        Ok(())
    }

    fn absorb(&mut self, into: &mut Self::State, from: &Self::State) {
        into.extend(from.iter().cloned());
    }

    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef> {
        let ends = states_of(states, groups).map(|values| match self.largest {
            true => values.last(),
            false => values.first(),
        });
        self.values.column(ends)
    }

    const HAS_HEAP: bool = true;

    fn heap_bytes(&self, state: &Self::State) -> usize {
        // A node has room for eleven values and is two thirds full on the average.
        let nodes = state.len() * size_of::<V::Value>() * 3 / 2;
        nodes + state.iter().map(V::heap_bytes).sum::<usize>()
    }

    const REBUILT: bool = true;

    fn save(&self, _state: &Self::State, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn load(&self, _from: &mut Reader<'_>) -> Result<Self::State> {
        Ok(Self::State::default())
    }
}

/// A number in its total order: NaN is the largest.
#[derive(Clone, Copy)]
struct Total<N>(N);

impl<N: ArrowNativeTypeOp> PartialEq for Total<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_eq(other.0)
    }
}

impl<N: ArrowNativeTypeOp> Eq for Total<N> {}

impl<N: ArrowNativeTypeOp> PartialOrd for Total<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<N: ArrowNativeTypeOp> Ord for Total<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.compare(other.0)
    }
}

struct Number<T> {
    ty: DataType,
    kind: PhantomData<fn() -> T>,
}

impl<T: ArrowPrimitiveType> Values for Number<T> {
    type Value = Total<T::Native>;

    fn each(&self, rows: &Rows<'_>, mut visit: impl FnMut(Self::Value, usize, i64)) {
        let values = rows.args[0].as_primitive::<T>().values();
        rows.each(|row, group, sign| visit(Total(values[row]), group, sign));
    }

    fn column<'a>(
        &self,
        values: impl ExactSizeIterator<Item = Option<&'a Self::Value>>,
    ) -> Result<ArrayRef> {
        let array: PrimitiveArray<T> = values.map(|value| value.map(|total| total.0)).collect();
        Ok(Arc::new(array.with_data_type(self.ty.clone())))
    }
}

struct Truth;

impl Values for Truth {
    type Value = bool;

    fn each(&self, rows: &Rows<'_>, mut visit: impl FnMut(bool, usize, i64)) {
        let values = rows.args[0].as_boolean();
        rows.each(|row, group, sign| visit(values.value(row), group, sign));
    }

    fn column<'a>(
        &self,
        values: impl ExactSizeIterator<Item = Option<&'a bool>>,
    ) -> Result<ArrayRef> {
        let array: BooleanArray = values.map(|value| value.copied()).collect();
        Ok(Arc::new(array))
    }
}

struct Text;

impl Values for Text {
    type Value = Box<str>;

    fn each(&self, rows: &Rows<'_>, mut visit: impl FnMut(Box<str>, usize, i64)) {
        let values = rows.args[0].as_string::<i32>();
        rows.each(|row, group, sign| visit(values.value(row).into(), group, sign));
    }

    fn column<'a>(
        &self,
        values: impl ExactSizeIterator<Item = Option<&'a Box<str>>>,
    ) -> Result<ArrayRef> {
        let mut builder = StringBuilder::new();
        values.for_each(|value| builder.append_option(value));
        Ok(Arc::new(builder.finish()))
    }

    fn heap_bytes(value: &Box<str>) -> usize {
        value.len()
    }
}

struct Bytes;

impl Values for Bytes {
    type Value = Box<[u8]>;

    fn each(&self, rows: &Rows<'_>, mut visit: impl FnMut(Box<[u8]>, usize, i64)) {
        let values = rows.args[0].as_binary::<i32>();
        rows.each(|row, group, sign| visit(values.value(row).into(), group, sign));
    }

    fn column<'a>(
        &self,
        values: impl ExactSizeIterator<Item = Option<&'a Box<[u8]>>>,
    ) -> Result<ArrayRef> {
        let mut builder = BinaryBuilder::new();
        values.for_each(|value| builder.append_option(value));
        Ok(Arc::new(builder.finish()))
    }

    fn heap_bytes(value: &Box<[u8]>) -> usize {
        value.len()
    }
}
