-- Top-N and deduplication of windows: put out once, when a window is over.
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

SELECT 'top' AS q, window_start AS ws, bidder, price, rn FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS rn
  FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '5' SECOND))) WHERE rn <= 2;

SELECT 'best' AS q, window_end AS we, auction, s FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY s DESC) AS rn
  FROM (SELECT window_start, window_end, auction, SUM(price) AS s
    FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '5' SECOND))
    GROUP BY window_start, window_end, auction)) WHERE rn = 1;

SELECT 'last' AS q, window_end AS we, bidder, price FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, bidder ORDER BY ts DESC) AS rn
  FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '5' SECOND))) WHERE rn = 1;
-- @expect
-- {"q":"best","we":"2026-01-01 00:00:05.000","auction":1,"s":60}
-- {"q":"best","we":"2026-01-01 00:00:10.000","auction":1,"s":30}
-- {"q":"best","we":"2026-01-01 00:00:15.000","auction":1,"s":40}
-- {"q":"last","we":"2026-01-01 00:00:05.000","bidder":"a","price":5}
-- {"q":"last","we":"2026-01-01 00:00:05.000","bidder":"b","price":7}
-- {"q":"last","we":"2026-01-01 00:00:05.000","bidder":"c","price":20}
-- {"q":"last","we":"2026-01-01 00:00:10.000","bidder":"a","price":1}
-- {"q":"last","we":"2026-01-01 00:00:10.000","bidder":"c","price":7}
-- {"q":"last","we":"2026-01-01 00:00:10.000","bidder":"d","price":30}
-- {"q":"last","we":"2026-01-01 00:00:10.000","bidder":"e","price":null}
-- {"q":"last","we":"2026-01-01 00:00:15.000","bidder":"a","price":40}
-- {"q":"top","ws":"2026-01-01 00:00:00.000","bidder":"b","price":30,"rn":1}
-- {"q":"top","ws":"2026-01-01 00:00:00.000","bidder":"c","price":20,"rn":2}
-- {"q":"top","ws":"2026-01-01 00:00:05.000","bidder":"c","price":7,"rn":2}
-- {"q":"top","ws":"2026-01-01 00:00:05.000","bidder":"d","price":30,"rn":1}
-- {"q":"top","ws":"2026-01-01 00:00:10.000","bidder":"a","price":40,"rn":1}
