-- OVER, ORDER BY time and the first row of a key judge each row by its own time.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
--
-- Delay 3 s: the watermark is 4 s when the rows of 4 s and 2 s come. OVER and ORDER BY have passed 4 s
-- then; deduplication keeps what is at the watermark itself.
-- @input rows.csv
-- a,1,2026-01-01 00:00:01
-- b,2,2026-01-01 00:00:07
-- a,4,2026-01-01 00:00:04
-- c,8,2026-01-01 00:00:02
-- b,16,2026-01-01 00:00:05
-- d,32,2026-01-01 00:00:04
-- @stderr late
CREATE TABLE r (
  k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '3' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv');

SELECT 'over' AS q, k, SUM(v) OVER (ORDER BY ts) AS s FROM r;

SELECT 'sort' AS q, k, v FROM r ORDER BY ts;

SELECT 'first' AS q, k, v FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS n FROM r) WHERE n = 1;
-- @expect
-- {"q":"first","k":"a","v":1}
-- {"q":"first","k":"b","v":16}
-- {"q":"first","k":"d","v":32}
-- {"q":"over","k":"a","s":1}
-- {"q":"over","k":"b","s":17}
-- {"q":"over","k":"b","s":19}
-- {"q":"sort","k":"a","v":1}
-- {"q":"sort","k":"b","v":16}
-- {"q":"sort","k":"b","v":2}
