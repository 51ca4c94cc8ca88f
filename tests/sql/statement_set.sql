-- A statement set is first job with several sinks; hints override options; column lists; UNION ALL.
-- @flink-differs a window of processing time is put out at the end of bounded input; Flink drops what it holds, and then there is no file
-- @input a.csv
-- 1,x
-- 2,y
-- @input b.csv
-- 3,z
CREATE TABLE a (id INT, k STRING) WITH ('connector' = 'filesystem', 'path' = '{dir}/a.csv', 'format' = 'csv');
CREATE TABLE sink1 (k STRING, id BIGINT, extra DOUBLE)
WITH ('connector' = 'filesystem', 'path' = '{dir}/first', 'format' = 'json');
CREATE TABLE sink2 LIKE sink1 (OVERWRITING OPTIONS);
ALTER TABLE sink2 SET ('path' = '{dir}/second');
EXECUTE STATEMENT SET BEGIN
  INSERT INTO sink1 (id, k) SELECT id, k FROM a UNION ALL SELECT id, k FROM a /*+ OPTIONS('path' = '{dir}/b.csv') */;
  INSERT INTO sink2 SELECT 'n', COUNT(*), 1.5e0 FROM TABLE(TUMBLE(
    (SELECT PROCTIME() AS p FROM a), DESCRIPTOR(p), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
END;
SELECT * FROM sink1;
SELECT k, SUM(id) AS id FROM sink2 GROUP BY k;
-- @expect
-- {"k":"n","id":2}
-- {"k":"x","id":1,"extra":null}
-- {"k":"y","id":2,"extra":null}
-- {"k":"z","id":3,"extra":null}
-- @flink 2.3.0 2026-11-21
-- insert [I] [I]
-- select [I] k STRING, id BIGINT, extra DOUBLE
-- select [I,UA] refused: File {dir}/second does not exist or the user running Flink ('root') has insufficient permissions to access it.
-- - {"k":"n","id":2}
-- 3 lines 5a7d55e42e750281
