//! Rows as text: values separated by blanks, times as durations since 1970.
//!
//! | text | value |
//! |---|---|
//! | `null` | NULL |
//! | `3s`, `1500ms`, `2m`, `1h`, `-1s` | a TIMESTAMP: that long after 1970 UTC |
//! | `'two words'` | a text with blanks |
//! | anything else | what Arrow's cast from text makes of it |
//!
//! A lone `@` is skipped, so that a row can be read aloud: `ann @ 3s`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMillisecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, TimestampMillisecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The values of a line.
pub fn tokens(line: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (token, tail) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        if token != "@" || rest.starts_with('\'') {
            tokens.push(token.to_owned());
        }
        rest = tail.trim_start();
    }
    tokens
}

/// Milliseconds of a time such as `3s`; `None` if it is none.
pub fn millis(text: &str) -> Option<i64> {
    let digits_end = text
        .char_indices()
        .find(|&(i, c)| !(c.is_ascii_digit() || (i == 0 && c == '-')))?
        .0;
    let (number, unit) = text.split_at(digits_end);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit_ms)
}

/// A time as [`millis`] reads it.
pub fn millis_text(ms: i64) -> String {
    if ms % 1000 == 0 {
        format!("{}s", ms / 1000)
    } else {
        format!("{ms}ms")
    }
}

/// A batch with one row per line of tokens.
///
/// # Panics
/// If a row has too few or too many values, or one that does not fit its column.
pub fn batch(schema: &SchemaRef, rows: &[Vec<String>]) -> RecordBatch {
    let width = schema.fields().len();
    for row in rows {
        assert_eq!(row.len(), width, "a row wants {width} values: {row:?}");
    }
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let texts = rows.iter().map(|row| row[index].as_str());
        column(texts, field.data_type())
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect(), &options)
        .expect("the columns were made for this schema")
}

fn column<'a>(texts: impl Iterator<Item = &'a str>, ty: &DataType) -> ArrayRef {
    let values = texts.map(|text| (text != "null").then_some(text));
    if let DataType::Timestamp(TimeUnit::Millisecond, _) = ty {
        let times = values.map(|text| {
            text.map(|text| millis(text).unwrap_or_else(|| panic!("'{text}' is not a time")))
        });
        let times: TimestampMillisecondArray = times.collect();
        return Arc::new(times.with_data_type(ty.clone()));
    }
    let texts: ArrayRef = Arc::new(values.collect::<StringArray>());
    let column = cast(&texts, ty).expect("a type that has a text");
    assert_eq!(
        column.null_count(),
        texts.null_count(),
        "not all of {texts:?} are {ty}"
    );
    column
}

/// The values of one row, separated by blanks.
pub fn row_text(rows: &RecordBatch, row: usize) -> String {
    let values = rows.columns().iter().map(|column| value(column, row));
    values.collect::<Vec<_>>().join(" ")
}

fn value(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "null".into();
    }
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            millis_text(column.as_primitive::<TimestampMillisecondType>().value(row))
        }
        DataType::Utf8 => {
            let text = column.as_string::<i32>().value(row);
            if text.is_empty() || text.contains(' ') {
                format!("'{text}'")
            } else {
                text.to_owned()
            }
        }
        _ => {
            let options = FormatOptions::new().with_null("null");
            let formatter =
                ArrayFormatter::try_new(column.as_ref(), &options).expect("a type that has a text");
            formatter.value(row).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_way_through_text() {
        for ms in [0, 1, -1, 1000, -2000, 61_001, 86_400_000] {
            assert_eq!(millis(&millis_text(ms)), Some(ms));
        }
        for text in ["", "s", "3", "-", "3x", "9999999999999999d"] {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    #[test]
    fn quoted_texts_keep_their_blanks() {
        assert_eq!(tokens("a  'b c' @ 3s ''"), ["a", "b c", "3s", ""]);
    }
}
