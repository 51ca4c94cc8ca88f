//! Jobs that are broken off and go on from their newest checkpoint: nothing lost, nothing twice.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream_plan::{Exchange, OnError};
use millstream_runtime::{
    CheckpointOptions, JobOptions, JobSummary, Notice, Outcome, Rehearsal, StartFrom, start,
};
use millstream_state::{CheckpointStore, StoreOptions};

use crate::kit::*;

fn store() -> CheckpointStore {
    CheckpointStore::open("memory://", &StoreOptions::default()).unwrap()
}

/// Every checkpoint as soon as there is a row more, and a crash behind each.
fn rehearsed(store: &CheckpointStore, parallelism: &[u32]) -> JobOptions {
    let mut options = JobOptions::named("rehearsed");
    options.checkpoints = Some(CheckpointOptions::new(store.clone(), Some(Duration::ZERO)));
    options.rehearsal = Some(Rehearsal {
        rows: 1,
        parallelism: parallelism.to_vec(),
    });
    options
}

/// Notes the checkpoints a job was restored from.
fn noting(options: &mut JobOptions) -> Arc<Mutex<Vec<u64>>> {
    let restored = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&restored);
    options.notify = Some(Arc::new(move |notice| {
        if let Notice::Restored { checkpoint } = notice {
            note.lock().unwrap().push(checkpoint);
        }
    }));
    restored
}

async fn collected(
    graph: &Graph,
    environment: &millstream_runtime::Environment,
    options: JobOptions,
) -> (Vec<(i64, i64)>, JobSummary) {
    let mut job = start(&graph.0, environment, options).await.unwrap();
    let mut results = job.results().unwrap();
    let mut rows = Vec::new();
    while let Some(batch) = results.next().await {
        rows.extend(pairs(batch.rows()));
    }
    rows.sort();
    (rows, job.wait().await.unwrap())
}

fn acts(from: i64, count: i64) -> Vec<Act> {
    let rows = (from..from + count).map(|n| Act::Rows(vec![(n % 7, n)]));
    rows.collect()
}

#[test]
fn every_row_comes_out_once_however_often_the_job_is_broken_off() {
    run(async {
        for parallelism in [[1, 3], [2, 1], [3, 4]] {
            let fake = leak(Fake::with(vec![acts(0, 20), acts(100, 15), acts(200, 5)]));
            let mut graph = Graph::new();
            let source = graph.source(2, true, OnError::Fail);
            let step = graph.step(source, Exchange::Hash(vec![0]), 2);
            let single = graph.step(step, Exchange::Single, 1);
            graph.collect(single);
            let environment = environment(fake, |_| Do::Pass);
            let mut options = rehearsed(&store(), &parallelism);
            let restored = noting(&mut options);
            let (rows, summary) = collected(&graph, &environment, options).await;
            assert_eq!(summary.outcome, Outcome::Finished);
            let wanted = (0..20).chain(100..115).chain(200..205);
            let mut wanted: Vec<(i64, i64)> = wanted.map(|n| (n % 7, n)).collect();
            wanted.sort();
            assert_eq!(rows, wanted, "parallelism {parallelism:?}");
            let restored = restored.lock().unwrap();
            assert!(restored.len() > 5, "{restored:?}");
            assert!(
                restored.windows(2).all(|pair| pair[0] < pair[1]),
                "{restored:?}"
            );
        }
    });
}

#[test]
fn keyed_state_finds_its_subtask_at_any_parallelism() {
    run(async {
        let fake = leak(Fake::with(vec![acts(0, 30), acts(100, 30)]));
        let mut graph = Graph::new();
        let source = graph.source(2, true, OnError::Fail);
        let count = graph.step(source, Exchange::Hash(vec![0]), 2);
        let single = graph.step(count, Exchange::Single, 1);
        graph.collect(single);
        let environment = environment(fake, move |id| match id == count {
            true => count_at_end(),
            false => Do::Pass,
        });
        let options = rehearsed(&store(), &[1, 4, 3, 2]);
        let (rows, _) = collected(&graph, &environment, options).await;
        let mut wanted = [0; 7];
        for n in (0..30).chain(100..130) {
            wanted[(n % 7) as usize] += 1;
        }
        let found: Vec<i64> = rows.iter().map(|row| row.1).collect();
        assert_eq!(rows.len(), 7, "{rows:?}");
        assert_eq!(found, wanted);
    });
}

#[test]
fn a_limit_counts_on_after_a_restart_and_a_finished_job_stays_finished() {
    run(async {
        let fake = leak(Fake::with(vec![acts(0, 20)]));
        let mut graph = Graph::new();
        let source = graph.source(1, true, OnError::Fail);
        let limit = graph.step(source, Exchange::Single, 1);
        graph.collect(limit);
        let environment = environment(fake, move |id| match id == limit {
            true => Do::Limit(8),
            false => Do::Pass,
        });
        let store = store();
        let (rows, _) = collected(&graph, &environment, rehearsed(&store, &[1])).await;
        assert_eq!(rows.len(), 8);
        // Everything is committed: starting again brings nothing more.
        let (rows, _) = collected(&graph, &environment, rehearsed(&store, &[1])).await;
        assert_eq!(rows, []);
    });
}

#[test]
fn fresh_means_from_the_beginning() {
    run(async {
        let fake = leak(Fake::with(vec![acts(0, 3)]));
        let mut graph = Graph::new();
        let source = graph.source(1, true, OnError::Fail);
        graph.collect(source);
        let environment = environment(fake, |_| Do::Pass);
        let store = store();
        let options = |start: StartFrom| {
            let mut options = JobOptions::named("again");
            let mut checkpoints = CheckpointOptions::new(store.clone(), None);
            checkpoints.start = start;
            options.checkpoints = Some(checkpoints);
            options
        };
        for (start, rows) in [
            (StartFrom::Newest, 3),
            (StartFrom::Newest, 0),
            (StartFrom::Fresh, 3),
            (StartFrom::Newest, 0),
        ] {
            let (found, _) = collected(&graph, &environment, options(start)).await;
            assert_eq!(found.len(), rows);
        }
    });
}
