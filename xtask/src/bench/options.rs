//! The arguments of `bench`.

use anyhow::{Context, Result, bail, ensure};

/// What to measure and how often.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) events: u64,
    /// Empty: all there are.
    pub(super) queries: Vec<String>,
    pub(super) parallelism: usize,
    /// Runs of each query, of which the median counts.
    pub(super) runs: u32,
}

impl Options {
    /// Reads `nexmark [--events N] [--queries q0,q1] [--parallelism N] [--runs N]`.
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let [suite, flags @ ..] = arguments else {
            bail!("bench wants a suite: nexmark")
        };
        ensure!(
            suite == "nexmark",
            "unknown suite '{suite}'; there is: nexmark"
        );
        let mut options = Options {
            events: 10_000_000,
            queries: Vec::new(),
            parallelism: std::thread::available_parallelism().map_or(1, usize::from),
            runs: 3,
        };
        for pair in flags.chunks(2) {
            let [flag, value] = pair else {
                bail!("'{}' wants a value", pair[0])
            };
            options.set(flag, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<()> {
        match flag {
            "--events" => self.events = number(flag, value)?,
            "--parallelism" => self.parallelism = number(flag, value)? as usize,
            "--runs" => self.runs = u32::try_from(number(flag, value)?)?,
            "--queries" => self.queries = value.split(',').map(|q| q.trim().to_string()).collect(),
            _ => {
                bail!("unknown option '{flag}'; known: --events, --parallelism, --queries, --runs")
            }
        }
        Ok(())
    }
}

/// A number from 1; `_` may part its digits.
fn number(flag: &str, value: &str) -> Result<u64> {
    let number = value.replace('_', "").parse::<u64>();
    let number = number.with_context(|| format!("'{flag}' wants a number, found '{value}'"))?;
    ensure!(number > 0, "'{flag}' wants a number from 1, found 0");
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(
            &line
                .split_whitespace()
                .map(String::from)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn every_option_is_read() {
        let options = parse("nexmark --events 1_000 --queries q0,q22 --parallelism 2 --runs 5");
        let queries = vec!["q0".to_string(), "q22".to_string()];
        let expected = Options {
            events: 1000,
            queries,
            parallelism: 2,
            runs: 5,
        };
        assert_eq!(options.unwrap(), expected);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "",
            "tpch",
            "nexmark --events",
            "nexmark --events x",
            "nexmark --runs 0",
            "nexmark --fast 1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
