//! Child processes, the paths of the checkout, and what the machine must have.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the checkout")
        .to_path_buf()
}

/// The cargo that runs us, started in the root of the checkout.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root());
    command
}

/// Prints the command, runs it on our terminal, and tells whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let line = picture(command);
    eprintln!("$ {line}");
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    Ok(status.success())
}

/// Runs the command and returns what it printed; an error if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = picture(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed no UTF-8"))
}

/// `cargo metadata` of our own packages only.
pub(crate) fn metadata() -> Result<serde_json::Value> {
    let text = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    serde_json::from_str(&text).context("cargo metadata printed no JSON")
}

/// The folder cargo builds into.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata = metadata()?;
    let folder = metadata["target_directory"]
        .as_str()
        .context("metadata without target_directory")?;
    Ok(PathBuf::from(folder))
}

/// Makes sure there is a C compiler: zstd and the allocator are compiled from C.
///
/// As root on Debian and its kin it is installed; elsewhere the error holds the exact command.
pub(crate) fn need_cc() -> Result<()> {
    let wanted = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    if starts(&wanted, "--version") {
        return Ok(());
    }
    let command = "apt-get update && apt-get install -y build-essential";
    if !may_install() {
        bail!(
            "no C compiler ('{}') found; install one, on Debian or Ubuntu with: sudo sh -c '{command}'",
            wanted.to_string_lossy()
        );
    }
    eprintln!("no C compiler found; installing one");
    if !succeeds(Command::new("sh").args(["-c", command]))? {
        bail!("could not install a C compiler; tried: {command}");
    }
    Ok(())
}

/// Whether packages of the system can be installed: as root on Debian and its kin.
pub(crate) fn may_install() -> bool {
    is_root() && starts(OsStr::new("apt-get"), "--version")
}

fn starts(program: &OsStr, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// The command as a person would type it, for messages only.
fn picture(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// This program's file, also after a build of the workspace has put another one in its place: then
/// Linux calls the old one deleted.
pub(crate) fn this_program() -> Result<PathBuf> {
    let path = std::env::current_exe()?;
    if path.exists() {
        return Ok(path);
    }
    let name = path.to_string_lossy();
    let again = name.strip_suffix(" (deleted)").unwrap_or(&name);
    Ok(PathBuf::from(again))
}
