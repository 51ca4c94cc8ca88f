//! Limits on what a statement may be, and the stack that suffices within them.
//!
//! The planner's passes recurse over expressions and plans, and so does dropping them. Two numbers
//! keep that safe: no tree that leaves the parser is higher than [`DEPTH_MAX`] (nesting *and* chains
//! such as `a + b + ...` or `... UNION ALL ...` count), and whoever walks it does so on a stack of
//! [`STACK_BYTES`], given by [`on_big_stack`]. The other limits bound time and memory: parsing is
//! linear in the text, and the text is bounded.
//!
//! Whoever exceeds a limit gets an error with code `MS1010`, never a crash.

use std::any::Any;
use std::thread;

use millstream_core::{Error, Result};

/// Longest SQL text, in bytes.
pub const SQL_BYTES_MAX: usize = 1 << 20;

/// Most tokens in a text; comments and space do not count.
pub const TOKENS_MAX: usize = 500_000;

/// Longest name, in characters.
pub const NAME_CHARS_MAX: usize = 256;

/// Greatest height of a statement's tree: nested parentheses, subqueries, calls, and chains of
/// operators, joins and set operations. Long chains of AND or OR are cheap: they become a balanced
/// tree, whose height is the logarithm of their length.
pub const DEPTH_MAX: usize = 500;

/// Most expressions, query blocks, tables and columns in one statement.
pub const NODES_MAX: usize = 50_000;

/// Greatest nesting of a type: `ARRAY<ROW<a ARRAY<..>>>`. Small, because types travel everywhere.
pub const TYPE_DEPTH_MAX: usize = 32;

/// Stack for parsing and planning: over 100 KiB for each of [`DEPTH_MAX`] levels.
pub const STACK_BYTES: usize = 64 << 20;

/// Runs `work` on a thread with a stack of [`STACK_BYTES`] and waits for it.
///
/// A panic in `work` becomes an internal error, so nothing a user types ends the process.
pub fn on_big_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name("sql".into())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|e| Error::internal("cannot start a thread for planning").caused_by(e))?;
        match worker.join() {
            Ok(result) => result,
            Err(panic) => Err(Error::internal(format!(
                "planning stopped unexpectedly: {}",
                panic_text(panic.as_ref())
            ))),
        }
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use millstream_core::Code;

    use super::*;

    #[test]
    fn a_panic_becomes_an_internal_error_with_its_message() {
        let error = on_big_stack::<()>(|| panic!("a promise was broken")).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        assert!(error.message().contains("a promise was broken"));
    }

    #[test]
    fn the_stack_holds_a_recursion_that_an_ordinary_one_does_not() {
        fn sink(levels: usize) -> usize {
            let frame = std::hint::black_box([levels; 1024]);
            match levels {
                0 => 0,
                _ => sink(levels - 1) + frame[levels % 1024].min(1),
            }
        }
        let levels = STACK_BYTES / 2 / (1024 * size_of::<usize>());
        assert_eq!(on_big_stack(|| Ok(sink(levels / 2))).unwrap(), levels / 2);
    }
}
