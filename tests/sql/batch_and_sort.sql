-- Batch mode gives one final result; bounded input may be sorted; VALUES, UNION ALL, LIMIT.
-- @flink-modes a bounded input is sorted once, at its end, and SELECT DISTINCT only inserts; Flink updates
CREATE VIEW v AS SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (3, 'a'), (CAST(NULL AS INT), 'c')) AS t (n, k);
SELECT k, SUM(n) AS s FROM v GROUP BY k ORDER BY s DESC, k LIMIT 2;
SELECT n FROM v ORDER BY n LIMIT 1;
SELECT k FROM v WHERE n > 1 UNION ALL SELECT 'z';
SELECT k FROM v UNION SELECT 'a';
SET 'execution.runtime-mode' = 'batch';
SELECT COUNT(*) AS n, SUM(n) AS s FROM v WHERE k = 'nobody';
SELECT k AS batch, COUNT(*) AS n FROM v GROUP BY k;
-- @expect
-- {"batch":"a","n":2}
-- {"batch":"b","n":1}
-- {"batch":"c","n":1}
-- {"k":"a","s":4}
-- {"k":"a"}
-- {"k":"a"}
-- {"k":"b","s":2}
-- {"k":"b"}
-- {"k":"b"}
-- {"k":"c"}
-- {"k":"z"}
-- {"n":0,"s":null}
-- {"n":null}
-- @flink 2.3.0 2026-11-21
-- select [I,UA,D] k CHAR(1) NOT NULL, s INT
-- select [I,UA,D] n INT
-- select [I] k CHAR(1) NOT NULL
-- select [I,UA] k CHAR(1) NOT NULL
-- select [I] n BIGINT NOT NULL, s INT
-- select [I] batch CHAR(1) NOT NULL, n BIGINT NOT NULL
-- 13 lines 5f1dbf84b8f75e72
