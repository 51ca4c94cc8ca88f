//! Identities and diffs of hand-made graphs. What the planner makes of SQL is compared in
//! `crates/millstream/src/jobs/identity_tests.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion_common::ScalarValue;
use datafusion_expr::{Expr, col, lit};
use expect_test::expect;
use millstream_core::connector::SinkAccepts;
use millstream_core::id::NodeId;
use millstream_core::options::Options;
use millstream_core::table::TableSpec;

use super::*;
use crate::changelog::ChangelogMode;
use crate::graph::{Exchange, Input, NodeOutput, OutputKind, RuntimeMode};
use crate::settings::JobSettings;
use crate::spec::*;

fn schema(columns: &[&str]) -> SchemaRef {
    let field = |name: &&str| {
        let ty = match *name {
            "ts" => DataType::Timestamp(TimeUnit::Millisecond, None),
            _ => DataType::Int64,
        };
        Field::new(*name, ty, true)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn table(name: &str, columns: &[&str], options: &[(&str, &str)]) -> TableSpec {
    let values: BTreeMap<String, String> = options
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    TableSpec {
        name: name.into(),
        schema: schema(columns),
        metadata: vec![],
        primary_key: vec![],
        partition_keys: vec![],
        options: Options::new(format!("table '{name}'"), values),
    }
}

/// A graph under construction, one node after the other.
struct Build(JobGraph);

impl Build {
    fn new() -> Self {
        Build(JobGraph {
            name: "test".into(),
            nodes: vec![],
            key_groups: 128,
            mode: RuntimeMode::Streaming,
            batch_rows: 8192,
            settings: JobSettings::default(),
        })
    }

    fn add(&mut self, kind: NodeKind, from: &[NodeId], columns: &[&str]) -> NodeId {
        let inputs = from.iter().map(|from| Input {
            from: *from,
            output: OutputKind::Main,
            exchange: Exchange::Forward,
        });
        let output = NodeOutput {
            schema: schema(columns),
            parallelism: 1,
            changelog: ChangelogMode::INSERT_ONLY,
            upsert_key: None,
        };
        self.0.add(kind, inputs.collect(), output)
    }

    fn source(&mut self, name: &str, options: &[(&str, &str)]) -> NodeId {
        let spec = SourceSpec {
            table: table(name, &["a", "b", "ts"], options),
            connector: "filesystem".into(),
            projection: vec![0, 1, 2],
            on_error: OnError::Fail,
            bounded: true,
        };
        self.add(NodeKind::Source(spec), &[], &["a", "b", "ts"])
    }

    fn calc(&mut self, from: NodeId, filter: Option<Expr>, out: &[(Expr, &str)]) -> NodeId {
        let names: Vec<&str> = out.iter().map(|(_, name)| *name).collect();
        let spec = CalcSpec {
            filter,
            projection: out.iter().map(|(expr, _)| expr.clone()).collect(),
            uses_now: false,
        };
        self.add(NodeKind::Calc(spec), &[from], &names)
    }

    fn groups(&mut self, from: NodeId, keys: &[usize], calls: Vec<AggregateCall>) -> NodeId {
        let mut names: Vec<String> = keys.iter().map(|key| format!("k{key}")).collect();
        names.extend((0..calls.len()).map(|call| format!("r{call}")));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let spec = GroupAggregateSpec {
            keys: keys.to_vec(),
            aggregates: calls,
            emit_update_before: true,
            at_end_only: false,
            input_updates: false,
        };
        self.add(NodeKind::GroupAggregate(spec), &[from], &names)
    }

    fn sink(&mut self, from: NodeId, name: &str) -> NodeId {
        let path = format!("/{name}");
        let target = SinkTarget::Table {
            table: table(name, &["a"], &[("path", &path)]),
            connector: "filesystem".into(),
            accepts: SinkAccepts::Append,
        };
        let spec = SinkSpec {
            target,
            not_null: vec![],
        };
        self.add(NodeKind::Sink(Box::new(spec)), &[from], &["a"])
    }

    fn identify(&self) -> Vec<NodeIdentity> {
        identify(&self.0)
    }
}

const BIDS: &[(&str, &str)] = &[("path", "/bids"), ("format", "json")];

fn call(function: AggregateFunction, args: &[usize]) -> AggregateCall {
    AggregateCall {
        function,
        args: args.to_vec(),
        distinct: false,
        filter: None,
        field: Arc::new(Field::new("r", DataType::Int64, true)),
    }
}

fn count() -> AggregateCall {
    call(AggregateFunction::Count, &[])
}

/// `SELECT a, COUNT(*) FROM bids WHERE b > 1 GROUP BY a`.
fn counted() -> Build {
    let mut build = Build::new();
    let source = build.source("bids", BIDS);
    let calc = build.calc(source, Some(col("b").gt(lit(1_i64))), &[(col("a"), "a")]);
    let groups = build.groups(calc, &[0], vec![count()]);
    build.sink(groups, "out");
    build
}

fn diff(old: &Build, new: &Build) -> Diff {
    let diff = compare(&old.identify(), &new.identify());
    is_complete(&old.identify(), &new.identify(), &diff);
    diff
}

/// Every node of both graphs is somewhere, and no old one twice.
fn is_complete(old: &[NodeIdentity], new: &[NodeIdentity], diff: &Diff) {
    let ids = |nodes: &[NodeIdentity]| nodes.iter().map(|node| node.id).collect::<BTreeSet<_>>();
    let mut olds: Vec<u32> = diff.kept.iter().map(|kept| kept.old).collect();
    olds.extend(diff.refused.iter().map(|refused| refused.old));
    olds.extend(diff.dropped.iter().map(|dropped| dropped.id));
    let mut news: Vec<u32> = diff.kept.iter().map(|kept| kept.new).collect();
    news.extend(diff.refused.iter().map(|refused| refused.node));
    news.extend(diff.rebuilt.iter().map(|rebuilt| rebuilt.id));
    assert_eq!((olds.len(), news.len()), (old.len(), new.len()), "{diff}");
    assert_eq!(
        olds.into_iter().collect::<BTreeSet<_>>(),
        ids(old),
        "{diff}"
    );
    assert_eq!(
        news.into_iter().collect::<BTreeSet<_>>(),
        ids(new),
        "{diff}"
    );
}

fn digest_of(expr: &Expr) -> Digest {
    let schema = schema(&["a", "b", "ts"]);
    let columns: Vec<Digest> = ["a", "b", "ts"]
        .map(|name| Canon::new(name).digest())
        .to_vec();
    expr::Columns::new(&schema, &columns).digest(expr)
}

#[test]
fn the_same_graph_has_the_same_identities_and_nothing_to_approve() {
    let (old, new) = (counted(), counted());
    assert_eq!(old.identify(), new.identify());
    let diff = diff(&old, &new);
    assert!(diff.is_identical() && diff.check(false).is_ok());
    let same: BTreeMap<u32, u32> = (0..4).map(|id| (id, id)).collect();
    assert_eq!(diff.remap(), same);
}

#[test]
fn a_digest_is_the_same_in_every_release() {
    let text: Vec<String> = counted()
        .identify()
        .iter()
        .map(|node| format!("{} {}", node.uid, node.facets.len()))
        .collect();
    expect![[r#"
        [
            "source-7738c2ac66a790e6 1",
            "calc-cac83ff43228dd62 2",
            "group-aggregate-065eceecadf39ae9 4",
            "sink-d6be48cbeb876097 1",
        ]
    "#]]
    .assert_debug_eq(&text);
}

#[test]
fn every_kind_of_expression_has_its_own_digest() {
    let a = || col("a");
    let interval = ScalarValue::IntervalDayTime(Some(Default::default()));
    let exprs = [
        a(),
        col("b"),
        lit(1_i64),
        lit(1_i32),
        lit("1"),
        lit(ScalarValue::Int64(None)),
        lit(1.0_f64),
        lit(-0.0_f64),
        lit(0.0_f64),
        lit(ScalarValue::TimestampMillisecond(Some(1), None)),
        lit(ScalarValue::TimestampMillisecond(
            Some(1),
            Some("UTC".into()),
        )),
        lit(ScalarValue::Date32(Some(1))),
        lit(interval),
        lit(ScalarValue::Binary(Some(vec![1]))),
        a() + lit(1_i64),
        a() - lit(1_i64),
        lit(1_i64) - a(),
        a().eq(lit(1_i64)),
        a().not_eq(lit(1_i64)),
        a().gt(lit(1_i64)),
        a().gt_eq(lit(1_i64)),
        a().is_null(),
        a().is_not_null(),
        a().is_null().is_true(),
        !a().is_null(),
        -a(),
        a().between(lit(1_i64), lit(2_i64)),
        a().not_between(lit(1_i64), lit(2_i64)),
        a().in_list(vec![lit(1_i64), lit(2_i64)], false),
        a().in_list(vec![lit(2_i64), lit(1_i64)], false),
        a().in_list(vec![lit(1_i64), lit(2_i64)], true),
        a().like(lit("x")),
        a().not_like(lit("x")),
        a().ilike(lit("x")),
        datafusion_expr::cast(a(), DataType::Int32),
        datafusion_expr::cast(a(), DataType::Utf8),
        datafusion_expr::try_cast(a(), DataType::Utf8),
        datafusion_expr::when(a().is_null(), lit(1_i64))
            .end()
            .unwrap(),
        datafusion_expr::when(a().is_null(), lit(1_i64))
            .otherwise(lit(2_i64))
            .unwrap(),
    ];
    let mut seen: BTreeMap<Digest, &Expr> = BTreeMap::new();
    for expr in &exprs {
        let other = seen.insert(digest_of(expr), expr);
        assert!(other.is_none(), "{expr} and {other:?} are the same");
    }
}

#[test]
fn the_canonical_form_of_expressions_is_pinned() {
    let expr = datafusion_expr::when(col("a").is_null(), lit("x"))
        .otherwise(datafusion_expr::cast(col("b") * lit(2_i64), DataType::Utf8))
        .unwrap();
    let pinned = [
        lit(1_i64),
        lit("a"),
        lit(ScalarValue::Decimal128(Some(125), 5, 2)),
        lit(ScalarValue::TimestampMillisecond(Some(-1), None)),
        col("a").gt(lit(1_i64)).and(col("b").is_not_null()),
        col("a").in_list(vec![lit(1_i64)], true),
        expr,
    ];
    let digests: Vec<Digest> = pinned.iter().map(digest_of).collect();
    expect![[r#"
        [
            7bcba5a10f86a23a,
            50133e8944e2c781,
            a3cf913a7feb79a4,
            740c28ff55120352,
            5c6bd80d051690c9,
            9c0a595a8c09f09c,
            cec03632ca69ad48,
        ]
    "#]]
    .assert_debug_eq(&digests);
}

#[test]
fn names_and_the_number_of_steps_do_not_matter() {
    let mut new = Build::new();
    let source = new.source("bids", BIDS);
    // The same in two steps, other names, the condition elsewhere, another column along.
    let first = new.calc(source, None, &[(col("b"), "x"), (col("a").alias("q"), "y")]);
    let filter = Some(lit(1_i64).lt(col("x")));
    let flipped = new.calc(
        first,
        filter,
        &[(col("x") + lit(7_i64), "z"), (col("y"), "a")],
    );
    let groups = new.groups(flipped, &[1], vec![count()]);
    new.sink(groups, "out");
    let found = diff(&counted(), &new);
    let groups = found
        .kept
        .iter()
        .find(|kept| kept.title == "GroupAggregate")
        .unwrap();
    assert_eq!((groups.old, groups.new), (2, 3), "{found}");
    // `1 < b` is not recognised as `b > 1`: the owner is asked, the state is kept.
    assert_eq!(groups.changes.len(), 1, "{found}");
    assert!(found.refused.is_empty(), "{found}");
}

#[test]
fn conditions_are_a_set_wherever_they_stand() {
    let build = |filters: &[Expr]| {
        let mut build = Build::new();
        let mut at = build.source("bids", BIDS);
        for filter in filters {
            at = build.calc(
                at,
                Some(filter.clone()),
                &[(col("a"), "a"), (col("b"), "b")],
            );
        }
        build.groups(at, &[0], vec![count()]);
        build
    };
    let (p, q) = (col("a").gt(lit(1_i64)), col("b").gt(lit(2_i64)));
    let together = build(&[p.clone().and(q.clone())]);
    for other in [
        build(&[q.clone().and(p.clone())]),
        build(&[p.clone(), q.clone()]),
        build(&[q, p]),
    ] {
        let found = diff(&together, &other);
        let groups = found
            .kept
            .iter()
            .find(|kept| kept.keeps == Keeps::State)
            .unwrap();
        assert!(groups.changes.is_empty(), "{found}");
    }
}

#[test]
fn another_filter_before_an_aggregate_keeps_its_state_if_the_owner_agrees() {
    let mut new = Build::new();
    let source = new.source("bids", BIDS);
    let calc = new.calc(source, Some(col("b").gt(lit(5_i64))), &[(col("a"), "a")]);
    let groups = new.groups(calc, &[0], vec![count()]);
    new.sink(groups, "out");
    let found = diff(&counted(), &new);
    assert!(
        found.refused.is_empty() && found.remap().contains_key(&2),
        "{found}"
    );
    assert!(found.check(true).is_ok());
    let error = found.check(false).unwrap_err();
    assert_eq!(error.code(), Code::CheckpointMismatch);
    expect![[r#"
        the job is not the one that wrote the checkpoint
          kept     [0] Source(bids)    positions
          kept     [2] GroupAggregate  state; input was bids where b > 1, is bids where b > 5
          kept     [3] Sink(out)       output
        + rebuilt  [1] Calc
        - dropped  [1] Calc"#]]
    .assert_eq(error.message());
}

#[test]
fn a_filter_and_a_sink_behind_the_aggregate_leave_its_state_alone() {
    let mut new = counted();
    let groups = NodeId(2);
    let behind = new.calc(groups, Some(col("r0").gt(lit(9_i64))), &[(col("k0"), "a")]);
    new.sink(behind, "hot");
    let found = diff(&counted(), &new);
    assert_eq!(found.remap().len(), 4, "{found}");
    assert!(
        found.refused.is_empty() && found.dropped.is_empty(),
        "{found}"
    );
    assert!(found.check(false).is_err(), "the owner must know");
    expect![[r#"
          kept     [0] Source(bids)    positions
          kept     [2] GroupAggregate  state
          kept     [3] Sink(out)       output
        + rebuilt  [4] Calc
        + rebuilt  [5] Sink(hot)       is new"#]]
    .assert_eq(&found.to_string());
}

#[test]
fn an_added_aggregate_or_another_key_refuses_the_state_and_names_the_operator() {
    let make = |keys: &[usize], calls: Vec<AggregateCall>| {
        let mut build = Build::new();
        let source = build.source("bids", BIDS);
        let groups = build.groups(source, keys, calls);
        build.sink(groups, "out");
        build
    };
    let sum = || call(AggregateFunction::Sum, &[1]);
    let old = make(&[0], vec![count()]);
    let why = |new: &Build| {
        let found = diff(&old, new);
        let [refused] = found.refused.as_slice() else {
            panic!("{found}");
        };
        assert_eq!((refused.old, refused.node), (1, 1));
        let error = found.check(false).unwrap_err();
        assert!(
            error.message().contains("'GroupAggregate'"),
            "{}",
            error.message()
        );
        assert!(
            !found.remap().contains_key(&1),
            "it begins empty even if approved"
        );
        refused.why.clone()
    };
    assert_eq!(
        why(&make(&[0], vec![count(), sum()])),
        "aggregate SUM(b) is new"
    );
    assert_eq!(
        why(&make(&[0], vec![sum()])),
        "aggregate was COUNT(*), is SUM(b)"
    );
    assert_eq!(why(&make(&[1], vec![count()])), "key was a, is b");
    assert_eq!(why(&make(&[0, 1], vec![count()])), "key b is new");
    let mut distinct = call(AggregateFunction::Count, &[1]);
    distinct.distinct = true;
    let why = why(&make(&[0], vec![distinct]));
    assert_eq!(why, "aggregate was COUNT(*), is COUNT(DISTINCT b)");
    let swapped = diff(&make(&[0, 1], vec![count()]), &make(&[1, 0], vec![count()]));
    assert_eq!(swapped.refused[0].why, "what it keeps is in another order");
}

fn windowed(window: Window, input_updates: bool) -> Build {
    let mut build = Build::new();
    let source = build.source("bids", BIDS);
    let expr = col("ts");
    let watermark = WatermarkSpec {
        column: 2,
        expr,
        step_ms: 1000,
        idle_timeout_ms: None,
        max_future_ms: None,
    };
    let source = build.add(NodeKind::Watermark(watermark), &[source], &["a", "b", "ts"]);
    let spec = WindowAggregateSpec {
        window,
        time: TimeAttribute::Event { column: 2 },
        zone: None,
        keys: vec![0],
        aggregates: vec![count()],
        properties: vec![WindowProperty::Start],
        input_updates,
    };
    let windows = build.add(NodeKind::WindowAggregate(spec), &[source], &["a", "r", "s"]);
    build.sink(windows, "out");
    build
}

#[test]
fn another_window_refuses_its_state_and_keeps_the_watermark() {
    let tumble = |size| windowed(Window::Tumble { size, offset: 0 }, false);
    let found = diff(&tumble(10_000), &tumble(60_000));
    assert_eq!(found.refused[0].title, "TumbleAggregate");
    assert_eq!(
        found.refused[0].why,
        "window was TUMBLE(size 10 s), is TUMBLE(size 1 min)"
    );
    assert!(found.remap().contains_key(&1), "{found}");
    let hop = windowed(
        Window::Hop {
            slide: 5_000,
            size: 10_000,
            offset: 0,
        },
        false,
    );
    let found = diff(&tumble(10_000), &hop);
    assert_eq!(found.refused.len(), 1, "{found}");
}

#[test]
fn state_that_takes_rows_back_does_not_survive_another_input() {
    let make = |least: i64| {
        let mut build = Build::new();
        let source = build.source("bids", BIDS);
        let columns = [(col("a"), "a"), (col("b"), "b")];
        let calc = build.calc(source, Some(col("b").gt(lit(least))), &columns);
        let spec = GroupAggregateSpec {
            keys: vec![0],
            aggregates: vec![count()],
            emit_update_before: false,
            at_end_only: false,
            input_updates: true,
        };
        build.add(NodeKind::GroupAggregate(spec), &[calc], &["a", "r"]);
        build
    };
    let found = diff(&make(1), &make(2));
    assert_eq!(found.refused.len(), 1, "{found}");
    assert!(
        found.refused[0].why.starts_with("input was bids where"),
        "{found}"
    );
}

#[test]
fn what_stands_behind_an_operator_that_begins_empty_begins_empty_too() {
    let make = |calls: Vec<AggregateCall>| {
        let mut build = Build::new();
        let source = build.source("bids", BIDS);
        let first = build.groups(source, &[0, 1], calls);
        let second = build.groups(first, &[0], vec![count()]);
        build.sink(second, "out");
        build
    };
    let more = vec![count(), call(AggregateFunction::Max, &[1])];
    let found = diff(&make(vec![count()]), &make(more));
    let refused: Vec<_> = found
        .refused
        .iter()
        .map(|r| (r.node, r.why.as_str()))
        .collect();
    assert_eq!(
        refused,
        [
            (1, "aggregate MAX(b) is new"),
            (2, "[1] GroupAggregate before it begins empty"),
        ]
    );
}

#[test]
fn a_source_is_known_by_what_it_reads_and_not_by_how() {
    let make = |name: &str, options: &[(&str, &str)]| {
        let mut build = Build::new();
        let source = build.source(name, options);
        build.sink(source, "out");
        build
    };
    let old = make("bids", BIDS);
    let tuned = make(
        "bids",
        &[
            ("path", "/bids"),
            ("format", "csv"),
            ("scan.parallelism", "4"),
        ],
    );
    assert!(diff(&old, &tuned).is_identical(), "how it is read");
    assert_eq!(
        diff(&old, &make("offers", BIDS)).remap().len(),
        2,
        "renamed"
    );
    let moved = diff(&old, &make("bids", &[("path", "/other")]));
    assert_eq!(moved.refused[0].title, "Source(bids)");
    assert_eq!(
        moved.refused[0].why,
        "place was 'filesystem' path '/bids', is 'filesystem' path '/other'"
    );
    let doubtful = make("bids", &[("path", "/bids"), ("shape", "round")]);
    let found = diff(&old, &doubtful);
    assert_eq!(found.kept[0].changes, ["option 'shape' 'round' is new"]);
    assert!(found.check(false).is_err());
}

#[test]
fn no_secret_and_no_password_enters_a_manifest() {
    let mut build = Build::new();
    let secrets: Vec<(String, String)> = [
        "properties.sasl.jaas.config",
        "s3.secret-key",
        "password",
        "auth.token",
        "http.secret",
    ]
    .iter()
    .map(|key| (key.to_string(), "hunter2".to_string()))
    .collect();
    let mut options: Vec<(&str, &str)> = secrets.iter().map(|(k, v)| (&**k, &**v)).collect();
    options.push(("path", "/bids"));
    let source = build.source("bids", &options);
    build.sink(source, "out");
    let text = encode(&build.identify()).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    options.retain(|(key, _)| *key == "path");
    let mut plain = Build::new();
    let source = plain.source("bids", &options);
    plain.sink(source, "out");
    assert_eq!(plain.identify(), build.identify());
}

#[test]
fn two_nodes_of_the_same_meaning_have_two_names_and_both_are_kept() {
    let twice = || {
        let mut build = Build::new();
        let source = build.source("bids", BIDS);
        for name in ["x", "y"] {
            let groups = build.groups(source, &[0], vec![count()]);
            build.sink(groups, name);
        }
        build
    };
    let identities = twice().identify();
    let uids: BTreeSet<&str> = identities.iter().map(|node| node.uid.as_str()).collect();
    assert_eq!(uids.len(), identities.len());
    assert!(diff(&twice(), &twice()).is_identical());
    // One of them goes: the other keeps its state.
    let mut once = Build::new();
    let source = once.source("bids", BIDS);
    let groups = once.groups(source, &[0], vec![count()]);
    once.sink(groups, "y");
    let found = diff(&twice(), &once);
    assert_eq!(
        (found.kept.len(), found.dropped.len(), found.refused.len()),
        (3, 2, 0),
        "{found}"
    );
}

#[test]
fn a_chain_of_operators_of_any_length_is_no_danger_to_the_stack() {
    let long = (0..100_000_i64).fold(col("a"), |sum, n| {
        Expr::BinaryExpr(datafusion_expr::BinaryExpr::new(
            Box::new(sum),
            datafusion_expr::Operator::Plus,
            Box::new(lit(n)),
        ))
    });
    let digest = digest_of(&long);
    assert_ne!(digest, digest_of(&col("a")));
    // Dropping it recurses; that is not what is tested here.
    std::mem::forget(long);
}

#[test]
fn identities_come_back_from_their_text_and_other_texts_are_refused() {
    let identities = counted().identify();
    let text = encode(&identities).unwrap();
    assert_eq!(decode(&text).unwrap(), identities);
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    assert_eq!(decode(&newer).unwrap_err().code(), Code::CheckpointMismatch);
    for damaged in [
        "",
        "{}",
        "[]",
        &text[..text.len() / 2],
        &text.replace("\"digest\":\"", "\"digest\":\"zz"),
    ] {
        assert_eq!(decode(damaged).unwrap_err().code(), Code::CheckpointDamaged);
    }
}
