//! The table of faults.

use std::time::Duration;

use millstream_core::Result;
use millstream_faultkit::cases::Invariant::{Eq, Iso, Live, Nd, Nl};
use millstream_faultkit::cases::{Case, Context, Invariant, Plan};

use crate::crash;

const fn tried(
    id: &'static str,
    what: &'static str,
    invariants: &'static [Invariant],
    tries: u32,
    run: fn(&mut Context) -> Result<()>,
) -> Case {
    Case {
        id,
        what,
        invariants,
        plan: Plan::Run {
            tries,
            deadline: Duration::from_secs(300),
            run,
        },
    }
}

/// Every case, in order.
pub(crate) static CASES: &[Case] = &[
    tried(
        "F01",
        "SIGKILL at each step of a checkpoint, first and third time",
        &[Nl, Nd, Eq, Live],
        29,
        crash::at_each_step,
    ),
    tried(
        "F02",
        "SIGKILL at a step of a checkpoint, then again at a step of the restart",
        &[Nl, Nd, Eq, Live],
        64,
        crash::at_a_step_and_again,
    ),
    tried(
        "F03",
        "SIGKILL at random times with busy processors",
        &[Nl, Nd, Eq],
        3_000,
        crash::at_random_times,
    ),
    tried(
        "F04",
        "SIGKILL at the N-th call that makes something last",
        &[Nl, Nd, Eq],
        200,
        crash::at_a_system_call,
    ),
    tried(
        "F06",
        "a panic in a task or on the way to the commit",
        &[Eq, Iso],
        12,
        crash::panics,
    ),
    tried(
        "F06e",
        "an error at each step of a checkpoint",
        &[Eq, Iso],
        29,
        crash::errors,
    ),
    tried(
        "F08",
        "SIGTERM drains and commits; a second one ends at once",
        &[Nl, Nd],
        4,
        crash::asked_to_stop,
    ),
];
