//! What the options of a table say, checked as a whole.
//!
//! `fields.<path>.<option>` belongs to the column, field or element at a path: `fields.a.min`,
//! `fields.row.b.min`, `fields.array.element.min`, `fields.map.key.min`, `fields.map.value.min`.
//! Each type reads only the options that mean something for it; one that nobody reads is refused.

use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::{AsArray, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Fields, IntervalUnit};
use millstream_core::options::Options;
use millstream_core::table::TableSpec;
use millstream_core::types::{ColumnType, LENGTH_MAX, SqlType};
use millstream_core::{Code, Error, Result, suggest};

use super::generator::{Generator, Kind, Length};
use super::nested::is_comparable;
use super::{NUMBER_OF_ROWS, ROWS_PER_SECOND, SEED};

/// Longest text, and most elements, of one value.
const VALUE_LENGTH_MAX: usize = 16 << 20;
/// Most bytes of one row.
const ROW_BYTES_MAX: u64 = 64 << 20;
/// Longest random INTERVAL YEAR TO MONTH unless the options say otherwise: 10,000 years.
const MONTHS_MAX: i64 = 120_000;
/// Longest random INTERVAL DAY TO SECOND unless the options say otherwise: 3,650 days.
const MILLIS_MAX: i64 = 3_650 * 86_400_000;
const NANOS_PER_MS: i64 = 1_000_000;
/// Deepest type.
const DEPTH_MAX: usize = 64;

/// Everything the options say.
pub(super) struct Settings {
    pub(super) rows_per_second: u64,
    /// How many rows there are; `None`: without end.
    pub(super) rows: Option<u64>,
    pub(super) seed: Option<u64>,
    /// One generator per physical column.
    pub(super) generators: Vec<Generator>,
    /// Bytes a row may take, roughly.
    pub(super) row_bytes: u64,
}

impl Settings {
    pub(super) fn of(table: &TableSpec) -> Result<Self> {
        let options = &table.options;
        let rows_per_second: Option<u64> =
            options.parse(ROWS_PER_SECOND, "a number of at least 1")?;
        if rows_per_second == Some(0) {
            return Err(options.invalid(ROWS_PER_SECOND, "a number of at least 1"));
        }
        let mut fields = FieldOptions {
            options,
            known: Vec::new(),
            rows: None,
        };
        let columns = table.schema.fields().iter();
        let generators: Result<Vec<_>> = columns.map(|field| fields.column(field)).collect();
        let generators = generators?;
        fields.refuse_unread()?;
        let row_bytes = generators
            .iter()
            .fold(0, |sum, g| g.bytes_max().saturating_add(sum));
        if row_bytes > ROW_BYTES_MAX {
            return Err(Error::new(
                Code::InvalidOption,
                format!(
                    "{} would have rows of {row_bytes} bytes, more than {ROW_BYTES_MAX}",
                    options.owner()
                ),
            )
            .hint("choose shorter columns with 'fields.<column>.length'"));
        }
        let rows: Option<u64> = options.parse(NUMBER_OF_ROWS, "a number of rows")?;
        Ok(Settings {
            rows_per_second: rows_per_second.unwrap_or(10_000),
            rows: rows.into_iter().chain(fields.rows).min(),
            seed: options
                .parse::<i64>(SEED, "a number")?
                .map(|seed| seed as u64),
            generators,
            row_bytes: row_bytes.max(1),
        })
    }
}

/// Reads the options of fields and remembers which there are.
struct FieldOptions<'a> {
    options: &'a Options,
    known: Vec<String>,
    /// The rows of the shortest sequence.
    rows: Option<u64>,
}

impl FieldOptions<'_> {
    fn column(&mut self, field: &FieldRef) -> Result<Generator> {
        let path = format!("fields.{}", field.name());
        let kind_key = self.key(&path, "kind");
        match self
            .options
            .one_of(&kind_key, &["random", "sequence"], "random")?
        {
            "sequence" => self.sequence(&path, field),
            _ => self.random(&path, field, 0),
        }
    }

    fn sequence(&mut self, path: &str, field: &FieldRef) -> Result<Generator> {
        let (start_key, end_key) = (self.key(path, "start"), self.key(path, "end"));
        self.options.require(&start_key)?;
        self.options.require(&end_key)?;
        let start = self
            .options
            .parse(&start_key, "a whole number")?
            .unwrap_or(0);
        let end: i64 = self.options.parse(&end_key, "a whole number")?.unwrap_or(0);
        if !can_count(field) {
            let ty = ColumnType::of(field);
            return Err(self.options.invalid(
                &self.key_of(path, "kind"),
                &format!("'random' for the type {ty}"),
            ));
        }
        for (key, n) in [(&start_key, start), (&end_key, end)] {
            if !fits(n, field) {
                let ty = ColumnType::of(field);
                return Err(self
                    .options
                    .invalid(key, &format!("a number that fits {ty}")));
            }
        }
        if end < start {
            return Err(self
                .options
                .invalid(&end_key, &format!("a number of at least {start}")));
        }
        let rows = end.abs_diff(start).saturating_add(1);
        self.rows = self.rows.into_iter().chain([rows]).min();
        self.generator(path, field, Kind::Sequence { start })
    }

    fn random(&mut self, path: &str, field: &FieldRef, depth: usize) -> Result<Generator> {
        if depth > DEPTH_MAX {
            return Err(Error::new(
                Code::InvalidSchema,
                format!(
                    "{}: the type of '{path}' is nested too deeply",
                    self.options.owner()
                ),
            ));
        }
        let kind = self.kind(path, field, depth)?;
        self.generator(path, field, kind)
    }

    fn generator(&mut self, path: &str, field: &FieldRef, kind: Kind) -> Result<Generator> {
        let key = self.key(path, "null-rate");
        let wanted = "a number from 0 to 1";
        let null_rate = self.options.parse(&key, wanted)?.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&null_rate) {
            return Err(self.options.invalid(&key, wanted));
        }
        if null_rate > 0.0 && !field.is_nullable() {
            return Err(self.options.invalid(&key, "'0' where NULL is not allowed"));
        }
        Ok(Generator {
            field: Arc::clone(field),
            null_rate,
            kind,
        })
    }

    fn kind(&mut self, path: &str, field: &FieldRef, depth: usize) -> Result<Kind> {
        match SqlType::of(field) {
            SqlType::Boolean => Ok(Kind::Boolean),
            SqlType::TinyInt => self.integer(path, i8::MIN.into(), i8::MAX.into()),
            SqlType::SmallInt => self.integer(path, i16::MIN.into(), i16::MAX.into()),
            SqlType::Int => self.integer(path, i32::MIN.into(), i32::MAX.into()),
            SqlType::BigInt => self.integer(path, i64::MIN, i64::MAX),
            SqlType::IntervalYearMonth => self.span(path, i32::MAX.into(), MONTHS_MAX),
            SqlType::IntervalDaySecond => self.span(path, i64::MAX / NANOS_PER_MS, MILLIS_MAX),
            SqlType::Float => self.float(path, f64::from(f32::MAX)),
            SqlType::Double => self.float(path, f64::MAX),
            SqlType::Decimal { precision, scale } => self.decimal(path, precision, scale),
            SqlType::Char(length) => self.fixed(path, length).map(Kind::Text),
            SqlType::Varchar(length) => self.varying(path, length).map(Kind::Text),
            SqlType::Binary(length) => self.fixed(path, length).map(Kind::Bytes),
            SqlType::Varbinary(length) => self.varying(path, length).map(Kind::Bytes),
            SqlType::Date => Ok(Kind::Time {
                past_ms: 0,
                step_ms: 1,
            }),
            SqlType::Time(precision) => Ok(Kind::Time {
                past_ms: 0,
                step_ms: step_ms(precision),
            }),
            SqlType::Timestamp(precision) | SqlType::TimestampLtz(precision) => {
                self.timestamp(path, precision)
            }
            _ => self.nested(path, field, depth),
        }
    }

    fn nested(&mut self, path: &str, field: &FieldRef, depth: usize) -> Result<Kind> {
        let depth = depth + 1;
        match field.data_type() {
            DataType::Struct(fields) => {
                let inner: Result<Vec<_>> = fields
                    .iter()
                    .map(|inner| self.random(&format!("{path}.{}", inner.name()), inner, depth))
                    .collect();
                Ok(Kind::Row(inner?))
            }
            DataType::List(element) => {
                let length = self.elements(path)?;
                let element = Box::new(self.random(&format!("{path}.element"), element, depth)?);
                Ok(Kind::Array { length, element })
            }
            DataType::Map(entries, _) => {
                let pair = self.pair(path, entries)?;
                let length = self.elements(path)?;
                if matches!(SqlType::of(field), SqlType::Multiset(_)) {
                    let element = self.random(&format!("{path}.element"), &pair[0], depth)?;
                    return Ok(Kind::Multiset {
                        length,
                        element: Box::new(element),
                    });
                }
                let key = Box::new(self.random(&format!("{path}.key"), &pair[0], depth)?);
                let value = Box::new(self.random(&format!("{path}.value"), &pair[1], depth)?);
                Ok(Kind::Map { length, key, value })
            }
            _ => Err(self.no_generator(path, field)),
        }
    }

    /// Key and value of a map whose keys can be told apart.
    fn pair<'f>(&self, path: &str, entries: &'f Field) -> Result<&'f Fields> {
        match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 && is_comparable(pair[0].data_type()) => {
                Ok(pair)
            }
            _ => Err(self.no_generator(path, entries)),
        }
    }

    fn integer(&mut self, path: &str, least: i64, most: i64) -> Result<Kind> {
        self.range(path, least..=most, least..=most)
    }

    /// An interval: any that the type can hold, positive ones unless the options say otherwise.
    fn span(&mut self, path: &str, most: i64, usual: i64) -> Result<Kind> {
        self.range(path, -most..=most, 0..=usual)
    }

    fn range(
        &mut self,
        path: &str,
        possible: RangeInclusive<i64>,
        usual: RangeInclusive<i64>,
    ) -> Result<Kind> {
        let wanted = format!(
            "a whole number from {} to {}",
            possible.start(),
            possible.end()
        );
        let (min_key, max_key) = (self.key(path, "min"), self.key(path, "max"));
        let min = self
            .options
            .parse(&min_key, &wanted)?
            .unwrap_or(*usual.start());
        let max = self
            .options
            .parse(&max_key, &wanted)?
            .unwrap_or(*usual.end());
        for (key, n) in [(&min_key, min), (&max_key, max)] {
            if !possible.contains(&n) {
                return Err(self.options.invalid(key, &wanted));
            }
        }
        self.ordered(min <= max, &min_key, &max_key)?;
        Ok(Kind::Integer { min, max })
    }

    fn float(&mut self, path: &str, most: f64) -> Result<Kind> {
        let (min_key, max_key) = (self.key(path, "min"), self.key(path, "max"));
        let min = self.options.parse(&min_key, "a number")?.unwrap_or(0.0);
        let max: f64 = self.options.parse(&max_key, "a number")?.unwrap_or(most);
        for (key, n) in [(&min_key, min), (&max_key, max)] {
            if !n.is_finite() || n.abs() > most {
                return Err(self
                    .options
                    .invalid(key, &format!("a number from {:e} to {most:e}", -most)));
            }
        }
        self.ordered(min <= max, &min_key, &max_key)?;
        Ok(Kind::Float { min, max })
    }

    fn decimal(&mut self, path: &str, precision: u8, scale: i8) -> Result<Kind> {
        let most = 10i128.pow(u32::from(precision.min(38))) - 1;
        let (min_key, max_key) = (self.key(path, "min"), self.key(path, "max"));
        let read = |key: &str, default: i128| match self.options.get(key) {
            None => Ok(default),
            Some(text) => unscaled(text, precision, scale).ok_or_else(|| {
                self.options.invalid(
                    key,
                    &format!("a number that fits DECIMAL({precision}, {scale})"),
                )
            }),
        };
        let (min, max) = (read(&min_key, -most)?, read(&max_key, most)?);
        self.ordered(min <= max, &min_key, &max_key)?;
        Ok(Kind::Decimal { min, max })
    }

    fn ordered(&self, ordered: bool, min_key: &str, max_key: &str) -> Result<()> {
        if ordered {
            return Ok(());
        }
        // Name the one the user wrote.
        let (key, wanted) = match self.options.get(max_key) {
            Some(_) => (max_key, format!("a number of at least that of '{min_key}'")),
            None => (
                min_key,
                "a number of at most the largest of the type".to_string(),
            ),
        };
        Err(self.options.invalid(key, &wanted))
    }

    fn timestamp(&mut self, path: &str, precision: u8) -> Result<Kind> {
        let key = self.key(path, "max-past");
        let past = self.options.duration(&key)?.unwrap_or_default();
        // Nanoseconds in 64 bits reach back to 1677.
        if precision > 6 && past.as_secs() > 200 * 366 * 86_400 {
            return Err(self
                .options
                .invalid(&key, "at most 200 years for this precision"));
        }
        let past_ms = u64::try_from(past.as_millis()).unwrap_or(u64::MAX);
        Ok(Kind::Time {
            past_ms,
            step_ms: step_ms(precision),
        })
    }

    /// The length of a type that has only one.
    fn fixed(&mut self, path: &str, of_type: u32) -> Result<Length> {
        let max = of_type as usize;
        if max > VALUE_LENGTH_MAX {
            return Err(Error::new(
                Code::InvalidSchema,
                format!(
                    "{}: '{path}' is longer than the {VALUE_LENGTH_MAX} that are made up",
                    self.options.owner()
                ),
            ));
        }
        Ok(Length { max, varies: false })
    }

    fn varying(&mut self, path: &str, of_type: u32) -> Result<Length> {
        const DEFAULT: usize = 100;
        let default = if of_type == LENGTH_MAX {
            DEFAULT
        } else {
            of_type as usize
        };
        let most = VALUE_LENGTH_MAX.min(of_type as usize);
        let max = self.length(path, default, most)?;
        let varies_key = self.key(path, "var-len");
        Ok(Length {
            max,
            varies: self.options.boolean(&varies_key, false)?,
        })
    }

    fn elements(&mut self, path: &str) -> Result<usize> {
        self.length(path, 3, VALUE_LENGTH_MAX)
    }

    fn length(&mut self, path: &str, default: usize, most: usize) -> Result<usize> {
        let key = self.key(path, "length");
        let wanted = format!("a number from 0 to {most}");
        let length = self.options.parse(&key, &wanted)?.unwrap_or(default);
        if length > most {
            return Err(self.options.invalid(&key, &wanted));
        }
        Ok(length)
    }

    fn no_generator(&self, path: &str, field: &Field) -> Error {
        Error::new(
            Code::InvalidSchema,
            format!(
                "{}: no values can be made up for '{path}' of type {}",
                self.options.owner(),
                ColumnType::of(field)
            ),
        )
    }

    fn key_of(&self, path: &str, option: &str) -> String {
        format!("{path}.{option}")
    }

    /// The key of an option, which is known from now on.
    fn key(&mut self, path: &str, option: &str) -> String {
        let key = self.key_of(path, option);
        self.known.push(key.clone());
        key
    }

    fn refuse_unread(&self) -> Result<()> {
        for (key, _) in self
            .options
            .iter()
            .filter(|(key, _)| key.starts_with("fields."))
        {
            if self.known.iter().any(|known| known == key) {
                continue;
            }
            let shown = crate::options::shown(key);
            let error = Error::new(
                Code::UnknownOption,
                format!(
                    "{} has no column with an option '{shown}'",
                    self.options.owner()
                ),
            );
            return Err(
                match suggest::hint(key, self.known.iter().map(String::as_str)) {
                    Some(hint) => error.hint(hint),
                    None => error,
                },
            );
        }
        Ok(())
    }
}

/// The steps in which a time of this precision goes on, ms.
fn step_ms(precision: u8) -> i64 {
    10i64.pow(3 - u32::from(precision.min(3)))
}

fn can_count(field: &Field) -> bool {
    match field.data_type() {
        DataType::Interval(IntervalUnit::YearMonth | IntervalUnit::MonthDayNano) => false,
        ty => {
            ty.is_integer()
                || ty.is_floating()
                || matches!(
                    ty,
                    DataType::Decimal128(..) | DataType::Utf8 | DataType::Binary
                )
        }
    }
}

/// True if a number of a sequence is a value of the field's type.
fn fits(n: i64, field: &Field) -> bool {
    let within = |least: i64, most: i64| (least..=most).contains(&n);
    match SqlType::of(field) {
        SqlType::TinyInt => within(i8::MIN.into(), i8::MAX.into()),
        SqlType::SmallInt => within(i16::MIN.into(), i16::MAX.into()),
        SqlType::Int => within(i32::MIN.into(), i32::MAX.into()),
        SqlType::Decimal { precision, scale } => {
            unscaled(&n.to_string(), precision, scale).is_some()
        }
        SqlType::Char(length)
        | SqlType::Varchar(length)
        | SqlType::Binary(length)
        | SqlType::Varbinary(length) => n.to_string().len() <= length as usize,
        _ => true,
    }
}

fn unscaled(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let text = StringArray::from(vec![text.trim()]);
    let cast = cast_with_options(&text, &DataType::Decimal128(precision, scale), &options).ok()?;
    Some(cast.as_primitive::<Decimal128Type>().value(0))
}
