-- Constant rows find common types: literals with NULLs, computed cells, timestamps of other precisions.
-- @flink-differs an INSERT gives a bare NULL the type of its column; Flink refuses it without a CAST
CREATE TABLE s (a INT, b STRING) WITH ('connector' = 'blackhole');
INSERT INTO s VALUES (1, 'x'), (CAST(NULL AS INT), 'y');
INSERT INTO s VALUES (1, 'x'), (NULL, 'y');
INSERT INTO s VALUES (1, 'x'), (1 + 1, 'y'), (CHAR_LENGTH('abc'), 'z');
SELECT a FROM (VALUES (TIMESTAMP '2024-01-01 00:00:00'), (TIMESTAMP '2024-01-01 00:00:00.5')) AS t (a);
SELECT SUM(n) AS s, AVG(n) AS a, AVG(CAST(n AS DOUBLE)) AS d, SUM(CAST(n AS BIGINT)) AS l
FROM (VALUES (1), (2), (CAST(NULL AS INT))) AS t (n);
-- @expect
-- {"a":"2024-01-01 00:00:00.0"}
-- {"a":"2024-01-01 00:00:00.5"}
-- {"s":3,"a":1,"d":1.5,"l":3}
-- @flink 2.3.0 2026-11-21
-- insert [I]
-- insert refused: Illegal use of 'NULL'
-- insert [I]
-- select [I] a TIMESTAMP(1) NOT NULL
-- select [I,UA] s INT, a INT, d DOUBLE, l BIGINT
-- 3 lines 3010f64f6a28a70b
