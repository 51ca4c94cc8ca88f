//! Columns of a file as columns of a table: the same values under the type that is wanted.
//!
//! Integers, decimals and times change their width if every value fits; the fields of a ROW are
//! found by name, and one that is not there is NULL. Nothing is parsed and nothing is rounded but
//! fractions of a second, which go to the past.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListArray, MapArray, StructArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Fields, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};

use crate::filesystem::partition::relabelled;

/// The values of `array` as `to`; the reason in words if they are something else.
pub(in crate::filesystem) fn fit(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    let from = array.data_type();
    match (from, to) {
        _ if from == to => Ok(Arc::clone(array)),
        (DataType::Struct(_), DataType::Struct(fields)) => structs(array.as_struct(), fields),
        (DataType::List(_), DataType::List(field)) => {
            let list = array.as_list::<i32>();
            let values = fit(list.values(), field.data_type())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            made(ListArray::try_new(
                Arc::clone(field),
                offsets,
                values,
                nulls,
            ))
        }
        (DataType::Map(..), DataType::Map(entries, sorted)) => {
            let map = array.as_map();
            let DataType::Struct(fields) = entries.data_type() else {
                return Err(mismatch(from, to));
            };
            let parts = [map.keys(), map.values()];
            let parts = parts.into_iter().zip(fields);
            let parts: Result<Vec<ArrayRef>, String> = parts
                .map(|(part, field)| fit(part, field.data_type()))
                .collect();
            let inner =
                StructArray::try_new(fields.clone(), parts?, None).map_err(|e| e.to_string())?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            made(MapArray::try_new(
                Arc::clone(entries),
                offsets,
                inner,
                nulls,
                *sorted,
            ))
        }
        (DataType::Timestamp(from, _), DataType::Timestamp(unit, _)) => {
            instants(array, *from, *unit, to)
        }
        _ if widens(from, to) => {
            let options = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            cast_with_options(array, to, &options).map_err(|error| error.to_string())
        }
        _ => Err(mismatch(from, to)),
    }
}

fn mismatch(from: &DataType, to: &DataType) -> String {
    format!("it holds {from}, wanted {to}")
}

fn made<T: Array + 'static>(
    array: Result<T, arrow::error::ArrowError>,
) -> Result<ArrayRef, String> {
    match array {
        Ok(array) => Ok(Arc::new(array)),
        Err(error) => Err(error.to_string()),
    }
}

/// True for types whose values are the same, if they fit.
fn widens(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    match to {
        T::Int8 | T::Int16 | T::Int32 | T::Int64 => from.is_integer(),
        T::Float32 => matches!(from, T::Float16),
        T::Float64 => matches!(from, T::Float16 | T::Float32),
        T::Decimal128(_, to) => match from {
            T::Decimal32(_, scale) | T::Decimal64(_, scale) | T::Decimal128(_, scale) => {
                scale <= to
            }
            _ => from.is_integer(),
        },
        T::Utf8 => matches!(
            from,
            T::LargeUtf8 | T::Utf8View | T::Binary | T::LargeBinary
        ),
        T::Binary => matches!(
            from,
            T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) | T::Utf8
        ),
        T::Date32 => matches!(from, T::Date64),
        T::Time32(_) => matches!(from, T::Time32(_) | T::Time64(_)),
        _ => false,
    }
}

fn structs(array: &StructArray, fields: &Fields) -> Result<ArrayRef, String> {
    let column = |field: &Arc<arrow::datatypes::Field>| match array.column_by_name(field.name()) {
        Some(column) => fit(column, field.data_type())
            .map_err(|reason| format!("field '{}': {reason}", field.name())),
        None if field.is_nullable() => Ok(new_null_array(field.data_type(), array.len())),
        None => Err(format!(
            "it has no field '{}', which is NOT NULL",
            field.name()
        )),
    };
    let columns: Result<Vec<ArrayRef>, String> = fields.iter().map(column).collect();
    let nulls = array.nulls().cloned();
    made(StructArray::try_new_with_length(
        fields.clone(),
        columns?,
        nulls,
        array.len(),
    ))
}

fn instants(
    array: &ArrayRef,
    from: TimeUnit,
    unit: TimeUnit,
    to: &DataType,
) -> Result<ArrayRef, String> {
    let numbers: Int64Array = match from {
        TimeUnit::Second => array
            .as_primitive::<TimestampSecondType>()
            .reinterpret_cast(),
        TimeUnit::Millisecond => array
            .as_primitive::<TimestampMillisecondType>()
            .reinterpret_cast(),
        TimeUnit::Microsecond => array
            .as_primitive::<TimestampMicrosecondType>()
            .reinterpret_cast(),
        TimeUnit::Nanosecond => array
            .as_primitive::<TimestampNanosecondType>()
            .reinterpret_cast(),
    };
    let (from, unit) = (per_second(from), per_second(unit));
    let numbers: Int64Array = match unit >= from {
        true => numbers.try_unary(|value| {
            value
                .checked_mul(unit / from)
                .ok_or_else(|| format!("the time {value} is too far away for {to}"))
        })?,
        false => numbers.unary(|value: i64| value.div_euclid(from / unit)),
    };
    relabelled(&numbers, to).map_err(|error| error.to_string())
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}
