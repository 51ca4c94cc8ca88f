//! Splits, idleness and timers.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::SeqCst;

use millstream_core::clock::ManualClock;
use millstream_core::time::EventTime;
use millstream_plan::{Exchange, OnError};
use millstream_runtime::{JobOptions, Outcome, start};
use tokio::sync::Semaphore;

use crate::kit::*;

#[test]
fn splits_found_later_are_read_too() {
    run(async {
        let split = |k: i64| vec![Act::Rows(vec![(k, 1)])];
        let rounds = vec![vec![split(1)], vec![], vec![split(2), split(3)]];
        let fake = leak(Fake::watched(rounds));
        let mut graph = Graph::new();
        let source = graph.source(2, false, OnError::Fail);
        graph.sink(input(source, Exchange::Forward), 2);
        let environment = environment(fake, |_| Do::Pass);
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        until(|| fake.store.rows().len() == 3).await;
        until(|| job.metrics().splits().len() == 3).await;
        let names: Vec<String> = job
            .metrics()
            .splits()
            .iter()
            .map(|s| s.name.clone())
            .collect();
        assert_eq!(names, ["part-0", "part-1", "part-2"]);
        job.stop();
        assert_eq!(job.wait().await.unwrap().outcome, Outcome::Stopped);
    });
}

#[test]
fn a_subtask_without_a_split_does_not_hold_the_watermark_back() {
    run(async {
        let closed = Arc::new(Semaphore::new(0));
        let acts = vec![
            Act::Rows(vec![(1, 100)]),
            Act::Rows(vec![(1, 50)]),
            Act::Gate(closed),
        ];
        let fake = leak(Fake::watched(vec![vec![acts]]));
        let mut graph = Graph::new();
        let source = graph.source(4, false, OnError::Fail);
        let marked = graph.watermarks(source, None);
        let count = graph.step(marked, Exchange::Hash(vec![0]), 2);
        graph.sink(input(count, Exchange::Forward), 2);
        let environment = environment(fake, |_| count_at_end());
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        let split = || job.metrics().splits().first().cloned();
        until(|| split().is_some_and(|s| s.watermark() == EventTime(99))).await;
        job.stop();
        job.wait().await.unwrap();
    });
}

#[test]
fn an_idle_split_lets_event_time_go_on_after_its_timeout() {
    run(async {
        let (quiet, busy) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let first = vec![Act::Rows(vec![(1, 10)]), Act::Gate(Arc::clone(&quiet))];
        let second = vec![
            Act::Rows(vec![(2, 100)]),
            Act::Gate(Arc::clone(&busy)),
            Act::Rows(vec![(2, 50)]),
            Act::Gate(Arc::new(Semaphore::new(0))),
        ];
        let fake = leak(Fake::watched(vec![vec![first, second]]));
        let clock = Arc::new(ManualClock::at(1_000_000));
        let mut graph = Graph::new();
        let source = graph.source(2, false, OnError::Fail);
        let marked = graph.watermarks(source, Some(5_000));
        let count = graph.step(marked, Exchange::Hash(vec![0]), 1);
        graph.sink(input(count, Exchange::Forward), 1);
        let shared = Arc::clone(&clock) as millstream_core::clock::SharedClock;
        let seen = Arc::new(AtomicI64::new(i64::MIN));
        let make = {
            let seen = Arc::clone(&seen);
            move |_| count_seen(&seen)
        };
        let environment = environment_at(fake, make, shared);
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        let rows_in = || {
            let nodes = job.metrics().nodes();
            let count = &nodes[count.0 as usize].2;
            (count.rows_in.load(SeqCst), count.late_rows.load(SeqCst))
        };
        until(|| rows_in() == (2, 0)).await;
        // Time passes: both splits are idle, and the furthest of them decides: 99. A row of 50 that
        // comes afterwards is late.
        let mut now = 1_000_000;
        until(|| {
            now += 10;
            clock.set(now);
            seen.load(SeqCst) == 99
        })
        .await;
        assert!(now >= 1_005_000, "idle before the timeout");
        busy.add_permits(1);
        until(|| rows_in() == (3, 1)).await;
        job.stop();
        job.wait().await.unwrap();
    });
}

#[test]
fn timers_fire_by_the_clock_that_was_given() {
    run(async {
        let closed = Arc::new(Semaphore::new(0));
        let acts = vec![Act::Rows(vec![(1, 1)]), Act::Gate(closed)];
        let fake = leak(Fake::watched(vec![vec![acts]]));
        let clock = Arc::new(ManualClock::at(500));
        let mut graph = Graph::new();
        let source = graph.source(1, false, OnError::Fail);
        let tick = graph.step(source, Exchange::Rebalance, 1);
        graph.sink(input(tick, Exchange::Forward), 1);
        let shared = Arc::clone(&clock) as millstream_core::clock::SharedClock;
        let environment = environment_at(fake, |_| Do::Tick, shared);
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        until(|| job.metrics().nodes()[1].2.rows_in.load(SeqCst) == 1).await;
        assert!(fake.store.rows().is_empty());
        clock.set(501);
        until(|| fake.store.rows() == [(1, 501)]).await;
        clock.set(700);
        until(|| fake.store.rows() == [(1, 501), (1, 700)]).await;
        // Written rows of an unbounded job become visible after a second at most.
        assert!(fake.store.committed.lock().unwrap().is_empty());
        clock.set(1_600);
        until(|| fake.store.committed.lock().unwrap().len() == 1).await;
        assert_eq!(*fake.store.prepared.lock().unwrap(), [false]);
        job.stop();
        job.wait().await.unwrap();
    });
}
