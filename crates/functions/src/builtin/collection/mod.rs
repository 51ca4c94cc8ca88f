//! Functions on ARRAY, MAP and ROW.
//!
//! ```sql
//! ARRAY[1, 2, 3][1]                       -- 1: positions count from 1
//! MAP['a', 1]['a']                        -- 1;  NULL for another key
//! CARDINALITY(ARRAY[1, NULL])             -- 2
//! ELEMENT(ARRAY[7])                       -- 7;  fails for more than one
//! ARRAY_CONTAINS(ARRAY[1, NULL], NULL)    -- TRUE
//! ARRAY_DISTINCT(ARRAY[1, 1, 2])          -- [1, 2]
//! ARRAY_SLICE(ARRAY[1, 2, 3], -2)         -- [2, 3]
//! ARRAY_SORT(ARRAY[2, NULL, 1])           -- [NULL, 1, 2]
//! ARRAY_JOIN(ARRAY['a', NULL], '-', '?')  -- 'a-?'
//! MAP_FROM_ARRAYS(ARRAY['a'], ARRAY[1])   -- {a=1}
//! ```
//!
//! Elements are compared by Arrow's row format: one encoding of all elements of a batch makes
//! equality and order of any type, nested ones too, a comparison of bytes. A function then says
//! which elements it keeps, and one `take` copies them. NULL is equal to NULL.

mod build;
mod elements;
mod lookup;
mod sets;

#[cfg(test)]
mod tests;

use millstream_core::Result;
use millstream_core::types::{ColumnType, SqlType};

use crate::args::Arguments;
use crate::args::Kind::{Any, Array, Bool, Collection, Long, Map, Str};
use crate::function::{Spec, function};
use crate::output::{int, like_first, string};

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("array", &[Any], build::array_type, build::array)
        .variadic()
        .unified_from(0)
        .alias(&["make_array"]),
    function(
        "array_append",
        &[Array, Any],
        sets::with_element,
        sets::append,
    ),
    function(
        "array_concat",
        &[Array],
        build::common_array,
        build::array_concat,
    )
    .variadic()
    .unified_from(0),
    function(
        "array_contains",
        &[Array, Any],
        lookup::contains_type,
        lookup::array_contains,
    ),
    function("array_distinct", &[Array], like_first, sets::distinct),
    function("array_except", &[Array, Array], like_first, sets::except),
    function(
        "array_intersect",
        &[Array, Array],
        like_first,
        sets::intersect,
    ),
    function("array_join", &[Array, Str, Str], string, lookup::array_join).optional(1),
    function("array_max", &[Array], element_or_null, lookup::array_max),
    function("array_min", &[Array], element_or_null, lookup::array_min),
    function("array_position", &[Array, Any], int, lookup::array_position),
    function(
        "array_prepend",
        &[Array, Any],
        sets::with_element,
        sets::prepend,
    ),
    function("array_remove", &[Array, Any], like_first, sets::remove),
    function("array_reverse", &[Array], like_first, sets::reverse),
    function("array_slice", &[Array, Long, Long], like_first, sets::slice).optional(1),
    function("array_sort", &[Array, Bool, Bool], like_first, sets::sort).optional(2),
    function("array_union", &[Array, Array], like_first, sets::union).unified_from(0),
    function("cardinality", &[Collection], int, lookup::cardinality),
    function("element", &[Array], element_or_null, lookup::element),
    function("item", &[Collection, Any], lookup::item_type, lookup::item),
    function("map", &[Any], build::map_type, build::map)
        .variadic()
        .paired(),
    function(
        "map_entries",
        &[Map],
        build::entries_type,
        build::map_entries,
    ),
    function(
        "map_from_arrays",
        &[Array, Array],
        build::zipped_type,
        build::map_from_arrays,
    ),
    function("map_keys", &[Map], build::keys_type, build::map_keys),
    function("map_union", &[Map], like_first, build::map_union).variadic(),
    function("map_values", &[Map], build::values_type, build::map_values),
    function("row", &[Any], build::row_type, build::row)
        .variadic()
        .alias(&["struct"]),
];

/// The type of an array's elements.
fn element_type(args: &Arguments) -> Result<SqlType> {
    match args.ty(0) {
        SqlType::Array(element) => Ok(element.sql),
        other => Err(args.mismatch(&format!("wants an ARRAY, found {other}"))),
    }
}

fn element_or_null(args: &Arguments) -> Result<ColumnType> {
    Ok(ColumnType::nullable(element_type(args)?))
}
