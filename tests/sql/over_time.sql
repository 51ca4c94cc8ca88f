-- OVER in the order of a time attribute: ROWS, RANGE, unbounded; behind windows; by arrival.
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

SELECT 'rows' AS q, auction, bidder, SUM(price) OVER w AS s, COUNT(*) OVER w AS n, MAX(price) OVER w AS m
FROM b WINDOW w AS (PARTITION BY auction ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);

SELECT 'range' AS q, bidder, ts, SUM(price) OVER (
  PARTITION BY auction ORDER BY ts RANGE BETWEEN INTERVAL '3' SECOND PRECEDING AND CURRENT ROW) AS s
FROM b;

SELECT 'unbounded' AS q, bidder, ts, AVG(price) OVER (PARTITION BY auction ORDER BY ts) AS a,
  COUNT(DISTINCT price) OVER (PARTITION BY auction ORDER BY ts) AS d,
  ROW_NUMBER() OVER (PARTITION BY auction ORDER BY ts) AS rn
FROM b;

SELECT 'all' AS q, ts, COUNT(*) OVER (ORDER BY ts) AS n FROM b;

SELECT 'arrival' AS q, bidder, SUM(price) OVER (PARTITION BY bidder ORDER BY pt) AS s,
  LAG(price, 1, -1) OVER (PARTITION BY bidder ORDER BY pt) AS before
FROM b;

SELECT 'windows' AS q, e, n, SUM(n) OVER (ORDER BY wt) AS total FROM (
  SELECT window_end AS e, window_time AS wt, COUNT(*) AS n
  FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '5' SECOND))
  GROUP BY window_start, window_end, window_time);
-- @expect
-- {"q":"all","ts":"2026-01-01 00:00:01.000","n":1}
-- {"q":"all","ts":"2026-01-01 00:00:02.000","n":3}
-- {"q":"all","ts":"2026-01-01 00:00:02.000","n":3}
-- {"q":"all","ts":"2026-01-01 00:00:03.000","n":4}
-- {"q":"all","ts":"2026-01-01 00:00:04.000","n":5}
-- {"q":"all","ts":"2026-01-01 00:00:05.000","n":6}
-- {"q":"all","ts":"2026-01-01 00:00:06.000","n":7}
-- {"q":"all","ts":"2026-01-01 00:00:08.000","n":8}
-- {"q":"all","ts":"2026-01-01 00:00:09.000","n":9}
-- {"q":"all","ts":"2026-01-01 00:00:10.000","n":10}
-- {"q":"arrival","bidder":"a","s":10,"before":-1}
-- {"q":"arrival","bidder":"a","s":15,"before":10}
-- {"q":"arrival","bidder":"a","s":16,"before":5}
-- {"q":"arrival","bidder":"a","s":56,"before":1}
-- {"q":"arrival","bidder":"b","s":30,"before":-1}
-- {"q":"arrival","bidder":"b","s":37,"before":30}
-- {"q":"arrival","bidder":"c","s":20,"before":-1}
-- {"q":"arrival","bidder":"c","s":27,"before":20}
-- {"q":"arrival","bidder":"d","s":30,"before":-1}
-- {"q":"arrival","bidder":"e","s":null,"before":-1}
-- {"q":"range","bidder":"a","ts":"2026-01-01 00:00:01.000","s":10}
-- {"q":"range","bidder":"a","ts":"2026-01-01 00:00:03.000","s":5}
-- {"q":"range","bidder":"a","ts":"2026-01-01 00:00:08.000","s":1}
-- {"q":"range","bidder":"a","ts":"2026-01-01 00:00:10.000","s":40}
-- {"q":"range","bidder":"b","ts":"2026-01-01 00:00:02.000","s":60}
-- {"q":"range","bidder":"b","ts":"2026-01-01 00:00:04.000","s":12}
-- {"q":"range","bidder":"c","ts":"2026-01-01 00:00:02.000","s":60}
-- {"q":"range","bidder":"c","ts":"2026-01-01 00:00:09.000","s":7}
-- {"q":"range","bidder":"d","ts":"2026-01-01 00:00:05.000","s":80}
-- {"q":"range","bidder":"e","ts":"2026-01-01 00:00:06.000","s":30}
-- {"q":"rows","auction":1,"bidder":"a","s":10,"n":1,"m":10}
-- {"q":"rows","auction":1,"bidder":"a","s":40,"n":2,"m":40}
-- {"q":"rows","auction":1,"bidder":"b","s":40,"n":2,"m":30}
-- {"q":"rows","auction":1,"bidder":"c","s":50,"n":2,"m":30}
-- {"q":"rows","auction":1,"bidder":"d","s":50,"n":2,"m":30}
-- {"q":"rows","auction":1,"bidder":"e","s":30,"n":2,"m":30}
-- {"q":"rows","auction":2,"bidder":"a","s":5,"n":1,"m":5}
-- {"q":"rows","auction":2,"bidder":"b","s":12,"n":2,"m":7}
-- {"q":"rows","auction":2,"bidder":"c","s":14,"n":2,"m":7}
-- {"q":"rows","auction":3,"bidder":"a","s":1,"n":1,"m":1}
-- {"q":"unbounded","bidder":"a","ts":"2026-01-01 00:00:01.000","a":10,"d":1,"rn":1}
-- {"q":"unbounded","bidder":"a","ts":"2026-01-01 00:00:03.000","a":5,"d":1,"rn":1}
-- {"q":"unbounded","bidder":"a","ts":"2026-01-01 00:00:08.000","a":1,"d":1,"rn":1}
-- {"q":"unbounded","bidder":"a","ts":"2026-01-01 00:00:10.000","a":26,"d":4,"rn":6}
-- {"q":"unbounded","bidder":"b","ts":"2026-01-01 00:00:02.000","a":20,"d":3,"rn":2}
-- {"q":"unbounded","bidder":"b","ts":"2026-01-01 00:00:04.000","a":6,"d":2,"rn":2}
-- {"q":"unbounded","bidder":"c","ts":"2026-01-01 00:00:02.000","a":20,"d":3,"rn":3}
-- {"q":"unbounded","bidder":"c","ts":"2026-01-01 00:00:09.000","a":6,"d":2,"rn":3}
-- {"q":"unbounded","bidder":"d","ts":"2026-01-01 00:00:05.000","a":22,"d":3,"rn":4}
-- {"q":"unbounded","bidder":"e","ts":"2026-01-01 00:00:06.000","a":22,"d":3,"rn":5}
-- {"q":"windows","e":"2026-01-01 00:00:05.000","n":5,"total":5}
-- {"q":"windows","e":"2026-01-01 00:00:10.000","n":4,"total":9}
-- {"q":"windows","e":"2026-01-01 00:00:15.000","n":1,"total":10}
