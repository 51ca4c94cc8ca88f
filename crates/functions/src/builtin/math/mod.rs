//! Mathematical functions.
//!
//! ```sql
//! MOD(-7, 3)                 -- -1: the sign of the dividend, the type of the divisor
//! ROUND(2.345, 2)            -- 2.35, DECIMAL(4, 2): half away from zero
//! TRUNCATE(42.345, 2)        -- 42.34
//! CEIL(2.1), FLOOR(-2.1)     -- 3, -3
//! POWER(2, 10), LOG(2, 8)    -- 1024.0, 3.0
//! RAND(1)                    -- java.util.Random's sequence for the seed 1
//! BIN(4), HEX(255), HEX('a') -- '100', 'FF', '61'
//! ```
//!
//! RAND, RAND_INTEGER and UUID without a seed draw from the session's seed
//! ([`FunctionContext`](crate::FunctionContext)): a run with the same seed and one thread repeats.

mod decimal;
mod random;
mod real;
mod whole;

#[cfg(test)]
mod tests;

use crate::args::Kind::{Double, Int, Long, Number, NumberOrStr};
use crate::function::{Spec, function};
use crate::output::{double, like_first, string};

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("abs", &[Number], like_first, whole::abs),
    function("acos", &[Double], double, real::acos),
    function("asin", &[Double], double, real::asin),
    function("atan", &[Double], double, real::atan),
    function("atan2", &[Double, Double], double, real::atan2),
    function("bin", &[Long], string, whole::bin),
    function("ceil", &[Number], decimal::whole_type, decimal::ceil).alias(&["ceiling"]),
    function("cos", &[Double], double, real::cos),
    function("cosh", &[Double], double, real::cosh),
    function("cot", &[Double], double, real::cot),
    function("degrees", &[Double], double, real::degrees),
    function("e", &[], random::double_not_null, real::e),
    function("exp", &[Double], double, real::exp),
    function("floor", &[Number], decimal::whole_type, decimal::floor),
    function("hex", &[NumberOrStr], string, whole::hex),
    function("ln", &[Double], double, real::ln),
    function("log", &[Double, Double], double, real::log).optional(1),
    function("log10", &[Double], double, real::log10),
    function("log2", &[Double], double, real::log2),
    function("mod", &[Number, Number], whole::mod_type, whole::modulo),
    function("pi", &[], random::double_not_null, real::pi),
    function("power", &[Double, Double], double, real::power).alias(&["pow"]),
    function("radians", &[Double], double, real::radians),
    function("rand", &[Int], random::double_not_null, random::rand)
        .optional(1)
        .volatile(),
    function(
        "rand_integer",
        &[Int, Int],
        random::int_not_null,
        random::rand_integer,
    )
    .optional(1)
    .volatile(),
    function("round", &[Number, Int], decimal::round_type, decimal::round).optional(1),
    function("sign", &[Number], like_first, whole::sign),
    function("sin", &[Double], double, real::sin),
    function("sinh", &[Double], double, real::sinh),
    function("sqrt", &[Double], double, real::sqrt),
    function("tan", &[Double], double, real::tan),
    function("tanh", &[Double], double, real::tanh),
    function(
        "truncate",
        &[Number, Int],
        decimal::round_type,
        decimal::truncate,
    )
    .optional(1),
    function("uuid", &[], random::uuid_type, random::uuid).volatile(),
];
