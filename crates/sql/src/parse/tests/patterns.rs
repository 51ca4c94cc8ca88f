use expect_test::expect;

use super::check_lines;

#[test]
fn each_clause_of_match_recognize_is_read() {
    check_lines(
        "
        SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY a, b ORDER BY ts, c DESC MEASURES A.x AS x, FINAL LAST(y, 1) AS y ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A B) WITHIN INTERVAL '1' HOUR DEFINE A AS A.x > 1, B AS x < LAST(A.x)) AS m
        SELECT * FROM (SELECT * FROM t) MATCH_RECOGNIZE (ORDER BY ts PATTERN (A) DEFINE A AS TRUE), u
        SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) MATCH_RECOGNIZE (ORDER BY ts PATTERN (A) DEFINE A AS TRUE) m JOIN u ON m.a = u.a
        SELECT * FROM t AS x MATCH_RECOGNIZE (ORDER BY ts AFTER MATCH SKIP TO NEXT ROW PATTERN (A) DEFINE A AS TRUE)
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts AFTER MATCH SKIP TO FIRST B PATTERN (A B) DEFINE A AS TRUE)
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts AFTER MATCH SKIP TO B PATTERN (A B) DEFINE A AS TRUE)
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts AFTER MATCH SKIP TO LAST PATTERN (A LAST) DEFINE A AS TRUE)
        ",
        expect![[r#"
            SELECT * FROM TABLE(pattern 0) AS m
            pattern 0: of t by(a, b) order(ts, c DESC) pattern((A B)) within 3600000 skip past last row measure(A.x as x) measure(LAST(y, 1) as y) define(A as A.x > 1) define(B as x < LAST(A.x))
            SELECT * FROM TABLE(pattern 0), u
            pattern 0: of (SELECT * FROM t) order(ts) pattern(A) define(A as true)
            SELECT * FROM TABLE(pattern 0) m JOIN u ON m.a = u.a
            tvf 0: tumble 3600000 of t on ts
            pattern 0: of TABLE(tvf 0) order(ts) pattern(A) define(A as true)
            SELECT * FROM TABLE(pattern 0)
            pattern 0: of t AS x order(ts) pattern(A) skip to next row define(A as true)
            SELECT * FROM TABLE(pattern 0)
            pattern 0: of t order(ts) pattern((A B)) skip to first B define(A as true)
            SELECT * FROM TABLE(pattern 0)
            pattern 0: of t order(ts) pattern((A B)) skip to last B define(A as true)
            SELECT * FROM TABLE(pattern 0)
            pattern 0: of t order(ts) pattern((A LAST)) skip to last LAST define(A as true)
        "#]],
    );
}

#[test]
fn patterns_are_regular_expressions_over_variables() {
    let line = |pattern: &str| {
        format!(
            "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN ({pattern}) DEFINE A AS TRUE)\n"
        )
    };
    let patterns = [
        "A B* C+ D?",
        "A*? B+? C{2}",
        "A{2,} B{2,3}? C{,4} D{0,}?",
        "(A | B C)+ D",
        "PERMUTE(A, B) C",
        "((A))",
        "A {- B -}",
        "^A",
        "A??",
        "A{3,2}",
        "A{0}",
        "A{x}",
        "",
        "A |",
    ];
    check_lines(
        &patterns.map(line).concat(),
        expect![[r#"
        SELECT * FROM TABLE(pattern 0)
        pattern 0: of t order(ts) pattern((A B{0,} C{1,} D{0,1})) define(A as true)
        SELECT * FROM TABLE(pattern 0)
        pattern 0: of t order(ts) pattern((A{0,}? B{1,}? C{2,2})) define(A as true)
        SELECT * FROM TABLE(pattern 0)
        pattern 0: of t order(ts) pattern((A{2,} B{2,3}? C{0,4} D{0,}?)) define(A as true)
        SELECT * FROM TABLE(pattern 0)
        pattern 0: of t order(ts) pattern(((A | (B C)){1,} D)) define(A as true)
        SELECT * FROM TABLE(pattern 0)
        pattern 0: of t order(ts) pattern((permute(A, B) C)) define(A as true)
        SELECT * FROM TABLE(pattern 0)
        pattern 0: of t order(ts) pattern(A) define(A as true)
        error[MS1002]: '{- -}' in a pattern is not supported yet
          --> line 1, column 57
           |
         1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A {- B -}) DEFINE A AS TRUE)
           |                                                         ^
          hint: with ONE ROW PER MATCH no row is put out anyway: leave the braces out
        error[MS1002]: the anchor '^' in a pattern is not supported yet
          --> line 1, column 55
           |
         1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (^A) DEFINE A AS TRUE)
           |                                                       ^
          hint: a stream has neither a first nor a last row to begin or end with
        error[MS1002]: a reluctant optional variable such as 'A??' is not supported yet
          --> line 1, column 55
           |
         1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A??) DEFINE A AS TRUE)
           |                                                       ^^^
          hint: write 'A?': of two ways to match, the one that ends first wins either way
        error[MS1001]: '{3,2}' wants at least 1 row, and no more at least than at most
          --> line 1, column 55
           |
         1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A{3,2}) DEFINE A AS TRUE)
           |                                                       ^^^^^^
        error[MS1001]: '{0,0}' wants at least 1 row, and no more at least than at most
          --> line 1, column 55
           |
         1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A{0}) DEFINE A AS TRUE)
           |                                                       ^^^^
        error[MS1001]: wanted a number of rows, found 'x'
          --> line 1, column 57
           |
         1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A{x}) DEFINE A AS TRUE)
           |                                                         ^
        error[MS1001]: wanted a pattern variable, found ')'
          --> line 1, column 55
           |
         1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN () DEFINE A AS TRUE)
           |                                                       ^
        error[MS1001]: wanted a pattern variable, found ')'
          --> line 1, column 58
           |
         1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A |) DEFINE A AS TRUE)
           |                                                          ^
    "#]],
    );
}

#[test]
fn what_is_missing_or_not_supported_is_named() {
    check_lines(
        "
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts DEFINE A AS TRUE)
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A))
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES x PATTERN (A) DEFINE A AS TRUE)
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts ALL ROWS PER MATCH PATTERN (A) DEFINE A AS TRUE)
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES RUNNING LAST(x) AS x PATTERN (A) DEFINE A AS TRUE)
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A) SUBSET B = (A) DEFINE A AS TRUE)
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A) WITHIN 5 DEFINE A AS TRUE)
        SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (PERMUTE(A, B, C, D, E, F)) DEFINE A AS TRUE)
        ",
        expect![[r#"
            error[MS1001]: wanted PATTERN, found 'DEFINE'
              --> line 1, column 46
               |
             1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts DEFINE A AS TRUE)
               |                                              ^^^^^^
            error[MS1001]: wanted DEFINE, found ')'
              --> line 1, column 57
               |
             1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A))
               |                                                         ^
            error[MS1001]: wanted AS, found 'PATTERN'
              --> line 1, column 57
               |
             1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES x PATTERN (A) DEFINE A AS TRUE)
               |                                                         ^^^^^^^
            error[MS1002]: ALL ROWS PER MATCH is not supported yet
              --> line 1, column 46
               |
             1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts ALL ROWS PER MATCH PATTERN (A) DEFINE A AS TRUE)
               |                                              ^^^
              hint: write ONE ROW PER MATCH, and MEASURES for what is to be known of its rows
            error[MS1002]: RUNNING is not supported yet
              --> line 1, column 55
               |
             1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES RUNNING LAST(x) AS x PATTERN (A) DEFINE A AS TRUE)
               |                                                       ^^^^^^^
              hint: with ONE ROW PER MATCH a measure is that of the whole match: leave RUNNING out
            error[MS1002]: SUBSET is not supported yet
              --> line 1, column 58
               |
             1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A) SUBSET B = (A) DEFINE A AS TRUE)
               |                                                          ^^^^^^
              hint: a column without a variable, such as SUM(price), is one of all rows of the match
            error[MS1001]: wanted WITHIN such as INTERVAL '10' SECOND, found '5'
              --> line 1, column 65
               |
             1 | CT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A) WITHIN 5 DEFINE A AS TRUE)
               |                                                             ^
            error[MS1010]: PERMUTE wants at most 5 parts
              --> line 1, column 55
               |
             1 | SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (PERMUTE(A, B, C, D, E, F)) DEFINE A AS TRUE)
               |                                                       ^^^^^^^^^^^^^^^^^^^^^^^^^
        "#]],
    );
}
