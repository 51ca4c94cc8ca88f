//! What the state of nodes that order rows depends on, and what their rows are.

use super::Facet;
use super::digest::{Canon, Digest};
use super::lineage::{self, Column, Lineage, Rows};
use crate::spec::{NodeKind, OverFunction, OverOrder, OverSpec, RankSpec, SortKey};

/// What the state of such a node depends on besides its input.
pub(super) fn facets(kind: &NodeKind, input: &Lineage) -> Vec<Facet> {
    match kind {
        NodeKind::Rank(spec) => rank(spec, input),
        NodeKind::Deduplicate(spec) => {
            let mut facets = columns("key", &spec.keys, input);
            let text = match &spec.time {
                crate::spec::TimeAttribute::Event { column } => input.column(*column).text,
                crate::spec::TimeAttribute::Processing => "processing time".to_owned(),
            };
            let digest = lineage::time(&spec.time, input);
            facets.push(Facet::decisive("time", text, digest));
            facets
        }
        NodeKind::Over(spec) => over(spec, input),
        NodeKind::TimeSort(spec) => order(&spec.keys, input).collect(),
        _ => Vec::new(),
    }
}

/// True if a node with this state must have seen every row of its input.
pub(super) fn takes_back(kind: &NodeKind) -> bool {
    match kind {
        NodeKind::Rank(spec) => spec.input_updates,
        NodeKind::Over(spec) => spec.input_updates,
        _ => false,
    }
}

/// The rows and columns such a node puts out: `added` are the names of columns behind the input's.
pub(super) fn lineage(
    kind: &NodeKind,
    word: &str,
    input: Lineage,
    added: impl Iterator<Item = String>,
) -> Lineage {
    let base = Canon::new(word)
        .part(input.rows.digest())
        .parts(facets(kind, &input).into_iter().map(|facet| facet.digest))
        .digest();
    let text = format!("{word} of {}", input.rows.text);
    let mut columns = input.columns;
    columns.extend(added.enumerate().map(|(index, text)| {
        Column {
            digest: Canon::new("added")
                .part(base)
                .text(&index.to_string())
                .digest(),
            text,
        }
    }));
    Lineage {
        rows: Rows::of(base, text),
        columns,
    }
}

fn rank(spec: &RankSpec, input: &Lineage) -> Vec<Facet> {
    let mut facets = columns("partition", &spec.partition_by, input);
    facets.extend(order(&spec.order_by, input));
    let ties = if spec.newest_first {
        "newest"
    } else {
        "oldest"
    };
    facets.push(said("ties", ties.to_owned()));
    let updates = if spec.input_updates {
        "updates"
    } else {
        "insertions only"
    };
    facets.push(said("changes of its input", updates.to_owned()));
    if let Some(window) = &spec.window {
        let end = input.column(window.column);
        facets.push(Facet::decisive("window", end.text, end.digest));
        let zone = window.zone.as_deref().unwrap_or("UTC");
        facets.push(said("zone", zone.to_owned()));
    }
    facets.push(said("range", format!("{} to {}", spec.first, spec.last)));
    facets
}

fn over(spec: &OverSpec, input: &Lineage) -> Vec<Facet> {
    let mut facets = columns("partition", &spec.partition_by, input);
    match &spec.order {
        OverOrder::Columns(keys) => facets.extend(order(keys, input)),
        OverOrder::Time(time) => {
            let digest = lineage::time(time, input);
            facets.push(Facet::decisive("time", "time".to_owned(), digest));
        }
    }
    facets.push(said("frame", format!("{:?}", spec.frame)));
    for call in &spec.calls {
        facets.push(match &call.function {
            OverFunction::Aggregate(call) => {
                let text = lineage::call_text(call, input);
                Facet::decisive("aggregate", text, lineage::call(call, input))
            }
            OverFunction::Lag { column, default } => {
                let positions = [Some(*column), *default];
                let read = positions
                    .iter()
                    .flatten()
                    .map(|at| input.column(*at).digest);
                let digest = Canon::new("lag").parts(read).digest();
                Facet::decisive("lag", input.column(*column).text, digest)
            }
            other => said("number", other.name().to_owned()),
        });
    }
    facets
}

fn columns(word: &str, positions: &[usize], input: &Lineage) -> Vec<Facet> {
    let columns = positions.iter().map(|position| input.column(*position));
    columns
        .map(|column| Facet::decisive(word, column.text, column.digest))
        .collect()
}

fn order<'a>(keys: &'a [SortKey], input: &'a Lineage) -> impl Iterator<Item = Facet> + 'a {
    keys.iter().map(|key| {
        let column = input.column(key.column);
        let order = if key.descending { "DESC" } else { "ASC" };
        let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
        let digest: Digest = Canon::new("order")
            .part(column.digest)
            .text(order)
            .text(nulls)
            .digest();
        let text = format!("{} {order} NULLS {nulls}", column.text);
        Facet::decisive("sort key", text, digest)
    })
}

fn said(word: &str, text: String) -> Facet {
    let digest = Canon::new(word).text(&text).digest();
    Facet::decisive(word, text, digest)
}
