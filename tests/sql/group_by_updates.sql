-- An unbounded GROUP BY: DISTINCT, FILTER, HAVING; a NULL key is a group of its own.
-- @flink-modes SELECT DISTINCT of rows that are only inserted inserts only; Flink plans updates that never come
-- @input rows.csv
-- a,1
-- b,2
-- a,1
-- ,7
-- a,3
-- ,5
-- b,
CREATE TABLE r (k STRING, v INT)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv', 'csv.null-literal' = '');

SELECT k, COUNT(*) AS n, COUNT(v) AS nv, COUNT(DISTINCT v) AS d, SUM(v) AS s, AVG(v) AS a,
  MIN(v) AS lo, MAX(v) AS hi, COUNT(*) FILTER (WHERE v > 1) AS f
FROM r GROUP BY k;

SELECT k, COUNT(*) AS n FROM r GROUP BY k HAVING COUNT(*) > 2;

SELECT COUNT(*) AS n, SUM(v) AS s, AVG(CAST(v AS DOUBLE)) AS a FROM r;

SELECT DISTINCT k FROM r;
-- @expect
-- {"k":"a","n":3,"nv":3,"d":2,"s":5,"a":1,"lo":1,"hi":3,"f":1}
-- {"k":"a","n":3}
-- {"k":"a"}
-- {"k":"b","n":2,"nv":1,"d":1,"s":2,"a":2,"lo":2,"hi":2,"f":1}
-- {"k":"b"}
-- {"k":null,"n":2,"nv":2,"d":2,"s":12,"a":6,"lo":5,"hi":7,"f":2}
-- {"k":null}
-- {"n":7,"s":19,"a":3.1666666666666665}
-- @flink 2.3.0 2026-11-21
-- select [I,UA] k STRING, n BIGINT NOT NULL, nv BIGINT NOT NULL, d BIGINT NOT NULL, s INT, a INT, lo INT, hi INT, f BIGINT NOT NULL
-- select [I,UB,UA] k STRING, n BIGINT NOT NULL
-- select [I,UA] n BIGINT NOT NULL, s INT, a DOUBLE
-- select [I,UA] k STRING
-- 8 lines 6be5cdd7a97a3f51
