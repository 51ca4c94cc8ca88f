//! Functions on dates and times.
//!
//! ```sql
//! DATE_FORMAT(TIMESTAMP '2024-02-09 15:04:05', 'yyyy-MM-dd')     -- '2024-02-09'
//! TO_TIMESTAMP('09/Feb/2024 15:04', 'dd/MMM/yyyy HH:mm')         -- 2024-02-09 15:04:00.000
//! TO_TIMESTAMP('garbage')                                        -- NULL
//! TO_TIMESTAMP_LTZ(1707490800, 0)                                -- the instant 2024-02-09T15:00Z
//! EXTRACT(DOW FROM DATE '2024-02-09')                            -- 6: Sunday is 1
//! TIMESTAMPDIFF(DAY, DATE '2024-02-09', DATE '2024-03-01')       -- 21
//! TIMESTAMPADD(MONTH, 1, DATE '2024-01-31')                      -- 2024-02-29
//! FLOOR(ts TO HOUR), CEIL(ts TO MONTH)                           -- start of this hour, of the next month
//! FROM_UNIXTIME(44, 'yyyy-MM-dd HH:mm:ss')                       -- in the session's time zone
//! EXTRACT(MONTH FROM INTERVAL '2-10' YEAR TO MONTH)              -- 10
//! (a, INTERVAL '1' HOUR) OVERLAPS (b, c)                         -- overlaps(a, INTERVAL '1' HOUR, b, c)
//! UNIX_TIMESTAMP('1970-01-01 00:00:44')                          -- 44 in UTC
//! CONVERT_TZ('1970-01-01 00:00:00', 'UTC', 'America/Los_Angeles') -- '1969-12-31 16:00:00'
//! ```
//!
//! * TIMESTAMP_LTZ is seen in the session's time zone.
//! * Units of time come as words: `TIMESTAMPDIFF('DAY', a, b)`, `FLOOR_TO(ts, 'HOUR')`; the SQL
//!   forms are the parser's business.
//! * Patterns are Java's; see [`crate::pattern`].

mod arithmetic;
mod convert;
mod field;
mod interval;

#[cfg(test)]
mod tests;

use crate::args::Kind::{Long, NumberOrStr, Str, Time, TimeOrInterval, TimeOrStr};
use crate::function::{Spec, function};
use crate::output::{
    bigint, boolean, date_or_null, int, like_first, string_or_null, timestamp_ltz_or_null,
    timestamp_or_null,
};

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("ceil_to", &[Time, Str], like_first, arithmetic::ceil_to),
    function(
        "convert_tz",
        &[Str, Str, Str],
        string_or_null,
        convert::convert_tz,
    ),
    function(
        "date_format",
        &[TimeOrStr, Str],
        string_or_null,
        convert::date_format,
    ),
    function(
        "datediff",
        &[TimeOrStr, TimeOrStr],
        int,
        arithmetic::datediff,
    ),
    function("dayofmonth", &[Time], bigint, field::day),
    function("dayofweek", &[Time], bigint, field::day_of_week),
    function("dayofyear", &[Time], bigint, field::day_of_year),
    function("extract", &[Str, TimeOrInterval], bigint, field::extract).alias(&["date_part"]),
    function("floor_to", &[Time, Str], like_first, arithmetic::floor_to),
    function(
        "from_unixtime",
        &[Long, Str],
        string_or_null,
        convert::from_unixtime,
    )
    .optional(1),
    function("hour", &[Time], bigint, field::hour),
    function("minute", &[Time], bigint, field::minute),
    function("month", &[Time], bigint, field::month),
    function(
        "overlaps",
        &[Time, TimeOrInterval, Time, TimeOrInterval],
        boolean,
        interval::overlaps,
    ),
    function("quarter", &[Time], bigint, field::quarter),
    function("second", &[Time], bigint, field::second),
    function(
        "time_difference",
        &[Time, Time],
        interval::difference_type,
        interval::difference,
    ),
    function(
        "timestampadd",
        &[Str, Long, TimeOrStr],
        arithmetic::added_type,
        arithmetic::timestampadd,
    ),
    function(
        "timestampdiff",
        &[Str, TimeOrStr, TimeOrStr],
        int,
        arithmetic::timestampdiff,
    ),
    function("to_date", &[Str, Str], date_or_null, convert::to_date).optional(1),
    function(
        "to_timestamp",
        &[Str, Str],
        timestamp_or_null,
        convert::to_timestamp,
    )
    .optional(1),
    function(
        "to_timestamp_ltz",
        &[NumberOrStr, NumberOrStr, Str],
        timestamp_ltz_or_null,
        convert::to_timestamp_ltz,
    )
    .optional(2),
    function(
        "unix_timestamp",
        &[Str, Str],
        bigint,
        convert::unix_timestamp,
    )
    .optional(2)
    .volatile(),
    function("week", &[Time], bigint, field::week),
    function("year", &[Time], bigint, field::year),
];
