//! What a Flink of our own needs: Java with its compiler, and the jars from the central repository of
//! Maven in the cache.
//!
//! There is no distribution on Maven, but every part of it is: the class path is put together from
//! them. The planner is the one without a loader, so that its messages and classes are at hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::install::{self, Tool};
use super::state;

/// The release whose behaviour is the reference.
pub(crate) const VERSION: &str = "2.3.0";

const PARTS: &[&str] = &[
    "flink-cep",
    "flink-clients",
    "flink-connector-datagen",
    "flink-connector-files",
    "flink-csv",
    "flink-json",
    "flink-streaming-java",
    "flink-table-api-java-bridge",
    "flink-table-planner_2.12",
    "flink-table-runtime",
];

/// Parts of Java that Flink reaches into, as its own start scripts allow.
const OPENED: &[&str] = &[
    "java.io",
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.math",
    "java.net",
    "java.nio",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
    "sun.nio.ch",
];

/// The compiler is asked for, since `java FILE.java` needs it.
static JAVAC: Tool = Tool {
    program: "javac",
    argument: "-version",
    prefix: "javac ",
    least: (17, 0),
    package: "default-jdk-headless",
};

/// The folder of the jars, installed if it is not there.
pub(crate) fn jars() -> Result<PathBuf> {
    JAVAC.need()?;
    let _lock = state::lock(&state::cache()?.join("flink"), super::LOCK_DEADLINE)?;
    let packages: Vec<_> = PARTS
        .iter()
        .map(|part| ("org.apache.flink", *part, VERSION))
        .collect();
    install::jars(&format!("flink-{VERSION}"), &packages)
}

/// Runs a Java source file with Flink on its class path: quick to start, polite to the machine.
pub(crate) fn java(jars: &Path, source: &Path) -> Command {
    let mut java = Command::new("nice");
    java.args(["-n", "10", "java", "-Xmx2g", "-XX:+UseSerialGC"])
        .args(["-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"])
        .args(["-Duser.timezone=UTC", "-Dfile.encoding=UTF-8"])
        .args([
            "-Djava.net.preferIPv4Stack=true",
            "-Djava.awt.headless=true",
        ]);
    for package in OPENED {
        java.arg(format!("--add-opens=java.base/{package}=ALL-UNNAMED"));
    }
    java.arg("-cp").arg(jars.join("*")).arg(source);
    java
}
