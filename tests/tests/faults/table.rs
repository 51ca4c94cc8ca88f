//! The table of faults.

use std::time::Duration;

use millstream_core::Result;
use millstream_faultkit::cases::Invariant::{Eq, Err, Iso, Live, Nd, Nl};
use millstream_faultkit::cases::{Case, Context, Invariant, Plan};

use crate::{broker, crash, disk, shape, storage};

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

/// A case that has tests elsewhere (`covered by ..`), or none and why.
const fn told(id: &'static str, what: &'static str, reason: &'static str) -> Case {
    Case {
        id,
        what,
        invariants: &[],
        plan: Plan::Gap(reason),
    }
}

/// Every case: those that are tried, then those that are told.
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
        "F05",
        "the power is cut: what was not synced is gone",
        &[Nl, Nd, Eq],
        40,
        disk::power_is_cut,
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
        "F06f",
        "failures while a job that was begun with --fresh begins again",
        &[Nl, Nd, Eq],
        8,
        crash::fresh_once,
    ),
    tried(
        "F08",
        "SIGTERM drains and commits; a second one ends at once",
        &[Nl, Nd],
        4,
        crash::asked_to_stop,
    ),
    tried(
        "F10",
        "two processes on one directory: the second refuses, the first lives on",
        &[Err],
        3,
        crash::two_at_once,
    ),
    tried(
        "F13",
        "the disk is full for a while",
        &[Nl, Nd, Eq, Live],
        12,
        disk::full,
    ),
    tried(
        "F14",
        "no files can be made, a read-only mount, every write fails",
        &[Nl, Nd, Err],
        12,
        disk::takes_nothing,
    ),
    tried(
        "F15",
        "one bit flipped, truncated or zeroed in files of checkpoints of every kind",
        &[Err, Nl],
        10,
        storage::damaged,
    ),
    tried(
        "F16",
        "a file of a checkpoint is deleted",
        &[Err],
        4,
        storage::missing,
    ),
    tried(
        "F21",
        "the broker dies by SIGKILL and comes back, twice",
        &[Nl, Nd, Eq, Live],
        10,
        broker::dies,
    ),
    tried(
        "F22",
        "the answer to a commit is lost, the line is silent, the process dies",
        &[Nl, Nd],
        100,
        broker::commit_unknown,
    ),
    tried(
        "F22b",
        "a copy of a commit arrives in the next transaction",
        &[Nl, Nd],
        20,
        broker::commit_twice,
    ),
    tried(
        "F23",
        "the process stands still longer than its transaction may take",
        &[Nl, Nd],
        3,
        broker::transaction_times_out,
    ),
    tried(
        "F24",
        "another producer takes the transactional id",
        &[Err],
        3,
        broker::id_is_taken,
    ),
    tried(
        "F25",
        "records that were not read yet are deleted",
        &[Err],
        3,
        broker::input_is_truncated,
    ),
    tried(
        "F27",
        "input in transactions, half of them aborted, the last one left open",
        &[Nl, Nd, Eq],
        5,
        broker::upstream_aborts,
    ),
    tried(
        "F29",
        "the line is cut in one or both directions, resets, is slow or narrow",
        &[Nl, Nd, Live],
        5,
        broker::line_is_bad,
    ),
    tried(
        "F33",
        "the process dies at each step of making files visible, while somebody reads",
        &[Nl, Nd],
        8,
        shape::files_are_whole,
    ),
    tried(
        "F40",
        "restores from p to p' subtasks for all pairs of 1 to 4",
        &[Eq, Nl, Nd, Live],
        4,
        shape::every_size,
    ),
    told(
        "F07",
        "kill during DDL or a write of the catalog",
        "there is no catalog that is kept yet",
    ),
    told(
        "F09",
        "SIGSTOP for twice the transaction timeout, a second server on the same state",
        "partly covered by `crates/protocol/tests/model` (two incarnations, any step) and `crates/connectors/src/kafka/tests/transactions.rs` (a later life fences the earlier one); with two real processes it is open",
    ),
    told(
        "F11",
        "a stalled writer resumes after its number was collected",
        "covered by `crates/protocol/tests/model` and `crates/state/src/store/tests` (a replaced process collects nothing)",
    ),
    told(
        "F12",
        "one of two worker processes is frozen",
        "jobs run in one process",
    ),
    told(
        "F17",
        "an object store with 503, 429, resets, latency, lost answers",
        "covered by `crates/state/src/store/tests` (a whole checkpoint survives a store that fails now and then) and `crates/connectors/src/filesystem/tests/crashing.rs`",
    ),
    told(
        "F18",
        "the object store is away for 5 minutes",
        "a job restarts and waits, but nobody has measured it for 5 minutes",
    ),
    told(
        "F19",
        "stale or paged lists, leftovers of uploads",
        "covered by `crates/state/src/store/tests` (collection and compaction) and `crates/protocol/src/gc` (no file goes while a manifest cannot be read)",
    ),
    told(
        "F20",
        "a checkpoint longer than its interval; ten failures in a row",
        "covered by `crates/runtime/src/checkpoint/coordinator.rs` (a slow checkpoint delays the next and never meets it)",
    ),
    told(
        "F26",
        "partitions added while running, a topic created anew",
        "covered by `crates/connectors/src/kafka/tests/reading.rs` (a partition that is added) and `crates/connectors/src/kafka/tests/faults.rs` (a topic created anew is told)",
    ),
    told(
        "F28",
        "records at and above the size limits, compression bombs",
        "partly covered by `crates/connectors/src/kafka/tests/writing.rs` (a row that is too large is an error with its size); compression bombs are open",
    ),
    told(
        "F30",
        "each answer of a broker, retriable or fatal",
        "covered by `crates/connectors/src/kafka/tests/faults.rs` (every answer of a broker has its outcome)",
    ),
    told("F31", "MQTT", "there is no MQTT connector yet"),
    told(
        "F32",
        "half-written, replaced, missing and cut files",
        "covered by `crates/connectors/src/filesystem/tests` (files that are written, replaced, gone, cut)",
    ),
    told(
        "F34",
        "Elasticsearch",
        "there is no Elasticsearch connector yet",
    ),
    told("F35", "HTTP", "there is no HTTP connector yet"),
    told(
        "F36",
        "the wall clock jumps",
        "timers use a clock that does not jump, but no run with a clock that does was made",
    ),
    told(
        "F37",
        "an idle partition, then old data; all idle",
        "covered by `crates/runtime/src/task` (idleness, watermarks of lanes)",
    ),
    told(
        "F38",
        "a restore between a watermark and its window",
        "covered by the golden matrix of `tests/sql` (a crash after each checkpoint) and by F02",
    ),
    told(
        "F39",
        "impossible timestamps",
        "one future timestamp still closes all windows: there is no guard yet",
    ),
    told(
        "F41",
        "state of each released version restores",
        "covered by `crates/state/tests/fixtures`",
    ),
    told(
        "F42",
        "a schema changes in flight",
        "partly covered by `crates/formats/src/json` and `crates/formats/src/csv` (added, missing and moved columns); Avro and Protobuf are open",
    ),
    told(
        "F43",
        "an auto-scaler under a square wave",
        "there is no auto-scaler yet",
    ),
    told(
        "F44",
        "functions whose workers die or hang",
        "there are no functions of users yet",
    ),
    told(
        "F45",
        "a sink stops; one hot key; ten million keys",
        "partly covered by `crates/runtime/src/task` (state above the limit is given up and brought back); a sink that stops for 10 minutes and ten million keys are open",
    ),
    told(
        "F46",
        "everything together under a memory limit",
        "not run for 30 minutes yet",
    ),
    told(
        "F47",
        "mutated input of every format",
        "partly covered by tests of `crates/formats` and `crates/sql` on garbage; a million inputs were not tried",
    ),
    told(
        "F48",
        "idle sockets and slow readers of results",
        "there is no server yet",
    ),
];
