//! Rows, watermarks and side outputs find their way, at any parallelism.

use std::sync::atomic::Ordering;

use millstream_core::connector::SinkAccepts;
use millstream_plan::{Exchange, NodeKind, OnError, OutputKind, ValuesSpec};
use millstream_runtime::{JobOptions, JobSummary, Outcome, start};

use crate::kit::*;

fn splits(count: i64, rows: i64) -> Vec<Vec<Act>> {
    let row = |split: i64, i: i64| (i % 13, 1000 + i * count + split);
    (0..count)
        .map(|split| {
            let all: Vec<(i64, i64)> = (0..rows).map(|i| row(split, i)).collect();
            all.chunks(7).map(|rows| Act::Rows(rows.to_vec())).collect()
        })
        .collect()
}

async fn count_by_key(parallelism: u32, parts: i64) -> (Vec<(i64, i64)>, JobSummary) {
    let fake = leak(Fake::with(splits(parts, 200)));
    let mut graph = Graph::new();
    let source = graph.source(parallelism, true, OnError::Fail);
    let marked = graph.watermarks(source, None);
    let even = graph.step(marked, Exchange::Rebalance, parallelism);
    let count = graph.step(even, Exchange::Hash(vec![0]), parallelism);
    graph.sink(input(count, Exchange::Forward), parallelism);
    let environment = environment(fake, move |id| match id == count {
        true => count_at_end(),
        false => Do::Pass,
    });
    let job = start(&graph.0, &environment, JobOptions::named("test"))
        .await
        .unwrap();
    let summary = job.wait().await.unwrap();
    (fake.store.rows(), summary)
}

#[test]
fn any_parallelism_gives_the_same_result() {
    run(async {
        for parts in [1, 3, 10] {
            let (wanted, _) = count_by_key(1, parts).await;
            assert_eq!(wanted.iter().map(|row| row.1).sum::<i64>(), 200 * parts);
            for parallelism in [2, 7] {
                let (found, summary) = count_by_key(parallelism, parts).await;
                assert_eq!(found, wanted, "parallelism {parallelism}, {parts} splits");
                assert_eq!(summary.outcome, Outcome::Finished);
                assert_eq!(summary.rows_read(), 200 * parts as u64);
                assert!(
                    summary
                        .splits
                        .iter()
                        .all(|s| s.finished && s.late_rows == 0)
                );
                let node = |name: &str| summary.nodes.iter().find(|n| n.name == name).unwrap();
                assert_eq!(node("Source(in)").rows_out, 200 * parts as u64);
                assert_eq!(node("Sink(out)").rows_in, 13);
            }
        }
    });
}

#[test]
fn late_rows_are_counted_for_their_split_and_written_where_somebody_reads_them() {
    run(async {
        let slow = vec![Act::Rows(vec![(1, 100)]), Act::Rows(vec![(1, 50), (2, 99)])];
        let fake = leak(Fake::with(vec![slow]));
        let mut graph = Graph::new();
        let source = graph.source(1, true, OnError::Fail);
        let marked = graph.watermarks(source, None);
        let count = graph.step(marked, Exchange::Hash(vec![0]), 2);
        graph.sink(side(count, OutputKind::Late), 1);
        graph.collect(count);
        let environment = environment(fake, |_| count_at_end());
        let mut job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        let mut results = job.results().unwrap();
        let mut rows = Vec::new();
        while let Some(batch) = results.next().await {
            rows.extend(pairs(batch.rows()));
        }
        let summary = job.wait().await.unwrap();
        assert_eq!(rows, [(1, 1)]);
        assert_eq!(summary.splits[0].late_rows, 2);
        assert_eq!(fake.store.written.lock().unwrap().len(), 2);
        let count = &summary.nodes[count.0 as usize];
        assert_eq!((count.rows_in, count.late_rows), (3, 2));
    });
}

#[test]
fn the_slowest_split_holds_the_watermark_back_so_nothing_is_late() {
    run(async {
        // One reader alternates between the splits; the second is far behind the first.
        let fast = (0..20).map(|i| Act::Rows(vec![(1, 1000 + i)])).collect();
        let slow = (0..20).map(|i| Act::Rows(vec![(2, i)])).collect();
        for parallelism in [1, 2] {
            let fake = leak(Fake::with(vec![Vec::clone(&fast), Vec::clone(&slow)]));
            let mut graph = Graph::new();
            let source = graph.source(parallelism, true, OnError::Fail);
            let marked = graph.watermarks(source, None);
            let count = graph.step(marked, Exchange::Hash(vec![0]), 2);
            graph.sink(input(count, Exchange::Forward), 2);
            let environment = environment(fake, |_| count_at_end());
            let job = start(&graph.0, &environment, JobOptions::named("test"))
                .await
                .unwrap();
            job.wait().await.unwrap();
            assert_eq!(fake.store.rows(), [(1, 20), (2, 20)]);
        }
    });
}

#[test]
fn constant_rows_exist_once_and_every_reader_gets_them() {
    run(async {
        let fake = leak(Fake::default());
        let mut graph = Graph::new();
        let rows: Vec<(i64, i64)> = (0..10).map(|i| (i, i)).collect();
        let values = ValuesSpec { rows: batch(&rows) };
        let values = graph.add(NodeKind::Values(values), vec![], 1);
        let left = graph.step(values, Exchange::Rebalance, 3);
        let union = vec![
            input(left, Exchange::Rebalance),
            input(values, Exchange::Rebalance),
        ];
        let union = graph.add(NodeKind::Union, union, 2);
        graph.sink(input(union, Exchange::Forward), 2);
        let environment = environment(fake, |_| Do::Pass);
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        job.wait().await.unwrap();
        let mut twice = [rows.clone(), rows].concat();
        twice.sort_unstable();
        assert_eq!(fake.store.rows(), twice);
    });
}

#[test]
fn a_table_that_takes_upserts_gets_no_update_before() {
    use arrow::array::UInt8Array;
    use millstream_core::id::Port;
    use millstream_core::operator::{Operator, Output};
    use millstream_core::rows::ChangeBatch;
    use millstream_core::state::{StateReader, StateWriter};

    struct Updates;
    impl Operator for Updates {
        fn snapshot(&mut self, _: &mut dyn StateWriter) -> millstream_core::Result<()> {
            Ok(())
        }
        fn restore(&mut self, _: &mut dyn StateReader) -> millstream_core::Result<()> {
            Ok(())
        }
        fn on_rows(
            &mut self,
            _: Port,
            rows: ChangeBatch,
            out: &mut Output,
        ) -> millstream_core::Result<()> {
            let kinds = UInt8Array::from(vec![0, 1, 2, 3]);
            out.rows(ChangeBatch::with_kinds(rows.rows().clone(), kinds));
            Ok(())
        }
    }

    run(async {
        let fake = leak(Fake::with(vec![vec![Act::Rows(vec![
            (1, 1),
            (2, 2),
            (3, 3),
            (4, 4),
        ])]]));
        let mut graph = Graph::new();
        let source = graph.source(1, true, OnError::Fail);
        let updates = graph.step(source, Exchange::Forward, 1);
        let to_sink = input(updates, Exchange::Forward);
        graph.sink_as(to_sink, 1, SinkAccepts::Upsert, vec![]);
        let mut environment = environment(fake, |_| Do::Pass);
        environment.operators = std::sync::Arc::new(|_| Ok(Box::new(Updates)));
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        job.wait().await.unwrap();
        let written = fake.store.written.lock().unwrap().clone();
        assert_eq!(written, [("+I", 1, 1), ("+U", 3, 3), ("-D", 4, 4)]);
    });
}

#[test]
fn a_slow_sink_holds_the_source_back_within_bounded_bytes() {
    run(async {
        let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(3));
        let fake = leak(Fake::with(vec![vec![Act::Forever(vec![(1, 1); 100])]]));
        *fake.store.gate.lock().unwrap() = Some(std::sync::Arc::clone(&gate));
        let mut graph = Graph::new();
        let source = graph.source(1, false, OnError::Fail);
        let step = graph.step(source, Exchange::Rebalance, 1);
        graph.sink(input(step, Exchange::Rebalance), 1);
        let mut environment = environment(fake, |_| Do::Pass);
        environment.exchange_bytes = 10_000;
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        until(|| fake.store.written.lock().unwrap().len() == 300).await;
        // 1,664 bytes per batch: 6 per lane, and one in the hands of each task.
        let most = 3 + 2 * 6 + 3;
        for _ in 0..20_000 {
            tokio::task::yield_now().await;
        }
        let fetched = fake.fetched.load(Ordering::SeqCst);
        assert!(fetched <= most, "{fetched} batches read, {most} have room");
        job.stop();
        gate.add_permits(1000);
        let summary = job.wait().await.unwrap();
        assert_eq!(summary.outcome, Outcome::Stopped);
        let read = summary.rows_read();
        assert_eq!(fake.store.rows().len() as u64, read, "rows in flight count");
    });
}
