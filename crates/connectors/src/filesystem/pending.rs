//! Where files wait until the checkpoint they belong to is committed.
//!
//! ```text
//! <table>/.millstream-pending/<job>/<lineage>.<generation>/part-…      one folder per life of a job
//!                                                              └─ renamed to <table>/dt=…/part-…
//! ```
//!
//! * A reader that skips names beginning with a `.`, as ours and others do, sees none of it.
//! * A life removes the folders of the other lives of its job, never those of another job, and none
//!   of its own lineage that began later: then it is the one that is fenced.
//! * A folder is durable before a file in it is handed over.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use millstream_core::connector::JobIdentity;
use millstream_core::{Code, Error, Result};

/// The folder of pending files below a table's.
pub(super) const FOLDER: &str = ".millstream-pending";

/// The life of a job, as names of folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// `.millstream-pending/<job>`.
    pub(super) job: String,
    lineage: String,
    generation: u64,
}

impl Life {
    pub(super) fn of(job: &JobIdentity) -> Self {
        Life {
            job: format!("{FOLDER}/{}", segment(&job.name)),
            lineage: segment(&job.lineage),
            generation: job.generation,
        }
    }

    /// The name of this life's folder in that of the job.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.lineage, self.generation)
    }

    /// The folder of this life, relative to the table's.
    pub(super) fn folder(&self) -> String {
        format!("{}/{}", self.job, self.name())
    }

    /// True if the folder `name` was left behind by a life that is over.
    pub(super) fn outlives(&self, name: &str) -> bool {
        match name.rsplit_once('.') {
            Some((lineage, generation)) if lineage == self.lineage => generation
                .parse()
                .is_ok_and(|generation: u64| generation < self.generation),
            Some((_, generation)) => generation.parse::<u64>().is_ok(),
            None => false,
        }
    }
}

/// A text as one harmless part of a path.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'.' if i > 0 => out.push('.'),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Creates a directory and those above it so that they survive a power cut.
pub(super) fn create_dirs(path: &Path) -> Result<()> {
    let mut missing = Vec::new();
    let mut above = path;
    loop {
        match fs::metadata(above) {
            Ok(found) if found.is_dir() => break,
            Ok(_) => return Err(write_error(above, ErrorKind::NotADirectory.into())),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                missing.push(above);
            }
            Err(error) => return Err(write_error(above, error)),
        }
        match above.parent() {
            Some(parent) => above = parent,
            None => break,
        }
    }
    for directory in missing.into_iter().rev() {
        match fs::create_dir(directory) {
            Ok(()) => {}
            // Another subtask was faster; both sync, so neither goes on before it is durable.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(write_error(directory, error)),
        }
        if let Some(parent) = directory.parent() {
            sync(parent)?;
        }
    }
    Ok(())
}

/// Makes the entries of a directory durable. It is opened like a file; other systems than Unix sync
/// names themselves.
pub(super) fn sync(directory: &Path) -> Result<()> {
    if cfg!(unix) {
        let synced = File::open(directory).and_then(|opened| opened.sync_all());
        synced.map_err(|error| write_error(directory, error))?;
    }
    Ok(())
}

/// Removes the folders that other lives of a job have left below a table's.
pub(super) fn remove_others(root: &Path, life: &Life) -> Result<()> {
    let job = root.join(&life.job);
    for folder in entries(&job)? {
        let name = folder.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| life.outlives(name)) {
            match fs::remove_dir_all(&folder) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(write_error(&folder, error)),
            }
        }
    }
    Ok(())
}

/// Removes the folders of a life that have become empty.
pub(super) fn remove_empty(root: &Path, life: &Life) -> Result<()> {
    for folder in [life.folder(), life.job.clone(), FOLDER.to_string()] {
        let folder = root.join(folder);
        match fs::remove_dir(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            // Not empty: somebody else's, or another subtask's.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => return Ok(()),
            Err(error) => return Err(write_error(&folder, error)),
        }
    }
    Ok(())
}

/// What is in a directory; nothing if it is not there.
pub(super) fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let list = match fs::read_dir(directory) {
        Ok(list) => list,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(write_error(directory, error)),
    };
    let paths: io::Result<Vec<PathBuf>> = list.map(|entry| Ok(entry?.path())).collect();
    paths.map_err(|error| write_error(directory, error))
}

/// The error for a file or directory that cannot be written.
pub(super) fn write_error(path: &Path, error: io::Error) -> Error {
    Error::new(
        Code::Write,
        format!("cannot write '{}': {error}", path.display()),
    )
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(job: &str, lineage: &str, generation: u64) -> Life {
        Life::of(&JobIdentity {
            name: job.into(),
            lineage: lineage.into(),
            generation,
            checkpoints: true,
        })
    }

    #[test]
    fn a_life_outlives_earlier_generations_and_other_lineages() {
        let ours = life("job", "l.1", 5);
        assert_eq!(ours.folder(), ".millstream-pending/job/l.1.5");
        for (name, over) in [
            ("l.1.4", true),
            ("l.1.5", false),
            ("l.1.6", false),
            ("l.2.9", true),
            ("partitions", false),
            ("partitions.json", false),
        ] {
            assert_eq!(ours.outlives(name), over, "{name}");
        }
    }

    #[test]
    fn names_never_leave_their_folder() {
        assert_eq!(
            life("..", "a/b", 1).folder(),
            ".millstream-pending/%2E./a%2Fb.1"
        );
        assert_eq!(segment("etl-2_x.y"), "etl-2_x.y");
    }

    #[test]
    fn only_folders_of_lives_that_are_over_are_removed() {
        let here = tempfile::tempdir().unwrap();
        let lives = [
            life("a", "l", 1),
            life("a", "l", 2),
            life("a", "l", 3),
            life("a", "m", 9),
            life("b", "l", 1),
        ];
        for life in &lives {
            let folder = here.path().join(life.folder());
            create_dirs(&folder).unwrap();
            fs::write(folder.join("part-0"), "x").unwrap();
        }
        remove_others(here.path(), &lives[1]).unwrap();
        let left = lives
            .iter()
            .map(|life| here.path().join(life.folder()).exists());
        assert_eq!(left.collect::<Vec<_>>(), [false, true, true, false, true]);
        remove_empty(here.path(), &lives[1]).unwrap();
        assert!(here.path().join(lives[1].folder()).exists(), "not empty");
        remove_others(&here.path().join("no"), &lives[1]).unwrap();
    }
}
