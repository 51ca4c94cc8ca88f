//! What goes wrong is said once, by name, and nothing becomes visible.

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use millstream_core::Code;
use millstream_core::connector::SinkAccepts;
use millstream_plan::{Exchange, NodeKind, OnError, OutputKind, ValuesSpec};
use millstream_runtime::{JobOptions, start};

use crate::kit::*;

fn many(act: Act) -> Vec<Vec<Act>> {
    let mut splits: Vec<Vec<Act>> = (0..4)
        .map(|s| vec![Act::Rows(vec![(s, 1)]), Act::Forever(vec![(s, 2)])])
        .collect();
    splits[2].insert(1, act);
    splits
}

async fn fails(fake: Fake, make: fn() -> Do) -> millstream_core::Error {
    let fake = leak(fake);
    let mut graph = Graph::new();
    let source = graph.source(2, true, OnError::Fail);
    let marked = graph.watermarks(source, None);
    let step = graph.step(marked, Exchange::Hash(vec![0]), 3);
    graph.sink(input(step, Exchange::Forward), 3);
    let environment = environment(fake, move |_| make());
    let job = start(&graph.0, &environment, JobOptions::named("test"))
        .await
        .unwrap();
    let error = job.wait().await.unwrap_err();
    assert!(fake.store.committed.lock().unwrap().is_empty());
    error
}

#[test]
fn an_error_in_one_subtask_fails_the_job_and_names_the_operator() {
    run(async {
        let fake = Fake::with(many(Act::Rows(vec![(77, 5)])));
        let error = fails(fake, || Do::FailAt(77)).await;
        assert_eq!(error.code(), Code::Evaluation);
        assert_eq!(error.message(), "Calc[2]: division by zero");
    });
}

#[test]
fn a_panic_fails_the_job_and_names_the_task() {
    run(async {
        let fake = Fake::with(many(Act::Rows(vec![(77, 5)])));
        let error = fails(fake, || Do::PanicAt(77)).await;
        assert_eq!(error.code(), Code::Internal);
        let message = error.message();
        assert!(
            message.starts_with("task 'Calc -> Sink(out) ("),
            "{message}"
        );
        assert!(message.contains("operator in pieces"), "{message}");
    });
}

#[test]
fn a_reader_that_fails_or_panics_fails_the_job() {
    run(async {
        let error = fails(Fake::with(many(Act::Fail)), || Do::Pass).await;
        assert_eq!(error.message(), "table 'in': the disk is gone");
        let error = fails(Fake::with(many(Act::Panic)), || Do::Pass).await;
        assert!(error.message().contains("reader in pieces"));
    });
}

#[test]
fn a_bad_record_fails_the_job_unless_the_table_says_otherwise() {
    run(async {
        let error = fails(Fake::with(many(Act::Bad("no number"))), || Do::Pass).await;
        assert_eq!(error.code(), Code::BadRecord);
        assert_eq!(
            error.message(),
            "table 'in', split 'part-2', line 3, byte offset 17: no number"
        );
    });
}

#[test]
fn a_row_without_event_time_is_treated_as_the_source_of_its_chain_wants() {
    run(async {
        let fake = Fake::with(many(Act::Rows(vec![(9, -1)])));
        let error = fails(fake, || Do::Pass).await;
        assert_eq!(error.code(), Code::NullEventTime);
        assert_eq!(
            error.message(),
            "table 'in', split 'part-2': column 't' is no time, row (9, -1)"
        );
    });
}

async fn sets_aside(on_error: OnError) -> (u64, usize, Vec<(i64, i64)>) {
    let acts = vec![
        Act::Rows(vec![(1, 1)]),
        Act::Bad("no number"),
        Act::Rows(vec![(2, -1), (3, -1)]),
        Act::Rows(vec![(4, 4)]),
    ];
    let fake = leak(Fake::with(vec![acts]));
    let mut graph = Graph::new();
    let source = graph.source(2, true, on_error);
    let marked = graph.watermarks(source, None);
    graph.sink(side(source, OutputKind::DeadLetter), 1);
    graph.collect(marked);
    let environment = environment(fake, |_| Do::Pass);
    let mut job = start(&graph.0, &environment, JobOptions::named("test"))
        .await
        .unwrap();
    let mut results = job.results().unwrap();
    let mut rows = Vec::new();
    while let Some(batch) = results.next().await {
        rows.extend(pairs(batch.rows()));
    }
    let bad = job.wait().await.unwrap().splits[0].bad_records;
    let letters = fake.store.written.lock().unwrap().len();
    (bad, letters, rows)
}

#[test]
fn bad_records_are_counted_and_skipped_or_written_as_dead_letters() {
    run(async {
        let rows = vec![(1, 1), (4, 4)];
        assert_eq!(sets_aside(OnError::Skip).await, (3, 0, rows.clone()));
        assert_eq!(sets_aside(OnError::DeadLetter).await, (3, 3, rows));
    });
}

#[test]
fn null_in_a_not_null_column_fails_the_job_and_names_the_column() {
    run(async {
        let fake = leak(Fake::default());
        let mut graph = Graph::new();
        let keys: ArrayRef = std::sync::Arc::new(Int64Array::from(vec![Some(1), None]));
        let times: ArrayRef = std::sync::Arc::new(Int64Array::from(vec![1, 2]));
        let rows = RecordBatch::try_new(schema(), vec![keys, times]).unwrap();
        let values = graph.add(NodeKind::Values(ValuesSpec { rows }), vec![], 1);
        let to_sink = input(values, Exchange::Forward);
        graph.sink_as(to_sink, 1, SinkAccepts::Append, vec![0]);
        let environment = environment(fake, |_| Do::Pass);
        let job = start(&graph.0, &environment, JobOptions::named("test"))
            .await
            .unwrap();
        let error = job.wait().await.unwrap_err();
        assert_eq!(error.code(), Code::Evaluation);
        assert_eq!(
            error.message(),
            "column 'k' of table 'out' is NOT NULL, but 1 of 2 rows to be written have NULL there"
        );
        assert!(fake.store.written.lock().unwrap().is_empty());
    });
}

#[test]
fn a_graph_that_breaks_its_promises_is_refused_before_it_runs() {
    run(async {
        let fake = leak(Fake::default());
        let environment = environment(fake, |_| Do::Pass);
        let refused = async |graph: Graph| {
            let started = start(&graph.0, &environment, JobOptions::named("test")).await;
            started.err().unwrap().message().to_string()
        };
        assert!(refused(Graph::new()).await.contains("no nodes"));
        let mut graph = Graph::new();
        let source = graph.source(2, true, OnError::Fail);
        graph.sink(input(source, Exchange::Forward), 3);
        assert!(refused(graph).await.contains("another number of subtasks"));
        let mut graph = Graph::new();
        let source = graph.source(2, true, OnError::Fail);
        graph.sink(input(source, Exchange::Hash(vec![2])), 3);
        assert!(refused(graph).await.contains("does not have"));
    });
}
