//! Addresses of the Internet Protocol, version 4, as numbers.
//!
//! ```sql
//! INET_ATON('1.2.3.4')   -- 16909060;  also '1.2.3' and '1.2': the last part takes what is missing
//! INET_NTOA(16909060)    -- '1.2.3.4'
//! ```
//!
//! What is no address gives NULL.

use arrow::array::ArrayRef;
use arrow::datatypes::Int64Type;
use millstream_core::Result;
use millstream_core::types::{ColumnType, SqlType};

use crate::args::Call;
use crate::args::Kind::{Long, Str};
use crate::function::{Spec, function};
use crate::output::{number_rows, string_or_null, text_rows};

pub(crate) const FUNCTIONS: &[Spec] = &[
    function(
        "inet_aton",
        &[Str],
        |_| Ok(ColumnType::nullable(SqlType::BigInt)),
        |call| {
            let texts = call.texts(0)?;
            number_rows::<Int64Type>(call, |row| Ok(texts.get(row).and_then(number)))
        },
    ),
    function("inet_ntoa", &[Long], string_or_null, inet_ntoa),
];

fn inet_ntoa(call: &Call) -> Result<ArrayRef> {
    let numbers = call.numbers::<Int64Type>(0)?;
    text_rows(call, |row, out| {
        match numbers.get(row).and_then(|n| u32::try_from(n).ok()) {
            Some(address) => out
                .push(&std::net::Ipv4Addr::from(address).to_string())
                .map(Some),
            None => Ok(None),
        }
    })
}

/// The number of `a.b.c.d`, `a.b.c`, `a.b` or `a`.
fn number(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > 4 {
        return None;
    }
    let mut address = 0;
    for (index, part) in parts.iter().enumerate() {
        let plain = (1..=10).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let value: i64 = plain.then(|| part.parse().ok()).flatten()?;
        (value <= 255).then_some(())?;
        let is_last = index + 1 == parts.len();
        let shift = if is_last { 0 } else { 8 * (3 - index) };
        address |= value << shift;
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use datafusion_common::ScalarValue as V;

    use crate::testing::{check, check_null, s};

    #[test]
    fn an_address_is_a_number_and_back() {
        for (text, wanted) in [
            ("1.2.3.4", 16_909_060),
            ("255.255.255.255", 4_294_967_295),
            ("1.2", 16_777_218),
            ("1.2.3", 16_908_291),
            ("01.2.3.4", 16_909_060),
            ("5", 5),
        ] {
            check("inet_aton", &[s(text)], V::Int64(Some(wanted)));
        }
        for text in ["256.1.1.1", "", " 1.2.3.4", "1.2.3.4.5", "1..3.4", "x"] {
            check_null("inet_aton", &[s(text)]);
        }
        check("inet_ntoa", &[V::Int64(Some(16_909_060))], s("1.2.3.4"));
        check_null("inet_ntoa", &[V::Int64(Some(-1))]);
        check_null("inet_ntoa", &[V::Int64(Some(4_294_967_296))]);
    }
}
