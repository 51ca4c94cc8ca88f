//! The arguments of a call: which types fit, what they promise about the result, their values.
//!
//! [`Kind`] says what an argument accepts and what it is converted to. [`Arguments`] is what is
//! known while planning, [`Call`] what is known with a batch in hand. An argument of a call is an
//! array and a step: 1 for a column, 0 for a constant, so that `values[row * step]` serves both
//! without a branch.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, PrimitiveArray, StringArray,
    UInt32Array,
};
use arrow::datatypes::{DataType, FieldRef};
use datafusion_common::{Result as DfResult, ScalarValue};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, Result};

use crate::FunctionContext;
use crate::chance::Chance;

/// Metadata key of a string that is JSON, so that it is not quoted inside other JSON.
pub(crate) const JSON_KEY: &str = "millstream.json";

/// What an argument accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// STRING.
    Str,
    /// BYTES.
    Bytes,
    /// STRING or BYTES, as it is.
    Text,
    /// A whole number that fits INT.
    Int,
    /// A whole number.
    Long,
    /// Any number, as DOUBLE.
    Double,
    /// Any number, as it is.
    Number,
    /// A number or a string, as it is.
    NumberOrStr,
    /// BOOLEAN.
    Bool,
    /// DATE, TIME, TIMESTAMP or TIMESTAMP_LTZ, as it is.
    Time,
    /// A point in time, or a string that is parsed as one.
    TimeOrStr,
    /// A point in time, or an INTERVAL.
    TimeOrInterval,
    /// ARRAY.
    Array,
    /// MAP.
    Map,
    /// ARRAY, MAP or MULTISET.
    Collection,
    /// Anything, as it is.
    Any,
}

impl Kind {
    /// The type an argument of type `ty` is converted to; `None` when it does not fit.
    pub(crate) fn coerce(self, ty: &DataType) -> Option<DataType> {
        use DataType as T;
        let whole = ty.is_integer() || *ty == T::Null;
        match self {
            Kind::Any => Some(plain(ty)),
            Kind::Str => (is_text(ty) || *ty == T::Null).then_some(T::Utf8),
            Kind::Bytes => (is_bytes(ty) || *ty == T::Null).then_some(T::Binary),
            Kind::Text if is_bytes(ty) => Some(T::Binary),
            Kind::Text => Kind::Str.coerce(ty),
            Kind::Int => whole.then_some(T::Int32),
            Kind::Long => whole.then_some(T::Int64),
            Kind::Double => (ty.is_numeric() || *ty == T::Null).then_some(T::Float64),
            Kind::Number if *ty == T::Null => Some(T::Int32),
            Kind::Number => ty.is_numeric().then(|| plain(ty)),
            Kind::NumberOrStr if ty.is_numeric() => Some(plain(ty)),
            Kind::NumberOrStr => Kind::Str.coerce(ty),
            Kind::Bool => (matches!(ty, T::Boolean | T::Null)).then_some(T::Boolean),
            Kind::Time if *ty == T::Null => Kind::Time.coerce(&SqlType::Timestamp(3).to_arrow()),
            Kind::Time => is_time(ty).then(|| plain(ty)),
            Kind::TimeOrStr if is_time(ty) => Some(plain(ty)),
            Kind::TimeOrStr => Kind::Str.coerce(ty),
            Kind::TimeOrInterval if matches!(ty, T::Duration(_)) => {
                Some(SqlType::IntervalDaySecond.to_arrow())
            }
            Kind::TimeOrInterval if matches!(ty, T::Interval(_)) => Some(ty.clone()),
            Kind::TimeOrInterval => Kind::Time.coerce(ty),
            Kind::Array => matches!(ty, T::List(_)).then(|| ty.clone()),
            Kind::Map => matches!(ty, T::Map(..)).then(|| ty.clone()),
            Kind::Collection => matches!(ty, T::List(_) | T::Map(..)).then(|| ty.clone()),
        }
    }

    /// How an error names it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Kind::Str => "STRING",
            Kind::Bytes => "BYTES",
            Kind::Text => "STRING or BYTES",
            Kind::Int => "INT",
            Kind::Long => "BIGINT",
            Kind::Double | Kind::Number => "a number",
            Kind::NumberOrStr => "a number or STRING",
            Kind::Bool => "BOOLEAN",
            Kind::Time => "a DATE, TIME or TIMESTAMP",
            Kind::TimeOrStr => "a TIMESTAMP, DATE or STRING",
            Kind::TimeOrInterval => "a DATE, TIME, TIMESTAMP or INTERVAL",
            Kind::Array => "an ARRAY",
            Kind::Map => "a MAP",
            Kind::Collection => "an ARRAY, MAP or MULTISET",
            Kind::Any => "a value",
        }
    }
}

pub(crate) fn is_text(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

pub(crate) fn is_bytes(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
    )
}

fn is_time(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Date32 | DataType::Time32(_) | DataType::Timestamp(..)
    )
}

/// The Arrow type our functions read for a value that may come in another layout.
pub(crate) fn plain(ty: &DataType) -> DataType {
    match ty {
        ty if is_text(ty) => DataType::Utf8,
        ty if is_bytes(ty) => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal256(p, s) => {
            DataType::Decimal128((*p).min(38), *s)
        }
        ty => ty.clone(),
    }
}

/// What is known of a call's arguments while planning.
pub(crate) struct Arguments<'a> {
    pub(crate) name: &'a str,
    pub(crate) fields: &'a [FieldRef],
    pub(crate) constants: &'a [Option<&'a ScalarValue>],
}

impl Arguments<'_> {
    /// The SQL type of argument `index`.
    pub(crate) fn ty(&self, index: usize) -> SqlType {
        self.fields
            .get(index)
            .map_or(SqlType::Null, |field| SqlType::of(field))
    }

    /// Whether argument `index` may be NULL.
    pub(crate) fn nullable(&self, index: usize) -> bool {
        self.fields
            .get(index)
            .is_some_and(|field| field.is_nullable() || *field.data_type() == DataType::Null)
    }

    /// The type of the arguments `first..` together, which have a common Arrow type already.
    pub(crate) fn merged(&self, first: usize) -> SqlType {
        self.merged_of(first..self.fields.len())
    }

    /// The type of some arguments together, which have a common Arrow type already.
    pub(crate) fn merged_of(&self, some: impl Iterator<Item = usize>) -> SqlType {
        let indexes: Vec<usize> = some.collect();
        let types: Vec<SqlType> = indexes.iter().map(|index| self.ty(*index)).collect();
        let known = indexes
            .iter()
            .filter_map(|index| self.fields.get(*index))
            .map(|field| field.data_type())
            .find(|ty| **ty != DataType::Null);
        match known {
            Some(arrow) => crate::common::common_sql(&types, arrow),
            None => SqlType::Null,
        }
    }

    /// `sql`, NULL if any argument may be.
    pub(crate) fn strict(&self, sql: SqlType) -> Result<ColumnType> {
        let nullable = (0..self.fields.len()).any(|index| self.nullable(index));
        Ok(ColumnType { sql, nullable })
    }

    /// The constant whole number given as argument `index`.
    pub(crate) fn constant_int(&self, index: usize) -> Option<i64> {
        let value = self.constants.get(index).copied().flatten()?;
        match value.cast_to(&DataType::Int64).ok()? {
            ScalarValue::Int64(value) => value,
            _ => None,
        }
    }

    /// The constant string given as argument `index`.
    pub(crate) fn constant_str(&self, index: usize) -> Option<&str> {
        match self.constants.get(index).copied().flatten()? {
            ScalarValue::Utf8(text)
            | ScalarValue::Utf8View(text)
            | ScalarValue::LargeUtf8(text) => text.as_deref(),
            _ => None,
        }
    }

    /// An error that names the function.
    pub(crate) fn mismatch(&self, what: &str) -> Error {
        let name = self.name.to_uppercase();
        Error::new(Code::TypeMismatch, format!("function '{name}' {what}"))
    }
}

/// A call with a batch in hand.
pub(crate) struct Call<'a> {
    pub(crate) name: &'static str,
    pub(crate) rows: usize,
    pub(crate) context: &'a FunctionContext,
    pub(crate) chance: &'a Chance,
    pub(crate) returns: &'a FieldRef,
    columns: Vec<(ArrayRef, usize)>,
    fields: &'a [FieldRef],
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        name: &'static str,
        args: &'a ScalarFunctionArgs,
        rows: usize,
        context: &'a FunctionContext,
        chance: &'a Chance,
    ) -> DfResult<Self> {
        let columns = args
            .args
            .iter()
            .map(|value| match value {
                ColumnarValue::Array(array) => Ok((Arc::clone(array), 1)),
                ColumnarValue::Scalar(value) => Ok((value.to_array()?, 0)),
            })
            .collect::<DfResult<_>>()?;
        Ok(Call {
            name,
            rows,
            context,
            chance,
            returns: &args.return_field,
            columns,
            fields: &args.arg_fields,
        })
    }

    /// How many arguments there are.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    /// The values of argument `index`: one array, of one row if it is constant.
    pub(crate) fn array(&self, index: usize) -> &ArrayRef {
        &self.columns[index].0
    }

    /// The values of argument `index`, one per row.
    pub(crate) fn full(&self, index: usize) -> Result<ArrayRef> {
        let (array, step) = &self.columns[index];
        if *step == 1 || self.rows == 1 {
            return Ok(Arc::clone(array));
        }
        let first = UInt32Array::from(vec![0; self.rows]);
        Ok(arrow::compute::take(array, &first, None)?)
    }

    /// Whether argument `index` is constant.
    pub(crate) fn is_constant(&self, index: usize) -> bool {
        self.columns[index].1 == 0
    }

    /// The SQL type of argument `index`.
    pub(crate) fn ty(&self, index: usize) -> SqlType {
        match self.fields.get(index) {
            Some(field) => SqlType::of(field),
            None => SqlType::of_arrow(self.array(index).data_type()),
        }
    }

    /// The SQL type of argument `index` with its nullability.
    pub(crate) fn column_type(&self, index: usize) -> ColumnType {
        ColumnType {
            sql: self.ty(index),
            nullable: self
                .fields
                .get(index)
                .is_none_or(|field| field.is_nullable()),
        }
    }

    /// Whether argument `index` is the result of a function that makes JSON.
    pub(crate) fn is_json(&self, index: usize) -> bool {
        let field = self.fields.get(index);
        field.is_some_and(|field| field.metadata().contains_key(JSON_KEY))
    }

    /// Argument `index` as an array of type `A`, with its step.
    pub(crate) fn typed<A: Array + 'static>(&self, index: usize) -> Result<Values<'_, A>> {
        let (array, step) = &self.columns[index];
        match array.as_any().downcast_ref::<A>() {
            Some(array) => Ok(Values { array, step: *step }),
            None => Err(Error::internal(format!(
                "function '{}' cannot read argument {} of type {}",
                self.name,
                index + 1,
                array.data_type()
            ))),
        }
    }

    /// Argument `index` as strings.
    pub(crate) fn texts(&self, index: usize) -> Result<Texts<'_>> {
        self.typed(index)
    }

    /// Argument `index` as numbers of one width.
    pub(crate) fn numbers<T: ArrowPrimitiveType>(
        &self,
        index: usize,
    ) -> Result<Values<'_, PrimitiveArray<T>>> {
        self.typed(index)
    }

    /// The strings of argument `index`, or nothing if the call has fewer arguments.
    pub(crate) fn optional_texts(&self, index: usize) -> Result<Option<Texts<'_>>> {
        (index < self.len()).then(|| self.texts(index)).transpose()
    }

    /// An error of this call.
    pub(crate) fn error(&self, what: impl std::fmt::Display) -> Error {
        let name = self.name.to_uppercase();
        Error::new(Code::Evaluation, format!("function '{name}': {what}"))
    }
}

/// The values of one argument.
pub(crate) struct Values<'a, A> {
    pub(crate) array: &'a A,
    pub(crate) step: usize,
}

/// The strings of one argument.
pub(crate) type Texts<'a> = Values<'a, StringArray>;

impl<A> Clone for Values<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Values<'_, A> {}

impl<'a> Texts<'a> {
    /// The string of `row`.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        let at = row * self.step;
        (!self.array.is_null(at)).then(|| self.array.value(at))
    }
}

impl<'a> Values<'a, BinaryArray> {
    /// The bytes of `row`.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a [u8]> {
        let at = row * self.step;
        (!self.array.is_null(at)).then(|| self.array.value(at))
    }
}

impl Values<'_, BooleanArray> {
    /// The truth value of `row`.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<bool> {
        let at = row * self.step;
        (!self.array.is_null(at)).then(|| self.array.value(at))
    }
}

impl<T: ArrowPrimitiveType> Values<'_, PrimitiveArray<T>> {
    /// The number of `row`.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<T::Native> {
        let at = row * self.step;
        (!self.array.is_null(at)).then(|| self.array.value(at))
    }
}
