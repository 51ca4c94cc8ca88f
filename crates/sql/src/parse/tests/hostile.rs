//! Text that wants to break the parser: it gets an error or an answer, quickly.

use std::time::Duration;

use millstream_core::{Code, Result};
use proptest::prelude::*;

use crate::ast::{Spanned, Statement};
use crate::limits::{DEPTH_MAX, NODES_MAX, SQL_BYTES_MAX};
use crate::parse::{parse_script, split_statement};

/// Parses on another thread and fails if that takes long; the limit is far above what is usual.
fn quickly(sql: String) -> Result<Vec<Spanned<Statement>>> {
    let (answer, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = split_statement(&sql);
        answer.send(parse_script(&sql))
    });
    wait.recv_timeout(Duration::from_secs(20))
        .expect("the parser answers in time")
}

fn refused(sql: String, code: Code) {
    let shown = sql.chars().take(60).collect::<String>();
    match quickly(sql) {
        Ok(_) => panic!("accepted: {shown}"),
        Err(error) => {
            assert_eq!(error.code(), code, "{shown}: {error}");
            assert!(error.report().len() < 2_000, "{shown}: a long report");
        }
    }
}

#[test]
fn a_chain_of_ten_thousand_terms_is_accepted() {
    let terms = vec!["a = 1"; 10_000];
    for word in [" OR ", " AND "] {
        let sql = format!("SELECT * FROM t WHERE {}", terms.join(word));
        assert_eq!(quickly(sql).unwrap().len(), 1);
    }
    let list: Vec<String> = (0..40_000).map(|n| n.to_string()).collect();
    assert!(quickly(format!("SELECT a IN ({}) FROM t", list.join(", "))).is_ok());
}

#[test]
fn deep_nesting_is_refused_in_every_place() {
    let n = 100_000;
    let nested = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(n), close.repeat(n))
    };
    for sql in [
        format!("SELECT {}", nested("(", "1", ")")),
        format!("SELECT {}", "(".repeat(n)),
        format!("SELECT * FROM {}", nested("(", "t", ")")),
        nested("(", "SELECT 1", ")"),
        format!("SELECT {} 1", "NOT ".repeat(n)),
        format!("SELECT {} 1", "- ".repeat(n)),
        format!("SELECT {}", nested("f(", "1", ")")),
        format!("SELECT {}", nested("a[", "1", "]")),
        format!("SELECT {}", nested("ARRAY[", "1", "]")),
        format!("SELECT {}", nested("CASE WHEN ", "1", " THEN 1 END")),
        format!("SELECT {}", "CASE ".repeat(n)),
        format!("SELECT {}", "x IN (".repeat(n)),
        format!("SELECT * FROM {}", "(SELECT * FROM ".repeat(20_000)),
        format!("SELECT * FROM {}", "((SELECT * FROM ".repeat(20_000)),
        format!("SELECT * FROM {}", "TUMBLE(".repeat(n)),
        format!("SELECT {}", "EXISTS (SELECT ".repeat(20_000)),
        format!("SELECT 1 {}", "UNION SELECT 1 ".repeat(20_000)),
        format!("SELECT 1{}", " + 1".repeat(n)),
        format!("SELECT a{}", "[1]".repeat(n)),
        format!("SELECT * FROM t{}", " JOIN t ON a".repeat(20_000)),
        format!("SELECT * FROM t{}", ", t".repeat(n)),
        format!("SELECT x BETWEEN {}", "1 AND 1 BETWEEN ".repeat(20_000)),
        format!("SELECT CAST(1 AS {})", "ROW<a ".repeat(n)),
    ] {
        refused(sql, Code::TooComplex);
    }
}

#[test]
fn nesting_that_makes_a_backtracking_parser_exponential_is_quick() {
    let n = 60;
    for sql in [
        "SELECT * FROM ".to_string()
            + &"((SELECT 1) a JOIN ".repeat(n)
            + "b"
            + &" ON TRUE)".repeat(n),
        format!(
            "SELECT {}1{}",
            "x IN ((SELECT 1), ".repeat(n),
            ")".repeat(n)
        ),
        format!("SELECT {}1{}", "((SELECT 1) + (".repeat(n), "))".repeat(n)),
        format!("SELECT {}1{}", "f(a => (".repeat(n), "))".repeat(n)),
        format!(
            "SELECT {}1{}",
            "INTERVAL '1' DAY + ((".repeat(n),
            "))".repeat(n)
        ),
    ] {
        assert!(quickly(sql.clone()).is_ok(), "{sql}");
    }
}

#[test]
fn within_the_limits_the_tallest_statement_is_parsed_and_dropped_on_a_small_stack() {
    let depth = DEPTH_MAX - 20;
    let nested = format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
    let chain = format!("SELECT 1{}", " + 1".repeat(depth));
    let union = format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(depth));
    for sql in [nested, chain, union] {
        let small = std::thread::Builder::new().stack_size(1 << 20);
        let work = move || parse_script(&sql).map(|statements| statements.len());
        let parsed = small.spawn(work).unwrap().join().unwrap();
        assert_eq!(parsed.unwrap(), 1);
    }
}

#[test]
fn size_has_limits() {
    refused(
        format!("SELECT {}", "x".repeat(SQL_BYTES_MAX - 100)),
        Code::TooComplex,
    );
    refused(format!("SELECT `{}`", "x".repeat(1_000)), Code::TooComplex);
    refused(" ".repeat(SQL_BYTES_MAX + 1), Code::TooComplex);
    refused(
        format!("SELECT {}1", "1,".repeat(NODES_MAX)),
        Code::TooComplex,
    );
    refused(format!("SELECT {}", "1,".repeat(400_000)), Code::TooComplex);
    refused(";".repeat(600_000), Code::TooComplex);
    assert!(quickly(format!("SELECT '{}'", "x".repeat(1_000_000))).is_ok());
    assert!(quickly(format!("SELECT `{}`", "ä".repeat(256))).is_ok());
}

#[test]
fn open_ends_are_errors() {
    for sql in [
        "SELECT 'a",
        "SELECT /*",
        "SELECT `",
        "SELECT \0",
        "\0",
        "SELECT U&'\\",
        "/*+",
        "X'",
    ] {
        refused(sql.to_string(), Code::Syntax);
    }
}

/// One of everything, to be cut and mixed.
const SEEDS: &[&str] = &[
    "CREATE TEMPORARY TABLE t (a INT NOT NULL PRIMARY KEY NOT ENFORCED, b AS a + 1 COMMENT 'x', \
     c ROW<d INT 'e', f ARRAY<STRING>> METADATA FROM 'k' VIRTUAL, ts TIMESTAMP(3), \
     WATERMARK FOR ts AS ts - INTERVAL '4' SECOND) COMMENT 'c' PARTITIONED BY (a) \
     WITH ('connector' = 'print') LIKE u (INCLUDING ALL)",
    "EXECUTE STATEMENT SET BEGIN INSERT INTO a (x) /*+ OPTIONS('k'='v') */ VALUES (1, 'a'); END;",
    "WITH q AS (SELECT 1) SELECT DISTINCT q.*, CASE WHEN a IN ((SELECT 1), 2) THEN U&'\\00e9' END \
     FROM TABLE(HOP(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '1' DAY, \
     SIZE => INTERVAL '2' DAY)) AS w JOIN ((SELECT 1) UNION (VALUES (1))) x ON a.b[1] = x.y \
     WHERE a BETWEEN 1 AND .5e3 GROUP BY GROUPING SETS ((a), ()) ORDER BY 1 DESC LIMIT 1;",
    "EXPLAIN CHANGELOG_MODE SELECT EXTRACT(DAY FROM x), FLOOR(t TO HOUR), TRIM(BOTH 'x' FROM s), \
     CAST(x AS MAP<INT, INT>), SUM(a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d ROWS 1 PRECEDING)",
    "SHOW TABLES FROM d LIKE 'x'; SET 'a' = 'b'; ALTER TABLE t SET ('k' = 'v'); USE CATALOG c; RESET;",
];

/// Pieces a mutation may put anywhere.
const PIECES: &[&str] = &[
    "(",
    ")",
    "((",
    "'",
    "`",
    "\"",
    "--",
    "/*",
    "*/",
    "/*+",
    ";",
    ",",
    ".",
    "[",
    "]",
    "<",
    ">",
    "=>",
    "\0",
    "é",
    "🦀",
    "\u{2028}",
    "SELECT",
    "FROM",
    "TABLE",
    "NOT",
    "IN",
    "INTERVAL '1'",
    "U&'\\",
    "X'0",
    "1e",
    "..",
    "BEGIN",
    "END",
    "AS",
    "TUMBLE(",
    "CASE",
    "UNION",
    "NULL",
    "0x",
    "::",
    "{",
    "}",
    "\n",
    "\t",
    "\r",
];

fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        0..4u8,
        0..PIECES.len(),
        0..40usize,
    );
    let edits = prop::collection::vec(edit, 1..12);
    (0..SEEDS.len(), edits).prop_map(|(seed, edits)| {
        let mut chars: Vec<char> = SEEDS[seed].chars().collect();
        for (at, what, piece, length) in edits {
            if chars.is_empty() {
                break;
            }
            let at = at.index(chars.len());
            let end = (at + length).min(chars.len());
            match what {
                0 => drop(chars.drain(at..end)),
                1 => drop(chars.splice(at..at, PIECES[piece].chars())),
                2 => chars.truncate(at),
                _ => {
                    let copy = chars[at..end].to_vec();
                    drop(chars.splice(at..at, copy));
                }
            }
        }
        chars.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn mutated_sql_gets_an_answer(sql in mutated()) {
        if let Err(error) = quickly(sql) {
            prop_assert_ne!(error.code(), Code::Internal, "{}", error);
            prop_assert!(error.location().is_some());
        }
    }

    #[test]
    fn any_text_gets_an_answer(sql in "\\PC{0,200}") {
        if let Err(error) = quickly(sql) {
            prop_assert_ne!(error.code(), Code::Internal, "{}", error);
        }
    }

    #[test]
    fn a_split_statement_is_a_prefix(sql in mutated()) {
        if let crate::parse::Split::Complete { end } = split_statement(&sql) {
            prop_assert!(sql[..end].ends_with(';'));
        }
    }
}
