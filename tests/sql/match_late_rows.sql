-- MATCH_RECOGNIZE: late rows go to the table their source names, with all their columns.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @input rows.csv
-- 2026-01-01 00:00:01,a,7
-- 2026-01-01 00:00:21,b,8
-- 2026-01-01 00:00:02,c,9
-- 2026-01-01 00:00:12,d,10
-- @stderr 1 late
CREATE TABLE late (event_time TIMESTAMP(3), `watermark` TIMESTAMP(3), `row` STRING)
WITH ('connector' = 'filesystem', 'path' = '{dir}/late', 'format' = 'json');
CREATE TABLE r (ts TIMESTAMP(3), name STRING, v INT, WATERMARK FOR ts AS ts - INTERVAL '10' SECOND)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv',
  'late-rows.table' = 'late');
CREATE TABLE found (a STRING, b STRING)
WITH ('connector' = 'filesystem', 'path' = '{dir}/found', 'format' = 'json');

INSERT INTO found SELECT * FROM r MATCH_RECOGNIZE (
  ORDER BY ts
  MEASURES A.name AS a, B.name AS b
  PATTERN (A B)
  DEFINE A AS A.name <> 'x', B AS B.name <> 'x'
);
SELECT * FROM found;
SELECT event_time, `watermark`, `row` FROM late;
-- @expect
-- {"a":"a","b":"d"}
-- {"a":"d","b":"b"}
-- {"event_time":"2026-01-01 00:00:02.000","watermark":"2026-01-01 00:00:11.000","row":"{\"ts\":\"2026-01-01 00:00:02.000\",\"name\":\"c\",\"v\":9}"}
