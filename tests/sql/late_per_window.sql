-- A row is late per window: behind the watermark it still counts in every window that is open.
--
-- Delay 1 s. Rows up to 8 s have come, so the watermark is 7 s when the row of 4 s comes: the
-- tumbling window [0 s, 5 s) has fired without it; the hopping and cumulating windows that end at
-- 10 s count it.
-- @input rows.jsonl
-- {"name": "a", "v": 1, "ts": "2020-10-10 00:00:01"}
-- {"name": "a", "v": 2, "ts": "2020-10-10 00:00:02"}
-- {"name": "a", "v": 2, "ts": "2020-10-10 00:00:03"}
-- {"name": "a", "v": 5, "ts": "2020-10-10 00:00:03"}
-- {"name": "a", "v": 3, "ts": "2020-10-10 00:00:06"}
-- {"name": "a", "v": 3, "ts": "2020-10-10 00:00:08"}
-- {"name": "a", "v": 2, "ts": "2020-10-10 00:00:04"}
-- @stderr 1 late
CREATE TABLE r (
  name STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.jsonl', 'format' = 'json');

SELECT 'tumble' AS w, name, window_start, window_end, COUNT(*) AS n, SUM(v) AS s
FROM TABLE(TUMBLE(TABLE r, DESCRIPTOR(ts), INTERVAL '5' SECOND))
GROUP BY name, window_start, window_end;

SELECT 'hop' AS w, name, window_start, window_end, COUNT(*) AS n, SUM(v) AS s
FROM TABLE(HOP(TABLE r, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND))
GROUP BY name, window_start, window_end;

SELECT 'cumulate' AS w, name, window_start, window_end, COUNT(*) AS n, SUM(v) AS s
FROM TABLE(CUMULATE(TABLE r, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND))
GROUP BY name, window_start, window_end;
-- @expect
-- {"w":"cumulate","name":"a","window_start":"2020-10-10 00:00:00.000","window_end":"2020-10-10 00:00:05.000","n":4,"s":10}
-- {"w":"cumulate","name":"a","window_start":"2020-10-10 00:00:00.000","window_end":"2020-10-10 00:00:10.000","n":7,"s":18}
-- {"w":"hop","name":"a","window_start":"2020-10-09 23:59:55.000","window_end":"2020-10-10 00:00:05.000","n":4,"s":10}
-- {"w":"hop","name":"a","window_start":"2020-10-10 00:00:00.000","window_end":"2020-10-10 00:00:10.000","n":7,"s":18}
-- {"w":"hop","name":"a","window_start":"2020-10-10 00:00:05.000","window_end":"2020-10-10 00:00:15.000","n":2,"s":6}
-- {"w":"tumble","name":"a","window_start":"2020-10-10 00:00:00.000","window_end":"2020-10-10 00:00:05.000","n":4,"s":10}
-- {"w":"tumble","name":"a","window_start":"2020-10-10 00:00:05.000","window_end":"2020-10-10 00:00:10.000","n":2,"s":6}
-- @flink 2.3.0 2026-11-21
-- select [I] w CHAR(6) NOT NULL, name STRING, window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, s INT
-- select [I] w CHAR(3) NOT NULL, name STRING, window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, s INT
-- select [I] w CHAR(8) NOT NULL, name STRING, window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, s INT
-- 7 lines 2e54c3b93f9c7177
