//! What a connector is told about a table.

use arrow::datatypes::{FieldRef, SchemaRef};

use crate::options::Options;

/// A table as its connector sees it: only what is physically there.
///
/// Computed columns and the watermark are the planner's business and do not appear here.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSpec {
    /// Full name for messages: `default_catalog.default_database.bid`, or just `bid`.
    pub name: String,
    /// The physical columns in the order of the definition; SQL types by `types::SqlType::of`.
    pub schema: SchemaRef,
    /// Columns that come from the connector rather than from the record.
    pub metadata: Vec<MetadataColumn>,
    /// Names of the PRIMARY KEY columns, in order; empty without a key.
    pub primary_key: Vec<String>,
    /// Names of the PARTITIONED BY columns, in order.
    pub partition_keys: Vec<String>,
    /// Everything in WITH, including `connector` and the format's options.
    pub options: Options,
}

/// A METADATA column: `name type METADATA [FROM 'key'] [VIRTUAL]`.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataColumn {
    /// The column, with its Arrow type.
    pub field: FieldRef,
    /// The connector's name for it.
    pub key: String,
    /// VIRTUAL: read, never written.
    pub is_virtual: bool,
}
