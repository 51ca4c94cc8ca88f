-- OVER in the order of ordinary columns, over insertions and over rows that are updated.
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

SELECT 'price' AS q, auction, bidder, SUM(price) OVER w AS s, RANK() OVER w AS r, DENSE_RANK() OVER w AS d
FROM b WINDOW w AS (PARTITION BY auction ORDER BY price);

SELECT 'counts' AS q, bidder, n, SUM(n) OVER (ORDER BY n) AS total
FROM (SELECT bidder, COUNT(*) AS n FROM b GROUP BY bidder);
-- @expect
-- {"q":"counts","bidder":"a","n":4,"total":10}
-- {"q":"counts","bidder":"b","n":2,"total":6}
-- {"q":"counts","bidder":"c","n":2,"total":6}
-- {"q":"counts","bidder":"d","n":1,"total":2}
-- {"q":"counts","bidder":"e","n":1,"total":2}
-- {"q":"price","auction":1,"bidder":"a","s":10,"r":2,"d":2}
-- {"q":"price","auction":1,"bidder":"a","s":130,"r":6,"d":5}
-- {"q":"price","auction":1,"bidder":"b","s":90,"r":4,"d":4}
-- {"q":"price","auction":1,"bidder":"c","s":30,"r":3,"d":3}
-- {"q":"price","auction":1,"bidder":"d","s":90,"r":4,"d":4}
-- {"q":"price","auction":1,"bidder":"e","s":null,"r":1,"d":1}
-- {"q":"price","auction":2,"bidder":"a","s":5,"r":1,"d":1}
-- {"q":"price","auction":2,"bidder":"b","s":19,"r":2,"d":2}
-- {"q":"price","auction":2,"bidder":"c","s":19,"r":2,"d":2}
-- {"q":"price","auction":3,"bidder":"a","s":1,"r":1,"d":1}
