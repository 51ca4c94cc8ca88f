//! Casts from STRING. Spaces around the value do not count.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanBuilder, Decimal128Builder,
    PrimitiveBuilder, StringArray,
};
use arrow::datatypes::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    IntervalYearMonthType,
};
use millstream_core::types::SqlType;
use millstream_core::{Error, Result};

use super::{Caster, sized_bytes, time};
use crate::numbers::{parse_decimal, parse_double, parse_whole};
use crate::temporal::{Moment, parse_date, parse_time, parse_timestamp};

impl Caster {
    pub(super) fn read_text(&mut self, array: &ArrayRef, to: &SqlType) -> Result<ArrayRef> {
        let texts: &StringArray = array.as_string();
        match to {
            SqlType::TinyInt => self.numbers::<Int8Type>(texts, to, whole),
            SqlType::SmallInt => self.numbers::<Int16Type>(texts, to, whole),
            SqlType::Int => self.numbers::<Int32Type>(texts, to, whole),
            SqlType::BigInt => self.numbers::<Int64Type>(texts, to, parse_whole),
            SqlType::Float => {
                self.numbers::<Float32Type>(texts, to, |text| parse_double(text).map(|v| v as f32))
            }
            SqlType::Double => self.numbers::<Float64Type>(texts, to, parse_double),
            SqlType::Decimal { precision, scale } => self.decimals(texts, to, *precision, *scale),
            SqlType::Boolean => self.truths(texts, to),
            SqlType::Binary(_) | SqlType::Varbinary(_) => {
                let bytes = arrow::compute::cast(array, &arrow::datatypes::DataType::Binary)?;
                sized_bytes(bytes.as_binary(), to)
            }
            SqlType::IntervalYearMonth => {
                self.numbers::<IntervalYearMonthType>(texts, to, parse_year_month)
            }
            SqlType::IntervalDaySecond => {
                self.numbers::<IntervalMonthDayNanoType>(texts, to, |text| {
                    parse_day_second(text).map(super::number::interval_of_millis)
                })
            }
            _ => self.times(texts, to),
        }
    }

    fn numbers<T: ArrowPrimitiveType>(
        &self,
        texts: &StringArray,
        to: &SqlType,
        parse: impl Fn(&str) -> Option<T::Native>,
    ) -> Result<ArrayRef> {
        let mut out = PrimitiveBuilder::<T>::with_capacity(texts.len());
        for text in texts {
            out.append_option(self.parsed(text, to, &parse)?);
        }
        Ok(Arc::new(out.finish()))
    }

    fn parsed<T>(
        &self,
        text: Option<&str>,
        to: &SqlType,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        match text {
            None => Ok(None),
            Some(text) => match parse(text) {
                Some(value) => Ok(Some(value)),
                None => self.failed(to, text),
            },
        }
    }

    fn decimals(
        &self,
        texts: &StringArray,
        to: &SqlType,
        precision: u8,
        scale: i8,
    ) -> Result<ArrayRef> {
        let mut out = Decimal128Builder::with_capacity(texts.len());
        for text in texts {
            let value = self.parsed(text, to, |text| parse_decimal(text, precision, scale))?;
            out.append_option(value.flatten());
        }
        Ok(Arc::new(
            out.finish().with_precision_and_scale(precision, scale)?,
        ))
    }

    fn truths(&self, texts: &StringArray, to: &SqlType) -> Result<ArrayRef> {
        let mut out = BooleanBuilder::with_capacity(texts.len());
        for text in texts {
            out.append_option(self.parsed(text, to, parse_truth)?);
        }
        Ok(Arc::new(out.finish()))
    }

    fn times(&mut self, texts: &StringArray, to: &SqlType) -> Result<ArrayRef> {
        let mut moments = Vec::with_capacity(texts.len());
        for text in texts {
            moments.push(self.parsed(text, to, |text| self.moment(text, to))?);
        }
        time::to_time(moments.into_iter(), to)
    }

    fn moment(&self, text: &str, to: &SqlType) -> Option<Moment> {
        match to {
            SqlType::Date => Moment::at(parse_date(text)?, 0, 0),
            SqlType::Time(_) => parse_time(text).map(|(millis, nanos)| Moment { millis, nanos }),
            SqlType::TimestampLtz(_) => Some(self.zone.to_utc(parse_timestamp(text)?)),
            SqlType::Timestamp(_) => parse_timestamp(text),
            other => Err::<Moment, _>(Error::internal(format!("{other} is no time"))).ok(),
        }
    }
}

fn whole<T: TryFrom<i64>>(text: &str) -> Option<T> {
    parse_whole(text).and_then(|value| T::try_from(value).ok())
}

fn parse_truth(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["t", "true", "y", "yes", "1"]) {
        Some(true)
    } else if is(["f", "false", "n", "no", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// `+1-06` in months.
fn parse_year_month(text: &str) -> Option<i32> {
    let (sign, text) = signed(text.trim());
    let (years, months) = text.split_once('-')?;
    let (years, months): (i32, i32) = (years.parse().ok()?, months.parse().ok()?);
    let value = years.checked_mul(12)?.checked_add(months)?;
    ((0..12).contains(&months) && years >= 0).then_some(sign as i32 * value)
}

/// `+1 02:03:04.567` in milliseconds.
fn parse_day_second(text: &str) -> Option<i64> {
    let (sign, text) = signed(text.trim());
    let (days, clock) = text.split_once(' ')?;
    let days = crate::temporal::digits_of(days, 9)?;
    let (millis, _) = parse_time(clock)?;
    Some(sign * (days * 86_400_000 + millis))
}

fn signed(text: &str) -> (i64, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    }
}
