//! Going on in a file: exactly where it was left, or not at all.

use std::time::{Duration, UNIX_EPOCH};

use millstream_core::connector::{Fetch, Position, SourceFactory, Split};
use millstream_core::{Code, Error, Result};

use super::*;
use crate::conformance::numbered;
use crate::filesystem::Filesystem;
use crate::testing::{lines, source_context};

/// A table of one file that has been read for a while.
struct Halfway {
    here: tempfile::TempDir,
    name: &'static str,
    options: Vec<(&'static str, &'static str)>,
    split: Split,
    position: Option<Position>,
}

impl Halfway {
    async fn new(
        name: &'static str,
        bytes: impl AsRef<[u8]>,
        options: &[(&'static str, &'static str)],
        fetches: usize,
    ) -> Self {
        let here = tempfile::tempdir().unwrap();
        write(&here.path().join(name), bytes);
        let table = files(&here.path().join(name), options);
        let source = Filesystem
            .create(&table, &source_context(&table, 1, 1))
            .unwrap();
        let found = source.enumerator(&[]).unwrap().discover().await.unwrap();
        let split = numbered(found).remove(0);
        let mut reader = source.reader().unwrap();
        reader.assign(split.clone(), None).unwrap();
        assert_eq!(reader.position(split.id), None);
        for _ in 0..fetches {
            assert!(matches!(reader.fetch().await.unwrap(), Fetch::Rows { .. }));
        }
        Halfway {
            position: reader.position(split.id),
            here,
            name,
            options: options.to_vec(),
            split,
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.here.path().join(self.name)
    }

    async fn rest(&self) -> Result<Vec<String>> {
        let table = files(&self.path(), &self.options);
        let source = Filesystem.create(&table, &source_context(&table, 1, 100))?;
        let mut reader = source.reader()?;
        reader.assign(self.split.clone(), self.position.clone())?;
        let mut rest = Vec::new();
        loop {
            match reader.fetch().await? {
                Fetch::Rows { rows, .. } => rest.extend(lines(&rows)),
                Fetch::Finished(_) => return Ok(rest),
                Fetch::Waiting => panic!("the split was not finished"),
            }
        }
    }

    async fn error(&self) -> Error {
        self.rest().await.expect_err("must not go on")
    }

    fn touch(&self) {
        let file = fs::File::options().write(true).open(self.path()).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000);
        file.set_modified(time).unwrap();
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

#[tokio::test]
async fn a_file_that_was_only_touched_is_read_on() {
    let text = "1,a\n2,b\n3,c\n";
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        let name = if bytes[0] == b'1' { "f" } else { "f.gz" };
        let halfway = Halfway::new(name, bytes, &[], 2).await;
        assert_eq!(halfway.rest().await.unwrap(), ["3|c"]);
        halfway.touch();
        assert_eq!(halfway.rest().await.unwrap(), ["3|c"]);
    }
}

#[tokio::test]
async fn a_replaced_file_is_lost_input_even_if_its_size_is_the_same() {
    let halfway = Halfway::new("f", "1,a\n2,b\n3,c\n", &[], 2).await;
    write(&halfway.path(), "1,a\n2,x\n3,c\n");
    halfway.touch();
    let error = halfway.error().await;
    assert_eq!(error.code(), Code::InputLost);
    assert!(error.message().contains("has been replaced"), "{error}");
    assert!(error.message().contains(halfway.path().to_str().unwrap()));
}

#[tokio::test]
async fn a_file_of_another_size_or_none_is_lost_input() {
    let halfway = Halfway::new("f", "1,a\n2,b\n3,c\n", &[], 1).await;
    for text in ["1,a\n", "1,a\n2,b\n3,c\n4,d\n", ""] {
        write(&halfway.path(), text);
        let error = halfway.error().await;
        assert_eq!(error.code(), Code::InputLost);
        assert!(error.message().contains("it had 12 bytes"), "{error}");
    }
    fs::remove_file(halfway.path()).unwrap();
    let table = files(halfway.here.path(), &[]);
    let source = Filesystem
        .create(&table, &source_context(&table, 1, 1))
        .unwrap();
    let mut reader = source.reader().unwrap();
    reader
        .assign(halfway.split.clone(), halfway.position.clone())
        .unwrap();
    let error = reader.fetch().await.unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
}

#[tokio::test]
async fn a_position_of_something_else_is_a_damaged_checkpoint() {
    let mut halfway = Halfway::new("f", "1,a\n", &[], 1).await;
    halfway.position = Some(Position("17".into()));
    assert_eq!(halfway.error().await.code(), Code::CheckpointDamaged);
}

/// Formats as users have them: a header, quoted line breaks, comments, a byte order mark, bad
/// records, and no line break at the end.
#[tokio::test]
async fn real_formats_go_on_behind_any_record() {
    let csv = "\u{feff}a,b\n# a note\n1,\"x\ny\"\n2,b\nbad\n\n3,\"c\"\"d\"\n\u{feff}4,d\n5,e";
    let json = "\u{feff}{\"a\":1,\"b\":\"x\"}\n\n{\"a\":2,\n{\"a\":3,\"b\":\"\\u00fc\"}\n{\"a\":4}";
    let options = [
        ("csv.ignore-first-line", "true"),
        ("csv.allow-comments", "true"),
    ];
    for (text, format, options) in [(csv, "csv", &options[..]), (json, "json", &[])] {
        for name in ["f", "f.gz"] {
            let here = tempfile::tempdir().unwrap();
            let path = here.path().join(name);
            let bytes = match name {
                "f" => text.as_bytes().to_vec(),
                _ => gzip(text.as_bytes()),
            };
            write(&path, bytes);
            let mut all = vec![("format", format)];
            all.extend_from_slice(options);
            let table = files(&path, &all);
            let whole = everything(&table, None).await;
            assert!(whole.len() >= 4, "{whole:?}");
            for batch_rows in [1, 2, 3] {
                for fetches in 0..8 {
                    let again = everything(&table, Some((batch_rows, fetches))).await;
                    assert_eq!(again, whole, "{format}, {name}: {fetches} of {batch_rows}");
                }
            }
        }
    }
}

/// Rows and bad records with their places, in order; with a restart after some fetches.
async fn everything(table: &TableSpec, restart: Option<(usize, usize)>) -> Vec<String> {
    let open = |batch_rows| {
        let mut context = source_context(table, 1, batch_rows);
        context.formats = std::sync::Arc::new(millstream_formats::format);
        Filesystem.create(table, &context).unwrap()
    };
    let mut out = Vec::new();
    let mut take = |fetch: Fetch| match fetch {
        Fetch::Rows { rows, bad, .. } => {
            out.extend(lines(&rows));
            out.extend(
                bad.iter()
                    .map(|b| format!("bad {} {} {}", b.offset, b.line, b.reason)),
            );
            true
        }
        _ => false,
    };
    let source = open(restart.map_or(100, |(rows, _)| rows));
    let found = source.enumerator(&[]).unwrap().discover().await.unwrap();
    let split = numbered(found).remove(0);
    let mut reader = source.reader().unwrap();
    reader.assign(split.clone(), None).unwrap();
    if let Some((_, fetches)) = restart {
        let mut open_still = true;
        for _ in 0..fetches {
            open_still = open_still && take(reader.fetch().await.unwrap());
        }
        if !open_still {
            out.sort();
            return out;
        }
        let position = reader.position(split.id);
        reader = open(100).reader().unwrap();
        reader.assign(split, position).unwrap();
    }
    while take(reader.fetch().await.unwrap()) {}
    out.sort();
    out
}

/// A batch may end within a line that is passed over: nobody can begin there.
#[tokio::test]
async fn a_batch_that_ends_within_a_line_goes_on_behind_it() {
    let here = tempfile::tempdir().unwrap();
    let note = "x,".repeat(900_000);
    write(
        &here.path().join("f"),
        format!("1,a\n#{note}\n2,b\n#{note}\n3,c\n"),
    );
    let options = [("format", "csv"), ("csv.allow-comments", "true")];
    let table = files(&here.path().join("f"), &options);
    let whole = everything(&table, None).await;
    assert_eq!(whole, ["1|a", "2|b", "3|c"]);
    for fetches in 0..4 {
        assert_eq!(everything(&table, Some((100, fetches))).await, whole);
    }
}

#[tokio::test]
async fn a_watched_directory_goes_on_with_the_files_it_had() {
    let here = tempfile::tempdir().unwrap();
    let old = UNIX_EPOCH + Duration::from_secs(1);
    let put = |name: &str, text: &str| {
        write(&here.path().join(name), text);
        let file = fs::File::options()
            .write(true)
            .open(here.path().join(name))
            .unwrap();
        file.set_modified(old).unwrap();
    };
    let table = files(here.path(), &[("source.monitor-interval", "1 s")]);
    let source = || {
        Filesystem
            .create(&table, &source_context(&table, 1, 1))
            .unwrap()
    };
    put("a", "1,a\n");
    put("b", "1,a\n");
    let first = source();
    let found = first.enumerator(&[]).unwrap().discover().await.unwrap();
    let known = numbered(found);
    assert_eq!(known.len(), 2);
    // One was taken away and replaced by a file of the same name while nobody looked.
    put("c", "1,a\n");
    let mut enumerator = source().enumerator(&known).unwrap();
    let names = |found: millstream_core::connector::Discovery| -> Vec<String> {
        let root = format!("{}/", here.path().display());
        let names = found.splits.into_iter();
        names.map(|(name, _)| name.replace(&root, "")).collect()
    };
    assert_eq!(names(enumerator.discover().await.unwrap()), ["c"]);
    fs::remove_file(here.path().join("a")).unwrap();
    assert_eq!(names(enumerator.discover().await.unwrap()), [""; 0]);
    put("a", "2,b\n");
    assert_eq!(names(enumerator.discover().await.unwrap()), ["a#2"]);
    put("b", "1,a\n2,b\n");
    let error = source()
        .enumerator(&known)
        .unwrap()
        .discover()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
}
