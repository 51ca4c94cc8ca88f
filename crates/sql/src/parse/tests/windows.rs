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
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
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
        expect![[""]],
    );
}
