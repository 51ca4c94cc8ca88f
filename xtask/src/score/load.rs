//! Figures of load: how fast, how late, how large, how long until it is back.
//!
//! ```text
//! release build ─▶ services ─▶ millstream-load FIGURE ─▶ one JSON object ─▶ score/<id>.json
//! ```
//!
//! * Sender, broker, job and reader share this machine's processors; nothing is set apart.
//! * `MILLSTREAM_BINARY` names the millstream to measure, `MILLSTREAM_LOAD_PROGRAM` a `millstream-load`
//!   that is built already; what is not named is built, in release.
//! * A run that is shorter than the figure wants is kept, says so, and does not pass.
//! * `latency` is measured at half of what `load` has held, which stands in its file.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use super::{Better, Kept, kept};
use crate::services::World;
use crate::shell;

/// A figure that `millstream-load` measures.
pub(super) struct Load {
    pub(super) id: &'static str,
    pub(super) unit: &'static str,
    pub(super) floor: (Better, f64),
    /// What `millstream-load` calls it, and its arguments unless others are given.
    figure: &'static str,
    arguments: &'static [(&'static str, &'static str)],
}

pub(super) static LOADS: &[Load] = &[
    Load {
        id: "load",
        unit: "events/s held without growing lag: JSON from Kafka, count and sum by key and window of 10 s, JSON to Kafka, exactly-once, a checkpoint each second",
        floor: (Better::More, 150_000.0),
        figure: "load",
        arguments: &[("--seconds", "600"), ("--memory-limit", "1GiB")],
    },
    Load {
        id: "checkpoint-cost",
        unit: "part of the throughput that checkpoints each second and transactions take",
        floor: (Better::Less, 0.10),
        figure: "checkpoint-cost",
        arguments: &[
            ("--events", "30000000"),
            ("--runs", "3"),
            ("--memory-limit", "1GiB"),
        ],
    },
    Load {
        id: "latency",
        unit: "checkpoint intervals from an event to its visible result, p99, at half the held load",
        floor: (Better::Less, 2.0),
        figure: "latency",
        arguments: &[("--seconds", "120"), ("--memory-limit", "1GiB")],
    },
    Load {
        id: "checkpoint",
        unit: "bytes of a checkpoint when 1 % of 1 GiB of state has changed, as a part of all of it",
        floor: (Better::Less, 0.02),
        figure: "checkpoint",
        arguments: &[("--runs", "20"), ("--memory-limit", "12GiB")],
    },
    Load {
        id: "recover-10m",
        unit: "seconds from SIGKILL to new committed output, p95, 10 MiB of state",
        floor: (Better::Less, 3.0),
        figure: "recover",
        arguments: &[
            ("--keys", "138000"),
            ("--runs", "20"),
            ("--memory-limit", "1GiB"),
        ],
    },
    Load {
        id: "recover-1g",
        unit: "seconds from SIGKILL to new committed output, p95, 1 GiB of state",
        floor: (Better::Less, 10.0),
        figure: "recover",
        arguments: &[
            ("--keys", "14128000"),
            ("--runs", "10"),
            ("--memory-limit", "6GiB"),
        ],
    },
    Load {
        id: "spill",
        unit: "highest resident memory as a part of the limit, with state four times the limit",
        floor: (Better::Less, 1.10),
        figure: "spill",
        arguments: &[("--events", "60000000"), ("--memory-limit", "1GiB")],
    },
];

impl Load {
    /// Whether less is asked for than the figure is about: such a run shows something, and reaches
    /// nothing.
    fn is_short(&self, given: &[(String, String)]) -> bool {
        let number = |text: &str| text.replace('_', "").parse::<u64>().ok();
        given.iter().any(|(flag, value)| {
            let usual = self.arguments.iter().find(|(known, _)| known == flag);
            let usual = usual.and_then(|(_, usual)| number(usual));
            usual.is_some_and(|usual| number(value).is_none_or(|given| given < usual))
        })
    }
}

/// Measures one; `words` are arguments that replace the usual ones.
pub(super) fn measure(load: &Load, words: &[String]) -> Result<Kept> {
    let given = given(words)?;
    shell::need_cc()?;
    let (millstream, program) = (millstream()?, program()?);
    let is_short = load.is_short(&given);
    let mut arguments: Vec<(String, String)> = load
        .arguments
        .iter()
        .map(|(flag, value)| (flag.to_string(), value.to_string()))
        .filter(|(flag, _)| !given.iter().any(|(other, _)| other == flag))
        .collect();
    if load.id == "latency" && !given.iter().any(|(flag, _)| flag == "--rate") {
        arguments.push(("--rate".into(), half_of_the_load()?.to_string()));
    }
    arguments.extend(given);
    let seed = arguments.iter().find(|(flag, _)| flag == "--seed");
    let seed = seed.map_or(Ok(1), |(_, value)| value.parse());
    let folder = shell::target_dir()?.join("score").join(load.id);
    let services = World::start(true)?;
    let mut command = Command::new(program);
    command
        .arg(load.figure)
        .arg("--millstream")
        .arg(&millstream)
        .arg("--folder")
        .arg(&folder);
    for (flag, value) in &arguments {
        command.args([flag, value]);
    }
    services.tell(&mut command);
    let text = shell::output(&mut command)?;
    let found: Map<String, Value> = serde_json::from_str(text.trim())
        .with_context(|| format!("millstream-load printed no JSON: '{text}'"))?;
    Ok(Kept {
        figure: found["figure"].as_f64().context("no 'figure'")?,
        runs: found["runs"].as_u64().context("no 'runs'")?,
        seed: seed.context("'--seed' wants a number")?,
        build: match millstream.to_string_lossy().contains("release") {
            true => "release",
            false => "debug",
        },
        is_clean: !is_short,
        more: is_short
            .then(|| ("short".to_string(), Value::Bool(true)))
            .into_iter()
            .chain(found)
            .filter(|(key, _)| key != "figure" && key != "runs")
            .collect(),
    })
}

/// Flags and values; minutes are sixty seconds.
fn given(words: &[String]) -> Result<Vec<(String, String)>> {
    words
        .chunks(2)
        .map(|pair| {
            let [flag, value] = pair else {
                bail!("'{}' wants a value", pair[0]);
            };
            ensure!(flag.starts_with("--"), "unknown argument '{flag}'");
            if flag != "--minutes" {
                return Ok((flag.clone(), value.clone()));
            }
            let minutes: u64 = value
                .parse()
                .with_context(|| format!("--minutes wants a number, found '{value}'"))?;
            Ok(("--seconds".into(), (minutes * 60).to_string()))
        })
        .collect()
}

fn half_of_the_load() -> Result<u64> {
    let load =
        kept("load")?.context("no score/load.json: run `score load` first, or give --rate")?;
    let held = load["figure"]
        .as_f64()
        .context("score/load.json has no figure")?;
    Ok((held / 2.0) as u64)
}

fn millstream() -> Result<PathBuf> {
    match std::env::var_os("MILLSTREAM_BINARY") {
        Some(named) => Ok(std::path::absolute(named)?),
        None => built(&["--package", "millstream"], "millstream"),
    }
}

fn program() -> Result<PathBuf> {
    match std::env::var_os("MILLSTREAM_LOAD_PROGRAM") {
        Some(named) => Ok(std::path::absolute(named)?),
        None => built(
            &[
                "--package",
                "millstream-faultkit",
                "--bin",
                "millstream-load",
            ],
            "millstream-load",
        ),
    }
}

fn built(what: &[&str], name: &str) -> Result<PathBuf> {
    let build = shell::succeeds(shell::cargo().args(["build", "--release"]).args(what))?;
    ensure!(build, "the build failed");
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    Ok(shell::target_dir()?.join("release").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_string).collect()
    }

    #[test]
    fn minutes_are_seconds_and_the_rest_is_handed_on() {
        let pairs = given(&words("--minutes 2 --keys 7")).unwrap();
        let wanted = [("--seconds", "120"), ("--keys", "7")];
        assert_eq!(pairs, wanted.map(|(a, b)| (a.to_string(), b.to_string())));
    }

    #[test]
    fn a_run_is_short_if_it_does_less_than_usual() {
        let load = &LOADS[0];
        let is_short = |line: &str| load.is_short(&given(&words(line)).unwrap());
        assert!(is_short("--seconds 60") && is_short("--minutes 9"));
        assert!(!is_short("--minutes 10") && !is_short("--keys 5") && !is_short(""));
    }

    #[test]
    fn a_flag_without_a_value_is_named() {
        for line in ["--keys", "keys 7", "--minutes x"] {
            let error = given(&words(line)).unwrap_err().to_string();
            assert!(error.contains(line.split(' ').next().unwrap()), "{error}");
        }
    }
}
