-- MATCH_RECOGNIZE: each way to go on after a match; without the clause it is TO NEXT ROW.
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

SELECT 'past' AS way, T.* FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rt
  MEASURES SUM(A.price) AS sum_price, FIRST(rt) AS start_time, LAST(rt) AS end_time
  ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A+ C)
  DEFINE A AS SUM(A.price) < 30
) AS T;
SELECT 'next' AS way, T.* FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rt
  MEASURES SUM(A.price) AS sum_price, FIRST(rt) AS start_time, LAST(rt) AS end_time
  ONE ROW PER MATCH AFTER MATCH SKIP TO NEXT ROW
  PATTERN (A+ C)
  DEFINE A AS SUM(A.price) < 30
) AS T;
SELECT 'default' AS way, T.* FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rt
  MEASURES SUM(A.price) AS sum_price, FIRST(rt) AS start_time, LAST(rt) AS end_time
  ONE ROW PER MATCH 
  PATTERN (A+ C)
  DEFINE A AS SUM(A.price) < 30
) AS T;
SELECT 'last' AS way, T.* FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rt
  MEASURES SUM(A.price) AS sum_price, FIRST(rt) AS start_time, LAST(rt) AS end_time
  ONE ROW PER MATCH AFTER MATCH SKIP TO LAST A
  PATTERN (A+ C)
  DEFINE A AS SUM(A.price) < 30
) AS T;
SELECT 'variable' AS way, T.* FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rt
  MEASURES SUM(A.price) AS sum_price, FIRST(rt) AS start_time, LAST(rt) AS end_time
  ONE ROW PER MATCH AFTER MATCH SKIP TO A
  PATTERN (A+ C)
  DEFINE A AS SUM(A.price) < 30
) AS T;
SELECT 'first' AS way, T.* FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rt
  MEASURES SUM(A.price) AS sum_price, FIRST(rt) AS start_time, LAST(rt) AS end_time
  ONE ROW PER MATCH AFTER MATCH SKIP TO FIRST C
  PATTERN (A+ C)
  DEFINE A AS SUM(A.price) < 30
) AS T;
-- @expect
-- {"way":"default","symbol":"XYZ","sum_price":17,"start_time":"2018-09-17 10:00:05.000","end_time":"2018-09-17 10:00:07.000"}
-- {"way":"default","symbol":"XYZ","sum_price":22,"start_time":"2018-09-17 10:00:04.000","end_time":"2018-09-17 10:00:07.000"}
-- {"way":"default","symbol":"XYZ","sum_price":24,"start_time":"2018-09-17 10:00:02.000","end_time":"2018-09-17 10:00:05.000"}
-- {"way":"default","symbol":"XYZ","sum_price":25,"start_time":"2018-09-17 10:00:03.000","end_time":"2018-09-17 10:00:06.000"}
-- {"way":"default","symbol":"XYZ","sum_price":26,"start_time":"2018-09-17 10:00:01.000","end_time":"2018-09-17 10:00:04.000"}
-- {"way":"first","symbol":"XYZ","sum_price":22,"start_time":"2018-09-17 10:00:04.000","end_time":"2018-09-17 10:00:07.000"}
-- {"way":"first","symbol":"XYZ","sum_price":26,"start_time":"2018-09-17 10:00:01.000","end_time":"2018-09-17 10:00:04.000"}
-- {"way":"last","symbol":"XYZ","sum_price":17,"start_time":"2018-09-17 10:00:05.000","end_time":"2018-09-17 10:00:07.000"}
-- {"way":"last","symbol":"XYZ","sum_price":25,"start_time":"2018-09-17 10:00:03.000","end_time":"2018-09-17 10:00:06.000"}
-- {"way":"last","symbol":"XYZ","sum_price":26,"start_time":"2018-09-17 10:00:01.000","end_time":"2018-09-17 10:00:04.000"}
-- {"way":"next","symbol":"XYZ","sum_price":17,"start_time":"2018-09-17 10:00:05.000","end_time":"2018-09-17 10:00:07.000"}
-- {"way":"next","symbol":"XYZ","sum_price":22,"start_time":"2018-09-17 10:00:04.000","end_time":"2018-09-17 10:00:07.000"}
-- {"way":"next","symbol":"XYZ","sum_price":24,"start_time":"2018-09-17 10:00:02.000","end_time":"2018-09-17 10:00:05.000"}
-- {"way":"next","symbol":"XYZ","sum_price":25,"start_time":"2018-09-17 10:00:03.000","end_time":"2018-09-17 10:00:06.000"}
-- {"way":"next","symbol":"XYZ","sum_price":26,"start_time":"2018-09-17 10:00:01.000","end_time":"2018-09-17 10:00:04.000"}
-- {"way":"past","symbol":"XYZ","sum_price":17,"start_time":"2018-09-17 10:00:05.000","end_time":"2018-09-17 10:00:07.000"}
-- {"way":"past","symbol":"XYZ","sum_price":26,"start_time":"2018-09-17 10:00:01.000","end_time":"2018-09-17 10:00:04.000"}
-- {"way":"variable","symbol":"XYZ","sum_price":17,"start_time":"2018-09-17 10:00:05.000","end_time":"2018-09-17 10:00:07.000"}
-- {"way":"variable","symbol":"XYZ","sum_price":25,"start_time":"2018-09-17 10:00:03.000","end_time":"2018-09-17 10:00:06.000"}
-- {"way":"variable","symbol":"XYZ","sum_price":26,"start_time":"2018-09-17 10:00:01.000","end_time":"2018-09-17 10:00:04.000"}
-- @flink 2.3.0 2026-11-21
-- select [I] way CHAR(4) NOT NULL, symbol STRING, sum_price BIGINT, start_time TIMESTAMP(3), end_time TIMESTAMP(3)
-- select [I] way CHAR(4) NOT NULL, symbol STRING, sum_price BIGINT, start_time TIMESTAMP(3), end_time TIMESTAMP(3)
-- select [I] way CHAR(7) NOT NULL, symbol STRING, sum_price BIGINT, start_time TIMESTAMP(3), end_time TIMESTAMP(3)
-- select [I] way CHAR(4) NOT NULL, symbol STRING, sum_price BIGINT, start_time TIMESTAMP(3), end_time TIMESTAMP(3)
-- select [I] way CHAR(8) NOT NULL, symbol STRING, sum_price BIGINT, start_time TIMESTAMP(3), end_time TIMESTAMP(3)
-- select [I] way CHAR(5) NOT NULL, symbol STRING, sum_price BIGINT, start_time TIMESTAMP(3), end_time TIMESTAMP(3)
-- 20 lines 4ae8f74e09bc432a
