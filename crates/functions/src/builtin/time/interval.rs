//! Functions on INTERVALs: their fields, and whether two periods overlap.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, Result};

use super::convert::moments_of;
use super::field::Part;
use crate::args::{Arguments, Call};
use crate::cast::{interval_millis, interval_of_millis};
use crate::numbers::checked;
use crate::output::{bool_rows, number_rows};
use crate::temporal::{DAY_MS, Moment, add_months};

/// How long an interval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Months(i64),
    Millis(i64),
}

/// The lengths of argument `index`, one per row.
fn lengths(call: &Call, index: usize) -> Result<Vec<Option<Length>>> {
    let array = call.full(index)?;
    let rows = 0..call.rows;
    Ok(match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            let months = array.as_primitive::<IntervalYearMonthType>();
            rows.map(|row| months.is_valid(row).then(|| i64::from(months.value(row))))
                .map(|months| months.map(Length::Months))
                .collect()
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values = array.as_primitive::<IntervalMonthDayNanoType>();
            rows.map(|row| {
                values
                    .is_valid(row)
                    .then(|| interval_millis(values.value(row)))
            })
            .map(|millis| millis.map(Length::Millis))
            .collect()
        }
        other => return Err(Error::internal(format!("{other} is not an interval"))),
    })
}

/// A field of an interval, which has its sign.
pub(super) fn extract(call: &Call) -> Result<ArrayRef> {
    let names = call.texts(0)?;
    let lengths = lengths(call, 1)?;
    number_rows::<Int64Type>(call, |row| {
        let (Some(name), Some(length)) = (names.get(row), lengths[row]) else {
            return Ok(None);
        };
        of_length(Part::named(name)?, length)
            .map(Some)
            .ok_or_else(|| {
                let kind = match length {
                    Length::Months(_) => "years and months",
                    Length::Millis(_) => "days to seconds",
                };
                Error::new(
                    Code::TypeMismatch,
                    format!("EXTRACT: an interval of {kind} has no field {name}"),
                )
            })
    })
}

fn of_length(part: Part, length: Length) -> Option<i64> {
    Some(match (part, length) {
        (Part::Year, Length::Months(months)) => months / 12,
        (Part::Quarter, Length::Months(months)) => months % 12 / 3 + 1,
        (Part::Month, Length::Months(months)) => months % 12,
        (Part::Day, Length::Millis(millis)) => millis / DAY_MS,
        (Part::Hour, Length::Millis(millis)) => millis % DAY_MS / 3_600_000,
        (Part::Minute, Length::Millis(millis)) => millis % 3_600_000 / 60_000,
        (Part::Second, Length::Millis(millis)) => millis % 60_000 / 1000,
        (Part::Millisecond, Length::Millis(millis)) => millis % 1000,
        _ => return None,
    })
}

/// INTERVAL SECOND(3), of two times of one type.
pub(super) fn difference_type(args: &Arguments) -> Result<ColumnType> {
    let kind = |index| std::mem::discriminant(&args.ty(index));
    if kind(0) != kind(1) {
        let (a, b) = (args.ty(0), args.ty(1));
        return Err(args.mismatch(&format!("wants two times of one type, found {a} and {b}")));
    }
    args.strict(SqlType::IntervalDaySecond)
}

/// `(a - b) DAY TO SECOND`.
pub(super) fn difference(call: &Call) -> Result<ArrayRef> {
    let (to, from) = (moments_of(call, 0)?, moments_of(call, 1)?);
    number_rows::<IntervalMonthDayNanoType>(call, |row| {
        let (Some(to), Some(from)) = (to[row], from[row]) else {
            return Ok(None);
        };
        let millis = to.millis.checked_sub(from.millis);
        let millis = checked(millis, || "the difference of two times".into())?;
        Ok(Some(interval_of_millis(millis)))
    })
}

/// `(start, end) OVERLAPS (start, end)`; an end is a point in time or a length.
pub(super) fn overlaps(call: &Call) -> Result<ArrayRef> {
    let (first, second) = (period(call, 0)?, period(call, 2)?);
    bool_rows(call, |row| {
        let (Some((a, b)), Some((c, d))) = (first[row], second[row]) else {
            return Ok(None);
        };
        Ok(Some(a.max(b) >= c.min(d) && c.max(d) >= a.min(b)))
    })
}

type Period = Option<(Moment, Moment)>;

fn period(call: &Call, start: usize) -> Result<Vec<Period>> {
    let starts = moments_of(call, start)?;
    if !matches!(call.array(start + 1).data_type(), DataType::Interval(_)) {
        let ends = moments_of(call, start + 1)?;
        return Ok(starts
            .into_iter()
            .zip(ends)
            .map(|(a, b)| a.zip(b))
            .collect());
    }
    let lengths = lengths(call, start + 1)?;
    starts
        .into_iter()
        .zip(lengths)
        .map(|(start, length)| match start.zip(length) {
            Some((start, length)) => {
                let end = checked(later(start, length), || "the end of a period".into())?;
                Ok(Some((start, end)))
            }
            None => Ok(None),
        })
        .collect()
}

fn later(moment: Moment, length: Length) -> Option<Moment> {
    match length {
        Length::Months(months) => {
            let days = add_months(moment.days(), months)?;
            Moment::at(days, moment.milli_of_day(), moment.nanos)
        }
        Length::Millis(millis) => Some(Moment {
            millis: moment.millis.checked_add(millis)?,
            ..moment
        }),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::IntervalMonthDayNano;
    use datafusion_common::ScalarValue as V;

    use crate::testing::{call, check, check_null, s};

    fn months(months: i32) -> V {
        V::IntervalYearMonth(Some(months))
    }

    fn millis(millis: i64) -> V {
        let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
        let interval = IntervalMonthDayNano::new(0, days as i32, rest * 1_000_000);
        V::IntervalMonthDayNano(Some(interval))
    }

    fn at(millis: i64) -> V {
        V::TimestampMillisecond(Some(millis), None)
    }

    #[test]
    fn an_interval_has_fields() {
        for (field, interval, wanted) in [
            ("YEAR", months(34), 2),
            ("MONTH", months(34), 10),
            ("QUARTER", months(7), 3),
            ("DAY", millis(5 * 86_400_000 + 3 * 3_600_000), 5),
            ("HOUR", millis(5 * 86_400_000 + 3 * 3_600_000), 3),
            ("SECOND", millis(1500), 1),
            ("DAY", millis(-50 * 3_600_000), -2),
        ] {
            check("extract", &[s(field), interval], V::Int64(Some(wanted)));
        }
        assert!(call("extract", &[s("DAY"), months(1)]).is_err());
    }

    #[test]
    fn periods_that_touch_overlap() {
        let hour = || millis(3_600_000);
        let overlaps = |second: i64, wanted| {
            let wanted = V::Boolean(Some(wanted));
            check("overlaps", &[at(0), hour(), at(second), hour()], wanted);
        };
        overlaps(3_600_000, true);
        overlaps(3_600_001, false);
        overlaps(-3_600_000, true);
        let backwards = [at(10), at(0), at(5), at(5)];
        check("overlaps", &backwards, V::Boolean(Some(true)));
        let unknown = [at(0), at(1), V::TimestampMillisecond(None, None), hour()];
        check_null("overlaps", &unknown);
    }
}
