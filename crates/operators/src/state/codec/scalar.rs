//! Single values kept as `ScalarValue`, by aggregates that keep any type.

use arrow::array::{Array, new_empty_array};
use arrow::datatypes::DataType;
use datafusion_common::ScalarValue;
use millstream_core::{Error, Result};

use super::{Decoder, Row};
use crate::state::bytes::{Reader, put_length};

/// Appends values of type `ty`: their number, and each like a row of one column.
pub(crate) fn put_scalars(values: &[ScalarValue], ty: &DataType, out: &mut Vec<u8>) -> Result<()> {
    put_length(values.len(), out);
    let array = match values {
        [] => new_empty_array(ty),
        values => ScalarValue::iter_to_array(values.iter().cloned())
            .map_err(|error| Error::internal(error.to_string()))?,
    };
    let array = [array];
    let rows = Row::of(&array)?;
    (0..values.len()).for_each(|row| rows.put(row, out));
    Ok(())
}

/// Takes them back.
pub(crate) fn scalars(from: &mut Reader<'_>, ty: &DataType) -> Result<Vec<ScalarValue>> {
    let length = from.length()?;
    let mut decoder = Decoder::new([ty])?;
    // A row has at least one byte, so a length beyond the end fails soon.
    for _ in 0..length {
        decoder.read(from)?;
    }
    let columns = decoder.finish()?;
    let [array] = columns.as_slice() else {
        return Err(Error::internal("one type is one column"));
    };
    let value = |row| {
        ScalarValue::try_from_array(array, row)
            .map(ScalarValue::compacted)
            .map_err(|error| Error::internal(error.to_string()))
    };
    (0..array.len()).map(value).collect()
}
