use super::*;

#[test]
fn no_row_is_as_far_behind_as_the_disorder_allows() {
    let plan = Plan::small(11, 3_000);
    let mut disordered = 0;
    for partition in 0..plan.partitions {
        let mut highest = i64::MIN;
        for row in plan.partition(partition) {
            if row.event_time < highest {
                disordered += 1;
                assert!(highest - row.event_time < i64::from(plan.disorder_ms));
            }
            highest = highest.max(row.event_time);
        }
    }
    assert!(disordered > 1_000, "only {disordered} rows out of order");
}

#[test]
fn a_row_reads_back_from_its_json_and_a_changed_byte_is_found() {
    let row = Plan::small(3, 10).row(1, 7);
    let json = row.to_json();
    assert_eq!(Row::from_json(json.as_bytes()).unwrap(), row);
    let changed = json.replace(
        &format!("\"amount\":{}", row.amount),
        &format!("\"amount\":{}", row.amount + 1),
    );
    assert_ne!(changed, json);
    let error = Row::from_json(changed.as_bytes()).unwrap_err();
    assert!(error.message().contains("crc wants"), "{error}");
    assert!(Row::from_json(b"{\"part\":1}").is_err());
    assert!(Row::from_json(&json.as_bytes()[..20]).is_err());
}

#[test]
fn totals_per_key_and_per_window_add_up_to_the_total() {
    let plan = Plan::small(5, 2_000);
    let totals = plan.totals();
    assert_eq!(totals.all.rows, plan.row_count());
    assert_eq!(totals.per_key.len(), plan.keys as usize);
    let by_key: i64 = totals.per_key.values().map(|total| total.amount).sum();
    let windows = plan.window_totals(10_000);
    let by_window: i64 = windows.values().map(|total| total.amount).sum();
    assert_eq!((by_key, by_window), (totals.all.amount, totals.all.amount));
    assert!(windows.len() > 3);
}

#[test]
fn another_seed_is_another_input_and_the_same_seed_the_same() {
    let rows = |seed| Plan::small(seed, 50).rows().collect::<Vec<_>>();
    assert_eq!(rows(1), rows(1));
    assert_ne!(rows(1), rows(2));
}

#[test]
fn a_hot_key_gets_its_share() {
    let plan = Plan {
        hot_key_percent: 90,
        ..Plan::small(9, 5_000)
    };
    let hot = plan.totals().per_key["k000000"].rows;
    let share = hot as f64 / plan.row_count() as f64;
    assert!((0.88..0.93).contains(&share), "{share}");
}

#[test]
fn a_plan_that_cannot_keep_its_promises_is_refused() {
    let broken = [
        Plan {
            step_ms: 0,
            ..Plan::small(1, 1)
        },
        Plan {
            keys: 0,
            ..Plan::small(1, 1)
        },
        Plan {
            partitions: 0,
            ..Plan::small(1, 1)
        },
        Plan {
            hot_key_percent: 101,
            ..Plan::small(1, 1)
        },
        Plan {
            rows_per_partition: u64::MAX,
            ..Plan::small(1, 1)
        },
    ];
    assert!(broken.iter().all(|plan| plan.check().is_err()));
    assert!(Plan::small(1, 1).check().is_ok());
}

#[test]
fn timestamps_are_read_with_and_without_fraction() {
    assert_eq!(parse_millis("1970-01-01 00:00:01"), Some(1_000));
    assert_eq!(parse_millis("1970-01-01T00:00:01.5Z"), Some(1_500));
    assert_eq!(parse_millis("1969-12-31 23:59:59.999000"), Some(-1));
    for text in [
        "",
        "1970-01-01",
        "1970-13-01 00:00:00",
        "1970-01-01 00:00:00.0001",
        "1970-01-01 0:00:00",
        "é970-01-01 00:00:0",
    ] {
        assert_eq!(parse_millis(text), None, "{text}");
    }
}

#[test]
fn the_watermark_of_the_table_is_the_disorder() {
    let sql = Plan::small(1, 1).columns_sql();
    assert!(
        sql.ends_with("event_time - INTERVAL '2.000' SECOND(2)"),
        "{sql}"
    );
}
