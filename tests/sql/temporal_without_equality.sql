-- A temporal join compares the whole key of its versions.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @once
-- @stderr wants the whole primary key of its table (cur)
-- @stderr add the missing columns to ON
CREATE TABLE o (id INT, cur STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE TABLE r (cur STRING, rate INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (cur) NOT ENFORCED)
WITH ('connector' = 'datagen', 'number-of-rows' = '1');
-- @error MS1009

SELECT o.id FROM o JOIN r FOR SYSTEM_TIME AS OF o.ts ON o.id = r.rate;
