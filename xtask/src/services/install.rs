//! What the servers need, fetched once into the cache: programs of the system, jars, binaries.
//!
//! An installation is built under a temporary name and renamed when it is whole, so that a folder
//! of the final name can be trusted. The caller holds the lock of its state file; two state files
//! may install at once, and the later rename then finds the work done.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{process, state};
use crate::shell;

/// Maven fetches some ten to hundred megabytes.
const MAVEN_DEADLINE: Duration = Duration::from_secs(15 * 60);
const PACKAGES_DEADLINE: Duration = Duration::from_secs(10 * 60);

static MAVEN: Tool = Tool {
    program: "mvn",
    argument: "--version",
    prefix: "Apache Maven ",
    least: (3, 6),
    package: "maven",
};

/// A package of Maven: group, name, version.
pub(super) type Package<'a> = (&'a str, &'a str, &'a str);

/// The folder with the jars of these packages and of all they need at run time.
pub(super) fn jars(name: &str, packages: &[Package<'_>]) -> Result<PathBuf> {
    let folder = cached(name, |partial| {
        MAVEN.need()?;
        std::fs::write(partial.join("pom.xml"), pom(packages))?;
        let mut maven = Command::new("mvn");
        maven
            .current_dir(partial)
            .args(["--batch-mode", "--quiet", "--no-transfer-progress"])
            .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
            .arg("-DoutputDirectory=jars");
        process::finish(&mut maven, MAVEN_DEADLINE)
    })?;
    Ok(folder.join("jars"))
}

fn pom(packages: &[Package<'_>]) -> String {
    let dependencies = packages.iter().map(|(group, name, version)| {
        format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>\
             <version>{version}</version></dependency>\n"
        )
    });
    format!(
        "\
<project xmlns=\"http://maven.apache.org/POM/4.0.0\">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millstream</groupId><artifactId>test-service</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{}  </dependencies>
</project>
",
        dependencies.collect::<String>()
    )
}

/// A program of the system, at least of some version.
pub(super) struct Tool {
    pub(super) program: &'static str,
    /// Makes it print its version.
    pub(super) argument: &'static str,
    /// What stands right before the version there, such as `go version go`.
    pub(super) prefix: &'static str,
    /// Major and minor version.
    pub(super) least: (u32, u32),
    /// The Debian package that has it.
    pub(super) package: &'static str,
}

impl Tool {
    /// Makes sure the tool is there, with a package of the system if we may install one.
    pub(super) fn need(&self) -> Result<()> {
        if self.find()?.is_some_and(|version| version >= self.least) {
            return Ok(());
        }
        let command = format!("apt-get update && apt-get install -y {}", self.package);
        if shell::may_install() {
            eprintln!("installing {}", self.package);
            process::finish(Command::new("sh").args(["-c", &command]), PACKAGES_DEADLINE)?;
        }
        let (major, minor) = self.least;
        match self.find()? {
            Some(found) if found >= self.least => Ok(()),
            Some((found_major, found_minor)) => bail!(
                "'{}' {major}.{minor} or newer is wanted, found {found_major}.{found_minor}; install a newer one",
                self.program
            ),
            None => bail!(
                "'{}' {major}.{minor} or newer is wanted and was not found; on Debian or Ubuntu: sudo sh -c '{command}'",
                self.program
            ),
        }
    }

    fn find(&self) -> Result<Option<(u32, u32)>> {
        let Ok(output) = Command::new(self.program).arg(self.argument).output() else {
            return Ok(None);
        };
        // Java says its version on stderr.
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let version = version(&text, self.prefix).with_context(|| {
            format!("cannot tell the version of '{}' from: {text}", self.program)
        })?;
        Ok(Some(version))
    }
}

/// The major and minor number right after `prefix`; a missing minor number is 0.
pub(super) fn version(text: &str, prefix: &str) -> Option<(u32, u32)> {
    let (_, rest) = text.split_once(prefix)?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    let mut numbers = rest[..end].split('.').map(|number| number.parse().ok());
    let major = numbers.next()??;
    Some((major, numbers.next().flatten().unwrap_or(0)))
}

/// The folder `name` of the cache, made by `build` if it is not there.
pub(super) fn cached(name: &str, build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = state::cache()?.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    eprintln!("installing {name}, once");
    let partial = folder.with_file_name(format!("{name}.partial-{}", std::process::id()));
    if partial.exists() {
        std::fs::remove_dir_all(&partial)?;
    }
    std::fs::create_dir_all(&partial)?;
    let built = build(&partial)
        .with_context(|| format!("cannot install {name}"))
        .and_then(|()| match std::fs::rename(&partial, &folder) {
            Err(error) if !folder.is_dir() => Err(error.into()),
            _ => Ok(()),
        });
    if partial.exists() {
        std::fs::remove_dir_all(&partial)?;
    }
    built.map(|()| folder)
}
