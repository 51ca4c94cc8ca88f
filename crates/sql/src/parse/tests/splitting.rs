use crate::parse::{Split, split_statement};

/// The first statement of `sql`, if it is whole.
fn first(sql: &str) -> Option<&str> {
    match split_statement(sql) {
        Split::Complete { end } => Some(&sql[..end]),
        Split::Incomplete => None,
    }
}

#[test]
fn a_statement_ends_at_its_semicolon() {
    assert_eq!(first("SELECT 1; SELECT 2;"), Some("SELECT 1;"));
    assert_eq!(first("SELECT 1"), None);
    assert_eq!(first(""), None);
    assert_eq!(first("  -- nothing"), None);
    assert_eq!(first(";"), Some(";"));
}

#[test]
fn quotes_and_comments_hide_a_semicolon() {
    assert_eq!(
        first("SELECT ';', `;` -- ;\n /* ; */ ;"),
        Some("SELECT ';', `;` -- ;\n /* ; */ ;")
    );
    for open in ["SELECT 'a;", "SELECT `a;", "SELECT /* ;", "SELECT -- ;"] {
        assert_eq!(first(open), None, "{open}");
    }
}

#[test]
fn a_statement_set_is_one_statement() {
    let insert = "INSERT INTO a SELECT CASE WHEN b THEN 1 END;";
    for set in [
        format!("EXECUTE STATEMENT SET BEGIN {insert} {insert} END;"),
        format!("EXPLAIN STATEMENT SET BEGIN {insert} END;"),
        format!("BEGIN STATEMENT SET; {insert} END;"),
        format!("begin statement set;{insert};end ;"),
    ] {
        assert_eq!(first(&format!("{set} SELECT 1;")), Some(&*set));
        assert_eq!(first(&set[..set.len() - 4]), None);
    }
}

#[test]
fn a_wrong_begin_does_not_swallow_what_follows() {
    assert_eq!(first("BEGIN; SELECT 1;"), Some("BEGIN;"));
    assert_eq!(
        first("EXECUTE SELECT 1; SELECT 2;"),
        Some("EXECUTE SELECT 1;")
    );
    assert_eq!(first("SELECT \\ ; SELECT 1;"), Some("SELECT \\ ;"));
}
