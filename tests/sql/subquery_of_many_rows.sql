-- A scalar subquery with a second row fails the job: which value would it be?
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @stderr a scalar subquery wants one row at most, found 2
-- @error MS2004
CREATE TABLE b (id INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/b.csv', 'format' = 'csv');
-- @input b.csv
-- 1
-- 2
SELECT (SELECT id FROM b) AS id;
