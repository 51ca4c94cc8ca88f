//! The same options, the same events: whoever reads them, however many at a time.

use millstream_core::Code;
use millstream_core::clock::Clock;
use millstream_core::connector::Position;

use super::*;

#[tokio::test]
async fn the_first_thousand_events_never_change() {
    let batch = first(1_000, &[]).await;
    let hash = row_hashes(&batch)
        .into_iter()
        .fold(0_u64, |all, row| all.rotate_left(5).wrapping_add(row));
    assert_eq!(
        hash, 12_109_306_439_924_080_380,
        "other events for the same options: results of earlier runs can no longer be compared"
    );
}

#[tokio::test]
async fn parallelism_and_batch_size_do_not_change_the_events() {
    let limited = [("events.num", "5003"), ("rate.limited", "true")];
    let wanted = row_hashes(&first(5_003, &[]).await);
    let mut sorted = wanted.clone();
    sorted.sort_unstable();
    for options in [&limited[..1], &limited[..]] {
        let table = table(&whole_table(), options);
        for parallelism in [1, 2, 7] {
            for batch_rows in [1, 3, 8192] {
                let clock = Arc::new(ManualClock::at(0));
                let open = Open {
                    parallelism,
                    batch_rows,
                    clock: Arc::clone(&clock) as SharedClock,
                    ..Open::default()
                };
                let mut batches = Vec::new();
                for mut reader in open.readers(&table).await {
                    clock.set(0);
                    // The first fetch starts the reader's time; an hour later all is due.
                    let fetched = poll_once(reader.fetch());
                    clock.set(3_600_000);
                    if let Poll::Ready(Ok(Fetch::Rows { rows, .. })) = fetched {
                        batches.push(rows);
                    }
                    batches.extend(drain(reader.as_mut()).await);
                }
                assert!(
                    batches
                        .iter()
                        .all(|batch| (1..=batch_rows).contains(&batch.num_rows()))
                );
                assert_eq!(sorted_hashes(&batches), sorted);
                if parallelism == 1 {
                    let order: Vec<u64> = batches.iter().flat_map(row_hashes).collect();
                    assert_eq!(order, wanted);
                }
            }
        }
    }
}

#[tokio::test]
async fn one_reader_can_read_every_split() {
    let table = table(&whole_table(), &[("events.num", "1000")]);
    let open = Open {
        parallelism: 4,
        batch_rows: 64,
        ..Open::default()
    };
    let source = open.source(&table).unwrap();
    let mut reader = source.reader().unwrap();
    assert!(matches!(reader.fetch().await.unwrap(), Fetch::Waiting));
    for split in splits(source.as_ref()).await {
        reader.assign(split, None).unwrap();
    }
    let (mut finished, mut batches) = (Vec::new(), Vec::new());
    loop {
        match reader.fetch().await.unwrap() {
            Fetch::Rows { rows, .. } => batches.push(rows),
            Fetch::Finished(split) => finished.push(split.0),
            Fetch::Waiting => break,
        }
    }
    finished.sort_unstable();
    assert_eq!(finished, [0, 1, 2, 3]);
    assert_eq!(
        sorted_hashes(&batches),
        sorted_hashes(&[first(1_000, &[]).await])
    );
    let starts: Vec<i64> = batches.iter().map(|batch| event_times(batch)[0]).collect();
    assert!(
        starts.is_sorted(),
        "the split furthest behind is read first: {starts:?}"
    );
}

#[tokio::test]
async fn another_seed_makes_other_events() {
    let (one, other) = (first(500, &[]).await, first(500, &[("seed", "1")]).await);
    assert_eq!(types(&one), types(&other));
    let (one, other) = (sorted_hashes(&[one]), sorted_hashes(&[other]));
    assert!(one.iter().all(|hash| other.binary_search(hash).is_err()));
}

#[tokio::test]
async fn a_projection_leaves_columns_out_and_changes_nothing_else() {
    let whole = first(3_000, &[]).await;
    let options = [("events.num", "3000"), ("projection-pushdown", "true")];
    let table = table(&whole_table(), &options);
    assert!(Nexmark.source().unwrap().projects(&table));
    for projection in [vec![3, 0], vec![1], vec![]] {
        let open = Open {
            projection: Some(projection.clone()),
            ..Open::default()
        };
        let batches = open.read(&table).await;
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 3_000);
        let read = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
        assert_eq!(read, whole.project(&projection).unwrap());
    }
}

#[tokio::test]
async fn fields_may_be_left_out_and_come_in_any_order() {
    let whole = first(1_000, &[]).await;
    let fields = [("extra", SqlType::STRING), ("auction", SqlType::BigInt)];
    let table = table(&[("bid", row(&fields))], &[("events.num", "1000")]);
    assert!(!Nexmark.source().unwrap().projects(&table));
    let batches = Open::default().read(&table).await;
    let bid: &StructArray = batches[0].column(0).as_struct();
    assert_eq!(bid.column(0), column(&whole, "bid", "extra"));
    assert_eq!(bid.column(1), column(&whole, "bid", "auction"));
}

#[tokio::test]
async fn a_restored_reader_brings_exactly_the_rest() {
    let wanted = sorted_hashes(&[first(1_003, &[]).await]);
    for limited in ["false", "true"] {
        let options = [("events.num", "1003"), ("rate.limited", limited)];
        let table = table(&whole_table(), &options);
        for batches in [0, 1, 2, 5] {
            let clock = Arc::new(ManualClock::at(0));
            let open = Open {
                parallelism: 3,
                batch_rows: 64,
                clock: Arc::clone(&clock) as SharedClock,
                ..Open::default()
            };
            let source = open.source(&table).unwrap();
            let splits = splits(source.as_ref()).await;
            let (mut read, mut kept) = (Vec::new(), Vec::new());
            for split in &splits {
                let mut reader = source.reader().unwrap();
                reader.assign(split.clone(), None).unwrap();
                for _ in 0..batches {
                    clock.set(clock.now_ms() + 60_000);
                    if let Poll::Ready(Ok(Fetch::Rows { rows, .. })) = poll_once(reader.fetch()) {
                        read.push(rows);
                    }
                }
                kept.push((split.clone(), reader.position(split.id)));
            }
            assert!(kept.iter().all(|(_, at)| at.is_some() == (batches > 0)));
            let again = Open {
                parallelism: 1,
                ..open
            };
            let source = again.source(&table).unwrap();
            let found = source.enumerator(&splits).unwrap().discover().await;
            assert_eq!(
                found.unwrap().splits,
                [],
                "the splits are those of the start"
            );
            let mut reader = source.reader().unwrap();
            for (split, position) in kept {
                reader.assign(split, position).unwrap();
            }
            if let Poll::Ready(Ok(Fetch::Rows { rows, .. })) = poll_once(reader.fetch()) {
                read.push(rows);
            }
            clock.set(clock.now_ms() + 3_600_000);
            read.extend(drain(reader.as_mut()).await);
            assert_eq!(sorted_hashes(&read), wanted, "{batches} batches before");
        }
    }
}

#[tokio::test]
async fn a_position_that_is_none_of_the_splits_is_refused() {
    let table = table(&whole_table(), &[("events.num", "1000")]);
    let open = Open {
        parallelism: 2,
        ..Open::default()
    };
    let source = open.source(&table).unwrap();
    let split = splits(source.as_ref()).await.remove(1);
    for text in ["", "-1", "x", "0", "99999999999999999999"] {
        let position = Some(Position(text.into()));
        let mut reader = source.reader().unwrap();
        let error = reader.assign(split.clone(), position).unwrap_err();
        assert_eq!(error.code(), Code::CheckpointDamaged, "{text}");
    }
}
