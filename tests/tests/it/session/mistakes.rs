use expect_test::expect;

use super::mistake;

#[test]
fn unknown_names_show_their_place_and_neighbour() {
    expect![[r#"
        error[MS1004]: unknown column 'pirce'
           --> line 2, column 8
            |
         2 | SELECT pirce FROM bid
            |        ^^^^^
          hint: did you mean 'price'?"#]]
    .assert_eq(&mistake("SELECT pirce FROM bid"));
    expect![[r#"
        error[MS1001]: wanted a table, but 'bit' is a reserved word: write `bit`
           --> line 3, column 6
            |
         3 | FROM bit
            |      ^^^"#]]
    .assert_eq(&mistake("SELECT *\nFROM bit"));
    expect![[r#"
        error[MS1005]: unknown function 'uper'
           --> line 2, column 8
            |
         2 | SELECT UPER(channel) FROM bid
            |        ^^^^
          hint: did you mean 'UPPER'?"#]]
    .assert_eq(&mistake("SELECT UPER(channel) FROM bid"));
    expect![[r#"
        error[MS1007]: table 't' has no option 'rows-per-secnd'
           --> line 2, column 55
            |
         2 | CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows-per-secnd' = '1')
            |                                                       ^^^^^^^^^^^^^^^^
          hint: did you mean 'rows-per-second'?"#]]
    .assert_eq(&mistake(
        "CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows-per-secnd' = '1')",
    ));
    expect![[r#"
        error[MS1008]: no connector is called 'datagn'; known are 'blackhole', 'datagen', 'filesystem', 'journal', 'kafka', 'nexmark', 'print', 'upsert-kafka'
           --> line 2, column 30
            |
         2 | CREATE TABLE t (a INT) WITH ('connector' = 'datagn')
            |                              ^^^^^^^^^^^
          hint: did you mean 'datagen'?"#]].assert_eq(&mistake("CREATE TABLE t (a INT) WITH ('connector' = 'datagn')"));
}

#[test]
fn wrong_types_are_refused() {
    expect![[r#"
        error[MS1006]: function 'sum' user-defined coercion failed with: Error during planning: SUM wants a number, found STRING. No function matches the given name and argument types 'sum(Utf8)'. You might need to add explicit type casts
           --> line 2, column 8
            |
         2 | SELECT SUM(channel) FROM bid
            |        ^^^"#]].assert_eq(&mistake("SELECT SUM(channel) FROM bid"));
    expect![[r#"
        error[MS1009]: cannot create filter with non-boolean predicate 'bid.price' returning Int64
           --> line 2, column 25
            |
         2 | SELECT * FROM bid WHERE price
            |                         ^^^^^"#]]
    .assert_eq(&mistake("SELECT * FROM bid WHERE price"));
    expect![[r#"
        error[MS1006]: column 'k' of 'sink' wants the type BIGINT, found STRING
           --> line 2, column 13
            |
         2 | INSERT INTO sink SELECT channel, price FROM bid
            |             ^^^^
          hint: write CAST(.. AS BIGINT)"#]]
    .assert_eq(&mistake("INSERT INTO sink SELECT channel, price FROM bid"));
    expect![[r#"
        error[MS1006]: INSERT INTO 'sink' wants 2 columns (k, n), but the query has 1
           --> line 2, column 13
            |
         2 | INSERT INTO sink SELECT price FROM bid
            |             ^^^^"#]]
    .assert_eq(&mistake("INSERT INTO sink SELECT price FROM bid"));
}

#[test]
fn wrong_definitions_are_refused() {
    expect![[r#"
        error[MS1012]: watermark of table 't': column 'a' wants the type TIMESTAMP(3) or TIMESTAMP_LTZ(3), found INT
           --> line 2, column 24
            |
         2 | CREATE TABLE t (a INT, WATERMARK FOR a AS a)
            |                        ^^^^^^^^^^^^^^^^^^^^"#]].assert_eq(&mistake("CREATE TABLE t (a INT, WATERMARK FOR a AS a)"));
    expect![[r#"
        error[MS1004]: computed column 'b': unknown column 'c'
           --> line 2, column 29
            |
         2 | CREATE TABLE t (a INT, b AS c + 1)
            |                             ^^^^^
          hint: did you mean 'a'?"#]]
    .assert_eq(&mistake("CREATE TABLE t (a INT, b AS c + 1)"));
    expect![[r#"
        error[MS1012]: the column 'a' is given twice
           --> line 2, column 24
            |
         2 | CREATE TABLE t (a INT, a STRING)
            |                        ^"#]]
    .assert_eq(&mistake("CREATE TABLE t (a INT, a STRING)"));
    expect![[r#"
        error[MS1011]: table 'bid' already exists
           --> line 2, column 1
            |
         2 | CREATE TABLE bid (a INT)
            | ^
          hint: DROP it first, or say IF NOT EXISTS"#]]
    .assert_eq(&mistake("CREATE TABLE bid (a INT)"));
    expect![[r#"
        error[MS1012]: PRIMARY KEY names 'b', which is no physical column
           --> line 2, column 37
            |
         2 | CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED)
            |                                     ^
          hint: did you mean 'a'?"#]]
    .assert_eq(&mistake(
        "CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED)",
    ));
}

#[test]
fn queries_that_cannot_be_streamed_say_why() {
    expect![[r#"
        error[MS1009]: table 'files' takes insertions only, but this query also makes updates [I,UB,UA]
           --> line 2, column 1
            |
         2 | INSERT INTO files SELECT small, COUNT(*) FROM bid GROUP BY small
            | ^
          hint: aggregate over a window, whose results are final, or run with 'execution.runtime-mode' = 'batch' over bounded input"#]].assert_eq(&mistake("INSERT INTO files SELECT small, COUNT(*) FROM bid GROUP BY small"));
    expect![[r#"
        error[MS1009]: a window wants a time attribute, but 'endless.v' is an ordinary column
           --> line 2, column 1
            |
         2 | SELECT * FROM TABLE(TUMBLE(TABLE endless, DESCRIPTOR(v), INTERVAL '1' MINUTE))
            | ^
          hint: declare WATERMARK FOR it in its table, or use a PROCTIME() column; behind a window or an aggregate only window_time is a time attribute"#]].assert_eq(&mistake("SELECT * FROM TABLE(TUMBLE(TABLE endless, DESCRIPTOR(v), INTERVAL '1' MINUTE))"));
    expect![[r#"
        error[MS1002]: ORDER BY over an input that never ends
           --> line 2, column 1
            |
         2 | SELECT k FROM endless ORDER BY k
            | ^
          hint: order by a time attribute, add a LIMIT, bound the source, or leave the order to whoever reads the result"#]]
    .assert_eq(&mistake("SELECT k FROM endless ORDER BY k"));
    expect![[r#"
        error[MS1009]: HOP wants a positive size that is a multiple of the slide, found size 10000 ms and slide 7000 ms
           --> line 2, column 42
            |
         2 | SELECT window_start, COUNT(*) FROM TABLE(HOP(TABLE bid, DESCRIPTOR(ts), INTERVAL '7' SECOND, INTERVAL '10' SECOND)) GROU
            |                                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"#]].assert_eq(&mistake(
        "SELECT window_start, COUNT(*) FROM TABLE(HOP(TABLE bid, DESCRIPTOR(ts), INTERVAL '7' SECOND, \
         INTERVAL '10' SECOND)) GROUP BY window_start, window_end",
    ));
}
