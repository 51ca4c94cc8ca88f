//! What a session gives its functions: the time zone and the seed of its chance.

use std::hash::{BuildHasher, Hasher, RandomState};

use chrono_tz::Tz;

/// The surroundings of a session that change what functions return.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FunctionContext {
    /// `table.local-time-zone`: how TIMESTAMP_LTZ looks as text, date and fields.
    pub time_zone: Tz,
    /// Seed of RAND() and UUID() without an argument of their own.
    pub seed: u128,
}

impl FunctionContext {
    /// A context whose seed comes from the operating system, so that no two sessions share it.
    pub fn new(time_zone: Tz) -> Self {
        // The keys of `RandomState` are the standard library's only source of chance.
        let word = || u128::from(RandomState::new().build_hasher().finish());
        FunctionContext {
            time_zone,
            seed: word() << 64 | word(),
        }
    }

    /// The same context with a known seed, for runs that must repeat exactly.
    #[must_use]
    pub fn with_seed(mut self, seed: u128) -> Self {
        self.seed = seed;
        self
    }
}

impl Default for FunctionContext {
    /// UTC, with a fixed seed.
    fn default() -> Self {
        FunctionContext {
            time_zone: Tz::UTC,
            seed: 0,
        }
    }
}
