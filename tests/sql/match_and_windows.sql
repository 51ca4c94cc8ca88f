-- MATCH_RECOGNIZE over the results of windows, and windows over matches by MATCH_ROWTIME.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @input ticker.csv
-- ACME,1970-01-01 00:00:01,1,1
-- BETA,1970-01-01 00:00:01,20,1
-- BETA,1970-01-01 00:00:01,24,1
-- ACME,1970-01-01 00:00:02,2,1
-- ACME,1970-01-01 00:00:04,1,1
-- BETA,1970-01-01 00:00:04,25,1
-- ACME,1970-01-01 00:00:05,1,1
-- ACME,1970-01-01 00:00:07,2,1
-- ACME,1970-01-01 00:00:08,2,1
-- BETA,1970-01-01 00:00:08,19,1
CREATE TABLE ticker (
  symbol STRING, rt TIMESTAMP(3), price BIGINT, tax BIGINT,
  WATERMARK FOR rt AS rt - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{dir}/ticker.csv', 'format' = 'csv');

SELECT 'windows first' AS o, symbol, d_price, d_time FROM (
  SELECT symbol, window_start, window_time AS wt, SUM(price) AS price
  FROM TABLE(TUMBLE(TABLE ticker, DESCRIPTOR(rt), INTERVAL '3' SECOND))
  GROUP BY symbol, window_start, window_end, window_time
) MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY wt
  MEASURES B.price AS d_price, B.window_start AS d_time
  ONE ROW PER MATCH
  PATTERN (A B)
  DEFINE B AS B.price < A.price
);
SELECT 'matches first' AS o, symbol, SUM(price) AS d_price, window_start AS d_time
FROM TABLE(TUMBLE((SELECT * FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rt
  MEASURES A.price AS price, MATCH_ROWTIME(rt) AS mt
  PATTERN (A) DEFINE A AS A.price > 1
)), DESCRIPTOR(mt), INTERVAL '3' SECOND))
GROUP BY symbol, window_start, window_end;
-- @expect
-- {"o":"matches first","symbol":"ACME","d_price":2,"d_time":"1970-01-01 00:00:00.000"}
-- {"o":"matches first","symbol":"ACME","d_price":4,"d_time":"1970-01-01 00:00:06.000"}
-- {"o":"matches first","symbol":"BETA","d_price":19,"d_time":"1970-01-01 00:00:06.000"}
-- {"o":"matches first","symbol":"BETA","d_price":25,"d_time":"1970-01-01 00:00:03.000"}
-- {"o":"matches first","symbol":"BETA","d_price":44,"d_time":"1970-01-01 00:00:00.000"}
-- {"o":"windows first","symbol":"ACME","d_price":2,"d_time":"1970-01-01 00:00:03.000"}
-- {"o":"windows first","symbol":"BETA","d_price":19,"d_time":"1970-01-01 00:00:06.000"}
-- {"o":"windows first","symbol":"BETA","d_price":25,"d_time":"1970-01-01 00:00:03.000"}
