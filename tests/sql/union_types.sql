-- The columns of a union have the type their values have in common.
SELECT a, b, c, d FROM (
  SELECT TIMESTAMP '2024-01-01 00:00:00' AS a, 1 AS b, CAST('ab' AS VARCHAR(3)) AS c, CAST(1 AS FLOAT) AS d
  UNION ALL
  SELECT TIMESTAMP '2024-01-01 00:00:00.123456', 2.5, CAST('abcde' AS VARCHAR(5)), CAST(2 AS DOUBLE)
  UNION ALL
  SELECT TIMESTAMP '2024-01-01 00:00:00.5', CAST(3 AS BIGINT), CAST(NULL AS VARCHAR(4)), 3
) AS t;
SELECT f0 AS a FROM (VALUES (0.5), (10), (1.25)) AS t (f0);
-- @expect
-- {"a":"2024-01-01 00:00:00.000000","b":1.0,"c":"ab","d":1.0}
-- {"a":"2024-01-01 00:00:00.123456","b":2.5,"c":"abcde","d":2.0}
-- {"a":"2024-01-01 00:00:00.500000","b":3.0,"c":null,"d":3.0}
-- {"a":0.50}
-- {"a":1.25}
-- {"a":10.00}
-- @flink 2.3.0 2026-11-21
-- select [I] a TIMESTAMP(6) NOT NULL, b DECIMAL(20, 1) NOT NULL, c VARCHAR(5), d FLOAT NOT NULL
-- select [I] a DECIMAL(12, 2) NOT NULL
-- 6 lines 92fd3e4ccc964cce
