//! Sources and sinks: one module per outside system.
//!
//! A table chooses its connector by `WITH ('connector' = …)`; [`connector`] finds it by that name
//! and [`check_options`] refuses what nobody reads. A connector turns bytes into rows through a
//! format, which it is handed and never names.
//!
//! ```text
//! source   enumerator ─ splits ─▶ reader (one per subtask) ─ bytes ─▶ decoder ─▶ rows
//! sink     rows ─▶ writer (one per subtask) ─ prepared ─▶ committer (one per job) ─▶ visible
//! ```

mod blackhole;
#[cfg(test)]
mod conformance;
mod datagen;
mod filesystem;
mod journal;
pub mod kafka;
mod nexmark;
mod options;
mod print;
#[cfg(test)]
mod testing;
mod text;

pub use options::{COMMON_SINK_OPTIONS, COMMON_SOURCE_OPTIONS, check_options, format_of};

use millstream_core::connector::Connector;
use millstream_core::{Code, Error, Result, suggest};

/// The name each table writes in `WITH ('connector' = …)`, and what serves it, in alphabetical
/// order.
pub static CONNECTORS: &[&dyn Connector] = &[
    &blackhole::Blackhole,
    &datagen::Datagen,
    &filesystem::Filesystem,
    &journal::Journal,
    &kafka::Kafka,
    &nexmark::Nexmark,
    &print::Print,
    &kafka::UpsertKafka,
];

/// The connector called `name`, written exactly as in [`CONNECTORS`].
pub fn connector(name: &str) -> Result<&'static dyn Connector> {
    let found = CONNECTORS.iter().find(|connector| connector.name() == name);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = CONNECTORS.iter().map(|c| c.name()).collect();
        let error = Error::new(
            Code::InvalidOption,
            format!(
                "no connector is called '{}'; known are {}",
                options::shown(name),
                quoted(&names)
            ),
        );
        match suggest::hint(name, names) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

/// `'a', 'b', 'c'`.
fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectors_are_listed_by_name_and_found_by_it() {
        let names: Vec<&str> = CONNECTORS.iter().map(|c| c.name()).collect();
        assert!(names.is_sorted());
        for name in names {
            assert_eq!(connector(name).unwrap().name(), name);
        }
    }

    #[test]
    fn an_unknown_connector_names_its_nearest_neighbour_and_the_list() {
        let error = connector("blackhol").err().unwrap();
        assert_eq!(error.code(), Code::InvalidOption);
        assert_eq!(error.hint_text(), Some("did you mean 'blackhole'?"));
        assert!(error.message().contains("'print'"), "{error}");
    }
}
