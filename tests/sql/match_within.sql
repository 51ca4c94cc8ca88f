-- MATCH_RECOGNIZE: WITHIN leaves out matches that take an hour or longer.
-- @input ticker.csv
-- ACME,2011-04-01 10:00:00,20,1
-- ACME,2011-04-01 10:20:00,17,1
-- ACME,2011-04-01 10:40:00,18,1
-- ACME,2011-04-01 11:00:00,11,1
-- ACME,2011-04-01 11:20:00,14,1
-- ACME,2011-04-01 11:40:00,9,1
-- ACME,2011-04-01 12:00:00,15,1
-- ACME,2011-04-01 12:20:00,14,1
-- ACME,2011-04-01 12:40:00,24,1
-- ACME,2011-04-01 12:59:00,1,1
-- ACME,2011-04-01 13:20:00,19,1
CREATE TABLE ticker (
  symbol STRING, rt TIMESTAMP(3), price BIGINT, tax BIGINT,
  WATERMARK FOR rt AS rt - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{dir}/ticker.csv', 'format' = 'csv');

SELECT * FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY rt
  MEASURES C.rt AS drop_time, A.price - C.price AS drop_diff
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A B* C) WITHIN INTERVAL '1' HOUR
  DEFINE
    B AS B.price > A.price - 10,
    C AS C.price < A.price - 10
) MR;
-- @expect
-- {"symbol":"ACME","drop_time":"2011-04-01 12:59:00.000","drop_diff":14}
-- @flink 2.3.0 2026-11-21
-- select [I] symbol STRING, drop_time TIMESTAMP(3), drop_diff BIGINT
-- 1 lines db223719ac3b3efc
