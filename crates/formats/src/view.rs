//! Typed views of Arrow arrays: found out once per batch, then read value by value.
//!
//! An encoder asks for the same column of every row; a view answers with one `match` and no
//! dynamic cast. A type that no writer ever makes is refused here, once, by name.

use arrow::array::{Array, AsArray, BinaryArray, BooleanArray, StringArray, StringViewArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, FieldRef, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, Time32MillisecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use millstream_core::types::SqlType;
use millstream_core::{Error, Result};

use crate::columns::DEPTH_MAX;

/// An array, ready to be read.
#[derive(Debug)]
pub(crate) struct View<'a> {
    nulls: Option<&'a NullBuffer>,
    pub(crate) values: Values<'a>,
}

/// The values of an array; those of NULL rows mean nothing.
#[derive(Debug)]
pub(crate) enum Values<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    /// With its scale.
    Decimal(&'a [i128], i8),
    Text(&'a StringArray),
    TextView(&'a StringViewArray),
    Binary(&'a BinaryArray),
    Date(&'a [i32]),
    Time(&'a [i32], u8),
    Timestamp(&'a [i64], Stamp),
    Months(&'a [i32]),
    DayTime(&'a [IntervalMonthDayNano]),
    List(&'a [i32], Box<View<'a>>),
    Map(&'a [i32], Box<(View<'a>, View<'a>)>),
    Row(Vec<(&'a str, View<'a>)>),
}

/// What the numbers of a timestamp column count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) unit: TimeUnit,
    /// TIMESTAMP_LTZ.
    pub(crate) zoned: bool,
    /// Digits of a second the SQL type has.
    pub(crate) precision: u8,
}

impl<'a> View<'a> {
    /// A view of `array`, whose column is `field`.
    pub(crate) fn new(field: &'a FieldRef, array: &'a dyn Array) -> Result<Self> {
        Self::nested(field, array, 0)
    }

    /// True if row `row` is NULL.
    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self.values {
            Values::Null => true,
            _ => self.nulls.is_some_and(|nulls| nulls.is_null(row)),
        }
    }

    fn nested(field: &'a FieldRef, array: &'a dyn Array, depth: usize) -> Result<Self> {
        if depth > DEPTH_MAX {
            return Err(Error::unsupported(format!(
                "column '{}' is nested deeper than {DEPTH_MAX} levels",
                field.name()
            )));
        }
        Ok(View {
            nulls: array.nulls(),
            values: values(field, array, depth)?,
        })
    }
}

macro_rules! slice {
    ($array:expr, $ty:ty) => {
        $array.as_primitive::<$ty>().values()
    };
}

fn values<'a>(field: &'a FieldRef, array: &'a dyn Array, depth: usize) -> Result<Values<'a>> {
    Ok(match array.data_type() {
        DataType::Null => Values::Null,
        DataType::Boolean => Values::Boolean(array.as_boolean()),
        DataType::Int8 => Values::Int8(slice!(array, Int8Type)),
        DataType::Int16 => Values::Int16(slice!(array, Int16Type)),
        DataType::Int32 => Values::Int32(slice!(array, Int32Type)),
        DataType::Int64 => Values::Int64(slice!(array, Int64Type)),
        DataType::Float32 => Values::Float32(slice!(array, Float32Type)),
        DataType::Float64 => Values::Float64(slice!(array, Float64Type)),
        DataType::Decimal128(_, scale) => Values::Decimal(slice!(array, Decimal128Type), *scale),
        DataType::Utf8 => Values::Text(array.as_string()),
        DataType::Utf8View => Values::TextView(array.as_string_view()),
        DataType::Binary => Values::Binary(array.as_binary()),
        DataType::Date32 => Values::Date(slice!(array, Date32Type)),
        DataType::Time32(TimeUnit::Millisecond) => {
            let precision = match SqlType::of(field) {
                SqlType::Time(precision) => precision,
                _ => 3,
            };
            Values::Time(slice!(array, Time32MillisecondType), precision)
        }
        DataType::Timestamp(unit, zone) => timestamps(field, array, *unit, zone.is_some()),
        DataType::Interval(IntervalUnit::YearMonth) => {
            Values::Months(slice!(array, IntervalYearMonthType))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            Values::DayTime(slice!(array, IntervalMonthDayNanoType))
        }
        DataType::List(element) => {
            let list = array.as_list::<i32>();
            let values = View::nested(element, list.values().as_ref(), depth + 1)?;
            Values::List(list.value_offsets(), Box::new(values))
        }
        DataType::Map(entries, _) => {
            let map = array.as_map();
            let DataType::Struct(pair) = entries.data_type() else {
                return Err(Error::internal("the entries of a map are no struct"));
            };
            let keys = View::nested(&pair[0], map.keys().as_ref(), depth + 1)?;
            let values = View::nested(&pair[1], map.values().as_ref(), depth + 1)?;
            Values::Map(map.value_offsets(), Box::new((keys, values)))
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let views = columns.map(|(field, column)| {
                let view = View::nested(field, column.as_ref(), depth + 1)?;
                Ok((field.name().as_str(), view))
            });
            Values::Row(views.collect::<Result<_>>()?)
        }
        other => {
            return Err(Error::unsupported(format!(
                "column '{}' has the type {other}, which has no text",
                field.name()
            )));
        }
    })
}

fn timestamps<'a>(
    field: &FieldRef,
    array: &'a dyn Array,
    unit: TimeUnit,
    zoned: bool,
) -> Values<'a> {
    let precision = match SqlType::of(field) {
        SqlType::Timestamp(precision) | SqlType::TimestampLtz(precision) => precision,
        _ => 3,
    };
    let stamp = Stamp {
        unit,
        zoned,
        precision,
    };
    let values: &[i64] = match unit {
        TimeUnit::Second => slice!(array, TimestampSecondType),
        TimeUnit::Millisecond => slice!(array, TimestampMillisecondType),
        TimeUnit::Microsecond => slice!(array, TimestampMicrosecondType),
        TimeUnit::Nanosecond => slice!(array, TimestampNanosecondType),
    };
    Values::Timestamp(values, stamp)
}

impl Stamp {
    /// Seconds since 1970 and nanoseconds of the second.
    pub(crate) fn split(self, value: i64) -> (i64, u32) {
        let (per_second, nanos) = match self.unit {
            TimeUnit::Second => (1, 1_000_000_000),
            TimeUnit::Millisecond => (1_000, 1_000_000),
            TimeUnit::Microsecond => (1_000_000, 1_000),
            TimeUnit::Nanosecond => (1_000_000_000, 1),
        };
        (
            value.div_euclid(per_second),
            (value.rem_euclid(per_second) * nanos) as u32,
        )
    }
}

/// An interval of days and time in milliseconds, as far as it has no months; Flink's INTERVAL DAY
/// TO SECOND never has.
pub(crate) fn interval_ms(value: IntervalMonthDayNano) -> i64 {
    let days = (i64::from(value.months) * 30 + i64::from(value.days)) * 86_400_000;
    days.saturating_add(value.nanoseconds / 1_000_000)
}
