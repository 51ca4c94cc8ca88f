//! A sink that forgets everything it is given, for measuring what lies before it.
//!
//! Rows are counted by the runtime like those of any node, so nothing is counted here.

use async_trait::async_trait;
use millstream_core::Result;
use millstream_core::connector::{
    Committable, Committer, Connector, SinkAccepts, SinkContext, SinkFactory, SinkWriter,
    SourceFactory,
};
use millstream_core::format::Formats;
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
        Ok(Box::new(Nothing))
    }

    fn committer(&self, _table: &TableSpec) -> Result<Box<dyn Committer>> {
        Ok(Box::new(Nothing))
    }
}

/// Writes nothing; also commits for sinks whose rows are visible at once.
pub(crate) struct Nothing;

#[async_trait]
impl SinkWriter for Nothing {
    async fn write(&mut self, _rows: ChangeBatch) -> Result<()> {
        Ok(())
    }

    async fn prepare(&mut self, _end: bool) -> Result<Vec<Committable>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Committer for Nothing {
    async fn commit(&mut self, _prepared: Vec<Committable>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, sink_context, table};
    use millstream_core::types::SqlType;

    #[tokio::test]
    async fn every_change_is_taken_and_nothing_is_prepared() {
        let table = table("t", &[("a", SqlType::Int)], &[]);
        assert_eq!(Blackhole.accepts(&table).unwrap(), SinkAccepts::All);
        let mut writer = Blackhole.writer(&table, &sink_context(0, 1)).unwrap();
        let rows = batch(&table.schema, &[&["1"], &["2"]]);
        writer.write(ChangeBatch::inserts(rows)).await.unwrap();
        assert_eq!(writer.prepare(true).await.unwrap(), []);
        Blackhole
            .committer(&table)
            .unwrap()
            .commit(vec![])
            .await
            .unwrap();
    }
}
