//! Makes prepared files visible by renaming them, and durable by syncing their directories.
//!
//! A committable is a line of JSON: `{"from": "<hidden>", "to": "<visible>", "success": "<name>"}`.
//! Committing is idempotent: a file that is no longer under its hidden name, but under its visible
//! one, has been committed before. A success file is written after the files it speaks of.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use millstream_core::connector::{Committable, Committer};
use millstream_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::part::write_error;

/// Describes a finished file for [`Renames`]. The paths come from an option and are UTF-8.
pub(super) fn prepared(from: &Path, to: &Path, success_name: Option<&str>) -> Committable {
    let text = json!({
        "from": from.to_string_lossy(),
        "to": to.to_string_lossy(),
        "success": success_name,
    });
    Committable(text.to_string())
}

/// Commits the files of one table.
pub(super) struct Renames {
    /// The table's directory.
    pub(super) root: PathBuf,
}

#[async_trait]
impl Committer for Renames {
    async fn commit(&mut self, prepared: Vec<Committable>) -> Result<()> {
        let mut directories = BTreeSet::new();
        let mut successes = BTreeSet::new();
        for committable in &prepared {
            let rename = Rename::parse(committable)?;
            rename.run()?;
            let directory = rename.to.parent().unwrap_or(&self.root).to_path_buf();
            successes.extend(rename.success.map(|name| directory.join(name)));
            directories.insert(directory);
        }
        self.sync(&directories)?;
        for path in &successes {
            File::create(path).map_err(|error| write_error(path, error))?;
        }
        match successes.is_empty() {
            true => Ok(()),
            false => self.sync(&directories),
        }
    }
}

impl Renames {
    /// Syncs the directories and those above them up to the table's own.
    fn sync(&self, directories: &BTreeSet<PathBuf>) -> Result<()> {
        let mut all: BTreeSet<&Path> = BTreeSet::new();
        for directory in directories {
            all.extend(
                directory
                    .ancestors()
                    .take_while(|above| above.starts_with(&self.root)),
            );
        }
        for directory in all {
            sync(directory).map_err(|error| write_error(directory, error))?;
        }
        Ok(())
    }
}

/// A directory is synced by opening it like a file; other systems than Unix sync names themselves.
fn sync(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()
    } else {
        Ok(())
    }
}

struct Rename {
    from: PathBuf,
    to: PathBuf,
    success: Option<String>,
}

impl Rename {
    fn parse(committable: &Committable) -> Result<Self> {
        let broken = || Error::internal(format!("not a prepared file: {}", committable.0));
        let value: Value = serde_json::from_str(&committable.0).map_err(|_| broken())?;
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        Ok(Rename {
            from: text("from").ok_or_else(broken)?.into(),
            to: text("to").ok_or_else(broken)?.into(),
            success: text("success").map(str::to_string),
        })
    }

    fn run(&self) -> Result<()> {
        let exists = |path: &Path| path.try_exists().map_err(|error| write_error(path, error));
        match (exists(&self.from)?, exists(&self.to)?) {
            (true, false) => {
                fs::rename(&self.from, &self.to).map_err(|error| write_error(&self.to, error))
            }
            (false, true) => Ok(()),
            (true, true) => Err(self.error("another file has its name already")),
            (false, false) => Err(self.error("it is gone")),
        }
    }

    fn error(&self, why: &str) -> Error {
        Error::new(
            Code::Write,
            format!(
                "cannot make '{}' visible as '{}': {why}",
                self.from.display(),
                self.to.display()
            ),
        )
    }
}
