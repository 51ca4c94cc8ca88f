-- MATCH_RECOGNIZE: rows are sorted by time and further columns; one behind the watermark is dropped.
-- @stderr 1 late
-- @input rows.csv
-- 2020-10-10 00:00:01,10,3
-- 2020-10-10 00:00:01,8,2
-- 2020-10-10 00:00:01,9,1
-- 2020-10-10 00:00:04,7,4
-- 2020-10-10 00:00:07,8,5
-- 2020-10-10 00:00:06,5,6
-- 2020-10-10 00:00:12,3,7
-- 2020-10-10 00:00:08,4,8
-- 2020-10-10 00:00:16,4,9
-- 2020-10-10 00:00:32,7,10
-- 2020-10-10 00:00:34,5,11
-- 2020-10-10 00:00:33,9,12
-- 2020-10-10 00:00:41,3,13
-- 2020-10-10 00:00:42,11,16
-- 2020-10-10 00:00:43,12,15
-- 2020-10-10 00:00:44,13,14
CREATE TABLE r (ts STRING, price INT, seq INT, rt AS TO_TIMESTAMP(ts), WATERMARK FOR rt AS rt - INTERVAL '2' SECOND)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv');

SELECT 'time' AS o, T.* FROM r MATCH_RECOGNIZE (
  ORDER BY rt
  MEASURES FIRST(DOWN.price) AS `first`, LAST(DOWN.price) AS `last`, UP.price AS up
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (DOWN{2,} UP)
  DEFINE
    DOWN AS price < LAST(DOWN.price, 1) OR LAST(DOWN.price, 1) IS NULL,
    UP AS price > LAST(DOWN.price)
) AS T;
SELECT 'time, seq' AS o, T.* FROM r MATCH_RECOGNIZE (
  ORDER BY rt ASC, seq
  MEASURES FIRST(DOWN.price) AS `first`, LAST(DOWN.price) AS `last`, UP.price AS up
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (DOWN{2,} UP)
  DEFINE
    DOWN AS price < LAST(DOWN.price, 1) OR LAST(DOWN.price, 1) IS NULL,
    UP AS price > LAST(DOWN.price)
) AS T;
SELECT 'time, seq desc' AS o, T.* FROM r MATCH_RECOGNIZE (
  ORDER BY rt, seq DESC
  MEASURES FIRST(DOWN.price) AS `first`, LAST(DOWN.price) AS `last`, UP.price AS up
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (DOWN{2,} UP)
  DEFINE
    DOWN AS price < LAST(DOWN.price, 1) OR LAST(DOWN.price, 1) IS NULL,
    UP AS price > LAST(DOWN.price)
) AS T;
-- @expect
-- {"o":"time","first":10,"last":8,"up":9}
-- {"o":"time","first":7,"last":5,"up":8}
-- {"o":"time","first":9,"last":3,"up":11}
-- {"o":"time, seq desc","first":10,"last":8,"up":9}
-- {"o":"time, seq desc","first":7,"last":5,"up":8}
-- {"o":"time, seq desc","first":9,"last":3,"up":11}
-- {"o":"time, seq","first":7,"last":5,"up":8}
-- {"o":"time, seq","first":9,"last":3,"up":11}
-- {"o":"time, seq","first":9,"last":8,"up":10}
-- @flink 2.3.0 2026-11-21
-- select [I] o CHAR(4) NOT NULL, first INT, last INT, up INT
-- select [I] o CHAR(9) NOT NULL, first INT, last INT, up INT
-- select [I] o CHAR(14) NOT NULL, first INT, last INT, up INT
-- 9 lines 8b1ee682e3ea74e9
