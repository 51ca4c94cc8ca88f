//! Test support for operators: a script in, what the operator did out, as text.
//!
//! ```text
//! row   ann @ 3s          +I ann 3s
//! mark  12s               mark 12s
//! row   ann @ 4s          late ann 4s
//! ```
//!
//! * [`script`]: the language and its runner. [`values`]: rows as text.
//!
//! Only for tests: a script that is wrong panics, naming its line.

pub mod script;
pub mod values;

pub use script::Script;
