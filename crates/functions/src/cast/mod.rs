//! CAST and TRY_CAST with Flink's rules.
//!
//! Arrow's casts differ from Flink's in many places, so a cast that a user writes becomes a
//! [`FlinkCast`]: one function per target type. Where both agree, Arrow's kernel does the work.
//!
//! ```text
//! CAST('12.9' AS INT)                       12       a fraction does not count
//! CAST('x' AS INT)                          fails    TRY_CAST('x' AS INT) is NULL
//! CAST(1e10 AS STRING)                      1.0E10
//! CAST(TRUE AS STRING)                      TRUE
//! CAST(300 AS TINYINT)                      44       whole numbers wrap, as in Java
//! CAST(1e300 AS INT)                        2147483647
//! CAST(123.45 AS DECIMAL(3, 1))             NULL     a DECIMAL that does not fit is NULL
//! CAST(ts3 AS STRING)                       2020-01-01 00:00:00.000
//! CAST(ts_ltz AS DATE)                      the date in the session's time zone
//! CAST(ROW(1, 'a') AS STRING)               (1, a)
//! CAST(5 AS TIMESTAMP)                      refused: TO_TIMESTAMP_LTZ says what the number means
//! ```
//!
//! * A pair of types that cannot be cast is an error while planning.
//! * The result is NULL only if the argument may be, except for TRY_CAST and for a DECIMAL in which
//!   not every value has a place.
//! * Recursion follows the depth of the type, which the parser bounds.
//! * Source: the page "Data Types", section "Casting", of the Flink 2.3 manual.

mod from_text;
mod nested;
mod number;
mod time;
mod to_text;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, new_null_array};
use arrow::datatypes::{DataType, FieldRef};
use datafusion_common::{Result as DfResult, ScalarValue};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, Result};

use crate::FunctionContext;
use crate::function::{external, scalar_of};
use crate::temporal::Zone;

pub(crate) use number::{interval_millis, interval_of_millis};

/// `CAST(expr AS target)`, or with `try_` `TRY_CAST(expr AS target)`, with Flink's rules.
///
/// Whether the target allows NULL does not matter: the result allows it where Flink's does.
pub fn flink_cast(expr: Expr, target: ColumnType, try_: bool, context: &FunctionContext) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(
        cast_udf(target, try_, context),
        vec![expr],
    ))
}

/// The function behind [`flink_cast`].
pub fn cast_udf(target: ColumnType, try_: bool, context: &FunctionContext) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(FlinkCast {
        target: target.sql,
        try_,
        context: context.clone(),
        signature: Signature::any(1, Volatility::Immutable),
    }))
}

/// A cast to one type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FlinkCast {
    target: SqlType,
    try_: bool,
    context: FunctionContext,
    signature: Signature,
}

impl FlinkCast {
    fn word(&self) -> &'static str {
        if self.try_ { "TRY_CAST" } else { "CAST" }
    }

    fn result(&self, source: &FieldRef) -> ColumnType {
        let overflows = match self.target {
            SqlType::Decimal { precision, scale } => {
                !always_fits(&SqlType::of(source), precision, scale)
            }
            _ => false,
        };
        ColumnType {
            sql: self.target.clone(),
            nullable: self.try_
                || overflows
                || source.is_nullable()
                || *source.data_type() == DataType::Null,
        }
    }

    /// Whether a constant becomes a value.
    fn is_value(&self, constant: &ScalarValue, source: &FieldRef) -> bool {
        let from = SqlType::of(source);
        let array = constant
            .to_array()
            .map_err(|e| Error::internal(e.to_string()));
        let cast = array
            .and_then(|array| relabelled(array, &from.to_arrow()))
            .and_then(|array| {
                Caster::new(self.try_, &self.context).whole(&array, &from, &self.target)
            });
        cast.is_ok_and(|result| result.null_count() == 0)
    }
}

/// Whether every number of a type has a place in DECIMAL(precision, scale).
fn always_fits(from: &SqlType, precision: u8, scale: i8) -> bool {
    let (p, s) = match from {
        SqlType::TinyInt => (3, 0),
        SqlType::SmallInt => (5, 0),
        SqlType::Int => (10, 0),
        SqlType::BigInt => (19, 0),
        SqlType::Decimal { precision, scale } => (i16::from(*precision), i16::from(*scale)),
        SqlType::Boolean => (1, 0),
        _ => return false,
    };
    // Rounding can make one more digit: 9.9 is 10.
    let rounds = i16::from(s > i16::from(scale));
    p - s + rounds <= i16::from(precision) - i16::from(scale)
}

impl ScalarUDFImpl for FlinkCast {
    fn name(&self) -> &str {
        if self.try_ { "try_cast" } else { "cast" }
    }

    fn schema_name(&self, args: &[Expr]) -> DfResult<String> {
        let arg = args
            .first()
            .map_or_else(String::new, |arg| arg.schema_name().to_string());
        Ok(format!("{}({arg} AS {})", self.word(), self.target))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(self.target.to_arrow())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        let [source] = args.arg_fields else {
            return Err(external(Error::internal("a cast has one argument")));
        };
        let from = SqlType::of(source);
        if !castable(&from, &self.target) {
            return Err(external(refused(self.word(), &from, &self.target)));
        }
        let mut result = self.result(source);
        if let (true, Some(Some(constant))) = (result.nullable, args.scalar_arguments.first()) {
            result.nullable = self.try_ || !self.is_value(constant, source);
        }
        Ok(Arc::new(result.field(self.name())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let (Some(value), Some(field)) = (args.args.first(), args.arg_fields.first()) else {
            return Err(external(Error::internal("a cast has one argument")));
        };
        let from = SqlType::of(field);
        let mut cast = Caster::new(self.try_, &self.context);
        let constant = matches!(value, ColumnarValue::Scalar(_));
        // Another layout of the same type (a string view, seconds) is brought to ours first.
        let array = relabelled(value.to_array(1)?, &from.to_arrow()).map_err(external)?;
        let result = cast
            .whole(&array, &from, &self.target)
            .and_then(|result| relabelled(result, args.return_field.data_type()))
            .map_err(external)?;
        if constant {
            return Ok(ColumnarValue::Scalar(scalar_of(&result)?));
        }
        Ok(ColumnarValue::Array(result))
    }

    /// A cast to the type the value already has is the value.
    fn simplify(
        &self,
        mut args: Vec<Expr>,
        info: &SimplifyContext,
    ) -> DfResult<ExprSimplifyResult> {
        if let [arg] = args.as_slice() {
            let (_, source) =
                datafusion_expr::ExprSchemable::to_field(arg, info.schema().as_ref())?;
            let same = SqlType::of(&source) == self.target
                && source.data_type() == &self.target.to_arrow()
                && self.result(&source).nullable == source.is_nullable();
            if same && let Some(arg) = args.pop() {
                return Ok(ExprSimplifyResult::Simplified(arg));
            }
        }
        Ok(ExprSimplifyResult::Original(args))
    }
}

/// Whether Flink, or we, can cast between two types.
fn castable(from: &SqlType, to: &SqlType) -> bool {
    use SqlType as T;
    match (from, to) {
        (T::Null, _) => true,
        (from, to) if from == to => true,
        (T::Row(from), T::Row(to)) => {
            from.len() == to.len()
                && from
                    .iter()
                    .zip(to)
                    .all(|(f, t)| castable(&f.ty.sql, &t.ty.sql))
        }
        (T::Array(from), T::Array(to)) | (T::Multiset(from), T::Multiset(to)) => {
            castable(&from.sql, &to.sql)
        }
        (T::Map(k1, v1), T::Map(k2, v2)) => {
            castable(&k1.sql, &k2.sql) && castable(&v1.sql, &v2.sql)
        }
        (_, to) if is_text(to) => true,
        (from, to) if is_text(from) => {
            is_number(to)
                || is_bytes(to)
                || is_time(to)
                || matches!(to, T::Boolean | T::IntervalYearMonth | T::IntervalDaySecond)
        }
        (from, to) if is_bytes(from) => is_bytes(to),
        (T::Boolean, to) => is_number(to),
        (from, T::Boolean) => is_number(from),
        (from, to) if is_number(from) => {
            is_number(to)
                || (is_whole(from) && matches!(to, T::IntervalYearMonth | T::IntervalDaySecond))
        }
        (T::Date, to) => matches!(to, T::Timestamp(_) | T::TimestampLtz(_)),
        (T::Time(_), to) => matches!(to, T::Time(_) | T::Timestamp(_) | T::TimestampLtz(_)),
        (T::Timestamp(_) | T::TimestampLtz(_), to) => is_time(to),
        (T::IntervalYearMonth | T::IntervalDaySecond, to) => is_whole(to),
        _ => false,
    }
}

fn is_text(ty: &SqlType) -> bool {
    matches!(ty, SqlType::Char(_) | SqlType::Varchar(_))
}

fn is_bytes(ty: &SqlType) -> bool {
    matches!(ty, SqlType::Binary(_) | SqlType::Varbinary(_))
}

fn is_whole(ty: &SqlType) -> bool {
    matches!(
        ty,
        SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt
    )
}

fn is_number(ty: &SqlType) -> bool {
    is_whole(ty)
        || matches!(
            ty,
            SqlType::Float | SqlType::Double | SqlType::Decimal { .. }
        )
}

fn is_nested(ty: &SqlType) -> bool {
    matches!(
        ty,
        SqlType::Array(_) | SqlType::Map(..) | SqlType::Multiset(_) | SqlType::Row(_)
    )
}

fn is_time(ty: &SqlType) -> bool {
    matches!(
        ty,
        SqlType::Date | SqlType::Time(_) | SqlType::Timestamp(_) | SqlType::TimestampLtz(_)
    )
}

fn refused(word: &str, from: &SqlType, to: &SqlType) -> Error {
    let error = Error::new(
        Code::TypeMismatch,
        format!("{word} cannot make {to} from {from}"),
    );
    match (from, to) {
        (from, SqlType::Timestamp(_) | SqlType::TimestampLtz(_)) if is_number(from) => error.hint(
            "TO_TIMESTAMP_LTZ(number, 0) reads seconds, TO_TIMESTAMP_LTZ(number, 3) milliseconds",
        ),
        (SqlType::Timestamp(_) | SqlType::TimestampLtz(_), to) if is_number(to) => {
            error.hint("UNIX_TIMESTAMP(CAST(value AS STRING)) gives seconds since 1970")
        }
        _ => error,
    }
}

/// Does the casts of one batch.
struct Caster {
    try_: bool,
    zone: Zone,
}

impl Caster {
    fn new(try_: bool, context: &FunctionContext) -> Self {
        Caster {
            try_,
            zone: Zone::new(context.time_zone),
        }
    }

    /// Casts a column. TRY_CAST of a nested value that fails inside is NULL as a whole: then the
    /// column is cast row by row.
    fn whole(&mut self, array: &ArrayRef, from: &SqlType, to: &SqlType) -> Result<ArrayRef> {
        if !self.try_ || !is_nested(to) || from == to {
            return self.cast(array, from, to);
        }
        let mut strict = Caster {
            try_: false,
            zone: Zone::new(self.zone.tz()),
        };
        if let Ok(result) = strict.cast(array, from, to) {
            return Ok(result);
        }
        let null = new_null_array(&to.to_arrow(), 1);
        let rows: Vec<ArrayRef> = (0..array.len())
            .map(|row| {
                let one = array.slice(row, 1);
                strict
                    .cast(&one, from, to)
                    .unwrap_or_else(|_| Arc::clone(&null))
            })
            .collect();
        let rows: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
        Ok(arrow::compute::concat(&rows)?)
    }

    /// Casts `array` from one type to another.
    fn cast(&mut self, array: &ArrayRef, from: &SqlType, to: &SqlType) -> Result<ArrayRef> {
        use SqlType as T;
        match (from, to) {
            (T::Null, _) => Ok(new_null_array(&to.to_arrow(), array.len())),
            (from, to) if from == to => Ok(Arc::clone(array)),
            (T::Row(_), T::Row(_)) | (T::Array(_), T::Array(_)) => self.nested(array, from, to),
            (T::Map(..), T::Map(..)) | (T::Multiset(_), T::Multiset(_)) => {
                self.nested(array, from, to)
            }
            (from, to) if is_text(to) => self.write_text(array, from, to),
            (from, to) if is_text(from) => self.read_text(array, to),
            (_, to) if is_bytes(to) => sized_bytes(array.as_binary(), to),
            (from, to) if is_time(from) => self.time(array, from, to),
            (from, to) => self.number(array, from, to),
        }
    }

    /// What a value that cannot be cast becomes: NULL for TRY_CAST, an error for CAST.
    fn failed<T>(&self, to: &SqlType, value: &str) -> Result<Option<T>> {
        if self.try_ {
            return Ok(None);
        }
        let shown: String = value.chars().take(80).collect();
        Err(Error::new(
            Code::Evaluation,
            format!("CAST cannot make {to} from '{shown}'"),
        )
        .hint("TRY_CAST gives NULL instead"))
    }
}

/// Bytes cut, and for BINARY(n) filled with zeros, to the target's length.
fn sized_bytes(array: &BinaryArray, to: &SqlType) -> Result<ArrayRef> {
    let (length, fill) = match to {
        SqlType::Binary(length) => (*length as usize, true),
        SqlType::Varbinary(length) => (*length as usize, false),
        other => return Err(Error::internal(format!("{other} is not a type of bytes"))),
    };
    if !fill && array.iter().flatten().all(|bytes| bytes.len() <= length) {
        return Ok(Arc::new(array.clone()));
    }
    if fill && array.len().saturating_mul(length) > crate::BATCH_BYTES_MAX {
        return Err(Error::new(
            Code::Evaluation,
            format!("{to} makes too many bytes"),
        ));
    }
    let mut out = BinaryBuilder::new();
    for bytes in array {
        match bytes {
            Some(bytes) => {
                let kept = &bytes[..bytes.len().min(length)];
                let missing = if fill { length - kept.len() } else { 0 };
                out.append_value([kept, &vec![0; missing]].concat());
            }
            None => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// The same values under a type that differs only in names and nullability inside.
fn relabelled(array: ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    if array.data_type() == wanted {
        return Ok(array);
    }
    Ok(arrow::compute::cast(&array, wanted)?)
}
