-- Bad records go to a table, in one job with the good ones; nothing is lost without a count.
-- @flink-skip the options on-error and dead-letter.table are ours: Flink loses what it skips
-- @input rows.jsonl
-- {"id": 1, "ts": "2026-01-01 00:00:01"}
-- {"id": "two", "ts": "2026-01-01 00:00:02"}
-- {"id": 3, "ts": "2026-01-01 00:0
-- {"id": 4}
-- {"id": 5, "ts": "2026-01-01 00:00:05"}
-- {"id": 99999999999, "ts": "2026-01-01 00:00:06"}
-- @stderr 4 bad
CREATE TABLE bad (line BIGINT, code STRING, record STRING)
WITH ('connector' = 'filesystem', 'path' = '{dir}/bad', 'format' = 'json');
CREATE TABLE r (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.jsonl', 'format' = 'json',
  'on-error' = 'dead-letter', 'dead-letter.table' = 'bad');
CREATE TABLE good (id INT, ts TIMESTAMP(3))
WITH ('connector' = 'filesystem', 'path' = '{dir}/good', 'format' = 'json');

INSERT INTO good SELECT id, ts FROM r;
SELECT * FROM good;
SELECT * FROM bad;
-- @expect
-- {"id":1,"ts":"2026-01-01 00:00:01.000"}
-- {"id":5,"ts":"2026-01-01 00:00:05.000"}
-- {"line":2,"code":"MS2001","record":"{\"id\": \"two\", \"ts\": \"2026-01-01 00:00:02\"}"}
-- {"line":3,"code":"MS2001","record":"{\"id\": 3, \"ts\": \"2026-01-01 00:0"}
-- {"line":6,"code":"MS2001","record":"{\"id\": 99999999999, \"ts\": \"2026-01-01 00:00:06\"}"}
-- {"line":null,"code":"MS2002","record":"{\"id\":4,\"ts\":null}"}
