//! Test support for operators: a script in, what the operator did out, as text.
//!
//! ```text
//! row   ann @ 3s          +I ann 3s
//! mark  12s               mark 12s
//! row   ann @ 4s          late ann 4s
//! ```
//!
//! * [`script`]: the language and its runner. [`values`]: rows as text.
//! * [`state`]: checkpoints in memory. [`recovery`]: crashes and changes of parallelism.
//!
//! Only for tests: a script that is wrong panics, naming its line.

mod driver;
pub mod recovery;
pub mod script;
pub mod state;
pub mod values;

pub use recovery::{Recovery, Site, Step};
pub use script::{Event, Script};
pub use state::MemoryState;
