-- A temporal join needs the key of its versions.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @once
-- @stderr a temporal join wants a table with a primary key
-- @stderr declare PRIMARY KEY
CREATE TABLE o (id INT, cur STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE TABLE r (cur STRING, rate INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'datagen', 'number-of-rows' = '1');
-- @error MS1009

SELECT o.id FROM o JOIN r FOR SYSTEM_TIME AS OF o.ts ON o.cur = r.cur;
