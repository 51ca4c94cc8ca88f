-- Only the left side of a temporal join can be kept.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @once
-- @stderr a RIGHT JOIN with FOR SYSTEM_TIME AS OF is not supported
CREATE TABLE o (id INT, cur STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE TABLE r (cur STRING, rate INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (cur) NOT ENFORCED)
WITH ('connector' = 'datagen', 'number-of-rows' = '1');
-- @error MS1002

SELECT o.id FROM o RIGHT JOIN r FOR SYSTEM_TIME AS OF o.ts ON o.cur = r.cur;
