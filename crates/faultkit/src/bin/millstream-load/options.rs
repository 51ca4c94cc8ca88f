//! The arguments.

use std::path::PathBuf;
use std::time::Duration;

use millstream_core::{Code, Error, Result};
use millstream_faultkit::services;

/// What to measure, on what, how much of it.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Which figure.
    pub(crate) figure: String,
    /// The binary under test.
    pub(crate) millstream: PathBuf,
    /// Where checkpoints and scripts go; removed at the end.
    pub(crate) folder: PathBuf,
    /// The broker; that of the services if not given.
    bootstrap: Option<String>,
    /// Makes names unique and keys what they are.
    pub(crate) seed: u64,
    /// How long a rate is held, or a latency is watched.
    pub(crate) hold: Duration,
    /// Different keys.
    pub(crate) keys: Option<u64>,
    /// Events of a topic that is filled beforehand, or rows of a bounded run.
    pub(crate) events: Option<u64>,
    /// Events per second: to begin the search with, or to send at.
    pub(crate) rate: Option<u64>,
    /// Repetitions, such as kills.
    pub(crate) runs: Option<u64>,
    /// Subtasks of each operator.
    pub(crate) parallelism: usize,
    /// Time between two checkpoints.
    pub(crate) interval: Duration,
    /// `--memory-limit` of the job.
    pub(crate) memory_limit: Option<String>,
}

impl Options {
    /// Reads `FIGURE --millstream PATH [OPTION VALUE]...`.
    pub(crate) fn parse(words: &[String]) -> Result<Options> {
        let Some((figure, flags)) = words.split_first() else {
            return Err(wrong("wants a figure, such as 'load'"));
        };
        let mut options = Options {
            figure: figure.clone(),
            millstream: PathBuf::new(),
            folder: std::env::temp_dir().join(format!("millstream-load-{}", std::process::id())),
            bootstrap: None,
            seed: 1,
            hold: Duration::from_secs(600),
            keys: None,
            events: None,
            rate: None,
            runs: None,
            parallelism: std::thread::available_parallelism().map_or(1, usize::from),
            interval: Duration::from_secs(1),
            memory_limit: None,
        };
        for pair in flags.chunks(2) {
            let [flag, value] = pair else {
                return Err(wrong(format!("'{}' wants a value", pair[0])));
            };
            options.set(flag, value)?;
        }
        if options.millstream.as_os_str().is_empty() {
            return Err(wrong("wants --millstream with the path of the binary"));
        }
        Ok(options)
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<()> {
        let number = || {
            let digits = value.replace('_', "");
            digits
                .parse::<u64>()
                .map_err(|_| wrong(format!("'{flag}' wants a number, found '{value}'")))
        };
        match flag {
            "--millstream" => self.millstream = PathBuf::from(value),
            "--folder" => self.folder = PathBuf::from(value),
            "--bootstrap" => self.bootstrap = Some(value.to_string()),
            "--seed" => self.seed = number()?,
            "--seconds" => self.hold = Duration::from_secs(number()?.max(1)),
            "--keys" => self.keys = Some(number()?.max(1)),
            "--events" => self.events = Some(number()?.max(1)),
            "--rate" => self.rate = Some(number()?.max(1)),
            "--runs" => self.runs = Some(number()?.max(1)),
            "--parallelism" => self.parallelism = number()?.clamp(1, 128) as usize,
            "--interval-ms" => self.interval = Duration::from_millis(number()?.max(10)),
            "--memory-limit" => {
                bytes(value)?;
                self.memory_limit = Some(value.to_string());
            }
            _ => return Err(wrong(format!("unknown option '{flag}'"))),
        }
        Ok(())
    }

    /// The broker's address.
    pub(crate) fn bootstrap(&self) -> Result<String> {
        match &self.bootstrap {
            Some(address) => Ok(address.clone()),
            None => Ok(services::kafka()?.bootstrap),
        }
    }
}

/// A size such as `1GiB` or `256MiB`.
pub(crate) fn bytes(text: &str) -> Result<u64> {
    let units = [("GiB", 30), ("MiB", 20)];
    let found = units.into_iter().find_map(|(unit, shift)| {
        let number = text.strip_suffix(unit)?.trim().parse::<u64>().ok()?;
        Some(number << shift)
    });
    found.ok_or_else(|| {
        wrong(format!(
            "a size such as '1GiB' or '256MiB' is wanted, found '{text}'"
        ))
    })
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(Code::InvalidOption, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        Options::parse(&words)
    }

    #[test]
    fn numbers_may_be_parted_and_times_have_their_unit() {
        let options = parse("load --millstream m --events 1_000 --interval-ms 500").unwrap();
        assert_eq!(options.events, Some(1000));
        assert_eq!(options.interval, Duration::from_millis(500));
    }

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(bytes("1GiB").unwrap(), 1 << 30);
        assert_eq!(bytes("256MiB").unwrap(), 256 << 20);
        assert!(bytes("1GB").is_err());
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        for (line, word) in [
            ("", "figure"),
            ("load", "--millstream"),
            ("load --millstream", "--millstream"),
            ("load --millstream m --fast 1", "--fast"),
            ("load --millstream m --rate x", "--rate"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.message().contains(word), "{line}: {error}");
        }
    }
}
