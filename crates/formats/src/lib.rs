//! Bytes ⇄ rows: the formats of this build.
//!
//! ```text
//! bytes ──▶ decoder ──▶ column writers ──▶ RecordBatch        RecordBatch ──▶ views ──▶ bytes
//! ```
//!
//! * [`format()`] finds a format by the name users write; a new one is a module and a list entry.
//! * Decoders write straight into Arrow columns: no value of a record is ever a heap object.
//! * A record that cannot be decoded leaves no row and is reported with its place and its bytes.
//! * [`text`] shows values to people.
//!
//! Nothing here touches a file, a clock or a thread.

mod base64;
mod batch;
mod columns;
mod csv;
mod json;
mod parquet;
mod parse;
mod raw;
mod reason;
mod render;
#[cfg(test)]
mod testing;
pub mod text;
mod view;
mod word;

use millstream_core::format::Format;
use millstream_core::{Code, Error, Result, suggest};

/// The formats of this build, in alphabetical order.
const FORMATS: &[&dyn Format] = &[&csv::Csv, &json::Json, &parquet::Parquet, &raw::Raw];

/// The format called `name`.
pub fn format(name: &str) -> Result<&'static dyn Format> {
    let found = FORMATS.iter().find(|format| format.name() == name);
    found.copied().ok_or_else(|| {
        let names = || FORMATS.iter().map(|format| format.name());
        let shown: String = name.chars().take(80).collect();
        let error = Error::new(Code::InvalidOption, format!("unknown format '{shown}'"));
        let known = || format!("known formats: {}", names().collect::<Vec<_>>().join(", "));
        error.hint(suggest::hint(name, names()).unwrap_or_else(known))
    })
}

/// The names of all formats, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().map(|format| format.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_names_its_nearest_neighbour() {
        assert_eq!(format("json").unwrap().name(), "json");
        let error = format("jsno").err().unwrap();
        assert_eq!(error.message(), "unknown format 'jsno'");
        assert_eq!(error.hint_text(), Some("did you mean 'json'?"));
        let error = format("protobuf").err().unwrap();
        assert_eq!(
            error.hint_text(),
            Some("known formats: csv, json, parquet, raw")
        );
    }
}
