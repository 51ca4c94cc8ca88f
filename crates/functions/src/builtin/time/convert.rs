//! Functions between times and texts or numbers.

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMillisecondType,
};
use chrono_tz::Tz;
use millstream_core::Result;

use crate::args::{Call, Texts, Values};
use crate::output::{number_rows, text_rows};
use crate::pattern::{Formatter, Pattern};
use crate::temporal::{
    Moment, Moments, Zone, parse_date, parse_loosely, parse_timestamp, push_timestamp, zone_named,
};

/// The patterns of a call; a constant one is compiled now, and must compile.
struct Patterns<'a> {
    texts: Option<Texts<'a>>,
    last: Option<(String, Option<Pattern>)>,
}

impl<'a> Patterns<'a> {
    fn new(call: &'a Call, index: usize) -> Result<Self> {
        let texts = call.optional_texts(index)?;
        let mut last = None;
        if let (Some(texts), true) = (&texts, index < call.len() && call.is_constant(index))
            && let Some(text) = texts.get(0)
        {
            let pattern = Pattern::compile(text).map_err(|error| call.error(error.message()))?;
            last = Some((text.to_string(), Some(pattern)));
        }
        Ok(Patterns { texts, last })
    }

    /// The pattern of a row; `None` if it is NULL or no pattern.
    fn get(&mut self, row: usize) -> Option<&Pattern> {
        let text = self.texts.as_ref()?.get(row)?;
        if self.last.as_ref().is_none_or(|(last, _)| last != text) {
            self.last = Some((text.to_string(), Pattern::compile(text).ok()));
        }
        self.last.as_ref()?.1.as_ref()
    }
}

pub(super) fn date_format(call: &Call) -> Result<ArrayRef> {
    if *call.array(0).data_type() == DataType::Utf8 {
        return format_texts(call);
    }
    let mut values = Moments::new(
        call.array(0),
        usize::from(!call.is_constant(0)),
        call.context.time_zone,
    )?;
    let mut patterns = Patterns::new(call, 1)?;
    if !call.is_constant(1) {
        return text_rows(call, |row, out| {
            let (Some(instant), Some(pattern)) = (values.instant(row), patterns.get(row)) else {
                return Ok(None);
            };
            let mut formatter = Formatter::new(pattern);
            out.push(written(&mut formatter, instant, &mut values))
                .map(Some)
        });
    }
    let Some(pattern) = patterns.get(0) else {
        return text_rows(call, |_, _| Ok(None));
    };
    let mut formatter = Formatter::new(pattern);
    text_rows(call, |row, out| match values.instant(row) {
        Some(instant) => out
            .push(written(&mut formatter, instant, &mut values))
            .map(Some),
        None => Ok(None),
    })
}

#[inline]
fn written<'f>(formatter: &'f mut Formatter, instant: Moment, values: &mut Moments) -> &'f str {
    match values.zone() {
        Some(zone) => formatter.zoned(instant, zone),
        None => formatter.local(instant),
    }
}

/// A text that is a timestamp, in another form; NULL if it is none.
fn format_texts(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let mut patterns = Patterns::new(call, 1)?;
    text_rows(call, |row, out| {
        let moment = texts.get(row).and_then(parse_loosely);
        match moment.zip(patterns.get(row)) {
            Some((moment, pattern)) => out.push(Formatter::new(pattern).local(moment)).map(Some),
            None => Ok(None),
        }
    })
}

/// What the text of a row says, and its offset from UTC if it says one; `plain` reads it if the call
/// has no pattern.
fn parsed(
    call: &Call,
    row: usize,
    texts: &Texts,
    patterns: &mut Patterns,
    plain: fn(&str) -> Option<Moment>,
) -> Option<(Moment, Option<i64>)> {
    let text = texts.get(row)?;
    if call.len() > 1 {
        patterns.get(row)?.parse(text)
    } else {
        Some((plain(text)?, None))
    }
}

pub(super) fn to_timestamp(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let mut patterns = Patterns::new(call, 1)?;
    number_rows::<TimestampMillisecondType>(call, |row| {
        Ok(parsed(call, row, &texts, &mut patterns, parse_timestamp)
            .map(|(moment, _)| moment.millis))
    })
}

pub(super) fn to_date(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let mut patterns = Patterns::new(call, 1)?;
    let by_pattern = call.len() > 1;
    number_rows::<Date32Type>(call, |row| {
        let days = if by_pattern {
            parsed(call, row, &texts, &mut patterns, parse_timestamp)
                .map(|(moment, _)| moment.days())
        } else {
            texts.get(row).and_then(parse_date)
        };
        Ok(days.and_then(|days| i32::try_from(days).ok()))
    })
}

/// TO_TIMESTAMP_LTZ(number[, precision]) or TO_TIMESTAMP_LTZ(text[, pattern[, zone]]).
pub(super) fn to_timestamp_ltz(call: &Call) -> Result<ArrayRef> {
    match call.array(0).data_type() {
        DataType::Utf8 => ltz_of_text(call),
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) => {
            let values = arrow::compute::cast(&call.full(0)?, &DataType::Float64)?;
            let values: &Float64Array = arrow::array::AsArray::as_primitive::<Float64Type>(&values);
            let values = Values {
                array: values,
                step: 1,
            };
            ltz_of_number(call, |row, per_milli| {
                let value = values.get(row)? * per_milli;
                (value.abs() < 9.2e18).then_some(value as i64)
            })
        }
        _ => {
            let values = arrow::compute::cast(&call.full(0)?, &DataType::Int64)?;
            let values: &Int64Array = arrow::array::AsArray::as_primitive::<Int64Type>(&values);
            let values = Values {
                array: values,
                step: 1,
            };
            ltz_of_number(call, |row, per_milli| {
                values.get(row)?.checked_mul(per_milli as i64)
            })
        }
    }
}

fn ltz_of_number(call: &Call, millis: impl Fn(usize, f64) -> Option<i64>) -> Result<ArrayRef> {
    if call.len() > 2 {
        return Err(call.error("a number has no time zone"));
    }
    let precisions = match call.len() {
        1 => None,
        _ => Some(arrow::compute::cast(&call.full(1)?, &DataType::Int64)?),
    };
    number_rows::<TimestampMillisecondType>(call, |row| {
        let precision = match &precisions {
            None => 3,
            Some(precisions) if precisions.is_null(row) => return Ok(None),
            Some(precisions) => {
                arrow::array::AsArray::as_primitive::<Int64Type>(precisions).value(row)
            }
        };
        match precision {
            0 => Ok(millis(row, 1000.0)),
            3 => Ok(millis(row, 1.0)),
            other => Err(call.error(format!("wants the precision 0 or 3, found {other}"))),
        }
    })
}

/// The zone is UTC unless it is given.
fn ltz_of_text(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let mut patterns = Patterns::new(call, 1)?;
    let zones = call.optional_texts(2)?;
    let mut zone = Zones::default();
    number_rows::<TimestampMillisecondType>(call, |row| {
        let zone = match &zones {
            None => Some(zone.get("UTC")),
            Some(zones) => zones.get(row).map(|name| zone.get(name)),
        };
        let Some(Some(zone)) = zone else {
            return Ok(None);
        };
        Ok(parsed(call, row, &texts, &mut patterns, parse_timestamp)
            .and_then(|(moment, offset)| utc_millis(moment, offset, zone)))
    })
}

fn utc_millis(moment: Moment, offset: Option<i64>, zone: &Zone) -> Option<i64> {
    match offset {
        Some(offset) => moment.millis.checked_sub(offset),
        None => Some(zone.to_utc(moment).millis),
    }
}

/// The last named zone.
#[derive(Default)]
struct Zones {
    last: Option<(String, Option<Zone>)>,
}

impl Zones {
    fn get(&mut self, name: &str) -> Option<&mut Zone> {
        if self.last.as_ref().is_none_or(|(last, _)| last != name) {
            self.last = Some((name.to_string(), zone_named(name).map(Zone::new)));
        }
        self.last.as_mut()?.1.as_mut()
    }
}

/// FROM_UNIXTIME(seconds[, pattern]).
pub(super) fn from_unixtime(call: &Call) -> Result<ArrayRef> {
    let seconds = call.numbers::<Int64Type>(0)?;
    let mut patterns = Patterns::new(call, 1)?;
    let default = Pattern::compile("yyyy-MM-dd HH:mm:ss")?;
    let mut zone = Zone::new(call.context.time_zone);
    text_rows(call, |row, out| {
        let pattern = if call.len() > 1 {
            patterns.get(row)
        } else {
            Some(&default)
        };
        let Some((pattern, seconds)) = pattern.zip(seconds.get(row)) else {
            return Ok(None);
        };
        let instant = Moment::of_unit(seconds, TimeUnit::Second);
        out.push(Formatter::new(pattern).zoned(instant, &mut zone))
            .map(Some)
    })
}

/// UNIX_TIMESTAMP(text[, pattern]) in seconds; the smallest BIGINT if the text is no time.
pub(super) fn unix_timestamp(call: &Call) -> Result<ArrayRef> {
    if call.len() == 0 {
        return crate::current::unplanned(call);
    }
    let texts = call.texts(0)?;
    let mut patterns = Patterns::new(call, 1)?;
    let zone = Zone::new(call.context.time_zone);
    number_rows::<Int64Type>(call, |row| {
        if texts.get(row).is_none() {
            return Ok(None);
        }
        let millis = parsed(call, row, &texts, &mut patterns, parse_loosely)
            .and_then(|(moment, offset)| utc_millis(moment, offset, &zone));
        Ok(Some(
            millis.map_or(i64::MIN, |millis| millis.div_euclid(1000)),
        ))
    })
}

/// CONVERT_TZ(text, from, to).
pub(super) fn convert_tz(call: &Call) -> Result<ArrayRef> {
    let (texts, froms, tos) = (call.texts(0)?, call.texts(1)?, call.texts(2)?);
    let (mut from, mut to) = (Zones::default(), Zones::default());
    let mut shown = String::new();
    text_rows(call, |row, out| {
        let (Some(text), Some(from_name), Some(to_name)) =
            (texts.get(row), froms.get(row), tos.get(row))
        else {
            return Ok(None);
        };
        let (Some(local), Some(from), Some(to)) =
            (parse_loosely(text), from.get(from_name), to.get(to_name))
        else {
            return Ok(None);
        };
        shown.clear();
        let seconds = Moment::of_millis(local.millis - local.millis.rem_euclid(1000));
        push_timestamp(&mut shown, to.local_of(from.to_utc(seconds)), 0);
        out.push(&shown).map(Some)
    })
}

/// A moment argument that may be a text: as local moments of every row.
pub(super) fn moments_of(call: &Call, index: usize) -> Result<Vec<Option<Moment>>> {
    if *call.array(index).data_type() == DataType::Utf8 {
        let texts = call.texts(index)?;
        let parse = |row| texts.get(row).and_then(parse_timestamp);
        return Ok((0..call.rows).map(parse).collect());
    }
    let tz: Tz = call.context.time_zone;
    let mut values = Moments::new(call.array(index), usize::from(!call.is_constant(index)), tz)?;
    Ok((0..call.rows).map(|row| values.get(row)).collect())
}
