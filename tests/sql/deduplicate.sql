-- Deduplication: the first and the last row of a key, by event time and by processing time.
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
CREATE TABLE b (
  auction INT, bidder STRING, price INT, ts TIMESTAMP(3), pt AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '3' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{dir}/bids.csv', 'format' = 'csv', 'csv.null-literal' = '');

SELECT 'first' AS q, bidder, ts FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder ORDER BY ts) AS rn FROM b) WHERE rn = 1;

SELECT 'last' AS q, bidder, price, rn FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder ORDER BY ts DESC) AS rn FROM b) WHERE rn = 1;

SELECT 'first to come' AS q, bidder, price FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder ORDER BY pt) AS rn FROM b) WHERE rn = 1;

SELECT 'last to come' AS q, bidder, price FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder ORDER BY pt DESC) AS rn FROM b) WHERE rn = 1;

SELECT 'count of first' AS q, auction, COUNT(*) AS n FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder ORDER BY ts) AS rn FROM b) WHERE rn = 1
GROUP BY auction;
-- @expect
-- {"q":"count of first","auction":1,"n":5}
-- {"q":"first to come","bidder":"a","price":10}
-- {"q":"first to come","bidder":"b","price":30}
-- {"q":"first to come","bidder":"c","price":20}
-- {"q":"first to come","bidder":"d","price":30}
-- {"q":"first to come","bidder":"e","price":null}
-- {"q":"first","bidder":"a","ts":"2026-01-01 00:00:01.000"}
-- {"q":"first","bidder":"b","ts":"2026-01-01 00:00:02.000"}
-- {"q":"first","bidder":"c","ts":"2026-01-01 00:00:02.000"}
-- {"q":"first","bidder":"d","ts":"2026-01-01 00:00:05.000"}
-- {"q":"first","bidder":"e","ts":"2026-01-01 00:00:06.000"}
-- {"q":"last to come","bidder":"a","price":40}
-- {"q":"last to come","bidder":"b","price":7}
-- {"q":"last to come","bidder":"c","price":7}
-- {"q":"last to come","bidder":"d","price":30}
-- {"q":"last to come","bidder":"e","price":null}
-- {"q":"last","bidder":"a","price":40,"rn":1}
-- {"q":"last","bidder":"b","price":7,"rn":1}
-- {"q":"last","bidder":"c","price":7,"rn":1}
-- {"q":"last","bidder":"d","price":30,"rn":1}
-- {"q":"last","bidder":"e","price":null,"rn":1}
-- @flink 2.3.0 2026-11-21
-- select [I] q CHAR(5) NOT NULL, bidder STRING, ts TIMESTAMP(3)
-- select [I,UA,D] q CHAR(4) NOT NULL, bidder STRING, price INT, rn BIGINT NOT NULL
-- select [I] q CHAR(13) NOT NULL, bidder STRING, price INT
-- select [I,UA,D] q CHAR(12) NOT NULL, bidder STRING, price INT
-- select [I,UA] q CHAR(14) NOT NULL, auction INT, n BIGINT NOT NULL
-- 21 lines aaa18877f3c05c26
