//! Functions from ARRAYs and MAPs to one value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, StringArray};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int64Type};
use arrow::row::{RowConverter, SortField};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Error, Result};

use super::elements::elements;
use crate::args::{Arguments, Call};
use crate::output::text_rows;

/// How many elements; a MULTISET counts each as often as it is in it.
pub(super) fn cardinality(call: &Call) -> Result<ArrayRef> {
    let array = call.full(0)?;
    let multiset = matches!(call.ty(0), SqlType::Multiset(_));
    let offsets = match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value_offsets(),
        DataType::Map(..) => array.as_map().value_offsets(),
        other => return Err(Error::internal(format!("{other} is not a collection"))),
    };
    let counts = multiset
        .then(|| array.as_map().values().as_primitive_opt())
        .flatten();
    let count = |row: usize| {
        let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
        match counts {
            Some(counts) => {
                let counts: &Int32Array = counts;
                (start..end)
                    .map(|at| counts.value(at))
                    .fold(0, i32::saturating_add)
            }
            None => (end - start) as i32,
        }
    };
    let counted: Int32Array = (0..call.rows)
        .map(|row| array.is_valid(row).then(|| count(row)))
        .collect();
    Ok(Arc::new(counted))
}

/// The only element; NULL of an empty array; an error of a longer one.
pub(super) fn element(call: &Call) -> Result<ArrayRef> {
    let (lists, all) = elements(call, &[true])?;
    let mut picked = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        picked.push(match lists[0].of(row) {
            Some(list) if list.len() > 1 => {
                return Err(call.error(format!("wants one element, found {}", list.len())));
            }
            Some(list) => list.clone().next().map(|index| index as u32),
            None => None,
        });
    }
    all.pick(picked, call.returns.data_type())
}

/// NULL only if the array may be.
pub(super) fn contains_type(args: &Arguments) -> Result<ColumnType> {
    Ok(ColumnType {
        sql: SqlType::Boolean,
        nullable: args.nullable(0),
    })
}

/// A NULL that is looked for is a value, not an unknown.
pub(super) fn array_contains(call: &Call) -> Result<ArrayRef> {
    let (lists, all) = elements(call, &[true, false])?;
    let found: BooleanArray = (0..call.rows)
        .map(|row| {
            let (mut list, wanted) = lists[0].of(row).zip(lists[1].of(row))?;
            Some(list.any(|index| all.key(index) == all.key(wanted.start)))
        })
        .collect();
    Ok(Arc::new(found))
}

/// The position from 1, 0 if it is not in the array.
pub(super) fn array_position(call: &Call) -> Result<ArrayRef> {
    let (lists, all) = elements(call, &[true, false])?;
    let found: Int32Array = (0..call.rows)
        .map(|row| {
            let (mut list, wanted) = lists[0].of(row).zip(lists[1].of(row))?;
            let at = list.position(|index| all.key(index) == all.key(wanted.start));
            Some(at.map_or(0, |at| at as i32 + 1))
        })
        .collect();
    Ok(Arc::new(found))
}

pub(super) fn array_max(call: &Call) -> Result<ArrayRef> {
    extreme(call, |new, best| new > best)
}

pub(super) fn array_min(call: &Call) -> Result<ArrayRef> {
    extreme(call, |new, best| new < best)
}

fn extreme(
    call: &Call,
    better: impl Fn(arrow::row::Row, arrow::row::Row) -> bool,
) -> Result<ArrayRef> {
    let (lists, all) = elements(call, &[true])?;
    let picked = (0..call.rows).map(|row| {
        let known = lists[0].of(row)?.filter(|index| !all.is_null(*index));
        let best = known.reduce(|best, new| {
            if better(all.key(new), all.key(best)) {
                new
            } else {
                best
            }
        });
        best.map(|index| index as u32)
    });
    all.pick(picked.collect(), call.returns.data_type())
}

/// ARRAY_JOIN(array, separator[, for NULL]).
pub(super) fn array_join(call: &Call) -> Result<ArrayRef> {
    let lists = call.full(0)?;
    let lists = lists.as_list::<i32>();
    let values = cast(lists.values(), &DataType::Utf8)?;
    let values: &StringArray = values.as_string();
    let (separators, nulls) = (call.texts(1)?, call.optional_texts(2)?);
    let offsets = lists.value_offsets();
    text_rows(call, |row, out| {
        let null = match &nulls {
            Some(nulls) => nulls.get(row).map(Some),
            None => Some(None),
        };
        let (true, Some(separator), Some(null)) = (lists.is_valid(row), separators.get(row), null)
        else {
            return Ok(None);
        };
        let mut between = "";
        for at in offsets[row] as usize..offsets[row + 1] as usize {
            let text = if values.is_valid(at) {
                Some(values.value(at))
            } else {
                null
            };
            if let Some(text) = text {
                out.push(between)?;
                out.push(text)?;
                between = separator;
            }
        }
        Ok(Some(()))
    })
}

/// The type of `array[position]` or `map[key]`: there may be no such element.
pub(super) fn item_type(args: &Arguments) -> Result<ColumnType> {
    let sql = match args.ty(0) {
        SqlType::Array(element) => {
            if !matches!(
                args.ty(1),
                SqlType::TinyInt
                    | SqlType::SmallInt
                    | SqlType::Int
                    | SqlType::BigInt
                    | SqlType::Null
            ) {
                return Err(args.mismatch(&format!("wants a position, found {}", args.ty(1))));
            }
            element.sql
        }
        SqlType::Map(_, value) => value.sql,
        SqlType::Multiset(_) => SqlType::Int,
        other => return Err(args.mismatch(&format!("wants an ARRAY or MAP, found {other}"))),
    };
    Ok(ColumnType::nullable(sql))
}

pub(super) fn item(call: &Call) -> Result<ArrayRef> {
    match call.array(0).data_type() {
        DataType::List(_) => array_item(call),
        _ => map_item(call),
    }
}

/// NULL beyond the array; 0 and below is an error, as in Flink, if the position is constant.
fn array_item(call: &Call) -> Result<ArrayRef> {
    let positions = cast(&call.full(1)?, &DataType::Int64)?;
    let positions = positions.as_primitive::<Int64Type>();
    if call.is_constant(1) && call.rows > 0 && positions.is_valid(0) && positions.value(0) < 1 {
        let found = positions.value(0);
        return Err(call.error(format!("positions of an array count from 1, found {found}")));
    }
    let lists = call.full(0)?;
    let lists = lists.as_list::<i32>();
    let offsets = lists.value_offsets();
    let picked: Int32Array = (0..call.rows)
        .map(|row| {
            let known = lists.is_valid(row) && positions.is_valid(row);
            let at = known.then(|| positions.value(row)).filter(|at| *at >= 1)?;
            let length = i64::from(offsets[row + 1] - offsets[row]);
            (at <= length).then(|| offsets[row] + at as i32 - 1)
        })
        .collect();
    Ok(take(lists.values(), &picked, None)?)
}

fn map_item(call: &Call) -> Result<ArrayRef> {
    let maps = call.full(0)?;
    let maps = maps.as_map();
    let ty = maps.keys().data_type().clone();
    let wanted = cast(&call.full(1)?, &ty)?;
    let converter = RowConverter::new(vec![SortField::new(ty)])?;
    let keys = converter.convert_columns(&[Arc::clone(maps.keys())])?;
    let wanted = converter.convert_columns(&[wanted])?;
    let offsets = maps.value_offsets();
    let picked: Int32Array = (0..call.rows)
        .map(|row| {
            let range = offsets[row]..offsets[row + 1];
            let mut range = maps.is_valid(row).then_some(range)?;
            range.find(|at| keys.row(*at as usize) == wanted.row(row))
        })
        .collect();
    Ok(take(maps.values(), &picked, None)?)
}
