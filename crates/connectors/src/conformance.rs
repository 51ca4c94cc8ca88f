//! What every bounded source must do, whatever it reads: run by the tests of each connector.
//!
//! * Each row comes once, at any parallelism and batch size, and no batch is larger than wanted.
//! * A reader without splits is `Waiting`; each split is `Finished` once and brings no rows after.
//! * Rows have the schema that was asked for.
//! * A source that replays goes on from the positions its readers told, at another parallelism and
//!   batch size, and brings exactly the rest.

use std::collections::{BTreeMap, HashSet};

use arrow::array::RecordBatch;
use millstream_core::Result;
use millstream_core::connector::{
    Connector, Discovery, Fetch, Source, SourceContext, SourceReader, Split,
};
use millstream_core::format::BadRecord;
use millstream_core::id::SplitId;
use millstream_core::table::TableSpec;

use crate::testing::{lines, source_context};

/// Everything a source brought.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The rows of each split in their order, by the split's name.
    pub(crate) splits: BTreeMap<String, Vec<String>>,
    pub(crate) bad: Vec<BadRecord>,
}

impl Reading {
    /// All rows, sorted.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut rows: Vec<String> = self.splits.values().flatten().cloned().collect();
        rows.sort_unstable();
        rows
    }

    /// All bad records, sorted by their place and text.
    fn sorted_bad(&self) -> Vec<(u64, u64, &str, &[u8])> {
        let bad = self.bad.iter();
        let mut bad: Vec<_> = bad
            .map(|bad| {
                (
                    bad.offset,
                    bad.line,
                    bad.reason.as_str(),
                    bad.bytes.as_slice(),
                )
            })
            .collect();
        bad.sort_unstable();
        bad
    }

    fn add(&mut self, split: &str, rows: &RecordBatch, bad: Vec<BadRecord>) {
        let of_split = self.splits.entry(split.to_string()).or_default();
        of_split.extend(lines(rows));
        self.bad.extend(bad);
    }
}

/// Reads a table at several parallelisms and batch sizes; the rows must always be the same.
pub(crate) async fn conformance(connector: &dyn Connector, table: &TableSpec) -> Reading {
    let first = read(connector, table, source_context(table, 1, 1024))
        .await
        .unwrap();
    for (parallelism, batch_rows) in [(1, 1), (3, 1024), (3, 3), (7, 2)] {
        let context = source_context(table, parallelism, batch_rows);
        let again = read(connector, table, context).await.unwrap();
        assert_eq!(
            again.rows(),
            first.rows(),
            "parallelism {parallelism}, batch {batch_rows}"
        );
        assert_eq!(again.bad.len(), first.bad.len());
    }
    for fetches in [0, 1, 2, 3, 5, 8, 13, 1000] {
        for (before, after) in [((1, 1), (2, 1024)), ((2, 3), (1, 2)), ((3, 1024), (3, 1))] {
            let again = interrupted(connector, table, before, after, fetches).await;
            let again = again.unwrap();
            assert_eq!(
                again.rows(),
                first.rows(),
                "stopped after {fetches} fetches"
            );
            assert_eq!(again.sorted_bad(), first.sorted_bad());
        }
    }
    first
}

/// Reads a bounded table with a restart in between: `fetches` per reader before it, the rest after
/// it. `before` and `after` are parallelism and rows of a batch.
pub(crate) async fn interrupted(
    connector: &dyn Connector,
    table: &TableSpec,
    before: (u32, usize),
    after: (u32, usize),
    fetches: usize,
) -> Result<Reading> {
    let factory = connector.source().expect("a source");
    let context = source_context(table, before.0, before.1);
    let source = factory.create(table, &context)?;
    assert!(source.replays());
    let found = source.enumerator(&[])?.discover().await?;
    let splits: Vec<Split> = numbered(found);
    let names: Vec<String> = splits.iter().map(|split| split.name.clone()).collect();
    let (mut reading, mut finished) = (Reading::default(), HashSet::new());
    let mut kept = Vec::new();
    for subtask in 0..context.parallelism as usize {
        let mut reader = source.reader()?;
        let own: Vec<&Split> = splits
            .iter()
            .skip(subtask)
            .step_by(before.0 as usize)
            .collect();
        for split in &own {
            reader.assign((*split).clone(), None)?;
        }
        for _ in 0..fetches {
            match reader.fetch().await? {
                Fetch::Rows { split, rows, bad } => {
                    reading.add(&names[split.0 as usize], &rows, bad);
                }
                Fetch::Finished(split) => assert!(finished.insert(split)),
                Fetch::Waiting => break,
            }
        }
        let open = own.iter().filter(|split| !finished.contains(&split.id));
        kept.extend(open.map(|split| ((*split).clone(), reader.position(split.id))));
    }
    let context = source_context(table, after.0, after.1);
    let source = factory.create(table, &context)?;
    let found = source.enumerator(&splits)?.discover().await?;
    assert_eq!(found.splits, [], "known splits are not found again");
    for subtask in 0..context.parallelism as usize {
        let mut reader = source.reader()?;
        for (split, position) in kept.iter().skip(subtask).step_by(after.0 as usize) {
            reader.assign(split.clone(), position.clone())?;
            assert_eq!(
                reader.position(split.id),
                *position,
                "assigned and not yet read"
            );
        }
        drain(
            reader.as_mut(),
            &context,
            &names,
            &mut reading,
            &mut finished,
        )
        .await?;
    }
    assert_eq!(finished.len(), names.len(), "every split is finished");
    Ok(reading)
}

/// Splits as the runtime makes them.
pub(crate) fn numbered(found: Discovery) -> Vec<Split> {
    let splits = (0..).zip(found.splits);
    splits
        .map(|(id, (name, data))| Split {
            id: SplitId(id),
            name,
            data,
        })
        .collect()
}

/// Reads a bounded table to its end.
pub(crate) async fn read(
    connector: &dyn Connector,
    table: &TableSpec,
    context: SourceContext,
) -> Result<Reading> {
    let factory = connector.source().expect("a source");
    let source = factory.create(table, &context)?;
    assert!(source.is_bounded());
    let found = source.enumerator(&[])?.discover().await?;
    assert_eq!(found.again_after, None);
    read_splits(source.as_ref(), &context, found).await
}

/// Reads what an enumerator has found, by as many readers as the context says.
pub(crate) async fn read_splits(
    source: &dyn Source,
    context: &SourceContext,
    found: Discovery,
) -> Result<Reading> {
    let mut readers: Vec<Box<dyn SourceReader>> = Vec::new();
    for _ in 0..context.parallelism {
        let mut reader = source.reader()?;
        assert!(
            matches!(reader.fetch().await?, Fetch::Waiting),
            "nothing is assigned"
        );
        readers.push(reader);
    }
    let splits = numbered(found);
    let names: Vec<String> = splits.iter().map(|split| split.name.clone()).collect();
    for (i, split) in splits.into_iter().enumerate() {
        readers[i % context.parallelism as usize].assign(split, None)?;
    }
    assert_eq!(
        names.iter().collect::<HashSet<_>>().len(),
        names.len(),
        "names are unique"
    );
    let mut reading = Reading::default();
    let mut finished = HashSet::new();
    for mut reader in readers {
        drain(
            reader.as_mut(),
            context,
            &names,
            &mut reading,
            &mut finished,
        )
        .await?;
    }
    assert_eq!(finished.len(), names.len(), "every split is finished");
    Ok(reading)
}

async fn drain(
    reader: &mut dyn SourceReader,
    context: &SourceContext,
    names: &[String],
    reading: &mut Reading,
    finished: &mut HashSet<SplitId>,
) -> Result<()> {
    loop {
        match reader.fetch().await? {
            Fetch::Rows { split, rows, bad } => {
                assert!(!finished.contains(&split), "rows after the end of a split");
                assert!(rows.num_rows() <= context.batch_rows);
                assert_eq!(rows.schema(), context.schema);
                reading.add(&names[split.0 as usize], &rows, bad);
            }
            Fetch::Finished(split) => assert!(finished.insert(split), "finished twice"),
            Fetch::Waiting => {
                assert!(matches!(reader.fetch().await?, Fetch::Waiting));
                return Ok(());
            }
        }
    }
}
