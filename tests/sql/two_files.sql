-- Two files are two splits: the watermark is their minimum, so a file that is behind loses nothing.
-- @flink-set pipeline.auto-watermark-interval=1 h
-- @input in/a.csv
-- 2026-01-01 00:00:01,a
-- 2026-01-01 00:00:11,a
-- 2026-01-01 00:01:05,a
-- @input in/b.csv
-- 2026-01-01 00:00:02,b
-- 2026-01-01 00:00:12,b
CREATE TABLE r (ts TIMESTAMP(3), k STRING, WATERMARK FOR ts AS ts)
WITH ('connector' = 'filesystem', 'path' = '{dir}/in', 'format' = 'csv');
SELECT window_start, COUNT(*) AS n, COUNT(DISTINCT k) AS d, LISTAGG(DISTINCT k) IS NOT NULL AS l
FROM TABLE(TUMBLE(TABLE r, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
-- @expect
-- {"window_start":"2026-01-01 00:00:00.000","n":2,"d":2,"l":true}
-- {"window_start":"2026-01-01 00:00:10.000","n":2,"d":2,"l":true}
-- {"window_start":"2026-01-01 00:01:00.000","n":1,"d":1,"l":true}
-- @flink 2.3.0 2026-11-21
-- select [I] window_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, d BIGINT NOT NULL, l BOOLEAN NOT NULL
-- 3 lines fa90cff028b790fc
