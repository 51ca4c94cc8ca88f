//! Functions from ARRAYs to an ARRAY.

use std::collections::HashSet;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::Int64Type;
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Error, Result};

use super::elements::{Elements, ListOutput, elements};
use crate::args::{Arguments, Call};

type Range = std::ops::Range<usize>;

/// An ARRAY per row from one ARRAY; NULL stays NULL.
fn from_one(
    call: &Call,
    mut row: impl FnMut(usize, Range, &Elements, &mut ListOutput) -> Result<()>,
) -> Result<ArrayRef> {
    let (lists, all) = elements(call, &[true])?;
    let mut out = ListOutput::default();
    for index in 0..call.rows {
        let list = lists[0].of(index);
        let valid = list.is_some();
        if let Some(list) = list {
            row(index, list, &all, &mut out)?;
        }
        out.end(valid);
    }
    out.finish(&all, call.returns.data_type())
}

/// An ARRAY per row from two, or from one and an element.
fn from_two(
    call: &Call,
    second_is_array: bool,
    row: impl Fn(Range, Range, &Elements, &mut ListOutput) -> Result<()>,
) -> Result<ArrayRef> {
    let (lists, all) = elements(call, &[true, second_is_array])?;
    let mut out = ListOutput::default();
    for index in 0..call.rows {
        let pair = lists[0].of(index).zip(lists[1].of(index));
        let valid = pair.is_some();
        if let Some((left, right)) = pair {
            row(left, right, &all, &mut out)?;
        }
        out.end(valid);
    }
    out.finish(&all, call.returns.data_type())
}

/// Appends the elements not seen before.
fn push_new<'e>(
    range: Range,
    all: &'e Elements,
    seen: &mut HashSet<arrow::row::Row<'e>>,
    out: &mut ListOutput,
) -> Result<()> {
    for index in range {
        if seen.insert(all.key(index)) {
            out.push(index)?;
        }
    }
    Ok(())
}

pub(super) fn distinct(call: &Call) -> Result<ArrayRef> {
    from_one(call, |_, list, all, out| {
        push_new(list, all, &mut HashSet::new(), out)
    })
}

pub(super) fn reverse(call: &Call) -> Result<ArrayRef> {
    from_one(call, |_, mut list, _, out| {
        list.try_rfold((), |(), index| out.push(index))
    })
}

/// ARRAY_SORT(array[, ascending[, nulls first]]): NULLs come first when ascending, else last.
pub(super) fn sort(call: &Call) -> Result<ArrayRef> {
    let flag = |index: usize| {
        (index < call.len())
            .then(|| call.typed::<BooleanArray>(index))
            .transpose()
    };
    let (ascending, nulls_first) = (flag(1)?, flag(2)?);
    let (lists, all) = elements(call, &[true])?;
    let mut out = ListOutput::default();
    for row in 0..call.rows {
        let up = ascending
            .as_ref()
            .map_or(Some(true), |flags| flags.get(row));
        let first = nulls_first.as_ref().map_or(up, |flags| flags.get(row));
        let (Some(list), Some(up), Some(first)) = (lists[0].of(row), up, first) else {
            out.end(false);
            continue;
        };
        let mut order: Vec<usize> = list.collect();
        order.sort_by(|a, b| {
            let nulls = all.is_null(*a).cmp(&all.is_null(*b));
            let nulls = if first { nulls.reverse() } else { nulls };
            let keys = all.key(*a).cmp(&all.key(*b));
            nulls.then(if up { keys } else { keys.reverse() })
        });
        order.into_iter().try_for_each(|index| out.push(index))?;
        out.end(true);
    }
    out.finish(&all, call.returns.data_type())
}

/// ARRAY_SLICE(array, first[, last]): positions from 1, negative ones from the end; 0 is 1.
pub(super) fn slice(call: &Call) -> Result<ArrayRef> {
    let firsts = call.numbers::<Int64Type>(1)?;
    let lasts = (call.len() > 2)
        .then(|| call.numbers::<Int64Type>(2))
        .transpose()?;
    let (lists, all) = elements(call, &[true])?;
    let mut out = ListOutput::default();
    for row in 0..call.rows {
        let last = lasts
            .as_ref()
            .map_or(Some(i64::MAX), |lasts| lasts.get(row));
        let (Some(list), Some(first), Some(last)) = (lists[0].of(row), firsts.get(row), last)
        else {
            out.end(false);
            continue;
        };
        let length = list.len() as i64;
        let position = |at: i64| match at {
            0 => 1,
            at if at < 0 => length.saturating_add(at).saturating_add(1),
            at => at,
        };
        let (first, last) = (position(first).max(1), position(last).min(length));
        for at in first..=last {
            out.push(list.start + at as usize - 1)?;
        }
        out.end(true);
    }
    out.finish(&all, call.returns.data_type())
}

pub(super) fn union(call: &Call) -> Result<ArrayRef> {
    from_two(call, true, |left, right, all, out| {
        let mut seen = HashSet::new();
        push_new(left, all, &mut seen, out)?;
        push_new(right, all, &mut seen, out)
    })
}

/// The elements of the first array that the second does not have, each once.
pub(super) fn except(call: &Call) -> Result<ArrayRef> {
    from_two(call, true, |left, right, all, out| {
        let mut seen: HashSet<_> = right.map(|index| all.key(index)).collect();
        push_new(left, all, &mut seen, out)
    })
}

/// The elements both arrays have, each once.
pub(super) fn intersect(call: &Call) -> Result<ArrayRef> {
    from_two(call, true, |left, right, all, out| {
        let mut wanted: HashSet<_> = right.map(|index| all.key(index)).collect();
        for index in left {
            if wanted.remove(&all.key(index)) {
                out.push(index)?;
            }
        }
        Ok(())
    })
}

pub(super) fn remove(call: &Call) -> Result<ArrayRef> {
    from_two(call, false, |list, element, all, out| {
        let removed = all.key(element.start);
        for index in list {
            if all.key(index) != removed {
                out.push(index)?;
            }
        }
        Ok(())
    })
}

pub(super) fn append(call: &Call) -> Result<ArrayRef> {
    from_two(call, false, |mut list, element, _, out| {
        list.try_for_each(|index| out.push(index))?;
        out.push(element.start)
    })
}

pub(super) fn prepend(call: &Call) -> Result<ArrayRef> {
    from_two(call, false, |mut list, element, _, out| {
        out.push(element.start)?;
        list.try_for_each(|index| out.push(index))
    })
}

/// The array's type, whose elements may be NULL if the new one may.
pub(super) fn with_element(args: &Arguments) -> Result<ColumnType> {
    let SqlType::Array(element) = args.ty(0) else {
        return Err(Error::internal(format!("'{}' wants an ARRAY", args.name)));
    };
    let element = ColumnType {
        nullable: element.nullable || args.nullable(1),
        ..*element
    };
    Ok(ColumnType {
        sql: SqlType::Array(Box::new(element)),
        nullable: args.nullable(0),
    })
}
