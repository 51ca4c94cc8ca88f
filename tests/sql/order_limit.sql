-- ORDER BY .. LIMIT and OFFSET as a Top-N; LIMIT over rows that are updated.
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

SELECT bidder, price FROM b ORDER BY price DESC, bidder LIMIT 2 OFFSET 1;

SELECT bidder AS cheap FROM b ORDER BY price, bidder LIMIT 2;

SELECT auction, SUM(price) AS total FROM b GROUP BY auction ORDER BY total DESC LIMIT 2;

SELECT COUNT(*) AS `groups` FROM (SELECT auction, SUM(price) AS s FROM b GROUP BY auction LIMIT 5);
-- @expect
-- {"auction":1,"total":130}
-- {"auction":2,"total":19}
-- {"bidder":"b","price":30}
-- {"bidder":"d","price":30}
-- {"cheap":"a"}
-- {"cheap":"e"}
-- {"groups":3}
-- @flink 2.3.0 2026-11-21
-- select [I,UA,D] bidder STRING, price INT
-- select [I,UA,D] cheap STRING
-- select [I,UA,D] auction INT, total INT
-- select [I,UA,D] groups BIGINT NOT NULL
-- 7 lines 8f21290a0d4b2563
