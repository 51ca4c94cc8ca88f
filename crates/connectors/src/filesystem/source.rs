//! Opening a table for reading: every option is checked here, before the job runs.

use std::sync::Arc;
use std::time::Duration;

use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, FieldRef, SchemaRef, TimeUnit};
use millstream_core::clock::SharedClock;
use millstream_core::connector::{
    Source, SourceContext, SourceFactory, SourceReader, Split, SplitEnumerator,
};
use millstream_core::format::{Decoder, Format};
use millstream_core::options::Options;
use millstream_core::table::{MetadataColumn, TableSpec};
use millstream_core::types::{ColumnType, LTZ_ZONE};
use millstream_core::{Code, Error, Result, suggest};
use regex::RegexBuilder;

use super::enumerator::{Once, Watch};
use super::partition::Partitions;
use super::reader::Reader;
use super::root::Root;
use super::search::Search;
use super::{Filesystem, MONITOR_INTERVAL, PATH_PATTERN, location, parquet};
use crate::options::format_of;

const METADATA: &[(&str, &str)] = &[
    ("file.path", "STRING NOT NULL"),
    ("file.name", "STRING NOT NULL"),
    ("file.size", "BIGINT NOT NULL"),
    ("file.modification-time", "TIMESTAMP_LTZ(3) NOT NULL"),
];

impl SourceFactory for Filesystem {
    fn create(&self, table: &TableSpec, context: &SourceContext) -> Result<Box<dyn Source>> {
        open(location::root(&table.options)?, table, context)
    }

    fn metadata(&self) -> &'static [(&'static str, &'static str)] {
        METADATA
    }

    fn projects(&self, _table: &TableSpec) -> bool {
        true
    }
}

/// Opens a table below any root.
pub(super) fn open(
    root: Root,
    table: &TableSpec,
    context: &SourceContext,
) -> Result<Box<dyn Source>> {
    let search = search(root, table)?;
    let interval = table.options.duration(MONITOR_INTERVAL)?;
    if interval.is_some_and(|interval| interval.is_zero()) {
        return Err(table
            .options
            .invalid(MONITOR_INTERVAL, "a duration longer than nothing"));
    }
    let layout = Layout::new(table, context, search.root.clone())?;
    layout.check()?;
    search.look()?;
    let clock = Arc::clone(&context.clock);
    Ok(Box::new(Files {
        search,
        interval,
        clock,
        layout: Arc::new(layout),
    }))
}

struct Files {
    search: Search,
    interval: Option<Duration>,
    clock: SharedClock,
    layout: Arc<Layout>,
}

impl Source for Files {
    fn is_bounded(&self) -> bool {
        self.interval.is_none()
    }

    fn enumerator(&self, known: &[Split]) -> Result<Box<dyn SplitEnumerator>> {
        let search = self.search.clone();
        Ok(match self.interval {
            None => Box::new(Once::new(search, known)),
            Some(interval) => Box::new(Watch::new(
                search,
                interval,
                Arc::clone(&self.clock),
                known,
            )?),
        })
    }

    fn reader(&self) -> Result<Box<dyn SourceReader>> {
        Ok(Box::new(Reader::new(Arc::clone(&self.layout))))
    }

    fn replays(&self) -> bool {
        true
    }
}

/// Where each wanted column comes from, and how to decode those that are in the file.
pub(super) struct Layout {
    /// The owner's name in messages.
    pub(super) owner: String,
    pub(super) root: Root,
    /// The text with which the path of each file begins.
    base: String,
    /// What the reader delivers.
    pub(super) schema: SchemaRef,
    /// Per column of `schema`.
    pub(super) columns: Vec<Column>,
    pub(super) partitions: Partitions,
    pub(super) batch_rows: usize,
    format: &'static dyn Format,
    format_options: Options,
    record_schema: SchemaRef,
    projection: Vec<usize>,
}

/// Where a column comes from.
pub(super) enum Column {
    /// The decoder's column at this position.
    Record(usize),
    /// The partition column at this position.
    Partition(usize),
    /// What the file system knows, as a column of this type.
    Metadata(Metadata, FieldRef),
}

/// What the file system knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metadata {
    Path,
    Name,
    Size,
    ModificationTime,
}

impl Metadata {
    /// The type of its values before they are cast to the type of the column.
    pub(super) fn data_type(self) -> DataType {
        match self {
            Metadata::Path | Metadata::Name => DataType::Utf8,
            Metadata::Size => DataType::Int64,
            Metadata::ModificationTime => {
                DataType::Timestamp(TimeUnit::Millisecond, Some(LTZ_ZONE.into()))
            }
        }
    }
}

impl Layout {
    fn new(table: &TableSpec, context: &SourceContext, root: Root) -> Result<Self> {
        let partitions = Partitions::of(table)?;
        let records = partitions.record_columns(table)?;
        let (format, format_options) = format_of(table, &context.formats)?;
        let mut projection = Vec::new();
        let mut columns = Vec::new();
        for wanted in &context.projection {
            columns.push(match records.iter().position(|column| column == wanted) {
                Some(place) => {
                    projection.push(place);
                    Column::Record(projection.len() - 1)
                }
                None => outside_of_records(table, &partitions, *wanted)?,
            });
        }
        Ok(Layout {
            owner: table.options.owner().to_string(),
            base: root.shown(""),
            root,
            schema: Arc::clone(&context.schema),
            columns,
            partitions,
            batch_rows: context.batch_rows.max(1),
            format,
            format_options,
            record_schema: Arc::new(table.schema.project(&records)?),
            projection,
        })
    }

    /// True for files of columns, which have their own reader.
    pub(super) fn is_columnar(&self) -> bool {
        self.format.name() == parquet::NAME
    }

    /// Checks the options of the format.
    fn check(&self) -> Result<()> {
        match self.is_columnar() {
            true => parquet::check(self.format, &self.format_options),
            false => self.decoder().map(|_| ()),
        }
    }

    /// A decoder for one file.
    pub(super) fn decoder(&self) -> Result<Box<dyn Decoder>> {
        let schema = Arc::clone(&self.record_schema);
        let mut decoder =
            self.format
                .projected_decoder(schema, &self.projection, &self.format_options)?;
        decoder.set_batch_rows(self.batch_rows);
        Ok(decoder)
    }

    /// The wanted columns that are in the files, in order.
    pub(super) fn wanted(&self) -> Result<SchemaRef> {
        Ok(Arc::new(self.record_schema.project(&self.projection)?))
    }

    /// The path of a file below the table's directory; empty if the table is that file.
    pub(super) fn relative<'a>(&self, path: &'a str) -> &'a str {
        let path = path.strip_prefix(&self.base).unwrap_or(path);
        path.trim_start_matches('/')
    }
}

/// Where a column comes from that is not in the records.
fn outside_of_records(table: &TableSpec, partitions: &Partitions, wanted: usize) -> Result<Column> {
    if let Some(place) = partitions
        .columns
        .iter()
        .position(|column| *column == wanted)
    {
        return Ok(Column::Partition(place));
    }
    let column = wanted.checked_sub(table.schema.fields().len());
    let column = column
        .and_then(|place| table.metadata.get(place))
        .ok_or_else(|| {
            Error::internal(format!(
                "column {wanted} of {} does not exist",
                table.options.owner()
            ))
        })?;
    metadata_column(table, column)
}

fn metadata_column(table: &TableSpec, column: &MetadataColumn) -> Result<Column> {
    let metadata = match column.key.as_str() {
        "file.path" => Metadata::Path,
        "file.name" => Metadata::Name,
        "file.size" => Metadata::Size,
        "file.modification-time" => Metadata::ModificationTime,
        other => {
            let owner = table.options.owner();
            let known: Vec<&str> = METADATA.iter().map(|(key, _)| *key).collect();
            let error = Error::new(
                Code::InvalidSchema,
                format!(
                    "{owner}: files have no metadata '{other}', only {}",
                    crate::quoted(&known)
                ),
            );
            return Err(match suggest::hint(other, known) {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
    };
    let (from, to) = (metadata.data_type(), column.field.data_type());
    let castable = match (&from, to) {
        (DataType::Timestamp(from, _), DataType::Timestamp(to, _)) => from == to,
        _ => can_cast_types(&from, to),
    };
    if !castable {
        return Err(Error::new(
            Code::InvalidSchema,
            format!(
                "{}: the metadata column '{}' cannot have the type {}",
                table.options.owner(),
                column.field.name(),
                ColumnType::of(&column.field)
            ),
        ));
    }
    Ok(Column::Metadata(metadata, Arc::clone(&column.field)))
}

fn search(root: Root, table: &TableSpec) -> Result<Search> {
    const PATTERN_BYTES_MAX: usize = 1 << 20;
    let options = &table.options;
    let pattern = match options.get(PATH_PATTERN) {
        None => None,
        Some(text) => Some(
            RegexBuilder::new(&format!("^(?:{text})$"))
                .size_limit(PATTERN_BYTES_MAX)
                .build()
                .map_err(|error| {
                    options
                        .invalid(PATH_PATTERN, "a regular expression")
                        .caused_by(error)
                })?,
        ),
    };
    Ok(Search {
        owner: options.owner().to_string(),
        root,
        pattern,
    })
}
