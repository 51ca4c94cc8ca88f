//! Columns of points in time, read as local moments and written back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Int64Array, PrimitiveArray, Time32MillisecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use chrono_tz::Tz;
use millstream_core::{Error, Result};

use super::{DAY_MS, Moment, Zone};

/// The values of a DATE, TIME, TIMESTAMP or TIMESTAMP_LTZ column as local moments.
pub(crate) struct Moments<'a> {
    values: MomentValues<'a>,
    nulls: Option<&'a NullBuffer>,
    step: usize,
    zone: Option<Zone>,
}

enum MomentValues<'a> {
    Days(&'a [i32]),
    MilliOfDay(&'a [i32]),
    Units(&'a [i64], TimeUnit),
}

impl<'a> Moments<'a> {
    /// Reads `array`; TIMESTAMP_LTZ is seen in `time_zone`.
    pub(crate) fn new(array: &'a dyn Array, step: usize, time_zone: Tz) -> Result<Self> {
        let (values, zone) = match array.data_type() {
            DataType::Date32 => (
                MomentValues::Days(primitive::<Date32Array>(array)?.values()),
                None,
            ),
            DataType::Time32(TimeUnit::Millisecond) => {
                let array = primitive::<Time32MillisecondArray>(array)?;
                (MomentValues::MilliOfDay(array.values()), None)
            }
            DataType::Timestamp(unit, zone) => {
                let values = timestamp_values(array, *unit)?;
                let zone = zone.as_ref().map(|_| Zone::new(time_zone));
                (MomentValues::Units(values, *unit), zone)
            }
            other => {
                return Err(Error::internal(format!(
                    "{other} is not a type of points in time"
                )));
            }
        };
        Ok(Moments {
            values,
            nulls: array.nulls(),
            step,
            zone,
        })
    }

    /// The local moment of `row`.
    #[inline]
    pub(crate) fn get(&mut self, row: usize) -> Option<Moment> {
        let instant = self.instant(row)?;
        Some(match &mut self.zone {
            Some(zone) => zone.local_of(instant),
            None => instant,
        })
    }

    /// The value of `row` as it is stored: for TIMESTAMP_LTZ, in UTC.
    #[inline]
    pub(crate) fn instant(&self, row: usize) -> Option<Moment> {
        let at = row * self.step;
        if self.nulls.is_some_and(|nulls| nulls.is_null(at)) {
            return None;
        }
        Some(match &self.values {
            MomentValues::Days(days) => Moment::of_millis(i64::from(days[at]) * DAY_MS),
            MomentValues::MilliOfDay(millis) => Moment::of_millis(i64::from(millis[at])),
            MomentValues::Units(values, unit) => Moment::of_unit(values[at], *unit),
        })
    }

    /// Whether the values are instants, shown in the session's zone.
    pub(crate) fn zone(&mut self) -> Option<&mut Zone> {
        self.zone.as_mut()
    }
}

fn primitive<A: Array + 'static>(array: &dyn Array) -> Result<&A> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| Error::internal(format!("cannot read {}", array.data_type())))
}

/// The numbers of a timestamp column.
fn timestamp_values(array: &dyn Array, unit: TimeUnit) -> Result<&[i64]> {
    fn values<T: ArrowPrimitiveType<Native = i64>>(array: &PrimitiveArray<T>) -> &[i64] {
        array.values()
    }
    Ok(match unit {
        TimeUnit::Second => values(primitive::<TimestampSecondArray>(array)?),
        TimeUnit::Millisecond => values(primitive::<TimestampMillisecondArray>(array)?),
        TimeUnit::Microsecond => values(primitive::<TimestampMicrosecondArray>(array)?),
        TimeUnit::Nanosecond => values(primitive::<TimestampNanosecondArray>(array)?),
    })
}

/// A timestamp column of `ty` from numbers in the type's own unit.
pub(crate) fn timestamps(values: Int64Array, ty: &DataType) -> Result<ArrayRef> {
    let DataType::Timestamp(unit, zone) = ty else {
        return Err(Error::internal(format!("{ty} is not a timestamp type")));
    };
    let zone = zone.clone();
    Ok(match unit {
        TimeUnit::Second => Arc::new(
            values
                .reinterpret_cast::<TimestampSecondType>()
                .with_timezone_opt(zone),
        ),
        TimeUnit::Millisecond => Arc::new(
            values
                .reinterpret_cast::<TimestampMillisecondType>()
                .with_timezone_opt(zone),
        ),
        TimeUnit::Microsecond => Arc::new(
            values
                .reinterpret_cast::<TimestampMicrosecondType>()
                .with_timezone_opt(zone),
        ),
        TimeUnit::Nanosecond => Arc::new(
            values
                .reinterpret_cast::<TimestampNanosecondType>()
                .with_timezone_opt(zone),
        ),
    })
}
