//! Chance.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::{Float64Type, Int32Type};
use millstream_core::Result;
use millstream_core::types::{ColumnType, SqlType};

use crate::args::{Arguments, Call};
use crate::output::number_rows;

pub(super) fn double_not_null(args: &Arguments) -> Result<ColumnType> {
    args.strict(SqlType::Double)
}

pub(super) fn int_not_null(args: &Arguments) -> Result<ColumnType> {
    args.strict(SqlType::Int)
}

/// CHAR(36) NOT NULL.
pub(super) fn uuid_type(args: &Arguments) -> Result<ColumnType> {
    args.strict(SqlType::Char(36))
}

/// RAND([seed]): a number in [0, 1).
pub(super) fn rand(call: &Call) -> Result<ArrayRef> {
    let seeds = (call.len() > 0)
        .then(|| call.numbers::<Int32Type>(0))
        .transpose()?;
    number_rows::<Float64Type>(call, |row| {
        let seed = match &seeds {
            None => None,
            Some(seeds) => match seeds.get(row) {
                None => return Ok(None),
                seed => seed,
            },
        };
        Ok(Some(call.chance.draw(seed, |random| random.next_double())))
    })
}

/// RAND_INTEGER([seed,] bound): a whole number in [0, bound).
pub(super) fn rand_integer(call: &Call) -> Result<ArrayRef> {
    let last = call.len() - 1;
    let bounds = call.numbers::<Int32Type>(last)?;
    let seeds = (last > 0)
        .then(|| call.numbers::<Int32Type>(0))
        .transpose()?;
    number_rows::<Int32Type>(call, |row| {
        let Some(bound) = bounds.get(row) else {
            return Ok(None);
        };
        let seed = match &seeds {
            None => None,
            Some(seeds) => match seeds.get(row) {
                None => return Ok(None),
                seed => seed,
            },
        };
        if bound <= 0 {
            return Err(call.error(format!("wants a positive bound, found {bound}")));
        }
        Ok(Some(
            call.chance.draw(seed, |random| random.next_int(bound)),
        ))
    })
}

/// A version 4 UUID (RFC 9562).
pub(super) fn uuid(call: &Call) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(call.rows, call.rows * 36);
    for _ in 0..call.rows {
        let bits = call.chance.bits() & !(0xF << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
        out.append_value(format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            bits >> 96,
            bits >> 80 & 0xFFFF,
            bits >> 64 & 0xFFFF,
            bits >> 48 & 0xFFFF,
            bits & 0xFFFF_FFFF_FFFF,
        ));
    }
    Ok(Arc::new(out.finish()))
}
