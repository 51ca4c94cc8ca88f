//! Every operator with state: random crashes, restores by other numbers of subtasks, same results.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_core::Code;
use millstream_core::operator::Operator;
use millstream_core::time::EventTime;
use millstream_operators::{OperatorContext, create};
use millstream_plan::{
    AggregateCall, AggregateFunction, GroupAggregateSpec, IntervalJoinSpec, JoinKind, JoinSpec,
    LimitSpec, NodeKind, OnConflict, SortKey, SortSpec, TemporalJoinSpec, TimeAttribute,
    UpsertSpec, Window, WindowAggregateSpec, WindowJoinSpec, pair_schema,
};
use millstream_sim::{MemoryState, Recovery, Script, Site, Step};
use proptest::prelude::*;

use crate::support::{call, input, spec, time, window_output};

/// Makes the operator of a subtask.
pub(crate) type Make = dyn Fn(Site) -> Box<dyn Operator>;

/// Makes the operators of a node.
pub(crate) fn maker(
    kind: NodeKind,
    input: SchemaRef,
    output: SchemaRef,
) -> impl Fn(Site) -> Box<dyn Operator> {
    move |site| {
        let context = OperatorContext {
            node: "test".into(),
            batch_rows: 3,
            key_groups: site.key_groups,
            subtask: site.subtask,
            parallelism: site.parallelism,
        };
        create(&kind, &[Arc::clone(&input)], &output, &context).unwrap()
    }
}

fn window(spec: WindowAggregateSpec) -> impl Fn(Site) -> Box<dyn Operator> {
    let input = input(matches!(spec.window, Window::Attached { .. }), false);
    let output = window_output(&spec, &input, false);
    maker(NodeKind::WindowAggregate(spec), input, output)
}

/// One aggregate of each kind over `name`, `value`, `ts`, all with the types of Flink.
fn every_aggregate() -> Vec<AggregateCall> {
    let text = |function| call(function, &[0], DataType::Utf8);
    let int = |function| call(function, &[1], DataType::Int32);
    let list = DataType::List(Arc::new(Field::new("element", DataType::Int32, true)));
    let pair = DataType::Struct(
        vec![
            Field::new("key", DataType::Int32, false),
            Field::new("value", DataType::Int32, false),
        ]
        .into(),
    );
    let multiset = DataType::Map(Arc::new(Field::new("entries", pair, false)), false);
    let distinct = |call: AggregateCall| AggregateCall {
        distinct: true,
        ..call
    };
    vec![
        call(AggregateFunction::Count, &[], DataType::Int64),
        int(AggregateFunction::Sum),
        int(AggregateFunction::Avg),
        int(AggregateFunction::Min),
        int(AggregateFunction::Max),
        text(AggregateFunction::Max),
        int(AggregateFunction::FirstValue),
        text(AggregateFunction::LastValue),
        call(AggregateFunction::Max, &[2], time(false)),
        int(AggregateFunction::StddevPop),
        text(AggregateFunction::ListAgg {
            separator: ",".into(),
        }),
        call(AggregateFunction::ArrayAgg, &[1], list.clone()),
        call(AggregateFunction::Collect, &[1], multiset),
        distinct(call(AggregateFunction::Count, &[1], DataType::Int64)),
        distinct(call(AggregateFunction::ArrayAgg, &[1], list)),
    ]
}

fn group_spec(keys: &[usize], aggregates: Vec<AggregateCall>) -> GroupAggregateSpec {
    GroupAggregateSpec {
        keys: keys.to_vec(),
        aggregates,
        emit_update_before: true,
        at_end_only: false,
        input_updates: false,
    }
}

fn group(spec: GroupAggregateSpec) -> impl Fn(Site) -> Box<dyn Operator> {
    let input = input(false, false);
    let keys = spec.keys.iter().map(|&key| input.field(key).clone());
    let results = spec.aggregates.iter().enumerate();
    let results = results.map(|(i, call)| call.field.as_ref().clone().with_name(format!("r{i}")));
    let output = Arc::new(Schema::new(keys.chain(results).collect::<Vec<_>>()));
    maker(NodeKind::GroupAggregate(spec), input, output)
}

/// Lines of a script with rows around an event time that advances.
pub(crate) fn script() -> impl Strategy<Value = String> {
    let row = (
        prop::option::weighted(0.9, 0u8..12),
        prop::option::weighted(0.9, 0i32..6),
        -40i64..60,
    );
    let step = (0i64..12, 0u8..10, row);
    prop::collection::vec(step, 1..90).prop_map(|steps| {
        let (mut now, mut mark) = (-100, i64::MIN);
        let mut text = String::new();
        for (advance, kind, (name, value, offset)) in steps {
            now += advance;
            let name = name.map_or("null".into(), |name| format!("n{name}"));
            let value = value.map_or("null".into(), |value| value.to_string());
            match kind {
                0 | 1 if now > mark => {
                    mark = now;
                    text.push_str(&format!("mark {now}ms\n"));
                }
                2 => text.push_str("cut\n"),
                _ => text.push_str(&format!("row {name} {value} {}ms\n", now + offset)),
            }
        }
        text + "end"
    })
}

/// The same with rows that go: each takes back a row that came before.
pub(crate) fn updating_script() -> impl Strategy<Value = String> {
    let step = (0u8..4, 0u8..5, 0i32..4, any::<prop::sample::Index>());
    prop::collection::vec(step, 1..120).prop_map(|steps| {
        let mut there: Vec<String> = Vec::new();
        let mut text = String::new();
        for (kind, name, value, which) in steps {
            match kind {
                0 if !there.is_empty() => {
                    let gone = there.swap_remove(which.index(there.len()));
                    text.push_str(&format!("-D {gone}\n"));
                }
                1 => text.push_str("cut\n"),
                _ => {
                    let row = format!("n{name} {value} {}ms", i64::from(value) * 10);
                    text.push_str(&format!("row {row}\n"));
                    there.push(row);
                }
            }
        }
        text + "end"
    })
}

/// An updating script whose rows arrive at two inputs.
fn two_inputs() -> impl Strategy<Value = String> {
    let step = (
        0u8..3,
        0u8..2,
        0u8..4,
        0i32..3,
        any::<prop::sample::Index>(),
    );
    prop::collection::vec(step, 1..120).prop_map(|steps| {
        let mut there: [Vec<String>; 2] = Default::default();
        let mut text = String::new();
        for (kind, port, name, value, which) in steps {
            text.push_str(&format!("port {port}\n"));
            let there = &mut there[usize::from(port)];
            if kind == 0 && !there.is_empty() {
                let gone = there.swap_remove(which.index(there.len()));
                text.push_str(&format!("-D {gone}\n"));
                continue;
            }
            let name = match name {
                3 => "null".to_string(),
                name => format!("n{name}"),
            };
            let row = format!("{name} {value} 0ms");
            text.push_str(&format!("row {row}\n"));
            there.push(row);
        }
        text + "end"
    })
}

/// Makes the joins of a node whose inputs are alike.
fn joining(spec: JoinSpec) -> impl Fn(Site) -> Box<dyn Operator> {
    let input = input(false, false);
    let output = match spec.kind {
        JoinKind::Semi | JoinKind::Anti => Arc::clone(&input),
        JoinKind::Mark => {
            let fields = input.fields().iter().cloned();
            let mark = Arc::new(Field::new("mark", DataType::Boolean, false));
            Arc::new(Schema::new(fields.chain([mark]).collect::<Vec<_>>()))
        }
        _ => pair_schema(&input, &input),
    };
    let kind = NodeKind::Join(spec);
    move |site| {
        let context = OperatorContext {
            node: "test".into(),
            batch_rows: 3,
            key_groups: site.key_groups,
            subtask: site.subtask,
            parallelism: site.parallelism,
        };
        let inputs = [Arc::clone(&input), Arc::clone(&input)];
        create(&kind, &inputs, &output, &context).unwrap()
    }
}

fn equi_join(kind: JoinKind, keys: &[usize]) -> JoinSpec {
    JoinSpec {
        kind,
        left_keys: keys.to_vec(),
        right_keys: keys.to_vec(),
        null_equals_null: false,
        condition: None,
    }
}

/// Makes the operators of a node with two inputs that are alike.
fn of_two(
    kind: NodeKind,
    input: SchemaRef,
    output: SchemaRef,
) -> impl Fn(Site) -> Box<dyn Operator> {
    move |site| {
        let context = OperatorContext {
            node: "test".into(),
            batch_rows: 3,
            key_groups: site.key_groups,
            subtask: site.subtask,
            parallelism: site.parallelism,
        };
        let inputs = [Arc::clone(&input), Arc::clone(&input)];
        create(&kind, &inputs, &output, &context).unwrap()
    }
}

/// The script of a stream, with rows at two inputs.
fn two_streams() -> impl Strategy<Value = String> {
    (script(), prop::collection::vec(0u8..2, 90)).prop_map(|(script, ports)| {
        let lines = script.lines().zip(ports.into_iter().cycle());
        lines
            .map(|(line, port)| format!("port {port}\n{line}\n"))
            .collect()
    })
}

pub(crate) fn recovers(make: &Make, script: &str, seed: u64, batch_rows: usize) {
    Recovery::new(input(false, false), make)
        .keyed(&[0])
        .batch_rows(batch_rows)
        .check(script, seed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_group_aggregate_recovers(script in script(), seed: u64, batch in 1usize..9) {
        recovers(&group(group_spec(&[0], every_aggregate())), &script, seed, batch);
        Recovery::new(input(false, false), &group(group_spec(&[0, 1], vec![])))
            .keyed(&[0, 1])
            .batch_rows(batch)
            .check(&script, seed);
    }

    #[test]
    fn a_group_aggregate_whose_rows_go_recovers(script in updating_script(), seed: u64, batch in 1usize..9) {
        let distinct = AggregateCall { distinct: true, ..call(AggregateFunction::Sum, &[1], DataType::Int32) };
        let count = call(AggregateFunction::Count, &[], DataType::Int64);
        let spec = GroupAggregateSpec { input_updates: true, ..group_spec(&[0], vec![count, distinct]) };
        recovers(&group(spec), &script, seed, batch);
    }

    #[test]
    fn every_aggregate_that_takes_rows_back_recovers(script in updating_script(), seed: u64, batch in 1usize..9) {
        let spec = GroupAggregateSpec { input_updates: true, ..group_spec(&[0], every_aggregate()) };
        recovers(&group(spec), &script, seed, batch);
    }

    #[test]
    fn one_row_per_key_recovers(script in updating_script(), seed: u64, nothing: bool, batch in 1usize..9) {
        let on_conflict = if nothing { OnConflict::Nothing } else { OnConflict::Deduplicate };
        let spec = UpsertSpec { key: vec![0], on_conflict };
        let make = maker(NodeKind::Upsert(spec), input(false, false), input(false, false));
        recovers(&make, &script, seed, batch);
    }

    #[test]
    fn joins_recover(script in two_inputs(), seed: u64, kind in 0usize..7, batch in 1usize..9) {
        use JoinKind::{Anti, Full, Inner, Left, Mark, Right, Semi};
        let spec = JoinSpec {
            kind: [Inner, Left, Right, Full, Semi, Anti, Mark][kind],
            left_keys: vec![0],
            right_keys: vec![0],
            null_equals_null: false,
            condition: None,
        };
        recovers(&joining(spec), &script, seed, batch);
    }

    #[test]
    fn interval_joins_recover(script in two_streams(), seed: u64, kind in 0usize..4, lower in -20i64..20, width in 0i64..30, batch in 1usize..9) {
        use JoinKind::{Full, Inner, Left, Right};
        let kind = NodeKind::IntervalJoin(IntervalJoinSpec {
            join: equi_join([Inner, Left, Right, Full][kind], &[0]),
            times: Some([2, 2]),
            lower,
            upper: lower + width,
        });
        let input = input(false, false);
        let output = pair_schema(&input, &input);
        recovers(&of_two(kind, input, output), &script, seed, batch);
    }

    #[test]
    fn temporal_joins_recover(script in two_streams(), seed: u64, outer: bool, batch in 1usize..9) {
        let mut number = 0;
        let lines = script.lines().map(|line| match line.rsplit_once(' ') {
            Some((start, time)) if start.starts_with("row") => {
                number += 1;
                let kind = if number % 7 == 0 { "-D" } else { "+I" };
                format!("{kind}{} {time}\n", &start[3..])
            }
            _ => format!("{line}\n"),
        });
        let script: String = lines.collect();
        let kind = NodeKind::TemporalJoin(TemporalJoinSpec {
            join: equi_join(if outer { JoinKind::Left } else { JoinKind::Inner }, &[0]),
            times: [2, 2],
            only_newer: outer,
        });
        let input = input(false, false);
        let output = pair_schema(&input, &input);
        recovers(&of_two(kind, input, output), &script, seed, batch);
    }

    #[test]
    fn window_joins_recover(script in two_streams(), seed: u64, kind in 0usize..6, batch in 1usize..9) {
        use JoinKind::{Anti, Full, Inner, Left, Right, Semi};
        let input = input(false, false);
        let join = equi_join([Inner, Left, Right, Full, Semi, Anti][kind], &[0, 2]);
        let output = match join.kind {
            Semi | Anti => Arc::clone(&input),
            _ => pair_schema(&input, &input),
        };
        // The time of a row, made coarse, is the end of its window.
        let coarse = script.lines().map(|line| match line.rsplit_once(' ') {
            Some((start, time)) if start.starts_with("row") => {
                let time: i64 = time.trim_end_matches("ms").parse().unwrap_or(0);
                format!("{start} {}ms\n", time.div_euclid(20) * 20 + 20)
            }
            _ => format!("{line}\n"),
        });
        let script: String = coarse.collect();
        let kind = NodeKind::WindowJoin(WindowJoinSpec { join, ends: [2, 2], zone: None });
        Recovery::new(Arc::clone(&input), &of_two(kind, Arc::clone(&input), output))
            .keyed(&[0, 2])
            .batch_rows(batch)
            .check(&script, seed);
    }

    #[test]
    fn a_group_aggregate_that_waits_for_the_end_recovers(script in script(), seed: u64) {
        let spec = GroupAggregateSpec { at_end_only: true, ..group_spec(&[0], every_aggregate()) };
        recovers(&group(spec), &script, seed, 4);
    }

    #[test]
    fn tumble_recovers(script in script(), seed: u64, size in 1i64..40, batch in 1usize..9) {
        let spec = WindowAggregateSpec { aggregates: every_aggregate(), ..spec(Window::Tumble { size, offset: 3 }) };
        recovers(&window(spec), &script, seed, batch);
    }

    #[test]
    fn hop_recovers(script in script(), seed: u64, slide in 1i64..10, times in 1i64..20, batch in 1usize..9) {
        recovers(&window(spec(Window::Hop { slide, size: slide * times, offset: 0 })), &script, seed, batch);
    }

    #[test]
    fn cumulate_recovers(script in script(), seed: u64, step in 1i64..10, times in 1i64..12, batch in 1usize..9) {
        recovers(&window(spec(Window::Cumulate { step, size: step * times, offset: 0 })), &script, seed, batch);
    }

    #[test]
    fn session_recovers(script in script(), seed: u64, gap in 1i64..30, batch in 1usize..9) {
        recovers(&window(spec(Window::Session { gap })), &script, seed, batch);
    }

    #[test]
    fn windows_of_rows_that_go_recover(script in updating_script(), seed: u64, batch in 1usize..9) {
        for of in [Window::Tumble { size: 20, offset: 0 }, Window::Session { gap: 7 }] {
            let spec = WindowAggregateSpec { input_updates: true, ..spec(of) };
            recovers(&window(spec), &script, seed, batch);
        }
    }

    #[test]
    fn windows_of_processing_time_recover(script in script(), seed: u64, batch in 1usize..9) {
        let script = script.replace("mark -", "mark ").replace("mark", "time");
        // Time does not go back, whatever the script of event time did.
        let mut now = 0;
        let lines = script.lines().map(|line| match line.strip_prefix("time ") {
            Some(ms) => {
                now += ms.trim_end_matches("ms").parse::<i64>().unwrap_or(0).unsigned_abs() as i64;
                format!("time {now}ms\n")
            }
            None => format!("{line}\n"),
        });
        let script: String = lines.collect();
        for of in [
            Window::Tumble { size: 50, offset: 0 },
            Window::Hop { slide: 20, size: 60, offset: 0 },
            Window::Cumulate { step: 20, size: 60, offset: 0 },
            Window::Session { gap: 40 },
        ] {
            let spec = WindowAggregateSpec { time: TimeAttribute::Processing, ..spec(of) };
            let make = window(spec);
            Recovery::new(input(false, false), &make)
                .keyed(&[0])
                .batch_rows(batch)
                .without_replay()
                .check(&script, seed);
        }
    }

    #[test]
    fn sort_and_limit_recover(script in updating_script(), seed: u64, batch in 1usize..9) {
        let keys = vec![SortKey { column: 1, descending: true, nulls_first: false }];
        let sort = |fetch| NodeKind::Sort(SortSpec { keys: keys.clone(), skip: 1, fetch });
        let of = |kind| maker(kind, input(false, false), input(false, false));
        for fetch in [None, Some(3)] {
            Recovery::new(input(false, false), &of(sort(fetch)))
                .batch_rows(batch)
                .ordered()
                .check(&script, seed);
        }
        let inserts: Vec<&str> = script.lines().filter(|line| !line.starts_with("-D")).collect();
        let limit = LimitSpec { skip: 2, fetch: Some(11) };
        Recovery::new(input(false, false), &of(NodeKind::Limit(limit)))
            .batch_rows(batch)
            .ordered()
            .check(&inserts.join("\n"), seed);
    }
}

#[test]
fn keys_of_every_type_come_back_to_the_subtask_that_gets_their_rows() {
    let types = [
        (DataType::Boolean, ["true", "false", "null", "true"]),
        (DataType::Int8, ["1", "-1", "null", "0"]),
        (DataType::Int64, ["1", "-1", "null", "9000000000"]),
        (DataType::Float32, ["0", "-0", "NaN", "1.5"]),
        (DataType::Float64, ["0", "-0", "NaN", "null"]),
        (DataType::Decimal128(10, 2), ["1.25", "-1", "null", "0"]),
        (DataType::Utf8, ["a", "''", "null", "b"]),
        (DataType::Binary, ["a", "''", "null", "b"]),
        (
            DataType::Date32,
            ["2026-11-20", "1969-01-01", "null", "1970-01-01"],
        ),
        (time(false), ["1s", "-1s", "null", "0s"]),
    ];
    for (ty, values) in types {
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("k", ty.clone(), true),
            Field::new("l", DataType::Utf8, true),
        ]));
        for keys in [vec![0], vec![0, 1], vec![1, 0], vec![]] {
            let spec = group_spec(
                &keys,
                vec![call(AggregateFunction::Count, &[], DataType::Int64)],
            );
            let fields = keys.iter().map(|&key| schema.field(key).clone());
            let count = [Field::new("n", DataType::Int64, true)];
            let output = Arc::new(Schema::new(fields.chain(count).collect::<Vec<_>>()));
            let make = maker(NodeKind::GroupAggregate(spec), Arc::clone(&schema), output);
            let rows = values.iter().cycle().take(23).enumerate();
            let script: String = rows
                .map(|(i, v)| format!("row {v} l{}\ncut\n", i % 3))
                .collect();
            let recovery = Recovery::new(Arc::clone(&schema), &make).batch_rows(2);
            let recovery = match keys.as_slice() {
                [] => recovery,
                keys => recovery.keyed(keys),
            };
            (1..6).for_each(|seed| recovery.check(&script, seed * 7919));
        }
    }
}

/// Rows of many keys; `mark 20ms` has reached the first of two subtasks only.
const UNEVEN: &str = "
    row a 1 1ms
    row b 1 2ms
    row c 1 3ms
    row d 1 12ms
    row e 1 13ms
    row f 1 14ms
    cut
    row a 2 4ms
    row b 2 5ms
    row c 2 12ms
    row d 2 6ms
    row e 2 22ms
    row f 2 23ms
    cut
    row a 3 18ms
    row b 3 18ms
    row c 3 18ms
    row g 3 18ms
    row h 3 7ms
    mark 16ms
    row a 4 17ms
    row b 4 17ms
    row c 4 3ms
    row i 4 17ms
    mark 40ms
    row a 5 41ms
    row b 5 39ms
    end";

#[test]
fn key_groups_that_have_come_differently_far_stay_so_after_a_rescale() {
    let ahead = Step::Ahead {
        after: 1,
        subtask: 0,
        time: EventTime(20),
    };
    for of in [
        Window::Tumble {
            size: 10,
            offset: 0,
        },
        Window::Hop {
            slide: 5,
            size: 15,
            offset: 0,
        },
        Window::Cumulate {
            step: 5,
            size: 30,
            offset: 0,
        },
        Window::Session { gap: 6 },
    ] {
        let make = window(spec(of.clone()));
        let recovery = Recovery::new(input(false, false), &make).keyed(&[0]);
        let wanted = recovery.run(UNEVEN, 2, &[ahead]);
        for parallelism in [1, 2, 3, 5] {
            for full in [false, true] {
                let checkpoint = |after| Step::Checkpoint { after, full };
                let crash = |after, parallelism| Step::Crash { after, parallelism };
                let steps = [
                    ahead,
                    checkpoint(1),
                    crash(1, parallelism),
                    checkpoint(2),
                    crash(2, 2),
                    checkpoint(4),
                    crash(5, 3),
                ];
                let found = recovery.run(UNEVEN, 2, &steps);
                assert_eq!(wanted, found, "{of:?} by {parallelism}");
            }
        }
    }
}

#[test]
fn a_snapshot_writes_what_has_changed() {
    let make = group(group_spec(&[0], every_aggregate()));
    let site = Site {
        subtask: 0,
        parallelism: 1,
        key_groups: 128,
    };
    let mut operator = make(site);
    let mut state = MemoryState::new(128);
    let script = Script::new(input(false, false));
    let rows: String = (0..100).map(|i| format!("row n{i} 1 0s\n")).collect();
    script.run(operator.as_mut(), &rows);
    state.checkpoint(&mut [operator.as_mut()], false).unwrap();
    // A group, and its value in each of the two distinct sets.
    assert_eq!((state.written(), state.len()), (300, 300));
    state.checkpoint(&mut [operator.as_mut()], false).unwrap();
    assert_eq!((state.written(), state.len()), (0, 300));
    script.run(operator.as_mut(), "row n7 1 0s\nrow n8 2 0s");
    state.checkpoint(&mut [operator.as_mut()], false).unwrap();
    assert_eq!((state.written(), state.len()), (4, 302));
    state.checkpoint(&mut [operator.as_mut()], true).unwrap();
    assert_eq!((state.written(), state.len()), (302, 302));
}

#[test]
fn a_window_that_has_fired_leaves_nothing_behind() {
    for of in [
        Window::Tumble {
            size: 10,
            offset: 0,
        },
        Window::Hop {
            slide: 5,
            size: 15,
            offset: 0,
        },
        Window::Cumulate {
            step: 5,
            size: 15,
            offset: 0,
        },
        Window::Session { gap: 6 },
    ] {
        let make = window(spec(of.clone()));
        let mut operator = make(Site {
            subtask: 0,
            parallelism: 1,
            key_groups: 128,
        });
        let mut state = MemoryState::new(128);
        let script = Script::new(input(false, false));
        let mut run = |text: &str| {
            script.run(operator.as_mut(), text);
            state.checkpoint(&mut [operator.as_mut()], false).unwrap();
            state.len()
        };
        assert!(run("row a 1 1ms\nrow b 1 2ms\nrow a 2 3ms") > 0, "{of:?}");
        run("mark 5ms");
        assert_eq!(run("mark 100ms"), 0, "{of:?}");
    }
}

#[test]
fn the_state_of_another_query_is_refused() {
    let site = Site {
        subtask: 0,
        parallelism: 1,
        key_groups: 128,
    };
    let tumble = |size| window(spec(Window::Tumble { size, offset: 0 }))(site);
    let mut state = MemoryState::new(128);
    state.checkpoint(&mut [tumble(10).as_mut()], false).unwrap();
    let error = state.restore(tumble(20).as_mut(), 0, 1).unwrap_err();
    assert_eq!(error.code(), Code::CheckpointMismatch);
    let text = error.message();
    assert!(
        text.contains("of 20 ms") && text.contains("of 10 ms"),
        "{text}"
    );
    let nothing = MemoryState::new(128);
    let error = nothing.restore(tumble(10).as_mut(), 0, 1).unwrap_err();
    assert_eq!(error.code(), Code::CheckpointDamaged);
}

#[test]
fn damaged_state_is_an_error_or_another_value_but_never_a_panic() {
    let site = Site {
        subtask: 0,
        parallelism: 1,
        key_groups: 128,
    };
    let keys = vec![SortKey {
        column: 1,
        descending: false,
        nulls_first: true,
    }];
    let sort = NodeKind::Sort(SortSpec {
        keys,
        skip: 0,
        fetch: None,
    });
    let every = |of| WindowAggregateSpec {
        aggregates: every_aggregate(),
        ..spec(of)
    };
    let makes: Vec<Box<Make>> = vec![
        Box::new(group(group_spec(&[0], every_aggregate()))),
        Box::new(window(every(Window::Tumble {
            size: 10,
            offset: 0,
        }))),
        Box::new(window(every(Window::Session { gap: 6 }))),
        Box::new(maker(sort, input(false, false), input(false, false))),
    ];
    for make in makes {
        let mut operator = make(site);
        let script = Script::new(input(false, false));
        script.run(
            operator.as_mut(),
            "row a 1 1ms\nrow b null 2ms\nrow a 2 3ms",
        );
        let mut state = MemoryState::new(128);
        state.checkpoint(&mut [operator.as_mut()], false).unwrap();
        let values = state.values_mut().count();
        let mut refused = 0;
        for value in 0..values {
            for change in 0..40 {
                let mut damaged = state.clone();
                let bytes = damaged.values_mut().nth(value).unwrap();
                let length = bytes.len();
                match change {
                    0 => bytes.truncate(length / 2),
                    1 => bytes.push(0),
                    bit => {
                        if let Some(byte) = bytes.get_mut(bit / 2) {
                            *byte ^= 1 << (bit * 3 % 8);
                        }
                    }
                }
                let mut restored = make(site);
                match damaged.restore(restored.as_mut(), 0, 1) {
                    Err(error) => {
                        let code = error.code();
                        let known = [Code::CheckpointDamaged, Code::CheckpointMismatch];
                        assert!(known.contains(&code), "{error:?}");
                        refused += 1;
                    }
                    Ok(()) => drop(script.run(restored.as_mut(), "row a 1 1ms\nmark 90ms\nend")),
                }
            }
        }
        assert!(refused > values, "{refused} of {values} values");
    }
}
