-- Sessions per key, by window function and by the older syntax; rows out of order join sessions.
-- @flink-types not yet: SESSION_START and SESSION_END are NOT NULL in Flink
-- @input rows.jsonl
-- {"k": "a", "ts": "2026-01-01 00:00:01"}
-- {"k": "b", "ts": "2026-01-01 00:00:02"}
-- {"k": "a", "ts": "2026-01-01 00:00:09"}
-- {"k": "a", "ts": "2026-01-01 00:00:05"}
-- {"k": "a", "ts": "2026-01-01 00:00:30"}
-- {"k": "b", "ts": "2026-01-01 00:00:31"}
CREATE TABLE r (
  k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.jsonl', 'format' = 'json');

SELECT k, window_start, window_end, COUNT(*) AS n
FROM TABLE(SESSION(TABLE r PARTITION BY k, DESCRIPTOR(ts), INTERVAL '5' SECOND))
GROUP BY k, window_start, window_end;

SELECT 'old' AS syntax, k, SESSION_START(ts, INTERVAL '5' SECOND) AS s,
  SESSION_END(ts, INTERVAL '5' SECOND) AS e, COUNT(*) AS n
FROM r GROUP BY k, SESSION(ts, INTERVAL '5' SECOND);

SELECT 'all' AS who, window_start, window_end, COUNT(*) AS n
FROM TABLE(SESSION(TABLE r, DESCRIPTOR(ts), INTERVAL '5' SECOND))
GROUP BY window_start, window_end;
-- @expect
-- {"k":"a","window_start":"2026-01-01 00:00:01.000","window_end":"2026-01-01 00:00:14.000","n":3}
-- {"k":"a","window_start":"2026-01-01 00:00:30.000","window_end":"2026-01-01 00:00:35.000","n":1}
-- {"k":"b","window_start":"2026-01-01 00:00:02.000","window_end":"2026-01-01 00:00:07.000","n":1}
-- {"k":"b","window_start":"2026-01-01 00:00:31.000","window_end":"2026-01-01 00:00:36.000","n":1}
-- {"syntax":"old","k":"a","s":"2026-01-01 00:00:01.000","e":"2026-01-01 00:00:14.000","n":3}
-- {"syntax":"old","k":"a","s":"2026-01-01 00:00:30.000","e":"2026-01-01 00:00:35.000","n":1}
-- {"syntax":"old","k":"b","s":"2026-01-01 00:00:02.000","e":"2026-01-01 00:00:07.000","n":1}
-- {"syntax":"old","k":"b","s":"2026-01-01 00:00:31.000","e":"2026-01-01 00:00:36.000","n":1}
-- {"who":"all","window_start":"2026-01-01 00:00:01.000","window_end":"2026-01-01 00:00:14.000","n":4}
-- {"who":"all","window_start":"2026-01-01 00:00:30.000","window_end":"2026-01-01 00:00:36.000","n":2}
-- @flink 2.3.0 2026-11-21
-- select [I] k STRING, window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL
-- select [I] syntax CHAR(3) NOT NULL, k STRING, s TIMESTAMP(3) NOT NULL, e TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL
-- select [I] who CHAR(3) NOT NULL, window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL
-- 10 lines c428af038716b6e9
