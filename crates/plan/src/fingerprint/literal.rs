//! The canonical form of constants: type, then value, both spelt out.

use arrow::array::{Array, ArrayRef};
use datafusion_common::ScalarValue;
use millstream_core::types::SqlType;

use super::digest::{Canon, Digest};

/// The digest of a constant.
pub(super) fn digest(value: &ScalarValue) -> Digest {
    let ty = SqlType::of_arrow(&value.data_type()).to_string();
    let canon = Canon::new("literal").text(&ty);
    if value.is_null() {
        return canon.text("null").digest();
    }
    match nested(value) {
        Some(children) => canon.parts(children).digest(),
        None => canon.text(&plain(value)).digest(),
    }
}

/// The elements of a list, map or row.
fn nested(value: &ScalarValue) -> Option<Vec<Digest>> {
    Some(match value {
        ScalarValue::List(list) => elements(&list.value(0)),
        ScalarValue::LargeList(list) => elements(&list.value(0)),
        ScalarValue::FixedSizeList(list) => elements(&list.value(0)),
        ScalarValue::Struct(row) => row.columns().iter().flat_map(elements).collect(),
        ScalarValue::Map(map) => {
            let entries = map.value(0);
            entries.columns().iter().flat_map(elements).collect()
        }
        _ => return None,
    })
}

/// The digest of each value of an array.
pub(super) fn elements(array: &ArrayRef) -> Vec<Digest> {
    let one = |row| match ScalarValue::try_from_array(array, row) {
        Ok(value) => digest(&value),
        Err(_) => Canon::new("unreadable").digest(),
    };
    (0..array.len()).map(one).collect()
}

/// A value that is not null and not nested.
fn plain(value: &ScalarValue) -> String {
    use ScalarValue as V;
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match value {
        V::Boolean(Some(v)) => v.to_string(),
        V::Int8(Some(v)) => v.to_string(),
        V::Int16(Some(v)) => v.to_string(),
        V::Int32(Some(v)) => v.to_string(),
        V::Int64(Some(v)) => v.to_string(),
        V::UInt8(Some(v)) => v.to_string(),
        V::UInt16(Some(v)) => v.to_string(),
        V::UInt32(Some(v)) => v.to_string(),
        V::UInt64(Some(v)) => v.to_string(),
        V::Float32(Some(v)) => format!("{:08x}", v.to_bits()),
        V::Float64(Some(v)) => format!("{:016x}", v.to_bits()),
        V::Decimal128(Some(v), _, _) => v.to_string(),
        V::Utf8(Some(v)) | V::LargeUtf8(Some(v)) | V::Utf8View(Some(v)) => v.clone(),
        V::Binary(Some(v)) | V::LargeBinary(Some(v)) | V::BinaryView(Some(v)) => bytes(v),
        V::FixedSizeBinary(_, Some(v)) => bytes(v),
        V::Date32(Some(v)) => v.to_string(),
        V::Time32Second(Some(v)) => format!("{v} s"),
        V::Time32Millisecond(Some(v)) => format!("{v} ms"),
        V::Time64Microsecond(Some(v)) => format!("{v} us"),
        V::Time64Nanosecond(Some(v)) => format!("{v} ns"),
        V::TimestampSecond(Some(v), _) => format!("{v} s"),
        V::TimestampMillisecond(Some(v), _) => format!("{v} ms"),
        V::TimestampMicrosecond(Some(v), _) => format!("{v} us"),
        V::TimestampNanosecond(Some(v), _) => format!("{v} ns"),
        V::IntervalYearMonth(Some(v)) => format!("{v} months"),
        V::IntervalDayTime(Some(v)) => format!("{} days {} ms", v.days, v.milliseconds),
        V::IntervalMonthDayNano(Some(v)) => {
            format!("{} months {} days {} ns", v.months, v.days, v.nanoseconds)
        }
        // None of ours; a change of its text shows as a change of the query.
        other => other.to_string(),
    }
}
