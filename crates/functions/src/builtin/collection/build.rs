//! Functions that build ARRAY, MAP and ROW values.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{cast, concat, interleave, is_not_null, take};
use arrow::datatypes::{DataType, FieldRef, Fields};
use arrow::row::{RowConverter, Rows, SortField};
use millstream_core::types::{ColumnType, RowField, SqlType};
use millstream_core::{Code, Error, Result};

use crate::args::{Arguments, Call};

fn nullable_among(args: &Arguments, indexes: impl IntoIterator<Item = usize>) -> bool {
    indexes.into_iter().any(|index| args.nullable(index))
}

fn never_null(sql: SqlType) -> Result<ColumnType> {
    Ok(ColumnType {
        sql,
        nullable: false,
    })
}

/// `ARRAY[a, b]`: elements may be NULL if one of them may.
pub(super) fn array_type(args: &Arguments) -> Result<ColumnType> {
    never_null(SqlType::Array(Box::new(ColumnType {
        sql: args.merged(0),
        nullable: nullable_among(args, 0..args.fields.len()),
    })))
}

pub(super) fn array(call: &Call) -> Result<ArrayRef> {
    let DataType::List(field) = call.returns.data_type() else {
        return Err(Error::internal("ARRAY makes an array"));
    };
    let columns: Vec<ArrayRef> = (0..call.len())
        .map(|index| Ok(cast(&call.full(index)?, field.data_type())?))
        .collect::<Result<_>>()?;
    let values = interleaved(&columns, call.rows)?;
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(columns.len(), call.rows));
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        offsets,
        values,
        None,
    )?))
}

/// Row by row, the values of all columns.
fn interleaved(columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
    let order: Vec<(usize, usize)> = (0..rows)
        .flat_map(|row| (0..columns.len()).map(move |column| (column, row)))
        .collect();
    Ok(interleave(&columns, &order)?)
}

/// `MAP[k1, v1, k2, v2]`.
pub(super) fn map_type(args: &Arguments) -> Result<ColumnType> {
    let count = args.fields.len();
    if !count.is_multiple_of(2) {
        return Err(args.mismatch(&format!("wants keys with values, found {count} arguments")));
    }
    let key = ColumnType {
        sql: args.merged_of((0..count).step_by(2)),
        nullable: false,
    };
    let value = ColumnType {
        sql: args.merged_of((1..count).step_by(2)),
        nullable: nullable_among(args, (1..count).step_by(2)),
    };
    never_null(SqlType::Map(Box::new(key), Box::new(value)))
}

pub(super) fn map(call: &Call) -> Result<ArrayRef> {
    let column = |index: usize| call.full(index);
    let keys: Vec<ArrayRef> = (0..call.len())
        .step_by(2)
        .map(column)
        .collect::<Result<_>>()?;
    let values: Vec<ArrayRef> = (1..call.len())
        .step_by(2)
        .map(column)
        .collect::<Result<_>>()?;
    let lengths = vec![keys.len(); call.rows];
    let (keys, values) = (
        interleaved(&keys, call.rows)?,
        interleaved(&values, call.rows)?,
    );
    map_of(call, keys, values, &lengths, None)
}

/// A MAP column from the entries of all rows; of equal keys the last one counts.
fn map_of(
    call: &Call,
    keys: ArrayRef,
    values: ArrayRef,
    lengths: &[usize],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let ty = call.returns.data_type();
    let (entries, pair) = map_fields(ty)?;
    if keys.null_count() > 0 {
        return Err(call.error("a key of a MAP is NULL"));
    }
    let keys = cast(&keys, pair[0].data_type())?;
    let values = cast(&values, pair[1].data_type())?;
    let (picked, lengths) = last_of_equal(&keys, lengths)?;
    let picked = UInt32Array::from(picked);
    let columns = vec![take(&keys, &picked, None)?, take(&values, &picked, None)?];
    let entry = StructArray::try_new(pair.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries),
        offsets,
        entry,
        nulls,
        false,
    )?))
}

fn map_fields(ty: &DataType) -> Result<(&FieldRef, &Fields)> {
    match ty {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => Ok((entries, pair)),
            other => Err(Error::internal(format!("{other} are no entries of a map"))),
        },
        other => Err(Error::internal(format!("{other} is not a map"))),
    }
}

/// Which entries each row keeps: at the place of the first equal key, the last one's value.
fn last_of_equal(keys: &ArrayRef, lengths: &[usize]) -> Result<(Vec<u32>, Vec<usize>)> {
    let rows = encoded(keys)?;
    let mut picked: Vec<u32> = Vec::with_capacity(keys.len());
    let mut kept = Vec::with_capacity(lengths.len());
    let mut start = 0;
    let mut places = HashMap::new();
    for length in lengths {
        places.clear();
        let first = picked.len();
        for index in start..start + length {
            let entry = u32::try_from(index)
                .map_err(|_| Error::new(Code::Evaluation, "a batch with too many entries"))?;
            match places.get(&rows.row(index)) {
                Some(place) => picked[*place] = entry,
                None => {
                    places.insert(rows.row(index), picked.len());
                    picked.push(entry);
                }
            }
        }
        kept.push(picked.len() - first);
        start += length;
    }
    Ok((picked, kept))
}

fn encoded(values: &ArrayRef) -> Result<Rows> {
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    Ok(converter.convert_columns(&[Arc::clone(values)])?)
}

/// `ROW(a, b)`: the fields are called EXPR$0, EXPR$1, ...
pub(super) fn row_type(args: &Arguments) -> Result<ColumnType> {
    let fields = (0..args.fields.len()).map(|index| RowField {
        name: format!("EXPR${index}"),
        ty: ColumnType {
            sql: args.ty(index),
            nullable: args.nullable(index),
        },
        comment: None,
    });
    never_null(SqlType::Row(fields.collect()))
}

pub(super) fn row(call: &Call) -> Result<ArrayRef> {
    let DataType::Struct(fields) = call.returns.data_type() else {
        return Err(Error::internal("ROW makes a row"));
    };
    let columns = (0..call.len())
        .map(|index| call.full(index))
        .collect::<Result<_>>()?;
    Ok(Arc::new(StructArray::try_new(
        fields.clone(),
        columns,
        None,
    )?))
}

/// The ARRAY type of the first argument, whose elements may be NULL if those of any may.
pub(super) fn common_array(args: &Arguments) -> Result<ColumnType> {
    let mut element: Option<ColumnType> = None;
    for index in 0..args.fields.len() {
        let SqlType::Array(next) = args.ty(index) else {
            return Err(args.mismatch(&format!("wants ARRAYs, found {}", args.ty(index))));
        };
        element = Some(match element {
            None => *next,
            Some(known) if known.sql == next.sql => ColumnType {
                nullable: known.nullable || next.nullable,
                ..known
            },
            Some(known) => {
                let (wanted, found) = (known.sql, next.sql);
                return Err(args.mismatch(&format!("wants ARRAYs of {wanted}, found {found}")));
            }
        });
    }
    match element {
        Some(element) => args.strict(SqlType::Array(Box::new(element))),
        None => Err(args.mismatch("wants an ARRAY, found none")),
    }
}

pub(super) fn array_concat(call: &Call) -> Result<ArrayRef> {
    let DataType::List(field) = call.returns.data_type() else {
        return Err(Error::internal("ARRAY_CONCAT makes an array"));
    };
    let lists: Vec<ArrayRef> = (0..call.len())
        .map(|i| call.full(i))
        .collect::<Result<_>>()?;
    let lists: Vec<&ListArray> = lists.iter().map(|list| list.as_list::<i32>()).collect();
    let parts: Vec<&dyn Array> = lists.iter().map(|list| list.values().as_ref()).collect();
    let all = concat(&parts)?;
    let bases: Vec<usize> = parts
        .iter()
        .scan(0, |base, part| {
            let start = *base;
            *base += part.len();
            Some(start)
        })
        .collect();
    let mut picked: Vec<u32> = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    let mut valid = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let start = picked.len();
        let whole = lists.iter().all(|list| list.is_valid(row));
        if whole {
            for (list, base) in lists.iter().zip(&bases) {
                let offsets = list.value_offsets();
                let range = offsets[row] as usize + base..offsets[row + 1] as usize + base;
                picked.extend(range.map(|index| index as u32));
            }
        }
        lengths.push(picked.len() - start);
        valid.push(whole);
    }
    if picked.len() > i32::MAX as usize || all.len() > u32::MAX as usize {
        return Err(call.error("a batch with more than 2^31 elements"));
    }
    let values = cast(
        &take(&all, &UInt32Array::from(picked), None)?,
        field.data_type(),
    )?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let list = ListArray::try_new(Arc::clone(field), offsets, values, Some(valid.into()))?;
    Ok(Arc::new(list))
}

fn map_parts(args: &Arguments) -> Result<(ColumnType, ColumnType)> {
    match args.ty(0) {
        SqlType::Map(key, value) => Ok((*key, *value)),
        SqlType::Multiset(element) => {
            let count = ColumnType {
                sql: SqlType::Int,
                nullable: false,
            };
            Ok((
                ColumnType {
                    nullable: false,
                    ..*element
                },
                count,
            ))
        }
        other => Err(args.mismatch(&format!("wants a MAP, found {other}"))),
    }
}

pub(super) fn keys_type(args: &Arguments) -> Result<ColumnType> {
    args.strict(SqlType::Array(Box::new(map_parts(args)?.0)))
}

pub(super) fn values_type(args: &Arguments) -> Result<ColumnType> {
    args.strict(SqlType::Array(Box::new(map_parts(args)?.1)))
}

pub(super) fn entries_type(args: &Arguments) -> Result<ColumnType> {
    let (key, value) = map_parts(args)?;
    let field = |name: &str, ty| RowField {
        name: name.into(),
        ty,
        comment: None,
    };
    let entry = SqlType::Row(vec![field("key", key), field("value", value)]);
    args.strict(SqlType::Array(Box::new(ColumnType {
        sql: entry,
        nullable: false,
    })))
}

pub(super) fn map_keys(call: &Call) -> Result<ArrayRef> {
    of_map(call, |map| Arc::clone(map.keys()))
}

pub(super) fn map_values(call: &Call) -> Result<ArrayRef> {
    of_map(call, |map| Arc::clone(map.values()))
}

pub(super) fn map_entries(call: &Call) -> Result<ArrayRef> {
    of_map(call, |map| Arc::new(map.entries().clone()))
}

/// An ARRAY per MAP that shares its offsets.
fn of_map(call: &Call, values: impl Fn(&MapArray) -> ArrayRef) -> Result<ArrayRef> {
    let DataType::List(field) = call.returns.data_type() else {
        return Err(Error::internal("the parts of a map are an array"));
    };
    let array = call.full(0)?;
    let map = array.as_map();
    let values = cast(&values(map), field.data_type())?;
    let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        offsets,
        values,
        nulls,
    )?))
}

/// The MAP type from an ARRAY of keys and one of values.
pub(super) fn zipped_type(args: &Arguments) -> Result<ColumnType> {
    match (args.ty(0), args.ty(1)) {
        (SqlType::Array(key), SqlType::Array(value)) => {
            let key = ColumnType {
                nullable: false,
                ..*key
            };
            args.strict(SqlType::Map(Box::new(key), value))
        }
        _ => Err(args.mismatch("wants two ARRAYs")),
    }
}

pub(super) fn map_from_arrays(call: &Call) -> Result<ArrayRef> {
    let (keys, values) = (call.full(0)?, call.full(1)?);
    let (keys, values) = (keys.as_list::<i32>(), values.as_list::<i32>());
    let mut lengths = Vec::with_capacity(call.rows);
    let (mut key_at, mut value_at) = (Vec::new(), Vec::new());
    for row in 0..call.rows {
        if keys.is_null(row) || values.is_null(row) {
            lengths.push(0);
            continue;
        }
        let (k, v) = (keys.value_offsets(), values.value_offsets());
        let (k, v) = (k[row]..k[row + 1], v[row]..v[row + 1]);
        if k.len() != v.len() {
            let (keys, values) = (k.len(), v.len());
            return Err(call.error(format!("{keys} keys for {values} values")));
        }
        lengths.push(k.len());
        key_at.extend(k.map(|at| at as u32));
        value_at.extend(v.map(|at| at as u32));
    }
    let nulls = NullBuffer::union(keys.nulls(), values.nulls());
    let keys = take(keys.values(), &UInt32Array::from(key_at), None)?;
    let values = take(values.values(), &UInt32Array::from(value_at), None)?;
    map_of(call, keys, values, &lengths, nulls)
}

/// The entries of all maps; of equal keys the last map's counts.
pub(super) fn map_union(call: &Call) -> Result<ArrayRef> {
    let (_, pair) = map_fields(call.returns.data_type())?;
    let columns: Vec<ArrayRef> = (0..call.len())
        .map(|index| {
            let array = call.full(index)?;
            let (_, found) = map_fields(array.data_type())?;
            let same = |at: usize| found[at].data_type() == pair[at].data_type();
            if !same(0) || !same(1) {
                return Err(call.error("wants MAPs of one type"));
            }
            Ok(array)
        })
        .collect::<Result<_>>()?;
    let maps: Vec<&MapArray> = columns.iter().map(|column| column.as_map()).collect();
    let keys: Vec<&dyn Array> = maps.iter().map(|map| map.keys().as_ref()).collect();
    let values: Vec<&dyn Array> = maps.iter().map(|map| map.values().as_ref()).collect();
    let mut lengths = Vec::with_capacity(call.rows);
    let mut order = Vec::new();
    for row in 0..call.rows {
        let start = order.len();
        if maps.iter().all(|map| map.is_valid(row)) {
            for (index, map) in maps.iter().enumerate() {
                let offsets = map.value_offsets();
                let range = offsets[row] as usize..offsets[row + 1] as usize;
                order.extend(range.map(|at| (index, at)));
            }
        }
        lengths.push(order.len() - start);
    }
    let mut nulls = None;
    for column in &columns {
        let known = is_not_null(column)?;
        nulls = NullBuffer::union(
            nulls.as_ref(),
            Some(&NullBuffer::new(known.values().clone())),
        );
    }
    map_of(
        call,
        interleave(&keys, &order)?,
        interleave(&values, &order)?,
        &lengths,
        nulls,
    )
}
