//! An S3 store over a folder: versitygw.
//!
//! A folder below its root is a bucket, so `millstream` is there from the start. Its own list of
//! users is switched on, although empty, because only then an unknown key is answered as S3 does,
//! with 403 `InvalidAccessKeyId`. Metadata lives in files beside the objects rather than in
//! extended attributes, which not every file system has.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::install::{self, Tool};
use super::kafka::Started;
use super::process;

const VERSION: &str = "1.8.0";
const BUCKET: &str = "millstream";
const ACCESS_KEY: &str = "millstream";
/// Guards nothing: made-up data on loopback.
const SECRET_KEY: &str = "millstream-secret";
const REGION: &str = "us-east-1";
const INSTALL_DEADLINE: Duration = Duration::from_secs(20 * 60);
const START_DEADLINE: Duration = Duration::from_secs(60);

static GO: Tool = Tool {
    program: "go",
    argument: "version",
    prefix: "go version go",
    // From 1.21 on Go fetches the newer toolchain that a module asks for.
    least: (1, 21),
    package: "golang-go",
};

/// Starts a store on `data` and waits until it is ready.
pub(super) fn start(data: &Path, port: Option<u16>) -> Result<Started> {
    let program = program()?;
    let [free] = process::free_ports()?;
    let port = port.unwrap_or(free);
    let folder = |name: &str| -> Result<PathBuf> {
        let folder = data.join(name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    };
    let objects = folder("objects")?;
    folder("objects/millstream")?;
    let mut server = Command::new(program);
    server
        .env("ROOT_ACCESS_KEY", ACCESS_KEY)
        .env("ROOT_SECRET_KEY", SECRET_KEY)
        .args([
            "--port",
            &format!("127.0.0.1:{port}"),
            "--region",
            REGION,
            "--quiet",
        ])
        .arg("--iam-dir")
        .arg(folder("users")?)
        .args(["posix", "--sidecar"])
        .arg(folder("metadata")?)
        .arg(objects);
    let pid = process::spawn(&mut server, &data.join("s3.log"))?
        .wait("", port, START_DEADLINE)
        .context("cannot start s3")?;
    Ok(Started {
        pid,
        facts: facts(port),
    })
}

fn facts(port: u16) -> Map<String, Value> {
    let endpoint = format!("http://127.0.0.1:{port}");
    let pairs = [
        ("endpoint", endpoint.as_str()),
        ("bucket", BUCKET),
        ("access_key", ACCESS_KEY),
        ("secret_key", SECRET_KEY),
        ("region", REGION),
    ];
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_string(), value.into()))
        .collect()
}

/// The path of the program, compiled from its Go module the first time.
fn program() -> Result<PathBuf> {
    let folder = install::cached(&format!("versitygw-{VERSION}"), |partial| {
        GO.need()?;
        let mut go = Command::new("go");
        go.env("GOBIN", partial)
            .args(["install", "-trimpath"])
            .arg(format!(
                "github.com/versity/versitygw/cmd/versitygw@v{VERSION}"
            ));
        process::finish(&mut go, INSTALL_DEADLINE)
    })?;
    Ok(folder.join("versitygw"))
}
