//! JSON functions.
//!
//! ```sql
//! JSON_VALUE('{"a": {"b": [1, 2]}}', '$.a.b[0]')       -- '1';  NULL for an object or array
//! JSON_QUERY('{"a": {"b": [1, 2]}}', '$.a.b')          -- '[1,2]';  NULL for a scalar
//! JSON_EXISTS('{"a": null}', '$.a')                    -- TRUE
//! JSON_OBJECT('k' VALUE 1, 'n' VALUE NULL)             -- '{"k":1,"n":null}'
//! JSON_ARRAY(1, 'two', NULL)                           -- '[1,"two"]'
//! JSON_STRING(ROW(1, 'a'))                             -- '{"EXPR$0":1,"EXPR$1":"a"}'
//! IS_JSON('[1]', 'ARRAY')                              -- TRUE
//! ```
//!
//! * Text that is not JSON, and a path that finds nothing, give NULL; JSON_EXISTS and IS_JSON
//!   give FALSE.
//! * Paths: `$`, `.name`, `['name']`, `[0]`, `[*]`, `.*`, after an optional `lax` or `strict`.
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
use crate::output::{boolean_not_null, boolean_or_null, string, string_or_null};

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
        &[Str, Str],
        boolean_or_null,
        read::json_exists,
    ),
    function(
        "json_object",
        &[Str, Any],
        write::not_null,
        write::json_object,
    )
    .optional(1)
    .variadic()
    .json(),
    function("json_query", &[Str, Str], string_or_null, read::json_query),
    function("json_quote", &[Str], string, write::json_quote),
    function("json_string", &[Any], string, write::json_string),
    function("json_unquote", &[Str], string, read::json_unquote),
    function("json_value", &[Str, Str], string_or_null, read::json_value),
];
