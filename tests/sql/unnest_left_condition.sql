-- LEFT JOIN UNNEST takes no condition.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @once
-- @stderr write ON TRUE
CREATE TABLE o (id INT, cur STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE TABLE r (cur STRING, rate INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'datagen', 'number-of-rows' = '1');
-- @error MS1002

SELECT id FROM o LEFT JOIN UNNEST(ARRAY[1, 2]) AS u (n) ON n = id;
