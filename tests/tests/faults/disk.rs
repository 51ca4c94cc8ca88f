//! F05, F13, F14: the disk on which a job keeps its state and writes its files loses its power, is full,
//! has no files left, or takes nothing any more.
//!
//! The disk is a real one of the kernel, in a namespace of its own (see `faultkit::disk`). Kafka and the
//! test stay outside: what a reader was shown before the power was cut has been shown.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::disk::Disk;
use millstream_faultkit::supervisor::Schedule;
use nix::sys::signal::Signal;

use crate::crash::{number_of, pause, setup, survive};
use crate::life::Life;
use crate::trial::{Setup, Trial};

const LONG: Duration = Duration::from_secs(60);

/// Room of the small disk: some checkpoints of a small job, and not many more.
const SMALL: u64 = 8 << 20;

/// F05: the power is cut three times while the job makes checkpoints and files; each time what was not
/// synced is gone, and half a second later the job starts on what is left.
pub(crate) fn power_is_cut(context: &mut Context) -> Result<()> {
    let image = context.folder.join("image");
    let disk = Disk::image(&context.folder.join("world"), &image, 64 << 20)?;
    let trial = on(disk, "F05", context, 400)?;
    let (mut cuts, mut lives) = (0, 0);
    while cuts < 3 && lives < 12 {
        lives += 1;
        let mut life = trial.live(trial.setup.parallelism, None)?;
        pause(context.chance.between(250, 1_500));
        let over = life.is_over()?;
        let disk = disk_of(&trial)?;
        disk.cut_power()?;
        life.send(Signal::SIGKILL)?;
        life.end(LONG)?;
        disk.power_on()?;
        if over {
            break;
        }
        cuts += 1;
    }
    context.figure("cuts", cuts);
    survive(context, trial, &Schedule::quiet(context.seed))?;
    match cuts {
        0 => Err(Error::internal("the job was over before the power was cut")),
        _ => Ok(()),
    }
}

/// F13: the disk is full for two seconds in the middle of the run: the job waits or starts again, nothing is
/// lost, and it goes on once there is room; a start on a full disk says so and changes nothing.
pub(crate) fn full(context: &mut Context) -> Result<()> {
    without(context, "F13", Disk::fill, Disk::free)
}

/// F14: in turn: no files can be made, the file system is read-only, and every write fails as a broken disk's.
pub(crate) fn takes_nothing(context: &mut Context) -> Result<()> {
    match number_of(context) % 3 {
        0 => without(context, "F14", Disk::take_files, Disk::free),
        1 => read_only(context),
        _ => broken(context),
    }
}

fn without(
    context: &mut Context,
    case: &'static str,
    take: fn(&Disk) -> Result<()>,
    give: fn(&Disk) -> Result<()>,
) -> Result<()> {
    let disk = Disk::memory(&context.folder.join("world"), SMALL, 600)?;
    let trial = on(disk, case, context, 500)?;
    let mut life = trial.live(trial.setup.parallelism, None)?;
    wait_for_checkpoint(&trial, &life)?;
    pause(context.chance.between(0, 300));
    take(disk_of(&trial)?)?;
    pause(2_000);
    if life.is_over()? {
        // A clear failure is allowed; a silent one is not.
        life.end(LONG)?.explained(&["MS"])?;
        context.figure("answer", "ended with an error");
    } else {
        context.figure("answer", "waited");
        give(disk_of(&trial)?)?;
        life.end(LONG)?.well()?;
    }
    give(disk_of(&trial)?)?;
    survive(context, trial, &Schedule::quiet(context.seed))?;
    Ok(())
}

/// The job dies, its disk comes back read-only: the start names the file it cannot write; then all is well.
fn read_only(context: &mut Context) -> Result<()> {
    let disk = Disk::memory(&context.folder.join("world"), SMALL, 600)?;
    let trial = on(disk, "F14", context, 500)?;
    let life = trial.live(
        trial.setup.parallelism,
        Some("cp.marker.after=2*off->return(kill)"),
    )?;
    life.end(LONG)?;
    disk_of(&trial)?.read_only(true)?;
    let end = trial.live(trial.setup.parallelism, None)?.end(LONG)?;
    end.explained(&[&trial.world().display().to_string()])?;
    disk_of(&trial)?.read_only(false)?;
    survive(context, trial, &Schedule::quiet(context.seed))?;
    Ok(())
}

/// Every write and sync fails with EIO from some moment on: what was not synced counts as lost, the job may
/// not end well, and a later one on the same disk is right.
fn broken(context: &mut Context) -> Result<()> {
    let image = context.folder.join("image");
    let disk = Disk::image(&context.folder.join("world"), &image, 64 << 20)?;
    let trial = on(disk, "F14", context, 400)?;
    let life = trial.live(trial.setup.parallelism, None)?;
    wait_for_checkpoint(&trial, &life)?;
    pause(context.chance.between(0, 300));
    disk_of(&trial)?.cut_power()?;
    pause(2_000);
    let said = life.messages();
    life.send(Signal::SIGKILL)?;
    let end = life.end(LONG)?;
    if end.status.success() || said.contains("panicked") {
        return Err(Error::internal(format!(
            "wanted a job that fails on a broken disk, found {}: {said}",
            end.status
        )));
    }
    disk_of(&trial)?.power_on()?;
    survive(context, trial, &Schedule::quiet(context.seed))?;
    Ok(())
}

/// A job with a topic and files on this disk, whose input lasts for two seconds or more.
fn on(disk: Disk, case: &'static str, context: &Context, rate: u64) -> Result<Trial> {
    let mut setup: Setup = setup(case, context)?.with_two_sinks();
    setup.input = crate::trial::Input::Paced(rate);
    setup.plan.rows_per_partition = rate;
    setup.disk = Some(Arc::new(disk));
    Trial::start(setup)
}

fn disk_of(trial: &Trial) -> Result<&Disk> {
    let disk = trial.setup.disk.as_deref();
    disk.ok_or_else(|| Error::internal("a case of disks without a disk"))
}

/// Until there is something to lose.
fn wait_for_checkpoint(trial: &Trial, life: &Life) -> Result<()> {
    let folder = trial.seen(&trial.checkpoints());
    for _ in 0..600 {
        if has_committed(&folder)? {
            return Ok(());
        }
        pause(50);
    }
    let said = life.messages();
    Err(Error::internal(format!(
        "no checkpoint within 30 s: {said}"
    )))
}

fn has_committed(folder: &Path) -> Result<bool> {
    let names = crate::trial::all_files(folder)?;
    Ok(names.iter().any(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("committed-")
    }))
}
