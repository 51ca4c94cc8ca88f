//! How the rows and columns of each output came to be.
//!
//! ```text
//! Source(bid) ──▶ Calc ──▶ GroupAggregate          rows     which rows reach a place, and why
//!  rows: bid      where    rows: groups of …       columns  each one by itself, whatever it is called
//! ```
//!
//! * A column's digest says how its values are computed from columns of sources. It does not say
//!   which rows there are: a filter changes the rows and no column.
//! * Rows are those of a base (a source, the groups of an aggregate) less what filters drop. The
//!   conditions of all filters since the base are a set: neither their order nor the number of
//!   nodes they are spread over matters.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use millstream_core::id::NodeId;
use millstream_core::side::{dead_letter_schema, late_schema};
use millstream_core::types::SqlType;

use super::digest::{Canon, Digest};
use super::expr::Columns;
use super::{facets, literal, pattern, ranked, source};
use crate::explain;
use crate::graph::{Input, JobGraph, Node, OutputKind};
use crate::pair_schema;
use crate::spec::{
    AggregateCall, CalcSpec, JoinKind, JoinSpec, NodeKind, SourceSpec, TimeAttribute, Window,
    WindowProperty,
};

/// Longest text about rows or a column, in characters.
const TEXT_MAX: usize = 200;

/// What is known of one output.
#[derive(Clone, Debug)]
pub(super) struct Lineage {
    pub(super) rows: Rows,
    pub(super) columns: Vec<Column>,
}

/// Which rows there are.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    base: Digest,
    conditions: BTreeSet<Digest>,
    /// For people.
    pub(super) text: String,
}

/// How a column came to be.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) digest: Digest,
    /// For people.
    pub(super) text: String,
}

impl Rows {
    pub(super) fn of(base: Digest, text: String) -> Self {
        Rows {
            base,
            conditions: BTreeSet::new(),
            text: bounded(text),
        }
    }

    pub(super) fn digest(&self) -> Digest {
        match self.conditions.is_empty() {
            true => self.base,
            false => Canon::new("filtered")
                .part(self.base)
                .parts(self.conditions.iter().copied())
                .digest(),
        }
    }
}

impl Lineage {
    /// The column at this position; a position that is not there is no reason to panic.
    pub(super) fn column(&self, position: usize) -> Column {
        let known = self.columns.get(position).cloned();
        known.unwrap_or_else(|| Column {
            digest: Canon::new("no-column").text(&position.to_string()).digest(),
            text: format!("#{position}"),
        })
    }

    pub(super) fn digests(&self) -> Vec<Digest> {
        self.columns.iter().map(|column| column.digest).collect()
    }
}

/// The lineage of every output of a graph.
pub(super) struct Lineages<'a> {
    graph: &'a JobGraph,
    /// Of the main output of each node so far.
    main: HashMap<NodeId, Lineage>,
}

impl<'a> Lineages<'a> {
    /// Follows a graph from its sources; inputs stand before their readers.
    pub(super) fn of(graph: &'a JobGraph) -> Self {
        let main = HashMap::with_capacity(graph.nodes.len());
        let mut lineages = Lineages { graph, main };
        for node in &graph.nodes {
            let lineage = lineages.follow(node);
            lineages.main.insert(node.id, lineage);
        }
        lineages
    }

    /// What an edge brings.
    pub(super) fn input(&self, input: &Input) -> Lineage {
        let Some(main) = self.main.get(&input.from) else {
            return nothing();
        };
        match input.output {
            OutputKind::Main => main.clone(),
            OutputKind::Late => side("late", main, &late_schema()),
            OutputKind::DeadLetter => side("dead-letter", main, &dead_letter_schema()),
        }
    }

    /// What the first edge of a node brings.
    pub(super) fn first_input(&self, node: &Node) -> Lineage {
        node.inputs
            .first()
            .map_or_else(nothing, |input| self.input(input))
    }

    /// What a node puts out.
    pub(super) fn output(&self, node: NodeId) -> Lineage {
        self.main.get(&node).cloned().unwrap_or_else(nothing)
    }

    fn follow(&self, node: &Node) -> Lineage {
        let input = || self.first_input(node);
        match &node.kind {
            NodeKind::Source(spec) => scan(spec),
            NodeKind::Values(spec) => {
                let cells = spec.rows.columns().iter().flat_map(literal::elements);
                let base = Canon::new("values")
                    .text(&spec.rows.num_rows().to_string())
                    .parts(cells)
                    .digest();
                let rows = Rows::of(base, format!("{} constant rows", spec.rows.num_rows()));
                with_columns(rows, "value", &node.schema)
            }
            NodeKind::Calc(spec) => self.calc(node, spec),
            NodeKind::Watermark(_) => input(),
            NodeKind::WindowAssign(spec) => {
                let input = input();
                let base = Canon::new("windows")
                    .part(input.rows.digest())
                    .part(window(&spec.window, &input))
                    .part(time(&spec.time, &input))
                    .text(spec.zone.as_deref().unwrap_or("UTC"))
                    .digest();
                let rows = Rows::of(base, input.rows.text.clone());
                assigned(input, rows, &node.schema)
            }
            NodeKind::WindowAggregate(spec) => {
                let input = input();
                let place = Canon::new("window-groups")
                    .part(window(&spec.window, &input))
                    .part(time(&spec.time, &input))
                    .text(spec.zone.as_deref().unwrap_or("UTC"))
                    .parts(spec.keys.iter().map(|key| input.column(*key).digest))
                    .digest();
                let rows = grouped(node, &input, place);
                let properties = spec.properties.iter().map(|property| Column {
                    digest: Canon::new(property_word(*property)).part(place).digest(),
                    text: property_word(*property).to_owned(),
                });
                let mut columns = aggregated(&input, &spec.keys, &spec.aggregates, place);
                columns.extend(properties);
                Lineage { rows, columns }
            }
            NodeKind::GroupAggregate(spec) => {
                let input = input();
                let place = Canon::new("groups")
                    .parts(spec.keys.iter().map(|key| input.column(*key).digest))
                    .digest();
                Lineage {
                    rows: grouped(node, &input, place),
                    columns: aggregated(&input, &spec.keys, &spec.aggregates, place),
                }
            }
            NodeKind::Join(spec) => self.join(node, spec, &[]),
            NodeKind::IntervalJoin(spec) => {
                let times = match spec.times {
                    Some([left, right]) => format!("times {left} {right}"),
                    None => "arrival".to_owned(),
                };
                let (lower, upper) = (spec.lower.to_string(), spec.upper.to_string());
                self.join(node, &spec.join, &["interval", &times, &lower, &upper])
            }
            NodeKind::TemporalJoin(spec) => {
                let times = format!("times {} {}", spec.times[0], spec.times[1]);
                self.join(
                    node,
                    &spec.join,
                    &[
                        "temporal",
                        &times,
                        if spec.only_newer { "newer" } else { "" },
                    ],
                )
            }
            NodeKind::Unnest(spec) => {
                let input = input();
                let base = Canon::new("elements")
                    .part(input.rows.digest())
                    .part(input.column(spec.column).digest)
                    .text(if spec.is_outer { "outer" } else { "" })
                    .text(if spec.with_ordinality {
                        "ordinality"
                    } else {
                        ""
                    })
                    .digest();
                let text = format!("elements of {}", input.rows.text);
                assigned(input, Rows::of(base, text), &node.schema)
            }
            NodeKind::WindowJoin(spec) => {
                let zone = spec.zone.as_deref().unwrap_or("UTC");
                self.join(node, &spec.join, &["window", zone])
            }
            NodeKind::Rank(_)
            | NodeKind::Deduplicate(_)
            | NodeKind::Over(_)
            | NodeKind::TimeSort(_) => {
                let input = input();
                let fields = node.schema.fields().iter().skip(input.columns.len());
                let added = fields.map(|field| field.name().clone());
                ranked::lineage(&node.kind, facets::word(&node.kind), input, added)
            }
            NodeKind::Pattern(spec) => pattern::lineage(spec, &input()),
            NodeKind::Union => self.union(node),
            NodeKind::Sort(spec) if spec.fetch.is_none() && spec.skip == 0 => input(),
            NodeKind::Sort(spec) => {
                let keys = spec.keys.iter().map(|key| key.column);
                cut(input(), "top", spec.skip, spec.fetch, keys)
            }
            NodeKind::Limit(spec) => cut(input(), "limit", spec.skip, spec.fetch, None),
            NodeKind::Sink(_) | NodeKind::Upsert(_) => input(),
        }
    }

    fn calc(&self, node: &Node, spec: &CalcSpec) -> Lineage {
        let input = self.first_input(node);
        let Some(edge) = node.inputs.first() else {
            return nothing();
        };
        let schema = match edge.output {
            OutputKind::Main => Arc::clone(&self.graph.node(edge.from).schema),
            OutputKind::Late => late_schema(),
            OutputKind::DeadLetter => dead_letter_schema(),
        };
        let known = Columns::new(&schema, &input.digests());
        let columns = spec.projection.iter().map(|expr| Column {
            digest: known.digest(expr),
            text: said(expr, &schema, &input),
        });
        let columns = columns.collect();
        let mut rows = input.rows.clone();
        if let Some(filter) = &spec.filter {
            rows.conditions.extend(known.conjuncts(filter));
            rows.text = bounded(format!(
                "{} where {}",
                rows.text,
                explain::expression(filter)
            ));
        }
        Lineage { rows, columns }
    }

    /// Pairs of rows: which ones is said by the kind, the keys and the condition.
    /// `more` is what else decides.
    fn join(&self, node: &Node, spec: &JoinSpec, more: &[&str]) -> Lineage {
        let [left, right] = node.inputs.as_slice() else {
            return nothing();
        };
        let schemas = [left, right].map(|side| Arc::clone(&self.graph.node(side.from).schema));
        let (left, right) = (self.input(left), self.input(right));
        let pair = pair_schema(&schemas[0], &schemas[1]);
        let digests: Vec<Digest> = left.digests().into_iter().chain(right.digests()).collect();
        let known = Columns::new(&pair, &digests);
        let keys = spec.left_keys.iter().map(|key| left.column(*key).digest);
        let their_keys = spec.right_keys.iter().map(|key| right.column(*key).digest);
        let mut base = Canon::new("join")
            .text(spec.kind.name())
            .text(if spec.null_equals_null {
                "null = null"
            } else {
                ""
            })
            .part(left.rows.digest())
            .part(right.rows.digest())
            .parts(keys)
            .parts(their_keys);
        for word in more {
            base = base.text(word);
        }
        for condition in spec
            .condition
            .iter()
            .flat_map(|filter| known.conjuncts(filter))
        {
            base = base.part(condition);
        }
        let text = bounded(format!(
            "{} {} join {}",
            left.rows.text,
            spec.kind.name().to_lowercase(),
            right.rows.text
        ));
        let is_pair = node.schema.fields().len() == pair.fields().len();
        let mut columns = left.columns;
        columns.extend(right.columns.into_iter().filter(|_| is_pair));
        let rows = base.digest();
        if spec.kind == JoinKind::Mark {
            columns.push(Column {
                digest: Canon::new("mark").part(rows).digest(),
                text: "mark".to_owned(),
            });
        }
        Lineage {
            rows: Rows::of(rows, text),
            columns,
        }
    }

    fn union(&self, node: &Node) -> Lineage {
        let inputs: Vec<Lineage> = node.inputs.iter().map(|input| self.input(input)).collect();
        let sorted = |mut all: Vec<Digest>| {
            all.sort_unstable();
            all
        };
        let rows = inputs.iter().map(|input| {
            let rows = Canon::new("of").part(input.rows.digest());
            rows.parts(input.digests()).digest()
        });
        let base = Canon::new("union").parts(sorted(rows.collect())).digest();
        let texts: Vec<&str> = inputs
            .iter()
            .map(|input| input.rows.text.as_str())
            .collect();
        let columns = (0..node.schema.fields().len()).map(|position| {
            let each = inputs.iter().map(|input| input.column(position).digest);
            Column {
                digest: Canon::new("any").parts(sorted(each.collect())).digest(),
                text: node.schema.field(position).name().clone(),
            }
        });
        Lineage {
            columns: columns.collect(),
            rows: Rows::of(base, texts.join(" and ")),
        }
    }
}

fn nothing() -> Lineage {
    Lineage {
        rows: Rows::of(Canon::new("nothing").digest(), "nothing".into()),
        columns: Vec::new(),
    }
}

fn scan(spec: &SourceSpec) -> Lineage {
    let table = &spec.table;
    let base = source::base(spec);
    let physical = table
        .schema
        .fields()
        .iter()
        .map(|field| ("physical", field.name(), field));
    let metadata = table
        .metadata
        .iter()
        .map(|column| ("metadata", &column.key, &column.field));
    let all: Vec<_> = physical.chain(metadata).collect();
    let columns = spec.projection.iter().map(|position| {
        let Some((kind, key, field)) = all.get(*position) else {
            return Column {
                digest: Canon::new("no-column").digest(),
                text: format!("#{position}"),
            };
        };
        Column {
            digest: typed(Canon::new(kind).part(base).text(key), field),
            text: bounded(field.name().clone()),
        }
    });
    Lineage {
        columns: columns.collect(),
        rows: Rows::of(base, table.name.clone()),
    }
}

fn typed(canon: Canon, field: &Field) -> Digest {
    canon.text(&SqlType::of(field).to_string()).digest()
}

fn side(word: &str, of: &Lineage, schema: &Schema) -> Lineage {
    let base = Canon::new(word).part(of.rows.digest()).digest();
    let text = format!("{} of {}", word.replace('-', " "), of.rows.text);
    with_columns(Rows::of(base, text), "side", schema)
}

fn with_columns(rows: Rows, word: &str, schema: &Schema) -> Lineage {
    let columns = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(position, field)| Column {
            digest: typed(
                Canon::new(word).part(rows.base).text(&position.to_string()),
                field,
            ),
            text: bounded(field.name().clone()),
        });
    let columns = columns.collect();
    Lineage { rows, columns }
}

/// Columns of the input, then the three of its windows.
fn assigned(input: Lineage, rows: Rows, schema: &Schema) -> Lineage {
    let mut columns = input.columns;
    for position in columns.len()..schema.fields().len() {
        let name = schema.field(position).name().clone();
        columns.push(Column {
            digest: Canon::new("window-column")
                .part(rows.base)
                .text(&position.to_string())
                .digest(),
            text: bounded(name),
        });
    }
    Lineage { rows, columns }
}

fn grouped(node: &Node, input: &Lineage, place: Digest) -> Rows {
    let base = Canon::new("groups-of")
        .part(place)
        .part(input.rows.digest())
        .digest();
    Rows::of(
        base,
        format!("{} of {}", explain::title(node), input.rows.text),
    )
}

/// Key columns as they came, then one column per call.
fn aggregated(
    input: &Lineage,
    keys: &[usize],
    calls: &[AggregateCall],
    place: Digest,
) -> Vec<Column> {
    let keys = keys.iter().map(|key| input.column(*key));
    let results = calls.iter().map(|each| Column {
        digest: Canon::new("result")
            .part(place)
            .part(call(each, input))
            .digest(),
        text: call_text(each, input),
    });
    keys.chain(results).collect()
}

/// One aggregate: its function, what it is told of each row, its result's type.
pub(super) fn call(call: &AggregateCall, input: &Lineage) -> Digest {
    use crate::spec::AggregateFunction;
    let separator = match &call.function {
        AggregateFunction::ListAgg { separator } => separator,
        _ => "",
    };
    let distinct = if call.distinct { "distinct" } else { "all" };
    let filter = call.filter.map(|column| input.column(column).digest);
    Canon::new("aggregate")
        .text(call.function.name())
        .text(separator)
        .text(distinct)
        .text(&SqlType::of(&call.field).to_string())
        .parts(call.args.iter().map(|arg| input.column(*arg).digest))
        .text(if filter.is_some() { "filter" } else { "" })
        .parts(filter)
        .digest()
}

/// One aggregate for people.
pub(super) fn call_text(call: &AggregateCall, input: &Lineage) -> String {
    let args: Vec<String> = call
        .args
        .iter()
        .map(|arg| input.column(*arg).text)
        .collect();
    let args = if args.is_empty() {
        "*".to_owned()
    } else {
        args.join(", ")
    };
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let filter = call.filter.map_or(String::new(), |column| {
        format!(" FILTER (WHERE {})", input.column(column).text)
    });
    bounded(format!(
        "{}({distinct}{args}){filter}",
        call.function.name()
    ))
}

/// A kind of window with its lengths.
pub(super) fn window(window: &Window, input: &Lineage) -> Digest {
    let numbers = |word: &str, numbers: &[i64]| {
        let texts = numbers.iter().map(i64::to_string);
        texts
            .fold(Canon::new(word), |canon, text| canon.text(&text))
            .digest()
    };
    match *window {
        Window::Tumble { size, offset } => numbers("tumble", &[size, offset]),
        Window::Hop {
            slide,
            size,
            offset,
        } => numbers("hop", &[slide, size, offset]),
        Window::Cumulate { step, size, offset } => numbers("cumulate", &[step, size, offset]),
        Window::Session { gap } => numbers("session", &[gap]),
        Window::Attached { start, end } => Canon::new("attached")
            .parts(start.map(|start| input.column(start).digest))
            .text("end")
            .part(input.column(end).digest)
            .digest(),
    }
}

/// Which time decides.
pub(super) fn time(time: &TimeAttribute, input: &Lineage) -> Digest {
    match time {
        TimeAttribute::Event { column } => Canon::new("event-time")
            .part(input.column(*column).digest)
            .digest(),
        TimeAttribute::Processing => Canon::new("processing-time").digest(),
    }
}

fn property_word(property: WindowProperty) -> &'static str {
    match property {
        WindowProperty::Start => "window_start",
        WindowProperty::End => "window_end",
        WindowProperty::Time => "window_time",
    }
}

fn cut(
    input: Lineage,
    word: &str,
    skip: u64,
    fetch: Option<u64>,
    keys: impl IntoIterator<Item = usize>,
) -> Lineage {
    let base = Canon::new(word)
        .part(input.rows.digest())
        .text(&skip.to_string())
        .text(&fetch.map_or(String::new(), |fetch| fetch.to_string()))
        .parts(keys.into_iter().map(|key| input.column(key).digest))
        .digest();
    let text = format!("{word} of {}", input.rows.text);
    Lineage {
        rows: Rows::of(base, text),
        columns: input.columns,
    }
}

/// An expression for people; a bare column is called what it was called at its source.
fn said(expr: &datafusion_expr::Expr, schema: &Schema, input: &Lineage) -> String {
    let mut inner = expr;
    while let datafusion_expr::Expr::Alias(alias) = inner {
        inner = &alias.expr;
    }
    let position = match inner {
        datafusion_expr::Expr::Column(column) => schema.index_of(&column.name).ok(),
        _ => None,
    };
    match position {
        Some(position) => input.column(position).text,
        None => bounded(explain::expression(expr)),
    }
}

pub(super) fn bounded(text: String) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
