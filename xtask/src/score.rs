//! `score ID`: one figure of the scoreboard, written to `score/<id>.json`; fails below its floor.
//!
//! * A file holds the figure, its unit and floor, the seed, the commit, how long it took, the machine,
//!   the number of runs, and which build it was about: a figure of a debug build says so.
//! * Figures of crashes come from the fault cases: the same runs, counted (see [`crate::faults`]).
//!   Figures of [`load`] come from a program of their own. Some only look at what others have kept.
//! * A figure of zero failures always stands beside the number of tries.
//! * The commit is that of the checkout; for a binary named by `MILLSTREAM_BINARY` it is what
//!   `MILLSTREAM_BINARY_COMMIT` says, else unknown.
//! * `docs/reliability/score.md` is written anew from the files ([`page`]); `--page` only does that.

mod load;
mod page;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::faults::{self, Options, Tried};
use crate::{Verdict, date, shell};

/// How a figure is counted.
struct Figure {
    id: &'static str,
    unit: &'static str,
    /// Whether more is better, and the bound.
    floor: (Better, f64),
    /// Cases whose runs are counted.
    cases: &'static [&'static str],
    /// Tries of each if nobody says otherwise.
    runs: u64,
    count: fn(&Tried) -> Result<Counted>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Better {
    More,
    Less,
}

struct Counted {
    figure: f64,
    runs: u64,
    more: BTreeMap<&'static str, Value>,
}

static FIGURES: &[Figure] = &[
    Figure {
        id: "crash-runs",
        unit: "consecutive runs with SIGKILLs and the right result, processors contended",
        floor: (Better::More, 300.0),
        cases: &["F03", "F01", "F02", "F04"],
        runs: 300,
        count: crash_runs,
    },
    Figure {
        id: "lost-dup",
        unit: "rows lost or doubled over all runs with faults",
        floor: (Better::Less, 0.0),
        cases: &["F01", "F02", "F03", "F21", "F22", "F29", "F33", "F40"],
        runs: 20,
        count: lost_dup,
    },
    Figure {
        id: "recover",
        unit: "seconds from SIGKILL to new committed output, p95, small state",
        floor: (Better::Less, 3.0),
        cases: &["F03"],
        runs: 40,
        count: recover,
    },
    Figure {
        id: "corrupt",
        unit: "of the damages to files a restart needs, the part that was detected",
        floor: (Better::More, 1.0),
        cases: &["F15", "F16"],
        runs: 10,
        count: corrupt,
    },
    Figure {
        id: "faults",
        unit: "fault cases survived or covered, of those on the list",
        floor: (Better::More, 24.0),
        cases: &[],
        runs: 0,
        count: survived,
    },
    Figure {
        id: "memory",
        unit: "highest resident memory of all figures of load, as a part of the limit",
        floor: (Better::Less, 1.10),
        cases: &[],
        runs: 0,
        count: memory,
    },
];

/// What was found, as it is kept.
struct Kept {
    figure: f64,
    runs: u64,
    seed: u64,
    build: &'static str,
    /// Whether everything went well that the figure does not count.
    is_clean: bool,
    more: Map<String, Value>,
}

/// Measures the figure that the first argument names.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    let Some((id, rest)) = arguments.split_first() else {
        bail!("score wants a figure: {}", names());
    };
    if id == "--page" {
        write_page()?;
        return Ok(Verdict::Passed);
    }
    let watch = date::Stopwatch::start();
    let (unit, found) = if let Some(load) = load::LOADS.iter().find(|load| load.id == id) {
        (load.unit, load::measure(load, rest)?)
    } else if let Some(figure) = FIGURES.iter().find(|figure| figure.id == id) {
        (figure.unit, figure.measure(rest)?)
    } else {
        bail!("no figure '{id}'; there are {}", names());
    };
    let floor = known(id).context("a figure without a floor")?;
    let passes = found.is_clean && passes(floor, found.figure);
    let mut file = json!({
        "figure": found.figure,
        "unit": unit,
        "floor": floor.1,
        "passes": passes,
        "runs": found.runs,
        "seed": found.seed,
        "build": found.build,
        "commit": measured_commit()?,
        "date": date::today(),
        "duration_s": watch.elapsed().as_secs(),
        "machine": machine(),
    });
    for (key, value) in found.more {
        file[key] = value;
    }
    let text = serde_json::to_string_pretty(&file)? + "\n";
    faults::write(&folder().join(format!("{id}.json")), &text)?;
    print!("{text}");
    write_page()?;
    Ok(if passes {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

impl Figure {
    fn measure(&self, words: &[String]) -> Result<Kept> {
        let mut options = Options::parse(words)?;
        ensure!(options.ids.is_empty(), "score wants one figure and numbers");
        options.ids = self.cases.iter().map(ToString::to_string).collect();
        if !words.iter().any(|word| word == "--runs") {
            options.runs = self.runs;
        }
        let tried = match self.cases.is_empty() {
            false => faults::attempt(&options)?,
            true => Tried {
                passed: true,
                reports: faults::kept()?,
                log: Vec::new(),
                build: "any",
            },
        };
        let counted = (self.count)(&tried)?;
        let more = counted.more.into_iter();
        Ok(Kept {
            figure: counted.figure,
            runs: counted.runs,
            seed: options.seed,
            build: tried.build,
            is_clean: tried.passed,
            more: more.map(|(key, value)| (key.to_string(), value)).collect(),
        })
    }
}

fn passes(floor: (Better, f64), figure: f64) -> bool {
    match floor {
        (Better::More, floor) => figure >= floor,
        (Better::Less, floor) => figure <= floor,
    }
}

/// The commit that was measured. A binary that somebody has named need not be that of the checkout:
/// `MILLSTREAM_BINARY_COMMIT` says what it is of, and without it nothing is claimed.
fn measured_commit() -> Result<String> {
    let is_named = std::env::var_os("MILLSTREAM_BINARY").is_some();
    match std::env::var("MILLSTREAM_BINARY_COMMIT") {
        Ok(commit) if is_named => Ok(commit),
        _ if is_named => Ok("unknown".to_string()),
        _ => faults::commit(),
    }
}

/// What a figure must reach.
fn known(id: &str) -> Option<(Better, f64)> {
    let counted = FIGURES.iter().map(|figure| (figure.id, figure.floor));
    let loads = load::LOADS.iter().map(|load| (load.id, load.floor));
    counted
        .chain(loads)
        .find(|(known, _)| *known == id)
        .map(|(_, floor)| floor)
}

fn names() -> String {
    let counted = FIGURES.iter().map(|figure| figure.id);
    let all: Vec<&str> = counted
        .chain(load::LOADS.iter().map(|load| load.id))
        .collect();
    all.join(", ")
}

fn folder() -> PathBuf {
    shell::root().join("score")
}

/// The file of a figure, if it was measured.
fn kept(id: &str) -> Result<Option<Value>> {
    let path = folder().join(format!("{id}.json"));
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let file = serde_json::from_str(&text);
            file.map(Some).with_context(|| path.display().to_string())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Every figure that was measured, in the order of the lists.
fn all_kept() -> Result<Vec<(String, Value)>> {
    let loads = load::LOADS.iter().map(|load| load.id);
    let ids = loads.chain(FIGURES.iter().map(|figure| figure.id));
    let mut files = Vec::new();
    for id in ids {
        if let Some(file) = kept(id)? {
            files.push((id.to_string(), file));
        }
    }
    Ok(files)
}

fn write_page() -> Result<()> {
    let path = shell::root().join("docs/reliability/score.md");
    faults::write(&path, &page::page(&all_kept()?))?;
    eprintln!("written: {}", path.display());
    Ok(())
}

/// Lives that ended by a kill, and runs, of the log.
fn lives(tried: &Tried) -> impl Iterator<Item = &Value> {
    tried.log.iter().filter(|line| line["crashes"].is_u64())
}

fn sum(tried: &Tried, key: &str) -> u64 {
    tried.log.iter().filter_map(|line| line[key].as_u64()).sum()
}

/// A failed run ends the count: runs of cases after it are not consecutive.
fn crash_runs(tried: &Tried) -> Result<Counted> {
    let clean = lives(tried).count() as u64;
    Ok(Counted {
        figure: clean as f64,
        runs: tried
            .reports
            .iter()
            .filter_map(|r| r["tries"].as_u64())
            .sum(),
        more: BTreeMap::from([
            ("kills", json!(sum(tried, "crashes"))),
            ("rows_compared", json!(sum(tried, "rows"))),
        ]),
    })
}

fn lost_dup(tried: &Tried) -> Result<Counted> {
    let (lost, doubled) = (sum(tried, "lost"), sum(tried, "duplicated"));
    Ok(Counted {
        figure: (lost + doubled) as f64,
        runs: lives(tried).count() as u64,
        more: BTreeMap::from([
            ("lost", json!(lost)),
            ("doubled", json!(doubled)),
            ("kills", json!(sum(tried, "crashes"))),
            ("rows_compared", json!(sum(tried, "rows"))),
        ]),
    })
}

fn recover(tried: &Tried) -> Result<Counted> {
    let all = lives(tried).filter_map(|line| line["recoveries_ms"].as_array());
    let mut times: Vec<u64> = all.flatten().filter_map(Value::as_u64).collect();
    times.sort_unstable();
    ensure!(!times.is_empty(), "no recovery was seen");
    Ok(Counted {
        figure: at(&times, 95) as f64 / 1_000.0,
        runs: times.len() as u64,
        more: BTreeMap::from([
            ("p50_s", json!(at(&times, 50) as f64 / 1_000.0)),
            ("max_s", json!(at(&times, 100) as f64 / 1_000.0)),
            ("note", json!("with four threads that compute on all cores")),
        ]),
    })
}

/// The nearest-rank percentile of sorted times.
fn at(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// A failure that names the damage is one nobody noticed; any other is a run that could not be judged,
/// and then there is no figure.
fn corrupt(tried: &Tried) -> Result<Counted> {
    let (detected, harmless) = (sum(tried, "detected"), sum(tried, "harmless"));
    let mut silent = 0;
    for report in tried.reports.iter().filter(|r| r["state"] == "failed") {
        let reason = report["reason"].as_str().unwrap_or_default();
        let names_damage = DAMAGES.iter().any(|kind| reason.contains(kind));
        ensure!(
            names_damage,
            "{} failed before any damage was judged: {reason}",
            report["case"]
        );
        silent += 1;
    }
    let needed = detected + silent;
    ensure!(needed > 0, "no damage to a file that is needed was tried");
    Ok(Counted {
        figure: detected as f64 / needed as f64,
        runs: detected + harmless + silent,
        more: BTreeMap::from([
            ("detected", json!(detected)),
            ("not_needed", json!(harmless)),
            ("silent", json!(silent)),
        ]),
    })
}

/// How the cases name what they did to a file.
const DAMAGES: [&str; 4] = ["FlipBit of '", "Truncate of '", "Zero of '", "Delete of '"];

/// Rows of the list count once each, whatever letters are behind the number.
fn survived(tried: &Tried) -> Result<Counted> {
    let mut cases: BTreeMap<&str, bool> = BTreeMap::new();
    for report in &tried.reports {
        let id = report["case"].as_str().context("a case without a name")?;
        let reason = report["reason"].as_str().unwrap_or_default();
        let good = report["state"] == "survived" || reason.starts_with("covered by ");
        let known = cases.entry(id.get(..3).unwrap_or(id)).or_insert(true);
        *known &= good;
    }
    let good = cases.values().filter(|good| **good).count();
    Ok(Counted {
        figure: good as f64,
        runs: tried
            .reports
            .iter()
            .filter_map(|r| r["tries"].as_u64())
            .sum(),
        more: BTreeMap::from([("defined", json!(48)), ("listed", json!(cases.len()))]),
    })
}

/// The worst of the figures of load, each against the limit it ran under.
fn memory(_: &Tried) -> Result<Counted> {
    let mut parts: BTreeMap<String, f64> = BTreeMap::new();
    for (id, file) in all_kept()? {
        let (peak, limit) = (file["peak_bytes"].as_f64(), file["memory_limit"].as_f64());
        if let (Some(peak), Some(limit)) = (peak, limit) {
            let part = (peak / limit * 1_000.0).round() / 1_000.0;
            parts.insert(id, part);
        }
    }
    ensure!(!parts.is_empty(), "no figure of load was measured yet");
    Ok(Counted {
        figure: parts.values().copied().fold(0.0, f64::max),
        runs: parts.len() as u64,
        more: BTreeMap::from([("parts", json!(parts))]),
    })
}

/// Cores and memory: enough to compare by, nothing to recognise it by.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let gib = kib.unwrap_or_default().div_ceil(1 << 20);
    format!("{cores} cores, {gib} GiB, {}", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(log: Vec<Value>, reports: Vec<Value>) -> Tried {
        Tried {
            passed: true,
            reports,
            log,
            build: "debug",
        }
    }

    #[test]
    fn rows_lost_and_doubled_are_added_over_all_runs() {
        let log = vec![
            json!({"rows": 10, "lost": 1, "duplicated": 0}),
            json!({"crashes": 2, "recoveries_ms": [500]}),
            json!({"rows": 5, "lost": 0, "duplicated": 2}),
        ];
        let counted = lost_dup(&tried(log, Vec::new())).unwrap();
        assert_eq!((counted.figure, counted.runs), (3.0, 1));
        assert_eq!(counted.more["rows_compared"], json!(15));
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let times: Vec<u64> = (1..=20).collect();
        assert_eq!(
            (at(&times, 50), at(&times, 95), at(&times, 100)),
            (10, 19, 20)
        );
        assert_eq!(at(&[7], 95), 7);
    }

    #[test]
    fn a_case_counts_once_and_only_if_all_of_its_rows_are_good() {
        let reports = vec![
            json!({"case": "F01", "state": "survived", "tries": 3}),
            json!({"case": "F22", "state": "survived", "tries": 3}),
            json!({"case": "F22b", "state": "failed", "tries": 3}),
            json!({"case": "F05", "state": "gap", "tries": 0, "reason": "covered by `x`"}),
        ];
        assert_eq!(survived(&tried(Vec::new(), reports)).unwrap().figure, 2.0);
    }

    #[test]
    fn a_damage_that_nobody_noticed_lowers_the_figure() {
        let log = vec![json!({"detected": 9, "harmless": 4})];
        let failed =
            |reason: &str| vec![json!({"case": "F15", "state": "failed", "reason": reason})];
        let unnoticed = failed("FlipBit of 'manifest-1' was not noticed");
        let counted = corrupt(&tried(log.clone(), unnoticed)).unwrap();
        assert_eq!(counted.figure, 0.9);
        assert!(
            corrupt(&tried(log, failed("wanted a kill"))).is_err(),
            "no damage was done"
        );
    }

    #[test]
    fn a_figure_has_its_name_alone() {
        let all = names();
        let mut ids: Vec<&str> = all.split(", ").collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), FIGURES.len() + load::LOADS.len());
    }

    #[test]
    fn a_floor_may_be_a_ceiling() {
        let floor = |id: &str| known(id).unwrap();
        assert!(passes(floor("crash-runs"), 300.0) && !passes(floor("crash-runs"), 299.0));
        assert!(passes(floor("lost-dup"), 0.0) && !passes(floor("lost-dup"), 1.0));
        assert!(passes(floor("load"), 150_000.0) && !passes(floor("latency"), 2.1));
    }
}
