-- Arithmetic with Flink's types: whole numbers truncate and wrap, DECIMAL is exact, AVG keeps its type.
SELECT 7 / 2 AS a, -7 / 2 AS b, -7 % 3 AS c, 2147483647 + 1 AS d, 7.0 / 2 AS e, CAST(1 AS DECIMAL(5, 2)) / 3 AS f,
  0.1 + 0.2 AS g, 1e0 / 3 AS h, CAST(1.005 AS DECIMAL(4, 2)) AS i, 5 / CAST(2 AS DOUBLE) AS j;
SELECT AVG(n) AS a, AVG(CAST(n AS DECIMAL(5, 1))) AS b, SUM(n) AS c, SUM(CAST(n AS TINYINT)) AS d, MAX(n) - MIN(n) AS e
FROM (VALUES (1), (2), (4)) AS t (n);
-- @expect
-- {"a":2,"b":2.333333,"c":7,"d":7,"e":3}
-- {"a":3,"b":-3,"c":-1,"d":-2147483648,"e":3.500000000000,"f":0.3333333333333,"g":0.3,"h":0.3333333333333333,"i":1.01,"j":2.5}
-- @flink 2.3.0 2026-11-21
-- select [I] a INT NOT NULL, b INT NOT NULL, c INT NOT NULL, d INT NOT NULL, e DECIMAL(13, 12) NOT NULL, f DECIMAL(16, 13) NOT NULL, g DECIMAL(3, 1) NOT NULL, h DOUBLE NOT NULL, i DECIMAL(4, 2) NOT NULL, j DOUBLE NOT NULL
-- select [I,UA] a INT, b DECIMAL(38, 6), c INT, d TINYINT, e INT
-- 2 lines cba44dff959cd71e
