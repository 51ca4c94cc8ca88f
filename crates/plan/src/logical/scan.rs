//! A table as it is read: physical columns, then metadata columns.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion_expr::{TableSource, TableType};
use millstream_core::connector::SinkAccepts;
use millstream_core::table::TableSpec;

use crate::spec::OnError;

/// A table as it is read. Computed columns and the watermark are nodes above its scan.
#[derive(Clone, Debug)]
pub struct ScanSource {
    /// What the connector is told.
    pub table: TableSpec,
    /// The connector's name.
    pub connector: String,
    /// Physical columns, then metadata columns.
    pub schema: SchemaRef,
    /// True if the source ends by itself.
    pub bounded: bool,
    /// True if reading fewer columns is cheaper.
    pub projects: bool,
    /// `scan.parallelism`, if set.
    pub parallelism: Option<u32>,
    /// What becomes of records that cannot be used.
    pub on_error: OnError,
    /// Where they go if it is the dead-letter table.
    pub dead_letter: Option<Arc<SideTable>>,
    /// Where late rows of this table go; `None`: they are only counted.
    pub late: Option<Arc<SideTable>>,
}

/// A table that receives a side output.
#[derive(Clone, Debug)]
pub struct SideTable {
    /// The table.
    pub table: TableSpec,
    /// Its connector's name.
    pub connector: String,
    /// Which changes it takes.
    pub accepts: SinkAccepts,
}

impl TableSource for ScanSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }
}
