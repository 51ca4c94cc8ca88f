//! The options of a table, checked as a whole: those of its connector, of its format, and the ones
//! every source or sink has.
//!
//! An option nobody reads is refused with the nearest known name, because a misspelt option that is
//! ignored costs its owner a day. Whoever reads an option checks its value.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use millstream_core::connector::Connector;
use millstream_core::format::{Format, Formats};
use millstream_core::options::{OptionSpec, Options};
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result, suggest};

/// Options of every table that can be read; the planner and the runtime read them.
pub const COMMON_SOURCE_OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "connector",
        "the name of a connector",
        "",
        "what the table is connected to",
    ),
    OptionSpec::new(
        "on-error",
        "'fail', 'skip' or 'dead-letter'",
        "fail",
        "what happens to a record that cannot be read",
    ),
    OptionSpec::new(
        "dead-letter.table",
        "the name of a table",
        "",
        "where records go that cannot be read, with `'on-error' = 'dead-letter'`",
    ),
    OptionSpec::new(
        "late-rows.table",
        "the name of a table",
        "",
        "where rows go that came too late for their windows",
    ),
    OptionSpec::new(
        "scan.parallelism",
        "a number of subtasks",
        "the parallelism of the job",
        "how many subtasks read the table",
    ),
    OptionSpec::new(
        "scan.watermark.emit.strategy",
        "'on-event' or 'on-periodic'",
        "on-periodic",
        "whether a watermark follows each row or each batch",
    ),
    OptionSpec::new(
        "scan.watermark.idle-timeout",
        "a duration such as '10 s'",
        "",
        "a split without rows for this long no longer holds back the watermark",
    ),
    OptionSpec::new(
        "scan.watermark.max-future",
        "a duration such as '1 d'",
        "",
        "a row further in the future than this is a bad record and does not move the watermark",
    ),
];

/// Options of every table that can be written; the planner reads them.
pub const COMMON_SINK_OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "connector",
        "the name of a connector",
        "",
        "what the table is connected to",
    ),
    OptionSpec::new(
        "sink.parallelism",
        "a number of subtasks",
        "the parallelism of the query",
        "how many subtasks write the table",
    ),
];

/// Option of every table whose connector moves bytes.
const FORMAT: OptionSpec = OptionSpec::new(
    "format",
    "the name of a format",
    "",
    "how records are written as bytes",
);

/// Options of Flink that would change the result if they were ignored.
const ALIGNMENT: &str = "scan.watermark.alignment.";

/// Refuses every option of `table` that neither its connector, nor its format, nor the planner
/// reads. Values are checked by whoever reads them.
pub fn check_options(
    connector: &dyn Connector,
    table: &TableSpec,
    formats: &Formats,
) -> Result<()> {
    let formats = named_formats(connector, table, formats)?;
    let known = known_options(connector);
    for (key, _) in table.options.iter() {
        if known.iter().any(|spec| spec.matches(key)) || is_format_option(&formats, key) {
            continue;
        }
        return Err(unknown(key, table, &known, &formats));
    }
    Ok(())
}

/// The format of a table, and its options without the format's name in front.
pub fn format_of(table: &TableSpec, formats: &Formats) -> Result<(&'static dyn Format, Options)> {
    format_named(table, formats, "format", "")
}

/// The format that the option `key` of a table names, and its options without `prefix` and the
/// format's name in front.
pub(crate) fn format_named(
    table: &TableSpec,
    formats: &Formats,
    key: &str,
    prefix: &str,
) -> Result<(&'static dyn Format, Options)> {
    let name = table.options.require(key)?;
    let format = formats(name).map_err(|error| error.context(table.options.owner()))?;
    let owner = format!("format '{}' of {}", format.name(), table.options.owner());
    let values: BTreeMap<String, String> = table
        .options
        .iter()
        .filter_map(|(key, value)| {
            let key = after_prefix(key.strip_prefix(prefix)?, format.name())?;
            Some((key.to_string(), value.to_string()))
        })
        .collect();
    Ok((format, Options::new(owner, values)))
}

/// A format a table names, and what stands before its options.
type Named = (&'static str, &'static dyn Format);

fn named_formats(
    connector: &dyn Connector,
    table: &TableSpec,
    formats: &Formats,
) -> Result<Vec<Named>> {
    let keys = connector.format_keys();
    let mut named = Vec::new();
    for (key, prefix) in keys {
        if keys.len() == 1 || table.options.get(key).is_some() {
            let (format, _) = format_named(table, formats, key, prefix)?;
            named.push((*prefix, format));
        }
    }
    Ok(named)
}

/// A user's text, short enough for a message.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        None => text.to_string(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn known_options(connector: &dyn Connector) -> Vec<OptionSpec> {
    let mut known = connector.options().to_vec();
    if connector.source().is_some() {
        known.extend_from_slice(COMMON_SOURCE_OPTIONS);
    }
    if connector.sink().is_some() {
        known.extend_from_slice(COMMON_SINK_OPTIONS);
    }
    if connector.has_format() {
        known.push(FORMAT);
    }
    known
}

fn is_format_option(formats: &[Named], key: &str) -> bool {
    formats.iter().any(|(prefix, format)| {
        key.strip_prefix(prefix)
            .and_then(|key| after_prefix(key, format.name()))
            .is_some_and(|key| format.options().iter().any(|spec| spec.matches(key)))
    })
}

fn after_prefix<'a>(key: &'a str, format: &str) -> Option<&'a str> {
    key.strip_prefix(format)?.strip_prefix('.')
}

fn unknown(key: &str, table: &TableSpec, known: &[OptionSpec], formats: &[Named]) -> Error {
    let owner = table.options.owner();
    if key.starts_with(ALIGNMENT) {
        return Error::unsupported(format!(
            "{owner} has the option '{}', but watermark alignment is not supported",
            shown(key)
        ))
        .hint(format!("leave out the options '{ALIGNMENT}*'"));
    }
    let mut names: Vec<String> = known
        .iter()
        .flat_map(|spec| spellings(spec, table))
        .collect();
    for (prefix, format) in formats {
        let options = format.options().iter();
        names.extend(options.map(|spec| format!("{prefix}{}.{}", format.name(), spec.key)));
    }
    names.sort_unstable();
    names.dedup();
    let error = Error::new(
        Code::UnknownOption,
        format!("{owner} has no option '{}'", shown(key)),
    );
    match suggest::hint(key, names.iter().map(String::as_str)) {
        Some(hint) => error.hint(hint),
        None => error.hint(format!("known options: {}", names.join(", "))),
    }
}

/// The keys an option can have in this table: a `#` stands for each column, if that is few enough.
fn spellings(spec: &OptionSpec, table: &TableSpec) -> Vec<String> {
    const COLUMNS_MAX: usize = 64;
    let fields = table.schema.fields();
    if !spec.key.contains('#') || fields.len() > COLUMNS_MAX {
        return vec![spec.key.to_string()];
    }
    fields
        .iter()
        .map(|field| spec.key.replace('#', field.name()))
        .collect()
}
