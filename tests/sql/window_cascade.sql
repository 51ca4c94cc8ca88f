-- Windows over windows: minutes summed to hours by window_time, and a second aggregate in one window.
-- @flink-types not yet: MAX of a NOT NULL column is NOT NULL in a query with GROUP BY
-- @input rows.csv
-- 2026-01-01 00:00:10,a,1
-- 2026-01-01 00:00:40,b,2
-- 2026-01-01 00:01:10,a,3
-- 2026-01-01 00:59:59,b,4
-- 2026-01-01 01:00:00,a,5
CREATE TABLE r (ts TIMESTAMP(3), k STRING, v BIGINT, WATERMARK FOR ts AS ts)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv');
CREATE VIEW minutes AS
SELECT window_time AS wt, window_start AS ws, window_end AS we, k, SUM(v) AS s
FROM TABLE(TUMBLE(TABLE r, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY k, window_start, window_end, window_time;

SELECT 'hour' AS what, window_start, window_end, SUM(s) AS s, COUNT(*) AS n
FROM TABLE(TUMBLE(TABLE minutes, DESCRIPTOR(wt), INTERVAL '1' HOUR))
GROUP BY window_start, window_end;

SELECT 'max' AS what, window_start, window_end, MAX(n) AS m
FROM (SELECT k, window_start, window_end, COUNT(*) AS n
  FROM TABLE(HOP(TABLE r, DESCRIPTOR(ts), INTERVAL '30' MINUTE, INTERVAL '1' HOUR))
  GROUP BY k, window_start, window_end)
GROUP BY window_start, window_end;
-- @expect
-- {"what":"hour","window_start":"2026-01-01 00:00:00.000","window_end":"2026-01-01 01:00:00.000","s":10,"n":4}
-- {"what":"hour","window_start":"2026-01-01 01:00:00.000","window_end":"2026-01-01 02:00:00.000","s":5,"n":1}
-- {"what":"max","window_start":"2025-12-31 23:30:00.000","window_end":"2026-01-01 00:30:00.000","m":2}
-- {"what":"max","window_start":"2026-01-01 00:00:00.000","window_end":"2026-01-01 01:00:00.000","m":2}
-- {"what":"max","window_start":"2026-01-01 00:30:00.000","window_end":"2026-01-01 01:30:00.000","m":1}
-- {"what":"max","window_start":"2026-01-01 01:00:00.000","window_end":"2026-01-01 02:00:00.000","m":1}
-- @flink 2.3.0 2026-11-21
-- select [I] what CHAR(4) NOT NULL, window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, s BIGINT, n BIGINT NOT NULL
-- select [I] what CHAR(3) NOT NULL, window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, m BIGINT NOT NULL
-- 6 lines 1c97643f5ab4b05a
