//! The table of faults.

use std::time::Duration;

use millstream_core::Result;
use millstream_faultkit::cases::Invariant::{Eq, Err, Fence, Iso, Leak, Live, Mem, Mono, Nd, Nl};
use millstream_faultkit::cases::{Case, Context, Invariant, Plan};

use crate::{broker, crash, disk, garbage, load, objects, records, shape, storage, time};

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
        "F09",
        "a process stands still beyond its transaction, another takes over, the first goes on",
        &[Fence, Nl, Nd],
        3,
        objects::frozen_and_replaced,
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
        "F17",
        "an object store with 503, 429, resets, latency, lost answers",
        &[Nl, Nd, Eq, Live],
        20,
        objects::store_has_a_bad_day,
    ),
    tried(
        "F18",
        "the object store is away, refusing or silent",
        &[Nl, Nd, Live],
        4,
        objects::store_is_away,
    ),
    tried(
        "F19",
        "a hundred checkpoints, and kills while files are collected",
        &[Leak, Eq],
        5,
        objects::storage_stays_small,
    ),
    tried(
        "F20",
        "checkpoints longer than their interval; ten failures in a row",
        &[Eq, Mem],
        6,
        objects::checkpoints_fail_in_a_row,
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
        "F28",
        "files of a few KiB that unpack to a GiB, as one record and as many",
        &[Mem, Err],
        4,
        records::bombs,
    ),
    tried(
        "F28k",
        "messages of the largest size, and small ones that unpack to 80 MiB",
        &[Mem, Err, Eq],
        10,
        load::large_messages,
    ),
    tried(
        "F29",
        "the line is cut in one or both directions, resets, is slow or narrow",
        &[Nl, Nd, Live],
        5,
        broker::line_is_bad,
    ),
    tried(
        "F32",
        "half-written, replaced, unreadable, cut and missing files; thousands of files",
        &[Eq, Err],
        12,
        records::files_are_wrong,
    ),
    tried(
        "F33",
        "the process dies at each step of making files visible, while somebody reads",
        &[Nl, Nd],
        8,
        shape::files_are_whole,
    ),
    tried(
        "F36",
        "the wall clock jumps by seconds, hours, to 1970",
        &[Eq, Nl, Nd],
        12,
        time::clock_jumps,
    ),
    tried(
        "F36p",
        "the wall clock jumps under windows of processing time",
        &[Nl, Nd],
        2,
        time::clock_jumps_under_windows,
    ),
    tried(
        "F37",
        "an idle partition, then rows an hour old; all idle for a while",
        &[Mono, Eq],
        6,
        time::idle_then_old,
    ),
    tried(
        "F38",
        "kills between a watermark and its window, with a source that has ended",
        &[Eq],
        12,
        time::between_watermark_and_window,
    ),
    tried(
        "F39",
        "impossible timestamps among good ones",
        &[Eq, Err],
        8,
        records::impossible_times,
    ),
    tried(
        "F40",
        "restores from p to p' subtasks for all pairs of 1 to 4",
        &[Eq, Nl, Nd, Live],
        4,
        shape::every_size,
    ),
    tried(
        "F42",
        "the shape of the input changes in the middle (JSON, CSV)",
        &[Eq, Err],
        12,
        records::schema_changes,
    ),
    tried(
        "F45",
        "the sink stops at full input; one hot key; more keys than fit",
        &[Mem, Nl, Nd],
        6,
        load::overload,
    ),
    tried(
        "F46",
        "everything together under a limit on memory",
        &[Mem, Nl, Nd],
        2,
        load::everything,
    ),
    tried(
        "F47",
        "mutated JSON, CSV, Parquet and SQL",
        &[Nl, Mem],
        12,
        garbage::mutated,
    ),
    told(
        "F07",
        "kill during DDL or a write of the catalog",
        "there is no catalog that is kept yet",
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
        "F26",
        "partitions added while running, a topic created anew",
        "covered by `crates/connectors/src/kafka/tests/reading.rs` (a partition that is added) and `crates/connectors/src/kafka/tests/faults.rs` (a topic created anew is told)",
    ),
    told(
        "F30",
        "each answer of a broker, retriable or fatal",
        "covered by `crates/connectors/src/kafka/tests/faults.rs` (every answer of a broker has its outcome)",
    ),
    told("F31", "MQTT", "there is no MQTT connector yet"),
    told(
        "F34",
        "Elasticsearch",
        "there is no Elasticsearch connector yet",
    ),
    told("F35", "HTTP", "there is no HTTP connector yet"),
    told(
        "F41",
        "state of each released version restores",
        "covered by `crates/state/tests/fixtures`",
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
        "F48",
        "idle sockets and slow readers of results",
        "there is no server yet",
    ),
];
