//! Columns that are not in the record but around it: topic, offset, time, headers.
//!
//! Keys and types are Flink's. A `timestamp` without a value is NULL where the column allows it and
//! 1970 where it does not; `leader-epoch` is always NULL, because the client does not tell it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, Int32Array, Int64Array, MapArray, StringArray,
    StringBuilder, StructArray, TimestampMillisecondArray, new_null_array,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, Int64Type, TimeUnit, TimestampMillisecondType};
use millstream_core::table::{MetadataColumn, TableSpec};
use millstream_core::types::{ColumnType, LTZ_ZONE};
use millstream_core::{Code, Error, Result, suggest};
use rdkafka::Timestamp;
use rdkafka::message::{BorrowedHeaders, Header, Headers, OwnedHeaders};

/// What can be read.
pub(super) const READABLE: &[(&str, &str)] = &[
    ("topic", "STRING NOT NULL"),
    ("partition", "INT NOT NULL"),
    ("headers", "MAP<STRING, BYTES> NOT NULL"),
    ("leader-epoch", "INT"),
    ("offset", "BIGINT NOT NULL"),
    ("timestamp", "TIMESTAMP_LTZ(3) NOT NULL"),
    ("timestamp-type", "STRING NOT NULL"),
];

/// What can be written.
pub(super) const WRITABLE: &[(&str, &str)] = &[
    ("headers", "MAP<STRING, BYTES>"),
    ("timestamp", "TIMESTAMP_LTZ(3)"),
];

/// One of the keys above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Topic,
    Partition,
    Headers,
    LeaderEpoch,
    Offset,
    Timestamp,
    TimestampType,
}

impl Key {
    /// The key a column names, if it can be read into the column's type.
    pub(super) fn readable(table: &TableSpec, column: &MetadataColumn) -> Result<Self> {
        let key = Self::named(table, column, READABLE)?;
        let to = column.field.data_type();
        let fits = match key.data_type() {
            None => is_headers(to),
            Some(from) => from == *to || can_cast_types(&from, to),
        };
        match fits {
            true => Ok(key),
            false => Err(wrong_type(table, column)),
        }
    }

    /// The key a column names, if it can be written from the column's type.
    pub(super) fn writable(table: &TableSpec, column: &MetadataColumn) -> Result<Self> {
        let key = Self::named(table, column, WRITABLE)?;
        let from = column.field.data_type();
        let fits = match key {
            Key::Headers => is_headers(from),
            _ => matches!(from, DataType::Timestamp(..)),
        };
        match fits {
            true => Ok(key),
            false => Err(wrong_type(table, column)),
        }
    }

    fn named(table: &TableSpec, column: &MetadataColumn, known: &[(&str, &str)]) -> Result<Self> {
        let listed = known.iter().any(|(key, _)| *key == column.key);
        Ok(match column.key.as_str() {
            "topic" if listed => Key::Topic,
            "partition" if listed => Key::Partition,
            "headers" if listed => Key::Headers,
            "leader-epoch" if listed => Key::LeaderEpoch,
            "offset" if listed => Key::Offset,
            "timestamp" if listed => Key::Timestamp,
            "timestamp-type" if listed => Key::TimestampType,
            other => {
                let names: Vec<&str> = known.iter().map(|(key, _)| *key).collect();
                let error = Error::new(
                    Code::InvalidSchema,
                    format!(
                        "{}: the metadata column '{}' wants one of {}, found '{}'",
                        table.options.owner(),
                        column.field.name(),
                        crate::quoted(&names),
                        crate::options::shown(other)
                    ),
                );
                return Err(match suggest::hint(other, names) {
                    Some(hint) => error.hint(hint),
                    None if READABLE.iter().any(|(key, _)| *key == other) => {
                        error.hint("it can only be read: declare the column VIRTUAL")
                    }
                    None => error,
                });
            }
        })
    }

    /// The type of its values before they are cast; none for headers.
    fn data_type(self) -> Option<DataType> {
        Some(match self {
            Key::Topic | Key::TimestampType => DataType::Utf8,
            Key::Partition | Key::LeaderEpoch => DataType::Int32,
            Key::Offset => DataType::Int64,
            Key::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some(LTZ_ZONE.into())),
            Key::Headers => return None,
        })
    }
}

fn wrong_type(table: &TableSpec, column: &MetadataColumn) -> Error {
    Error::new(
        Code::InvalidSchema,
        format!(
            "{}: the metadata column '{}' cannot have the type {}",
            table.options.owner(),
            column.field.name(),
            ColumnType::of(&column.field)
        ),
    )
}

/// `MAP<STRING, BYTES>`.
fn is_headers(ty: &DataType) -> bool {
    let DataType::Map(entries, _) = ty else {
        return false;
    };
    let DataType::Struct(pair) = entries.data_type() else {
        return false;
    };
    pair.len() == 2
        && pair[0].data_type() == &DataType::Utf8
        && pair[1].data_type() == &DataType::Binary
}

/// Metadata of the records of one partition, gathered record by record.
pub(super) struct Gathered {
    wanted: Vec<(Key, FieldRef)>,
    topic: String,
    partition: i32,
    rows: usize,
    offsets: Option<Vec<i64>>,
    timestamps: Option<Vec<Option<i64>>>,
    types: Option<StringBuilder>,
    headers: Option<HeaderColumn>,
}

impl Gathered {
    pub(super) fn new(wanted: &[(Key, FieldRef)], topic: &str, partition: i32) -> Self {
        let wants = |key| wanted.iter().any(|(wanted, _)| *wanted == key);
        Gathered {
            topic: topic.to_string(),
            partition,
            rows: 0,
            offsets: wants(Key::Offset).then(Vec::new),
            timestamps: wants(Key::Timestamp).then(Vec::new),
            types: wants(Key::TimestampType).then(StringBuilder::new),
            headers: wants(Key::Headers).then(HeaderColumn::default),
            wanted: wanted.to_vec(),
        }
    }

    /// True if headers are looked at.
    pub(super) fn wants_headers(&self) -> bool {
        self.headers.is_some()
    }

    /// Adds a record, whose headers have been read if they are wanted.
    pub(super) fn push(&mut self, offset: i64, timestamp: Timestamp, headers: Pairs) {
        self.rows += 1;
        if let Some(offsets) = &mut self.offsets {
            offsets.push(offset);
        }
        if let Some(timestamps) = &mut self.timestamps {
            timestamps.push(timestamp.to_millis());
        }
        if let Some(types) = &mut self.types {
            types.append_value(match timestamp {
                Timestamp::NotAvailable => "NoTimestampType",
                Timestamp::CreateTime(_) => "CreateTime",
                Timestamp::LogAppendTime(_) => "LogAppendTime",
            });
        }
        if let Some(column) = &mut self.headers {
            column.push(headers);
        }
    }

    /// The columns, in the order they are wanted in; empty again afterwards.
    pub(super) fn take(&mut self) -> Result<Vec<ArrayRef>> {
        let rows = std::mem::take(&mut self.rows);
        let offsets = self.offsets.as_mut().map(std::mem::take);
        let timestamps = self.timestamps.as_mut().map(std::mem::take);
        let types = self.types.as_mut().map(StringBuilder::finish);
        let headers = self.headers.as_mut().map(std::mem::take);
        let mut columns = Vec::with_capacity(self.wanted.len());
        for (key, field) in &self.wanted {
            let column: ArrayRef = match key {
                Key::Topic => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                    &self.topic,
                    rows,
                ))),
                Key::Partition => Arc::new(Int32Array::from_value(self.partition, rows)),
                Key::LeaderEpoch => new_null_array(&DataType::Int32, rows),
                Key::Offset => Arc::new(Int64Array::from(offsets.clone().unwrap_or_default())),
                Key::Timestamp => times(timestamps.clone().unwrap_or_default(), field),
                Key::TimestampType => match &types {
                    Some(types) => Arc::new(types.clone()),
                    None => return Err(Error::internal("a metadata column was not gathered")),
                },
                Key::Headers => match &headers {
                    Some(headers) => headers.to_array(field)?,
                    None => return Err(Error::internal("a metadata column was not gathered")),
                },
            };
            columns.push(fitted(&column, field)?);
        }
        Ok(columns)
    }
}

fn times(mut values: Vec<Option<i64>>, field: &FieldRef) -> ArrayRef {
    if !field.is_nullable() {
        values
            .iter_mut()
            .for_each(|value| *value = value.or(Some(0)));
    }
    Arc::new(TimestampMillisecondArray::from(values).with_timezone(LTZ_ZONE))
}

/// A column in the type the table gives it.
fn fitted(column: &ArrayRef, field: &FieldRef) -> Result<ArrayRef> {
    let wanted = field.data_type();
    if column.data_type() == wanted {
        return Ok(Arc::clone(column));
    }
    let mut column = Arc::clone(column);
    // The instant as a time in UTC; a cast would refuse to lose the zone.
    if let (DataType::Timestamp(..), DataType::Timestamp(_, None)) = (column.data_type(), wanted) {
        let millis = column.as_primitive::<TimestampMillisecondType>();
        column = Arc::new(millis.clone().with_timezone_opt(None::<&str>));
    }
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(&column, wanted, &options).map_err(|error| {
        Error::new(
            Code::Read,
            format!(
                "a record does not fit the metadata column '{}'",
                field.name()
            ),
        )
        .caused_by(error)
    })
}

/// The headers of a record: of several with one name the last counts, as in Flink.
pub(super) type Pairs = Vec<(String, Option<Vec<u8>>)>;

/// The headers of a record, or what is wrong with them.
pub(super) fn pairs(headers: &BorrowedHeaders) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    for index in 0..headers.count() {
        // The crate panics on a name that is not UTF-8, and offers no other way to look at it.
        let read = catch_unwind(AssertUnwindSafe(|| {
            headers
                .try_get(index)
                .map(|header| (header.key.to_string(), header.value.map(<[u8]>::to_vec)))
        }));
        let Ok(header) = read else {
            return Err(format!("the name of header {index} is not valid UTF-8"));
        };
        let Some((name, value)) = header else {
            continue;
        };
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => pairs.push((name, value)),
        }
    }
    Ok(pairs)
}

/// A column of headers.
#[derive(Default)]
struct HeaderColumn {
    /// How many headers there are up to the end of each row.
    ends: Vec<i32>,
    names: StringBuilder,
    values: BinaryBuilder,
}

impl HeaderColumn {
    fn push(&mut self, pairs: Pairs) {
        let before = self.ends.last().copied().unwrap_or_default();
        self.ends.push(before + pairs.len() as i32);
        for (name, value) in pairs {
            self.names.append_value(name);
            self.values.append_option(value);
        }
    }

    fn to_array(&self, field: &FieldRef) -> Result<ArrayRef> {
        let DataType::Map(entries, sorted) = field.data_type() else {
            return Err(Error::internal("headers are no map"));
        };
        let DataType::Struct(pair) = entries.data_type() else {
            return Err(Error::internal("the entries of a map are no struct"));
        };
        let names: ArrayRef = Arc::new(self.names.finish_cloned());
        let mut values = self.values.finish_cloned();
        if !pair[1].is_nullable() && values.null_count() > 0 {
            let bytes = values.iter().map(|value| Some(value.unwrap_or_default()));
            values = bytes.collect();
        }
        let mut offsets = vec![0];
        offsets.extend_from_slice(&self.ends);
        let columns = vec![names, Arc::new(values) as ArrayRef];
        let structs = StructArray::try_new(pair.clone(), columns, None)?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let map = MapArray::try_new(Arc::clone(entries), offsets, structs, None, *sorted)?;
        Ok(Arc::new(map))
    }
}

/// The headers of a row, for writing.
pub(super) fn headers_of(column: &dyn Array, row: usize) -> Option<OwnedHeaders> {
    if column.is_null(row) {
        return None;
    }
    let entries = column.as_map().value(row);
    let names = entries.column(0).as_string::<i32>();
    let values = entries.column(1).as_binary::<i32>();
    let mut headers = OwnedHeaders::new_with_capacity(entries.len());
    for entry in 0..entries.len() {
        let value = (!values.is_null(entry)).then(|| values.value(entry));
        // A name with a zero byte cannot be handed to librdkafka.
        let name = names.value(entry).replace('\0', "");
        headers = headers.insert(Header { key: &name, value });
    }
    Some(headers)
}

/// Milliseconds since 1970 of each row of a column of timestamps.
pub(super) fn millis_of(column: &ArrayRef) -> Result<Vec<Option<i64>>> {
    let (values, per_ms) = match column.data_type() {
        DataType::Timestamp(unit, _) => {
            let raw = column
                .to_data()
                .into_builder()
                .data_type(DataType::Int64)
                .build()?;
            let per_ms = match unit {
                TimeUnit::Second => -1000,
                TimeUnit::Millisecond => 1,
                TimeUnit::Microsecond => 1000,
                TimeUnit::Nanosecond => 1_000_000,
            };
            (arrow::array::make_array(raw), per_ms)
        }
        other => return Err(Error::internal(format!("a timestamp came as {other}"))),
    };
    let millis = |value: i64| match per_ms {
        -1000 => value.saturating_mul(1000),
        divisor => value.div_euclid(divisor),
    };
    let values = values.as_primitive::<Int64Type>();
    Ok(values.iter().map(|value| value.map(millis)).collect())
}
