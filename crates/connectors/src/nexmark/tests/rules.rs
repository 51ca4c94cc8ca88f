//! Where a table ends, how it keeps to the clock, and which definitions are refused.

use millstream_core::Code;

use super::*;

#[tokio::test]
async fn a_table_has_exactly_as_many_events_as_it_says() {
    let count = async |options: &[(&str, &str)]| {
        let open = Open {
            parallelism: 3,
            ..Open::default()
        };
        let batches = open.read(&table(&whole_table(), options)).await;
        batches.iter().map(RecordBatch::num_rows).sum::<usize>()
    };
    for events in ["1", "49", "50", "8192", "8193"] {
        assert_eq!(
            count(&[("events.num", events)]).await,
            events.parse::<usize>().unwrap()
        );
    }
    assert_eq!(count(&[("events.num", "100"), ("stop-at", "60")]).await, 60);
    assert_eq!(
        count(&[("events.num", "100"), ("stop-at", "-1")]).await,
        100
    );
    assert_eq!(count(&[("stop-at", "0")]).await, 0);
}

#[tokio::test]
async fn only_a_table_with_a_number_of_events_ends() {
    let bounded = |options: &[(&str, &str)]| {
        let table = table(&whole_table(), options);
        Open::default().source(&table).unwrap().is_bounded()
    };
    assert!(!bounded(&[]));
    assert!(!bounded(&[("events.num", "0")]));
    assert!(bounded(&[("events.num", "1")]));
    assert!(bounded(&[("stop-at", "1")]));
    assert!(!bounded(&[("events.num", "1"), ("keep-alive", "true")]));
}

#[tokio::test]
async fn a_table_kept_alive_waits_after_its_last_event() {
    let options = [("events.num", "10"), ("keep-alive", "true")];
    let table = table(&whole_table(), &options);
    let mut readers = Open::default().readers(&table).await;
    let Fetch::Rows { rows, .. } = readers[0].fetch().await.unwrap() else {
        panic!("wanted rows");
    };
    assert_eq!(rows.num_rows(), 10);
    assert!(poll_once(readers[0].fetch()).is_pending());
}

#[tokio::test]
async fn by_the_clock_an_event_comes_when_it_is_due_and_not_earlier() {
    for option in [("rate.limited", "true"), ("max-emit-speed", "false")] {
        let options = [option, ("first-event.rate", "10"), ("base-time", "now")];
        let table = table(&whole_table(), &options);
        let clock = Arc::new(ManualClock::at(5_000));
        let open = Open {
            clock: Arc::clone(&clock) as SharedClock,
            ..Open::default()
        };
        let mut readers = open.readers(&table).await;
        let mut step = async |now_ms: i64| {
            clock.set(now_ms);
            match readers[0].fetch().await.unwrap() {
                Fetch::Rows { rows, .. } => event_times(&rows),
                other => panic!("wanted rows, found {other:?}"),
            }
        };
        assert_eq!(step(5_000).await, [5_000]);
        assert_eq!(step(5_100).await, [5_100]);
        assert_eq!(step(5_399).await, [5_200, 5_300]);
        clock.set(5_399);
        assert!(poll_once(readers[0].fetch()).is_pending());
    }
}

#[test]
fn a_mistaken_option_is_refused_with_what_was_wanted() {
    let refused = |options: &[(&str, &str)]| {
        let table = table(&whole_table(), options);
        let error = Open::default().source(&table).err().expect("it is refused");
        assert_eq!(error.code(), Code::InvalidOption);
        error.message().to_string()
    };
    assert_eq!(
        refused(&[("events.num", "many")]),
        "option 'events.num' of table 'nexmark' wants a whole number from 0 to 1000000000000000, \
         found 'many'"
    );
    for (key, value) in [
        ("events.num", "-1"),
        ("events.num", "1000000000000001"),
        ("stop-at", "-2"),
        ("first-event.rate", "0"),
        ("next-event.rate", "1000000001"),
        ("rate.shape", "TRIANGLE"),
        ("rate.period", "0 s"),
        ("rate.period", "367 d"),
        ("rate.period", "soon"),
        ("rate.limited", "yes"),
        ("person.proportion", "1000001"),
        ("bid.avg-size", "2mb"),
        ("bid.hot-ratio.auctions", "0"),
        ("auction.hot-ratio.sellers", "99999999999"),
        ("base-time", "yesterday"),
        ("base-time", "-1"),
        ("seed", "0x1"),
        ("keep-alive", "1"),
        ("projection-pushdown", "maybe"),
    ] {
        let message = refused(&[(key, value)]);
        assert!(message.starts_with(&format!("option '{key}' of table 'nexmark' wants ")));
    }
    let none = ["person.proportion", "auction.proportion", "bid.proportion"];
    assert!(refused(&none.map(|key| (key, "0"))).contains("must be more than 0"));
    let slow = [
        ("first-event.rate", "1"),
        ("next-event.rate", "2"),
        ("rate.period", "100 ms"),
    ];
    assert!(refused(&slow).contains("at least one event"));
}

#[test]
fn a_column_that_is_not_there_or_has_another_type_is_refused() {
    let refused = |columns: &[(&str, SqlType)]| {
        let error = Open::default().source(&table(columns, &[])).err();
        let error = error.expect("it is refused");
        assert_eq!(error.code(), Code::InvalidSchema);
        (
            error.message().to_string(),
            error.hint_text().unwrap_or_default().to_string(),
        )
    };
    let (message, hint) = refused(&[("bids", row(&[("price", SqlType::BigInt)]))]);
    assert_eq!(
        message,
        "connector 'nexmark' has no 'bids', found in table 'nexmark'"
    );
    assert_eq!(hint, "did you mean 'bid'?");
    let (message, hint) = refused(&[("bid", row(&[("pirce", SqlType::BigInt)]))]);
    assert_eq!(
        message,
        "column 'bid' of connector 'nexmark' has no 'pirce', found in table 'nexmark'"
    );
    assert_eq!(hint, "did you mean 'price'?");
    assert_eq!(
        refused(&[("bid", row(&[("price", SqlType::Int)]))]).0,
        "connector 'nexmark' wants BIGINT for column 'bid.price' of table 'nexmark', found INT"
    );
    for columns in [
        ("event_type", SqlType::BigInt),
        ("person", SqlType::STRING),
        ("person", row(&[("name", SqlType::Varchar(5))])),
        ("auction", row(&[("expires", SqlType::Timestamp(6))])),
        ("auction", row(&[("expires", SqlType::TimestampLtz(3))])),
    ] {
        assert!(refused(&[columns]).0.contains("wants"));
    }
}

#[test]
fn a_row_that_must_not_be_null_is_refused() {
    let mut table = table(&whole_table(), &[]);
    let field = table.schema.field(3).clone().with_nullable(false);
    table.schema = SchemaRef::new(Schema::new(vec![field]));
    let error = Open::default().source(&table).err().unwrap();
    assert!(
        error.message().contains("wants a ROW that may be NULL"),
        "{error}"
    );
}

#[tokio::test]
async fn huge_events_come_in_small_batches() {
    let options = [("events.num", "120"), ("bid.avg-size", "1mb")];
    let table = table(&whole_table(), &options);
    let batches = Open::default().read(&table).await;
    assert!(batches.iter().all(|batch| batch.num_rows() <= 64));
    let extra = strings(&batches[0], "bid", "extra");
    assert!(extra.iter().all(|text| text.len() > 800_000));
    assert_eq!(
        batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
        120
    );
}

#[tokio::test]
async fn a_split_that_is_not_ours_is_an_error_and_not_a_panic() {
    let source = Open::default().source(&table(&whole_table(), &[])).unwrap();
    let mut reader = source.reader().unwrap();
    let split = Split {
        id: SplitId(0),
        name: "x".into(),
        data: "x".into(),
    };
    let error = reader.assign(split, None).unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    assert!(matches!(reader.fetch().await.unwrap(), Fetch::Waiting));
}
