//! F01-F04, F06, F08: the process ends, at each step and at any moment.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::contention::Burners;
use millstream_faultkit::reference::Query;
use millstream_faultkit::services;
use millstream_faultkit::supervisor::{Program, Round, Run, Schedule};
use nix::sys::signal::Signal;

use crate::life::Life;
use crate::trial::{Input, Judged, Setup, Trial, all_files, one_of, record};

/// The steps of a checkpoint that a job with a topic and files passes, in their order.
pub(crate) const CHECKPOINT: &[&str] = &[
    "cp.trigger",
    "cp.barrier.source",
    "cp.align",
    "cp.snapshot",
    "cp.upload.part",
    "cp.upload.done",
    "cp.sink.flush",
    "fs.prepare.sync",
    "cp.sink.prepare",
    "cp.ack",
    "cp.manifest.before",
    "cp.manifest.after",
    "cp.txn.offsets",
    "cp.txn.commit.before",
    "cp.txn.commit.unknown",
    "cp.txn.commit.after",
    "cp.sink.finish.before",
    "fs.commit.settle",
    "fs.commit.show",
    "fs.commit.marks",
    "fs.commit.sweep",
    "cp.sink.finish.after",
    "cp.marker.before",
    "cp.marker.after",
    "cp.source_ack.before",
    "cp.source_ack.after",
    "gc.list",
    "gc.boundary",
    "gc.delete",
];

/// The steps of a restart, in their order.
pub(crate) const RESTART: &[&str] = &[
    "rs.generation.claim",
    "rs.init_txn",
    "rs.read_marker",
    "rs.manifest.read",
    "rs.state.download",
    "rs.sink.finish",
    "rs.source.seek",
    "rs.first_row",
];

/// The shared broker.
pub(crate) fn broker() -> Result<String> {
    Ok(services::kafka()?.bootstrap)
}

/// Setup on the shared broker.
pub(crate) fn setup(case: &'static str, context: &Context) -> Result<Setup> {
    Ok(Setup::new(case, context.seed, &context.folder, &broker()?))
}

/// Runs under the schedule, judges, and keeps what the scoreboard counts.
pub(crate) fn survive(context: &mut Context, trial: Trial, schedule: &Schedule) -> Result<Run> {
    let case = trial.setup.case;
    let run = trial.supervise(schedule)?;
    let judged = trial.judge()?;
    tell(context, case, &run, &judged)?;
    Ok(run)
}

fn tell(context: &mut Context, case: &str, run: &Run, judged: &Judged) -> Result<()> {
    let mut recoveries = Vec::new();
    for seen in &judged.seen {
        recoveries.extend(run.recoveries(&seen.arrivals()).iter().map(millis));
    }
    record(&serde_json::json!({
        "case": case,
        "seed": context.seed,
        "crashes": run.crashes(),
        "recoveries_ms": recoveries,
    }))?;
    context.figure("rows", judged.rows);
    context.figure("crashes", run.crashes());
    Ok(())
}

pub(crate) fn millis(time: &Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The number of this try: seeds are made from it, so it can be found again.
///
/// A case that walks through a list of steps takes the next step with each try, whatever the seed.
pub(crate) fn number_of(context: &Context) -> usize {
    let name = context
        .folder
        .file_name()
        .map(|name| name.to_string_lossy());
    let number = name.and_then(|name| name.rsplit('-').next()?.parse().ok());
    number.unwrap_or(0)
}

/// F01: SIGKILL at one step of a checkpoint, the first and the third time it is reached.
pub(crate) fn at_each_step(context: &mut Context) -> Result<()> {
    let step = CHECKPOINT[number_of(context) % CHECKPOINT.len()];
    let mut setup = setup("F01", context)?.with_two_sinks();
    reach(&mut setup, step);
    let schedule = Schedule::crash_at(
        context.seed,
        &[
            &format!("{step}=return(kill)"),
            &format!("{step}=2*off->return(kill)"),
        ],
    );
    let run = survive(context, Trial::start(setup)?, &schedule)?;
    wants_crash(context, step, &run)
}

/// Makes a run long enough for a step: nothing is collected before there are more checkpoints than are
/// kept, and they are few while the processors are busy elsewhere.
fn reach(setup: &mut Setup, step: &str) {
    // One subtask has nothing to align.
    setup.parallelism = setup.parallelism.max(2);
    setup.hold_until = 1;
    if step.starts_with("gc.") {
        setup.plan.rows_per_partition = 1_500;
        setup.interval_ms = 50;
    }
}

/// A step that is never reached proves nothing: that is told, not passed over, with what the job did
/// instead while its input was held back for it (see [`reach`]).
fn wants_crash(context: &Context, step: &str, run: &Run) -> Result<()> {
    if run.crashes() > 0 {
        return Ok(());
    }
    let names = all_files(&context.folder.join("world/checkpoints"))?;
    let committed = names.iter().filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("committed-")
    });
    let first = &run.rounds[0];
    let said = std::fs::read_to_string(&first.stderr).unwrap_or_default();
    Err(Error::internal(format!(
        "step '{step}' was never reached: the job ended after {} ms with {}, {} checkpoints are kept; it \
         said: {said}",
        (first.ended - first.started).as_millis(),
        first.exit,
        committed.count()
    )))
}

/// F02: SIGKILL at a step of a checkpoint, then at a step of the restart, then (in every second try)
/// at a third one of either kind.
pub(crate) fn at_a_step_and_again(context: &mut Context) -> Result<()> {
    let mut setup = setup("F02", context)?.with_two_sinks();
    let number = number_of(context);
    let restart = RESTART[number % RESTART.len()];
    let step = one_of(&mut context.chance, CHECKPOINT);
    reach(&mut setup, step);
    // Files are finished, and old checkpoints collected, only now and then.
    let is_rare = !step.starts_with("cp.") || step.starts_with("cp.sink.finish");
    let hit = match is_rare {
        true => 0,
        false => context.chance.below(3),
    };
    let first = format!("{step}={hit}*off->return(kill)");
    let second = format!("{restart}=return(kill)");
    let mut settings = vec![first, second];
    if number % 2 == 1 {
        let third = match context.chance.happens(0.5) {
            true => one_of(&mut context.chance, RESTART),
            false => one_of(&mut context.chance, CHECKPOINT),
        };
        settings.push(format!("{third}=return(kill)"));
    }
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let schedule = Schedule::crash_at(context.seed, &settings);
    let run = survive(context, Trial::start(setup)?, &schedule)?;
    wants_crash(context, step, &run)
}

/// F03: SIGKILL at random times, with the processors taken by others.
pub(crate) fn at_random_times(context: &mut Context) -> Result<()> {
    let setup = setup("F03", context)?;
    let kills = context.chance.between(1, 4) as usize;
    let (earliest, latest) = (Duration::from_millis(30), Duration::from_millis(1_800));
    let schedule = Schedule::random_kills(context.seed, kills, earliest, latest);
    let _burners = Burners::start(4)?;
    survive(context, Trial::start(setup)?, &schedule)?;
    Ok(())
}

/// F04: SIGKILL at the N-th call that makes something last, of a binary that knows nothing of it.
pub(crate) fn at_a_system_call(context: &mut Context) -> Result<()> {
    let setup = setup("F04", context)?.with_two_sinks();
    let trial = Trial::start(setup)?;
    let call = one_of(
        &mut context.chance,
        &[
            "fsync",
            "fdatasync",
            "rename",
            "link",
            "openat",
            "pwrite64",
            "write",
        ],
    );
    let nth = context
        .chance
        .between(1, if call == "fsync" { 60 } else { 200 });
    let program = trial.program(trial.setup.parallelism)?;
    let path = program.path.display().to_string();
    let inject = format!("inject={call}:signal=SIGKILL:when={nth}");
    let trace = format!("trace={call}");
    let mut arguments = vec![
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &trace,
        "-e",
        &inject,
        &path,
    ];
    arguments.extend(program.args.iter().map(String::as_str));
    let traced = Program::new("strace", &arguments);
    let life = Life::start(&traced, None, &context.folder, Arc::clone(&trial.clock))?;
    let end = life.end(Duration::from_secs(90))?;
    if !end.was_killed() && !end.status.success() {
        return Err(Error::internal(format!(
            "wanted a kill at '{call}' {nth}, found {}: {}",
            end.status, end.messages
        )));
    }
    context.figure("killed", end.was_killed());
    survive(context, trial, &Schedule::quiet(context.seed))?;
    Ok(())
}

/// F06: a panic in a task or on the way to the commit: the job starts again in the same process.
pub(crate) fn panics(context: &mut Context) -> Result<()> {
    const PLACES: &[&str] = &[
        "cp.snapshot",
        "cp.barrier.source",
        "cp.sink.flush",
        "cp.align",
        "cp.sink.prepare",
        "cp.upload.part",
        "cp.manifest.before",
        "cp.ack",
        "rs.source.seek",
        "cp.txn.commit.before",
        "cp.sink.finish.before",
        "cp.marker.before",
    ];
    let place = PLACES[number_of(context) % PLACES.len()];
    let setup = setup("F06", context)?.with_two_sinks();
    let hit = context.chance.below(3) + first_in_life(place);
    let schedule = match place.starts_with("rs.") {
        // A restart is needed first, and it comes from another panic.
        true => format!("cp.snapshot=2*off->1*panic->off;{place}=1*panic->off"),
        false => format!("{place}={hit}*off->1*panic->off"),
    };
    let schedule = Schedule {
        seed: context.seed,
        rounds: vec![Round::failpoints(&schedule)],
    };
    let run = survive(context, Trial::start(setup)?, &schedule)?;
    match run.crashes() {
        0 => Ok(()),
        _ => Err(Error::internal(format!(
            "a panic at '{place}' ended the process with {}",
            run.rounds[0].exit
        ))),
    }
}

/// F06: a job that was begun with `--fresh` fails, and its first attempts to begin again fail too: it
/// must still know that it has begun, and not start empty a second time.
pub(crate) fn fresh_once(context: &mut Context) -> Result<()> {
    // With how often each is passed before the first row.
    const PLACES: &[(&str, u32)] = &[
        ("rs.generation.claim", 1),
        ("rs.source.seek", 0),
        ("rs.first_row", 1),
    ];
    let (place, passed) = PLACES[number_of(context) % PLACES.len()];
    let mut setup = setup("F06f", context)?.with_two_sinks();
    setup.arguments = vec!["--fresh".into()];
    let outcome = one_of(&mut context.chance, &["return(error)", "panic"]);
    let failpoints =
        format!("cp.snapshot=9*off->1*panic->off;{place}={passed}*off->2*{outcome}->off");
    let trial = Trial::start(setup)?;
    let end = trial.live(trial.setup.parallelism, Some(&failpoints))?;
    let end = end.end(Duration::from_secs(60))?.well()?;
    context.figure("restarts", end.messages.matches("restarting in").count());
    let judged = trial.judge()?;
    context.figure("rows", judged.rows);
    Ok(())
}

/// Steps of the commit are passed once before the first row, for the marker of the empty state. A job
/// that cannot even begin tells its owner at once and is not started again.
fn first_in_life(place: &str) -> u64 {
    u64::from(place.starts_with("cp.txn."))
}

/// F06: the same with an error instead of a panic.
pub(crate) fn errors(context: &mut Context) -> Result<()> {
    let number = number_of(context);
    let place = CHECKPOINT[number % CHECKPOINT.len()];
    let mut setup = setup("F06e", context)?.with_two_sinks();
    reach(&mut setup, place);
    // Its one life is not to end, so there is nothing to wait for.
    setup.hold_until = 0;
    let hit = context.chance.below(3) + first_in_life(place);
    let schedule = Schedule {
        seed: context.seed,
        rounds: vec![Round::failpoints(&format!(
            "{place}={hit}*off->1*return(error)->off"
        ))],
    };
    let run = survive(context, Trial::start(setup)?, &schedule)?;
    match run.crashes() {
        0 => Ok(()),
        _ => Err(Error::internal(format!(
            "an error at '{place}' ended the process with {}",
            run.rounds[0].exit
        ))),
    }
}

/// F08: asked to stop in the middle, the job drains, commits and exits with 0 within 10 s, twice; the
/// last life finds the rest. A second request while it drains ends it at once.
pub(crate) fn asked_to_stop(context: &mut Context) -> Result<()> {
    let mut setup = setup("F08", context)?.with_query(Query::Tumble { size_s: 10 });
    setup.input = Input::Paced(700);
    let trial = Trial::start(setup)?;
    let parallelism = trial.setup.parallelism;
    for _ in 0..2 {
        let life = trial.live(parallelism, None)?;
        pause(context.chance.between(500, 900));
        life.send(Signal::SIGTERM)?;
        let end = life.end(Duration::from_secs(10))?.well()?;
        context.figure("stopped_after_ms", millis(&end.took));
    }
    stopped_twice(&trial)?;
    survive(context, trial, &Schedule::quiet(context.seed))?;
    Ok(())
}

/// The second request ends a job that drains slowly. On a busy machine it may not have begun yet when it is
/// asked; then it is given more time.
fn stopped_twice(trial: &Trial) -> Result<()> {
    let mut found = String::new();
    for begins_after in [900, 2_000, 5_000] {
        let slow = trial.live(
            trial.setup.parallelism,
            Some("cp.sink.prepare=sleep(20000)"),
        )?;
        pause(begins_after);
        slow.send(Signal::SIGTERM)?;
        pause(200);
        slow.send(Signal::SIGTERM)?;
        let end = slow.end(Duration::from_secs(3))?;
        if end.status.code() == Some(1) {
            return Ok(());
        }
        found = format!("found {}: {}", end.status, end.messages);
        if !end.messages.contains("stopped before it began") {
            break;
        }
    }
    let wanted = "wanted exit 1 after two requests";
    Err(Error::internal(format!("{wanted}, {found}")))
}

/// F10: a second process on the same directory says who is there, and changes nothing.
pub(crate) fn two_at_once(context: &mut Context) -> Result<()> {
    let setup = setup("F10", context)?.with_two_sinks();
    let trial = Trial::start(setup)?;
    let parallelism = trial.setup.parallelism;
    let first = trial.live(parallelism, None)?;
    pause(context.chance.between(300, 900));
    let second = trial.live(parallelism, None)?;
    let holder = first.pid().to_string();
    second
        .end(Duration::from_secs(10))?
        .explained(&[&trial.name, &holder])?;
    first.end(Duration::from_secs(60))?.well()?;
    survive(context, trial, &Schedule::quiet(context.seed))?;
    Ok(())
}

pub(crate) fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}
