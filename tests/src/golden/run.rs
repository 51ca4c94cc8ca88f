//! Running a golden file over the matrix.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Golden;
use super::file::Wanted;

/// How a file runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// `parallelism.default`.
    pub parallelism: u32,
    /// `millstream.batch-rows`.
    pub batch_rows: u32,
    /// Break the job off behind each checkpoint, and go on with these numbers of subtasks in turn.
    pub crashes: Option<&'static str>,
}

/// A run that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

impl Matrix {
    /// Parallelism 1, 2 and 7 with batches of 1, 3 and 8192 rows, the plainest first; then with a
    /// crash behind each checkpoint and a restart at another parallelism.
    pub fn all() -> Vec<Matrix> {
        let mut all = Vec::new();
        for batch_rows in [8192, 3, 1] {
            all.extend([1, 2, 7].map(|parallelism| Matrix {
                parallelism,
                batch_rows,
                crashes: None,
            }));
        }
        for (parallelism, batch_rows, crashes) in [(1, 1, "1"), (2, 1, "3,1"), (3, 3, "2,4")] {
            all.push(Matrix {
                parallelism,
                batch_rows,
                crashes: Some(crashes),
            });
        }
        all
    }
}

/// Runs a file over the matrix, and rewrites its wanted lines from the first run if `update`.
pub(super) fn check(golden: &Golden, program: &Path, update: bool) -> Result<()> {
    let matrix = if golden.once {
        Matrix::all()[..1].to_vec()
    } else {
        Matrix::all()
    };
    let mut golden = golden.clone();
    if !update {
        match (&golden.record, &golden.notes.skip) {
            (Some(record), _) => record.check(&golden)?,
            (None, Some(_)) => {}
            (None, None) => bail!(
                "no record of Flink: cargo xtask referee NAME --record, or say why it cannot be asked \
                 with '-- @flink-skip WHY'"
            ),
        }
    }
    let transactional = !golden.text.contains("'print'");
    for (index, point) in matrix.into_iter().enumerate() {
        // What is printed is printed: a crash would show it twice, and that is what is promised.
        if point.crashes.is_some() && !transactional {
            continue;
        }
        let folder = tempfile::tempdir().context("cannot make a folder")?;
        let output = run(&golden, program, point, folder.path())?;
        let rewrites = index == 0 && update && matches!(golden.wanted, Wanted::Lines(_));
        if rewrites && output.status.success() {
            golden.rewrite(&sorted(&output))?;
            golden = Golden::read(&golden.path)?;
        }
        compare(&golden, &output, folder.path()).with_context(|| {
            format!(
                "parallelism {}, batches of {}{}",
                point.parallelism,
                point.batch_rows,
                match point.crashes {
                    Some(then) => format!(", crashes, then parallelism {then}"),
                    None => String::new(),
                }
            )
        })?;
    }
    Ok(())
}

fn run(golden: &Golden, program: &Path, point: Matrix, folder: &Path) -> Result<Output> {
    golden.lay_out(folder)?;
    let script = folder.join("golden.sql");
    std::fs::write(&script, golden.script(folder)?)?;
    let child = Command::new(program)
        .arg("run")
        .arg(&script)
        .args(["--result", "final", "--format", "json"])
        .args(["--parallelism", &point.parallelism.to_string()])
        .args([
            "--set",
            &format!("millstream.batch-rows={}", point.batch_rows),
        ])
        .args(
            point
                .crashes
                .iter()
                .flat_map(|then| ["--rehearse-crashes", then]),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    wait(child)
}

/// Waits for the end with patience; output is read by threads so that a full pipe cannot stop it.
#[expect(
    clippy::disallowed_methods,
    reason = "a test that waits for a process needs real time"
)]
fn wait(mut child: std::process::Child) -> Result<Output> {
    use std::io::Read;
    let mut stdout = child.stdout.take().context("stdout is a pipe")?;
    let mut stderr = child.stderr.take().context("stderr is a pipe")?;
    let read = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let read_errors = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes).map(|_| bytes)
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("no end after {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let join = |thread: std::thread::JoinHandle<std::io::Result<Vec<u8>>>| -> Result<Vec<u8>> {
        match thread.join() {
            Ok(bytes) => Ok(bytes?),
            Err(_) => bail!("reading the output failed"),
        }
    };
    Ok(Output {
        status,
        stdout: join(read)?,
        stderr: join(read_errors)?,
    })
}

fn compare(golden: &Golden, output: &Output, folder: &Path) -> Result<()> {
    let messages = String::from_utf8_lossy(&output.stderr);
    let messages = messages.replace(&*folder.to_string_lossy(), "{dir}");
    match &golden.wanted {
        Wanted::Error(code) => {
            ensure!(!output.status.success(), "wanted {code}, but it ran");
            ensure!(
                messages.contains(&format!("error[{code}]")),
                "wanted {code}, found:\n{messages}"
            );
        }
        Wanted::Lines(wanted) => {
            ensure!(output.status.success(), "{}:\n{messages}", output.status);
            let found = sorted(output);
            if found != *wanted {
                bail!("{}", difference(wanted, &found));
            }
        }
    }
    for text in &golden.messages {
        ensure!(
            messages.contains(text.as_str()),
            "wanted the message '{text}', found:\n{messages}"
        );
    }
    Ok(())
}

fn sorted(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    lines.sort();
    lines
}

/// The lines only one side has; both are sorted.
fn difference(wanted: &[String], found: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut missing: Vec<&String> = wanted.iter().collect();
    let mut extra = Vec::new();
    for line in found {
        match missing.iter().position(|known| *known == line) {
            Some(index) => drop(missing.remove(index)),
            None => extra.push(line),
        }
    }
    let mut text = format!("wanted {} lines, found {}", wanted.len(), found.len());
    for line in missing.iter().take(SHOWN) {
        text.push_str(&format!("\n  - {line}"));
    }
    for line in extra.iter().take(SHOWN) {
        text.push_str(&format!("\n  + {line}"));
    }
    text
}
