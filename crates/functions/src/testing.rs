//! One small way to call a function in a test, as DataFusion calls it.
//!
//! [`check`] evaluates a call twice: with constants, and with the same values as columns of two
//! rows. Both must give the same, and the declared field must hold what was computed.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{Result, ScalarValue};
use datafusion_expr::type_coercion::functions::fields_with_udf;
use datafusion_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, Volatility};
use millstream_core::types::{ColumnType, SqlType};

use crate::{FunctionContext, scalar_functions};

/// The function with a name or alias.
pub(crate) fn named(name: &str, context: &FunctionContext) -> Arc<ScalarUDF> {
    scalar_functions(context)
        .into_iter()
        .find(|f| f.name() == name || f.aliases().iter().any(|alias| alias == name))
        .unwrap_or_else(|| panic!("no function '{name}'"))
}

fn field_of(value: &ScalarValue) -> FieldRef {
    Arc::new(Field::new("arg", value.data_type(), value.is_null()))
}

/// The values converted to what the function wants, with their fields.
fn coerced(
    function: &ScalarUDF,
    values: &[ScalarValue],
    fields: &[FieldRef],
) -> Result<(Vec<ScalarValue>, Vec<FieldRef>)> {
    let fields = fields_with_udf(fields, function)?;
    let values = values
        .iter()
        .zip(&fields)
        .map(|(value, field)| value.cast_to(field.data_type()));
    Ok((values.collect::<Result<_>>()?, fields))
}

fn return_field(
    function: &ScalarUDF,
    values: &[ScalarValue],
    fields: &[FieldRef],
    constant: bool,
) -> Result<FieldRef> {
    let constants: Vec<_> = values
        .iter()
        .map(|value| constant.then_some(value))
        .collect();
    function.return_field_from_args(ReturnFieldArgs {
        arg_fields: fields,
        scalar_arguments: &constants,
    })
}

fn invoke(
    function: &ScalarUDF,
    args: Vec<ColumnarValue>,
    arg_fields: Vec<FieldRef>,
    rows: usize,
    return_field: FieldRef,
) -> Result<ArrayRef> {
    let wanted = return_field.data_type().clone();
    let result = function.invoke_with_args(ScalarFunctionArgs {
        args,
        arg_fields,
        number_rows: rows,
        return_field: Arc::clone(&return_field),
        config_options: Arc::new(ConfigOptions::default()),
    })?;
    let array = result.into_array(rows)?;
    assert_eq!(array.data_type(), &wanted, "type of '{}'", function.name());
    assert_eq!(array.len(), rows, "rows of '{}'", function.name());
    if !return_field.is_nullable() {
        assert_eq!(array.null_count(), 0, "'{}' is NOT NULL", function.name());
    }
    Ok(array)
}

/// Calls a function with constants of the given SQL types.
pub(crate) fn call_typed(
    function: &ScalarUDF,
    values: &[ScalarValue],
    fields: &[FieldRef],
) -> Result<(ScalarValue, FieldRef)> {
    let (values, fields) = coerced(function, values, fields)?;
    let returned = return_field(function, &values, &fields, true)?;
    let scalars = values.iter().cloned().map(ColumnarValue::Scalar).collect();
    let constant = invoke(function, scalars, fields.clone(), 2, Arc::clone(&returned))?;
    let constant = ScalarValue::try_from_array(&constant, 1)?;
    let volatile = function.signature().volatility == Volatility::Volatile;
    if !volatile && !values.is_empty() {
        as_columns(function, &values, &fields, &constant)?;
    }
    Ok((constant, returned))
}

/// Columns must give what constants give, except where a function insists on a constant.
fn as_columns(
    function: &ScalarUDF,
    values: &[ScalarValue],
    fields: &[FieldRef],
    wanted: &ScalarValue,
) -> Result<()> {
    let returned = return_field(function, values, fields, false)?;
    if returned.data_type() != &wanted.data_type() {
        return Ok(());
    }
    let columns = values
        .iter()
        .map(|value| Ok(ColumnarValue::Array(value.to_array_of_size(2)?)))
        .collect::<Result<Vec<_>>>()?;
    match invoke(function, columns, fields.to_vec(), 2, returned) {
        Ok(column) => {
            let found = ScalarValue::try_from_array(&column, 1)?;
            assert_eq!(&found, wanted, "'{}' of columns", function.name());
            Ok(())
        }
        Err(error) if error.to_string().contains("wants a constant") => Ok(()),
        Err(error) => Err(error),
    }
}

/// Calls a function with constants, in UTC.
pub(crate) fn call(name: &str, values: &[ScalarValue]) -> Result<ScalarValue> {
    call_in(name, values, &FunctionContext::default())
}

/// Calls a function with constants in a context.
pub(crate) fn call_in(
    name: &str,
    values: &[ScalarValue],
    context: &FunctionContext,
) -> Result<ScalarValue> {
    let fields: Vec<FieldRef> = values.iter().map(field_of).collect();
    call_typed(&named(name, context), values, &fields).map(|(value, _)| value)
}

/// The SQL type of a call's result, with its nullability.
pub(crate) fn type_of(name: &str, values: &[ScalarValue]) -> String {
    let function = named(name, &FunctionContext::default());
    let fields: Vec<FieldRef> = values.iter().map(field_of).collect();
    let (values, fields) = coerced(&function, values, &fields).expect(name);
    let field = return_field(&function, &values, &fields, true).expect(name);
    ColumnType::of(&field).to_string()
}

/// A call gives a value.
#[track_caller]
pub(crate) fn check(name: &str, values: &[ScalarValue], wanted: ScalarValue) {
    let found = call(name, values).unwrap_or_else(|error| panic!("{name}{values:?}: {error}"));
    assert_eq!(found, wanted, "{name}{values:?}");
}

/// A call gives NULL.
#[track_caller]
pub(crate) fn check_null(name: &str, values: &[ScalarValue]) {
    let found = call(name, values).unwrap_or_else(|error| panic!("{name}{values:?}: {error}"));
    assert!(found.is_null(), "{name}{values:?} is {found:?}");
}

/// A call fails, with these words in the message.
#[track_caller]
pub(crate) fn check_error(name: &str, values: &[ScalarValue], words: &str) {
    let error = call(name, values).expect_err(name).to_string();
    assert!(error.contains(words), "{name}{values:?}: {error}");
}

/// A string, or NULL of its type.
pub(crate) fn s(text: &str) -> ScalarValue {
    ScalarValue::Utf8(Some(text.into()))
}

pub(crate) const NO_STR: ScalarValue = ScalarValue::Utf8(None);
pub(crate) const NO_INT: ScalarValue = ScalarValue::Int32(None);

/// An INT.
pub(crate) fn i(value: i32) -> ScalarValue {
    ScalarValue::Int32(Some(value))
}

/// A BIGINT.
pub(crate) fn l(value: i64) -> ScalarValue {
    ScalarValue::Int64(Some(value))
}

/// A DOUBLE.
pub(crate) fn d(value: f64) -> ScalarValue {
    ScalarValue::Float64(Some(value))
}

/// A BOOLEAN.
pub(crate) fn b(value: bool) -> ScalarValue {
    ScalarValue::Boolean(Some(value))
}

/// BYTES.
pub(crate) fn x(bytes: &[u8]) -> ScalarValue {
    ScalarValue::Binary(Some(bytes.into()))
}

/// A DECIMAL.
pub(crate) fn dec(value: i128, precision: u8, scale: i8) -> ScalarValue {
    ScalarValue::Decimal128(Some(value), precision, scale)
}

/// A DATE from `2024-02-09`.
pub(crate) fn date(text: &str) -> ScalarValue {
    let days = crate::temporal::parse_date(text).expect(text);
    ScalarValue::Date32(Some(days as i32))
}

/// A TIMESTAMP(3) from `2024-02-09 15:04:05.678`.
pub(crate) fn ts(text: &str) -> ScalarValue {
    let millis = crate::temporal::parse_timestamp(text).expect(text).millis;
    ScalarValue::TimestampMillisecond(Some(millis), None)
}

/// A TIMESTAMP_LTZ(3) from its text in UTC.
pub(crate) fn ltz(text: &str) -> ScalarValue {
    let millis = crate::temporal::parse_timestamp(text).expect(text).millis;
    ScalarValue::TimestampMillisecond(Some(millis), Some("UTC".into()))
}

/// NULL of a SQL type.
pub(crate) fn null(sql: &SqlType) -> ScalarValue {
    ScalarValue::try_from(&sql.to_arrow()).expect("every SQL type has a NULL")
}

/// An ARRAY&lt;STRING&gt;.
pub(crate) fn strings(values: &[Option<&str>]) -> ScalarValue {
    let values: Vec<ScalarValue> = values
        .iter()
        .map(|v| ScalarValue::Utf8(v.map(str::to_string)))
        .collect();
    array(&values, &DataType::Utf8)
}

/// An ARRAY of INT.
pub(crate) fn ints(values: &[Option<i32>]) -> ScalarValue {
    let values: Vec<ScalarValue> = values.iter().map(|v| ScalarValue::Int32(*v)).collect();
    array(&values, &DataType::Int32)
}

fn array(values: &[ScalarValue], ty: &DataType) -> ScalarValue {
    let list = ScalarValue::new_list(values, ty, true);
    let field = Arc::new(Field::new("element", ty.clone(), true));
    let (_, offsets, values, nulls) = list.as_ref().clone().into_parts();
    let list = arrow::array::ListArray::new(field, offsets, values, nulls);
    ScalarValue::List(Arc::new(list))
}

/// A TIME from milliseconds of the day.
pub(crate) fn time(millis: i32) -> ScalarValue {
    ScalarValue::Time32Millisecond(Some(millis))
}

/// A timestamp of another unit.
pub(crate) fn ts_unit(value: i64, unit: TimeUnit) -> ScalarValue {
    match unit {
        TimeUnit::Second => ScalarValue::TimestampSecond(Some(value), None),
        TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(Some(value), None),
        TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(Some(value), None),
        TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(Some(value), None),
    }
}
