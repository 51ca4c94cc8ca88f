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
        expect![[r#"
            a OR b AND NOT c = d                     (a OR (b AND (NOT (c = d))))
            NOT a = b OR c                           ((NOT (a = b)) OR c)
            NOT NOT a                                (NOT (NOT a))
            a = b IS NULL                            ((a = b) is null)
            a + b * c - d                            ((a + (b * c)) - d)
            a - b - c                                ((a - b) - c)
            a || b = c || d                          ((a || b) = (c || d))
            a * b || c                               ((a * b) || c)
            - a * b                                  ((- a) * b)
            - - a                                    (- (- a))
            a BETWEEN b + 1 AND c AND d              ((a between (b + 1) and c) AND d)
            a = b LIKE c                             (a = (b like c))
            a LIKE b || 'x' AND c                    ((a like (b || 'x')) AND c)
            a + 1 IN (1, 2) = TRUE                   (((a + 1) in 2) = true)
            a < b = c                                ((a < b) = c)
            a IS DISTINCT FROM b + 1 AND c           ((a distinct (b + 1)) AND c)
            (a OR b) AND c                           ((a OR b) AND c)
            ((a)) + (((b)))                          (a + b)
            ((a) + b) * c                            ((a + b) * c)
            ((a OR b) AND c) OR d                    (((a OR b) AND c) OR d)
            a AND b AND c AND d                      (((a AND b) AND c) AND d)
        "#]],
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
        expect![[r#"
            1, 1.50, .5, 1e3, 2.5E-3
                1, 1.50, .5, DOUBLE '1e3', DOUBLE '2.5E-3'
            9223372036854775807, 9223372036854775808, -9223372036854775808
                9223372036854775807, DECIMAL(19, 0) '9223372036854775808', -9223372036854775808
            00000000000000000000000000000000000000000000000001
                00000000000000000000000000000000000000000000000001
            'it''s', '', N'x', X'00fF', U&'\00e9\\', U&'!00e9' UESCAPE '!'
                'it''s', '', 'x', X'00fF', 'é\', 'é'
            TRUE, false, NULL, UNKNOWN
                true, false, NULL, NULL
            DATE '2024-02-29', TIME '23:59:59.123', TIMESTAMP '2024-02-29 00:00:00', TIMESTAMP '0001-01-01 10:11:12.123456789'
                DATE '2024-02-29', TIME(3) '23:59:59.123', TIMESTAMP(0) '2024-02-29 00:00:00', TIMESTAMP(9) '0001-01-01 10:11:12.123456789'
            'a\nb', '\'
                'a\nb', '\'
        "#]],
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
        expect![[r#"
            error[MS1001]: DATE wants 'yyyy-MM-dd', found '2023-02-29'
              --> line 1, column 13
               |
             1 | SELECT DATE '2023-02-29'
               |             ^^^^^^^^^^^^
            error[MS1001]: DATE wants 'yyyy-MM-dd', found '2023-2-9'
              --> line 1, column 13
               |
             1 | SELECT DATE '2023-2-9'
               |             ^^^^^^^^^^
            error[MS1001]: TIME wants 'HH:mm:ss' with up to nine decimals, found '24:00:00'
              --> line 1, column 13
               |
             1 | SELECT TIME '24:00:00'
               |             ^^^^^^^^^^
            error[MS1001]: TIMESTAMP wants 'yyyy-MM-dd HH:mm:ss' with up to nine decimals, found '2024-01-01'
              --> line 1, column 18
               |
             1 | SELECT TIMESTAMP '2024-01-01'
               |                  ^^^^^^^^^^^^
            error[MS1001]: TIMESTAMP wants 'yyyy-MM-dd HH:mm:ss' with up to nine decimals, found '2024-01-01 00:00:00.'
              --> line 1, column 18
               |
             1 | SELECT TIMESTAMP '2024-01-01 00:00:00.'
               |                  ^^^^^^^^^^^^^^^^^^^^^^
            error[MS1001]: TIMESTAMP wants 'yyyy-MM-dd HH:mm:ss' with up to nine decimals, found '2024-01-01 00:00:00.1234567890'
              --> line 1, column 18
               |
             1 | SELECT TIMESTAMP '2024-01-01 00:00:00.1234567890'
               |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            error[MS1001]: the number '123456789012345678901234567890123456789' has more than 38 digits
              --> line 1, column 8
               |
             1 | SELECT 123456789012345678901234567890123456789
               |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            error[MS1001]: the number '1e999' is too large for a DOUBLE
              --> line 1, column 8
               |
             1 | SELECT 1e999
               |        ^^^^^
            error[MS1001]: '12abc' is neither a number nor a name
              --> line 1, column 8
               |
             1 | SELECT 12abc
               |        ^^^^^
              hint: a name that begins with a digit stands in backticks
            error[MS1001]: wanted pairs of hexadecimal digits between X' and '
              --> line 1, column 8
               |
             1 | SELECT X'abc'
               |        ^^^^^^
            error[MS1001]: wanted four hexadecimal digits of a character after '\'
              --> line 1, column 8
               |
             1 | SELECT U&'\00g9'
               |        ^^^^^^^^^
            error[MS1001]: wanted four hexadecimal digits of a character after '\'
              --> line 1, column 8
               |
             1 | SELECT U&'\d800'
               |        ^^^^^^^^^
            error[MS1001]: wanted an operator or a comma, found a text
              --> line 1, column 12
               |
             1 | SELECT 'a' 'b'
               |            ^^^
              hint: a quote within a text is written twice: 'it''s'
            error[MS1001]: a text is not closed by '
              --> line 1, column 13
               |
             1 | SELECT 'it's'
               |             ^
            error[MS1001]: '1_000' is neither a number nor a name
              --> line 1, column 8
               |
             1 | SELECT 1_000
               |        ^^^^^
              hint: a name that begins with a digit stands in backticks
        "#]],
    );
}

#[test]
fn a_text_may_go_on_in_the_next_line() {
    expect![[r#"
        SELECT 'abc'
    "#]]
    .assert_eq(&parsed("SELECT 'a'\n  'b' -- more\n 'c'"));
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
        expect![[r#"
            INTERVAL '10' SECOND, INTERVAL '1' SECONDS, INTERVAL '0.5' SECOND(3), INTERVAL '1.2345' SECOND(2, 3)
                INTERVAL '10 SECONDS', INTERVAL '1 SECONDS', INTERVAL '0.500 SECONDS', INTERVAL '1.234 SECONDS'
            INTERVAL '5' MINUTE, INTERVAL '5' HOURS, INTERVAL '100' DAY(3), INTERVAL '2' WEEK
                INTERVAL '300 SECONDS', INTERVAL '18000 SECONDS', INTERVAL '8640000 SECONDS', INTERVAL '1209600 SECONDS'
            INTERVAL '1 10' DAY TO HOUR, INTERVAL '1 10:30' DAY TO MINUTE, INTERVAL '1 10:30:15.5' DAY TO SECOND(3)
                INTERVAL '122400 SECONDS', INTERVAL '124200 SECONDS', INTERVAL '124215.500 SECONDS'
            INTERVAL '10:30' HOUR TO MINUTE, INTERVAL '10:30:15' HOUR TO SECOND, INTERVAL '30:15.25' MINUTE TO SECOND
                INTERVAL '37800 SECONDS', INTERVAL '37815 SECONDS', INTERVAL '1815.250 SECONDS'
            INTERVAL '2' YEAR, INTERVAL '3' MONTHS, INTERVAL '1' QUARTER, INTERVAL '1-6' YEAR TO MONTH
                INTERVAL '24 MONTHS', INTERVAL '3 MONTHS', INTERVAL '3 MONTHS', INTERVAL '18 MONTHS'
            INTERVAL -'5' SECOND, INTERVAL '-5' SECOND, INTERVAL -'-5' SECOND, INTERVAL '+1-6' YEAR TO MONTH
                INTERVAL '-5 SECONDS', INTERVAL '-5 SECONDS', INTERVAL '5 SECONDS', INTERVAL '18 MONTHS'
            INTERVAL '999999' DAY, INTERVAL -'999999 23:59:59.999' DAY TO SECOND
                INTERVAL '999999 DAYS 0 SECONDS', INTERVAL '-999999 DAYS -86399.999 SECONDS'
        "#]],
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
        expect![[r#"
            error[MS1001]: the interval wants days and hours such as '1 12', found '1 25'
              --> line 1, column 17
               |
             1 | SELECT INTERVAL '1 25' DAY TO HOUR
               |                 ^^^^^^
            error[MS1001]: the interval wants a whole number such as '10', found '1.5'
              --> line 1, column 17
               |
             1 | SELECT INTERVAL '1.5' HOUR
               |                 ^^^^^
            error[MS1001]: the interval wants a number such as '10' or '0.5', found 'x'
              --> line 1, column 17
               |
             1 | SELECT INTERVAL 'x' SECOND
               |                 ^^^
            error[MS1001]: the interval wants a number such as '10' or '0.5', found ''
              --> line 1, column 17
               |
             1 | SELECT INTERVAL '' SECOND
               |                 ^^
            error[MS1001]: wanted YEAR, MONTH, DAY, HOUR, MINUTE or SECOND, found 'FORTNIGHT'
              --> line 1, column 21
               |
             1 | SELECT INTERVAL '1' FORTNIGHT
               |                     ^^^^^^^^^
            error[MS1001]: wanted a number in quotes, found '5'
              --> line 1, column 17
               |
             1 | SELECT INTERVAL 5 SECOND
               |                 ^
              hint: an interval is written INTERVAL '5' MINUTE
            error[MS1001]: the interval wants years-months such as '1-6', found '1-12'
              --> line 1, column 17
               |
             1 | SELECT INTERVAL '1-12' YEAR TO MONTH
               |                 ^^^^^^
            error[MS1001]: 'DAY' cannot be the end of this interval
              --> line 1, column 29
               |
             1 | SELECT INTERVAL '1' HOUR TO DAY
               |                             ^^^
            error[MS1001]: the interval is too long
              --> line 1, column 17
               |
             1 | SELECT INTERVAL '99999999999' YEAR
               |                 ^^^^^^^^^^^^^
            error[MS1001]: the interval wants a number such as '10' or '0.5', found '9223372036854775807'
              --> line 1, column 17
               |
             1 | SELECT INTERVAL '9223372036854775807' SECOND
               |                 ^^^^^^^^^^^^^^^^^^^^^
            error[MS1001]: the interval wants a whole number such as '10', found '92233720368547758071'
              --> line 1, column 17
               |
             1 | SELECT INTERVAL '92233720368547758071' DAY
               |                 ^^^^^^^^^^^^^^^^^^^^^^
            error[MS1001]: wanted a precision from 0 to 10, found '99'
              --> line 1, column 28
               |
             1 | SELECT INTERVAL '1' SECOND(99)
               |                            ^^
            error[MS1001]: the interval wants hours and minutes such as '12:30', found '1:2:3'
              --> line 1, column 17
               |
             1 | SELECT INTERVAL '1:2:3' HOUR TO MINUTE
               |                 ^^^^^^^
            error[MS1001]: the interval wants a number such as '10' or '0.5', found '1.é'
              --> line 1, column 17
               |
             1 | SELECT INTERVAL '1.é' SECOND
               |                 ^^^^^
        "#]],
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
        expect![[r#"
            CAST(x AS TIMESTAMP_LTZ(3)), TRY_CAST(x AS ROW<a INT, b ARRAY<STRING>>)
                CAST(x AS TIMESTAMP_LTZ(3)), TRY_CAST(x AS ROW<a INT, b ARRAY<STRING>>)
            CAST(x AS INT ARRAY), CAST(x AS DOUBLE PRECISION), CAST(NULL AS MAP<STRING, INT>)
                CAST(x AS INT ARRAY), CAST(x AS DOUBLE PRECISION), CAST(NULL AS MAP<STRING, INT>)
            error[MS1001]: unknown type 'INTEGR'
              --> line 1, column 18
               |
             1 | SELECT CAST(x AS INTEGR)
               |                  ^^^^^^
              hint: did you mean 'INTEGER'?
            error[MS1001]: wanted a precision from 1 to 38, found '50'
              --> line 1, column 26
               |
             1 | SELECT CAST(x AS DECIMAL(50, 2))
               |                          ^^
            error[MS1001]: wanted AS, found 'INT'
              --> line 1, column 15
               |
             1 | SELECT CAST(x INT)
               |               ^^^
        "#]],
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
        JSON_VALUE(j, '$.a' DEFAULT 1 ON EMPTY), JSON_EXISTS(j, '$.a' TRUE ON ERROR)
        JSON_QUERY(j, '$' WITH WRAPPER EMPTY ARRAY ON ERROR), JSON_QUERY(j, '$' RETURNING ARRAY<STRING>)
        x BETWEEN SYMMETRIC 1 AND 2, (a, b) OVERLAPS (c, d), (a - b) DAY TO SECOND, (a - b) MONTH, PI
        JSON_QUERY(j, '$' WITHOUT WRAPPER), JSON_OBJECT(KEY 'a' VALUE b, 'c' VALUE d ABSENT ON NULL), JSON_ARRAY(1, x)
        ",
        expect![[r#"
            EXTRACT(DOY FROM x), EXTRACT(second FROM x - y)
                EXTRACT(DOY FROM x), EXTRACT(SECOND FROM x - y)
            FLOOR(ts TO HOUR), CEIL(ts TO DAYS), FLOOR(x), CEILING(x + 1)
                floor_to(ts, 'HOUR'), ceil_to(ts, 'DAY'), floor(x), ceil(x + 1)
            TIMESTAMPDIFF(SECOND, a, b), TIMESTAMPADD(MINUTE, 1, ts), timestampdiff(SQL_TSI_DAY, a, b)
                timestampdiff('SECOND', a, b), timestampadd('MINUTE', 1, ts), timestampdiff('DAY', a, b)
            TRIM(x), TRIM(BOTH 'x' FROM s), TRIM(LEADING FROM s), TRIM('x' FROM s)
                TRIM(x), TRIM(BOTH 'x' FROM s), TRIM(LEADING s), TRIM(BOTH 'x' FROM s)
            POSITION(a IN b), POSITION('a' || 'b' IN c)
                POSITION(a IN b), POSITION('a' || 'b' IN c)
            OVERLAY(a PLACING b FROM 2), OVERLAY(a PLACING b FROM 2 FOR 3)
                OVERLAY(a PLACING b FROM 2), OVERLAY(a PLACING b FROM 2 FOR 3)
            SUBSTRING(s FROM 1 FOR 2), SUBSTRING(s FROM 2), SUBSTRING(s, 1, 2)
                SUBSTRING(s FROM 1 FOR 2), SUBSTRING(s FROM 2), SUBSTRING(s, 1, 2)
            ROW(a, 1), (a, b + 1), ROW(1), ARRAY[1, 2], ARRAY[], MAP['k', 1, 'l', 2]
                STRUCT(a, 1), STRUCT(a, b + 1), STRUCT(1), ARRAY[1, 2], ARRAY[], MAP {'k': 1, 'l': 2}
            CURRENT_TIMESTAMP, LOCALTIME, CURRENT_DATE, NOW(), PROCTIME()
                CURRENT_TIMESTAMP, LOCALTIME, CURRENT_DATE, NOW(), PROCTIME()
            JSON_VALUE(j, '$.a'), JSON_VALUE(j, '$.a' RETURNING INT NULL ON EMPTY NULL ON ERROR), JSON_EXISTS(j, '$.a' FALSE ON ERROR)
                json_value(j, '$.a'), TRY_CAST(json_value(j, '$.a', 'NULL', NULL, 'NULL', NULL) AS INT), json_exists(j, '$.a', 'FALSE')
            JSON_VALUE(j, '$.a' DEFAULT 1 ON EMPTY), JSON_EXISTS(j, '$.a' TRUE ON ERROR)
                json_value(j, '$.a', 'DEFAULT', CAST(1 AS STRING), 'NULL', NULL), json_exists(j, '$.a', 'TRUE')
            JSON_QUERY(j, '$' WITH WRAPPER EMPTY ARRAY ON ERROR), JSON_QUERY(j, '$' RETURNING ARRAY<STRING>)
                json_query(j, '$', 'UNCONDITIONAL', 'NULL', 'EMPTY ARRAY'), json_query_array(j, '$')
            x BETWEEN SYMMETRIC 1 AND 2, (a, b) OVERLAPS (c, d), (a - b) DAY TO SECOND, (a - b) MONTH, PI
                between_symmetric(x, 1, 2), overlaps(a, b, c, d), time_difference(a, b), CAST(timestampdiff('MONTH', b, a) AS INTERVAL MONTH), PI
            JSON_QUERY(j, '$' WITHOUT WRAPPER), JSON_OBJECT(KEY 'a' VALUE b, 'c' VALUE d ABSENT ON NULL), JSON_ARRAY(1, x)
                json_query(j, '$', 'WITHOUT', 'NULL', 'NULL'), json_object('ABSENT', 'a', b, 'c', d), json_array('ABSENT', 1, x)
        "#]],
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
        `Map`(1, 2)
        MAP['k']
        ARRAY(SELECT 1)
        MULTISET[1]
        JSON_VALUE(j, '$.a' DEFAULT ON EMPTY)
        JSON_QUERY(j, '$.a' EMPTY ON ERROR)
        TRIM(BOTH 'x')
        ",
        expect![[r#"
            error[MS1001]: wanted a unit of time such as SECOND, HOUR or DAY, found 'SECNOD'
              --> line 1, column 16
               |
             1 | SELECT EXTRACT(SECNOD FROM x)
               |                ^^^^^^
              hint: did you mean 'SECOND'?
            error[MS1001]: wanted a unit of time such as SECOND, HOUR or DAY, found 'x'
              --> line 1, column 16
               |
             1 | SELECT EXTRACT(x)
               |                ^
            error[MS1001]: wanted a unit of time such as SECOND, HOUR or DAY, found a text
              --> line 1, column 22
               |
             1 | SELECT TIMESTAMPDIFF('SECOND', a, b)
               |                      ^^^^^^^^
              hint: did you mean 'SECOND'?
            error[MS1001]: wanted a unit of time such as SECOND, HOUR or DAY, found 'MOMENT'
              --> line 1, column 20
               |
             1 | SELECT FLOOR(ts TO MOMENT)
               |                    ^^^^^^
            error[MS1001]: a map is not made by a call
              --> line 1, column 8
               |
             1 | SELECT MAP(1, 2)
               |        ^^^
              hint: write MAP[key, value, ..]
            error[MS1001]: a map is not made by a call
              --> line 1, column 8
               |
             1 | SELECT `Map`(1, 2)
               |        ^^^^^
              hint: write MAP[key, value, ..]
            error[MS1001]: wanted ',' and a value: MAP[key, value, ..], found ']'
              --> line 1, column 15
               |
             1 | SELECT MAP['k']
               |               ^
            error[MS1002]: ARRAY of a query is not supported yet
              --> line 1, column 8
               |
             1 | SELECT ARRAY(SELECT 1)
               |        ^^^^^
            error[MS1002]: MULTISET[..] is not supported yet
              --> line 1, column 8
               |
             1 | SELECT MULTISET[1]
               |        ^^^^^^^^
            error[MS1001]: wanted an expression, found 'ON'
              --> line 1, column 36
               |
             1 | SELECT JSON_VALUE(j, '$.a' DEFAULT ON EMPTY)
               |                                    ^^
            error[MS1001]: wanted ARRAY or OBJECT, found 'ON'
              --> line 1, column 34
               |
             1 | SELECT JSON_QUERY(j, '$.a' EMPTY ON ERROR)
               |                                  ^^
            error[MS1001]: wanted FROM, found ')'
              --> line 1, column 21
               |
             1 | SELECT TRIM(BOTH 'x')
               |                     ^
        "#]],
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
        x IS JSON, x IS NOT JSON ARRAY
        ",
        expect![[r#"
            x IS NOT DISTINCT FROM y, x IS NOT TRUE, x IS UNKNOWN
                x IS NOT DISTINCT FROM y, x IS NOT TRUE, x IS UNKNOWN
            x LIKE y ESCAPE '!', x NOT LIKE 'a%', x SIMILAR TO 'a|b' ESCAPE '!'
                x LIKE y ESCAPE '!', x NOT LIKE 'a%', x SIMILAR TO 'a|b' ESCAPE '!'
            x NOT IN (1, 2), x IN (SELECT a FROM t), x IN ((SELECT a FROM t)), x IN ((SELECT 1), 2)
                x NOT IN (1, 2), x IN (SELECT a FROM t), x IN (SELECT a FROM t), x IN ((SELECT 1), 2)
            x IN ((SELECT 1) UNION (SELECT 2)), (a, b) IN ((1, 2), (3, 4))
                x IN ((SELECT 1) UNION (SELECT 2)), STRUCT(a, b) IN (STRUCT(1, 2), STRUCT(3, 4))
            EXISTS (SELECT 1), NOT EXISTS (SELECT 1), x > ALL (SELECT 1), x = ANY (SELECT 1), x <> SOME (SELECT 1)
                EXISTS (SELECT 1), NOT EXISTS (SELECT 1), x > ALL(SELECT 1), x = ANY(SELECT 1), x <> SOME(SELECT 1)
            ((SELECT 1) + 2) * 3, (SELECT 1), ((SELECT 1)), ((SELECT 1), 2)
                ((SELECT 1) + 2) * 3, (SELECT 1), (SELECT 1), STRUCT((SELECT 1), 2)
            x NOT BETWEEN 1 AND 2, x BETWEEN ASYMMETRIC 1 AND 2
                x NOT BETWEEN 1 AND 2, x BETWEEN 1 AND 2
            CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END, CASE a WHEN 1 THEN 'x' END
                CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END, CASE a WHEN 1 THEN 'x' END
            x != y, x <> y
                x <> y, x <> y
            x IS JSON, x IS NOT JSON ARRAY
                is_json(x, 'VALUE'), NOT is_json(x, 'ARRAY')
        "#]],
    );
}

#[test]
fn predicates_we_do_not_have() {
    check(
        "
        x ILIKE 'a'
        ts AT TIME ZONE 'UTC'
        x MEMBER OF y
        a OVERLAPS b
        x IS A
        x LIKE y ESCAPE 'ab'
        CASE END
        CASE WHEN a THEN END
        a = NOT b
        ",
        expect![[r#"
            error[MS1002]: ILIKE is not supported yet
              --> line 1, column 10
               |
             1 | SELECT x ILIKE 'a'
               |          ^^^^^
              hint: write LOWER(x) LIKE 'pattern'
            error[MS1002]: AT TIME ZONE is not supported yet
              --> line 1, column 11
               |
             1 | SELECT ts AT TIME ZONE 'UTC'
               |           ^^
              hint: write CONVERT_TZ(text, from, to)
            error[MS1002]: MEMBER is not supported yet
              --> line 1, column 10
               |
             1 | SELECT x MEMBER OF y
               |          ^^^^^^
            error[MS1001]: OVERLAPS wants periods: (start, end) OVERLAPS (start, length)
              --> line 1, column 10
               |
             1 | SELECT a OVERLAPS b
               |          ^^^^^^^^
            error[MS1001]: wanted NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM, found 'A'
              --> line 1, column 13
               |
             1 | SELECT x IS A
               |             ^
            error[MS1001]: wanted one character after ESCAPE
              --> line 1, column 24
               |
             1 | SELECT x LIKE y ESCAPE 'ab'
               |                        ^^^^
            error[MS1001]: wanted an expression, found 'END'
              --> line 1, column 13
               |
             1 | SELECT CASE END
               |             ^^^
            error[MS1001]: wanted an expression, found 'END'
              --> line 1, column 25
               |
             1 | SELECT CASE WHEN a THEN END
               |                         ^^^
            error[MS1001]: wanted an operand, found 'NOT'
              --> line 1, column 12
               |
             1 | SELECT a = NOT b
               |            ^^^
              hint: NOT binds loosely: put it and what follows in parentheses
        "#]],
    );
}

#[test]
fn columns_fields_and_elements() {
    check(
        "
        a, a.b.c, `a b`.`order`, `a``b`
        arr[1], arr[i + 1].name, m['k'], t.m['k'].x[2], f(x).y, (r).a, db.f(1)
        ",
        expect![[r#"
            a, a.b.c, `a b`.`order`, `a``b`
                a, a.b.c, `a b`.`order`, `a``b`
            arr[1], arr[i + 1].name, m['k'], t.m['k'].x[2], f(x).y, (r).a, db.f(1)
                arr[1], arr[i + 1].'name', m['k'], t.m['k'].'x'[2], f(x).'y', (r).'a', db.f(1)
        "#]],
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
        expect![[r#"
            COUNT(*), COUNT(DISTINCT a, b), SUM(ALL a), COUNT(*) FILTER (WHERE a > 1)
                COUNT(*), COUNT(DISTINCT a, b), SUM(ALL a), COUNT(*) FILTER (WHERE a > 1)
            LISTAGG(a, ',') WITHIN GROUP (ORDER BY b), ARRAY_AGG(a IGNORE NULLS ORDER BY b DESC)
                LISTAGG(a, ',') WITHIN GROUP (ORDER BY b), ARRAY_AGG(a IGNORE NULLS ORDER BY b DESC)
            ROW_NUMBER() OVER (PARTITION BY a ORDER BY ts DESC), LAG(a, 1) IGNORE NULLS OVER w
                ROW_NUMBER() OVER (PARTITION BY a ORDER BY ts DESC), LAG(a, 1) IGNORE NULLS OVER w
            SUM(a) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW)
                SUM(a) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '3600 SECONDS' PRECEDING AND CURRENT ROW)
            SUM(a) OVER (w ROWS BETWEEN 10 PRECEDING AND UNBOUNDED FOLLOWING), SUM(a) OVER (ROWS UNBOUNDED PRECEDING)
                SUM(a) OVER (w ROWS BETWEEN 10 PRECEDING AND UNBOUNDED FOLLOWING), SUM(a) OVER (ROWS UNBOUNDED PRECEDING)
            YEAR(ts), LEFT(a, 1), IF(a, b, c), `upper`(x), UUID()
                YEAR(ts), LEFT(a, 1), IF(a, b, c), `upper`(x), UUID()
        "#]],
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
        expect![[r#"
            error[MS1001]: wanted an expression, but 'timestamp' is a reserved word: write `timestamp`
              --> line 1, column 8
               |
             1 | SELECT timestamp
               |        ^^^^^^^^^
            error[MS1001]: wanted an expression, but 'value' is a reserved word: write `value`
              --> line 1, column 8
               |
             1 | SELECT value + 1
               |        ^^^^^
            error[MS1001]: wanted a field, but 'order' is a reserved word: write `order`
              --> line 1, column 10
               |
             1 | SELECT a.order
               |          ^^^^^
            error[MS1001]: wanted an expression, but 'count' is a reserved word: write `count`
              --> line 1, column 8
               |
             1 | SELECT count
               |        ^^^^^
            error[MS1001]: wanted an alias, but 'end' is a reserved word: write `end`
              --> line 1, column 13
               |
             1 | SELECT 1 AS end
               |             ^^^
            1 AS `end`, `value`, `timestamp`
                1 AS `end`, `value`, `timestamp`
            1 AS key, size, data, options, if, quarter
                1 AS key, size, data, options, if, quarter
            `order`.`from`
                `order`.`from`
            error[MS1001]: wanted an expression, found 'SELECT'
              --> line 1, column 8
               |
             1 | SELECT SELECT(1)
               |        ^^^^^^
            error[MS1001]: wanted an expression, but 'TABLE' is a reserved word: write `TABLE`
              --> line 1, column 8
               |
             1 | SELECT TABLE(1)
               |        ^^^^^
        "#]],
    );
}
