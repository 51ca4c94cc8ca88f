//! What EXPLAIN says of a node that looks for patterns.

use super::details::{Line, duration, keys, listed};
use super::expr::text;
use crate::spec::{
    AfterMatch, MatchPart, MatchValue, PatternCondition, PatternSpec, SortKey, TimeAttribute,
};

/// Names of columns, by position.
type Columns<'a> = &'a dyn Fn(&[usize]) -> String;

/// What such a node does.
pub(super) fn lines(spec: &PatternSpec, columns: Columns<'_>) -> Vec<Line> {
    let variables = spec.variables.iter();
    let names: Vec<&str> = variables.map(|variable| variable.name.as_str()).collect();
    let mut lines = vec![
        ("keys", keys(&columns(&spec.keys))),
        ("order", order(spec, columns)),
        ("pattern", spec.pattern.shown(&names).to_string()),
    ];
    let conditions = spec.variables.iter().map(|variable| {
        let condition = condition(spec, &variable.condition, columns);
        format!("{} AS {condition}", variable.name)
    });
    lines.push(("define", listed(conditions)));
    lines.push(("after match", after_match(spec)));
    if let Some(within) = spec.within_ms {
        lines.push(("within", format!("less than {}", duration(within))));
    }
    let measures = spec.measures.iter();
    let measures = measures.map(|value| part(spec, value, columns));
    lines.push(("measures", listed(measures)));
    if spec.pattern.is_extended() {
        let words = "groups, alternatives and PERMUTE in a pattern, which Flink 2.3 refuses";
        lines.push(("extension", words.into()));
    }
    let mut values = spec.measures.iter();
    if values.any(|value| value.what == MatchPart::Classifier) {
        let words = "CLASSIFIER, which Flink 2.3 refuses";
        lines.push(("extension", words.into()));
    }
    lines
}

/// What such a node keeps, and what frees it.
pub(super) fn state(spec: &PatternSpec) -> String {
    let waiting = match spec.time {
        TimeAttribute::Event { .. } => "rows until the watermark passes them, and ",
        TimeAttribute::Processing => "",
    };
    match spec.within_ms {
        Some(within) => format!(
            "{waiting}the rows of matches that have begun; freed when they end or fail, after {} at \
             the latest",
            duration(within)
        ),
        None => format!(
            "{waiting}the rows of matches that have begun; freed when they end or fail. Without \
             WITHIN nothing bounds how long that takes"
        ),
    }
}

fn name_of(spec: &PatternSpec, variable: usize) -> &str {
    let variable = spec.variables.get(variable);
    variable.map_or("?", |variable| variable.name.as_str())
}

fn order(spec: &PatternSpec, columns: Columns<'_>) -> String {
    let time = match spec.time {
        TimeAttribute::Event { column } => columns(&[column]),
        TimeAttribute::Processing => "processing time".into(),
    };
    let more = spec.order_by.iter().map(|key: &SortKey| {
        let order = if key.descending { "DESC" } else { "ASC" };
        format!("{} {order}", columns(&[key.column]))
    });
    let all: Vec<String> = [time].into_iter().chain(more).collect();
    listed(all.into_iter())
}

fn condition(spec: &PatternSpec, of: &PatternCondition, columns: Columns<'_>) -> String {
    match of {
        PatternCondition::Always => "TRUE".into(),
        PatternCondition::Column(column) => columns(&[*column]),
        PatternCondition::Computed { gate, expr, values } => {
            let gate = gate.map_or(String::new(), |column| {
                format!("{} AND ", columns(&[column]))
            });
            let values = values.iter();
            let values = values.map(|value| {
                let part = part(spec, value, columns);
                format!("{} is {part}", value.field.name())
            });
            format!("{gate}{} where {}", text(expr), listed(values))
        }
    }
}

fn part(spec: &PatternSpec, value: &MatchValue, columns: Columns<'_>) -> String {
    let of = |variable: &Option<usize>| {
        variable.map_or(String::new(), |variable| {
            format!("{}.", name_of(spec, variable))
        })
    };
    match &value.what {
        MatchPart::Row {
            variable,
            from_end,
            offset,
            column,
        } => {
            let end = if *from_end { "LAST" } else { "FIRST" };
            let offset = match offset {
                0 => String::new(),
                offset => format!(", {offset}"),
            };
            format!("{end}({}{}{offset})", of(variable), columns(&[*column]))
        }
        MatchPart::Aggregate {
            variable,
            function,
            args,
        } => {
            let args = match args.as_slice() {
                [] => "*".into(),
                args => columns(args),
            };
            format!("{}({}{args})", function.name(), of(variable))
        }
        MatchPart::Time => "MATCH_ROWTIME()".into(),
        MatchPart::Classifier => "CLASSIFIER()".into(),
    }
}

fn after_match(spec: &PatternSpec) -> String {
    match spec.after_match {
        AfterMatch::PastLastRow => "behind its last row".into(),
        AfterMatch::ToNextRow => "at its second row".into(),
        AfterMatch::ToFirst(variable) => format!("at the first {}", name_of(spec, variable)),
        AfterMatch::ToLast(variable) => format!("at the last {}", name_of(spec, variable)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field};
    use datafusion_expr::col;
    use expect_test::expect;

    use super::*;
    use crate::spec::{AggregateFunction, Pattern, PatternVariable};

    fn value(name: &str, what: MatchPart) -> MatchValue {
        MatchValue {
            what,
            field: Arc::new(Field::new(name, DataType::Int64, true)),
        }
    }

    fn row(variable: usize, offset: usize) -> MatchPart {
        MatchPart::Row {
            variable: Some(variable),
            from_end: true,
            offset,
            column: 1,
        }
    }

    #[test]
    fn explain_says_what_is_looked_for_and_what_bounds_the_state() {
        let variable = |name: &str, condition| PatternVariable {
            name: name.into(),
            condition,
        };
        let falls = PatternCondition::Computed {
            gate: Some(2),
            expr: col("x").lt(col("y")),
            values: vec![value("x", row(1, 0)), value("y", row(1, 1))],
        };
        let any = Pattern::Choice(vec![Pattern::Variable(1), Pattern::Variable(2)]);
        let mut spec = PatternSpec {
            time: TimeAttribute::Event { column: 0 },
            keys: vec![3],
            order_by: vec![SortKey {
                column: 1,
                descending: true,
                nulls_first: false,
            }],
            variables: vec![
                variable("A", PatternCondition::Always),
                variable("B", falls),
                variable("C", PatternCondition::Column(2)),
            ],
            pattern: Pattern::Concat(vec![Pattern::Variable(0), any]),
            after_match: AfterMatch::ToLast(1),
            within_ms: Some(90_000),
            measures: vec![
                value("m", row(0, 0)),
                value(
                    "n",
                    MatchPart::Aggregate {
                        variable: None,
                        function: AggregateFunction::Count,
                        args: vec![],
                    },
                ),
                value("v", MatchPart::Classifier),
            ],
            late_columns: vec![],
        };
        let names = ["ts", "price", "is_low", "symbol"];
        let columns = |positions: &[usize]| {
            let names: Vec<&str> = positions.iter().map(|p| names[*p]).collect();
            names.join(", ")
        };
        let shown = |spec: &PatternSpec| {
            let mut lines = lines(spec, &columns);
            lines.push(("state", state(spec)));
            let lines = lines.iter().map(|(word, text)| format!("{word}: {text}\n"));
            lines.collect::<String>()
        };
        expect![[r#"
            keys: symbol
            order: ts, price DESC
            pattern: A (B | C)
            define: A AS TRUE, B AS is_low AND x < y where x is LAST(B.price), y is LAST(B.price, 1), C AS is_low
            after match: at the last B
            within: less than 90 s
            measures: LAST(A.price), COUNT(*), CLASSIFIER()
            extension: groups, alternatives and PERMUTE in a pattern, which Flink 2.3 refuses
            extension: CLASSIFIER, which Flink 2.3 refuses
            state: rows until the watermark passes them, and the rows of matches that have begun; freed when they end or fail, after 90 s at the latest
        "#]].assert_eq(&shown(&spec));
        spec.within_ms = None;
        assert!(shown(&spec).contains("Without WITHIN nothing bounds"));
    }
}
