//! Plans of the golden files against the record of a real Flink: column types and kinds of changes.

use std::fmt::Write as _;

use millstream_core::types::ColumnType;
use millstream_plan::JobGraph;
use millstream_plan::spec::NodeKind;
use millstream_sql::Outcome;
use millstream_tests::golden::flink::{Planned, Record};
use millstream_tests::golden::{Golden, files};

use crate::session::session;

/// What we plan for each query and job of INSERTs, up to the first statement we refuse.
fn planned(golden: &Golden) -> Vec<Planned> {
    let folder = tempfile::tempdir().unwrap();
    golden.lay_out(folder.path()).unwrap();
    let script = golden.script(folder.path()).unwrap();
    let mut session = session();
    let mut all = Vec::new();
    for statement in session.parse(&script).unwrap() {
        match session.execute(&statement, &script) {
            Ok(Outcome::Query(query)) => {
                let fields = query.schema.fields().iter();
                let columns: Vec<String> = fields
                    .map(|field| format!("{} {}", field.name(), ColumnType::of(field)))
                    .collect();
                all.push(Planned {
                    is_query: true,
                    modes: modes(&query.graph),
                    columns: columns.join(", "),
                    error: None,
                });
            }
            Ok(Outcome::Insert(graph)) => all.push(Planned {
                modes: modes(&graph),
                ..Planned::default()
            }),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    all
}

/// The changes that reach each sink.
fn modes(graph: &JobGraph) -> Vec<String> {
    let sinks = graph
        .nodes
        .iter()
        .filter(|node| matches!(node.kind, NodeKind::Sink(_)));
    let modes = sinks.map(|sink| graph.node(sink.inputs[0].from).changelog.to_string());
    modes
        .map(|mode| mode.trim_matches(['[', ']']).to_string())
        .collect()
}

/// Whether each sink gets insertions only.
fn appends(modes: &[String]) -> Vec<bool> {
    modes.iter().map(|mode| mode == "I").collect()
}

/// Types without what differs by design: lengths of text, and keys of maps that may be NULL.
fn plain(columns: &str) -> String {
    let mut text = columns.replace("VARCHAR(", "CHAR(");
    while let Some(start) = text.find("CHAR(") {
        let end = start + text[start..].find(')').unwrap();
        text.replace_range(start..=end, "STRING");
    }
    text.replace("MAP<STRING NOT NULL,", "MAP<STRING,")
}

/// Where our plans are not Flink's; or where they are, although the file says that they are not.
fn difference(golden: &Golden, record: &Record) -> String {
    let ours = planned(golden);
    let both = ours.iter().zip(&record.statements);
    let both: Vec<_> = both.filter(|(_, flink)| flink.error.is_none()).collect();
    let mut text = String::new();
    let mut say =
        |what: &str, why: &Option<String>, lines: Vec<String>| match (why, lines.as_slice()) {
            (None, []) | (Some(_), [_, ..]) => {}
            (Some(_), []) => {
                writeln!(text, "  '@flink-{what}' stands there, but they are Flink's").unwrap()
            }
            (None, lines) => writeln!(text, "{}", lines.join("\n")).unwrap(),
        };
    let pair = |ours: &dyn std::fmt::Debug, flink: &dyn std::fmt::Debug| {
        format!("  ours  {ours:?}\n  Flink {flink:?}")
    };
    let other_modes = both
        .iter()
        .filter(|(ours, flink)| appends(&ours.modes) != appends(&flink.modes))
        .map(|(ours, flink)| pair(&ours.modes, &flink.modes));
    say("modes", &golden.notes.modes, other_modes.collect());
    let other_types = both
        .iter()
        .filter(|(ours, flink)| plain(&ours.columns) != plain(&flink.columns))
        .map(|(ours, flink)| pair(&ours.columns, &flink.columns));
    say("types", &golden.notes.types, other_types.collect());
    text
}

#[test]
fn goldens_have_the_types_and_changes_flink_planned() {
    let mut text = String::new();
    for path in files(&[]).unwrap() {
        let golden = Golden::read(&path).unwrap();
        let Some(record) = &golden.record else {
            continue;
        };
        let difference = difference(&golden, record);
        if !difference.is_empty() {
            writeln!(text, "{}\n{difference}", path.display()).unwrap();
        }
    }
    assert!(text.is_empty(), "\n{text}");
}

#[test]
fn lengths_and_map_keys_are_left_out_of_the_comparison() {
    assert_eq!(
        plain("a CHAR(3) NOT NULL, m MAP<STRING NOT NULL, VARCHAR(2000)>, d DECIMAL(3, 1)"),
        "a STRING NOT NULL, m MAP<STRING, STRING>, d DECIMAL(3, 1)"
    );
}
