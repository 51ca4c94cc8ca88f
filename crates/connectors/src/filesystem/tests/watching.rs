use std::sync::Arc;
use std::time::{Duration, SystemTime};

use millstream_core::clock::ManualClock;
use millstream_core::connector::{Source, SourceFactory, SplitEnumerator};
use millstream_core::{Code, Result};

use super::*;
use crate::filesystem::Filesystem;
use crate::testing::{manual_clock, source_context};

/// A watched directory, seen at a time that the test sets.
struct Watched {
    here: tempfile::TempDir,
    clock: Arc<ManualClock>,
    source: Box<dyn Source>,
    enumerator: Box<dyn SplitEnumerator>,
}

const NOW_MS: i64 = 1_600_000_000_000;

impl Watched {
    fn new() -> Self {
        let here = tempfile::tempdir().unwrap();
        let table = files(here.path(), &[("source.monitor-interval", "10 s")]);
        let mut context = source_context(&table, 1, 1);
        let (clock, shared) = manual_clock(NOW_MS);
        context.clock = shared;
        let source = Filesystem.create(&table, &context).unwrap();
        let enumerator = source.enumerator(&[]).unwrap();
        Watched {
            here,
            clock,
            source,
            enumerator,
        }
    }

    /// Writes a file that was last modified this long before `NOW_MS`.
    fn write(&self, name: &str, text: &str, age: Duration) {
        let path = self.here.path().join(name);
        write(&path, text);
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS as u64) - age;
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    }

    /// The names of the files found now.
    async fn look(&mut self) -> Result<Vec<String>> {
        let found = self.enumerator.discover().await?;
        assert_eq!(found.again_after, Some(Duration::from_secs(10)));
        let root = format!("{}/", self.here.path().display());
        Ok(found
            .splits
            .iter()
            .map(|(name, _)| name.replace(&root, ""))
            .collect())
    }
}

const OLD: Duration = Duration::from_secs(3600);
const FRESH: Duration = Duration::from_secs(1);

#[tokio::test]
async fn each_new_file_is_found_once() {
    let mut watched = Watched::new();
    assert!(!watched.source.is_bounded());
    assert_eq!(watched.look().await.unwrap(), [""; 0]);
    watched.write("b", "1,a\n", OLD);
    watched.write("a", "1,a\n", OLD);
    assert_eq!(watched.look().await.unwrap(), ["a", "b"]);
    assert_eq!(watched.look().await.unwrap(), [""; 0]);
    watched.write("c", "1,a\n", OLD);
    assert_eq!(watched.look().await.unwrap(), ["c"]);
}

#[tokio::test]
async fn a_file_that_is_still_being_written_waits_until_it_stays_the_same() {
    let mut watched = Watched::new();
    watched.write("growing", "1,", FRESH);
    assert_eq!(watched.look().await.unwrap(), [""; 0]);
    watched.write("growing", "1,a\n", FRESH);
    assert_eq!(watched.look().await.unwrap(), [""; 0]);
    assert_eq!(watched.look().await.unwrap(), ["growing"]);
    watched.write("fresh", "1,a\n", FRESH);
    watched.clock.set(NOW_MS + 60_000);
    assert_eq!(watched.look().await.unwrap(), ["fresh"]);
}

#[tokio::test]
async fn a_file_that_grows_after_it_was_read_stops_the_job() {
    let mut watched = Watched::new();
    watched.write("a", "1,a\n", OLD);
    watched.look().await.unwrap();
    watched.write("a", "1,a\n2,b\n", FRESH);
    let error = watched.look().await.unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
    assert!(
        error.message().contains("it had 4 bytes and has 8 now"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_of_a_name_that_was_gone_is_another_file() {
    let mut watched = Watched::new();
    watched.write("a", "1,a\n", OLD);
    watched.look().await.unwrap();
    fs::remove_file(watched.here.path().join("a")).unwrap();
    assert_eq!(watched.look().await.unwrap(), [""; 0]);
    watched.write("a", "2,b,c\n", OLD);
    assert_eq!(watched.look().await.unwrap(), ["a#2"]);
}

#[tokio::test]
async fn a_watched_directory_that_disappears_stops_the_job() {
    let mut watched = Watched::new();
    watched.look().await.unwrap();
    fs::remove_dir(watched.here.path()).unwrap();
    let error = watched.look().await.unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
    assert!(error.message().contains("the watched '"), "{error}");
    assert!(
        error
            .message()
            .contains(watched.here.path().to_str().unwrap()),
        "{error}"
    );
}
