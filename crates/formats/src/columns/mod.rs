//! Column writers: what a decoder fills value by value and turns into Arrow arrays batch by batch.
//!
//! ```text
//! row 7 of  ARRAY<INT>   nulls 1101 1…   offsets 0 2 2 5 …   element: INT  values 4 8 1 9 2 …
//! ```
//!
//! * A writer is plain vectors: values, validity, offsets. Nothing is allocated per value.
//! * Whoever writes a nested value closes it last: the elements first, then [`Column::close`]. So
//!   the number of rows of a parent always says where its children stood before the row, and
//!   [`Column::truncate`] takes back any half-written row without having marked its start.
//! * Validity is materialised with the first NULL; a column without NULL costs a counter.
//! * Offsets are `i32`: a decoder must flush before two gigabytes of text have come together.

mod write;

use std::mem;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, BooleanBufferBuilder, Decimal128Array, ListArray,
    MapArray, NullArray, NullBufferBuilder, PrimitiveArray, StringArray, StructArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, FieldRef, Fields, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, Time32MillisecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, Result};

use crate::parse::Stamps;

/// Deepest nesting of a column's type.
pub(crate) const DEPTH_MAX: usize = 64;

/// The writer of one column, or of one field or element within a column.
#[derive(Debug)]
pub(crate) struct Column {
    field: FieldRef,
    /// Digits of a second that a TIME or TIMESTAMP keeps.
    precision: u8,
    nulls: NullBufferBuilder,
    pub(crate) values: Values,
}

/// The values of a column; a NULL has a placeholder.
#[derive(Debug)]
pub(crate) enum Values {
    /// Only NULL.
    Null,
    /// BOOLEAN.
    Boolean(BooleanBufferBuilder),
    /// TINYINT.
    Int8(Vec<i8>),
    /// SMALLINT.
    Int16(Vec<i16>),
    /// INT.
    Int32(Vec<i32>),
    /// BIGINT.
    Int64(Vec<i64>),
    /// FLOAT.
    Float32(Vec<f32>),
    /// DOUBLE.
    Float64(Vec<f64>),
    /// DECIMAL, as multiples of 10 to the power of minus the scale.
    Decimal(Vec<i128>, u8, i8),
    /// CHAR, VARCHAR, STRING.
    Text(Bytes),
    /// BINARY, VARBINARY, BYTES.
    Binary(Bytes),
    /// DATE, in days since 1970.
    Date(Vec<i32>),
    /// TIME, in milliseconds of the day.
    Time(Vec<i32>),
    /// TIMESTAMP and, if the flag is set, TIMESTAMP_LTZ.
    Timestamp(Vec<i64>, TimeUnit, bool),
    /// INTERVAL YEAR TO MONTH, in months.
    Months(Vec<i32>),
    /// INTERVAL DAY TO SECOND.
    DayTime(Vec<IntervalMonthDayNano>),
    /// ARRAY.
    List(Vec<i32>, Box<Column>),
    /// MAP and MULTISET: key and value.
    Map(Vec<i32>, Box<(Column, Column)>),
    /// ROW.
    Row(Vec<Column>),
}

/// Values of varying length, one after the other.
#[derive(Debug)]
pub(crate) struct Bytes {
    /// Where each value begins, and where the last one ends.
    pub(crate) offsets: Vec<i32>,
    /// The values.
    pub(crate) data: Vec<u8>,
}

impl Bytes {
    fn new() -> Self {
        Bytes {
            offsets: vec![0],
            data: Vec::new(),
        }
    }

    /// Ends a value whose bytes have been appended to `data`.
    #[inline]
    pub(crate) fn close(&mut self) {
        self.offsets.push(self.data.len() as i32);
    }

    fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.data.truncate(last(&self.offsets));
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        let data = mem::take(&mut self.data);
        self.data.reserve(data.len());
        (take_offsets(&mut self.offsets), Buffer::from_vec(data))
    }
}

/// Where the next element of a nested value goes.
fn last(offsets: &[i32]) -> usize {
    offsets.last().map_or(0, |end| *end as usize)
}

fn take_offsets(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let mut next = Vec::with_capacity(offsets.len());
    next.push(0);
    OffsetBuffer::new(ScalarBuffer::from(mem::replace(offsets, next)))
}

/// Takes the values and leaves room for as many.
fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(values.len());
    mem::replace(values, room)
}

fn primitive<T: ArrowPrimitiveType>(
    values: &mut Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(
        ScalarBuffer::from(take(values)),
        nulls,
    ))
}

impl Column {
    /// A writer for `field`, or an error for a type that no text format carries.
    pub(crate) fn new(field: &FieldRef) -> Result<Self> {
        Self::nested(field, 0)
    }

    /// Writers for all columns of a schema.
    pub(crate) fn all(fields: &Fields) -> Result<Vec<Self>> {
        fields.iter().map(Self::new).collect()
    }

    fn nested(field: &FieldRef, depth: usize) -> Result<Self> {
        if depth > DEPTH_MAX {
            return Err(Error::new(
                Code::TooComplex,
                format!(
                    "column '{}' is nested deeper than {DEPTH_MAX} levels",
                    field.name()
                ),
            ));
        }
        let precision = match SqlType::of(field) {
            SqlType::Time(p) | SqlType::Timestamp(p) | SqlType::TimestampLtz(p) => p,
            _ => 0,
        };
        Ok(Column {
            field: Arc::clone(field),
            precision,
            nulls: NullBufferBuilder::new(0),
            values: Values::new(field, depth)?,
        })
    }

    /// The field it writes.
    pub(crate) fn field(&self) -> &FieldRef {
        &self.field
    }

    /// Whether NULL is a value of it.
    #[inline]
    pub(crate) fn is_nullable(&self) -> bool {
        self.field.is_nullable()
    }

    /// Its SQL type for messages: `BIGINT NOT NULL`.
    pub(crate) fn type_text(&self) -> String {
        ColumnType::of(&self.field).to_string()
    }

    /// Number of values.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// Ends a value that has been written into [`Column::values`].
    #[inline]
    pub(crate) fn close(&mut self) {
        self.nulls.append_non_null();
    }

    /// Appends NULL; false if that is no value of this column.
    #[inline]
    pub(crate) fn push_null(&mut self) -> bool {
        if self.is_nullable() {
            self.push_placeholder();
        }
        self.is_nullable()
    }

    /// Appends NULL, also where a NULL parent is the only reason for it.
    pub(crate) fn push_placeholder(&mut self) {
        self.nulls.append_null();
        match &mut self.values {
            Values::Null => {}
            Values::Boolean(values) => values.append(false),
            Values::Int8(values) => values.push(0),
            Values::Int16(values) => values.push(0),
            Values::Int32(values)
            | Values::Date(values)
            | Values::Time(values)
            | Values::Months(values) => values.push(0),
            Values::Int64(values) | Values::Timestamp(values, ..) => values.push(0),
            Values::Float32(values) => values.push(0.0),
            Values::Float64(values) => values.push(0.0),
            Values::Decimal(values, ..) => values.push(0),
            Values::Text(values) | Values::Binary(values) => values.close(),
            Values::DayTime(values) => values.push(IntervalMonthDayNano::ZERO),
            Values::List(offsets, _) | Values::Map(offsets, _) => {
                offsets.push(last(offsets) as i32);
            }
            Values::Row(fields) => fields.iter_mut().for_each(Column::push_placeholder),
        }
    }

    /// Takes back every value from `len` on, and whatever a half-written one left behind.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.nulls.truncate(len);
        match &mut self.values {
            Values::Null => {}
            Values::Boolean(values) => values.truncate(len),
            Values::Int8(values) => values.truncate(len),
            Values::Int16(values) => values.truncate(len),
            Values::Int32(values)
            | Values::Date(values)
            | Values::Time(values)
            | Values::Months(values) => values.truncate(len),
            Values::Int64(values) | Values::Timestamp(values, ..) => values.truncate(len),
            Values::Float32(values) => values.truncate(len),
            Values::Float64(values) => values.truncate(len),
            Values::Decimal(values, ..) => values.truncate(len),
            Values::Text(values) | Values::Binary(values) => values.truncate(len),
            Values::DayTime(values) => values.truncate(len),
            Values::List(offsets, element) => {
                offsets.truncate(len + 1);
                element.truncate(last(offsets));
            }
            Values::Map(offsets, entry) => {
                offsets.truncate(len + 1);
                entry.0.truncate(last(offsets));
                entry.1.truncate(last(offsets));
            }
            Values::Row(fields) => fields.iter_mut().for_each(|field| field.truncate(len)),
        }
    }

    /// Everything written so far as an array; the writer is empty again.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef> {
        let len = self.len();
        let nulls = self.nulls.finish();
        let ty = self.field.data_type();
        Ok(match &mut self.values {
            Values::Null => Arc::new(NullArray::new(len)),
            Values::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Int8(values) => primitive::<Int8Type>(values, nulls),
            Values::Int16(values) => primitive::<Int16Type>(values, nulls),
            Values::Int32(values) => primitive::<Int32Type>(values, nulls),
            Values::Int64(values) => primitive::<Int64Type>(values, nulls),
            Values::Float32(values) => primitive::<Float32Type>(values, nulls),
            Values::Float64(values) => primitive::<Float64Type>(values, nulls),
            Values::Decimal(values, precision, scale) => Arc::new(
                Decimal128Array::new(ScalarBuffer::from(take(values)), nulls)
                    .with_precision_and_scale(*precision, *scale)
                    .map_err(broken)?,
            ),
            Values::Text(values) => {
                let (offsets, data) = values.take();
                Arc::new(StringArray::try_new(offsets, data, nulls).map_err(broken)?)
            }
            Values::Binary(values) => {
                let (offsets, data) = values.take();
                Arc::new(BinaryArray::try_new(offsets, data, nulls).map_err(broken)?)
            }
            Values::Date(values) => primitive::<Date32Type>(values, nulls),
            Values::Time(values) => primitive::<Time32MillisecondType>(values, nulls),
            Values::Timestamp(values, unit, _) => timestamps(values, *unit, ty, nulls),
            Values::Months(values) => primitive::<IntervalYearMonthType>(values, nulls),
            Values::DayTime(values) => primitive::<IntervalMonthDayNanoType>(values, nulls),
            Values::List(offsets, element) => {
                let values = element.finish()?;
                let offsets = take_offsets(offsets);
                let field = Arc::clone(element.field());
                Arc::new(ListArray::try_new(field, offsets, values, nulls).map_err(broken)?)
            }
            Values::Map(offsets, entry) => {
                let arrays = vec![entry.0.finish()?, entry.1.finish()?];
                map(ty, take_offsets(offsets), arrays, nulls)?
            }
            Values::Row(columns) => {
                let arrays = columns
                    .iter_mut()
                    .map(Column::finish)
                    .collect::<Result<_>>()?;
                row(ty, arrays, nulls, len)?
            }
        })
    }
}

impl Values {
    fn new(field: &FieldRef, depth: usize) -> Result<Self> {
        Ok(match field.data_type() {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
            DataType::Int8 => Values::Int8(Vec::new()),
            DataType::Int16 => Values::Int16(Vec::new()),
            DataType::Int32 => Values::Int32(Vec::new()),
            DataType::Int64 => Values::Int64(Vec::new()),
            DataType::Float32 => Values::Float32(Vec::new()),
            DataType::Float64 => Values::Float64(Vec::new()),
            DataType::Decimal128(precision, scale) => {
                Values::Decimal(Vec::new(), *precision, *scale)
            }
            DataType::Utf8 => Values::Text(Bytes::new()),
            DataType::Binary => Values::Binary(Bytes::new()),
            DataType::Date32 => Values::Date(Vec::new()),
            DataType::Time32(TimeUnit::Millisecond) => Values::Time(Vec::new()),
            DataType::Timestamp(unit, zone) => Values::Timestamp(Vec::new(), *unit, zone.is_some()),
            DataType::Interval(IntervalUnit::YearMonth) => Values::Months(Vec::new()),
            DataType::Interval(IntervalUnit::MonthDayNano) => Values::DayTime(Vec::new()),
            DataType::List(element) => {
                Values::List(vec![0], Box::new(Column::nested(element, depth + 1)?))
            }
            DataType::Map(entries, _) => {
                let DataType::Struct(pair) = entries.data_type() else {
                    return Err(unsupported(field));
                };
                let [key, value] = pair.as_ref() else {
                    return Err(unsupported(field));
                };
                Values::Map(
                    vec![0],
                    Box::new((
                        Column::nested(key, depth + 1)?,
                        Column::nested(value, depth + 1)?,
                    )),
                )
            }
            DataType::Struct(fields) => Values::Row(
                fields
                    .iter()
                    .map(|field| Column::nested(field, depth + 1))
                    .collect::<Result<_>>()?,
            ),
            _ => return Err(unsupported(field)),
        })
    }
}

fn unsupported(field: &FieldRef) -> Error {
    Error::unsupported(format!(
        "column '{}' has the type {}, which this format cannot carry",
        field.name(),
        field.data_type()
    ))
}

/// The writers above keep Arrow's rules; an array that Arrow refuses is our mistake.
fn broken(error: arrow::error::ArrowError) -> Error {
    Error::internal("a decoder built an array that breaks Arrow's rules").caused_by(error)
}

fn timestamps(
    values: &mut Vec<i64>,
    unit: TimeUnit,
    ty: &DataType,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let zone = match ty {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let values = ScalarBuffer::from(take(values));
    macro_rules! array {
        ($unit:ty) => {
            Arc::new(PrimitiveArray::<$unit>::new(values, nulls).with_timezone_opt(zone))
        };
    }
    match unit {
        TimeUnit::Second => array!(TimestampSecondType),
        TimeUnit::Millisecond => array!(TimestampMillisecondType),
        TimeUnit::Microsecond => array!(TimestampMicrosecondType),
        TimeUnit::Nanosecond => array!(TimestampNanosecondType),
    }
}

fn map(
    ty: &DataType,
    offsets: OffsetBuffer<i32>,
    arrays: Vec<ArrayRef>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let DataType::Map(entries, ordered) = ty else {
        return Err(Error::internal("the writer of a map has another type"));
    };
    let DataType::Struct(pair) = entries.data_type() else {
        return Err(Error::internal("the writer of a map has another type"));
    };
    let rows = StructArray::try_new(pair.clone(), arrays, None).map_err(broken)?;
    let array = MapArray::try_new(Arc::clone(entries), offsets, rows, nulls, *ordered);
    Ok(Arc::new(array.map_err(broken)?))
}

fn row(
    ty: &DataType,
    arrays: Vec<ArrayRef>,
    nulls: Option<NullBuffer>,
    len: usize,
) -> Result<ArrayRef> {
    let DataType::Struct(fields) = ty else {
        return Err(Error::internal("the writer of a row has another type"));
    };
    let array = StructArray::try_new_with_length(fields.clone(), arrays, nulls, len);
    Ok(Arc::new(array.map_err(broken)?))
}
