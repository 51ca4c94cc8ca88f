-- Top-N: with and without the number, from a later place, global, over rows that are updated.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
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

SELECT 'number' AS q, auction, bidder, price, rn FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM b) WHERE rn <= 2;

SELECT 'plain' AS q, auction, bidder FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM b) WHERE rn < 3;

SELECT 'middle' AS q, bidder, rn FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM b)
WHERE rn BETWEEN 2 AND 3;

SELECT 'filtered' AS q, bidder, price FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM b)
WHERE 3 >= rn AND price > 6;

SELECT 'global' AS q, bidder, rn FROM (
  SELECT *, ROW_NUMBER() OVER (ORDER BY price DESC) AS rn FROM b) WHERE rn <= 3;

SELECT 'counts' AS q, bidder, n, rn FROM (
  SELECT *, ROW_NUMBER() OVER (ORDER BY n DESC, bidder) AS rn
  FROM (SELECT bidder, COUNT(*) AS n FROM b GROUP BY bidder)) WHERE rn <= 3;

SELECT 'max' AS q, auction, m FROM (
  SELECT *, ROW_NUMBER() OVER (ORDER BY m DESC) AS rn
  FROM (SELECT auction, MAX(price) AS m FROM b GROUP BY auction)) WHERE rn = 1;
-- @expect
-- {"q":"counts","bidder":"a","n":4,"rn":1}
-- {"q":"counts","bidder":"b","n":2,"rn":2}
-- {"q":"counts","bidder":"c","n":2,"rn":3}
-- {"q":"filtered","bidder":"a","price":40}
-- {"q":"filtered","bidder":"b","price":30}
-- {"q":"filtered","bidder":"b","price":7}
-- {"q":"filtered","bidder":"c","price":7}
-- {"q":"filtered","bidder":"d","price":30}
-- {"q":"global","bidder":"a","rn":1}
-- {"q":"global","bidder":"b","rn":2}
-- {"q":"global","bidder":"d","rn":3}
-- {"q":"max","auction":1,"m":40}
-- {"q":"middle","bidder":"a","rn":3}
-- {"q":"middle","bidder":"b","rn":2}
-- {"q":"middle","bidder":"c","rn":2}
-- {"q":"middle","bidder":"d","rn":3}
-- {"q":"number","auction":1,"bidder":"a","price":40,"rn":1}
-- {"q":"number","auction":1,"bidder":"b","price":30,"rn":2}
-- {"q":"number","auction":2,"bidder":"b","price":7,"rn":1}
-- {"q":"number","auction":2,"bidder":"c","price":7,"rn":2}
-- {"q":"number","auction":3,"bidder":"a","price":1,"rn":1}
-- {"q":"plain","auction":1,"bidder":"a"}
-- {"q":"plain","auction":1,"bidder":"b"}
-- {"q":"plain","auction":2,"bidder":"b"}
-- {"q":"plain","auction":2,"bidder":"c"}
-- {"q":"plain","auction":3,"bidder":"a"}
