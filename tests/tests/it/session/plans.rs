use expect_test::expect;

use super::listing;

fn explain(query: &str) -> String {
    let rows = listing(&format!("EXPLAIN {query}")).rows;
    rows[0][0].clone().unwrap()
}

#[test]
fn a_window_aggregate_works_on_slices_and_needs_no_assigned_windows() {
    expect![[r#"
        job 'SELECT auction, window_start, window_end, COUNT(*) FROM TABLE(HOP(TABLE bid, DES': streaming mode, 6 nodes in 3 tasks, 128 key groups

        [5] Collect
            hands over rows to whoever runs the query
            input      [4], all to one
            runs       parallelism 1, task 3
        └─ [4] Calc
               computes   auction, window_start, window_end, count(Int32(1)) AS EXPR$3
               input      [3], in the same task
               changelog  [I], upsert key auction, window_start, window_end
               runs       parallelism 2, task 2
           └─ [3] HopAggregate
                  window     HOP(slide 2 s, size 10 s) on ts
                  keys       auction
                  computes   COUNT(*) AS count(Int32(1))
                  adds       window_start, window_end
                  late rows  counted and dropped
                  input      [2], hash by auction
                  changelog  [I], upsert key auction, window_start, window_end
                  runs       parallelism 2, task 2
                  state      1 accumulator per key and open slice of 2 s; freed when the watermark passes the end of the last window with that slice
              └─ [2] Calc
                     computes   auction, ts
                     where      price > 10
                     input      [1], in the same task
                     changelog  [I]
                     runs       parallelism 2, task 1
                 └─ [1] Watermark
                        watermark  ts - INTERVAL '4' SECOND for ts
                        passed on  when it crosses a multiple of 2 s
                        idle       never
                        future     more than 3650 d ahead of now is a bad row
                        input      [0], in the same task
                        changelog  [I]
                        runs       parallelism 2, task 1
                        state      1 watermark per split; freed with the split
                    └─ [0] Source(bid)
                           connector  'datagen', bounded
                           reads      auction, price, ts (3 of 7 columns)
                           bad rows   fail the job
                           changelog  [I]
                           runs       parallelism 2, task 1

        guarantees  no checkpoints, so nothing of the job survives a crash; see 'execution.checkpointing.dir'
            source  bid  'datagen'  is read again from its positions
            result                  none: rows are shown once their checkpoint is committed; a crash in between swallows them
    "#]].assert_eq(&explain(
        "SELECT auction, window_start, window_end, COUNT(*) FROM TABLE(HOP(TABLE bid, DESCRIPTOR(ts), \
         INTERVAL '2' SECOND, INTERVAL '10' SECOND)) WHERE price > 10 \
         GROUP BY auction, window_start, window_end",
    ));
}

#[test]
fn windows_cascade_over_window_time() {
    expect![[r#"
        job 'SELECT window_start, COUNT(DISTINCT bidder) FILTER (WHERE price > 1) FROM TABLE(': streaming mode, 6 nodes in 2 tasks, 128 key groups

        [5] Collect
            hands over rows to whoever runs the query
            input      [4], in the same task
            runs       parallelism 1, task 2
        └─ [4] Calc
               computes   window_start, count(DISTINCT bidder) FILTER (WHERE price > Int64(1)) AS EXPR$1
               input      [3], in the same task
               changelog  [I]
               runs       parallelism 1, task 2
           └─ [3] TumbleAggregate
                  window     TUMBLE(size 1 min) on ts
                  keys       none: one group
                  computes   COUNT(DISTINCT bidder) FILTER (WHERE price > Int64(1)) AS count(DISTINCT bidder) FILTER (WHERE price > Int64(1))
                  adds       window_start, window_end
                  late rows  counted and dropped
                  input      [2], all to one
                  changelog  [I], upsert key window_start, window_end
                  runs       parallelism 1, task 2
                  state      1 accumulator and each distinct value per key and open window; freed when the watermark passes the window's end
              └─ [2] Calc
                     computes   bidder, price > 1 AS price > Int64(1), ts
                     input      [1], in the same task
                     changelog  [I]
                     runs       parallelism 2, task 1
                 └─ [1] Watermark
                        watermark  ts - INTERVAL '4' SECOND for ts
                        passed on  when it crosses a multiple of 1 min
                        idle       never
                        future     more than 3650 d ahead of now is a bad row
                        input      [0], in the same task
                        changelog  [I]
                        runs       parallelism 2, task 1
                        state      1 watermark per split; freed with the split
                    └─ [0] Source(bid)
                           connector  'datagen', bounded
                           reads      bidder, price, ts (3 of 7 columns)
                           bad rows   fail the job
                           changelog  [I]
                           runs       parallelism 2, task 1

        guarantees  no checkpoints, so nothing of the job survives a crash; see 'execution.checkpointing.dir'
            source  bid  'datagen'  is read again from its positions
            result                  none: rows are shown once their checkpoint is committed; a crash in between swallows them
    "#]].assert_eq(&explain(
        "SELECT window_start, MAX(n) FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) \
         GROUP BY window_start, window_end"
            .replace("MAX(n)", "COUNT(DISTINCT bidder) FILTER (WHERE price > 1)")
            .as_str(),
    ));
    expect![[r#"
        job 'WITH minutes AS (SELECT window_time AS wt, auction, COUNT(*) AS n FROM TABLE(TUM': streaming mode, 7 nodes in 3 tasks, 128 key groups

        [6] Collect
            hands over rows to whoever runs the query
            input      [5], in the same task
            runs       parallelism 1, task 3
        └─ [5] Calc
               computes   window_end, sum(n) AS EXPR$1
               input      [4], in the same task
               changelog  [I]
               runs       parallelism 1, task 3
           └─ [4] TumbleAggregate
                  window     TUMBLE(size 1 h) on wt
                  keys       none: one group
                  computes   SUM(n) AS sum(n)
                  adds       window_start, window_end
                  late rows  counted and dropped
                  input      [3], all to one
                  changelog  [I], upsert key window_start, window_end
                  runs       parallelism 1, task 3
                  state      1 accumulator per key and open window; freed when the watermark passes the window's end
              └─ [3] Calc
                     computes   count(Int32(1)) AS n, window_time AS wt
                     input      [2], in the same task
                     changelog  [I]
                     runs       parallelism 2, task 2
                 └─ [2] TumbleAggregate
                        window     TUMBLE(size 1 min) on ts
                        keys       auction
                        computes   COUNT(*) AS count(Int32(1))
                        adds       window_start, window_end, window_time
                        late rows  counted and dropped
                        input      [1], hash by auction
                        changelog  [I], upsert key auction, window_start, window_end, window_time
                        runs       parallelism 2, task 2
                        state      1 accumulator per key and open window; freed when the watermark passes the window's end
                    └─ [1] Watermark
                           watermark  ts - INTERVAL '4' SECOND for ts
                           passed on  when it crosses a multiple of 1 min
                           idle       never
                           future     more than 3650 d ahead of now is a bad row
                           input      [0], in the same task
                           changelog  [I]
                           runs       parallelism 2, task 1
                           state      1 watermark per split; freed with the split
                       └─ [0] Source(bid)
                              connector  'datagen', bounded
                              reads      auction, ts (2 of 7 columns)
                              bad rows   fail the job
                              changelog  [I]
                              runs       parallelism 2, task 1

        guarantees  no checkpoints, so nothing of the job survives a crash; see 'execution.checkpointing.dir'
            source  bid  'datagen'  is read again from its positions
            result                  none: rows are shown once their checkpoint is committed; a crash in between swallows them
    "#]].assert_eq(&explain(
        "WITH minutes AS (SELECT window_time AS wt, auction, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE bid, \
         DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY auction, window_start, window_end, window_time) \
         SELECT window_end, SUM(n) FROM TABLE(TUMBLE(TABLE minutes, DESCRIPTOR(wt), INTERVAL '1' HOUR)) \
         GROUP BY window_start, window_end",
    ));
}

#[test]
fn older_group_windows_are_the_same_operators() {
    expect![[r#"
        job 'SELECT bidder, SESSION_START(ts, INTERVAL '10' SECOND) AS s, SESSION_END(ts, INT': streaming mode, 5 nodes in 3 tasks, 128 key groups

        [4] Collect
            hands over rows to whoever runs the query
            input      [3], all to one
            runs       parallelism 1, task 3
        └─ [3] Calc
               computes   bidder, window_start AS s, window_end AS e, count(Int32(1)) AS EXPR$3
               input      [2], in the same task
               changelog  [I]
               runs       parallelism 2, task 2
           └─ [2] SessionAggregate
                  window     SESSION(gap 10 s) on ts
                  keys       bidder
                  computes   COUNT(*) AS count(Int32(1))
                  adds       window_start, window_end, window_time
                  late rows  counted and dropped
                  input      [1], hash by bidder
                  changelog  [I], upsert key bidder, window_start, window_end, window_time
                  runs       parallelism 2, task 2
                  state      1 accumulator per key and open session; freed when the watermark passes its last row plus the gap
              └─ [1] Watermark
                     watermark  ts - INTERVAL '4' SECOND for ts
                     passed on  when it crosses a multiple of 10 ms
                     idle       never
                     future     more than 3650 d ahead of now is a bad row
                     input      [0], in the same task
                     changelog  [I]
                     runs       parallelism 2, task 1
                     state      1 watermark per split; freed with the split
                 └─ [0] Source(bid)
                        connector  'datagen', bounded
                        reads      bidder, ts (2 of 7 columns)
                        bad rows   fail the job
                        changelog  [I]
                        runs       parallelism 2, task 1

        guarantees  no checkpoints, so nothing of the job survives a crash; see 'execution.checkpointing.dir'
            source  bid  'datagen'  is read again from its positions
            result                  none: rows are shown once their checkpoint is committed; a crash in between swallows them
    "#]].assert_eq(&explain(
        "SELECT bidder, SESSION_START(ts, INTERVAL '10' SECOND) AS s, \
         SESSION_END(ts, INTERVAL '10' SECOND) AS e, COUNT(*) FROM bid \
         GROUP BY bidder, SESSION(ts, INTERVAL '10' SECOND)",
    ));
}

#[test]
fn a_window_nobody_groups_by_becomes_columns() {
    expect![[r#"
        job 'SELECT auction, window_start FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(p), INTERVA': streaming mode, 7 nodes in 2 tasks, 128 key groups

        [6] Collect
            hands over rows to whoever runs the query
            input      [5], all to one
            runs       parallelism 1, task 2
        └─ [5] Calc
               computes   auction, window_start
               input      [4], in the same task
               changelog  [I]
               runs       parallelism 2, task 1
           └─ [4] TumbleAssign
                  window     TUMBLE(size 1 min) on processing time
                  input      [3], in the same task
                  changelog  [I]
                  runs       parallelism 2, task 1
              └─ [3] Calc
                     computes   auction
                     input      [2], in the same task
                     changelog  [I]
                     runs       parallelism 2, task 1
                 └─ [2] Watermark
                        watermark  ts - INTERVAL '4' SECOND for ts
                        passed on  when it crosses a multiple of 1 s
                        idle       never
                        future     more than 3650 d ahead of now is a bad row
                        input      [1], in the same task
                        changelog  [I]
                        runs       parallelism 2, task 1
                        state      1 watermark per split; freed with the split
                    └─ [1] Calc
                           computes   auction, ts, PROCTIME() AS p
                           input      [0], in the same task
                           changelog  [I]
                           runs       parallelism 2, task 1
                       └─ [0] Source(bid)
                              connector  'datagen', bounded
                              reads      auction, ts (2 of 7 columns)
                              bad rows   fail the job
                              changelog  [I]
                              runs       parallelism 2, task 1

        guarantees  no checkpoints, so nothing of the job survives a crash; see 'execution.checkpointing.dir'
            source  bid  'datagen'  is read again from its positions
            result                  none: rows are shown once their checkpoint is committed; a crash in between swallows them
            note    [1] Calc: when rows are read again, the current time is another
            note    [4] TumbleAssign: when rows are read again, its windows follow the clock
    "#]].assert_eq(&explain(
        "SELECT auction, window_start FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(p), INTERVAL '1' MINUTE))",
    ));
}

#[test]
fn a_group_aggregate_says_what_it_keeps() {
    expect![[r#"
        job 'SELECT channel, COUNT(DISTINCT bidder) AS n FROM bid GROUP BY channel HAVING COU': streaming mode, 6 nodes in 3 tasks, 128 key groups

        [5] Collect
            hands over rows to whoever runs the query
            input      [4], all to one
            runs       parallelism 1, task 3
        └─ [4] Calc
               computes   channel, count(DISTINCT bid.bidder) AS n
               where      count(Int32(1)) > 1
               input      [3], in the same task
               changelog  [I,UB,UA], upsert key channel
               runs       parallelism 2, task 2
           └─ [3] GroupAggregate
                  keys       channel
                  computes   COUNT(DISTINCT bidder) AS count(DISTINCT bid.bidder), COUNT(*) AS count(Int32(1))
                  input      [2], hash by channel
                  changelog  [I,UB,UA], upsert key channel
                  runs       parallelism 2, task 2
                  state      2 accumulators and each distinct value per key; never freed, so it grows with the number of keys
              └─ [2] Calc
                     computes   channel, bidder
                     input      [1], in the same task
                     changelog  [I]
                     runs       parallelism 2, task 1
                 └─ [1] Watermark
                        watermark  ts - INTERVAL '4' SECOND for ts
                        passed on  when it crosses a multiple of 1 s
                        idle       never
                        future     more than 3650 d ahead of now is a bad row
                        input      [0], in the same task
                        changelog  [I]
                        runs       parallelism 2, task 1
                        state      1 watermark per split; freed with the split
                    └─ [0] Source(bid)
                           connector  'datagen', bounded
                           reads      bidder, channel, ts (3 of 7 columns)
                           bad rows   fail the job
                           changelog  [I]
                           runs       parallelism 2, task 1

        guarantees  no checkpoints, so nothing of the job survives a crash; see 'execution.checkpointing.dir'
            source  bid  'datagen'  is read again from its positions
            result                  none: rows are shown once their checkpoint is committed; a crash in between swallows them
    "#]].assert_eq(&explain(
        "SELECT channel, COUNT(DISTINCT bidder) AS n FROM bid GROUP BY channel HAVING COUNT(*) > 1",
    ));
}
