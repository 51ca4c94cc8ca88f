//! What the state of each kind of node depends on.

use millstream_core::id::NodeId;

use super::digest::{Canon, Digest};
use super::lineage::{self, Lineage, Lineages, bounded};
use super::{Facet, Keeps, pattern, ranked, source};
use crate::explain;
use crate::graph::Node;
use crate::spec::{AggregateCall, JoinSpec, NodeKind, SinkTarget, TimeAttribute, Window};

/// What a node keeps.
pub(super) fn keeps(kind: &NodeKind) -> Keeps {
    match kind {
        NodeKind::Source(_) | NodeKind::Values(_) => Keeps::Positions,
        NodeKind::Watermark(_)
        | NodeKind::WindowAggregate(_)
        | NodeKind::GroupAggregate(_)
        | NodeKind::Join(_)
        | NodeKind::IntervalJoin(_)
        | NodeKind::WindowJoin(_)
        | NodeKind::TemporalJoin(_)
        | NodeKind::Upsert(_)
        | NodeKind::Rank(_)
        | NodeKind::Deduplicate(_)
        | NodeKind::Over(_)
        | NodeKind::TimeSort(_)
        | NodeKind::Pattern(_)
        | NodeKind::Sort(_)
        | NodeKind::Limit(_) => Keeps::State,
        NodeKind::Sink(_) => Keeps::Output,
        NodeKind::Calc(_) | NodeKind::WindowAssign(_) | NodeKind::Unnest(_) | NodeKind::Union => {
            Keeps::Nothing
        }
    }
}

/// The word a uid begins with.
pub(super) fn word(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Source(_) => "source",
        NodeKind::Values(_) => "values",
        NodeKind::Calc(_) => "calc",
        NodeKind::Watermark(_) => "watermark",
        NodeKind::WindowAssign(_) => "window",
        NodeKind::WindowAggregate(_) => "window-aggregate",
        NodeKind::GroupAggregate(_) => "group-aggregate",
        NodeKind::Join(_) => "join",
        NodeKind::IntervalJoin(_) => "interval-join",
        NodeKind::WindowJoin(_) => "window-join",
        NodeKind::TemporalJoin(_) => "temporal-join",
        NodeKind::Unnest(_) => "unnest",
        NodeKind::Upsert(_) => "upsert",
        NodeKind::Rank(_) => "rank",
        NodeKind::Deduplicate(_) => "deduplicate",
        NodeKind::Over(_) => "over",
        NodeKind::TimeSort(_) => "time-sort",
        NodeKind::Pattern(_) => "match-recognize",
        NodeKind::Union => "union",
        NodeKind::Sort(_) => "sort",
        NodeKind::Limit(_) => "limit",
        NodeKind::Sink(_) => "sink",
    }
}

/// What the state of a node depends on.
pub(super) fn facets(node: &Node, lineages: &Lineages<'_>) -> Vec<Facet> {
    let input = lineages.first_input(node);
    match &node.kind {
        NodeKind::Source(spec) => {
            let base = source::base(spec);
            let mut facets = place(base, &spec.connector, &spec.table);
            facets.extend(source::doubtful(&spec.table).map(|(key, value)| {
                let digest = Canon::new("option").text(key).text(value).digest();
                Facet::doubtful(&format!("option '{key}'"), format!("'{value}'"), digest)
            }));
            facets
        }
        NodeKind::Values(_) => {
            let rows = lineages.output(node.id).rows;
            vec![Facet::decisive("rows", rows.text.clone(), rows.digest())]
        }
        NodeKind::Calc(_) | NodeKind::WindowAssign(_) | NodeKind::Unnest(_) | NodeKind::Union => {
            output(node.id, lineages)
        }
        NodeKind::Watermark(spec) => {
            let column = input.column(spec.column);
            vec![Facet::decisive("event time", column.text, column.digest)]
        }
        NodeKind::WindowAggregate(spec) => {
            let zone = spec.zone.as_deref().unwrap_or("UTC");
            let mut facets = vec![
                Facet::decisive(
                    "window",
                    explain::window_text(&spec.window, &|column| input.column(column).text),
                    lineage::window(&spec.window, &input),
                ),
                time(&spec.time, &spec.window, &input),
                Facet::decisive("zone", zone.into(), Canon::new("zone").text(zone).digest()),
            ];
            facets.extend(groups(
                &spec.keys,
                &spec.aggregates,
                spec.input_updates,
                &input,
            ));
            facets
        }
        NodeKind::GroupAggregate(spec) => {
            groups(&spec.keys, &spec.aggregates, spec.input_updates, &input)
        }
        NodeKind::Join(spec) => join(node, spec, lineages),
        NodeKind::IntervalJoin(spec) => join(node, &spec.join, lineages),
        NodeKind::WindowJoin(spec) => join(node, &spec.join, lineages),
        NodeKind::TemporalJoin(spec) => join(node, &spec.join, lineages),
        NodeKind::Upsert(spec) => {
            let mut facets: Vec<Facet> = columns(&input).collect();
            facets.extend(spec.key.iter().map(|key| {
                let column = input.column(*key);
                Facet::decisive("primary key", column.text, column.digest)
            }));
            let word = format!("{:?}", spec.on_conflict);
            let digest = Canon::new("conflict").text(&word).digest();
            facets.push(Facet::decisive("on conflict", word, digest));
            facets.push(rows(&input, true));
            facets
        }
        NodeKind::Rank(_)
        | NodeKind::Deduplicate(_)
        | NodeKind::Over(_)
        | NodeKind::TimeSort(_) => {
            let mut facets = ranked::facets(&node.kind, &input);
            facets.extend(columns(&input));
            facets.push(rows(&input, ranked::takes_back(&node.kind)));
            facets
        }
        NodeKind::Pattern(spec) => {
            let mut facets = pattern::facets(spec, &input);
            facets.push(rows(&input, false));
            facets
        }
        NodeKind::Sort(spec) => {
            let mut facets = counted(spec.skip, spec.fetch);
            facets.extend(spec.keys.iter().map(|key| {
                let column = input.column(key.column);
                let order = if key.descending { "DESC" } else { "ASC" };
                let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
                let digest = Canon::new("order")
                    .part(column.digest)
                    .text(order)
                    .text(nulls);
                let text = format!("{} {order} NULLS {nulls}", column.text);
                Facet::decisive("sort key", text, digest.digest())
            }));
            facets.extend(columns(&input));
            facets.push(rows(&input, false));
            facets
        }
        NodeKind::Limit(spec) => {
            let mut facets = counted(spec.skip, spec.fetch);
            facets.push(rows(&input, false));
            facets
        }
        NodeKind::Sink(spec) => match &spec.target {
            SinkTarget::Table {
                table, connector, ..
            } => place(source::place("sink", connector, table), connector, table),
            SinkTarget::Collect => {
                vec![Facet::decisive(
                    "result",
                    "rows".into(),
                    Canon::new("collect").digest(),
                )]
            }
        },
    }
}

/// Which pairs a join yields, and what it keeps of both sides.
fn join(node: &Node, spec: &JoinSpec, lineages: &Lineages<'_>) -> Vec<Facet> {
    let mut facets = vec![Facet::decisive(
        "join",
        spec.kind.name().to_lowercase(),
        lineages.output(node.id).rows.digest(),
    )];
    for side in &node.inputs {
        facets.extend(columns(&lineages.input(side)));
    }
    facets
}

fn place(base: Digest, connector: &str, table: &millstream_core::table::TableSpec) -> Vec<Facet> {
    let options = source::identifying(table).map(|(key, value)| format!(" {key} '{value}'"));
    let text = format!("'{connector}'{}", options.collect::<String>());
    vec![Facet::decisive("place", bounded(text), base)]
}

fn output(node: NodeId, lineages: &Lineages<'_>) -> Vec<Facet> {
    let output = lineages.output(node);
    let mut facets: Vec<Facet> = columns(&output).collect();
    let digest = output.rows.digest();
    facets.push(Facet::decisive("rows", output.rows.text, digest));
    facets
}

fn columns(of: &Lineage) -> impl Iterator<Item = Facet> {
    let each =
        |column: &lineage::Column| Facet::decisive("column", column.text.clone(), column.digest);
    of.columns.iter().map(each)
}

/// Keys, calls, and what reaches them. An operator that takes rows back must have seen them: if
/// its input is another, so is its state.
fn groups(
    keys: &[usize],
    calls: &[AggregateCall],
    input_updates: bool,
    input: &Lineage,
) -> Vec<Facet> {
    let mut facets = Vec::with_capacity(keys.len() + calls.len() + 2);
    facets.extend(keys.iter().map(|key| {
        let column = input.column(*key);
        Facet::decisive("key", column.text, column.digest)
    }));
    facets.extend(calls.iter().map(|call| {
        let text = lineage::call_text(call, input);
        Facet::decisive("aggregate", text, lineage::call(call, input))
    }));
    let updates = if input_updates {
        "updates"
    } else {
        "insertions only"
    };
    let digest = Canon::new("changes").text(updates).digest();
    facets.push(Facet::decisive(
        "changes of its input",
        updates.into(),
        digest,
    ));
    facets.push(rows(input, input_updates));
    facets
}

fn rows(input: &Lineage, is_decisive: bool) -> Facet {
    let digest = input.rows.digest();
    let text = input.rows.text.clone();
    match is_decisive {
        true => Facet::decisive("input", text, digest),
        false => Facet::doubtful("input", text, digest),
    }
}

fn time(time: &TimeAttribute, window: &Window, input: &Lineage) -> Facet {
    let digest = lineage::time(time, input);
    let text = match (time, window) {
        (TimeAttribute::Event { column }, _) => input.column(*column).text,
        (TimeAttribute::Processing, _) => "processing time".to_owned(),
    };
    Facet::decisive("time", text, digest)
}

fn counted(skip: u64, fetch: Option<u64>) -> Vec<Facet> {
    let fetch = fetch.map_or_else(|| "all".to_owned(), |fetch| fetch.to_string());
    let digest = |word: &str, number: &str| Canon::new(word).text(number).digest();
    let skip = skip.to_string();
    vec![
        Facet::decisive("offset", skip.clone(), digest("offset", &skip)),
        Facet::decisive("limit", fetch.clone(), digest("limit", &fetch)),
    ]
}
