//! Operations, faults, and the rules that bring them together.

use std::fmt;
use std::time::Duration;

use object_store::Error;

use crate::chance::Chance;

/// What a caller asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// A put that may overwrite.
    Put,
    /// A put or copy that must not overwrite.
    Create,
    /// The start of a multipart upload.
    Multipart,
    /// A part of one.
    Part,
    /// Its completion, which makes the object visible.
    Complete,
    /// Its abortion.
    Abort,
    /// Reading bytes.
    Get,
    /// Reading size and tag only.
    Head,
    /// Deleting one object.
    Delete,
    /// Listing.
    List,
    /// Copying over whatever is there.
    Copy,
}

impl Operation {
    /// Every operation that changes something.
    pub const CHANGES: &[Operation] = &[
        Operation::Put,
        Operation::Create,
        Operation::Multipart,
        Operation::Part,
        Operation::Complete,
        Operation::Abort,
        Operation::Delete,
        Operation::Copy,
    ];
}

/// What goes wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused with 503, nothing done.
    Unavailable,
    /// Refused with 429, nothing done.
    TooManyRequests,
    /// The connection is reset before anything is done.
    Reset,
    /// No answer, and nothing done.
    TimeoutBefore,
    /// No answer, but done: the outcome is unknown to the caller.
    TimeoutAfter,
    /// Done, but slowly.
    Latency {
        /// Shortest wait.
        low: Duration,
        /// Longest wait.
        high: Duration,
    },
    /// A read ends early without an error. Reads only.
    ShortRead,
    /// One bit of a read is wrong. Reads only.
    BitFlip,
    /// A list without the latest changes. Lists only.
    StaleList,
    /// A list that fails in the middle. Lists only.
    BrokenList,
}

impl Fault {
    /// Name in counts.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Unavailable => "503",
            Fault::TooManyRequests => "429",
            Fault::Reset => "reset",
            Fault::TimeoutBefore => "timeout-before",
            Fault::TimeoutAfter => "timeout-after",
            Fault::Latency { .. } => "latency",
            Fault::ShortRead => "short-read",
            Fault::BitFlip => "bit-flip",
            Fault::StaleList => "stale-list",
            Fault::BrokenList => "broken-list",
        }
    }

    /// The error of a fault that keeps the operation from being done.
    pub(super) fn refusal(self) -> Option<Injected> {
        match self {
            Fault::Unavailable => Some(Injected::Status(503)),
            Fault::TooManyRequests => Some(Injected::Status(429)),
            Fault::Reset => Some(Injected::Reset),
            Fault::TimeoutBefore => Some(Injected::Timeout),
            _ => None,
        }
    }

    /// Whether this fault makes sense for an operation; a rule does not fire where it does not.
    fn fits(self, operation: Operation) -> bool {
        match self {
            Fault::ShortRead | Fault::BitFlip => operation == Operation::Get,
            Fault::StaleList | Fault::BrokenList => operation == Operation::List,
            _ => true,
        }
    }
}

/// How an injected fault reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Injected {
    /// An HTTP status.
    Status(u16),
    /// A reset connection.
    Reset,
    /// No answer in time.
    Timeout,
}

impl Injected {
    pub(super) fn error(self, path: &str) -> Error {
        // What the HTTP stores give for these once their own retries are used up.
        Error::Generic {
            store: "failing",
            source: format!("{self} at '{path}'").into(),
        }
    }
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Injected::Status(status) => write!(f, "injected: server answered {status}"),
            Injected::Reset => f.write_str("injected: connection reset"),
            Injected::Timeout => f.write_str("injected: operation timed out"),
        }
    }
}

/// A fault for chosen operations.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which operations; empty for all.
    pub operations: Vec<Operation>,
    /// Text the path must contain; empty for all.
    pub path_contains: String,
    /// So many matching operations pass first.
    pub skip: u32,
    /// So many times it fires at most.
    pub times: u32,
    /// How likely it fires on a matching operation.
    pub probability: f64,
    /// What happens.
    pub fault: Fault,
}

impl Rule {
    /// The next matching operation, once, for certain.
    pub fn once(operations: &[Operation], path_contains: &str, fault: Fault) -> Self {
        Rule {
            operations: operations.to_vec(),
            path_contains: path_contains.into(),
            skip: 0,
            times: 1,
            probability: 1.0,
            fault,
        }
    }

    /// Every matching operation with this probability.
    pub fn sometimes(operations: &[Operation], probability: f64, fault: Fault) -> Self {
        Rule {
            times: u32::MAX,
            probability,
            ..Rule::once(operations, "", fault)
        }
    }

    /// The mix of F17: 10 % 503, 5 % 429, 15 % resets, 2 % unknown outcomes of changes, and the
    /// given latency for all others.
    pub fn bad_day(low: Duration, high: Duration) -> Vec<Self> {
        vec![
            Rule::sometimes(&[], 0.10, Fault::Unavailable),
            Rule::sometimes(&[], 0.05, Fault::TooManyRequests),
            Rule::sometimes(&[], 0.15, Fault::Reset),
            Rule::sometimes(Operation::CHANGES, 0.02, Fault::TimeoutAfter),
            Rule::sometimes(&[], 1.0, Fault::Latency { low, high }),
        ]
    }

    pub(super) fn fire(
        &mut self,
        operation: Operation,
        path: &str,
        chance: &mut Chance,
    ) -> Option<Fault> {
        let about = self.operations.is_empty() || self.operations.contains(&operation);
        let fits = self.fault.fits(operation) && path.contains(&self.path_contains);
        if self.times == 0 || !about || !fits {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if !chance.happens(self.probability) {
            return None;
        }
        self.times -= 1;
        Some(self.fault)
    }
}

/// Waits on the runtime's time, which a test may have paused.
#[expect(
    clippy::disallowed_methods,
    reason = "the wrapped traits carry no clock; tokio's own paused time serves the tests"
)]
pub(super) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}
