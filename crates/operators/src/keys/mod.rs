//! Interned keys: rows of key columns become dense numbers, so that all state is plain vectors.
//!
//! ```text
//! keys  │ ann │ bob │ ann │ cid │   intern ─▶ ids │ 0 │ 1 │ 0 │ 2 │      states[id]
//! ```
//!
//! * Three representations: one integer-like column ([`ints`]), one text or binary column
//!   ([`bytes`]), and any other combination, as bytes of Arrow's row encoding.
//! * Two rows get the same id exactly if all their key values are equal; NULL equals NULL, -0.0
//!   equals 0.0, NaN equals NaN.
//! * A row may also carry a *space*: the same key in two spaces has two ids. Distinct aggregates
//!   use the group's number as space, so one table serves all groups.
//! * Ids count up from 0; a removed id is given out again.
//! * Cost: one hash and about one probe per row; no allocation per row. 9 to 16 bytes of
//!   table per place (at most 7/8 full), 12 or 16 by id, and the key.
//!
//! Hashes are seeded per process, against keys chosen to collide; ids do not depend on the seed.

pub(crate) mod arena;
pub(crate) mod bytes;
mod ints;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, Float32Array, Float64Array,
    PrimitiveArray, StringArray, new_empty_array,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use arrow::row::{RowConverter, Rows, SortField};
use millstream_core::{Code, Error, Result};

use bytes::BytesTable;
use ints::IntTable;

/// The space of a removed id; no row may be in it.
const NOWHERE: u32 = u32::MAX;

/// A table of interned keys.
pub struct KeyTable {
    types: Vec<DataType>,
    form: Form,
}

enum Form {
    /// No key columns: every row has the same key.
    Unit { used: bool },
    /// One integer-like column.
    Int(IntTable),
    /// One text or binary column.
    Bytes(BytesTable),
    /// Anything else, as comparable rows.
    Rows {
        converter: RowConverter,
        scratch: Rows,
        table: BytesTable,
    },
}

impl KeyTable {
    /// An empty table for key columns of these types.
    pub fn new(types: &[DataType]) -> Result<Self> {
        let form = match types {
            [] => Form::Unit { used: false },
            [one] if is_int(one) => Form::Int(IntTable::new()),
            [DataType::Utf8 | DataType::Binary] => Form::Bytes(BytesTable::new()),
            _ => {
                let fields = types.iter().cloned().map(SortField::new).collect();
                let converter = RowConverter::new(fields)
                    .map_err(|e| Error::unsupported("keys of this type").caused_by(e))?;
                Form::Rows {
                    scratch: converter.empty_rows(0, 0),
                    converter,
                    table: BytesTable::new(),
                }
            }
        };
        Ok(KeyTable {
            types: types.to_vec(),
            form,
        })
    }

    /// An empty table for the same key columns.
    pub fn like(&self) -> Result<Self> {
        Self::new(&self.types)
    }

    /// The types of the key columns.
    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    /// Number of keys in the table.
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Unit { used } => usize::from(*used),
            Form::Int(table) => table.len(),
            Form::Bytes(table) | Form::Rows { table, .. } => table.len(),
        }
    }

    /// True if there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more than the largest id ever given out: how long vectors indexed by id must be.
    pub fn id_bound(&self) -> usize {
        match &self.form {
            Form::Unit { used } => usize::from(*used),
            Form::Int(table) => table.id_bound(),
            Form::Bytes(table) | Form::Rows { table, .. } => table.id_bound(),
        }
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        match &self.form {
            Form::Unit { .. } => 0,
            Form::Int(table) => table.bytes(),
            Form::Bytes(table) => table.bytes(),
            Form::Rows { table, scratch, .. } => table.bytes() + scratch.size(),
        }
    }

    /// Forgets all keys, keeping the memory.
    pub fn clear(&mut self) {
        match &mut self.form {
            Form::Unit { used } => *used = false,
            Form::Int(table) => table.clear(),
            Form::Bytes(table) | Form::Rows { table, .. } => table.clear(),
        }
    }

    /// Writes the id of each row into `ids` (cleared first), giving new keys new ids.
    ///
    /// `columns` all have `num_rows` rows and the types of the table.
    pub fn intern(
        &mut self,
        columns: &[ArrayRef],
        num_rows: usize,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        self.intern_within(columns, num_rows, |_| 0, ids)
    }

    /// As [`intern`](Self::intern), each row in its own space.
    pub fn intern_in(
        &mut self,
        columns: &[ArrayRef],
        spaces: &[u32],
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        self.intern_within(columns, spaces.len(), |row| spaces[row], ids)
    }

    fn intern_within(
        &mut self,
        columns: &[ArrayRef],
        num_rows: usize,
        space: impl Fn(usize) -> u32,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        ids.clear();
        ids.reserve(num_rows);
        match &mut self.form {
            Form::Unit { used } => {
                *used |= num_rows > 0;
                ids.resize(num_rows, 0);
            }
            Form::Int(table) => intern_ints(table, &columns[0], space, ids)?,
            Form::Bytes(table) => intern_bytes(table, &columns[0], space, ids)?,
            Form::Rows {
                converter,
                scratch,
                table,
            } => {
                let columns: Vec<ArrayRef> = columns.iter().map(canonical).collect();
                scratch.clear();
                converter.append(scratch, &columns)?;
                let row_of = |row| Some(scratch.row(row).data());
                table.intern(num_rows, row_of, space, ids)?;
            }
        }
        Ok(())
    }

    /// Interns every key of `other` (of the same types); `ids[i]` is the id of its key `i`, for
    /// removed ones any number.
    pub fn intern_table(&mut self, other: &KeyTable, ids: &mut Vec<u32>) -> Result<()> {
        ids.clear();
        match (&mut self.form, &other.form) {
            (Form::Unit { used }, Form::Unit { used: theirs }) => {
                *used |= *theirs;
                ids.resize(usize::from(*theirs), 0);
                Ok(())
            }
            (Form::Int(ours), Form::Int(theirs)) => ours.intern_table(theirs, ids),
            (
                Form::Bytes(ours) | Form::Rows { table: ours, .. },
                Form::Bytes(theirs) | Form::Rows { table: theirs, .. },
            ) => ours.intern_table(theirs, ids),
            _ => Err(Error::internal("key tables of different types")),
        }
    }

    /// The key columns of `ids`, one row per id.
    pub fn keys(&self, ids: &[u32]) -> Result<Vec<ArrayRef>> {
        match &self.form {
            Form::Unit { .. } => Ok(Vec::new()),
            Form::Int(table) => Ok(vec![ints_of(table, ids, &self.types[0])?]),
            Form::Bytes(table) => Ok(vec![bytes_of(table, ids, &self.types[0])?]),
            Form::Rows {
                converter, table, ..
            } => {
                if ids.is_empty() {
                    return Ok(self.types.iter().map(new_empty_array).collect());
                }
                let parser = converter.parser();
                let rows = ids
                    .iter()
                    .map(|&id| parser.parse(table.get(id).unwrap_or_default()));
                Ok(converter.convert_rows(rows)?)
            }
        }
    }

    /// The space of an id; `None` if it was removed.
    pub fn space(&self, id: u32) -> Option<u32> {
        let space = match &self.form {
            Form::Unit { used } => return used.then_some(0),
            Form::Int(table) => table.space(id),
            Form::Bytes(table) | Form::Rows { table, .. } => table.space(id),
        };
        (space != NOWHERE).then_some(space)
    }

    /// All ids in use, in ascending order.
    pub fn ids(&self) -> Vec<u32> {
        let all = 0..self.id_bound() as u32;
        if self.len() == self.id_bound() {
            return all.collect();
        }
        all.filter(|&id| self.space(id).is_some()).collect()
    }

    /// Keeps these keys only (ascending, in use) and gives back the memory of all others: `ids[i]`
    /// becomes `i`.
    pub fn keep(&mut self, ids: &[u32]) {
        match &mut self.form {
            Form::Unit { used } => *used &= !ids.is_empty(),
            Form::Int(table) => table.keep(ids),
            Form::Bytes(table) | Form::Rows { table, .. } => table.keep(ids),
        }
    }

    /// Removes keys; their ids will be given out again. Ids not in use are ignored.
    pub fn remove(&mut self, ids: &[u32]) {
        match &mut self.form {
            Form::Unit { used } => *used &= ids.is_empty(),
            Form::Int(table) => ids.iter().for_each(|&id| table.remove(id)),
            Form::Bytes(table) | Form::Rows { table, .. } => {
                ids.iter().for_each(|&id| table.remove(id));
                table.compact();
            }
        }
    }
}

fn is_int(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Time32(TimeUnit::Millisecond)
            | DataType::Timestamp(
                TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond,
                _
            )
    )
}

/// Runs `$body` with `$T` bound to the Arrow type of an integer-like data type.
macro_rules! with_int_type {
    ($ty:expr, $T:ident => $body:expr) => {
        match $ty {
            DataType::Int8 => {
                type $T = Int8Type;
                $body
            }
            DataType::Int16 => {
                type $T = Int16Type;
                $body
            }
            DataType::Int32 => {
                type $T = Int32Type;
                $body
            }
            DataType::Int64 => {
                type $T = Int64Type;
                $body
            }
            DataType::Date32 => {
                type $T = Date32Type;
                $body
            }
            DataType::Time32(_) => {
                type $T = Time32MillisecondType;
                $body
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                type $T = TimestampMicrosecondType;
                $body
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                type $T = TimestampNanosecondType;
                $body
            }
            DataType::Timestamp(_, _) => {
                type $T = TimestampMillisecondType;
                $body
            }
            other => Err(Error::internal(format!(
                "{other} is not an integer-like key"
            ))),
        }
    };
}

fn intern_ints(
    table: &mut IntTable,
    column: &ArrayRef,
    space: impl Fn(usize) -> u32,
    ids: &mut Vec<u32>,
) -> Result<()> {
    with_int_type!(column.data_type(), T => intern_primitive::<T>(table, column, space, ids))
}

fn intern_primitive<T>(
    table: &mut IntTable,
    column: &ArrayRef,
    space: impl Fn(usize) -> u32,
    ids: &mut Vec<u32>,
) -> Result<()>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let array = column.as_primitive::<T>();
    let values = array.values();
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => table.intern(values.len(), |row| Some(values[row].into()), space, ids),
        Some(nulls) => table.intern(
            values.len(),
            |row| nulls.is_valid(row).then(|| values[row].into()),
            space,
            ids,
        ),
    }
}

fn intern_bytes(
    table: &mut BytesTable,
    column: &ArrayRef,
    space: impl Fn(usize) -> u32,
    ids: &mut Vec<u32>,
) -> Result<()> {
    let (offsets, data, nulls) = match column.data_type() {
        DataType::Utf8 => {
            let array = column.as_string::<i32>();
            (array.value_offsets(), array.value_data(), array.nulls())
        }
        DataType::Binary => {
            let array = column.as_binary::<i32>();
            (array.value_offsets(), array.value_data(), array.nulls())
        }
        other => return Err(Error::internal(format!("{other} is not a text key"))),
    };
    let value = |row: usize| &data[offsets[row] as usize..offsets[row + 1] as usize];
    match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => table.intern(column.len(), |row| Some(value(row)), space, ids),
        Some(nulls) => table.intern(
            column.len(),
            |row| nulls.is_valid(row).then(|| value(row)),
            space,
            ids,
        ),
    }
}

fn ints_of(table: &IntTable, ids: &[u32], ty: &DataType) -> Result<ArrayRef> {
    with_int_type!(ty, T => Ok(primitive_of::<T>(table, ids, ty)))
}

fn primitive_of<T>(table: &IntTable, ids: &[u32], ty: &DataType) -> ArrayRef
where
    T: ArrowPrimitiveType,
    T::Native: NarrowFrom,
{
    let values: ScalarBuffer<T::Native> = ids
        .iter()
        .map(|&id| T::Native::narrow(table.value(id)))
        .collect();
    let nulls = table.has_nulls().then(|| {
        ids.iter()
            .map(|&id| !table.is_null(id))
            .collect::<NullBuffer>()
    });
    Arc::new(PrimitiveArray::<T>::new(values, nulls).with_data_type(ty.clone()))
}

/// Back from the 64 bits a key was widened to.
trait NarrowFrom {
    fn narrow(value: i64) -> Self;
}

macro_rules! narrow_from {
    ($($ty:ty),*) => {
        $(impl NarrowFrom for $ty {
            fn narrow(value: i64) -> Self {
                value as $ty
            }
        })*
    };
}

narrow_from!(i8, i16, i32, i64);

fn bytes_of(table: &BytesTable, ids: &[u32], ty: &DataType) -> Result<ArrayRef> {
    let total: usize = ids
        .iter()
        .map(|&id| table.get(id).map_or(0, <[u8]>::len))
        .sum();
    if i32::try_from(total).is_err() {
        return Err(Error::new(
            Code::Evaluation,
            format!("keys of one batch of results hold {total} bytes, at most 2 GiB are possible"),
        ));
    }
    let mut data = Vec::with_capacity(total);
    let mut lengths = Vec::with_capacity(ids.len());
    for &id in ids {
        let value = table.get(id).unwrap_or_default();
        data.extend_from_slice(value);
        lengths.push(value.len());
    }
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    let nulls = table.has_nulls().then(|| {
        ids.iter()
            .map(|&id| table.get(id).is_some())
            .collect::<NullBuffer>()
    });
    Ok(match ty {
        DataType::Binary => Arc::new(BinaryArray::try_new(offsets, Buffer::from(data), nulls)?),
        _ => Arc::new(StringArray::try_new(offsets, Buffer::from(data), nulls)?),
    })
}

/// Floats with one zero and one NaN, as equal keys must have equal bytes.
fn canonical(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float32 => {
            let array: Float32Array = column
                .as_primitive::<Float32Type>()
                .unary(|v| if v.is_nan() { f32::NAN } else { v + 0.0 });
            Arc::new(array)
        }
        DataType::Float64 => {
            let array: Float64Array = column
                .as_primitive::<Float64Type>()
                .unary(|v| if v.is_nan() { f64::NAN } else { v + 0.0 });
            Arc::new(array)
        }
        _ => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests;
