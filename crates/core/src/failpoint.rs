//! Named places where a test may make the process fail: nothing in a release build.
//!
//! Debug builds, and release builds with the feature `failpoints`, obey the environment variable
//! `FAILPOINTS` (syntax of the crate `fail`): `cp.manifest.before=2*off->return(kill)` kills the
//! process when the place is reached the third time. Values: `return(kill)`: SIGKILL to this
//! process, `return(error)`: the call fails, `sleep(ms)`, `panic`.
//!
//! The same builds obey `MILLSTREAM_CLOCK_JUMPS`: `400:3600000,900:-5000` shows wall clocks an hour ahead
//! from 400 ms after the start of the clock on, and 5 s behind from 900 ms on.

use std::time::Duration;

use crate::Result;

/// Reads `FAILPOINTS`. Call once, at the start of the process.
pub fn arm() {
    #[cfg(any(debug_assertions, feature = "failpoints"))]
    armed::arm();
}

/// Passes a named place.
///
/// # Errors
/// Only when a test has asked for one.
#[inline(always)]
pub fn failpoint(name: &str) -> Result<()> {
    #[cfg(any(debug_assertions, feature = "failpoints"))]
    return armed::pass(name);
    #[cfg(not(any(debug_assertions, feature = "failpoints")))]
    {
        let _ = name;
        Ok(())
    }
}

/// How far a test wants the wall clock off, so long after its start: 0 without a test.
#[inline(always)]
pub(crate) fn clock_jump_ms(elapsed: Duration) -> i64 {
    #[cfg(any(debug_assertions, feature = "failpoints"))]
    return armed::clock_jump_ms(elapsed);
    #[cfg(not(any(debug_assertions, feature = "failpoints")))]
    {
        let _ = elapsed;
        0
    }
}

#[cfg(any(debug_assertions, feature = "failpoints"))]
mod armed {
    use std::sync::{Once, OnceLock};
    use std::time::Duration;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use crate::{Code, Error, Result};

    static ARMED: Once = Once::new();

    pub(super) fn arm() {
        ARMED.call_once(|| {
            if std::env::var_os("FAILPOINTS").is_some() {
                // Dropping it would disarm; it lives as long as the process.
                Box::leak(Box::new(fail::FailScenario::setup()));
            }
        });
    }

    /// Times after the start of a clock in ms, and how far it is off from then on.
    static JUMPS: OnceLock<Vec<(u128, i64)>> = OnceLock::new();

    pub(super) fn clock_jump_ms(elapsed: Duration) -> i64 {
        let jumps = JUMPS.get_or_init(|| {
            let text = std::env::var("MILLSTREAM_CLOCK_JUMPS").unwrap_or_default();
            jumps(&text)
        });
        jump_at(jumps, elapsed)
    }

    /// What is not two numbers is no jump: a test that is misspelt shows that by not biting.
    pub(super) fn jumps(text: &str) -> Vec<(u128, i64)> {
        let pair = |pair: &str| {
            let (after, off) = pair.split_once(':')?;
            Some((after.trim().parse().ok()?, off.trim().parse().ok()?))
        };
        text.split(',').filter_map(pair).collect()
    }

    pub(super) fn jump_at(jumps: &[(u128, i64)], elapsed: Duration) -> i64 {
        let passed = jumps
            .iter()
            .rev()
            .find(|(after, _)| *after <= elapsed.as_millis());
        passed.map_or(0, |(_, off)| *off)
    }

    pub(super) fn pass(name: &str) -> Result<()> {
        match fail::eval(name, |word| word.unwrap_or_default()) {
            None => Ok(()),
            Some(word) if word == "kill" => {
                // Only fails for a process that does not exist, and we do.
                kill(Pid::this(), Signal::SIGKILL).map_err(|e| {
                    Error::internal("a failpoint could not kill the process").caused_by(e)
                })?;
                loop {
                    std::thread::park();
                }
            }
            Some(_) => Err(Error::new(Code::Unavailable, format!("failpoint '{name}'"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_from_each_jump_to_the_next() {
        let jumps = armed::jumps("400:3600000, 900:-5000,x:1,7");
        assert_eq!(jumps, [(400, 3_600_000), (900, -5_000)]);
        let off = |ms| armed::jump_at(&jumps, Duration::from_millis(ms));
        assert_eq!(
            [0, 399, 400, 899, 900, 5_000].map(off),
            [0, 0, 3_600_000, 3_600_000, -5_000, -5_000]
        );
    }
}
