//! Operators that order rows: random crashes, restores by other numbers of subtasks, same results.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::operator::Operator;
use millstream_plan::{
    AggregateFunction, DeduplicateSpec, FrameStart, NodeKind, OverCall, OverFrame, OverFunction,
    OverOrder, OverSpec, RankSpec, SortKey, TimeAttribute, TimeSortSpec, WindowEnd,
};
use millstream_sim::{Recovery, Site};
use proptest::prelude::*;

use crate::recovery::{maker, recovers, script, updating_script};
use crate::support::{call, input};

fn rank(spec: RankSpec) -> impl Fn(Site) -> Box<dyn Operator> {
    let input = input(false, false);
    let mut fields: Vec<Field> = input.fields().iter().map(|f| f.as_ref().clone()).collect();
    if spec.with_number {
        fields.push(Field::new("n", DataType::Int64, true));
    }
    maker(NodeKind::Rank(spec), input, Arc::new(Schema::new(fields)))
}

fn spec() -> impl Strategy<Value = RankSpec> {
    let order = prop::option::weighted(0.8, (1usize..3, any::<bool>()));
    (order, any::<bool>(), 1u64..3, 0u64..4, any::<bool>()).prop_map(
        |(order, newest_first, first, more, with_number)| RankSpec {
            partition_by: vec![0],
            order_by: order
                .map(|(column, descending)| SortKey {
                    column,
                    descending,
                    nulls_first: !descending,
                })
                .into_iter()
                .collect(),
            newest_first,
            first,
            last: first + more,
            with_number,
            emit_update_before: true,
            at_end_only: false,
            input_updates: false,
            window: None,
        },
    )
}

fn over(spec: OverSpec) -> impl Fn(Site) -> Box<dyn Operator> {
    let input = input(false, false);
    let fields = input
        .fields()
        .iter()
        .map(|f| f.as_ref().clone())
        .collect::<Vec<_>>();
    let calls = spec.calls.iter().map(|call| call.field.as_ref().clone());
    let output = Schema::new(fields.into_iter().chain(calls).collect::<Vec<_>>());
    maker(NodeKind::Over(spec), input, Arc::new(output))
}

/// SUM and COUNT DISTINCT of the values, and if the frame is unbounded numbers.
fn over_spec(order: OverOrder, start: FrameStart, by_rows: bool) -> OverSpec {
    let sum = call(AggregateFunction::Sum, &[1], DataType::Int32);
    let mut count = call(AggregateFunction::Count, &[1], DataType::Int64);
    count.distinct = true;
    let mut functions = vec![OverFunction::Aggregate(sum), OverFunction::Aggregate(count)];
    if start == FrameStart::Unbounded {
        functions.extend([
            OverFunction::RowNumber,
            OverFunction::Rank,
            OverFunction::DenseRank,
        ]);
    }
    let calls = functions.into_iter().enumerate().map(|(index, function)| {
        let ty = if index == 0 {
            DataType::Int32
        } else {
            DataType::Int64
        };
        OverCall {
            function,
            field: Arc::new(Field::new(format!("r{index}"), ty, true)),
        }
    });
    OverSpec {
        partition_by: vec![0],
        order,
        frame: OverFrame { start, by_rows },
        calls: calls.collect(),
        emit_update_before: true,
        at_end_only: false,
        input_updates: false,
    }
}

fn frames() -> impl Strategy<Value = (FrameStart, bool)> {
    prop_oneof![
        any::<bool>().prop_map(|by_rows| (FrameStart::Unbounded, by_rows)),
        (0u64..4).prop_map(|rows| (FrameStart::Rows(rows), true)),
        (0i64..30).prop_map(|span| (FrameStart::Millis(span), false)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_rank_recovers(script in script(), spec in spec(), seed: u64, batch in 1usize..9) {
        recovers(&rank(spec), &script, seed, batch);
    }

    #[test]
    fn a_rank_whose_rows_go_recovers(script in updating_script(), spec in spec(), seed: u64, batch in 1usize..9) {
        let spec = RankSpec { input_updates: true, ..spec };
        recovers(&rank(spec), &script, seed, batch);
    }

    #[test]
    fn a_rank_at_the_end_recovers(script in script(), spec in spec(), seed: u64) {
        let spec = RankSpec { at_end_only: true, ..spec };
        recovers(&rank(spec), &script, seed, 4);
    }

    #[test]
    fn a_rank_without_partition_recovers(script in script(), spec in spec(), seed: u64, batch in 1usize..9) {
        let spec = RankSpec { partition_by: vec![], ..spec };
        Recovery::new(input(false, false), &rank(spec)).batch_rows(batch).check(&script, seed);
    }

    #[test]
    fn a_rank_of_windows_recovers(script in script(), spec in spec(), seed: u64, batch in 1usize..9) {
        // The time of a row serves as the end of its window.
        let window = Some(WindowEnd { column: 2, zone: None });
        let spec = RankSpec { window, partition_by: vec![0, 2], ..spec };
        let make = rank(spec);
        Recovery::new(input(false, false), &make).keyed(&[0, 2]).batch_rows(batch).check(&script, seed);
    }

    #[test]
    fn deduplication_recovers(script in script(), by_event: bool, seed: u64, batch in 1usize..9) {
        let time = match by_event {
            true => TimeAttribute::Event { column: 2 },
            false => TimeAttribute::Processing,
        };
        let spec = DeduplicateSpec { keys: vec![0], time };
        let make = maker(NodeKind::Deduplicate(spec), input(false, false), input(false, false));
        recovers(&make, &script, seed, batch);
    }

    #[test]
    fn a_sort_by_time_recovers(script in script(), seed: u64, batch in 1usize..9) {
        let key = |column| SortKey { column, descending: false, nulls_first: true };
        let spec = TimeSortSpec { keys: vec![key(2), key(1)] };
        let make = maker(NodeKind::TimeSort(spec), input(false, false), input(false, false));
        Recovery::new(input(false, false), &make).ordered().batch_rows(batch).check(&script, seed);
    }

    #[test]
    fn over_by_event_time_recovers(script in script(), frame in frames(), seed: u64, batch in 1usize..9) {
        let order = OverOrder::Time(TimeAttribute::Event { column: 2 });
        recovers(&over(over_spec(order, frame.0, frame.1)), &script, seed, batch);
    }

    #[test]
    fn over_by_processing_time_recovers(script in script(), frame in frames(), seed: u64, batch in 1usize..9) {
        let order = OverOrder::Time(TimeAttribute::Processing);
        let make = over(over_spec(order, frame.0, frame.1));
        Recovery::new(input(false, false), &make).keyed(&[0]).batch_rows(batch).without_replay().check(&script, seed);
    }

    #[test]
    fn over_by_columns_recovers(script in updating_script(), by_rows: bool, seed: u64, batch in 1usize..9) {
        let key = SortKey { column: 1, descending: false, nulls_first: true };
        let spec = over_spec(OverOrder::Columns(vec![key]), FrameStart::Unbounded, by_rows);
        recovers(&over(OverSpec { input_updates: true, ..spec }), &script, seed, batch);
    }
}
