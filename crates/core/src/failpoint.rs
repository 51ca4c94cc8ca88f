//! Named places where a test may make the process fail: nothing in a release build.
//!
//! Debug builds, and release builds with the feature `failpoints`, obey the environment variable
//! `FAILPOINTS` (syntax of the crate `fail`): `cp.manifest.before=2*off->return(kill)` kills the
//! process when the place is reached the third time. Values: `return(kill)`: SIGKILL to this
//! process, `return(error)`: the call fails, `sleep(ms)`, `panic`.

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

#[cfg(any(debug_assertions, feature = "failpoints"))]
mod armed {
    use std::sync::Once;

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
