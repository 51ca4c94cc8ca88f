-- Without a word about errors the first bad record fails the job, with its line and reason.
-- @input rows.csv
-- 1,a
-- x,b
-- @stderr line 2
CREATE TABLE r (id INT, name STRING)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv');
SELECT * FROM r;
-- @error MS2001
-- @flink 2.3.0 2026-11-21
-- select [I] refused: For input string: "x"
