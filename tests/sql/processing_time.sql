-- Processing-time windows are put out at the end of bounded input; only the sum is repeatable.
-- @flink-differs windows of processing time are put out at the end of bounded input; Flink drops what they hold
-- @input rows.csv
-- a,1
-- a,2
-- b,3
CREATE TABLE r (k STRING, v INT, p AS PROCTIME())
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv');
SELECT k, SUM(s) AS s FROM (
  SELECT k, window_start, window_end, SUM(v) AS s
  FROM TABLE(TUMBLE(TABLE r, DESCRIPTOR(p), INTERVAL '1' DAY))
  GROUP BY k, window_start, window_end) GROUP BY k;
SELECT k AS legacy, SUM(v) AS s FROM r GROUP BY k, TUMBLE(p, INTERVAL '1' DAY);
-- @expect
-- {"k":"a","s":3}
-- {"k":"b","s":3}
-- {"legacy":"a","s":3}
-- {"legacy":"b","s":3}
-- @flink 2.3.0 2026-11-21
-- select [I,UA] k STRING, s INT
-- select [I] legacy STRING, s INT
-- - {"k":"a","s":3}
-- - {"k":"b","s":3}
-- - {"legacy":"a","s":3}
-- - {"legacy":"b","s":3}
-- 0 lines cbf29ce484222325
