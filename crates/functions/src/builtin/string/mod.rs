//! String functions.
//!
//! ```sql
//! CHAR_LENGTH('größe')                       -- 5
//! SUBSTRING('flink' FROM 2 FOR 3)            -- 'lin'
//! SUBSTRING('flink', -3)                     -- 'ink'
//! SPLIT_INDEX('a/b/c', '/', 1)               -- 'b';  NULL beyond the last part
//! CONCAT_WS('-', 'a', NULL, 'b')             -- 'a-b'
//! LPAD('7', 3, '0')                          -- '007'
//! OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6) -- 'xxxxxxxxx'
//! LOCATE('lin', 'flink')                     -- 2
//! PARSE_URL('http://a.b/c?k=v', 'QUERY', 'k') -- 'v'
//! STR_TO_MAP('a=1,b=2')                      -- {a=1, b=2}
//! ```
//!
//! Positions and lengths count characters (Unicode scalar values), from 1. A text of ASCII only is
//! cut and measured in bytes without looking at each character.

mod edit;
mod encode;
mod printf;
mod search;
mod split;

#[cfg(test)]
mod tests;

pub(crate) use encode::base64_text;

use millstream_core::Result;
use millstream_core::types::{ColumnType, SqlType};

use crate::args::Arguments;
use crate::args::Kind::{Any, Bytes, Int, Number, NumberOrStr, Str, Text};
use crate::function::{Spec, function};
use crate::output::{boolean, bytes_or_null, int, string, string_or_null, strings};

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("ascii", &[Str], int, encode::ascii),
    // TRIM without a word about the side is looked up as a function.
    function("btrim", &[Str, Str], string, edit::btrim)
        .optional(1)
        .alias(&["trim"]),
    function("char_length", &[Str], int, search::char_length).alias(&["character_length"]),
    function("chr", &[Number], string_or_null, encode::chr),
    function("concat", &[Str], string, edit::concat).variadic(),
    function("concat_ws", &[Str, Str], first_nullable, edit::concat_ws)
        .optional(1)
        .variadic(),
    function("decode", &[Bytes, Str], string, encode::decode),
    function("elt", &[Int, Str], string_or_null, edit::elt).variadic(),
    function("encode", &[Str, Str], bytes, encode::encode),
    function("endswith", &[Text, Text], boolean, search::ends_with),
    function("from_base64", &[Str], string_or_null, encode::from_base64),
    function("initcap", &[Str], string, edit::initcap),
    function("instr", &[Str, Str, Int, Int], int, search::instr).optional(2),
    function("is_valid_utf8", &[Bytes], boolean, encode::is_valid_utf8),
    function("left", &[Str, Int], string_or_null, edit::left),
    function("levenshtein", &[Str, Str], int, search::levenshtein),
    function("locate", &[Str, Str, Int], int, search::locate).optional(1),
    function("lower", &[Str], string, edit::lower).alias(&["lowercase"]),
    function("lpad", &[Str, Int, Str], padded, edit::lpad),
    function("ltrim", &[Str, Str], string, edit::ltrim).optional(1),
    function("make_valid_utf8", &[Bytes], string, encode::make_valid_utf8),
    function("octet_length", &[Text], int, search::octet_length),
    function("overlay", &[Str, Str, Int, Int], string, edit::overlay).optional(1),
    function(
        "parse_url",
        &[Str, Str, Str],
        string_or_null,
        split::parse_url,
    )
    .optional(1),
    function("printf", &[Str, Any], printf::returns, printf::printf)
        .optional(1)
        .variadic(),
    function("repeat", &[Str, Int], string, edit::repeat),
    function("replace", &[Str, Str, Str], string, edit::replace),
    function("reverse", &[Str], string_or_null, edit::reverse),
    function("right", &[Str, Int], string_or_null, edit::right),
    function("rpad", &[Str, Int, Str], padded, edit::rpad),
    function("rtrim", &[Str, Str], string, edit::rtrim).optional(1),
    function("space", &[Int], string, edit::space),
    function("split", &[Str, Str], strings, split::split),
    function(
        "split_index",
        &[Str, NumberOrStr, Int],
        string_or_null,
        split::split_index,
    ),
    function("startswith", &[Text, Text], boolean, search::starts_with),
    function(
        "str_to_map",
        &[Str, Str, Str],
        split::map_type,
        split::str_to_map,
    )
    .optional(2),
    function(
        "substring",
        &[Str, Int, Int],
        string_or_null,
        edit::substring,
    )
    .optional(1)
    .alias(&["substr"]),
    function(
        "substring_index",
        &[Str, Str, Int],
        string,
        split::substring_index,
    ),
    function("to_base64", &[Text], string, encode::to_base64),
    function("translate", &[Str, Str, Str], string, edit::translate).alias(&["translate3"]),
    function("unhex", &[Str], bytes_or_null, encode::unhex),
    function("upper", &[Str], string, edit::upper).alias(&["uppercase"]),
    function("url_decode", &[Str], string_or_null, encode::url_decode),
    function("url_encode", &[Str], string_or_null, encode::url_encode),
];

/// STRING, NULL only if the first argument may be.
fn bytes(args: &Arguments) -> Result<ColumnType> {
    args.strict(SqlType::BYTES)
}

/// NULL where the length is negative or there is nothing to fill with.
fn padded(args: &Arguments) -> Result<ColumnType> {
    let has_length = args.constant_int(1).is_some_and(|length| length >= 0);
    let has_filling = args.constant_str(2).is_some_and(|text| !text.is_empty());
    match has_length && has_filling {
        true => args.strict(SqlType::STRING),
        false => Ok(ColumnType::nullable(SqlType::STRING)),
    }
}

fn first_nullable(args: &Arguments) -> Result<ColumnType> {
    Ok(ColumnType {
        sql: SqlType::STRING,
        nullable: args.nullable(0),
    })
}
