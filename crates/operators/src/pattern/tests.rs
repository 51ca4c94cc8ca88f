//! long: patterns by script, one story after another, and against a search that tries every way.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, TimeUnit};
use datafusion_common::Column;
use datafusion_expr::{Expr, lit};
use expect_test::{Expect, expect};
use millstream_plan::{
    AfterMatch, AggregateFunction, MatchPart, MatchValue, Pattern, PatternCondition,
    PatternVariable,
};
use millstream_sim::Script;

use super::*;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// `name STRING, value INT, ts TIMESTAMP(3)`.
fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Millisecond, None);
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("value", DataType::Int32, true),
        Field::new("ts", time, true),
    ]))
}

fn field(name: &str, ty: DataType) -> FieldRef {
    Arc::new(Field::new(name, ty, true))
}

/// `LAST(variable.value, offset)` or FIRST.
fn value(name: &str, variable: Option<usize>, from_end: bool, offset: usize) -> MatchValue {
    MatchValue {
        what: MatchPart::Row {
            variable,
            from_end,
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

fn of(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn computed(expr: Expr, values: Vec<MatchValue>) -> PatternCondition {
    PatternCondition::Computed {
        gate: None,
        expr,
        values,
    }
}

/// The value is greater than that of the row of this variable before.
fn rises(variable: usize) -> PatternCondition {
    let expr = of("b").is_null().or(of("a").gt(of("b")));
    let values = vec![
        value("a", Some(variable), true, 0),
        value("b", Some(variable), true, 1),
    ];
    computed(expr, values)
}

/// The value is less than that of the last row of another variable.
fn less_than(other: usize, own: usize) -> PatternCondition {
    let values = vec![
        value("a", Some(own), true, 0),
        value("b", Some(other), true, 0),
    ];
    computed(of("a").lt(of("b")), values)
}

/// The value itself is between two.
fn between(own: usize, from: i32, to: i32) -> PatternCondition {
    let expr = of("a").gt_eq(lit(from)).and(of("a").lt_eq(lit(to)));
    computed(expr, vec![value("a", Some(own), true, 0)])
}

fn repeat(variable: usize, min: u32, max: Option<u32>, greedy: bool) -> Pattern {
    Pattern::Repeat {
        inner: Box::new(Pattern::Variable(variable)),
        min,
        max,
        greedy,
    }
}

fn concat(parts: impl IntoIterator<Item = Pattern>) -> Pattern {
    Pattern::Concat(parts.into_iter().collect())
}

fn spec(pattern: Pattern, conditions: Vec<PatternCondition>) -> PatternSpec {
    let variables = conditions.into_iter().zip(["A", "B", "C", "D"]);
    let variables = variables.map(|(condition, name)| PatternVariable {
        name: name.into(),
        condition,
    });
    let time = MatchValue {
        what: MatchPart::Time,
        field: field("at", schema().field(2).data_type().clone()),
    };
    PatternSpec {
        time: TimeAttribute::Event { column: 2 },
        keys: vec![0],
        order_by: vec![],
        variables: variables.collect(),
        pattern,
        after_match: AfterMatch::PastLastRow,
        within_ms: None,
        measures: vec![
            value("first", None, false, 0),
            value("last", None, true, 0),
            time,
        ],
        late_columns: vec![],
    }
}

fn made(spec: &PatternSpec) -> MatchRecognize {
    let input = schema();
    let keys = spec.keys.iter().map(|key| input.field(*key).clone());
    let values = spec
        .measures
        .iter()
        .map(|value| value.field.as_ref().clone());
    let output = Arc::new(Schema::new(keys.chain(values).collect::<Vec<_>>()));
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    MatchRecognize::new(spec, &input, &output, &context).unwrap()
}

fn run(spec: &PatternSpec, batch_rows: usize, script: &str) -> String {
    let mut operator = made(spec);
    Script::new(schema())
        .batch_rows(batch_rows)
        .run(&mut operator, script)
}

fn check(spec: &PatternSpec, script: &str, wanted: &Expect) {
    for batch_rows in [1, 3, 100] {
        wanted.assert_eq(&run(spec, batch_rows, script));
    }
}

/// A+ B: rising, then less.
fn peak() -> PatternSpec {
    spec(
        concat([repeat(A, 1, None, true), Pattern::Variable(B)]),
        vec![rises(A), less_than(A, B)],
    )
}

#[test]
fn rows_have_their_turn_in_the_order_of_time_when_the_watermark_reaches_them() {
    check(
        &peak(),
        "
        row ann 3 30ms
        row ann 1 10ms
        row bob 5 10ms
        row ann 2 20ms
        row ann 1 40ms
        mark 39ms
        row ann 9 39ms
        row bob 4 41ms
        mark 40ms
        end
        ",
        &expect![[r#"
            mark 39ms
            late ann 9 39ms
            +I ann 1 1 40ms
            mark 40ms
            +I bob 5 4 41ms
            mark end
        "#]],
    );
}

#[test]
fn a_late_row_is_reported_with_the_columns_people_know() {
    let spec = PatternSpec {
        late_columns: vec![2, 0],
        ..peak()
    };
    check(
        &spec,
        "
        mark 39ms
        row ann 9 39ms
        end
        ",
        &expect![[r#"
            mark 39ms
            late 39ms ann
            mark end
        "#]],
    );
}

#[test]
fn rows_of_one_time_are_in_the_order_of_further_columns_then_of_arrival() {
    let mut ordered = spec(
        concat([Pattern::Variable(A), Pattern::Variable(B)]),
        vec![PatternCondition::Always, PatternCondition::Always],
    );
    let script = "
        row ann 3 10ms
        row ann 1 10ms
        row ann null 10ms
        row ann 2 10ms
        end
    ";
    check(
        &ordered,
        script,
        &expect![[r#"
            +I ann 3 1 10ms
            +I ann null 2 10ms
            mark end
        "#]],
    );
    ordered.order_by = vec![SortKey {
        column: 1,
        descending: true,
        nulls_first: false,
    }];
    check(
        &ordered,
        script,
        &expect![[r#"
            +I ann 3 2 10ms
            +I ann 1 null 10ms
            mark end
        "#]],
    );
}

#[test]
fn where_the_search_goes_on_says_how_many_matches_a_row_is_part_of() {
    let script = "
        row ann 1 1ms
        row ann 2 2ms
        row ann 3 3ms
        row ann 2 4ms
        row ann 4 5ms
        row ann 1 6ms
        end
    ";
    let with = |after_match| PatternSpec {
        after_match,
        ..peak()
    };
    check(
        &with(AfterMatch::PastLastRow),
        script,
        &expect![[r#"
            +I ann 1 2 4ms
            +I ann 4 1 6ms
            mark end
        "#]],
    );
    check(
        &with(AfterMatch::ToNextRow),
        script,
        &expect![[r#"
            +I ann 1 2 4ms
            +I ann 2 2 4ms
            +I ann 3 2 4ms
            +I ann 2 1 6ms
            +I ann 4 1 6ms
            mark end
        "#]],
    );
    check(
        &with(AfterMatch::ToLast(A)),
        script,
        &expect![[r#"
            error MS2004 AFTER MATCH SKIP TO LAST goes to the first row of the match, which would be found again for ever
        "#]],
    );
    check(
        &with(AfterMatch::ToFirst(B)),
        script,
        &expect![[r#"
            +I ann 1 2 4ms
            +I ann 2 1 6ms
            mark end
        "#]],
    );
}

#[test]
fn a_variable_that_is_skipped_to_must_be_there() {
    let pattern = concat([
        Pattern::Variable(A),
        repeat(B, 0, Some(1), false),
        Pattern::Variable(C),
    ]);
    let conditions = vec![between(A, 1, 1), between(B, 2, 2), between(C, 3, 3)];
    let spec = PatternSpec {
        after_match: AfterMatch::ToLast(B),
        ..spec(pattern, conditions)
    };
    check(
        &spec,
        "
        row ann 1 1ms
        row ann 2 2ms
        row ann 3 3ms
        row ann 1 4ms
        row ann 3 5ms
        end
        ",
        &expect![[r#"
            error MS2004 AFTER MATCH SKIP TO LAST names a variable that no row of the match is mapped to
        "#]],
    );
}

#[test]
fn a_match_is_shorter_than_within_and_time_alone_gives_it_up() {
    let spec = PatternSpec {
        within_ms: Some(10),
        ..peak()
    };
    let script = "
        row ann 1 1ms
        row ann 2 5ms
        row ann 1 11ms
        row bob 1 1ms
        row bob 0 10ms
        mark 12ms
        end
    ";
    // Ann's first row is too old for the third one; her second one is not.
    check(
        &spec,
        script,
        &expect![[r#"
            +I bob 1 0 10ms
            +I ann 2 1 11ms
            mark 12ms
            mark end
        "#]],
    );
}

#[test]
fn what_waits_for_an_earlier_match_is_found_when_that_took_too_long() {
    // A B+? C beside B C: the later one is complete first.
    let pattern = Pattern::Choice(vec![
        concat([
            Pattern::Variable(A),
            repeat(B, 1, None, true),
            Pattern::Variable(C),
        ]),
        concat([Pattern::Variable(3), Pattern::Variable(4)]),
    ]);
    let mut spec = spec(
        pattern,
        vec![
            between(A, 1, 1),
            between(B, 2, 5),
            between(C, 9, 9),
            between(3, 3, 3),
        ],
    );
    spec.variables.push(PatternVariable {
        name: "E".into(),
        condition: between(4, 4, 4),
    });
    spec.within_ms = Some(10);
    check(
        &spec,
        "
        row ann 1 1ms
        row ann 3 2ms
        row ann 4 3ms
        mark 10ms
        mark 11ms
        end
        ",
        &expect![[r#"
            mark 10ms
            +I ann 3 4 11ms
            mark 11ms
            mark end
        "#]],
    );
    check(
        &spec,
        "
        row ann 1 1ms
        row ann 3 2ms
        row ann 4 3ms
        row ann 9 4ms
        row ann 5 5ms
        end
        ",
        &expect![[r#"
            +I ann 1 9 4ms
            mark end
        "#]],
    );
}

#[test]
fn aggregates_are_those_of_the_rows_so_far() {
    let condition = computed(of("s").lt(lit(10)), vec![sum("s", Some(A))]);
    let mut spec = spec(
        concat([repeat(A, 1, None, true), Pattern::Variable(B)]),
        vec![condition, PatternCondition::Always],
    );
    let count = MatchValue {
        what: MatchPart::Aggregate {
            variable: None,
            function: AggregateFunction::Count,
            args: vec![],
        },
        field: field("n", DataType::Int64),
    };
    spec.measures = vec![sum("sum of A", Some(A)), sum("sum", None), count];
    check(
        &spec,
        "
        row ann 4 1ms
        row ann null 2ms
        row ann 5 3ms
        row ann 1 4ms
        row bob 7 4ms
        row ann 12 5ms
        row ann 3 6ms
        row bob 9 6ms
        row ann 8 7ms
        end
        ",
        &expect![[r#"
            +I bob 7 16 2
            +I ann 9 10 4
            +I ann 3 11 2
            mark end
        "#]],
    );
}

#[test]
fn with_processing_time_rows_have_their_turn_at_once_or_when_the_millisecond_is_over() {
    let mut at_once = spec(
        concat([Pattern::Variable(A), Pattern::Variable(B)]),
        vec![PatternCondition::Always, less_than(A, B)],
    );
    at_once.time = TimeAttribute::Processing;
    at_once.measures.truncate(2);
    let script = "
        row ann 1 0ms
        row ann 3 0ms
        row ann 2 0ms
        time 5ms
        row ann 9 0ms
        row ann 1 0ms
        end
    ";
    check(
        &at_once,
        script,
        &expect![[r#"
            +I ann 3 2
            +I ann 9 1
            mark end
        "#]],
    );
    at_once.order_by = vec![SortKey {
        column: 1,
        descending: true,
        nulls_first: false,
    }];
    check(
        &at_once,
        script,
        &expect![[r#"
            +I ann 3 2
            +I ann 9 1
            mark end
        "#]],
    );
}

#[test]
fn a_key_without_matches_and_rows_is_forgotten() {
    let mut operator = made(&peak());
    let script = Script::new(schema());
    script.run(
        &mut operator,
        "
        row ann 1 1ms
        row bob 1 1ms
        row bob 0 2ms
        mark 3ms
        row cid 1 2ms
        ",
    );
    assert_eq!(operator.keys.len(), 1);
    assert_eq!(operator.store.rows.slots(operator.keys.ids()[0]).count(), 1);
}

#[test]
fn an_update_is_refused_as_a_mistake_of_the_plan() {
    check(
        &peak(),
        "-U ann 1 1ms",
        &expect![[r#"
            error MS9001 MATCH_RECOGNIZE was planned for insertions and met another change
        "#]],
    );
}

/// A random number generator whose seed says everything.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A condition as the oracle understands it.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Always,
    Between(i32, i32),
    Rises,
    LessThanFirst,
    SumBelow(i32),
}

impl Rule {
    fn condition(self, own: usize) -> PatternCondition {
        match self {
            Rule::Always => PatternCondition::Always,
            Rule::Between(from, to) => between(own, from, to),
            Rule::Rises => rises(own),
            Rule::LessThanFirst => computed(
                of("a").lt_eq(of("b")),
                vec![value("a", Some(own), true, 0), value("b", None, false, 0)],
            ),
            Rule::SumBelow(most) => computed(of("s").lt(lit(most)), vec![sum("s", None)]),
        }
    }

    /// True if a row with `value` may be mapped to `own` behind these.
    fn holds(self, own: usize, mapped: &[(usize, i32)], value: i32) -> bool {
        match self {
            Rule::Always => true,
            Rule::Between(from, to) => (from..=to).contains(&value),
            Rule::Rises => {
                let last = mapped.iter().rev().find(|(of, _)| *of == own);
                last.is_none_or(|(_, last)| value > *last)
            }
            Rule::LessThanFirst => value <= mapped.first().map_or(value, |(_, first)| *first),
            Rule::SumBelow(most) => mapped.iter().map(|(_, v)| v).sum::<i32>() + value < most,
        }
    }
}

/// One part of a pattern: its rule, how often, whether greedily.
#[derive(Clone, Copy, Debug)]
struct Element {
    rule: Rule,
    min: u32,
    max: Option<u32>,
    greedy: bool,
}

/// Every way through the pattern, row by row.
struct Oracle<'a> {
    elements: &'a [Element],
    rows: &'a [(i32, i64)],
    within: Option<i64>,
}

/// What became of the matches that begin with a row.
#[derive(Default)]
struct Ways {
    /// The last rows of complete ones.
    ends: Vec<usize>,
    /// The last row that one took and was not complete.
    alive: Option<usize>,
    /// One has come to the end of the input and is not complete.
    is_open: bool,
}

impl Oracle<'_> {
    fn of(&self, start: usize) -> Ways {
        let mut ways = Ways::default();
        self.go(start, start, (0, 0), &mut Vec::new(), &mut ways);
        ways.ends.sort_unstable();
        ways
    }

    fn go(
        &self,
        start: usize,
        at: usize,
        (element, times): (usize, u32),
        mapped: &mut Vec<(usize, i32)>,
        ways: &mut Ways,
    ) {
        let Some(of) = self.elements.get(element) else {
            return;
        };
        let Some(&(value, time)) = self.rows.get(at) else {
            // WITHIN ends it when the input is over: time has come to its end then.
            ways.is_open |= self.within.is_none() && at > start;
            return;
        };
        if self
            .within
            .is_some_and(|within| time - self.rows[start].1 >= within)
        {
            return;
        }
        let may_take = of.max.is_none_or(|max| times < max);
        let takes = may_take && of.rule.holds(element, mapped, value);
        if takes {
            let is_last = element + 1 == self.elements.len();
            let is_complete = is_last && times + 1 >= of.min;
            if is_complete {
                ways.ends.push(at);
            }
            if !is_complete || of.max.is_none() {
                ways.alive = ways.alive.max(Some(at));
            }
            mapped.push((element, value));
            self.go(start, at + 1, (element, times + 1), mapped, ways);
            mapped.pop();
        }
        if times >= of.min && !(of.greedy && takes) {
            self.go(start, at, (element + 1, 0), mapped, ways);
        }
    }

    /// Checks matches in the order they were found, given by the times of their first and last row.
    fn check(&self, after: AfterMatch, found: &[(i64, i64)]) -> Result<(), String> {
        let mut found = found.iter();
        let mut start = 0;
        let mut alive = None;
        while start < self.rows.len() {
            let ways = self.of(start);
            let Some(&earliest) = ways.ends.first() else {
                if ways.is_open {
                    // Whatever begins later has to wait for it, for ever.
                    break;
                }
                alive = alive.max(ways.alive);
                start += 1;
                continue;
            };
            let Some(&(first, last)) = found.next() else {
                return Err(format!("no match begins at {} ms", self.rows[start].1));
            };
            // Of several that wait for an earlier match any may be taken.
            let waits = alive >= Some(earliest);
            let mut ends = ways.ends.iter().take(if waits { usize::MAX } else { 1 });
            let end = ends.find(|end| self.rows[**end].1 == last);
            let Some(end) = end.filter(|_| self.rows[start].1 == first) else {
                return Err(format!("{first}..{last} ms instead of {:?}", ways.ends));
            };
            alive = alive.max(earliest.checked_sub(1));
            start = match after {
                AfterMatch::PastLastRow => *end + 1,
                _ => start + 1,
            };
        }
        match found.next() {
            Some(more) => Err(format!("{more:?} too many")),
            None => Ok(()),
        }
    }
}

fn elements(random: &mut Random) -> Vec<Element> {
    let count = 1 + random.below(4) as usize;
    let rule = |random: &mut Random| match random.below(6) {
        0 => Rule::Always,
        1 | 2 => {
            let from = random.below(5) as i32;
            Rule::Between(from, from + random.below(3) as i32)
        }
        3 => Rule::Rises,
        4 => Rule::LessThanFirst,
        _ => Rule::SumBelow(6 + random.below(10) as i32),
    };
    let mut elements: Vec<Element> = (0..count)
        .map(|_| {
            let (min, max) = [
                (1, Some(1)),
                (0, None),
                (1, None),
                (0, Some(1)),
                (2, Some(2)),
                (1, Some(3)),
                (2, None),
                (0, Some(2)),
            ][random.below(8) as usize];
            let is_fixed = max == Some(min) || (min, max) == (0, Some(1));
            Element {
                rule: rule(random),
                min,
                max,
                greedy: !is_fixed && random.below(2) == 0,
            }
        })
        .collect();
    // Something has to be there, and the end has to be known.
    let last = elements.last_mut().expect("there is one at least");
    (last.min, last.max, last.greedy) = match random.below(3) {
        0 => (2, Some(2), false),
        1 => (1, None, false),
        _ => (1, Some(1), false),
    };
    elements
}

#[test]
fn matches_are_those_of_a_search_that_tries_every_way() {
    for seed in 0..1500 {
        let mut random = Random(seed);
        let elements = elements(&mut random);
        let after = [AfterMatch::PastLastRow, AfterMatch::ToNextRow][random.below(2) as usize];
        let within = (random.below(2) == 0).then(|| 1 + random.below(30) as i64);
        let parts = elements.iter().enumerate();
        let parts = parts.map(|(own, of)| repeat(own, of.min, of.max, of.greedy));
        let conditions = elements.iter().enumerate();
        let conditions = conditions.map(|(own, of)| of.rule.condition(own)).collect();
        let mut spec = spec(concat(parts), conditions);
        let time = |from_end| MatchValue {
            what: MatchPart::Row {
                variable: None,
                from_end,
                offset: 0,
                column: 2,
            },
            field: field("t", schema().field(2).data_type().clone()),
        };
        spec.measures = vec![time(false), time(true)];
        spec.after_match = after;
        spec.within_ms = within;
        // Two keys whose rows come in any order, before the watermark.
        let mut keys: [Vec<(i32, i64)>; 2] = Default::default();
        let mut lines: Vec<(i64, String)> = Vec::new();
        for (key, rows) in keys.iter_mut().enumerate() {
            let mut time = 0;
            for _ in 0..random.below(40) {
                time += 1 + random.below(6) as i64;
                let value = random.below(6) as i32;
                rows.push((value, time));
                let early = random.below(12) as i64;
                lines.push((time - early, format!("row k{key} {value} {time}ms")));
            }
        }
        lines.sort();
        let mut script = String::new();
        for (arrival, line) in lines {
            script.push_str(&format!("{line}\n"));
            if random.below(5) == 0 {
                script.push_str(&format!("mark {}ms\n", arrival - 1));
            }
        }
        script.push_str("end");
        let out = run(&spec, 1 + random.below(5) as usize, &script);
        for (key, rows) in keys.iter().enumerate() {
            let begin = format!("+I k{key} ");
            let found = out.lines().filter_map(|line| {
                let (first, last) = line.strip_prefix(&begin)?.split_once(' ')?;
                let ms = |text: &str| text.trim_end_matches("ms").parse::<i64>().unwrap();
                Some((ms(first), ms(last)))
            });
            let found: Vec<(i64, i64)> = found.collect();
            let oracle = Oracle {
                elements: &elements,
                rows,
                within,
            };
            if let Err(wrong) = oracle.check(after, &found) {
                panic!(
                    "seed {seed}, k{key}: {wrong}\n{elements:?} {after:?} within {within:?}\n{rows:?}\n{out}"
                );
            }
        }
    }
}
