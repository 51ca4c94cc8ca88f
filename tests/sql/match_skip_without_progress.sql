-- MATCH_RECOGNIZE: to go on at the first row of the match would never end.
-- @once
-- @stderr found again
-- @input ticker.csv
-- XYZ,2018-09-17 10:00:01,7,1
-- XYZ,2018-09-17 10:00:02,9,1
-- XYZ,2018-09-17 10:00:03,10,1
-- XYZ,2018-09-17 10:00:04,5,1
-- XYZ,2018-09-17 10:00:05,10,1
-- XYZ,2018-09-17 10:00:06,7,1
-- XYZ,2018-09-17 10:00:07,14,1
CREATE TABLE ticker (
  symbol STRING, rt TIMESTAMP(3), price BIGINT, tax BIGINT,
  WATERMARK FOR rt AS rt - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{dir}/ticker.csv', 'format' = 'csv');

SELECT 'first' AS way, T.* FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rt
  MEASURES SUM(A.price) AS sum_price, FIRST(rt) AS start_time, LAST(rt) AS end_time
  ONE ROW PER MATCH AFTER MATCH SKIP TO FIRST A
  PATTERN (A+ C)
  DEFINE A AS SUM(A.price) < 30
) AS T;
-- @error MS2004
-- @flink 2.3.0 2026-11-21
-- select [I] refused: Could not skip to first element of a match.
