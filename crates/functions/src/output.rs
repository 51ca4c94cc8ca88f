//! Building results: bounded strings and bytes, numbers, truth values.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryBuilder, BooleanBuilder, PrimitiveBuilder, StringBuilder,
};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, Result};

use crate::args::{Arguments, Call};

/// The longest value a function may make, in bytes.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// The most bytes of variable length a function may make for one batch.
pub const BATCH_BYTES_MAX: usize = 512 << 20;

/// What a row's computation says when it has written its value; `None` is NULL.
pub(crate) type Row = Result<Option<()>>;

/// Builds a string column piece by piece.
pub(crate) struct TextBuilder {
    inner: StringBuilder,
    start: usize,
}

impl TextBuilder {
    fn new(rows: usize) -> Self {
        TextBuilder {
            inner: StringBuilder::with_capacity(rows, rows * 16),
            start: 0,
        }
    }

    /// Appends to the value of the current row.
    #[inline]
    pub(crate) fn push(&mut self, text: &str) -> Result<()> {
        self.reserve(text.len())?;
        // Writing into memory cannot fail.
        std::fmt::Write::write_str(&mut self.inner, text).map_err(|_| too_long())
    }

    /// Appends a character to the value of the current row.
    #[inline]
    pub(crate) fn push_char(&mut self, c: char) -> Result<()> {
        self.push(c.encode_utf8(&mut [0; 4]))
    }

    /// Checks that `more` bytes still fit the value and the batch.
    #[inline]
    pub(crate) fn reserve(&self, more: usize) -> Result<()> {
        let length = self.inner.values_slice().len();
        if length - self.start + more > VALUE_BYTES_MAX || length + more > BATCH_BYTES_MAX {
            return Err(too_long());
        }
        Ok(())
    }

    #[inline]
    fn end_row(&mut self, value: Option<()>) {
        match value {
            Some(()) => self.inner.append_value(""),
            None => self.inner.append_null(),
        }
        self.start = self.inner.values_slice().len();
    }
}

fn too_long() -> Error {
    Error::new(
        Code::Evaluation,
        format!("a string of more than {VALUE_BYTES_MAX} bytes, or {BATCH_BYTES_MAX} in a batch"),
    )
}

/// A string per row. A row that returns `None` must not have written anything.
pub(crate) fn text_rows(
    call: &Call,
    mut row: impl FnMut(usize, &mut TextBuilder) -> Row,
) -> Result<ArrayRef> {
    let mut out = TextBuilder::new(call.rows);
    for index in 0..call.rows {
        let value = row(index, &mut out).map_err(|error| in_call(call, error))?;
        out.end_row(value);
    }
    Ok(Arc::new(out.inner.finish()))
}

/// Puts the function's name before an error that does not have it yet.
fn in_call(call: &Call, error: Error) -> Error {
    if error.message().starts_with("function '") {
        return error;
    }
    error.context(format!("function '{}'", call.name.to_uppercase()))
}

/// Bytes per row.
pub(crate) fn byte_rows(
    call: &Call,
    mut row: impl FnMut(usize) -> Result<Option<Vec<u8>>>,
) -> Result<ArrayRef> {
    let mut out = BinaryBuilder::with_capacity(call.rows, call.rows * 16);
    let mut total = 0;
    for index in 0..call.rows {
        match row(index)? {
            Some(bytes) => {
                total += bytes.len();
                if bytes.len() > VALUE_BYTES_MAX || total > BATCH_BYTES_MAX {
                    return Err(in_call(call, too_long()));
                }
                out.append_value(bytes);
            }
            None => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// A number per row.
pub(crate) fn number_rows<T: ArrowPrimitiveType>(
    call: &Call,
    mut row: impl FnMut(usize) -> Result<Option<T::Native>>,
) -> Result<ArrayRef> {
    let mut out =
        PrimitiveBuilder::<T>::with_capacity(call.rows).with_data_type(result_type::<T>(call));
    for index in 0..call.rows {
        out.append_option(row(index)?);
    }
    Ok(Arc::new(out.finish()))
}

/// The declared type where it differs from `T`'s only in parameters: precision, zone.
fn result_type<T: ArrowPrimitiveType>(call: &Call) -> arrow::datatypes::DataType {
    let declared = call.returns.data_type();
    if arrow::array::PrimitiveArray::<T>::is_compatible(declared) {
        declared.clone()
    } else {
        T::DATA_TYPE
    }
}

/// A truth value per row.
pub(crate) fn bool_rows(
    call: &Call,
    mut row: impl FnMut(usize) -> Result<Option<bool>>,
) -> Result<ArrayRef> {
    let mut out = BooleanBuilder::with_capacity(call.rows);
    for index in 0..call.rows {
        out.append_option(row(index)?);
    }
    Ok(Arc::new(out.finish()))
}

macro_rules! result_types {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) fn $name(args: &Arguments) -> Result<ColumnType> {
                args.strict($sql)
            }
        )*
    };
    (nullable $($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) fn $name(_: &Arguments) -> Result<ColumnType> {
                Ok(ColumnType::nullable($sql))
            }
        )*
    };
}

// NULL only if an argument may be.
result_types! {
    /// STRING.
    string = SqlType::STRING;
    /// INT.
    int = SqlType::Int;
    /// BIGINT.
    bigint = SqlType::BigInt;
    /// DOUBLE.
    double = SqlType::Double;
    /// BOOLEAN.
    boolean = SqlType::Boolean;
}

// NULL for some arguments that are not.
result_types! { nullable
    /// STRING, or NULL for some values.
    string_or_null = SqlType::STRING;
    /// BYTES, or NULL for some values.
    bytes_or_null = SqlType::BYTES;
    /// INT, or NULL for some values.
    int_or_null = SqlType::Int;
    /// BOOLEAN, or NULL for some values.
    boolean_or_null = SqlType::Boolean;
    /// DATE, or NULL for some values.
    date_or_null = SqlType::Date;
    /// TIMESTAMP(3), or NULL for some values.
    timestamp_or_null = SqlType::Timestamp(3);
    /// TIMESTAMP_LTZ(3), or NULL for some values.
    timestamp_ltz_or_null = SqlType::TimestampLtz(3);
}

/// The type of the first argument, with its nullability.
pub(crate) fn like_first(args: &Arguments) -> Result<ColumnType> {
    args.strict(args.ty(0))
}

/// ARRAY&lt;STRING&gt;; NULL only if an argument may be.
pub(crate) fn strings(args: &Arguments) -> Result<ColumnType> {
    args.strict(SqlType::Array(Box::new(ColumnType::nullable(
        SqlType::STRING,
    ))))
}

/// ARRAY&lt;STRING&gt;; it may be NULL whatever the arguments are.
pub(crate) fn strings_or_null(_: &Arguments) -> Result<ColumnType> {
    Ok(ColumnType::nullable(SqlType::Array(Box::new(
        ColumnType::nullable(SqlType::STRING),
    ))))
}

/// BOOLEAN NOT NULL.
pub(crate) fn boolean_not_null(_: &Arguments) -> Result<ColumnType> {
    Ok(ColumnType {
        sql: SqlType::Boolean,
        nullable: false,
    })
}
