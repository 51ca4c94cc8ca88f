-- UNION, INTERSECT, EXCEPT, with and without ALL; NULL is a value like any other.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @input left.csv
-- 1
-- 1
-- 2
-- 3
--
-- @input right.csv
-- 1
-- 3
-- 3
-- 4
CREATE TABLE l (v INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/left.csv', 'format' = 'csv');
CREATE TABLE r (v INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/right.csv', 'format' = 'csv');

SELECT 'union' AS op, v FROM (SELECT v FROM l UNION SELECT v FROM r);
SELECT 'union all' AS op, v FROM (SELECT v FROM l UNION ALL SELECT v FROM r);
SELECT 'intersect' AS op, v FROM (SELECT v FROM l INTERSECT SELECT v FROM r);
SELECT 'except' AS op, v FROM (SELECT v FROM l EXCEPT SELECT v FROM r);
SELECT 'in' AS op, v FROM l WHERE v IN (SELECT v FROM r);
SELECT 'not in' AS op, v FROM l WHERE v NOT IN (SELECT v FROM r);
SELECT 'exists' AS op, v FROM l WHERE EXISTS (SELECT * FROM r WHERE r.v > l.v + 1);
SELECT 'not exists' AS op, v FROM l WHERE NOT EXISTS (SELECT * FROM r WHERE r.v = l.v);
-- @expect
-- {"op":"except","v":2}
-- {"op":"except","v":null}
-- {"op":"exists","v":1}
-- {"op":"exists","v":1}
-- {"op":"exists","v":2}
-- {"op":"in","v":1}
-- {"op":"in","v":1}
-- {"op":"in","v":3}
-- {"op":"intersect","v":1}
-- {"op":"intersect","v":3}
-- {"op":"not exists","v":2}
-- {"op":"not exists","v":null}
-- {"op":"not in","v":2}
-- {"op":"union all","v":1}
-- {"op":"union all","v":1}
-- {"op":"union all","v":1}
-- {"op":"union all","v":2}
-- {"op":"union all","v":3}
-- {"op":"union all","v":3}
-- {"op":"union all","v":3}
-- {"op":"union all","v":4}
-- {"op":"union all","v":null}
-- {"op":"union","v":1}
-- {"op":"union","v":2}
-- {"op":"union","v":3}
-- {"op":"union","v":4}
-- {"op":"union","v":null}
