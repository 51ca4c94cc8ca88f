//! The columns of golden queries have the types that a real Flink gives them.
//!
//! The records of the files say them. Lengths of texts and keys of maps are left out: there we differ
//! by design (`docs/reference/flink-differences.md`). A file with `@flink-types` differs elsewhere.

use millstream_core::types::ColumnType;
use millstream_sql::Outcome;
use millstream_tests::golden::{Golden, files};

use crate::session::session;

/// A list of columns without what is left out.
fn plain(columns: &str) -> String {
    let mut text = columns.replace('`', "");
    for name in ["VARCHAR(", "CHAR("] {
        while let Some(start) = text.find(name) {
            let end = text[start..].find(')').unwrap() + start;
            text.replace_range(start..=end, "STRING");
        }
    }
    for key in ["STRING", "INT"] {
        text = text.replace(&format!("MAP<{key} NOT NULL,"), &format!("MAP<{key},"));
    }
    text
}

/// The columns of a file's queries, as ours and as Flink's.
fn columns(golden: &Golden) -> Vec<(String, String)> {
    let Some(record) = &golden.record else {
        return Vec::new();
    };
    let folder = tempfile::tempdir().unwrap();
    golden.lay_out(folder.path()).unwrap();
    let script = golden.script(folder.path()).unwrap();
    let mut session = session();
    let mut planned = record.statements.iter().filter(|one| one.is_query);
    let mut found = Vec::new();
    for statement in session.parse(&script).unwrap() {
        let Ok(Outcome::Query(query)) = session.execute(&statement, &script) else {
            continue;
        };
        let fields = query.schema.fields().iter();
        let ours: Vec<String> = fields
            .map(|field| format!("{} {}", field.name(), ColumnType::of(field)))
            .collect();
        let Some(flink) = planned.next() else {
            panic!(
                "{}: more queries than Flink was asked",
                golden.path.display()
            );
        };
        if flink.error.is_none() {
            found.push((plain(&ours.join(", ")), plain(&flink.columns)));
        }
    }
    found
}

#[test]
fn columns_have_the_types_flink_gives_them() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for path in files(&[]).unwrap() {
        let golden = Golden::read(&path).unwrap();
        if golden.notes.types.is_some() {
            continue;
        }
        for (ours, flink) in columns(&golden) {
            compared += ours.split(", ").count();
            if ours != flink {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                wrong.push(format!("{name}\n  ours  {ours}\n  Flink {flink}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 1_000, "only {compared} columns were compared");
}
