-- MATCH_RECOGNIZE over rows that are updated is refused, as in Flink.
-- @once
-- @stderr GroupAggregate are updated or deleted
-- @input ticker.csv
-- XYZ,2018-09-17 10:00:01,7,1
-- XYZ,2018-09-17 10:00:02,9,1
-- XYZ,2018-09-17 10:00:03,10,1
-- XYZ,2018-09-17 10:00:04,5,1
-- XYZ,2018-09-17 10:00:05,10,1
-- XYZ,2018-09-17 10:00:06,7,1
-- XYZ,2018-09-17 10:00:07,14,1
CREATE TABLE t (symbol STRING, rt TIMESTAMP(3), price BIGINT, p AS PROCTIME())
WITH ('connector' = 'filesystem', 'path' = '{dir}/ticker.csv', 'format' = 'csv');
SELECT * FROM (SELECT symbol, PROCTIME() AS p, SUM(price) AS price FROM t GROUP BY symbol) MATCH_RECOGNIZE (
  ORDER BY p MEASURES A.price AS x PATTERN (A B) DEFINE A AS A.price > 1
);
-- @error MS1009
-- @flink 2.3.0 2026-11-21
-- select refused: Match Recognize doesn't support consuming update changes which is produced by node GroupAggregate(groupBy=[symbol], select=[symbol, SUM(price) AS price])
