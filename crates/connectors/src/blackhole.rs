//! A sink that forgets everything it is given, for measuring what lies before it.
//!
//! Its receipts count the rows it was given since the last one; there is nothing to commit.

use async_trait::async_trait;
use millstream_core::Result;
use millstream_core::connector::{
    Committable, Committer, Connector, Guarantee, Prepared, SinkAccepts, SinkContext, SinkFactory,
    SinkWriter, SourceFactory,
};
use millstream_core::format::Formats;
use millstream_core::message::Barrier;
use millstream_core::options::OptionSpec;
use millstream_core::rows::ChangeBatch;
use millstream_core::table::TableSpec;

/// `'connector' = 'blackhole'`.
pub(crate) struct Blackhole;

impl Connector for Blackhole {
    fn name(&self) -> &'static str {
        "blackhole"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }

    fn source(&self) -> Option<&dyn SourceFactory> {
        None
    }

    fn sink(&self) -> Option<&dyn SinkFactory> {
        Some(self)
    }

    fn has_format(&self) -> bool {
        false
    }
}

impl SinkFactory for Blackhole {
    fn accepts(&self, _table: &TableSpec) -> Result<SinkAccepts> {
        Ok(SinkAccepts::All)
    }

    fn check(&self, _table: &TableSpec, _formats: &Formats) -> Result<()> {
        Ok(())
    }

    fn writer(&self, _table: &TableSpec, _context: &SinkContext) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Forgets::default()))
    }

    fn committer(&self, _: &TableSpec, _: &SinkContext) -> Result<Box<dyn Committer>> {
        Ok(Box::new(Nothing))
    }

    fn guarantee(&self, _table: &TableSpec) -> Result<Guarantee> {
        Ok(Guarantee::none("every row is forgotten"))
    }
}

/// Counts rows and forgets them.
#[derive(Default)]
struct Forgets {
    rows: u64,
}

#[async_trait]
impl SinkWriter for Forgets {
    async fn write(&mut self, rows: ChangeBatch) -> Result<()> {
        self.rows += rows.num_rows() as u64;
        Ok(())
    }

    async fn prepare(&mut self, _barrier: Barrier) -> Result<Prepared> {
        Ok(Prepared {
            committables: Vec::new(),
            rows: std::mem::take(&mut self.rows),
        })
    }
}

/// The committer of sinks whose rows are visible at once, or never.
pub(crate) struct Nothing;

#[async_trait]
impl Committer for Nothing {
    async fn recover(&mut self, _pending: Vec<Committable>) -> Result<()> {
        Ok(())
    }

    async fn commit(&mut self, _prepared: Vec<Committable>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{barrier, batch, sink_context, table};
    use millstream_core::types::SqlType;

    #[tokio::test]
    async fn every_change_is_taken_and_counted_once() {
        let table = table("t", &[("a", SqlType::Int)], &[]);
        assert_eq!(Blackhole.accepts(&table).unwrap(), SinkAccepts::All);
        let context = sink_context(0, 1);
        let mut writer = Blackhole.writer(&table, &context).unwrap();
        let rows = batch(&table.schema, &[&["1"], &["2"]]);
        writer.write(ChangeBatch::inserts(rows)).await.unwrap();
        for wanted in [2, 0] {
            let prepared = writer.prepare(barrier(1, false)).await.unwrap();
            assert_eq!((prepared.committables.len(), prepared.rows), (0, wanted));
        }
        let mut committer = Blackhole.committer(&table, &context).unwrap();
        committer.recover(vec![]).await.unwrap();
        committer.commit(vec![]).await.unwrap();
    }
}
