//! `bench nexmark`: Nexmark queries in a release build, each run in a process of its own.
//!
//! The queries are `bench/nexmark/q<number>[-part].sql`: complete files that anybody can run by hand.
//! `--events` replaces the value of their option `'events.num'`. Each query runs several times;
//! the run with the median wall time is shown. A run over all queries is written down as
//! `bench/results/<date>-nexmark.md`, with the machine, the commit and the versions; a run over
//! some of them is only printed.

mod options;
mod report;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::measure::{self, Cost};
use crate::{Verdict, date, shell};
use options::Options;
use report::{Measured, report};

/// Measures what the arguments name.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    let options = Options::parse(arguments)?;
    let queries = choose(&all_queries()?, &options.queries)?;
    shell::need_cc()?;
    if !shell::succeeds(shell::cargo().args(["build", "--release", "--package", "millstream"]))? {
        return Ok(Verdict::Failed);
    }
    let target = shell::target_dir()?;
    let measured: Vec<Measured> = queries
        .iter()
        .map(|query| measure_query(query, &options, &target))
        .collect::<Result<_>>()?;
    let text = report(&options, &measured, &program(&target))?;
    print!("{text}");
    if options.queries.is_empty() {
        write_down(&text)?;
    }
    Ok(Verdict::Passed)
}

fn write_down(text: &str) -> Result<()> {
    let folder = shell::root().join("bench/results");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}-nexmark.md", date::today()));
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("written to {}", path.display());
    Ok(())
}

fn program(target: &Path) -> PathBuf {
    target
        .join("release")
        .join(format!("millstream{}", std::env::consts::EXE_SUFFIX))
}

/// The queries there are, by number: `q5.sql`, or `q5-inner.sql` for a part of one.
fn all_queries() -> Result<Vec<String>> {
    let folder = shell::root().join("bench/nexmark");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names: Vec<(u32, String)> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| {
            let name = file.strip_suffix(".sql")?;
            let number = name.strip_prefix('q')?.split('-').next()?.parse().ok()?;
            Some((number, name.to_string()))
        })
        .collect();
    names.sort_unstable();
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

fn choose(all: &[String], wanted: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = wanted.iter().find(|query| !all.contains(query)) {
        bail!("no query '{unknown}'; there are {}", all.join(", "));
    }
    Ok(if wanted.is_empty() {
        all.to_vec()
    } else {
        wanted.to_vec()
    })
}

fn measure_query(query: &str, options: &Options, target: &Path) -> Result<Measured> {
    let source = shell::root().join(format!("bench/nexmark/{query}.sql"));
    let text = std::fs::read_to_string(&source)
        .with_context(|| format!("cannot read {}", source.display()))?;
    let text = with_events(&text, options.events).with_context(|| source.display().to_string())?;
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{query}.sql"));
    std::fs::write(&file, text)?;
    let command = [
        program(target).display().to_string(),
        "run".into(),
        file.display().to_string(),
        "--parallelism".into(),
        options.parallelism.to_string(),
    ];
    let mut costs: Vec<Cost> = Vec::new();
    for number in 1..=options.runs {
        eprintln!("{query}, run {number} of {}", options.runs);
        costs.push(measure::of(&command).with_context(|| format!("query {query}"))?);
    }
    Ok(Measured {
        query: query.to_string(),
        cost: median(costs),
    })
}

/// The text with the value of every `'events.num'` replaced.
fn with_events(text: &str, events: u64) -> Result<String> {
    const KEY: &str = "'events.num'";
    let mut pieces = text.split(KEY);
    let mut changed = pieces.next().unwrap_or_default().to_string();
    let mut count = 0;
    for piece in pieces {
        let (_, rest) = piece
            .trim_start()
            .strip_prefix('=')
            .and_then(|value| value.trim_start().strip_prefix('\''))
            .and_then(|value| value.split_once('\''))
            .context("'events.num' has no value in quotes")?;
        changed.push_str(&format!("{KEY} = '{events}'{rest}"));
        count += 1;
    }
    ensure!(count > 0, "no option 'events.num' to set");
    Ok(changed)
}

/// The run in the middle by wall time; of two in the middle the slower.
fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|a, b| a.wall_seconds.total_cmp(&b.wall_seconds));
    costs[costs.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_events_is_replaced_and_nothing_else() {
        let text = "WITH ('connector' = 'nexmark', 'events.num'='10', 'seed' = '10');";
        let expected = "WITH ('connector' = 'nexmark', 'events.num' = '77', 'seed' = '10');";
        assert_eq!(with_events(text, 77).unwrap(), expected);
    }

    #[test]
    fn a_query_without_a_number_of_events_is_refused() {
        assert!(with_events("SELECT 1", 5).is_err());
        assert!(with_events("WITH ('events.num' = 10)", 5).is_err());
    }

    #[test]
    fn an_unknown_query_is_refused() {
        let all = ["q0".to_string(), "q1".to_string()];
        assert_eq!(choose(&all, &[]).unwrap(), all);
        assert_eq!(choose(&all, &all[1..]).unwrap(), all[1..]);
        assert!(
            choose(&all, &["q9".to_string()])
                .unwrap_err()
                .to_string()
                .contains("q0, q1")
        );
    }

    #[test]
    fn the_median_run_is_the_one_in_the_middle() {
        let cost = |wall_seconds| Cost {
            wall_seconds,
            cpu_seconds: 0.0,
            peak_bytes: 0,
        };
        assert_eq!(median([3.0, 1.0, 2.0].map(cost).to_vec()), cost(2.0));
        assert_eq!(median(vec![cost(5.0)]), cost(5.0));
    }
}
