use expect_test::expect;

use super::{check, check_lines};

#[test]
fn an_error_points_to_its_line_in_the_script() {
    check(
        "SELECT 1;\n\nSELECT a,\n       b b c\nFROM t;\n",
        expect![[r#"
            error[MS1001]: wanted the end of the statement, found 'c'
              --> line 4, column 12
               |
             4 |        b b c
               |            ^
        "#]],
    );
    check(
        "SELECT 'ä', x y z",
        expect![[r#"
        error[MS1001]: wanted the end of the statement, found 'z'
          --> line 1, column 17
           |
         1 | SELECT 'ä', x y z
           |                 ^
    "#]],
    );
    check(
        "SELECT 1;\r\nSELECT FROM t",
        expect![[r#"
        error[MS1001]: wanted an expression, found 'FROM'
          --> line 2, column 8
           |
         2 | SELECT FROM t
           |        ^^^^
    "#]],
    );
}

#[test]
fn a_mistyped_keyword_is_guessed() {
    check_lines(
        "
        SELCT 1
        SELECT a FORM t
        SELECT a FROM t WERE a = 1
        SELECT a FROM t GRUOP BY a
        SELECT a FROM t ODER BY a
        CREATE TABEL t (a INT)
        CREATE TABLE t (a INT) WIHT ('a' = 'b')
        INSRT INTO t SELECT 1
        INSERT INTO t SLECT 1
        SELECT a FROM t LEFT JION u ON TRUE
        SELECT CASE WEN a THEN 1 END
        DROP VEIW v
        ",
        expect![[r#"
            error[MS1001]: wanted a statement such as SELECT, INSERT INTO or CREATE TABLE, found 'SELCT'
              --> line 1, column 1
               |
             1 | SELCT 1
               | ^^^^^
              hint: did you mean 'SELECT'?
            error[MS1001]: wanted the end of the statement, found 't'
              --> line 1, column 15
               |
             1 | SELECT a FORM t
               |               ^
              hint: did you mean 'FROM' instead of 'FORM'?
            error[MS1001]: wanted the end of the statement, found 'a'
              --> line 1, column 22
               |
             1 | SELECT a FROM t WERE a = 1
               |                      ^
              hint: did you mean 'WHERE' instead of 'WERE'?
            error[MS1001]: wanted the end of the statement, found 'BY'
              --> line 1, column 23
               |
             1 | SELECT a FROM t GRUOP BY a
               |                       ^^
              hint: did you mean 'GROUP' instead of 'GRUOP'?
            error[MS1001]: wanted the end of the statement, found 'BY'
              --> line 1, column 22
               |
             1 | SELECT a FROM t ODER BY a
               |                      ^^
              hint: did you mean 'ORDER' instead of 'ODER'?
            error[MS1001]: wanted TABLE, VIEW, DATABASE or FUNCTION, found 'TABEL'
              --> line 1, column 8
               |
             1 | CREATE TABEL t (a INT)
               |        ^^^^^
              hint: did you mean 'TABLE'?
            error[MS1001]: wanted the end of the statement, found 'WIHT'
              --> line 1, column 24
               |
             1 | CREATE TABLE t (a INT) WIHT ('a' = 'b')
               |                        ^^^^
              hint: did you mean 'WITH'?
            error[MS1001]: wanted a statement such as SELECT, INSERT INTO or CREATE TABLE, found 'INSRT'
              --> line 1, column 1
               |
             1 | INSRT INTO t SELECT 1
               | ^^^^^
              hint: did you mean 'INSERT'?
            error[MS1001]: wanted SELECT or VALUES, found 'SLECT'
              --> line 1, column 15
               |
             1 | INSERT INTO t SLECT 1
               |               ^^^^^
              hint: did you mean 'SELECT'?
            error[MS1001]: wanted JOIN, found 'JION'
              --> line 1, column 22
               |
             1 | SELECT a FROM t LEFT JION u ON TRUE
               |                      ^^^^
              hint: did you mean 'JOIN'?
            error[MS1001]: wanted WHEN, found 'a'
              --> line 1, column 17
               |
             1 | SELECT CASE WEN a THEN 1 END
               |                 ^
              hint: did you mean 'WHEN' instead of 'WEN'?
            error[MS1001]: wanted TABLE, VIEW, DATABASE or FUNCTION, found 'VEIW'
              --> line 1, column 6
               |
             1 | DROP VEIW v
               |      ^^^^
              hint: did you mean 'VIEW'?
        "#]],
    );
}

#[test]
fn what_was_found_is_shown() {
    check_lines(
        "
        SELECT
        SELECT ,
        SELECT * FROM
        SELECT a FROM t WHERE
        SELECT (1
        SELECT 1)
        SELECT f(1
        SELECT a b c
        SELECT * FROM t JOIN u
        SELECT * FROM t ORDER a
        SELECT a FROM t GROUP BY
        SELECT a, FROM t
        SELECT a FROM t, WHERE a
        SELECT t.* AS x FROM t
        foo
        42
        )
        ",
        expect![[r#"
            error[MS1001]: wanted an expression, found the end of the text
              --> line 1, column 7
               |
             1 | SELECT
               |       ^
            error[MS1001]: wanted an expression, found ','
              --> line 1, column 8
               |
             1 | SELECT ,
               |        ^
            error[MS1001]: wanted a table, found the end of the text
              --> line 1, column 14
               |
             1 | SELECT * FROM
               |              ^
            error[MS1001]: wanted an expression, found the end of the text
              --> line 1, column 22
               |
             1 | SELECT a FROM t WHERE
               |                      ^
            error[MS1001]: wanted ')', found the end of the text
              --> line 1, column 10
               |
             1 | SELECT (1
               |          ^
            error[MS1001]: wanted the end of the statement, found ')'
              --> line 1, column 9
               |
             1 | SELECT 1)
               |         ^
            error[MS1001]: wanted ')', found the end of the text
              --> line 1, column 11
               |
             1 | SELECT f(1
               |           ^
            error[MS1001]: wanted the end of the statement, found 'c'
              --> line 1, column 12
               |
             1 | SELECT a b c
               |            ^
            error[MS1001]: wanted ON or USING, found the end of the text
              --> line 1, column 23
               |
             1 | SELECT * FROM t JOIN u
               |                       ^
              hint: a join without a condition is a CROSS JOIN
            error[MS1001]: wanted BY, found 'a'
              --> line 1, column 23
               |
             1 | SELECT * FROM t ORDER a
               |                       ^
            error[MS1001]: wanted an expression, found the end of the text
              --> line 1, column 25
               |
             1 | SELECT a FROM t GROUP BY
               |                         ^
            error[MS1001]: wanted an expression, found 'FROM'
              --> line 1, column 11
               |
             1 | SELECT a, FROM t
               |           ^^^^
            error[MS1001]: wanted a table, found 'WHERE'
              --> line 1, column 18
               |
             1 | SELECT a FROM t, WHERE a
               |                  ^^^^^
            error[MS1001]: wanted the end of the statement, found 'AS'
              --> line 1, column 12
               |
             1 | SELECT t.* AS x FROM t
               |            ^^
            error[MS1001]: wanted a statement such as SELECT, INSERT INTO or CREATE TABLE, found 'foo'
              --> line 1, column 1
               |
             1 | foo
               | ^^^
            error[MS1001]: wanted a statement such as SELECT, INSERT INTO or CREATE TABLE, found '42'
              --> line 1, column 1
               |
             1 | 42
               | ^^
            error[MS1001]: wanted a statement such as SELECT, INSERT INTO or CREATE TABLE, found ')'
              --> line 1, column 1
               |
             1 | )
               | ^
        "#]],
    );
}

#[test]
fn characters_without_meaning_are_named() {
    check(
        "SELECT \0",
        expect![[r#"
        error[MS1001]: the character U+0000 has no meaning here
          --> line 1, column 8
           |
         1 | SELECT  
           |        ^
    "#]],
    );
    check(
        "SELECT \u{2018}a\u{2019}",
        expect![[r#"
        error[MS1001]: the character '‘' has no meaning here
          --> line 1, column 8
           |
         1 | SELECT ‘a’
           |        ^
          hint: a text stands in straight single quotes: 'text'
    "#]],
    );
    check(
        "SELECT a; SELECT \\",
        expect![[r#"
        error[MS1001]: the character '\' has no meaning here
          --> line 1, column 18
           |
         1 | SELECT a; SELECT \
           |                  ^
    "#]],
    );
    check(
        "SELECT \"a\" FROM t",
        expect![[r#"
        error[MS1001]: wanted an expression, found '"a"'
          --> line 1, column 8
           |
         1 | SELECT "a" FROM t
           |        ^^^
          hint: double quotes mean nothing in Flink SQL: a name is written `a`, a text 'a'
    "#]],
    );
    check(
        "SELECT ? FROM t",
        expect![[r#"
        error[MS1001]: wanted an expression, found '?'
          --> line 1, column 8
           |
         1 | SELECT ? FROM t
           |        ^
    "#]],
    );
    check(
        "SELECT ``",
        expect![[r#"
        error[MS1001]: a name in backticks is empty
          --> line 1, column 8
           |
         1 | SELECT ``
           |        ^^
    "#]],
    );
}

#[test]
fn what_is_not_closed_points_to_its_opening() {
    check(
        "SELECT 'abc",
        expect![[r#"
        error[MS1001]: a text is not closed by '
          --> line 1, column 8
           |
         1 | SELECT 'abc
           |        ^
    "#]],
    );
    check(
        "SELECT a,\n  `abc\nFROM t",
        expect![[r#"
        error[MS1001]: a name in backticks is not closed by `
          --> line 2, column 3
           |
         2 |   `abc
           |   ^
    "#]],
    );
    check(
        "SELECT 1 /* abc",
        expect![[r#"
        error[MS1001]: the comment is not closed by '*/'
          --> line 1, column 10
           |
         1 | SELECT 1 /* abc
           |          ^
    "#]],
    );
    check(
        "SELECT /*+ a",
        expect![[r#"
        error[MS1001]: the hint '/*+' is not closed by '*/'
          --> line 1, column 8
           |
         1 | SELECT /*+ a
           |        ^
    "#]],
    );
}

#[test]
fn a_secret_in_a_text_is_not_repeated_by_the_message() {
    let error = crate::parse::parse_script("CREATE TABLE t (a INT) WITH ('password' 'hunter2')");
    assert!(!error.unwrap_err().message().contains("hunter2"));
}
