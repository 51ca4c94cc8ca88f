//! F09, F17-F20: the place where checkpoints are kept is slow, refuses, loses answers, is away, or fills up.
//!
//! ```text
//! millstream run ──▶ HTTP proxy (503, resets, lost answers, slow, silent) ──▶ a real S3 server
//! ```

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream_core::{Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::chance::Chance;
use millstream_faultkit::disk::Disk;
use millstream_faultkit::proxy::{Action, Match, Protocol, Proxy, Rule, Weather};
use millstream_faultkit::reference::Query;
use millstream_faultkit::services;
use millstream_faultkit::supervisor::{Run, Schedule};
use nix::sys::signal::Signal;

use crate::crash::{pause, setup, survive};
use crate::trial::{Input, Judged, Setup, Target, Trial, all_files, is_full};

/// Longest time from healing to the end of a job whose input has come.
const LIVE: Duration = Duration::from_secs(30);

/// A job that keeps its checkpoints in a bucket behind a proxy.
fn in_a_bucket(case: &'static str, context: &Context) -> Result<(Proxy, Setup)> {
    let s3 = services::s3()?;
    let address = s3.endpoint.trim_start_matches("http://");
    let server: SocketAddr = address
        .parse()
        .map_err(|cause| Error::internal("the store has no address").caused_by(cause))?;
    let proxy = Proxy::local(server, Protocol::Http, context.seed)?;
    let mut setup = setup(case, context)?;
    let prefix = format!("faults-{case}-{:x}", context.seed);
    setup.checkpoint_url = Some(format!("s3://{}/{prefix}", s3.bucket));
    let endpoint = format!("http://{}", proxy.address());
    let pairs = [
        ("AWS_ACCESS_KEY_ID", s3.access_key),
        ("AWS_SECRET_ACCESS_KEY", s3.secret_key),
        ("AWS_REGION", s3.region),
        ("AWS_ENDPOINT_URL", endpoint),
    ];
    setup.env = pairs.map(|(key, value)| (key.into(), value)).into();
    setup.arguments.push("--set".into());
    setup.arguments.push("s3.path.style.access=true".into());
    Ok((proxy, setup))
}

/// A request of every kind, with this method.
fn with_method(method: &str) -> Match {
    Match::Http {
        method: Some(method.into()),
        path_contains: String::new(),
    }
}

/// F17: 10 % answers of 503, 5 % of 429, 10 % resets, 5 % lost answers (a create may be done or not), seconds
/// of delay and of 2 KiB/s now and then, and kills at random times.
pub(crate) fn store_has_a_bad_day(context: &mut Context) -> Result<()> {
    let (proxy, mut setup) = in_a_bucket("F17", context)?;
    setup.input = Input::Paced(700);
    setup.hold_until = 1;
    let any = || Match::Http {
        method: None,
        path_contains: String::new(),
    };
    for (probability, action) in [
        (0.10, Action::Answer(503)),
        (0.05, Action::Answer(429)),
        (0.05, Action::CutBeforeRequest),
        (0.05, Action::CutAfterRequest),
    ] {
        proxy.add_rule(Rule::sometimes(any(), probability, action));
    }
    proxy.add_rule(Rule::sometimes(
        with_method("PUT"),
        0.05,
        Action::CutBeforeAnswer,
    ));
    let kills = context.chance.between(1, 2) as usize;
    let (earliest, latest) = (Duration::from_millis(600), Duration::from_millis(3_000));
    let schedule = Schedule::random_kills(context.seed, kills, earliest, latest);
    let trial = Trial::start(setup)?;
    let mut turn = 0;
    let (run, judged) = while_weather(context, trial, &proxy, &schedule, |proxy, chance| {
        pause(chance.between(200, 700));
        turn += 1;
        proxy.set_weather(match turn % 2 {
            0 => Weather::slow(Duration::from_millis(700), Duration::from_millis(500)),
            _ => Weather {
                bytes_per_second: Some(2_048),
                ..Weather::default()
            },
        });
        pause(chance.between(200, 900));
        proxy.set_weather(Weather::default());
    })?;
    context.figure("rows", judged.rows);
    context.figure("crashes", run.crashes());
    for (name, times) in proxy.fired() {
        context.figure(name, times);
    }
    Ok(())
}

/// F18: the store is away for a while: every connection is refused, in every second try also silent. The job
/// waits, says so, and goes on within 30 s. 8 s here, 5 minutes with `--full`.
pub(crate) fn store_is_away(context: &mut Context) -> Result<()> {
    let away = match is_full() {
        true => Duration::from_secs(300),
        false => Duration::from_secs(8),
    };
    let (proxy, mut setup) = in_a_bucket("F18", context)?;
    setup.input = Input::Paced(700);
    setup.patience = away + LIVE + Duration::from_secs(60);
    // Small, so that what is read while nothing can be kept would show.
    setup.rss_bytes = Some(800 << 20);
    let trial = Trial::start(setup)?;
    let silent = context.chance.happens(0.5);
    let begins = Duration::from_millis(context.chance.between(900, 1_800));
    let clock = Arc::clone(&trial.clock);
    let healed = std::sync::Mutex::new(None);
    let schedule = Schedule::quiet(context.seed);
    let mut done = false;
    let (run, judged) = while_weather(context, trial, &proxy, &schedule, |proxy, _| {
        if done {
            return pause(20);
        }
        done = true;
        std::thread::sleep(begins);
        proxy.set_weather(Weather {
            refuse: true,
            block_up: silent,
            block_down: silent,
            ..Weather::default()
        });
        if !silent {
            proxy.reset_all();
        }
        std::thread::sleep(away);
        proxy.set_weather(Weather::default());
        proxy.reset_all();
        if let Ok(mut healed) = healed.lock() {
            *healed = Some(clock.elapsed());
        }
    })?;
    context.figure("rows", judged.rows);
    context.figure("silent", silent);
    let healed = healed.into_inner().unwrap_or_default();
    let ended = run.rounds.last().map(|lived| lived.ended);
    match (healed, ended) {
        (Some(healed), Some(ended)) if ended >= healed => {
            let took = ended - healed;
            context.figure("back_after_ms", crate::crash::millis(&took));
            match took <= LIVE {
                true => Ok(()),
                false => Err(Error::internal(format!(
                    "the job was back {} ms after the store, wanted 30 s",
                    took.as_millis()
                ))),
            }
        }
        _ => Err(Error::internal(
            "the job was over before the store was away: nothing was shown",
        )),
    }
}

/// F09: a process stands still for longer than twice its transaction may take, another one takes over its
/// bucket; when the first goes on it ends, says that it was fenced, and has changed nothing.
pub(crate) fn frozen_and_replaced(context: &mut Context) -> Result<()> {
    let (_proxy, setup) = in_a_bucket("F09", context)?;
    let mut setup = setup
        .with_query(Query::PassThrough)
        .with_option("properties.transaction.timeout.ms", "1500");
    // Both must still have something to do when the first goes on.
    setup.plan.rows_per_partition = 1_000;
    setup.input = Input::Paced(120);
    let trial = Trial::start(setup)?;
    let first = trial.live(trial.setup.parallelism, None)?;
    pause(context.chance.between(1_500, 2_500));
    first.send(Signal::SIGSTOP)?;
    let second = trial.live(trial.setup.parallelism, None)?;
    // Brokers look for old transactions every 10 s.
    pause(13_500);
    first.send(Signal::SIGCONT)?;
    first.end(LIVE)?.explained(&["MS4003"])?;
    second.end(Duration::from_secs(90))?.well()?;
    let judged = trial.judge()?;
    context.figure("rows", judged.rows);
    Ok(())
}

/// Runs the job while `weather` does something to the proxy again and again; then judges in fair weather.
fn while_weather(
    context: &Context,
    trial: Trial,
    proxy: &Proxy,
    schedule: &Schedule,
    mut weather: impl FnMut(&Proxy, &mut Chance) + Send,
) -> Result<(Run, Judged)> {
    let over = AtomicBool::new(false);
    let mut chance = Chance::branch(context.seed, "weather");
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                weather(proxy, &mut chance);
            }
        });
        let run = trial.supervise(schedule);
        over.store(true, Ordering::SeqCst);
        run
    });
    proxy.clear_rules();
    proxy.set_weather(Weather::default());
    Ok((run?, trial.judge()?))
}

/// F19: a hundred checkpoints and kills while files are collected: what is kept stays small, and every file
/// that is left belongs to a checkpoint that is kept.
pub(crate) fn storage_stays_small(context: &mut Context) -> Result<()> {
    let mut setup = setup("F19", context)?;
    // Files are committed faster than transactions.
    setup.queries = vec![(Query::Tumble { size_s: 10 }, Target::Files)];
    setup.plan.rows_per_partition = 4_000;
    setup.plan.keys = 2_000;
    setup.input = Input::Paced(1_500);
    setup.interval_ms = 10;
    setup.hold_until = 4;
    if Disk::missing().is_none() {
        // A hundred checkpoints are many syncs; what is kept does not depend on them.
        let disk = Disk::memory(&setup.folder.join("world"), 256 << 20, 10_000)?;
        setup.disk = Some(Arc::new(disk));
    }
    let disk = setup.disk.clone();
    let inside = setup.folder.join("world/checkpoints");
    let folder = match &disk {
        Some(disk) => disk.seen(&inside),
        None => inside,
    };
    let schedule = Schedule::crash_at(
        context.seed,
        &[
            "gc.delete=7*off->return(kill)",
            "gc.boundary=3*off->return(kill)",
            "cp.upload.done=9*off->return(kill)",
            "gc.list=9*off->return(kill)",
        ],
    );
    survive(context, Trial::start(setup)?, &schedule)?;
    let kept = sizes(&folder)?;
    context.figure("checkpoints", kept.newest);
    context.figure("files", kept.files);
    context.figure("bytes", kept.bytes);
    let busiest = kept.largest_manifest.max(64 << 10);
    if kept.newest < 100 {
        let text = format!("wanted 100 checkpoints, found {}", kept.newest);
        return Err(Error::internal(text));
    }
    // At most ten checkpoints' worth of small objects: three that are kept, those not collected yet.
    if kept.files > 60 || kept.bytes > 10 * busiest {
        return Err(Error::internal(format!(
            "after {} checkpoints {} files with {} bytes are kept; one has {busiest}",
            kept.newest, kept.files, kept.bytes
        )));
    }
    Ok(())
}

struct Kept {
    files: u64,
    bytes: u64,
    largest_manifest: u64,
    newest: u64,
}

fn sizes(folder: &Path) -> Result<Kept> {
    let mut kept = Kept {
        files: 0,
        bytes: 0,
        largest_manifest: 0,
        newest: 0,
    };
    for path in all_files(folder)? {
        let size = std::fs::metadata(&path)
            .map_err(|cause| crate::trial::unreadable(&path, cause))?
            .len();
        kept.files += 1;
        kept.bytes += size;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("manifest-") {
            kept.largest_manifest = kept.largest_manifest.max(size);
            let number = name.rsplit('-').next().and_then(|n| n.parse().ok());
            kept.newest = kept.newest.max(number.unwrap_or(0));
        }
    }
    Ok(kept)
}

/// F20: a checkpoint takes six times its interval, then ten in a row fail, then all is well: none overlap,
/// the job says what failed, and goes on by itself.
pub(crate) fn checkpoints_fail_in_a_row(context: &mut Context) -> Result<()> {
    let mut setup = setup("F20", context)?.with_two_sinks();
    setup.plan.rows_per_partition = 1_000;
    setup.input = Input::Paced(600);
    setup.interval_ms = 50;
    setup.rss_bytes = Some(800 << 20);
    let trial = Trial::start(setup)?;
    let outcome = crate::trial::one_of(&mut context.chance, &["return(error)", "panic"]);
    // The first is the empty state's; then slow ones; then errors that end a life each.
    let failpoints = format!("cp.upload.done=4*sleep(300)->10*{outcome}->off");
    let end = trial.live(trial.setup.parallelism, Some(&failpoints))?;
    let end = end.end(Duration::from_secs(80))?.well()?;
    let restarts = end.messages.matches("restarting in").count();
    context.figure("restarts", restarts);
    // Two state files of one checkpoint may fail together, and that is one failure of the job.
    if restarts < 5 {
        return Err(Error::internal(format!(
            "wanted at least five failures that are told, found {restarts}: {}",
            end.messages
        )));
    }
    let judged = trial.judge()?;
    context.figure("rows", judged.rows);
    Ok(())
}
