use std::sync::Arc;

use arrow::array::{AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::operator::{Emission, Output};
use millstream_core::state::{StateChunk, StateReader};
use millstream_plan::{AggregateCall, AggregateFunction, GroupAggregateSpec};
use millstream_sim::MemoryState;
use proptest::prelude::*;

use millstream_core::operator::Operator;

use super::*;
use crate::OperatorContext;

fn operator(text_key: bool) -> GroupAggregate {
    let key = usize::from(!text_key);
    let call = |function: AggregateFunction, args: &[usize], ty: DataType| AggregateCall {
        field: Arc::new(Field::new(function.name(), ty, true)),
        function,
        args: args.to_vec(),
        distinct: false,
        filter: None,
    };
    let separator = ",".into();
    let aggregates = vec![
        call(AggregateFunction::Count, &[], DataType::Int64),
        call(AggregateFunction::Sum, &[1], DataType::Int32),
        call(AggregateFunction::Max, &[0], DataType::Utf8),
        call(
            AggregateFunction::ListAgg { separator },
            &[0],
            DataType::Utf8,
        ),
    ];
    let input = schema();
    let mut fields = vec![input.field(key).clone()];
    let results = aggregates.iter().enumerate();
    fields.extend(results.map(|(i, c)| c.field.as_ref().clone().with_name(format!("r{i}"))));
    let spec = GroupAggregateSpec {
        keys: vec![key],
        aggregates,
        emit_update_before: true,
        at_end_only: false,
        input_updates: false,
    };
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 100,
        key_groups: 16,
        subtask: 0,
        parallelism: 1,
    };
    GroupAggregate::new(&spec, &input, &Arc::new(Schema::new(fields)), &context).unwrap()
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("n", DataType::Int32, true),
    ]))
}

fn rows(values: &[u8]) -> ChangeBatch {
    let known = |v: &u8| (*v != 7).then_some(*v);
    let name = |v: &u8| known(v).map(|v| format!("key-{v}"));
    let names = StringArray::from_iter(values.iter().map(name));
    let numbers = Int32Array::from_iter(values.iter().map(|v| known(v).map(i32::from)));
    let columns: Vec<ArrayRef> = vec![Arc::new(names), Arc::new(numbers)];
    ChangeBatch::inserts(RecordBatch::try_new(schema(), columns).unwrap())
}

/// What comes out for a batch, in order.
fn put_out(operator: &mut GroupAggregate, values: &[u8]) -> Vec<String> {
    let mut out = Output::new(0);
    operator
        .on_rows(Port::ONLY, rows(values), &mut out)
        .unwrap();
    let lines = out.take().into_iter().map(|emission| match emission {
        Emission::Rows(batch) => format!("{batch:?}"),
        other => format!("{other:?}"),
    });
    lines.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_given_up_comes_back_and_nobody_notices(
        batches in prop::collection::vec(prop::collection::vec(0u8..60, 1..20), 1..30),
        evictions in prop::collection::vec(prop::option::of(0usize..20_000), 30),
        text_key in any::<bool>(),
    ) {
        let (mut whole, mut spilling) = (operator(text_key), operator(text_key));
        let mut state = MemoryState::new(16);
        for (batch, eviction) in batches.iter().zip(evictions) {
            spilling.fetch(Port::ONLY, &rows(batch), &mut state).unwrap();
            prop_assert_eq!(put_out(&mut spilling, batch), put_out(&mut whole, batch));
            if let Some(bytes) = eviction {
                state.checkpoint(&mut [&mut spilling], false).unwrap();
                let held = spilling.groups.keys.len();
                spilling.evict(bytes).unwrap();
                prop_assert!(bytes == 0 || held == 0 || spilling.groups.keys.len() < held);
            }
        }
    }
}

#[test]
fn the_keys_untouched_for_longest_go_first_and_changed_ones_stay() {
    let mut operator = operator(true);
    let mut state = MemoryState::new(16);
    put_out(&mut operator, &[1, 2, 3, 4]);
    put_out(&mut operator, &[1]);
    state.checkpoint(&mut [&mut operator], false).unwrap();
    put_out(&mut operator, &[2]);
    let each = operator.bytes() / 4;
    operator.evict(2 * each).unwrap();
    let left = |operator: &GroupAggregate| {
        let keys = operator
            .groups
            .columns(&operator.groups.keys.ids())
            .unwrap();
        let keys = keys[0].as_string::<i32>();
        keys.iter().flatten().map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(
        left(&operator),
        ["key-1", "key-2"],
        "1 was touched later than 3 and 4, 2 has changed"
    );
    operator.evict(usize::MAX).unwrap();
    assert_eq!(left(&operator), ["key-2"]);
    assert_eq!(operator.evict(usize::MAX).unwrap(), 0);
}

/// Wants no more than some bytes.
struct Bounded<R>(R, usize);

impl<R: StateReader> StateReader for Bounded<R> {
    fn next_chunk(&mut self) -> Result<Option<StateChunk>> {
        self.0.next_chunk()
    }
    fn blobs(&self, name: &str) -> Vec<&[u8]> {
        self.0.blobs(name)
    }
    fn key_groups(&self) -> std::ops::Range<u32> {
        self.0.key_groups()
    }
    fn is_enough(&self, bytes: usize) -> bool {
        bytes >= self.1
    }
}

#[test]
fn a_restore_takes_what_there_is_room_for_and_the_rest_when_it_is_needed() {
    let mut whole = operator(true);
    let mut state = MemoryState::new(16);
    let all: Vec<u8> = (0..200).collect();
    put_out(&mut whole, &all);
    state.checkpoint(&mut [&mut whole], false).unwrap();
    let mut restored = operator(true);
    let mut reader = Bounded(state.reader(0..16), 1);
    restored.restore(&mut reader).unwrap();
    assert!(restored.is_partial());
    assert!(restored.groups.keys.len() < 20);
    restored.fetch(Port::ONLY, &rows(&all), &mut state).unwrap();
    assert_eq!(put_out(&mut restored, &all), put_out(&mut whole, &all));
}
