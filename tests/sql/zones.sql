-- TIMESTAMP_LTZ: windows of a day follow the session's zone, also over the change to summer time.
-- @input rows.csv
-- 1774738800000
-- 1774742400000
-- 1774789200000
-- 1774821599999
-- 1774821600000
SET 'table.local-time-zone' = 'Europe/Berlin';
CREATE TABLE r (ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv');
SELECT window_start, window_end, COUNT(*) AS n, MIN(ms) AS a, MAX(ms) AS b
FROM TABLE(TUMBLE(TABLE r, DESCRIPTOR(ts), INTERVAL '1' DAY))
GROUP BY window_start, window_end;
SELECT DATE_FORMAT(ts, 'yyyy-MM-dd HH:mm') AS t, CAST(ts AS TIMESTAMP(3)) AS `local`, HOUR(ts) AS h FROM r;
SELECT ms AS after FROM r WHERE ts >= TIMESTAMP '2026-03-29 23:00:00' AND ts > '2026-03-29 00:00:00';
-- @expect
-- {"after":1774821599999}
-- {"after":1774821600000}
-- {"t":"2026-03-29 00:00","local":"2026-03-29 00:00:00.000","h":0}
-- {"t":"2026-03-29 01:00","local":"2026-03-29 01:00:00.000","h":1}
-- {"t":"2026-03-29 15:00","local":"2026-03-29 15:00:00.000","h":15}
-- {"t":"2026-03-29 23:59","local":"2026-03-29 23:59:59.999","h":23}
-- {"t":"2026-03-30 00:00","local":"2026-03-30 00:00:00.000","h":0}
-- {"window_start":"2026-03-29 00:00:00.000","window_end":"2026-03-30 00:00:00.000","n":4,"a":1774738800000,"b":1774821599999}
-- {"window_start":"2026-03-30 00:00:00.000","window_end":"2026-03-31 00:00:00.000","n":1,"a":1774821600000,"b":1774821600000}
-- @flink 2.3.0 2026-11-21
-- select [I] window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, a BIGINT, b BIGINT
-- select [I] t STRING, local TIMESTAMP(3), h BIGINT
-- select [I] after BIGINT
-- 9 lines f5f5def6f47e0208
