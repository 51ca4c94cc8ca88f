//! Exactly-once against the real broker: what readers see, and who is fenced.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::Code;
use millstream_core::connector::{CommitMarker, CommitOutcome, SinkWriter, Transactions};
use millstream_core::table::TableSpec;

use super::super::admin::Cluster;
use super::support::*;
use crate::testing::barrier;

const EXACTLY: (&str, &str) = ("sink.delivery-guarantee", "exactly-once");

fn exactly(bootstrap: &str, topic: &str, more: &[(&str, &str)]) -> TableSpec {
    let mut options = vec![EXACTLY];
    options.extend_from_slice(more);
    json_table(bootstrap, topic, &options)
}

fn transactions(table: &TableSpec, job: &str, lineage: &str) -> Arc<dyn Transactions> {
    let sink = crate::connector("kafka").unwrap().sink().unwrap();
    sink.transactions(&[table], &writing(job, lineage, None))
        .unwrap()
}

fn shared(
    table: &TableSpec,
    job: &str,
    transactions: &Arc<dyn Transactions>,
) -> Box<dyn SinkWriter> {
    writer(table, &writing(job, "1", Some(Arc::clone(transactions))))
}

fn marker(lineage: &str, checkpoint: u64) -> CommitMarker {
    CommitMarker {
        lineage: lineage.into(),
        checkpoint,
    }
}

fn committed_well(outcome: CommitOutcome) {
    match outcome {
        CommitOutcome::Committed => {}
        CommitOutcome::Unknown(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn rows_are_seen_with_the_commit_and_never_before() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "eos", 2);
    let job = unique("job");
    let spec = exactly(&broker.bootstrap, &topic, &[]);
    let transactions = transactions(&spec, &job, "1");
    assert_eq!(
        transactions.recover(&[]).await.unwrap(),
        None,
        "there was no life before"
    );
    transactions.mark(&marker("1", 0)).await.unwrap();
    let mut writer = shared(&spec, &job, &transactions);
    for checkpoint in 1..=3u64 {
        transactions.begin().await.unwrap();
        let id = checkpoint.to_string();
        writer.write(rows(&spec, &[&[&id, "a"]])).await.unwrap();
        assert_eq!(
            writer
                .prepare(barrier(checkpoint, false))
                .await
                .unwrap()
                .rows,
            1
        );
        assert_eq!(
            committed(&broker.bootstrap, &topic).len() as u64,
            checkpoint - 1
        );
        committed_well(transactions.commit(&marker("1", checkpoint)).await);
        assert_eq!(
            committed(&broker.bootstrap, &topic).len() as u64,
            checkpoint
        );
    }
    transactions.begin().await.unwrap();
    writer
        .write(rows(&spec, &[&["66", "aborted"]]))
        .await
        .unwrap();
    writer.prepare(barrier(4, false)).await.unwrap();
    transactions.abort().await.unwrap();
    assert_eq!(committed(&broker.bootstrap, &topic).len(), 3);
    assert_eq!(seen(&broker.bootstrap, &topic, "read_uncommitted").len(), 4);
}

#[tokio::test]
async fn rows_behind_a_receipt_wait_for_the_next_transaction() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "gate", 1);
    let job = unique("job");
    let spec = exactly(&broker.bootstrap, &topic, &[]);
    let transactions = transactions(&spec, &job, "1");
    transactions.recover(&[]).await.unwrap();
    let mut first = shared(&spec, &job, &transactions);
    let mut second = shared(&spec, &job, &transactions);
    let early = tokio::time::timeout(
        Duration::from_millis(50),
        first.write(rows(&spec, &[&["0", "x"]])),
    )
    .await;
    assert!(early.is_err(), "no transaction is open yet");
    let mut first_again = shared(&spec, &job, &transactions);
    transactions.begin().await.unwrap();
    first_again
        .write(rows(&spec, &[&["1", "x"]]))
        .await
        .unwrap();
    first_again.prepare(barrier(1, false)).await.unwrap();
    // The other writer has not come to its barrier, so the transaction is still open.
    let blocked = rows(&spec, &[&["2", "x"]]);
    let mut waiting = Box::pin(async move {
        first_again.write(blocked).await.unwrap();
        first_again
    });
    second.write(rows(&spec, &[&["1", "y"]])).await.unwrap();
    second.prepare(barrier(1, false)).await.unwrap();
    let short = Duration::from_millis(100);
    assert!(tokio::time::timeout(short, &mut waiting).await.is_err());
    committed_well(transactions.commit(&marker("1", 1)).await);
    assert_eq!(committed(&broker.bootstrap, &topic).len(), 2);
    transactions.begin().await.unwrap();
    let mut first = waiting.await;
    first.prepare(barrier(2, true)).await.unwrap();
    committed_well(transactions.commit(&marker("1", 2)).await);
    assert_eq!(committed(&broker.bootstrap, &topic).len(), 3);
}

#[tokio::test]
async fn a_later_life_fences_the_earlier_one_and_reads_its_marker() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "zombie", 1);
    let job = unique("job");
    let spec = exactly(&broker.bootstrap, &topic, &[]);
    let old = transactions(&spec, &job, "1");
    old.recover(&[]).await.unwrap();
    old.mark(&marker("1", 0)).await.unwrap();
    old.begin().await.unwrap();
    let mut zombie = shared(&spec, &job, &old);
    zombie.write(rows(&spec, &[&["1", "kept"]])).await.unwrap();
    zombie.prepare(barrier(1, false)).await.unwrap();
    committed_well(old.commit(&marker("1", 1)).await);
    old.begin().await.unwrap();
    zombie.write(rows(&spec, &[&["2", "lost"]])).await.unwrap();
    zombie.prepare(barrier(2, false)).await.unwrap();

    let new = transactions(&spec, &job, "1");
    assert_eq!(new.recover(&[]).await.unwrap(), Some(marker("1", 1)));
    // The end of what can be read is the end of the topic: nothing is open any more.
    assert_eq!(
        committed(&broker.bootstrap, &topic),
        [r#"{"id":1,"name":"kept"}"#]
    );
    let CommitOutcome::Unknown(error) = old.commit(&marker("1", 2)).await else {
        panic!("the earlier life must not commit");
    };
    assert_eq!(error.code(), Code::Fenced, "{error:?}");
    let error = zombie
        .write(rows(&spec, &[&["3", "late"]]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Fenced, "{error:?}");

    new.begin().await.unwrap();
    let mut writer = shared(&spec, &job, &new);
    writer.write(rows(&spec, &[&["2", "again"]])).await.unwrap();
    writer.prepare(barrier(2, false)).await.unwrap();
    committed_well(new.commit(&marker("1", 2)).await);
    assert_eq!(committed(&broker.bootstrap, &topic).len(), 2);
}

#[tokio::test]
async fn a_new_lineage_ends_what_the_old_one_left_open() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "lineage", 1);
    let job = unique("job");
    let spec = exactly(&broker.bootstrap, &topic, &[]);
    let old = transactions(&spec, &job, "old");
    old.recover(&[]).await.unwrap();
    old.mark(&marker("old", 0)).await.unwrap();
    old.begin().await.unwrap();
    let mut zombie = shared(&spec, &job, &old);
    zombie.write(rows(&spec, &[&["1", "open"]])).await.unwrap();
    zombie.prepare(barrier(1, false)).await.unwrap();

    let open = open_transactions(&broker.bootstrap, &format!("millstream-{job}"));
    assert_eq!(
        open,
        [format!("millstream-{job}-old-b")],
        "the marker had the turn before"
    );
    let new = transactions(&spec, &job, "new");
    assert_eq!(
        new.recover(&["old".to_string()]).await.unwrap(),
        None,
        "another marker"
    );
    assert!(open_transactions(&broker.bootstrap, &format!("millstream-{job}")).is_empty());
    // A record behind the aborted ones is seen at once.
    new.begin().await.unwrap();
    let mut writer = shared(&spec, &job, &new);
    writer.write(rows(&spec, &[&["2", "new"]])).await.unwrap();
    writer.prepare(barrier(1, false)).await.unwrap();
    committed_well(new.commit(&marker("new", 1)).await);
    assert_eq!(
        committed(&broker.bootstrap, &topic),
        [r#"{"id":2,"name":"new"}"#]
    );
}

/// A commit request that comes late must find its id idle or its epoch gone: so the ids take turns, and
/// each comes back with a higher epoch.
#[tokio::test]
async fn ids_take_turns_and_come_back_with_a_higher_epoch() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "turns", 1);
    let job = unique("job");
    let spec = exactly(&broker.bootstrap, &topic, &[]);
    let transactions = transactions(&spec, &job, "l");
    transactions.recover(&[]).await.unwrap();
    let mut seen = Vec::new();
    for checkpoint in 1..=6 {
        transactions.begin().await.unwrap();
        let mut writer = shared(&spec, &job, &transactions);
        let row = checkpoint.to_string();
        writer
            .write(rows(&spec, &[&[row.as_str(), "x"]]))
            .await
            .unwrap();
        writer.prepare(barrier(checkpoint, false)).await.unwrap();
        let bootstrap = broker.bootstrap.clone();
        let prefix = format!("millstream-{job}");
        let open = tokio::task::spawn_blocking(move || {
            let cluster = Cluster::new(&bootstrap, &[]).unwrap();
            cluster.transactions(&prefix).unwrap()
        });
        let open = open.await.unwrap();
        assert_eq!(open.len(), 1, "{open:?}");
        let letter = open[0].transactional_id.chars().last().unwrap();
        seen.push((letter, open[0].producer_id, open[0].producer_epoch));
        committed_well(transactions.commit(&marker("l", checkpoint)).await);
    }
    let letters: String = seen.iter().map(|(letter, ..)| *letter).collect();
    assert_eq!(letters, "ababab");
    for (before, after) in seen.iter().zip(&seen[2..]) {
        assert!((before.1, before.2) < (after.1, after.2), "{seen:?}");
    }
    assert_eq!(committed(&broker.bootstrap, &topic).len(), 6);
}

fn open_transactions(bootstrap: &str, prefix: &str) -> Vec<String> {
    let cluster = Cluster::new(bootstrap, &[]).unwrap();
    let open = cluster.transactions(prefix).unwrap();
    open.into_iter().map(|one| one.transactional_id).collect()
}

#[tokio::test]
async fn strays_are_listed_with_their_partitions_and_aborted() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "stray", 1);
    let job = unique("job");
    let spec = exactly(
        &broker.bootstrap,
        &topic,
        &[("sink.transactional-id-prefix", "my")],
    );
    let lost = transactions(&spec, &job, "1");
    lost.recover(&[]).await.unwrap();
    lost.begin().await.unwrap();
    let mut writer = shared(&spec, &job, &lost);
    writer.write(rows(&spec, &[&["1", "x"]])).await.unwrap();
    writer.prepare(barrier(1, false)).await.unwrap();
    let bootstrap = broker.bootstrap.clone();
    let id = format!("my-{job}-1-a");
    let partition = format!("{topic}-0");
    tokio::task::spawn_blocking(move || {
        let cluster = Cluster::new(&bootstrap, &[]).unwrap();
        let open = cluster.transactions(&id).unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(
            (open[0].state.as_str(), &open[0].partitions[..]),
            ("Ongoing", &[partition][..])
        );
        assert_eq!(open[0].timeout_ms, 600_000);
        assert!(open[0].started_ms.is_some());
        cluster.abort(&id).unwrap();
        assert_eq!(cluster.transactions(&id).unwrap(), []);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_transaction_that_was_open_for_too_long_is_replayed() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "slow", 1);
    let job = unique("job");
    let spec = exactly(
        &broker.bootstrap,
        &topic,
        &[("properties.transaction.timeout.ms", "1000")],
    );
    let transactions = transactions(&spec, &job, "1");
    transactions.recover(&[]).await.unwrap();
    transactions.begin().await.unwrap();
    let mut writer = shared(&spec, &job, &transactions);
    writer.write(rows(&spec, &[&["1", "x"]])).await.unwrap();
    writer.prepare(barrier(1, false)).await.unwrap();
    assert_eq!(transactions.alarm(), None, "it has just begun");
    // The broker looks once a second for transactions that are too old.
    for attempt in 0.. {
        if open_transactions(&broker.bootstrap, &format!("millstream-{job}")).is_empty() {
            break;
        }
        assert!(attempt < 300);
        std::thread::sleep(Duration::from_millis(100));
    }
    let alarm = transactions.alarm().unwrap();
    assert!(alarm.contains("after 1 s"), "{alarm}");
    assert_eq!(transactions.alarm(), None, "once");
    let CommitOutcome::Unknown(error) = transactions.commit(&marker("1", 1)).await else {
        panic!("it cannot be committed");
    };
    assert_eq!(error.code(), Code::CommitUnknown, "{error:?}");
    assert!(
        error
            .message()
            .contains("'properties.transaction.timeout.ms' allows 1 s"),
        "{error}"
    );
    // The same object begins a new life.
    assert_eq!(transactions.recover(&[]).await.unwrap(), None);
    transactions.begin().await.unwrap();
    let mut writer = shared(&spec, &job, &transactions);
    writer.write(rows(&spec, &[&["1", "x"]])).await.unwrap();
    writer.prepare(barrier(1, false)).await.unwrap();
    committed_well(transactions.commit(&marker("1", 1)).await);
    assert_eq!(committed(&broker.bootstrap, &topic).len(), 1);
}

#[tokio::test]
async fn a_timeout_beyond_the_brokers_limit_names_both() {
    let Some(broker) = broker() else { return };
    let topic = topic(&broker, "limit", 1);
    let spec = exactly(
        &broker.bootstrap,
        &topic,
        &[("properties.transaction.timeout.ms", "3600000")],
    );
    let transactions = transactions(&spec, &unique("job"), "1");
    let error = transactions.recover(&[]).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidOption);
    assert_eq!(
        error.message(),
        "option 'properties.transaction.timeout.ms' of table 't' is 3600000 ms, the brokers allow \
         900000 ms ('transaction.max.timeout.ms')"
    );
}

#[test]
fn tables_of_one_cluster_share_a_group_and_must_agree() {
    let sink = crate::connector("kafka").unwrap().sink().unwrap();
    let one = exactly("a:1,b:1", "x", &[]);
    let two = exactly("B:1, A:1", "y", &[]);
    let plain = json_table("a:1,b:1", "z", &[]);
    assert_eq!(
        sink.transaction_group(&one).unwrap(),
        sink.transaction_group(&two).unwrap()
    );
    assert_eq!(sink.transaction_group(&plain).unwrap(), None);
    let context = writing("job", "1", None);
    assert!(sink.transactions(&[&one, &two], &context).is_ok());
    let other = exactly("a:1,b:1", "y", &[("properties.linger.ms", "7")]);
    let error = sink.transactions(&[&one, &other], &context).err().unwrap();
    assert!(
        error.message().contains("differ in 'properties.linger.ms'"),
        "{error}"
    );
    let other = exactly("a:1,b:1", "y", &[("sink.transactional-id-prefix", "p")]);
    let error = sink.transactions(&[&one, &other], &context).err().unwrap();
    assert!(
        error
            .message()
            .contains("differ in 'sink.transactional-id-prefix'"),
        "{error}"
    );
}

#[tokio::test]
async fn nothing_begins_before_recovery() {
    let spec = exactly("127.0.0.1:9", "x", &[]);
    let transactions = transactions(&spec, "job", "1");
    let error = transactions.begin().await.unwrap_err();
    assert_eq!(error.code(), Code::CommitUnknown);
    assert!(error.message().contains("must recover first"), "{error}");
}
