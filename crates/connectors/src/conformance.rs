//! What every bounded source must do, whatever it reads: run by the tests of each connector.
//!
//! * Each row comes once, at any parallelism and batch size, and no batch is larger than wanted.
//! * A reader without splits is `Waiting`; each split is `Finished` once and brings no rows after.
//! * Rows have the schema that was asked for.

use std::collections::{BTreeMap, HashSet};

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
    first
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
    let found = source.enumerator()?.discover().await?;
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
    let mut names = Vec::new();
    for (i, (name, data)) in found.splits.into_iter().enumerate() {
        let split = Split {
            id: SplitId(i as u32),
            name: name.clone(),
            data,
        };
        readers[i % context.parallelism as usize].assign(split);
        names.push(name);
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
                let name = names[split.0 as usize].clone();
                reading.splits.entry(name).or_default().extend(lines(&rows));
                reading.bad.extend(bad);
            }
            Fetch::Finished(split) => assert!(finished.insert(split), "finished twice"),
            Fetch::Waiting => {
                assert!(matches!(reader.fetch().await?, Fetch::Waiting));
                return Ok(());
            }
        }
    }
}
