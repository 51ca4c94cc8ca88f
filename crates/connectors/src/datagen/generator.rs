//! Makes the values of one column, whatever its type.
//!
//! A generator is a tree as deep as the type. It is asked for an array with one value per cell; a
//! cell carries the number its value is a function of. Elements of an array are cells of their own,
//! whose numbers are picked from the number of the array.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryBuilder, BooleanArray, PrimitiveArray, StringBuilder,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, FieldRef, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, Time32MillisecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};
use millstream_core::{Error, Result};

use super::random::Random;

/// A place for one value.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// The number the value is a function of.
    pub(super) key: u64,
    /// The row it belongs to.
    pub(super) row: u64,
}

/// What time it is in a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Time {
    /// The same time for all rows, ms since 1970 UTC.
    At(i64),
    /// Row i has the time `start_ms + i / rows_per_second`.
    Of { start_ms: i64, rows_per_second: u64 },
}

impl Time {
    pub(super) fn ms(self, row: u64) -> i64 {
        match self {
            Time::At(ms) => ms,
            Time::Of {
                start_ms,
                rows_per_second,
            } => {
                let since = u128::from(row) * 1000 / u128::from(rows_per_second);
                start_ms.saturating_add(i64::try_from(since).unwrap_or(i64::MAX))
            }
        }
    }
}

/// How long a value is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    pub(super) max: usize,
    /// Any length from 1 to `max`.
    pub(super) varies: bool,
}

impl Length {
    fn draw(self, random: &mut Random) -> usize {
        match self.varies && self.max > 1 {
            true => 1 + random.up_to(self.max as u64 - 1) as usize,
            false => self.max,
        }
    }
}

/// Makes the values of a column, a field or an element.
pub(super) struct Generator {
    pub(super) field: FieldRef,
    /// The share of NULLs, from 0 to 1.
    pub(super) null_rate: f64,
    pub(super) kind: Kind,
}

/// How a value is made from its cell.
pub(super) enum Kind {
    /// `start` plus the number of the row, as a number or a text.
    Sequence {
        start: i64,
    },
    Boolean,
    /// An integer, or an interval in months or milliseconds.
    Integer {
        min: i64,
        max: i64,
    },
    Float {
        min: f64,
        max: f64,
    },
    Decimal {
        min: i128,
        max: i128,
    },
    Text(Length),
    Bytes(Length),
    /// A date, a time or a timestamp: the time of the row, at most `past_ms` ago, without what the
    /// type's precision cannot hold.
    Time {
        past_ms: u64,
        step_ms: i64,
    },
    Row(Vec<Generator>),
    Array {
        length: usize,
        element: Box<Generator>,
    },
    /// Fewer entries than `length` if keys repeat.
    Map {
        length: usize,
        key: Box<Generator>,
        value: Box<Generator>,
    },
    /// `length` elements, equal ones counted.
    Multiset {
        length: usize,
        element: Box<Generator>,
    },
}

impl Generator {
    /// One value per cell.
    pub(super) fn generate(&self, cells: &[Cell], time: Time) -> Result<ArrayRef> {
        let nulls = self.nulls(cells);
        Ok(match &self.kind {
            Kind::Sequence { start } => self.sequence(
                nulls,
                cells
                    .iter()
                    .map(|cell| start.wrapping_add_unsigned(cell.row)),
            )?,
            Kind::Boolean => {
                let values = cells
                    .iter()
                    .map(|cell| draw(cell).next() >> 63 == 1)
                    .collect();
                Arc::new(BooleanArray::new(values, nulls))
            }
            Kind::Integer { min, max } => self.integers(
                nulls,
                cells.iter().map(|cell| draw(cell).integer(*min, *max)),
            )?,
            Kind::Float { min, max } => self.floats(
                nulls,
                cells.iter().map(|cell| {
                    let at = draw(cell).unit();
                    (min * (1.0 - at) + max * at).clamp(*min, *max)
                }),
            )?,
            Kind::Decimal { min, max } => {
                let values = cells.iter().map(|cell| draw(cell).decimal(*min, *max));
                self.primitive::<Decimal128Type>(nulls, values)
            }
            Kind::Text(length) => texts(cells, nulls, *length),
            Kind::Bytes(length) => bytes(cells, nulls, *length),
            Kind::Time { past_ms, step_ms } => self.times(
                nulls,
                cells.iter().map(|cell| {
                    let past = draw(cell).up_to(*past_ms);
                    let ms = time.ms(cell.row).saturating_sub_unsigned(past);
                    ms - ms.rem_euclid(*step_ms)
                }),
            )?,
            Kind::Row(fields) => self.rows(cells, nulls, fields, time)?,
            Kind::Array { length, element } => self.arrays(cells, nulls, *length, element, time)?,
            Kind::Map { length, key, value } => {
                self.maps(cells, nulls, *length, key, value, time)?
            }
            Kind::Multiset { length, element } => {
                self.multisets(cells, nulls, *length, element, time)?
            }
        })
    }

    /// Bytes one value may take, roughly, and never less than a byte.
    pub(super) fn bytes_max(&self) -> u64 {
        match &self.kind {
            Kind::Sequence { .. } => 20,
            Kind::Text(length) | Kind::Bytes(length) => length.max as u64 + 4,
            Kind::Row(fields) => fields
                .iter()
                .fold(1, |sum, field| field.bytes_max().saturating_add(sum)),
            Kind::Array { length, element } | Kind::Multiset { length, element } => element
                .bytes_max()
                .saturating_add(8)
                .saturating_mul(*length as u64 + 1),
            Kind::Map { length, key, value } => {
                let entry = key.bytes_max().saturating_add(value.bytes_max());
                entry.saturating_mul(*length as u64 + 1)
            }
            _ => 16,
        }
    }

    fn nulls(&self, cells: &[Cell]) -> Option<NullBuffer> {
        if self.null_rate <= 0.0 {
            return None;
        }
        let valid = cells
            .iter()
            .map(|cell| Random::new(cell.key).unit() >= self.null_rate);
        Some(NullBuffer::from_iter(valid))
    }

    fn primitive<T: ArrowPrimitiveType>(
        &self,
        nulls: Option<NullBuffer>,
        values: impl Iterator<Item = T::Native>,
    ) -> ArrayRef {
        let values: Vec<T::Native> = values.collect();
        let array = PrimitiveArray::<T>::new(values.into(), nulls);
        Arc::new(array.with_data_type(self.field.data_type().clone()))
    }

    /// Integers of any width; the settings have checked that they fit.
    fn integers(
        &self,
        nulls: Option<NullBuffer>,
        values: impl Iterator<Item = i64>,
    ) -> Result<ArrayRef> {
        Ok(match self.field.data_type() {
            DataType::Int8 => self.primitive::<Int8Type>(nulls, values.map(|n| n as i8)),
            DataType::Int16 => self.primitive::<Int16Type>(nulls, values.map(|n| n as i16)),
            DataType::Int32 => self.primitive::<Int32Type>(nulls, values.map(|n| n as i32)),
            DataType::Int64 => self.primitive::<Int64Type>(nulls, values),
            DataType::Interval(IntervalUnit::YearMonth) => {
                self.primitive::<IntervalYearMonthType>(nulls, values.map(|n| n as i32))
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let spans =
                    values.map(|ms| IntervalMonthDayNano::new(0, 0, ms.saturating_mul(1_000_000)));
                self.primitive::<IntervalMonthDayNanoType>(nulls, spans)
            }
            _ => return Err(self.unmakeable()),
        })
    }

    fn floats(
        &self,
        nulls: Option<NullBuffer>,
        values: impl Iterator<Item = f64>,
    ) -> Result<ArrayRef> {
        Ok(match self.field.data_type() {
            DataType::Float32 => self.primitive::<Float32Type>(nulls, values.map(|n| n as f32)),
            DataType::Float64 => self.primitive::<Float64Type>(nulls, values),
            _ => return Err(self.unmakeable()),
        })
    }

    fn sequence(
        &self,
        nulls: Option<NullBuffer>,
        values: impl ExactSizeIterator<Item = i64>,
    ) -> Result<ArrayRef> {
        match self.field.data_type() {
            DataType::Float32 | DataType::Float64 => self.floats(nulls, values.map(|n| n as f64)),
            DataType::Decimal128(_, scale) => {
                let unit = 10i128.pow(u32::from(scale.unsigned_abs()));
                Ok(self.primitive::<Decimal128Type>(nulls, values.map(|n| i128::from(n) * unit)))
            }
            DataType::Utf8 => {
                let mut builder = StringBuilder::with_capacity(values.len(), values.len() * 8);
                for (i, n) in values.enumerate() {
                    builder.append_option(is_valid(&nulls, i).then(|| n.to_string()));
                }
                Ok(Arc::new(builder.finish()))
            }
            DataType::Binary => {
                let mut builder = BinaryBuilder::with_capacity(values.len(), values.len() * 8);
                for (i, n) in values.enumerate() {
                    builder.append_option(is_valid(&nulls, i).then(|| n.to_string()));
                }
                Ok(Arc::new(builder.finish()))
            }
            _ => self.integers(nulls, values),
        }
    }

    fn times(&self, nulls: Option<NullBuffer>, ms: impl Iterator<Item = i64>) -> Result<ArrayRef> {
        const DAY_MS: i64 = 86_400_000;
        Ok(match self.field.data_type() {
            DataType::Date32 => {
                self.primitive::<Date32Type>(nulls, ms.map(|ms| ms.div_euclid(DAY_MS) as i32))
            }
            DataType::Time32(TimeUnit::Millisecond) => {
                let of_day = ms.map(|ms| ms.rem_euclid(DAY_MS) as i32);
                self.primitive::<Time32MillisecondType>(nulls, of_day)
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.primitive::<TimestampMillisecondType>(nulls, ms)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => self
                .primitive::<TimestampMicrosecondType>(
                    nulls,
                    ms.map(|ms| ms.saturating_mul(1_000)),
                ),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => self
                .primitive::<TimestampNanosecondType>(
                    nulls,
                    ms.map(|ms| ms.saturating_mul(1_000_000)),
                ),
            _ => return Err(self.unmakeable()),
        })
    }

    pub(super) fn unmakeable(&self) -> Error {
        Error::internal(format!(
            "no generator makes values of '{}'",
            self.field.data_type()
        ))
    }
}

/// The numbers of a cell. The first of them decides about NULL, so that a column's values stay the
/// same when its `null-rate` changes.
fn draw(cell: &Cell) -> Random {
    let mut random = Random::new(cell.key);
    random.next();
    random
}

pub(super) fn is_valid(nulls: &Option<NullBuffer>, i: usize) -> bool {
    nulls.as_ref().is_none_or(|nulls| nulls.is_valid(i))
}

/// Hexadecimal digits, as Flink makes them.
fn texts(cells: &[Cell], nulls: Option<NullBuffer>, length: Length) -> ArrayRef {
    let mut builder = StringBuilder::with_capacity(cells.len(), cells.len() * length.max);
    let mut text = String::new();
    for (i, cell) in cells.iter().enumerate() {
        if !is_valid(&nulls, i) {
            builder.append_null();
            continue;
        }
        text.clear();
        let mut random = draw(cell);
        let wanted = length.draw(&mut random);
        while text.len() < wanted {
            let digits = random.next();
            for place in 0..(wanted - text.len()).min(16) {
                text.push(char::from(
                    b"0123456789abcdef"[(digits >> (4 * place)) as usize & 15],
                ));
            }
        }
        builder.append_value(&text);
    }
    Arc::new(builder.finish())
}

fn bytes(cells: &[Cell], nulls: Option<NullBuffer>, length: Length) -> ArrayRef {
    let mut builder = BinaryBuilder::with_capacity(cells.len(), cells.len() * length.max);
    let mut value = Vec::new();
    for (i, cell) in cells.iter().enumerate() {
        if !is_valid(&nulls, i) {
            builder.append_null();
            continue;
        }
        value.clear();
        let mut random = draw(cell);
        let wanted = length.draw(&mut random);
        while value.len() < wanted {
            value.extend_from_slice(&random.next().to_le_bytes());
        }
        builder.append_value(&value[..wanted]);
    }
    Arc::new(builder.finish())
}
