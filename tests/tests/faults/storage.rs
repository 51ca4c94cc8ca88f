//! F15, F16: what a job has kept is damaged while it does not run.
//!
//! The world of a job that was killed in the middle (its checkpoints and its files) is copied; each
//! damage is done to a fresh copy. The job then either refuses, naming the file, or ends with the
//! right result, because it did not need that file or was allowed to fall back. Anything else is
//! silent: rows that are lost, or doubled by a start that took damage for "nothing there". Files that
//! the newest committed checkpoint needs must be refused, and most damages are done to those.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_core::{Code, Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::chance::Chance;
use millstream_faultkit::reference::Query;

use crate::crash::setup;
use crate::trial::{Input, Target, Trial, all_files, one_of, record, unreadable};

const LONG: Duration = Duration::from_secs(30);

/// Damages tried by one try of the case.
const DAMAGES: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    FlipBit,
    Truncate,
    Zero,
    Delete,
}

/// F15: one bit flipped, the end cut off, or zeros from somewhere on, in files of every kind.
pub(crate) fn damaged(context: &mut Context) -> Result<()> {
    damage(
        "F15",
        context,
        &[Damage::FlipBit, Damage::Truncate, Damage::Zero],
    )
}

/// F16: a file is gone.
pub(crate) fn missing(context: &mut Context) -> Result<()> {
    damage("F16", context, &[Damage::Delete])
}

fn damage(case: &'static str, context: &mut Context, kinds: &[Damage]) -> Result<()> {
    let mut setup = setup(case, context)?;
    setup.queries = vec![(Query::Tumble { size_s: 10 }, Target::Files)];
    setup.input = Input::Paced(2_500);
    setup.interval_ms = 60;
    let mut trial = Trial::start(setup)?;
    let life = trial.live(
        trial.setup.parallelism,
        Some("cp.trigger=2*off->return(kill)"),
    )?;
    let end = life.end(LONG)?;
    if !end.was_killed() {
        return Err(Error::internal(format!("wanted a kill: {}", end.messages)));
    }
    trial.wait_for_input()?;
    let (world, kept) = (trial.world(), trial.setup.folder.join("kept"));
    copy(&world, &kept)?;
    let mut files = all_files(&trial.checkpoints())?;
    files.retain(|path| path.file_name().is_some_and(|name| name != "lock"));
    let newest = newest_committed(&files)?;
    let needed: Vec<PathBuf> = files
        .iter()
        .filter(|path| is_needed(path, &newest))
        .cloned()
        .collect();
    let (mut detected, mut harmless) = (0u64, 0u64);
    for number in 0..DAMAGES {
        let among = if number % 4 == 3 { &files } else { &needed };
        let path = one_of(&mut context.chance, among);
        let kind = one_of(&mut context.chance, kinds);
        if !hurt(&path, kind, &mut context.chance)? {
            continue;
        }
        let refused = answer(&trial, &path, kind)
            .map_err(|error| error.context(format!("{kind:?} of '{}'", path.display())))?;
        match refused {
            true => detected += 1,
            false if needed.contains(&path) => {
                return Err(Error::internal(format!(
                    "{kind:?} of '{}' was not noticed although the newest checkpoint needs it",
                    path.display()
                )));
            }
            false => harmless += 1,
        }
        fs::remove_dir_all(&world).map_err(|cause| unreadable(&world, cause))?;
        copy(&kept, &world)?;
    }
    record(&serde_json::json!({
        "case": case, "seed": context.seed, "detected": detected, "harmless": harmless, "silent": 0,
    }))?;
    context.figure("detected", detected);
    context.figure("harmless", harmless);
    Ok(())
}

/// The number, as in names of files, of the newest checkpoint that is committed.
fn newest_committed(files: &[PathBuf]) -> Result<String> {
    let names = files.iter().filter_map(|path| path.file_name()?.to_str());
    let numbers = names.filter_map(|name| name.strip_prefix("committed-")?.rsplit('-').next());
    let newest = numbers.max().map(str::to_owned);
    newest.ok_or_else(|| Error::internal("no checkpoint was committed"))
}

/// The manifest of the newest committed checkpoint; small state stands in it.
fn is_needed(path: &Path, newest: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("manifest-") && name.ends_with(newest)
}

/// Whether the job refused the damage; an error if it neither refused nor was right.
fn answer(trial: &Trial, path: &Path, kind: Damage) -> Result<bool> {
    let end = trial.live(trial.setup.parallelism, None)?.end(LONG)?;
    if end.status.success() {
        trial.judge_files()?;
        return Ok(false);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A manifest that is gone has no name any more; its number is told.
    let told = match name
        .split('-')
        .next_back()
        .map(|n| n.trim_start_matches('0'))
    {
        Some(number) if name.starts_with("manifest-") && kind == Damage::Delete => {
            format!("checkpoint {number} ")
        }
        // Who is in whose place is told by lineages.
        Some(_) if name.starts_with("generation-") && kind == Damage::Delete => "lineage '".into(),
        _ => name.into_owned(),
    };
    end.explained(&[&told])?;
    Ok(true)
}

/// Damages a file; false if there was nothing to change.
fn hurt(path: &Path, kind: Damage, chance: &mut Chance) -> Result<bool> {
    let failed = |cause| unreadable(path, cause);
    let mut bytes = fs::read(path).map_err(failed)?;
    if kind == Damage::Delete {
        return fs::remove_file(path).map_err(failed).map(|()| true);
    }
    if bytes.is_empty() {
        return Ok(false);
    }
    let before = bytes.clone();
    let at = chance.below(bytes.len() as u64) as usize;
    match kind {
        Damage::FlipBit => bytes[at] ^= 1 << chance.below(8),
        Damage::Truncate => bytes.truncate(at),
        Damage::Zero => bytes[at..].fill(0),
        Damage::Delete => {}
    }
    fs::write(path, &bytes).map_err(failed)?;
    Ok(bytes != before)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for path in all_files(from)? {
        let below = path.strip_prefix(from).map_err(|_| {
            Error::internal(format!("'{}' is not below its folder", path.display()))
        })?;
        let target: PathBuf = to.join(below);
        let copied = target
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::copy(&path, &target));
        copied.map_err(|cause| {
            Error::new(Code::Write, format!("cannot copy '{}'", path.display())).caused_by(cause)
        })?;
    }
    Ok(())
}
