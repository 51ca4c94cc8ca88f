//! How jobs end: at the end of input, by LIMIT, by a stop, by losing interest.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use millstream_plan::{Exchange, OnError, OutputKind};
use millstream_runtime::{JobOptions, Outcome, start};

use crate::kit::*;

#[test]
fn a_limit_ends_an_unbounded_job() {
    run(async {
        let forever = || vec![Act::Forever(vec![(1, 1), (2, 2)])];
        let fake = leak(Fake::with(vec![forever(), forever(), forever()]));
        let mut graph = Graph::new();
        let source = graph.source(3, false, OnError::Fail);
        let step = graph.step(source, Exchange::Hash(vec![0]), 2);
        let limit = graph.step(step, Exchange::Single, 1);
        graph.collect(limit);
        let environment = environment(fake, move |id| match id == limit {
            true => Do::Limit(5),
            false => Do::Pass,
        });
        let mut job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        let mut results = job.results().unwrap();
        let mut rows = 0;
        while let Some(batch) = results.next().await {
            rows += batch.num_rows();
        }
        assert_eq!(rows, 5);
        assert_eq!(job.wait().await.unwrap().outcome, Outcome::Finished);
    });
}

#[test]
fn a_limit_ends_a_job_whose_source_is_silent() {
    run(async {
        let closed = Arc::new(tokio::sync::Semaphore::new(0));
        let silent = vec![Act::Rows(vec![(1, 1), (2, 2)]), Act::Gate(closed)];
        let fake = leak(Fake::watched(vec![vec![silent]]));
        let mut graph = Graph::new();
        let source = graph.source(2, false, OnError::Fail);
        let limit = graph.step(source, Exchange::Single, 1);
        graph.sink(side(limit, OutputKind::Late), 1);
        graph.sink(input(limit, Exchange::Forward), 1);
        let environment = environment(fake, |_| Do::Limit(2));
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        assert_eq!(job.wait().await.unwrap().outcome, Outcome::Finished);
        assert_eq!(fake.store.rows(), [(1, 1), (2, 2)]);
        assert_eq!(fake.store.committed.lock().unwrap().len(), 2);
    });
}

#[test]
fn a_limit_of_nothing_waits_for_nothing() {
    run(async {
        let fake = leak(Fake::watched(vec![]));
        let mut graph = Graph::new();
        let source = graph.source(2, false, OnError::Fail);
        let limit = graph.step(source, Exchange::Single, 1);
        graph.collect(limit);
        let environment = environment(fake, |_| Do::Limit(0));
        let mut job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        assert!(job.results().unwrap().next().await.is_none());
        assert_eq!(job.wait().await.unwrap().outcome, Outcome::Finished);
    });
}

#[test]
fn one_reader_that_has_enough_does_not_end_the_other() {
    run(async {
        let rows = (0..50).map(|i| Act::Rows(vec![(i, i)])).collect();
        let fake = leak(Fake::with(vec![rows]));
        let mut graph = Graph::new();
        let source = graph.source(1, true, OnError::Fail);
        let limit = graph.step(source, Exchange::Single, 1);
        graph.collect(limit);
        let all = graph.step(source, Exchange::Rebalance, 2);
        graph.sink(input(all, Exchange::Forward), 2);
        let environment = environment(fake, move |id| match id == limit {
            true => Do::Limit(1),
            false => Do::Pass,
        });
        let mut job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        let mut results = job.results().unwrap();
        assert_eq!(results.next().await.unwrap().num_rows(), 1);
        assert!(results.next().await.is_none());
        job.wait().await.unwrap();
        assert_eq!(fake.store.rows().len(), 50);
    });
}

#[test]
fn a_stop_processes_and_commits_what_was_read_but_completes_nothing() {
    run(async {
        let fake = leak(Fake::with(vec![vec![Act::Forever(vec![(1, 1), (2, 2)])]]));
        let mut graph = Graph::new();
        let source = graph.source(1, false, OnError::Fail);
        let pass = graph.step(source, Exchange::Hash(vec![0]), 2);
        graph.sink(input(pass, Exchange::Forward), 2);
        let count = graph.step(source, Exchange::Hash(vec![0]), 2);
        graph.collect(count);
        let environment = environment(fake, move |id| match id == count {
            true => count_at_end(),
            false => Do::Pass,
        });
        let mut job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        let mut results = job.results().unwrap();
        until(|| fake.store.written.lock().unwrap().len() > 100).await;
        job.stop();
        assert!(results.next().await.is_none(), "counts are not complete");
        let summary = job.wait().await.unwrap();
        assert_eq!(summary.outcome, Outcome::Stopped);
        assert_eq!(fake.store.rows().len() as u64, summary.rows_read());
        let ends = fake.store.prepared.lock().unwrap();
        assert_eq!(ends.iter().filter(|end| **end).count(), 2);
        assert!(fake.store.committed.lock().unwrap().len() >= 2);
    });
}

#[test]
fn results_that_nobody_wants_end_the_job() {
    run(async {
        let fake = leak(Fake::with(vec![vec![Act::Forever(vec![(1, 1)])]]));
        let mut graph = Graph::new();
        let source = graph.source(1, false, OnError::Fail);
        let pass = graph.step(source, Exchange::Rebalance, 2);
        graph.collect(pass);
        let environment = environment(fake, |_| Do::Pass);
        let mut job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        let mut results = job.results().unwrap();
        assert!(results.next().await.is_some());
        drop(results);
        assert_eq!(job.wait().await.unwrap().outcome, Outcome::Finished);
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        job.wait().await.unwrap();
    });
}

#[test]
fn a_dropped_job_is_cancelled_and_commits_nothing() {
    run(async {
        let fake = leak(Fake::with(vec![vec![Act::Forever(vec![(1, 1)])]]));
        let mut graph = Graph::new();
        let source = graph.source(1, false, OnError::Fail);
        graph.sink(input(source, Exchange::Rebalance), 1);
        let environment = environment(fake, |_| Do::Pass);
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        let stopper = job.stopper();
        until(|| !fake.store.written.lock().unwrap().is_empty()).await;
        stopper.cancel();
        assert_eq!(job.wait().await.unwrap().outcome, Outcome::Cancelled);
        assert!(!fake.store.prepared.lock().unwrap().contains(&true));

        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        drop(job);
        until(|| Arc::strong_count(&fake.store) == 1).await;
        assert!(!fake.store.prepared.lock().unwrap().contains(&true));
    });
}

#[test]
fn a_source_without_splits_ends_the_job_at_once() {
    run(async {
        let fake = leak(Fake::with(vec![]));
        let mut graph = Graph::new();
        let source = graph.source(3, true, OnError::Fail);
        let marked = graph.watermarks(source, Some(1000));
        let count = graph.step(marked, Exchange::Hash(vec![0]), 2);
        graph.sink(input(count, Exchange::Forward), 2);
        let environment = environment(fake, |_| count_at_end());
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        assert_eq!(job.wait().await.unwrap().rows_read(), 0);
        assert_eq!(fake.fetched.load(Ordering::SeqCst), 0);
        assert_eq!(fake.store.committed.lock().unwrap().len(), 2);
    });
}
