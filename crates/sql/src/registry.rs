//! What the binary plugs in: connectors and formats, by name.

use millstream_core::Result;
use millstream_core::connector::Connector;
use millstream_core::format::Formats;
use millstream_core::table::TableSpec;

/// The connectors and formats of this build. Implemented by the binary's `registry.rs`.
pub trait Registry: Send + Sync {
    /// The connector of this name, or an error that names its neighbours.
    fn connector(&self, name: &str) -> Result<&'static dyn Connector>;
    /// The formats.
    fn formats(&self) -> Formats;
    /// Refuses options of a table that nobody reads.
    fn check_options(&self, connector: &dyn Connector, table: &TableSpec) -> Result<()>;
}
