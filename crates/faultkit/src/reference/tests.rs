use expect_test::{Expect, expect};

use super::*;

/// Rows written as `key@seconds=amount`.
fn rows(text: &str) -> Vec<Row> {
    let rows = text.split_whitespace().enumerate();
    rows.map(|(seq, word)| {
        let (key, rest) = word.split_once('@').unwrap();
        let (second, amount) = rest.split_once('=').unwrap();
        Row {
            partition: 0,
            seq: seq as u64,
            key: key.into(),
            event_time: second.parse::<i64>().unwrap() * 1_000,
            amount: amount.parse().unwrap(),
            crc: 0,
            pad: String::new(),
        }
    })
    .collect()
}

fn check(found: Multiset, wanted: Expect) {
    let lines = format!("{found:?}")
        .replace("1970-01-01 00:0", "")
        .replace(".000", "");
    wanted.assert_eq(&lines);
}

#[test]
fn a_filter_keeps_two_rows_of_three() {
    let kept = pass_through(rows("a@1=0 a@2=1 a@3=2 a@4=3").into_iter());
    check(
        kept,
        expect![[r#"Multiset { rows: {"0|1|a|0:02|1": 1, "0|2|a|0:03|2": 1}, len: 2 }"#]],
    );
}

#[test]
fn a_tumbling_window_ends_before_its_end() {
    let windows = tumble(rows("a@0=1 a@9=2 a@10=4 b@9=8").into_iter(), 10_000);
    check(
        windows,
        expect![[
            r#"Multiset { rows: {"a|0:00|0:10|2|3": 1, "a|0:10|0:20|1|4": 1, "b|0:00|0:10|1|8": 1}, len: 3 }"#
        ]],
    );
}

#[test]
fn a_row_is_in_every_hopping_window_that_holds_it_and_equal_amounts_count_once() {
    let windows = hop(rows("a@12=7 a@14=7 a@15=1").into_iter(), 10_000, 5_000);
    check(
        windows,
        expect![[
            r#"Multiset { rows: {"a|0:05|0:15|2|1": 1, "a|0:10|0:20|3|2": 1, "a|0:15|0:25|1|1": 1}, len: 3 }"#
        ]],
    );
}

#[test]
fn a_session_ends_after_a_longer_gap_whatever_the_order_of_rows() {
    let windows = session(rows("a@20=1 a@0=2 a@5=4 a@26=8").into_iter(), 5_000);
    check(
        windows,
        expect![[
            r#"Multiset { rows: {"a|0:00|0:10|2|6": 1, "a|0:20|0:25|1|1": 1, "a|0:26|0:31|1|8": 1}, len: 3 }"#
        ]],
    );
}

#[test]
fn results_over_a_plan_agree_with_its_totals() {
    let plan = Plan::small(4, 800);
    let amounts = |query: Query| -> i64 {
        let text = format!("{:?}", query.expected(&plan));
        let lines = text.split('"').filter(|part| part.contains('|'));
        lines
            .map(|line| line.rsplit('|').next().unwrap().parse::<i64>().unwrap())
            .sum()
    };
    let total = plan.totals().all.amount;
    assert_eq!(amounts(Query::Tumble { size_s: 10 }), total);
    assert_eq!(amounts(Query::Session { gap_s: 5 }), total);
    let sessions = Query::Session { gap_s: 5 }.expected(&plan).len();
    assert!(
        sessions > u64::from(plan.keys),
        "{sessions}: the gaps of the plan end sessions"
    );
}

#[test]
fn every_query_names_as_many_columns_as_its_sink_and_its_lines_have() {
    let queries = [
        Query::PassThrough,
        Query::Tumble { size_s: 10 },
        Query::Hop {
            size_s: 10,
            slide_s: 5,
        },
        Query::Session { gap_s: 5 },
    ];
    let plan = Plan::small(4, 20);
    for query in queries {
        let wanted = query.columns().len();
        assert_eq!(
            query.sink_columns_sql().split(", ").count(),
            wanted,
            "{query:?}"
        );
        let text = format!("{:?}", query.expected(&plan));
        let line = text.split('"').find(|part| part.contains('|')).unwrap();
        assert_eq!(line.split('|').count(), wanted, "{query:?}");
    }
}
