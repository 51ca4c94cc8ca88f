use expect_test::expect;

use super::parsed;

/// Each expression as it is understood.
fn check(expressions: &str, wanted: expect_test::Expect) {
    let shown: String = expressions
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let shown = parsed(&format!("SELECT {line}"));
            match shown.strip_prefix("SELECT ") {
                Some(expression) => format!("{line}\n    {expression}"),
                None => shown,
            }
        })
        .collect();
    wanted.assert_eq(&shown);
}

/// Each expression with all its parentheses.
fn check_shape(expressions: &str, wanted: expect_test::Expect) {
    use datafusion_sql::sqlparser::ast::{Expr, SelectItem, SetExpr};

    fn shape(expr: &Expr) -> String {
        match expr {
            Expr::BinaryOp { left, op, right } => {
                format!("({} {op} {})", shape(left), shape(right))
            }
            Expr::UnaryOp { op, expr } => format!("({op} {})", shape(expr)),
            Expr::Nested(expr) => shape(expr),
            Expr::IsNull(expr) => format!("({} is null)", shape(expr)),
            Expr::Between {
                expr, low, high, ..
            } => {
                format!(
                    "({} between {} and {})",
                    shape(expr),
                    shape(low),
                    shape(high)
                )
            }
            Expr::Like { expr, pattern, .. } => {
                format!("({} like {})", shape(expr), shape(pattern))
            }
            Expr::InList { expr, list, .. } => format!("({} in {})", shape(expr), list.len()),
            Expr::IsDistinctFrom(left, right) => {
                format!("({} distinct {})", shape(left), shape(right))
            }
            other => other.to_string(),
        }
    }
    let shown: String = expressions
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let statements = super::parse_script(&format!("SELECT {line}")).unwrap();
            let crate::ast::Statement::Query(query) = &statements[0].node else {
                panic!("a query");
            };
            let SetExpr::Select(select) = &*query.query.body else {
                panic!("a select");
            };
            let SelectItem::UnnamedExpr(expr) = &select.projection[0] else {
                panic!("an expression");
            };
            format!("{line:40} {}\n", shape(expr))
        })
        .collect();
    wanted.assert_eq(&shown);
}

#[test]
fn operators_bind_as_in_flink() {
    check_shape(
        "
        a OR b AND NOT c = d
        NOT a = b OR c
        NOT NOT a
        a = b IS NULL
        a + b * c - d
        a - b - c
        a || b = c || d
        a * b || c
        - a * b
        - - a
        a BETWEEN b + 1 AND c AND d
        a = b LIKE c
        a LIKE b || 'x' AND c
        a + 1 IN (1, 2) = TRUE
        a < b = c
        a IS DISTINCT FROM b + 1 AND c
        (a OR b) AND c
        ((a)) + (((b)))
        ((a) + b) * c
        ((a OR b) AND c) OR d
        a AND b AND c AND d
        ",
        expect![[""]],
    );
}

#[test]
fn a_long_chain_is_a_low_tree() {
    let statements = super::parse_script(&format!("SELECT a{}", " OR a".repeat(9_999))).unwrap();
    let text = format!("{:?}", statements[0].node);
    let (mut depth, mut deepest) = (0, 0);
    for c in text.chars() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    assert!(deepest < 60, "{deepest}");
    assert_eq!(text.matches("Or").count(), 9_999);
}

#[test]
fn literals() {
    check(
        r"
        1, 1.50, .5, 1e3, 2.5E-3
        9223372036854775807, 9223372036854775808, -9223372036854775808
        00000000000000000000000000000000000000000000000001
        'it''s', '', N'x', X'00fF', U&'\00e9\\', U&'!00e9' UESCAPE '!'
        TRUE, false, NULL, UNKNOWN
        DATE '2024-02-29', TIME '23:59:59.123', TIMESTAMP '2024-02-29 00:00:00', TIMESTAMP '0001-01-01 10:11:12.123456789'
        'a\nb', '\'
        ",
        expect![[""]],
    );
}

#[test]
fn wrong_literals_say_what_is_wanted() {
    check(
        r"
        DATE '2023-02-29'
        DATE '2023-2-9'
        TIME '24:00:00'
        TIMESTAMP '2024-01-01'
        TIMESTAMP '2024-01-01 00:00:00.'
        TIMESTAMP '2024-01-01 00:00:00.1234567890'
        123456789012345678901234567890123456789
        1e999
        12abc
        X'abc'
        U&'\00g9'
        U&'\d800'
        'a' 'b'
        'it's'
        1_000
        ",
        expect![[""]],
    );
}

#[test]
fn a_text_may_go_on_in_the_next_line() {
    expect![[""]].assert_eq(&parsed("SELECT 'a'\n  'b' -- more\n 'c'"));
}

#[test]
fn intervals_are_one_number_of_their_kind() {
    check(
        "
        INTERVAL '10' SECOND, INTERVAL '1' SECONDS, INTERVAL '0.5' SECOND(3), INTERVAL '1.2345' SECOND(2, 3)
        INTERVAL '5' MINUTE, INTERVAL '5' HOURS, INTERVAL '100' DAY(3), INTERVAL '2' WEEK
        INTERVAL '1 10' DAY TO HOUR, INTERVAL '1 10:30' DAY TO MINUTE, INTERVAL '1 10:30:15.5' DAY TO SECOND(3)
        INTERVAL '10:30' HOUR TO MINUTE, INTERVAL '10:30:15' HOUR TO SECOND, INTERVAL '30:15.25' MINUTE TO SECOND
        INTERVAL '2' YEAR, INTERVAL '3' MONTHS, INTERVAL '1' QUARTER, INTERVAL '1-6' YEAR TO MONTH
        INTERVAL -'5' SECOND, INTERVAL '-5' SECOND, INTERVAL -'-5' SECOND, INTERVAL '+1-6' YEAR TO MONTH
        INTERVAL '999999' DAY, INTERVAL -'999999 23:59:59.999' DAY TO SECOND
        ",
        expect![[""]],
    );
}

#[test]
fn wrong_intervals_say_what_is_wanted() {
    check(
        "
        INTERVAL '1 25' DAY TO HOUR
        INTERVAL '1.5' HOUR
        INTERVAL 'x' SECOND
        INTERVAL '' SECOND
        INTERVAL '1' FORTNIGHT
        INTERVAL 5 SECOND
        INTERVAL '1-12' YEAR TO MONTH
        INTERVAL '1' HOUR TO DAY
        INTERVAL '99999999999' YEAR
        INTERVAL '9223372036854775807' SECOND
        INTERVAL '92233720368547758071' DAY
        INTERVAL '1' SECOND(99)
        INTERVAL '1:2:3' HOUR TO MINUTE
        INTERVAL '1.é' SECOND
        ",
        expect![[""]],
    );
}

#[test]
fn casts_keep_the_type_as_written() {
    check(
        "
        CAST(x AS TIMESTAMP_LTZ(3)), TRY_CAST(x AS ROW<a INT, b ARRAY<STRING>>)
        CAST(x AS INT ARRAY), CAST(x AS DOUBLE PRECISION), CAST(NULL AS MAP<STRING, INT>)
        CAST(x AS INTEGR)
        CAST(x AS DECIMAL(50, 2))
        CAST(x INT)
        ",
        expect![[""]],
    );
}

#[test]
fn calls_with_a_syntax_of_their_own() {
    check(
        "
        EXTRACT(DOY FROM x), EXTRACT(second FROM x - y)
        FLOOR(ts TO HOUR), CEIL(ts TO DAYS), FLOOR(x), CEILING(x + 1)
        TIMESTAMPDIFF(SECOND, a, b), TIMESTAMPADD(MINUTE, 1, ts), timestampdiff(SQL_TSI_DAY, a, b)
        TRIM(x), TRIM(BOTH 'x' FROM s), TRIM(LEADING FROM s), TRIM('x' FROM s)
        POSITION(a IN b), POSITION('a' || 'b' IN c)
        OVERLAY(a PLACING b FROM 2), OVERLAY(a PLACING b FROM 2 FOR 3)
        SUBSTRING(s FROM 1 FOR 2), SUBSTRING(s FROM 2), SUBSTRING(s, 1, 2)
        ROW(a, 1), (a, b + 1), ROW(1), ARRAY[1, 2], ARRAY[], MAP['k', 1, 'l', 2]
        CURRENT_TIMESTAMP, LOCALTIME, CURRENT_DATE, NOW(), PROCTIME()
        JSON_VALUE(j, '$.a'), JSON_VALUE(j, '$.a' RETURNING INT NULL ON EMPTY NULL ON ERROR), JSON_EXISTS(j, '$.a' FALSE ON ERROR)
        JSON_QUERY(j, '$' WITHOUT WRAPPER), JSON_OBJECT(KEY 'a' VALUE b, 'c' VALUE d ABSENT ON NULL), JSON_ARRAY(1, x)
        ",
        expect![[""]],
    );
}

#[test]
fn wrong_special_calls() {
    check(
        "
        EXTRACT(SECNOD FROM x)
        EXTRACT(x)
        TIMESTAMPDIFF('SECOND', a, b)
        FLOOR(ts TO MOMENT)
        MAP(1, 2)
        `map`(1, 2)
        MAP['k']
        ARRAY(SELECT 1)
        MULTISET[1]
        JSON_VALUE(j, '$.a' DEFAULT 1 ON EMPTY)
        TRIM(BOTH 'x')
        ",
        expect![[""]],
    );
}

#[test]
fn predicates() {
    check(
        "
        x IS NOT DISTINCT FROM y, x IS NOT TRUE, x IS UNKNOWN
        x LIKE y ESCAPE '!', x NOT LIKE 'a%', x SIMILAR TO 'a|b' ESCAPE '!'
        x NOT IN (1, 2), x IN (SELECT a FROM t), x IN ((SELECT a FROM t)), x IN ((SELECT 1), 2)
        x IN ((SELECT 1) UNION (SELECT 2)), (a, b) IN ((1, 2), (3, 4))
        EXISTS (SELECT 1), NOT EXISTS (SELECT 1), x > ALL (SELECT 1), x = ANY (SELECT 1), x <> SOME (SELECT 1)
        ((SELECT 1) + 2) * 3, (SELECT 1), ((SELECT 1)), ((SELECT 1), 2)
        x NOT BETWEEN 1 AND 2, x BETWEEN ASYMMETRIC 1 AND 2
        CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END, CASE a WHEN 1 THEN 'x' END
        x != y, x <> y
        ",
        expect![[""]],
    );
}

#[test]
fn predicates_we_do_not_have() {
    check(
        "
        x BETWEEN SYMMETRIC 1 AND 2
        x ILIKE 'a'
        ts AT TIME ZONE 'UTC'
        x MEMBER OF y
        (a, b) OVERLAPS (c, d)
        x IS JSON
        x IS A
        x LIKE y ESCAPE 'ab'
        CASE END
        CASE WHEN a THEN END
        a = NOT b
        ",
        expect![[""]],
    );
}

#[test]
fn columns_fields_and_elements() {
    check(
        "
        a, a.b.c, `a b`.`order`, `a``b`
        arr[1], arr[i + 1].name, m['k'], t.m['k'].x[2], f(x).y, (r).a, db.f(1)
        ",
        expect![[""]],
    );
}

#[test]
fn aggregates_and_windows() {
    check(
        "
        COUNT(*), COUNT(DISTINCT a, b), SUM(ALL a), COUNT(*) FILTER (WHERE a > 1)
        LISTAGG(a, ',') WITHIN GROUP (ORDER BY b), ARRAY_AGG(a IGNORE NULLS ORDER BY b DESC)
        ROW_NUMBER() OVER (PARTITION BY a ORDER BY ts DESC), LAG(a, 1) IGNORE NULLS OVER w
        SUM(a) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW)
        SUM(a) OVER (w ROWS BETWEEN 10 PRECEDING AND UNBOUNDED FOLLOWING), SUM(a) OVER (ROWS UNBOUNDED PRECEDING)
        YEAR(ts), LEFT(a, 1), IF(a, b, c), `upper`(x), UUID()
        ",
        expect![[""]],
    );
}

#[test]
fn reserved_words_are_names_only_in_backticks() {
    check(
        "
        timestamp
        value + 1
        a.order
        count
        1 AS end
        1 AS `end`, `value`, `timestamp`
        1 AS key, size, data, options, if, quarter
        `order`.`from`
        SELECT(1)
        TABLE(1)
        ",
        expect![[""]],
    );
}
