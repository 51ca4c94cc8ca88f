//! What this build is made of: the one place where implementations meet the seams they implement.
//!
//! | seam | implementations |
//! |---|---|
//! | connectors | `crates/connectors/src/lib.rs` |
//! | formats | `crates/formats/src/lib.rs` |
//! | operators | `crates/operators/src/lib.rs` |

use std::sync::Arc;

use millstream_core::Result;
use millstream_core::clock::SharedClock;
use millstream_core::connector::Connector;
use millstream_core::format::Formats;
use millstream_core::operator::Operator;
use millstream_core::table::TableSpec;
use millstream_operators::OperatorContext;
use millstream_runtime::{Environment, OperatorSite};
use millstream_sql::registry::Registry;

/// The connectors and formats of this build, for a session.
pub(crate) struct Build {
    formats: Formats,
}

impl Build {
    /// What there is.
    pub(crate) fn new() -> Self {
        Build { formats: formats() }
    }
}

impl Registry for Build {
    fn connector(&self, name: &str) -> Result<&'static dyn Connector> {
        millstream_connectors::connector(name)
    }

    fn formats(&self) -> Formats {
        Arc::clone(&self.formats)
    }

    fn check_options(&self, connector: &dyn Connector, table: &TableSpec) -> Result<()> {
        millstream_connectors::check_options(connector, table, &self.formats)
    }
}

/// The same for jobs that run.
pub(crate) fn environment(clock: SharedClock) -> Environment {
    Environment::new(
        Arc::new(millstream_connectors::connector),
        formats(),
        Arc::new(operator),
        clock,
        millstream_formats::text::json_row,
    )
}

fn formats() -> Formats {
    Arc::new(millstream_formats::format)
}

fn operator(site: &OperatorSite<'_>) -> Result<Box<dyn Operator>> {
    let context = OperatorContext {
        node: site.name.to_string(),
        batch_rows: site.batch_rows,
        key_groups: site.key_groups,
        subtask: site.subtask,
        parallelism: site.node.parallelism,
    };
    millstream_operators::create(&site.node.kind, site.inputs, &site.node.schema, &context)
}
