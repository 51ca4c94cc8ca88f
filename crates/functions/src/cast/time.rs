//! Casts between DATE, TIME, TIMESTAMP and TIMESTAMP_LTZ.
//!
//! TIMESTAMP_LTZ is an instant: it becomes a local time, and back, in the session's time zone.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Date32Array, Int64Array, Time32MillisecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use millstream_core::types::SqlType;
use millstream_core::{Code, Error, Result};

use super::Caster;
use crate::temporal::{Moment, Moments, Zone, timestamps};

impl Caster {
    pub(super) fn time(
        &mut self,
        array: &ArrayRef,
        from: &SqlType,
        to: &SqlType,
    ) -> Result<ArrayRef> {
        let mut values = Moments::new(array, 1, self.zone.tz())?;
        let rows = array.len();
        // From one kind of instant to another there is no zone to pass.
        if matches!(
            (from, to),
            (SqlType::TimestampLtz(_), SqlType::TimestampLtz(_))
        ) {
            return to_timestamps((0..rows).map(|row| values.instant(row)), to);
        }
        match to {
            SqlType::TimestampLtz(_) => {
                let zone = Zone::new(self.zone.tz());
                to_timestamps((0..rows).map(|row| Some(zone.to_utc(values.get(row)?))), to)
            }
            _ => to_time((0..rows).map(|row| values.get(row)), to),
        }
    }
}

/// Local moments as a column of type `to`.
pub(super) fn to_time(
    moments: impl Iterator<Item = Option<Moment>>,
    to: &SqlType,
) -> Result<ArrayRef> {
    match to {
        SqlType::Date => Ok(Arc::new(
            moments
                .map(|m| m.map(|m| m.days() as i32))
                .collect::<Date32Array>(),
        )),
        SqlType::Time(precision) => {
            let unit = millis_of_precision(*precision);
            Ok(Arc::new(
                moments
                    .map(|m| m.map(|m| (m.milli_of_day() / unit * unit) as i32))
                    .collect::<Time32MillisecondArray>(),
            ))
        }
        _ => to_timestamps(moments, to),
    }
}

/// Moments as TIMESTAMP or TIMESTAMP_LTZ; digits beyond the precision are cut.
pub(super) fn to_timestamps(
    moments: impl Iterator<Item = Option<Moment>>,
    to: &SqlType,
) -> Result<ArrayRef> {
    let ty = to.to_arrow();
    let (
        DataType::Timestamp(unit, _),
        SqlType::Timestamp(precision) | SqlType::TimestampLtz(precision),
    ) = (&ty, to)
    else {
        return Err(Error::internal(format!("{to} is not a timestamp type")));
    };
    let step = units_of_precision(*unit, *precision);
    let values = moments
        .map(|moment| match moment {
            None => Ok(None),
            Some(moment) => match moment.to_unit(*unit) {
                Some(value) => Ok(Some(value - value.rem_euclid(step))),
                None => Err(Error::new(
                    Code::Evaluation,
                    format!("a time beyond the range of {to}"),
                )),
            },
        })
        .collect::<Result<Int64Array>>()?;
    timestamps(values, &ty)
}

/// How many milliseconds the last digit of a precision stands for.
fn millis_of_precision(precision: u8) -> i64 {
    10_i64.pow(3_u32.saturating_sub(u32::from(precision)))
}

fn units_of_precision(unit: TimeUnit, precision: u8) -> i64 {
    let digits: u32 = match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    10_i64.pow(digits.saturating_sub(u32::from(precision)))
}
