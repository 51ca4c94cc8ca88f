//! Runs the program in a folder of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder with files, in which the program runs.
pub(crate) struct Place {
    folder: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A table of clicks in `clicks.jsonl`; `options` are put at the end of WITH.
pub(crate) fn clicks(options: &str) -> String {
    format!(
        "CREATE TABLE clicks (
           visitor STRING, page STRING, ts TIMESTAMP(3),
           WATERMARK FOR ts AS ts - INTERVAL '2' SECOND
         ) WITH ('connector' = 'filesystem', 'path' = 'clicks.jsonl', 'format' = 'json'{options});\n"
    )
}

/// Five clicks, the last of them late for a window of ten seconds.
pub(crate) const CLICKS: &str = r#"{"visitor": "ann", "page": "home", "ts": "2026-01-01 10:00:01"}
{"visitor": "bob", "page": "home", "ts": "2026-01-01 10:00:04"}
{"visitor": "ann", "page": "cart", "ts": "2026-01-01 10:00:03"}
{"visitor": "eve", "page": "home", "ts": "2026-01-01 10:00:15"}
{"visitor": "bob", "page": "cart", "ts": "2026-01-01 10:00:09"}
"#;

/// Clicks per page and ten seconds.
pub(crate) const PER_PAGE: &str = "SELECT page, window_start, COUNT(*) AS clicks
FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY page, window_start, window_end;
";

/// `n BIGINT` from 1 to `rows`.
pub(crate) fn numbers(rows: u64) -> String {
    format!(
        "CREATE TABLE numbers (n BIGINT) WITH (
           'connector' = 'datagen', 'number-of-rows' = '{rows}', 'rows-per-second' = '1000000000',
           'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '{rows}');\n"
    )
}

impl Place {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder with the clicks in it.
    pub(crate) fn with_clicks() -> Self {
        let place = Place::new();
        place.write("clicks.jsonl", CLICKS);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The lines of every visible file below a folder, sorted.
    pub(crate) fn lines(&self, folder: &str) -> Vec<String> {
        let mut lines: Vec<String> = self
            .files(folder)
            .iter()
            .flat_map(|file| {
                let text = fs::read_to_string(file).unwrap();
                text.lines().map(str::to_string).collect::<Vec<_>>()
            })
            .collect();
        lines.sort();
        lines
    }

    /// The visible files of a folder.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path().join(folder)) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        let is_visible = |path: &PathBuf| {
            !path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(['.', '_'])
        };
        paths
            .filter(|path| path.is_file())
            .filter(is_visible)
            .collect()
    }

    /// The program, ready to be started here with nothing of the user's own settings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_STATE_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// `millstream run -e SQL` and more arguments.
    pub(crate) fn sql(&self, sql: &str, more: &[&str]) -> Ran {
        self.run(&[&["run", "-e", sql], more].concat())
    }

    /// Runs the program with a text on its standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Ran {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // The program may end before it has read everything.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        Ran::of(child.wait_with_output().unwrap())
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What it printed, if it ended well.
    #[track_caller]
    pub(crate) fn well(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:#?}");
        &self.out
    }

    /// The lines it printed, sorted, if it ended well.
    #[track_caller]
    pub(crate) fn sorted(&self) -> Vec<&str> {
        let mut lines: Vec<&str> = self.well().lines().collect();
        lines.sort_unstable();
        lines
    }

    /// Checks that it ended as the user's mistake, in one message with these words in it.
    #[track_caller]
    pub(crate) fn is_mistake(&self, code: &str, words: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:#?}");
        assert_eq!(self.err.matches("error[").count(), 1, "{self:#?}");
        assert!(self.err.contains(&format!("error[{code}]")), "{self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {self:#?}");
        }
    }
}
