-- Constant rows find common types: literals with NULLs, computed cells, timestamps of other precisions.
CREATE TABLE s (a INT, b STRING) WITH ('connector' = 'blackhole');
INSERT INTO s VALUES (1, 'x'), (CAST(NULL AS INT), 'y');
INSERT INTO s VALUES (1, 'x'), (NULL, 'y');
INSERT INTO s VALUES (1, 'x'), (1 + 1, 'y'), (CHAR_LENGTH('abc'), 'z');
SELECT a FROM (VALUES (TIMESTAMP '2024-01-01 00:00:00'), (TIMESTAMP '2024-01-01 00:00:00.5')) AS t (a);
SELECT SUM(n) AS s, AVG(n) AS a, AVG(CAST(n AS DOUBLE)) AS d, SUM(CAST(n AS BIGINT)) AS l
FROM (VALUES (1), (2), (CAST(NULL AS INT))) AS t (n);
-- @expect
-- {"a":"2024-01-01 00:00:00.000"}
-- {"a":"2024-01-01 00:00:00.500"}
-- {"s":3,"a":1,"d":1.5,"l":3}
