//! What the state of a node that looks for patterns depends on, and what its rows are.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use super::Facet;
use super::digest::{Canon, Digest};
use super::expr::Columns;
use super::lineage::{self, Column, Lineage, Rows, bounded};
use crate::spec::{
    AfterMatch, AggregateFunction, MatchPart, MatchValue, PatternCondition, PatternSpec,
    TimeAttribute,
};

/// What the state depends on besides which rows come: rows are kept with the columns that conditions
/// and measures look at, and partial matches mean something only to this pattern.
pub(super) fn facets(spec: &PatternSpec, input: &Lineage) -> Vec<Facet> {
    let mut facets = Vec::new();
    for key in &spec.keys {
        let column = input.column(*key);
        facets.push(Facet::decisive("partition", column.text, column.digest));
    }
    let time = match spec.time {
        TimeAttribute::Event { column } => input.column(column).text,
        TimeAttribute::Processing => "processing time".to_owned(),
    };
    facets.push(Facet::decisive(
        "time",
        time,
        lineage::time(&spec.time, input),
    ));
    for key in &spec.order_by {
        let column = input.column(key.column);
        let order = if key.descending { "DESC" } else { "ASC" };
        let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
        let digest = Canon::new("order").part(column.digest).text(order);
        let text = format!("{} {order} NULLS {nulls}", column.text);
        facets.push(Facet::decisive(
            "sort key",
            text,
            digest.text(nulls).digest(),
        ));
    }
    let numbers: Vec<String> = (0..spec.variables.len()).map(|v| format!("v{v}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    facets.push(said("pattern", spec.pattern.shown(&numbers).to_string()));
    for (number, variable) in spec.variables.iter().enumerate() {
        let digest = condition(&variable.condition, input);
        let digest = Canon::new("condition")
            .text(&number.to_string())
            .part(digest);
        facets.push(Facet::decisive(
            "condition",
            variable.name.clone(),
            digest.digest(),
        ));
    }
    facets.push(said("after match", after_match(spec.after_match)));
    let within = spec
        .within_ms
        .map_or("none".to_owned(), |within| format!("{within} ms"));
    facets.push(said("within", within));
    for measure in &spec.measures {
        let name = measure.field.name().clone();
        facets.push(Facet::decisive("measure", name, value(measure, input)));
    }
    facets
}

/// The rows and columns such a node puts out.
pub(super) fn lineage(spec: &PatternSpec, input: &Lineage) -> Lineage {
    let base = Canon::new("pattern")
        .part(input.rows.digest())
        .parts(facets(spec, input).into_iter().map(|facet| facet.digest))
        .digest();
    let text = bounded(format!("matches in {}", input.rows.text));
    let keys = spec.keys.iter().map(|key| input.column(*key));
    let measures = spec.measures.iter().map(|measure| Column {
        digest: Canon::new("measure")
            .part(base)
            .part(value(measure, input))
            .digest(),
        text: measure.field.name().clone(),
    });
    Lineage {
        columns: keys.chain(measures).collect(),
        rows: Rows::of(base, text),
    }
}

fn condition(of: &PatternCondition, input: &Lineage) -> Digest {
    match of {
        PatternCondition::Always => Canon::new("always").digest(),
        PatternCondition::Column(column) => input.column(*column).digest,
        PatternCondition::Computed { gate, expr, values } => {
            let digests: Vec<Digest> = values.iter().map(|v| value(v, input)).collect();
            let fields = values.iter().map(|value| Arc::clone(&value.field));
            let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            Canon::new("computed")
                .parts(gate.iter().map(|column| input.column(*column).digest))
                .part(Columns::new(&schema, &digests).digest(expr))
                .digest()
        }
    }
}

fn value(of: &MatchValue, input: &Lineage) -> Digest {
    let variable = |of: &Option<usize>| of.map_or("any".to_owned(), |of| of.to_string());
    match &of.what {
        MatchPart::Row {
            variable: of,
            from_end,
            offset,
            column,
        } => Canon::new("match-row")
            .text(&variable(of))
            .text(if *from_end { "last" } else { "first" })
            .text(&offset.to_string())
            .part(input.column(*column).digest)
            .digest(),
        MatchPart::Aggregate {
            variable: of,
            function,
            args,
        } => Canon::new("match-aggregate")
            .text(&variable(of))
            .text(function.name())
            .text(separator(function))
            .parts(args.iter().map(|arg| input.column(*arg).digest))
            .digest(),
        MatchPart::Time => Canon::new("match-time").digest(),
        MatchPart::Classifier => Canon::new("match-classifier").digest(),
    }
}

/// LISTAGG keeps texts that are joined already.
fn separator(function: &AggregateFunction) -> &str {
    match function {
        AggregateFunction::ListAgg { separator } => separator,
        _ => "",
    }
}

fn after_match(of: AfterMatch) -> String {
    match of {
        AfterMatch::PastLastRow => "past last row".into(),
        AfterMatch::ToNextRow => "to next row".into(),
        AfterMatch::ToFirst(variable) => format!("to first v{variable}"),
        AfterMatch::ToLast(variable) => format!("to last v{variable}"),
    }
}

fn said(word: &str, text: String) -> Facet {
    let digest = Canon::new(word).text(&text).digest();
    Facet::decisive(word, text, digest)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};
    use datafusion_expr::{col, lit};

    use super::*;
    use crate::spec::{Pattern, PatternVariable};

    fn input() -> Lineage {
        let column = |name: &str| Column {
            digest: Canon::new("column").text(name).digest(),
            text: name.into(),
        };
        Lineage {
            rows: Rows::of(Canon::new("rows").digest(), "t".into()),
            columns: ["ts", "price", "symbol"].map(column).into(),
        }
    }

    fn spec() -> PatternSpec {
        let last = |column| MatchValue {
            what: MatchPart::Row {
                variable: Some(0),
                from_end: true,
                offset: 0,
                column,
            },
            field: Arc::new(Field::new("x", DataType::Int64, true)),
        };
        PatternSpec {
            time: TimeAttribute::Event { column: 0 },
            keys: vec![2],
            order_by: vec![],
            variables: vec![PatternVariable {
                name: "A".into(),
                condition: PatternCondition::Computed {
                    gate: None,
                    expr: col("x").lt(lit(3i64)),
                    values: vec![last(1)],
                },
            }],
            pattern: Pattern::Variable(0),
            after_match: AfterMatch::PastLastRow,
            within_ms: None,
            measures: vec![last(1)],
            late_columns: vec![],
        }
    }

    fn digest(spec: &PatternSpec) -> Digest {
        lineage(spec, &input()).rows.digest()
    }

    #[test]
    fn whatever_partial_matches_depend_on_is_part_of_the_fingerprint_and_names_are_not() {
        let mut renamed = spec();
        renamed.variables[0].name = "Z".into();
        assert_eq!(digest(&spec()), digest(&renamed));
        let changes: [&dyn Fn(&mut PatternSpec); 7] = [
            &|spec| spec.keys.clear(),
            &|spec| spec.time = TimeAttribute::Processing,
            &|spec| spec.within_ms = Some(1),
            &|spec| spec.after_match = AfterMatch::ToNextRow,
            &|spec| spec.pattern = Pattern::Concat(vec![Pattern::Variable(0); 2]),
            &|spec| spec.variables[0].condition = PatternCondition::Always,
            &|spec| spec.measures[0].what = MatchPart::Classifier,
        ];
        let mut seen = vec![digest(&spec())];
        for change in changes {
            let mut changed = spec();
            change(&mut changed);
            let digest = digest(&changed);
            assert!(!seen.contains(&digest));
            seen.push(digest);
        }
    }
}
