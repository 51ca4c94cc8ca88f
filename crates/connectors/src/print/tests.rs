use std::sync::{Arc, Mutex};

use arrow::array::UInt8Array;
use millstream_core::types::SqlType;

use super::*;
use crate::testing::{NULL, barrier, batch, sink_context, table};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream whose reader has gone.
struct Torn;

impl Write for Torn {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn rows() -> (TableSpec, ChangeBatch) {
    let table = table("t", &[("a", SqlType::Int), ("b", SqlType::STRING)], &[]);
    let rows = batch(&table.schema, &[&["1", "abc"], &["2", NULL]]);
    (
        table,
        ChangeBatch::with_kinds(rows, UInt8Array::from(vec![0, 3])),
    )
}

async fn printed(options: &[(&str, &str)], subtask: u32, parallelism: u32) -> String {
    let (mut spec, rows) = rows();
    spec.options = table("t", &[], options).options;
    let paper = Paper::default();
    let context = sink_context(subtask, parallelism);
    let mut writer = Writer::new(&spec, &context, Box::new(paper.clone()));
    writer.write(rows).await.unwrap();
    let prepared = writer.prepare(barrier(1, true)).await.unwrap();
    assert_eq!((prepared.committables.len(), prepared.rows), (0, 2));
    String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
}

#[tokio::test]
async fn changes_are_printed_with_their_kind() {
    assert_eq!(printed(&[], 0, 1).await, "+I[1, abc]\n-D[2, null]\n");
}

#[tokio::test]
async fn the_prefix_names_the_identifier_and_the_subtask() {
    let first = |text: String| text.lines().next().unwrap().to_string();
    assert_eq!(first(printed(&[], 1, 3).await), "2> +I[1, abc]");
    let named = [(IDENTIFIER, "x")];
    assert_eq!(first(printed(&named, 0, 1).await), "x> +I[1, abc]");
    assert_eq!(first(printed(&named, 2, 3).await), "x:3> +I[1, abc]");
}

#[tokio::test]
async fn a_broken_pipe_is_a_write_error() {
    let (table, rows) = rows();
    let mut writer = Writer::new(&table, &sink_context(0, 1), Box::new(Torn));
    let error = writer.write(rows).await.unwrap_err();
    assert_eq!(error.code(), Code::Write);
    assert!(
        error.message().starts_with("table 't' cannot print"),
        "{error}"
    );
}

#[test]
fn standard_error_wants_true_or_false() {
    let table = table("t", &[], &[(STANDARD_ERROR, "yes")]);
    let formats = crate::testing::formats();
    assert_eq!(
        Print.check(&table, &formats).unwrap_err().code(),
        Code::InvalidOption
    );
}
