//! The services of one test run: started beside it, gone with it.
//!
//! A child process, `services hold --private`, starts them and waits for the end of a pipe of which
//! only we hold the other end. So they are stopped when the run ends, fails, panics, is interrupted
//! or is killed.

use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::shell;

/// Set by the user: tests that need a service are skipped instead.
const WITHOUT: &str = "MILLSTREAM_WITHOUT_SERVICES";

/// What the tests of one run are told about services.
pub(crate) struct World {
    holder: Option<Child>,
    variables: Vec<(&'static str, String)>,
    /// A line for each test that did without.
    skipped: PathBuf,
}

impl World {
    /// Starts the services now (`is_eager`) or leaves it to the first test that wants one.
    pub(crate) fn start(is_eager: bool) -> Result<World> {
        let xtask = crate::shell::this_program()?.display().to_string();
        let skipped = format!("millstream-skipped-{}", std::process::id());
        let mut world = World {
            holder: None,
            variables: vec![("MILLSTREAM_XTASK", xtask)],
            skipped: std::env::temp_dir().join(skipped),
        };
        if std::env::var(WITHOUT).is_ok_and(|value| value == "1") {
            let skipped = world.skipped.display().to_string();
            world.variables.push(("MILLSTREAM_SKIPPED", skipped));
            return Ok(world);
        }
        match hold(if is_eager { "all" } else { "none" }) {
            Ok((holder, path)) => {
                world.holder = Some(holder);
                world.variables.push(("MILLSTREAM_SERVICES", path));
            }
            Err(error) => {
                eprintln!("test services: {error:#}\nwithout them: {WITHOUT}=1");
                world
                    .variables
                    .push(("MILLSTREAM_SERVICES_FAILED", format!("{error:#}")));
            }
        }
        Ok(world)
    }

    /// Tells a test program where the services are.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.envs(self.variables.iter().map(|(key, value)| (key, value)));
    }

    /// How many tests returned early because they were to do without. They looked like passed ones.
    pub(crate) fn skipped(&self) -> Result<u64> {
        match std::fs::read_to_string(&self.skipped) {
            Ok(text) => Ok(text.lines().count() as u64),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error).context("cannot read which tests were skipped"),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.skipped) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                eprintln!("test services: {error}")
            }
            _ => {}
        }
        let Some(mut holder) = self.holder.take() else {
            return;
        };
        // The end of its input is what it waits for.
        drop(holder.stdin.take());
        match holder.wait() {
            Ok(status) if status.success() => {}
            outcome => eprintln!("test services: not stopped cleanly: {outcome:?}"),
        }
    }
}

/// Starts the holder; returns it and the path of its state file.
fn hold(which: &str) -> Result<(Child, String)> {
    let mut holder = Command::new(crate::shell::this_program()?)
        .current_dir(shell::root())
        .args(["services", "hold", which, "--private"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .context("cannot start the holder of the services")?;
    let stdout = holder.stdout.take().context("its output was piped")?;
    let mut line = String::new();
    // Ends in any case: the holder has deadlines, and its end closes the pipe.
    BufReader::new(stdout).read_line(&mut line)?;
    let path = line.trim().to_string();
    if path.is_empty() {
        let status = holder.wait()?;
        ensure!(
            !path.is_empty(),
            "the services did not start ({status}), see above"
        );
    }
    Ok((holder, path))
}
