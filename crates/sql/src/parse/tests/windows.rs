use expect_test::expect;

use super::{check, check_lines};

#[test]
fn each_window_function_keeps_its_lengths_and_columns() {
    check_lines(
        "
        SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND)) AS w
        SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' MINUTES, INTERVAL '1' MINUTE))
        SELECT * FROM TABLE(HOP(TABLE db.bid, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '1' HOUR)) w
        SELECT * FROM TABLE(CUMULATE(TABLE bid, DESCRIPTOR(r.ts), INTERVAL '2' HOURS, INTERVAL '1' DAY))
        SELECT * FROM TABLE(SESSION(TABLE bid PARTITION BY (a, b), DESCRIPTOR(ts), INTERVAL '5' MINUTE))
        SELECT * FROM TABLE(SESSION(TABLE bid PARTITION BY a, DESCRIPTOR(ts), INTERVAL '0.5' SECOND))
        SELECT * FROM SESSION(TABLE bid, DESCRIPTOR(ts), INTERVAL '5' MINUTE)
        SELECT * FROM TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' DAY, INTERVAL '-8' HOUR)
        ",
        expect![[r#"
            SELECT * FROM TABLE(tvf 0) AS w
            tvf 0: tumble 10000 of bid on ts
            SELECT * FROM TABLE(tvf 0)
            tvf 0: tumble 600000 offset=60000 of bid on ts
            SELECT * FROM TABLE(tvf 0) w
            tvf 0: hop 300000 3600000 of db.bid on ts
            SELECT * FROM TABLE(tvf 0)
            tvf 0: cumulate 7200000 86400000 of bid on r.ts
            SELECT * FROM TABLE(tvf 0)
            tvf 0: session 300000 of bid on ts by(a, b)
            SELECT * FROM TABLE(tvf 0)
            tvf 0: session 500 of bid on ts by(a)
            SELECT * FROM TABLE(tvf 0)
            tvf 0: session 300000 of bid on ts
            SELECT * FROM TABLE(tvf 0)
            tvf 0: tumble 86400000 offset=-28800000 of bid on ts
        "#]],
    );
}

#[test]
fn arguments_may_be_named_in_any_order() {
    check_lines(
        "
        SELECT * FROM TABLE(TUMBLE(DATA => TABLE bid, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '10' MINUTES))
        SELECT * FROM HOP(SIZE => INTERVAL '1' HOUR, SLIDE => INTERVAL '5' MINUTE, timecol => DESCRIPTOR(ts), data => TABLE bid)
        SELECT * FROM TUMBLE(DATA => TABLE bid, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR, `OFFSET` => INTERVAL '1' MINUTE)
        SELECT * FROM TUMBLE(DATA => TABLE bid, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR, OFFSET => INTERVAL '1' MINUTE)
        SELECT * FROM SESSION(DATA => TABLE bid PARTITION BY item, TIMECOL => DESCRIPTOR(ts), GAP => INTERVAL '5' MINUTES)
        ",
        expect![[r#"
            SELECT * FROM TABLE(tvf 0)
            tvf 0: tumble 600000 of bid on ts
            SELECT * FROM TABLE(tvf 0)
            tvf 0: hop 300000 3600000 of bid on ts
            SELECT * FROM TABLE(tvf 0)
            tvf 0: tumble 3600000 offset=60000 of bid on ts
            SELECT * FROM TABLE(tvf 0)
            tvf 0: tumble 3600000 offset=60000 of bid on ts
            SELECT * FROM TABLE(tvf 0)
            tvf 0: session 300000 of bid on ts by(item)
        "#]],
    );
}

#[test]
fn data_may_be_a_query_or_another_window() {
    check_lines(
        "
        SELECT * FROM TUMBLE((SELECT a, ts FROM bid WHERE a > 1), DESCRIPTOR(ts), INTERVAL '1' HOUR)
        SELECT * FROM TABLE(HOP(TABLE (SELECT * FROM bid), DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '2' HOUR))
        SELECT * FROM TABLE(TUMBLE(TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' MINUTE)), DESCRIPTOR(window_time), INTERVAL '1' HOUR))
        SELECT * FROM TUMBLE(TABLE bid /*+ OPTIONS('rows' = '5') */, DESCRIPTOR(ts), INTERVAL '1' HOUR)
        ",
        expect![[r#"
            SELECT * FROM TABLE(tvf 0)
            tvf 0: tumble 3600000 of (SELECT a, ts FROM bid WHERE a > 1) on ts
            SELECT * FROM TABLE(tvf 0)
            tvf 0: hop 3600000 7200000 of (SELECT * FROM bid) on ts
            SELECT * FROM TABLE(tvf 1)
            tvf 0: tumble 60000 of bid on ts
            tvf 1: tumble 3600000 of TABLE(tvf 0) on window_time
            SELECT * FROM TABLE(tvf 0)
            tvf 0: tumble 3600000 of bid WITH (hints 0) on ts
            hints 0: hint OPTIONS options(rows=5)
        "#]],
    );
}

#[test]
fn windows_stand_in_joins_subqueries_and_common_table_expressions() {
    check(
        "WITH c AS (SELECT window_start, k, COUNT(*) n
                    FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, k)
         SELECT * FROM c JOIN (SELECT * FROM TABLE(HOP(TABLE ask, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '2' HOUR)) AS h (a, b)) d
         ON c.window_start = d.window_start
         WHERE EXISTS (SELECT 1 FROM TABLE(CUMULATE(TABLE x, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '2' HOUR)))",
        expect![[r#"
            WITH c AS (SELECT window_start, k, COUNT(*) AS n FROM TABLE(tvf 0) GROUP BY window_start, k) SELECT * FROM c JOIN (SELECT * FROM TABLE(tvf 1) AS h (a, b)) d ON c.window_start = d.window_start WHERE EXISTS (SELECT 1 FROM TABLE(tvf 2))
            tvf 0: tumble 3600000 of bid on ts
            tvf 1: hop 3600000 7200000 of ask on ts
            tvf 2: cumulate 3600000 7200000 of x on ts
        "#]],
    );
}

#[test]
fn the_older_group_windows_are_plain_calls() {
    check_lines(
        "
        SELECT TUMBLE_START(ts, INTERVAL '1' HOUR), COUNT(*) FROM bid GROUP BY TUMBLE(ts, INTERVAL '1' HOUR)
        SELECT SESSION_ROWTIME(ts, INTERVAL '10' SECOND) FROM bid GROUP BY bidder, SESSION(ts, INTERVAL '10' SECOND)
        SELECT tumble, hop FROM session
        ",
        expect![[r#"
            SELECT TUMBLE_START(ts, INTERVAL '3600 SECONDS'), COUNT(*) FROM bid GROUP BY TUMBLE(ts, INTERVAL '3600 SECONDS')
            SELECT SESSION_ROWTIME(ts, INTERVAL '10 SECONDS') FROM bid GROUP BY bidder, SESSION(ts, INTERVAL '10 SECONDS')
            SELECT tumble, hop FROM session
        "#]],
    );
}

#[test]
fn a_wrong_window_call_says_what_is_wrong() {
    check_lines(
        "
        SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts)))
        SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '0' SECOND))
        SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' MONTH))
        SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), 10))
        SELECT * FROM TABLE(TUMBLE(bid, DESCRIPTOR(ts), INTERVAL '1' HOUR))
        SELECT * FROM TABLE(TUMBLE(TABLE bid, ts, INTERVAL '1' HOUR))
        SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(a, b), INTERVAL '1' HOUR))
        SELECT * FROM TABLE(TUMBLE(TABLE bid PARTITION BY a, DESCRIPTOR(ts), INTERVAL '1' HOUR))
        SELECT * FROM TABLE(TUMBLE(DATA => TABLE bid, TIMECOL => DESCRIPTOR(ts), SISE => INTERVAL '1' HOUR))
        SELECT * FROM TABLE(TUMBLE(DATA => TABLE bid, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR, SIZE => INTERVAL '1' HOUR))
        SELECT * FROM TABLE(SESSION(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' HOUR))
        SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' HOUR)
        ",
        expect![[r#"
            error[MS1001]: TUMBLE wants the argument SIZE
              --> line 1, column 21
               |
             1 | SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts)))
               |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            error[MS1009]: the argument SIZE must be longer than zero
              --> line 1, column 55
               |
             1 | SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '0' SECOND))
               |                                                       ^^^^^^^^^^^^^^^^^^^
            error[MS1009]: the argument SIZE wants an interval of days to seconds, found months or years
              --> line 1, column 55
               |
             1 | SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' MONTH))
               |                                                       ^^^^^^^^^^^^^^^^^^
            error[MS1001]: wanted the argument SIZE such as INTERVAL '10' SECOND, found '10'
              --> line 1, column 55
               |
             1 | SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), 10))
               |                                                       ^^
            error[MS1001]: wanted TABLE and a name, or a query in parentheses, found 'bid'
              --> line 1, column 28
               |
             1 | SELECT * FROM TABLE(TUMBLE(bid, DESCRIPTOR(ts), INTERVAL '1' HOUR))
               |                            ^^^
              hint: write TUMBLE(TABLE t, DESCRIPTOR(ts), ..)
            error[MS1001]: wanted DESCRIPTOR and the time column in parentheses, found 'ts'
              --> line 1, column 39
               |
             1 | SELECT * FROM TABLE(TUMBLE(TABLE bid, ts, INTERVAL '1' HOUR))
               |                                       ^^
            error[MS1001]: wanted ')': a window has one time column, found ','
              --> line 1, column 51
               |
             1 | SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(a, b), INTERVAL '1' HOUR))
               |                                                   ^
            error[MS1001]: TUMBLE has no PARTITION BY; SESSION has
              --> line 1, column 38
               |
             1 | SELECT * FROM TABLE(TUMBLE(TABLE bid PARTITION BY a, DESCRIPTOR(ts), INTERVAL '1' HOUR))
               |                                      ^^^^^^^^^^^^
            error[MS1001]: TUMBLE has no argument 'SISE'; it has DATA, TIMECOL, SIZE, OFFSET
              --> line 1, column 74
               |
             1 |  TABLE(TUMBLE(DATA => TABLE bid, TIMECOL => DESCRIPTOR(ts), SISE => INTERVAL '1' HOUR))
               |                                                             ^^^^
              hint: did you mean 'SIZE'?
            error[MS1001]: the argument SIZE is given twice
              --> line 1, column 101
               |
             1 |  bid, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR, SIZE => INTERVAL '1' HOUR))
               |                                                             ^^^^
            error[MS1001]: wanted ')': SESSION is complete, found 'INTERVAL'
              --> line 1, column 75
               |
             1 | TABLE(SESSION(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' HOUR))
               |                                                             ^^^^^^^^
            error[MS1001]: wanted ')', found the end of the text
              --> line 1, column 73
               |
             1 | M TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' HOUR)
               |                                                             ^
        "#]],
    );
}
