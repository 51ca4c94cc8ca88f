//! What several unit tests of this crate need.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::rows::ChangeBatch;

/// A batch with one column `a`.
pub(crate) fn rows(values: &[i64]) -> ChangeBatch {
    let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
    let column = Arc::new(Int64Array::from(values.to_vec()));
    ChangeBatch::inserts(RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap())
}
