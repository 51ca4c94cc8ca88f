-- Offsets move the bounds, also before the first multiple; named arguments; windows made real.
-- @input rows.csv
-- 2026-01-01 00:00:03,1
-- 2026-01-01 00:00:07,2
CREATE TABLE r (ts TIMESTAMP(3), v INT, WATERMARK FOR ts AS ts)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv');

SELECT window_start, window_end, window_time, SUM(v) AS s
FROM TABLE(TUMBLE(DATA => TABLE r, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '5' SECOND,
  `OFFSET` => INTERVAL '4' SECOND))
GROUP BY window_start, window_end, window_time;

SELECT v, window_start, window_end
FROM TABLE(HOP(TABLE r, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND));

SELECT v, window_end - INTERVAL '1' SECOND AS e
FROM TABLE(CUMULATE(TABLE r, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND));
-- @expect
-- {"v":1,"e":"2026-01-01 00:00:04.000"}
-- {"v":1,"e":"2026-01-01 00:00:09.000"}
-- {"v":1,"window_start":"2025-12-31 23:59:55.000","window_end":"2026-01-01 00:00:05.000"}
-- {"v":1,"window_start":"2026-01-01 00:00:00.000","window_end":"2026-01-01 00:00:10.000"}
-- {"v":2,"e":"2026-01-01 00:00:09.000"}
-- {"v":2,"window_start":"2026-01-01 00:00:00.000","window_end":"2026-01-01 00:00:10.000"}
-- {"v":2,"window_start":"2026-01-01 00:00:05.000","window_end":"2026-01-01 00:00:15.000"}
-- {"window_start":"2025-12-31 23:59:59.000","window_end":"2026-01-01 00:00:04.000","window_time":"2026-01-01 00:00:03.999","s":1}
-- {"window_start":"2026-01-01 00:00:04.000","window_end":"2026-01-01 00:00:09.000","window_time":"2026-01-01 00:00:08.999","s":2}
-- @flink 2.3.0 2026-11-21
-- select [I] window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, window_time TIMESTAMP(3) NOT NULL, s INT
-- select [I] v INT, window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL
-- select [I] v INT, e TIMESTAMP(3) NOT NULL
-- 9 lines 729feabdf0b01615
