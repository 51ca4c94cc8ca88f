//! Which columns of which types a table asks for, checked against what the generator makes.
//!
//! A table may leave out columns and fields of ROWs and name them in any order; names are matched
//! with their case, types exactly. What a table leaves out is not made.

use arrow::datatypes::{DataType, Field as ArrowField, Fields, SchemaRef};

use millstream_core::table::TableSpec;
use millstream_core::types::SqlType;
use millstream_core::{Code, Error, Result, suggest};

use super::field::{Field, Fill};
use super::market::Kind;
use super::{auction, bid, person};

/// The columns to make, in the order wanted.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) columns: Vec<Column>,
    pub(super) schema: SchemaRef,
}

/// A column to make.
#[derive(Clone, Debug)]
pub(super) enum Column {
    /// `event_type`: 0, 1 or 2.
    EventType,
    /// `person`, `auction` or `bid`: NULL unless the event is one.
    Row {
        kind: Kind,
        fields: Vec<&'static Field>,
        arrow: Fields,
    },
}

const EVENT_TYPE: &str = "event_type";
static ROWS: [(&str, Kind, &[Field]); 3] = [
    ("person", Kind::Person, person::FIELDS),
    ("auction", Kind::Auction, auction::FIELDS),
    ("bid", Kind::Bid, bid::FIELDS),
];

impl Layout {
    /// The columns at `projection` of the table, whose schema is `schema`.
    pub(super) fn new(table: &TableSpec, projection: &[usize], schema: SchemaRef) -> Result<Self> {
        if let Some(column) = table.metadata.first() {
            return Err(Error::new(
                Code::InvalidSchema,
                format!(
                    "connector 'nexmark' has no metadata, found column '{}' of table '{}' FROM '{}'",
                    column.field.name(),
                    table.name,
                    column.key
                ),
            ));
        }
        let fields = table.schema.fields().iter();
        let known = fields
            .map(|field| column(table, field))
            .collect::<Result<Vec<_>>>()?;
        let columns = projection.iter().map(|at| known.get(*at).cloned());
        let columns = columns.collect::<Option<Vec<_>>>().ok_or_else(|| {
            Error::internal(format!(
                "projection {projection:?} leaves the {} columns of table '{}'",
                known.len(),
                table.name
            ))
        })?;
        Ok(Layout { columns, schema })
    }
}

fn column(table: &TableSpec, field: &ArrowField) -> Result<Column> {
    if field.name() == EVENT_TYPE {
        expect(table, EVENT_TYPE, field, &SqlType::Int)?;
        return Ok(Column::EventType);
    }
    let row = ROWS.iter().find(|(name, ..)| field.name() == name);
    let Some((name, kind, known)) = row else {
        let names = [EVENT_TYPE, ROWS[0].0, ROWS[1].0, ROWS[2].0];
        return Err(unknown(
            "connector 'nexmark'",
            field.name(),
            table,
            names.into_iter(),
        ));
    };
    let DataType::Struct(arrow) = field.data_type() else {
        return Err(mismatch(table, name, "a ROW", field));
    };
    if !field.is_nullable() {
        return Err(mismatch(table, name, "a ROW that may be NULL", field));
    }
    let fields = arrow
        .iter()
        .map(|child| row_field(table, name, known, child));
    Ok(Column::Row {
        kind: *kind,
        fields: fields.collect::<Result<_>>()?,
        arrow: arrow.clone(),
    })
}

fn row_field(
    table: &TableSpec,
    row: &str,
    known: &'static [Field],
    child: &ArrowField,
) -> Result<&'static Field> {
    let Some(field) = known.iter().find(|field| field.name == child.name()) else {
        let names = known.iter().map(|field| field.name);
        return Err(unknown(
            &format!("column '{row}' of connector 'nexmark'"),
            child.name(),
            table,
            names,
        ));
    };
    let wanted = match field.fill {
        Fill::Long(_) => SqlType::BigInt,
        Fill::Time(_) => SqlType::Timestamp(3),
        Fill::Text(..) => SqlType::STRING,
    };
    expect(table, &format!("{row}.{}", field.name), child, &wanted)?;
    Ok(field)
}

fn expect(table: &TableSpec, path: &str, field: &ArrowField, wanted: &SqlType) -> Result<()> {
    if SqlType::of(field) == *wanted && *field.data_type() == wanted.to_arrow() {
        return Ok(());
    }
    Err(mismatch(table, path, &wanted.to_string(), field))
}

fn mismatch(table: &TableSpec, path: &str, wanted: &str, field: &ArrowField) -> Error {
    let not_null = if field.is_nullable() { "" } else { " NOT NULL" };
    Error::new(
        Code::InvalidSchema,
        format!(
            "connector 'nexmark' wants {wanted} for column '{path}' of table '{}', found {}{not_null}",
            table.name,
            SqlType::of(field),
        ),
    )
}

fn unknown(
    owner: &str,
    name: &str,
    table: &TableSpec,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Error {
    let error = Error::new(
        Code::InvalidSchema,
        format!("{owner} has no '{name}', found in table '{}'", table.name),
    );
    match suggest::hint(name, known.clone()) {
        Some(hint) => error.hint(hint),
        None => error.hint(format!("it has {}", known.collect::<Vec<_>>().join(", "))),
    }
}
