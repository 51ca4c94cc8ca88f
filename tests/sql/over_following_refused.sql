-- OVER cannot look at rows to come.
-- @input bids.csv
-- 1,a,10,2026-01-01 00:00:01
-- 1,b,30,2026-01-01 00:00:02
-- 2,a,5,2026-01-01 00:00:03
-- 1,c,20,2026-01-01 00:00:02
-- 1,d,30,2026-01-01 00:00:05
-- 2,b,7,2026-01-01 00:00:04
-- 1,e,,2026-01-01 00:00:06
-- 2,c,7,2026-01-01 00:00:09
-- 3,a,1,2026-01-01 00:00:08
-- 1,a,40,2026-01-01 00:00:10
-- @error MS1002
CREATE TABLE b (
  auction INT, bidder STRING, price INT, ts TIMESTAMP(3), pt AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '3' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{dir}/bids.csv', 'format' = 'csv', 'csv.null-literal' = '');

SELECT SUM(price) OVER (ORDER BY ts ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS s FROM b;
-- @flink 2.3.0 2026-11-21
-- select refused: OVER RANGE FOLLOWING windows are not supported yet.
