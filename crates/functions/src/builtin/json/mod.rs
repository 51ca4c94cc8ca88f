//! JSON functions.
//!
//! ```sql
//! JSON_VALUE('{"a": {"b": [1, 2]}}', '$.a.b[0]')       -- '1';  NULL for an object or array
//! JSON_QUERY('{"a": {"b": [1, 2]}}', '$.a.b')          -- '[1,2]';  NULL for a scalar
//! JSON_VALUE('{}', 'lax $.a' DEFAULT 'x' ON EMPTY)      -- 'x'
//! JSON_QUERY('{"a": 1}', '$.a' WITH WRAPPER)            -- '[1]'
//! JSON_EXISTS('{"a": 1}', '$.a')                       -- TRUE;  FALSE for null, as in Flink
//! JSON_OBJECT('k' VALUE 1, 'n' VALUE NULL)             -- '{"k":1,"n":null}'
//! JSON_ARRAY(1, 'two', NULL)                           -- '[1,"two"]'
//! JSON_STRING(ROW(1, 'a'))                             -- '{"EXPR$0":1,"EXPR$1":"a"}'
//! IS_JSON('[1]', 'ARRAY')                              -- TRUE
//! ```
//!
//! * Paths are those of [`path`]. In strict mode, which is the default, a path that finds nothing is
//!   an error, in lax mode it is empty; a text or a path that cannot be read is an error. What
//!   happens then say the clauses ON EMPTY and ON ERROR: NULL unless they say something else, FALSE
//!   for JSON_EXISTS.
//! * The parser puts such clauses behind the path: `json_value(j, p, 'DEFAULT', 'x', 'NULL', NULL)`.
//! * JSON_OBJECT and JSON_ARRAY take what to do with NULL as their first argument: the parser puts
//!   it there from `NULL ON NULL` or `ABSENT ON NULL`. A call of one inside the other is a value,
//!   not a text.

mod path;
mod read;
mod write;

#[cfg(test)]
mod tests;

use crate::args::Kind::{Any, Str};
use crate::function::{Spec, function};
use crate::output::{boolean_not_null, boolean_or_null, string, string_or_null, strings_or_null};

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("is_json", &[Str, Str], boolean_not_null, read::is_json).optional(1),
    function(
        "json_array",
        &[Str, Any],
        write::not_null,
        write::json_array,
    )
    .optional(1)
    .variadic()
    .json(),
    function(
        "json_exists",
        &[Str, Str, Str],
        boolean_or_null,
        read::json_exists,
    )
    .optional(1),
    function(
        "json_object",
        &[Str, Any],
        write::not_null,
        write::json_object,
    )
    .optional(1)
    .variadic()
    .json(),
    function(
        "json_query",
        &[Str, Str, Str, Str, Str],
        string_or_null,
        read::json_query,
    )
    .optional(3),
    function(
        "json_query_array",
        &[Str, Str, Str, Str, Str],
        strings_or_null,
        read::json_query_array,
    )
    .optional(3),
    function("json_quote", &[Str], string, write::json_quote),
    function("json_string", &[Any], string, write::json_string),
    function("json_unquote", &[Str], string, read::json_unquote),
    function(
        "json_value",
        &[Str, Str, Str, Str, Str, Str],
        string_or_null,
        read::json_value,
    )
    .optional(4),
];
