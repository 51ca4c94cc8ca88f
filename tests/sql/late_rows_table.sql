-- Late rows go to the table their source names.
-- @flink-skip the option late-rows.table is ours: Flink only counts late rows
-- @input rows.csv
-- 2026-01-01 00:00:01,a
-- 2026-01-01 00:00:21,b
-- 2026-01-01 00:00:02,c
-- 2026-01-01 00:00:12,d
-- 2026-01-01 00:00:09,e
-- @stderr 2 late
CREATE TABLE late (event_time TIMESTAMP(3), `watermark` TIMESTAMP(3), `row` STRING)
WITH ('connector' = 'filesystem', 'path' = '{dir}/late', 'format' = 'json');
CREATE TABLE r (ts TIMESTAMP(3), name STRING, WATERMARK FOR ts AS ts - INTERVAL '10' SECOND)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv',
  'late-rows.table' = 'late');
CREATE TABLE counts (s TIMESTAMP(3), n BIGINT)
WITH ('connector' = 'filesystem', 'path' = '{dir}/counts', 'format' = 'json');

INSERT INTO counts SELECT window_start, COUNT(*)
FROM TABLE(TUMBLE(TABLE r, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
SELECT * FROM counts;
SELECT event_time, `watermark`, `row` FROM late;
-- @expect
-- {"event_time":"2026-01-01 00:00:02.000","watermark":"2026-01-01 00:00:11.000","row":"{\"ts\":\"2026-01-01 00:00:02.000\",\"name\":\"c\"}"}
-- {"event_time":"2026-01-01 00:00:09.000","watermark":"2026-01-01 00:00:11.000","row":"{\"ts\":\"2026-01-01 00:00:09.000\",\"name\":\"e\"}"}
-- {"s":"2026-01-01 00:00:00.000","n":1}
-- {"s":"2026-01-01 00:00:10.000","n":1}
-- {"s":"2026-01-01 00:00:20.000","n":1}
