use expect_test::expect;

use super::{check, check_lines};

#[test]
fn an_error_points_to_its_line_in_the_script() {
    check(
        "SELECT 1;\n\nSELECT a,\n       b b c\nFROM t;\n",
        expect![[""]],
    );
    check("SELECT 'ä', x y z", expect![[""]]);
    check("SELECT 1;\r\nSELECT FROM t", expect![[""]]);
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
        expect![[""]],
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
        expect![[""]],
    );
}

#[test]
fn characters_without_meaning_are_named() {
    check("SELECT \0", expect![[""]]);
    check("SELECT \u{2018}a\u{2019}", expect![[""]]);
    check("SELECT a; SELECT \\", expect![[""]]);
    check("SELECT \"a\" FROM t", expect![[""]]);
    check("SELECT ? FROM t", expect![[""]]);
    check("SELECT ``", expect![[""]]);
}

#[test]
fn what_is_not_closed_points_to_its_opening() {
    check("SELECT 'abc", expect![[""]]);
    check("SELECT a,\n  `abc\nFROM t", expect![[""]]);
    check("SELECT 1 /* abc", expect![[""]]);
    check("SELECT /*+ a", expect![[""]]);
}

#[test]
fn a_secret_in_a_text_is_not_repeated_by_the_message() {
    let error = crate::parse::parse_script("CREATE TABLE t (a INT) WITH ('password' 'hunter2')");
    assert!(!error.unwrap_err().message().contains("hunter2"));
}
