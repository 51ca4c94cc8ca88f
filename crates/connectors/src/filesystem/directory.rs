//! A directory of this machine: files are renamed, and nothing is durable before it is synced.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use millstream_core::{Code, Error, Result};

use super::committable::Move;
use super::pending::{FOLDER, Life};
use super::root::Shown;

/// Runs what may wait for a disk on a thread for such calls: a sync behind the writes of others can
/// take minutes, and a worker of the job that waits for it is missing everywhere.
pub(super) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal("a call to the disk was lost").caused_by(error)),
    }
}

/// Makes a pending file visible. A rename that a power cut has cut in half leaves two names of one
/// file. What a life that was replaced does at the same time, for it finishes the same commit, only
/// means that there is less to do.
pub(super) fn show(root: &Path, file: &Move) -> Result<Shown> {
    const LOOKS: u32 = 10;
    let (from, to) = (root.join(&file.from), root.join(&file.to));
    for _ in 0..LOOKS {
        if let Some(shown) = try_show(root, &from, &to)? {
            return Ok(shown);
        }
    }
    Ok(Shown::Gone)
}

/// None if the pending file has gone since it was looked at.
fn try_show(root: &Path, from: &Path, to: &Path) -> Result<Option<Shown>> {
    let (done, path) = match (look(from)?, look(to)?) {
        (Some(_), None) => {
            create_dirs(to.parent().unwrap_or(root))?;
            (fs::rename(from, to), to)
        }
        (None, Some(_)) => return Ok(Some(Shown::Yes)),
        (Some(pending), Some(visible)) if is_same(&pending, &visible) => {
            (fs::remove_file(from), from)
        }
        (Some(_), Some(_)) => return Ok(Some(Shown::NameTaken)),
        (None, None) => return Ok(Some(Shown::Gone)),
    };
    match done {
        Ok(()) => Ok(Some(Shown::Yes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(write_error(path, error)),
    }
}

fn look(path: &Path) -> Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(write_error(path, error)),
    }
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    false
}

/// Creates an empty file in a directory that is there.
pub(super) fn mark(path: &Path) -> Result<()> {
    match File::create(path) {
        Ok(_) => sync(path.parent().unwrap_or(path)),
        // Its owner has moved the whole directory away: there is nobody to tell.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(write_error(path, error)),
    }
}

/// A small file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(write_error(path, error)),
    }
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

/// The files in folders that other lives of a job have left below a table's.
pub(super) fn leftovers(root: &Path, life: &Life) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in entries(&root.join(&life.job))? {
        let name = folder.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| life.outlives(name)) {
            continue;
        }
        for file in entries(&folder)? {
            let relative = file.strip_prefix(root).ok().and_then(Path::to_str);
            found.extend(relative.map(str::to_string));
        }
    }
    Ok(found)
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
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
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
    use millstream_core::connector::JobIdentity;

    fn life(job: &str, lineage: &str, generation: u64) -> Life {
        Life::of(&JobIdentity {
            name: job.into(),
            lineage: lineage.into(),
            generation,
            checkpoints: true,
        })
    }

    #[test]
    fn two_lives_that_finish_the_same_commit_do_not_hurt_each_other() {
        let here = tempfile::tempdir().unwrap();
        let folder = here.path().join(".millstream-pending");
        create_dirs(&folder).unwrap();
        let files: Vec<Move> = (0..200)
            .map(|i| Move {
                from: format!(".millstream-pending/part-{i}"),
                to: format!("a={}/part-{i}", i % 7),
            })
            .collect();
        for file in &files {
            fs::write(here.path().join(&file.from), &file.to).unwrap();
        }
        let finish = || {
            let all = files.iter();
            let mut shown = all.map(|file| show(here.path(), file).unwrap());
            assert!(shown.all(|shown| shown == Shown::Yes));
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(finish);
            }
        });
        for file in &files {
            let text = fs::read_to_string(here.path().join(&file.to)).unwrap();
            assert_eq!(text, file.to);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
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
