//! MIN, MAX, FIRST_VALUE, LAST_VALUE: aggregates that keep one of their values.
//!
//! They differ only in when a value replaces the one kept. Numbers, times and booleans are kept in
//! place; texts and binaries in a buffer per group that is used again. Floating-point numbers are
//! ordered totally, NaN last. NULLs are ignored by all four, as in Flink.

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
use datafusion_common::ScalarValue;
use millstream_core::{Error, Result};

use super::kernel::{Accumulator, Grouped, Kernel, Rows, states_of};
use super::wrong_type;
use crate::state::bytes::{Fixed, Reader, damaged, put_optional};
use crate::state::codec::{put_scalars, scalars};

/// When a value replaces the one kept.
trait Rule: Send + 'static {
    /// `less(a, b)` compares values.
    fn replaces<V: ?Sized>(new: &V, kept: &V, less: impl Fn(&V, &V) -> bool) -> bool;
}

struct Min;
struct Max;
struct First;
struct Last;

impl Rule for Min {
    #[inline]
    fn replaces<V: ?Sized>(new: &V, kept: &V, less: impl Fn(&V, &V) -> bool) -> bool {
        less(new, kept)
    }
}

impl Rule for Max {
    #[inline]
    fn replaces<V: ?Sized>(new: &V, kept: &V, less: impl Fn(&V, &V) -> bool) -> bool {
        less(kept, new)
    }
}

impl Rule for First {
    #[inline]
    fn replaces<V: ?Sized>(_new: &V, _kept: &V, _less: impl Fn(&V, &V) -> bool) -> bool {
        false
    }
}

impl Rule for Last {
    #[inline]
    fn replaces<V: ?Sized>(_new: &V, _kept: &V, _less: impl Fn(&V, &V) -> bool) -> bool {
        true
    }
}

/// MIN of a column of type `arg`.
pub(super) fn min(arg: &DataType) -> Result<Box<dyn Accumulator>> {
    comparable::<Min>(arg).unwrap_or_else(|| Err(wrong_type("a comparable value", arg)))
}

/// MAX of a column of type `arg`.
pub(super) fn max(arg: &DataType) -> Result<Box<dyn Accumulator>> {
    comparable::<Max>(arg).unwrap_or_else(|| Err(wrong_type("a comparable value", arg)))
}

/// FIRST_VALUE of a column of type `arg`.
pub(super) fn first(arg: &DataType) -> Result<Box<dyn Accumulator>> {
    comparable::<First>(arg).unwrap_or_else(|| Any::<First>::boxed(arg))
}

/// LAST_VALUE of a column of type `arg`.
pub(super) fn last(arg: &DataType) -> Result<Box<dyn Accumulator>> {
    comparable::<Last>(arg).unwrap_or_else(|| Any::<Last>::boxed(arg))
}

fn comparable<R: Rule>(arg: &DataType) -> Option<Result<Box<dyn Accumulator>>> {
    Some(match arg {
        DataType::Int8 => Number::<Int8Type, R>::boxed(arg),
        DataType::Int16 => Number::<Int16Type, R>::boxed(arg),
        DataType::Int32 => Number::<Int32Type, R>::boxed(arg),
        DataType::Int64 => Number::<Int64Type, R>::boxed(arg),
        DataType::Float32 => Number::<Float32Type, R>::boxed(arg),
        DataType::Float64 => Number::<Float64Type, R>::boxed(arg),
        DataType::Decimal128(_, _) => Number::<Decimal128Type, R>::boxed(arg),
        DataType::Date32 => Number::<Date32Type, R>::boxed(arg),
        DataType::Time32(TimeUnit::Millisecond) => Number::<Time32MillisecondType, R>::boxed(arg),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Number::<TimestampMillisecondType, R>::boxed(arg)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Number::<TimestampMicrosecondType, R>::boxed(arg)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Number::<TimestampNanosecondType, R>::boxed(arg)
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            Number::<IntervalYearMonthType, R>::boxed(arg)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            Number::<IntervalMonthDayNanoType, R>::boxed(arg)
        }
        DataType::Boolean => Grouped::boxed(Truth::<R>(PhantomData)),
        DataType::Utf8 | DataType::Binary => Grouped::boxed(Text::<R> {
            binary: *arg == DataType::Binary,
            rule: PhantomData,
        }),
        _ => return None,
    })
}

/// Anything that fits a machine word or two.
struct Number<T, R> {
    ty: DataType,
    types: PhantomData<fn() -> (T, R)>,
}

#[derive(Clone, Copy, Default)]
struct Kept<N> {
    value: N,
    is_set: bool,
}

impl<T: ArrowPrimitiveType<Native: Fixed>, R: Rule> Number<T, R> {
    fn boxed(ty: &DataType) -> Result<Box<dyn Accumulator>> {
        Grouped::boxed(Number::<T, R> {
            ty: ty.clone(),
            types: PhantomData,
        })
    }

    #[inline]
    fn offer(kept: &mut Kept<T::Native>, value: T::Native) {
        if !kept.is_set || R::replaces(&value, &kept.value, |a, b| a.is_lt(*b)) {
            kept.value = value;
            kept.is_set = true;
        }
    }
}

impl<T: ArrowPrimitiveType<Native: Fixed>, R: Rule> Kernel for Number<T, R> {
    type State = Kept<T::Native>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_primitive::<T>().values();
        rows.each(|row, group, _| Self::offer(&mut states[group], values[row]));
        Ok(())
    }

    fn absorb(&mut self, into: &mut Self::State, from: &Self::State) {
        if from.is_set {
            Self::offer(into, from.value);
        }
    }

    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef> {
        let values = states_of(states, groups).map(|kept| kept.is_set.then_some(kept.value));
        let array: PrimitiveArray<T> = values.collect();
        Ok(Arc::new(array.with_data_type(self.ty.clone())))
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        u8::from(state.is_set).put(out);
        if state.is_set {
            state.value.put(out);
        }
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Self::State> {
        Ok(match from.flag()? {
            true => Kept {
                value: from.fixed()?,
                is_set: true,
            },
            false => Kept::default(),
        })
    }
}

/// BOOLEAN; FALSE is less than TRUE.
struct Truth<R>(PhantomData<R>);

impl<R: Rule> Truth<R> {
    fn offer(kept: &mut Option<bool>, value: bool) {
        if kept.is_none_or(|kept| R::replaces(&value, &kept, |a, b| !a & b)) {
            *kept = Some(value);
        }
    }
}

impl<R: Rule> Kernel for Truth<R> {
    type State = Option<bool>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let values = rows.args[0].as_boolean();
        rows.each(|row, group, _| Self::offer(&mut states[group], values.value(row)));
        Ok(())
    }

    fn absorb(&mut self, into: &mut Self::State, from: &Self::State) {
        if let Some(value) = from {
            Self::offer(into, *value);
        }
    }

    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef> {
        let values: BooleanArray = states_of(states, groups).copied().collect();
        Ok(Arc::new(values))
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        state.map_or(2, u8::from).put(out);
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Self::State> {
        match from.fixed::<u8>()? {
            0 => Ok(Some(false)),
            1 => Ok(Some(true)),
            2 => Ok(None),
            _ => Err(damaged("a truth value is neither true nor false")),
        }
    }
}

/// Texts and binaries, compared byte by byte.
struct Text<R> {
    binary: bool,
    rule: PhantomData<R>,
}

impl<R: Rule> Text<R> {
    fn offer(kept: &mut Option<Vec<u8>>, value: &[u8]) {
        match kept {
            None => *kept = Some(value.to_vec()),
            Some(kept) => {
                if R::replaces(value, kept.as_slice(), |a, b| a < b) {
                    kept.clear();
                    kept.extend_from_slice(value);
                }
            }
        }
    }
}

impl<R: Rule> Kernel for Text<R> {
    type State = Option<Vec<u8>>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        if self.binary {
            let values = rows.args[0].as_binary::<i32>();
            rows.each(|row, group, _| Self::offer(&mut states[group], values.value(row)));
        } else {
            let values = rows.args[0].as_string::<i32>();
            rows.each(|row, group, _| {
                Self::offer(&mut states[group], values.value(row).as_bytes())
            });
        }
        Ok(())
    }

    fn absorb(&mut self, into: &mut Self::State, from: &Self::State) {
        if let Some(value) = from {
            Self::offer(into, value);
        }
    }

    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef> {
        if self.binary {
            let mut builder = BinaryBuilder::new();
            states_of(states, groups).for_each(|kept| builder.append_option(kept.as_deref()));
            return Ok(Arc::new(builder.finish()));
        }
        let mut builder = StringBuilder::new();
        for kept in states_of(states, groups) {
            let text = kept.as_deref().map(std::str::from_utf8).transpose();
            builder.append_option(text.map_err(|_| Error::internal("a text is not UTF-8"))?);
        }
        Ok(Arc::new(builder.finish()))
    }

    const HAS_HEAP: bool = true;

    fn heap_bytes(&self, state: &Self::State) -> usize {
        state.as_ref().map_or(0, Vec::capacity)
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        put_optional(state.as_deref(), out);
        Ok(())
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Self::State> {
        let kept = from.optional()?;
        if !self.binary && kept.is_some_and(|text| std::str::from_utf8(text).is_err()) {
            return Err(damaged("a text is not UTF-8"));
        }
        Ok(kept.map(<[u8]>::to_vec))
    }
}

/// Nested types, value by value. Only for FIRST_VALUE and LAST_VALUE, which compare nothing.
struct Any<R> {
    ty: DataType,
    rule: PhantomData<R>,
}

impl<R: Rule> Any<R> {
    fn boxed(ty: &DataType) -> Result<Box<dyn Accumulator>> {
        Grouped::boxed(Any::<R> {
            ty: ty.clone(),
            rule: PhantomData,
        })
    }

    fn wants(kept: &Option<ScalarValue>) -> bool {
        kept.is_none() || R::replaces(&(), &(), |_, _| false)
    }
}

impl<R: Rule> Kernel for Any<R> {
    type State = Option<ScalarValue>;

    fn update(&mut self, states: &mut [Self::State], rows: &Rows<'_>) -> Result<()> {
        let mut failure = None;
        rows.each(|row, group, _| {
            if Self::wants(&states[group]) {
                match ScalarValue::try_from_array(&rows.args[0], row) {
                    // Compacted: a slice would keep its whole batch alive.
                    Ok(value) => states[group] = Some(value.compacted()),
                    Err(error) => failure = Some(error),
                }
            }
        });
        failure.map_or(Ok(()), |error| Err(Error::internal(error.to_string())))
    }

    fn absorb(&mut self, into: &mut Self::State, from: &Self::State) {
        if from.is_some() && Self::wants(into) {
            into.clone_from(from);
        }
    }

    fn evaluate(&self, states: &[Self::State], groups: &[u32]) -> Result<ArrayRef> {
        let null = ScalarValue::try_from(&self.ty).map_err(|e| Error::internal(e.to_string()))?;
        let values = states_of(states, groups).map(|kept| kept.as_ref().unwrap_or(&null).clone());
        if groups.is_empty() {
            return Ok(arrow::array::new_empty_array(&self.ty));
        }
        ScalarValue::iter_to_array(values).map_err(|e| Error::internal(e.to_string()))
    }

    const HAS_HEAP: bool = true;

    fn heap_bytes(&self, state: &Self::State) -> usize {
        state.as_ref().map_or(0, ScalarValue::size)
    }

    fn save(&self, state: &Self::State, out: &mut Vec<u8>) -> Result<()> {
        put_scalars(state.as_slice(), &self.ty, out)
    }

    fn load(&self, from: &mut Reader<'_>) -> Result<Self::State> {
        let mut values = scalars(from, &self.ty)?;
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(damaged("an aggregate that keeps one value has several")),
        }
    }
}
