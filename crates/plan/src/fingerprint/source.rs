//! What identifies an outside table: which of its options say what is read or written, and which
//! only say how.
//!
//! | options | mean | after a change |
//! |---|---|---|
//! | [`IDENTIFYING`] | which data | another table: positions in it mean nothing |
//! | [`NEUTRAL`], secrets | how it is reached, decoded, spread | the same table |
//! | all others | perhaps which data | the same table, but the owner is asked |

use millstream_core::table::TableSpec;

use super::digest::{Canon, Digest};
use crate::spec::SourceSpec;

/// Options that say which data it is.
const IDENTIFYING: &[&str] = &["path", "topic", "topic-pattern", "url", "index"];

/// Options (or, with a dot at the end, prefixes of options) that do not say which data it is.
const NEUTRAL: &[&str] = &[
    "connector",
    "format",
    "key.format",
    "value.format",
    "on-error",
    "late-rows.table",
    "dead-letter.table",
    "properties.",
    "s3.",
    "scan.",
    "sink.",
    "source.",
    "rows-per-second",
];

/// The one option below a neutral prefix that may say which data it is.
const CLUSTER: &str = "properties.bootstrap.servers";

/// Pieces of names of options whose values are never kept.
const SECRET: &[&str] = &[
    "password",
    "secret",
    "token",
    "jaas",
    "credential",
    "access-key",
];

/// The digest of the data a source reads: its connector and identifying options; without any, the
/// table's name is all there is.
pub(super) fn base(spec: &SourceSpec) -> Digest {
    place("source", &spec.connector, &spec.table)
}

/// The digest of an outside place.
pub(super) fn place(word: &str, connector: &str, table: &TableSpec) -> Digest {
    let mut canon = Canon::new(word).text(connector);
    let identifying: Vec<_> = identifying(table).collect();
    if identifying.is_empty() {
        canon = canon.text("table").text(&table.name);
    }
    for (key, value) in identifying {
        canon = canon.text(key).text(value);
    }
    canon.digest()
}

/// The options that say which data it is.
pub(super) fn identifying(table: &TableSpec) -> impl Iterator<Item = (&str, &str)> {
    table
        .options
        .iter()
        .filter(|(key, _)| IDENTIFYING.contains(key))
}

/// The options that perhaps do.
pub(super) fn doubtful(table: &TableSpec) -> impl Iterator<Item = (&str, &str)> {
    let formats: Vec<String> = ["format", "key.format", "value.format"]
        .iter()
        .filter_map(|key| table.options.get(key))
        .flat_map(|name| ["", "key.", "value."].map(|side| format!("{side}{name}.")))
        .collect();
    table.options.iter().filter(move |(key, _)| {
        let neutral = |known: &&str| match known.ends_with('.') {
            true => key.starts_with(*known),
            false => *key == *known,
        };
        let is_secret = SECRET.iter().any(|piece| key.contains(piece));
        let is_format = formats.iter().any(|prefix| key.starts_with(prefix));
        let is_known = IDENTIFYING.contains(key) || NEUTRAL.iter().any(neutral);
        *key == CLUSTER || !(is_secret || is_format || is_known)
    })
}
