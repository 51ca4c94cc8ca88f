-- LATERAL subqueries that compare a column of the left side for equality become joins.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @input a.csv
-- 1,10
-- 2,20
-- 3,30
-- @input b.csv
-- 1,5
-- 2,25
CREATE TABLE a (id INT, v INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/a.csv', 'format' = 'csv');
CREATE TABLE b (bid INT, w INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/b.csv', 'format' = 'csv');
SELECT 'comma' AS q, a.id, l.w FROM a, LATERAL (SELECT w FROM b WHERE b.bid = a.id) AS l;
SELECT 'left' AS q, a.id, l.w FROM a LEFT JOIN LATERAL (SELECT w FROM b WHERE b.bid = a.id) AS l ON TRUE;
SELECT 'max' AS q, a.id, l.m FROM a CROSS JOIN LATERAL (SELECT MAX(w) AS m FROM b WHERE b.bid = a.id) AS l;
-- @expect
-- {"q":"comma","id":1,"w":5}
-- {"q":"comma","id":2,"w":25}
-- {"q":"left","id":1,"w":5}
-- {"q":"left","id":2,"w":25}
-- {"q":"left","id":3,"w":null}
-- {"q":"max","id":1,"m":5}
-- {"q":"max","id":2,"m":25}
-- {"q":"max","id":3,"m":null}
