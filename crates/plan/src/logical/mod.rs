//! What streaming adds to DataFusion's logical plan.
//!
//! * [`scan`]: a table as it is read, below its computed columns.
//! * [`unnest`]: elements of a collection as rows. [`version`]: FOR SYSTEM_TIME AS OF.
//! * [`watermark`]: where event time begins. [`window`]: a window table-valued function.
//! * [`group_window`]: the older group windows. [`aggregate`]: the aggregate functions with Flink's result types.
//! * [`pattern`]: a search by MATCH_RECOGNIZE.
//! * [`over`]: the functions that stand only before OVER.

pub mod aggregate;
pub mod group_window;
pub mod over;
pub mod pattern;
pub mod scan;
pub mod unnest;
pub mod version;
pub mod watermark;
pub mod window;

pub use pattern::{PatternNode, Search};
pub use scan::{ScanSource, SideTable};
pub use unnest::{UnnestNode, UnnestOptions};
pub use version::VersionNode;
pub use watermark::{WatermarkNode, WatermarkOptions};
pub use window::WindowNode;
