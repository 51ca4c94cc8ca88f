//! `score ID`: one figure of the scoreboard, written to `score/<id>.json`; fails below its floor.
//!
//! * A file holds the figure, its unit and floor, the seed, the commit, how long it took, the machine,
//!   the number of runs, and which build it was about: a figure of a debug build says so.
//! * Figures of crashes come from the fault cases: the same runs, counted (see [`crate::faults`]).
//! * A figure of zero failures always stands beside the number of tries.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

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
];

/// Measures the figure that the first argument names.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    let Some((id, rest)) = arguments.split_first() else {
        bail!("score wants a figure: {}", names());
    };
    let Some(figure) = FIGURES.iter().find(|figure| figure.id == id) else {
        bail!("no figure '{id}'; there are {}", names());
    };
    let mut options = Options::parse(rest)?;
    ensure!(options.ids.is_empty(), "score wants one figure and numbers");
    options.ids = figure.cases.iter().map(ToString::to_string).collect();
    if !rest.iter().any(|word| word == "--runs") {
        options.runs = figure.runs;
    }
    let watch = date::Stopwatch::start();
    let tried = match figure.cases.is_empty() {
        false => faults::attempt(&options)?,
        true => Tried {
            passed: true,
            reports: faults::kept()?,
            log: Vec::new(),
            build: "any",
        },
    };
    let counted = (figure.count)(&tried)?;
    let took = watch.elapsed().as_secs();
    let passes = tried.passed && figure.passes(counted.figure);
    let mut file = json!({
        "figure": counted.figure,
        "unit": figure.unit,
        "floor": figure.floor.1,
        "passes": passes,
        "runs": counted.runs,
        "seed": options.seed,
        "build": tried.build,
        "commit": faults::commit()?,
        "date": date::today(),
        "duration_s": took,
        "machine": machine(),
    });
    for (key, value) in counted.more {
        file[key] = value;
    }
    let path = shell::root().join(format!("score/{id}.json"));
    let text = serde_json::to_string_pretty(&file)? + "\n";
    faults::write(&path, &text)?;
    print!("{text}");
    Ok(if passes {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

impl Figure {
    fn passes(&self, figure: f64) -> bool {
        match self.floor {
            (Better::More, floor) => figure >= floor,
            (Better::Less, floor) => figure <= floor,
        }
    }
}

fn names() -> String {
    let names: Vec<&str> = FIGURES.iter().map(|figure| figure.id).collect();
    names.join(", ")
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

fn corrupt(tried: &Tried) -> Result<Counted> {
    let (detected, harmless) = (sum(tried, "detected"), sum(tried, "harmless"));
    let silent = tried
        .reports
        .iter()
        .filter(|r| r["state"] == "failed")
        .count() as u64;
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
        let reports = vec![json!({"case": "F15", "state": "failed"})];
        assert_eq!(corrupt(&tried(log, reports)).unwrap().figure, 0.9);
    }

    #[test]
    fn a_floor_may_be_a_ceiling() {
        let find = |id: &str| FIGURES.iter().find(|figure| figure.id == id).unwrap();
        assert!(find("crash-runs").passes(300.0) && !find("crash-runs").passes(299.0));
        assert!(find("lost-dup").passes(0.0) && !find("lost-dup").passes(1.0));
    }
}
