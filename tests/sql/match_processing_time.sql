-- MATCH_RECOGNIZE by processing time: rows count in the order of their arrival; one partition of all rows.
-- @input rows.csv
-- 1,a
-- 2,z
-- 3,b
-- 4,c
-- 5,d
-- 6,a
-- 7,b
-- 8,c
-- 9,a
-- 10,b
-- 11,c
CREATE TABLE r (id BIGINT, name STRING, p AS PROCTIME())
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv');
SELECT T.aid, T.bid, T.cid, T.found IS NOT NULL AS has_time FROM r MATCH_RECOGNIZE (
  ORDER BY p
  MEASURES `A"`.id AS aid, l.id AS bid, C.id AS cid, MATCH_PROCTIME() AS found
  PATTERN (`A"` l C)
  DEFINE
    `A"` AS name = 'a' AND p >= CURRENT_TIMESTAMP - INTERVAL '1' DAY,
    l AS name = 'b' AND LAST(`A"`.name, 2) IS NULL,
    C AS name = 'c' AND LAST(`A"`.name) = 'a'
) AS T;
-- @expect
-- {"aid":6,"bid":7,"cid":8,"has_time":true}
-- {"aid":9,"bid":10,"cid":11,"has_time":true}
-- @flink 2.3.0 2026-11-21
-- select [I] aid BIGINT, bid BIGINT, cid BIGINT, has_time BOOLEAN NOT NULL
-- 2 lines 5b612e47a6c4df78
