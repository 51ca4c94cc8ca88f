//! MATCH_RECOGNIZE: what Flink refuses is refused, with the place and a way out.

use crate::kit::{Place, clicks};

/// Runs a clause over the clicks, whose columns are `page`, `ts` and others.
fn refused(clause: &str, code: &str, said: &[&str]) {
    let place = Place::with_clicks();
    let sql = clicks("") + &format!("SELECT * FROM clicks MATCH_RECOGNIZE ({clause});");
    place.sql(&sql, &[]).is_mistake(code, said);
}

fn with_order(rest: &str) -> String {
    format!("ORDER BY ts {rest}")
}

#[test]
fn the_order_begins_with_an_ascending_time_attribute() {
    let rest = "MEASURES A.page AS p PATTERN (A B) DEFINE A AS TRUE";
    refused(rest, "MS1009", &["wants ORDER BY a time attribute"]);
    refused(
        &format!("ORDER BY ts DESC {rest}"),
        "MS1009",
        &["ascending", "found DESC"],
    );
    refused(
        &format!("ORDER BY page, ts {rest}"),
        "MS1009",
        &["is an ordinary column", "declare WATERMARK"],
    );
}

#[test]
fn a_pattern_has_to_be_there_and_to_end() {
    let of = |pattern: &str| {
        with_order(&format!(
            "MEASURES A.page AS p PATTERN ({pattern}) DEFINE A AS A.page = 'x'"
        ))
    };
    refused(&of("A*"), "MS1009", &["without any row", "'+'"]);
    refused(&of("A? B{,2}?"), "MS1009", &["without any row"]);
    refused(&of("A B+"), "MS1009", &["greedy", "add a variable"]);
    refused(&of("A B{1,2}"), "MS1009", &["greedy"]);
    refused(&of("A?? B"), "MS1002", &["reluctant optional", "'A?'"]);
    refused(
        &of("A B A"),
        "MS1002",
        &["'A' stands twice", "another name"],
    );
    refused(&of("^A B"), "MS1002", &["anchor"]);
    refused(&of("A {- B -} C"), "MS1002", &["leave the braces out"]);
    refused(&of("A{100001} B"), "MS1010", &["more than"]);
}

#[test]
fn a_measure_looks_at_rows_of_one_variable() {
    let of = |measure: &str| {
        with_order(&format!(
            "MEASURES {measure} AS m PATTERN (A B) DEFINE A AS TRUE"
        ))
    };
    refused(
        &of("COUNT(DISTINCT A.page)"),
        "MS1002",
        &["DISTINCT", "leave DISTINCT out"],
    );
    refused(
        &of("MAX(A.page || B.page)"),
        "MS1009",
        &["'A' and of 'B'", "LAST(A.x) * LAST(B.y)"],
    );
    refused(&of("LAST(A.page || page)"), "MS1009", &["the whole match"]);
    refused(&of("LAST(FIRST(A.page))"), "MS1009", &["inside of another"]);
    refused(&of("LAST(A.page, B.page)"), "MS1009", &["number of rows"]);
    refused(&of("PREV(A.page)"), "MS1002", &["PREV", "LAST(A.x, 1)"]);
    refused(&of("MATCH_NUMBER()"), "MS1002", &["MATCH_NUMBER"]);
    refused(&of("A.pgae"), "MS1004", &["did you mean 'page'?"]);
    refused(&of("COUNT(*) FILTER (WHERE TRUE)"), "MS1002", &["FILTER"]);
    refused(
        &format!(
            "PARTITION BY page {}",
            of("A.page").replace(" AS m", " AS page")
        ),
        "MS1009",
        &["'page' is defined twice"],
    );
}

#[test]
fn clauses_name_variables_of_the_pattern() {
    let of = |skip: &str, define: &str| {
        with_order(&format!(
            "MEASURES A.page AS p {skip} PATTERN (A B) DEFINE {define}"
        ))
    };
    refused(
        &of("AFTER MATCH SKIP TO C", "A AS TRUE"),
        "MS1009",
        &["'C' is not in"],
    );
    refused(
        &of("", "C AS TRUE"),
        "MS1009",
        &["'C' is not in the PATTERN"],
    );
    refused(
        &of("", "A AS TRUE, A AS FALSE"),
        "MS1009",
        &["defined twice"],
    );
    refused(&of("", "A AS A.page"), "MS1009", &["wants a condition"]);
    refused(
        &of("", "A AS MATCH_ROWTIME() > ts"),
        "MS1009",
        &["MEASURES only"],
    );
    refused(
        &of("", "A AS page IN (SELECT 'x')"),
        "MS1002",
        &["subquery", "join"],
    );
}

#[test]
fn other_modes_are_not_supported() {
    refused(
        &with_order("MEASURES A.page AS p ALL ROWS PER MATCH PATTERN (A) DEFINE A AS TRUE"),
        "MS1002",
        &["ALL ROWS PER MATCH", "ONE ROW PER MATCH"],
    );
    refused(
        &with_order("MEASURES A.page AS p PATTERN (A) SUBSET U = (A) DEFINE A AS TRUE"),
        "MS1002",
        &["SUBSET"],
    );
    refused(
        &with_order("PATTERN (A) DEFINE A AS TRUE"),
        "MS1009",
        &["has no columns"],
    );
    refused(
        &with_order("MEASURES A.page AS p PATTERN (A) WITHIN INTERVAL '1' YEAR DEFINE A AS TRUE"),
        "MS1009",
        &["found months or years"],
    );
}
