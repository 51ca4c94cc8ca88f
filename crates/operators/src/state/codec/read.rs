//! Bytes to values of columns; see [`super`] for the format.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, BooleanBufferBuilder, ListArray,
    MapArray, NullArray, NullBufferBuilder, PrimitiveArray, RecordBatch, RecordBatchOptions,
    StringArray, StructArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields, SchemaRef};
use arrow::error::ArrowError;
use millstream_core::{Code, Error, Result};

use super::{unsupported, with_fixed_type};
use crate::state::bytes::{Fixed, Reader, damaged};

/// Columns that grow row by row.
pub(crate) struct Decoder {
    columns: Vec<Box<dyn Column>>,
    rows: usize,
}

/// A column that grows value by value.
trait Column {
    /// Appends a value that is not NULL.
    fn read(&mut self, from: &mut Reader<'_>) -> Result<()>;
    /// Appends NULL.
    fn null(&mut self);
    /// The column; empty afterwards.
    fn finish(&mut self) -> Result<ArrayRef>;
}

impl Decoder {
    /// For rows of these types.
    pub(crate) fn new<'a>(types: impl IntoIterator<Item = &'a DataType>) -> Result<Self> {
        let columns = types.into_iter().map(column);
        Ok(Decoder {
            columns: columns.collect::<Result<_>>()?,
            rows: 0,
        })
    }

    /// Appends the row that comes next.
    pub(crate) fn read(&mut self, from: &mut Reader<'_>) -> Result<()> {
        let validity = from.take(self.columns.len().div_ceil(8))?;
        for (index, column) in self.columns.iter_mut().enumerate() {
            if is_valid(validity, index) {
                column.read(from)?;
            } else {
                column.null();
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The columns of all rows, one per type; no rows are left.
    pub(crate) fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.rows = 0;
        let columns = self.columns.iter_mut();
        columns.map(|column| column.finish()).collect()
    }

    /// The rows as a batch; no rows are left.
    pub(crate) fn batch(&mut self, schema: &SchemaRef) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let columns = self.finish()?;
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(refused)
    }

    /// Appends a row in which everything is NULL.
    pub(crate) fn null(&mut self) {
        self.rows += 1;
        self.columns.iter_mut().for_each(|column| column.null());
    }
}

fn is_valid(validity: &[u8], index: usize) -> bool {
    validity[index / 8] & (1 << (index % 8)) != 0
}

fn column(ty: &DataType) -> Result<Box<dyn Column>> {
    with_fixed_type!(ty, T => Ok(Box::new(Numbers::<T> {
        ty: ty.clone(),
        values: Vec::new(),
        nulls: NullBufferBuilder::new(0),
    })), {
        Ok(match ty {
            DataType::Null => Box::new(Nothing(0)),
            DataType::Boolean => Box::new(Truths {
                values: BooleanBufferBuilder::new(0),
                nulls: NullBufferBuilder::new(0),
            }),
            DataType::Utf8 => Box::new(Strings::new(true)),
            DataType::Binary => Box::new(Strings::new(false)),
            DataType::List(element) => Box::new(Elements {
                field: Arc::clone(element),
                elements: column(element.data_type())?,
                lengths: Lengths::default(),
                nulls: NullBufferBuilder::new(0),
            }),
            DataType::Map(entries, is_sorted) => match entries.data_type() {
                DataType::Struct(pair) if pair.len() == 2 => Box::new(Entries {
                    field: Arc::clone(entries),
                    pair: pair.clone(),
                    is_sorted: *is_sorted,
                    entries: of_fields(pair)?,
                    lengths: Lengths::default(),
                    nulls: NullBufferBuilder::new(0),
                }),
                other => return Err(unsupported(other)),
            },
            DataType::Struct(fields) => Box::new(Rows {
                fields: fields.clone(),
                columns: of_fields(fields)?,
                nulls: NullBufferBuilder::new(0),
            }),
            other => return Err(unsupported(other)),
        })
    })
}

fn of_fields(fields: &Fields) -> Result<Decoder> {
    Decoder::new(fields.iter().map(|field| field.data_type()))
}

/// Arrow refuses what cannot have been written, such as NULL where none may be.
fn refused(error: ArrowError) -> Error {
    damaged("a value is not of its type").caused_by(error)
}

struct Nothing(usize);

impl Column for Nothing {
    fn read(&mut self, _from: &mut Reader<'_>) -> Result<()> {
        Err(damaged("a value that is always NULL is not"))
    }

    fn null(&mut self) {
        self.0 += 1;
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(Arc::new(NullArray::new(std::mem::take(&mut self.0))))
    }
}

struct Numbers<T: ArrowPrimitiveType> {
    ty: DataType,
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
}

impl<T> Column for Numbers<T>
where
    T: ArrowPrimitiveType,
    T::Native: Fixed,
{
    #[inline]
    fn read(&mut self, from: &mut Reader<'_>) -> Result<()> {
        self.values.push(from.fixed()?);
        self.nulls.append_non_null();
        Ok(())
    }

    fn null(&mut self) {
        self.values.push(T::Native::default());
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        let array = PrimitiveArray::<T>::try_new(values, self.nulls.finish()).map_err(refused)?;
        Ok(Arc::new(array.with_data_type(self.ty.clone())))
    }
}

struct Truths {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

impl Column for Truths {
    fn read(&mut self, from: &mut Reader<'_>) -> Result<()> {
        self.values.append(from.flag()?);
        self.nulls.append_non_null();
        Ok(())
    }

    fn null(&mut self) {
        self.values.append(false);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let nulls = self.nulls.finish();
        Ok(Arc::new(BooleanArray::new(self.values.finish(), nulls)))
    }
}

/// Lengths of values that lie one behind the other.
#[derive(Default)]
struct Lengths {
    lengths: Vec<usize>,
    total: usize,
}

impl Lengths {
    /// Arrow counts in 31 bits.
    fn push(&mut self, length: usize) -> Result<()> {
        self.total = self.total.saturating_add(length);
        if i32::try_from(self.total).is_err() {
            return Err(Error::new(
                Code::Evaluation,
                "an entry of the state in the checkpoint holds more than 2 GiB",
            ));
        }
        self.lengths.push(length);
        Ok(())
    }

    fn finish(&mut self) -> OffsetBuffer<i32> {
        self.total = 0;
        OffsetBuffer::from_lengths(std::mem::take(&mut self.lengths))
    }
}

struct Strings {
    is_text: bool,
    data: Vec<u8>,
    lengths: Lengths,
    nulls: NullBufferBuilder,
}

impl Strings {
    fn new(is_text: bool) -> Self {
        Strings {
            is_text,
            data: Vec::new(),
            lengths: Lengths::default(),
            nulls: NullBufferBuilder::new(0),
        }
    }
}

impl Column for Strings {
    #[inline]
    fn read(&mut self, from: &mut Reader<'_>) -> Result<()> {
        let bytes = from.bytes()?;
        self.lengths.push(bytes.len())?;
        self.data.extend_from_slice(bytes);
        self.nulls.append_non_null();
        Ok(())
    }

    fn null(&mut self) {
        self.lengths.lengths.push(0);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let offsets = self.lengths.finish();
        let data = Buffer::from(std::mem::take(&mut self.data));
        let nulls = self.nulls.finish();
        Ok(if self.is_text {
            // Validates UTF-8, all values at once.
            Arc::new(StringArray::try_new(offsets, data, nulls).map_err(refused)?)
        } else {
            Arc::new(BinaryArray::try_new(offsets, data, nulls).map_err(refused)?)
        })
    }
}

struct Elements {
    field: FieldRef,
    elements: Box<dyn Column>,
    lengths: Lengths,
    nulls: NullBufferBuilder,
}

impl Column for Elements {
    fn read(&mut self, from: &mut Reader<'_>) -> Result<()> {
        let length = from.length()?;
        // As many bits as elements: a length beyond the end fails before anything is allocated.
        let validity = from.take(length.div_ceil(8))?;
        self.lengths.push(length)?;
        for index in 0..length {
            if is_valid(validity, index) {
                self.elements.read(from)?;
            } else {
                self.elements.null();
            }
        }
        self.nulls.append_non_null();
        Ok(())
    }

    fn null(&mut self) {
        self.lengths.lengths.push(0);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let offsets = self.lengths.finish();
        let (elements, nulls) = (self.elements.finish()?, self.nulls.finish());
        let list = ListArray::try_new(Arc::clone(&self.field), offsets, elements, nulls);
        Ok(Arc::new(list.map_err(refused)?))
    }
}

struct Entries {
    field: FieldRef,
    pair: Fields,
    is_sorted: bool,
    entries: Decoder,
    lengths: Lengths,
    nulls: NullBufferBuilder,
}

impl Column for Entries {
    fn read(&mut self, from: &mut Reader<'_>) -> Result<()> {
        let length = from.length()?;
        self.lengths.push(length)?;
        for _ in 0..length {
            self.entries.read(from)?;
        }
        self.nulls.append_non_null();
        Ok(())
    }

    fn null(&mut self) {
        self.lengths.lengths.push(0);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let offsets = self.lengths.finish();
        let entries = struct_of(&self.pair, &mut self.entries, None)?;
        let field = Arc::clone(&self.field);
        let map = MapArray::try_new(field, offsets, entries, self.nulls.finish(), self.is_sorted);
        Ok(Arc::new(map.map_err(refused)?))
    }
}

struct Rows {
    fields: Fields,
    columns: Decoder,
    nulls: NullBufferBuilder,
}

impl Column for Rows {
    fn read(&mut self, from: &mut Reader<'_>) -> Result<()> {
        self.columns.read(from)?;
        self.nulls.append_non_null();
        Ok(())
    }

    fn null(&mut self) {
        self.columns.null();
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let nulls = self.nulls.finish();
        Ok(Arc::new(struct_of(&self.fields, &mut self.columns, nulls)?))
    }
}

fn struct_of(
    fields: &Fields,
    columns: &mut Decoder,
    nulls: Option<NullBuffer>,
) -> Result<StructArray> {
    let rows = columns.rows;
    let columns = columns.finish()?;
    if columns.is_empty() {
        return Ok(StructArray::new_empty_fields(rows, nulls));
    }
    StructArray::try_new(fields.clone(), columns, nulls).map_err(refused)
}
