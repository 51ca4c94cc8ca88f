-- Subqueries as values: none or one row; COUNT of none is 0. IN and EXISTS inside OR.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @input a.csv
-- 1,10
-- 2,20
-- 3,30
-- @input b.csv
-- 1,5
-- 2,25
CREATE TABLE a (id INT, v INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/a.csv', 'format' = 'csv');
CREATE TABLE b (id INT, w INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/b.csv', 'format' = 'csv');

SELECT 'correlated' AS q, id, (SELECT w FROM b WHERE b.id = a.id) AS w FROM a;
SELECT 'count' AS q, id, (SELECT COUNT(*) FROM b WHERE b.id = a.id) AS n FROM a;
SELECT 'compared' AS q, id FROM a WHERE v > (SELECT w FROM b WHERE w > 10);
SELECT 'or in' AS q, id FROM a WHERE v > 25 OR id IN (SELECT id FROM b WHERE w < 10);
SELECT 'or exists' AS q, id FROM a WHERE v > 25 OR EXISTS (SELECT 1 FROM b WHERE b.id = a.id AND w > 10);
SELECT 'or not exists' AS q, id FROM a WHERE v < 15 OR NOT EXISTS (SELECT 1 FROM b WHERE b.id = a.id);
-- @expect
-- {"q":"compared","id":3}
-- {"q":"correlated","id":1,"w":5}
-- {"q":"correlated","id":2,"w":25}
-- {"q":"correlated","id":3,"w":null}
-- {"q":"count","id":1,"n":1}
-- {"q":"count","id":2,"n":1}
-- {"q":"count","id":3,"n":0}
-- {"q":"or exists","id":2}
-- {"q":"or exists","id":3}
-- {"q":"or in","id":1}
-- {"q":"or in","id":3}
-- {"q":"or not exists","id":1}
-- {"q":"or not exists","id":3}
