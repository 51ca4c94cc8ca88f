//! Patterns: random crashes, restores by other numbers of subtasks, same matches.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion_common::Column;
use datafusion_expr::{Expr, lit};
use millstream_core::operator::Operator;
use millstream_plan::{
    AfterMatch, AggregateFunction, MatchPart, MatchValue, NodeKind, Pattern, PatternCondition,
    PatternSpec, PatternVariable, SortKey, TimeAttribute,
};
use millstream_sim::Site;
use proptest::prelude::*;

use crate::recovery::{maker, recovers, script};
use crate::support::{input, time};

fn value(name: &str, variable: Option<usize>, offset: usize) -> MatchValue {
    MatchValue {
        what: MatchPart::Row {
            variable,
            from_end: true,
            offset,
            column: 1,
        },
        field: field(name, DataType::Int32),
    }
}

fn sum(name: &str, variable: Option<usize>) -> MatchValue {
    MatchValue {
        what: MatchPart::Aggregate {
            variable,
            function: AggregateFunction::Sum,
            args: vec![1],
        },
        field: field(name, DataType::Int32),
    }
}

fn field(name: &str, ty: DataType) -> FieldRef {
    Arc::new(Field::new(name, ty, true))
}

fn of(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// A: rising. B: the sum of all values is small. C: less than the last A.
fn conditions() -> Vec<PatternCondition> {
    let computed = |expr, values| PatternCondition::Computed {
        gate: None,
        expr,
        values,
    };
    let before =
        |own, other, offset| vec![value("a", Some(own), 0), value("b", Some(other), offset)];
    vec![
        computed(
            of("b").is_null().or(of("a").gt_eq(of("b"))),
            before(0, 0, 1),
        ),
        computed(
            of("s").lt(lit(25)).or(of("s").is_null()),
            vec![sum("s", None)],
        ),
        computed(of("a").lt(of("b")), before(2, 0, 0)),
    ]
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let times = || {
        prop_oneof![
            Just((1, Some(1))),
            Just((0, None)),
            Just((1, None)),
            Just((0, Some(1))),
            Just((2, Some(3)))
        ]
    };
    (times(), any::<bool>(), times(), any::<bool>()).prop_map(|(a, a_greedy, b, b_greedy)| {
        let repeat = |variable, (min, max): (u32, Option<u32>), greedy: bool| Pattern::Repeat {
            inner: Box::new(Pattern::Variable(variable)),
            min,
            max,
            greedy: greedy && max != Some(min) && max != Some(1),
        };
        Pattern::Concat(vec![
            repeat(0, a, a_greedy),
            repeat(1, b, b_greedy),
            Pattern::Variable(2),
        ])
    })
}

fn searching(spec: PatternSpec) -> impl Fn(Site) -> Box<dyn Operator> {
    let input = input(false, false);
    let keys = spec.keys.iter().map(|key| input.field(*key).clone());
    let values = spec
        .measures
        .iter()
        .map(|value| value.field.as_ref().clone());
    let output = Schema::new(keys.chain(values).collect::<Vec<_>>());
    maker(NodeKind::Pattern(Box::new(spec)), input, Arc::new(output))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_for_a_pattern_recovers(
        pattern in patterns(),
        script in script(),
        within in prop::option::of(1i64..60),
        past_last: bool,
        ordered: bool,
        seed: u64,
        batch in 1usize..9,
    ) {
        let names = ["A", "B", "C"].into_iter().zip(conditions());
        let at = MatchValue { what: MatchPart::Time, field: field("at", time(false)) };
        let order = SortKey { column: 1, descending: true, nulls_first: false };
        let spec = PatternSpec {
            time: TimeAttribute::Event { column: 2 },
            keys: vec![0],
            order_by: ordered.then_some(order).into_iter().collect(),
            variables: names
                .map(|(name, condition)| PatternVariable { name: name.into(), condition })
                .collect(),
            pattern,
            after_match: if past_last { AfterMatch::PastLastRow } else { AfterMatch::ToNextRow },
            within_ms: within,
            measures: vec![value("last", None, 0), sum("sum of A", Some(0)), sum("sum", None), at],
            late_columns: vec![],
        };
        recovers(&searching(spec), &script, seed, batch);
    }
}
