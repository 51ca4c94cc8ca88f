-- Aggregates over rows that are updated: what an aggregate below takes back never was.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @input bids.csv
-- a,x,1
-- a,y,2
-- b,x,3
-- a,x,4
-- c,z,9
-- b,x,1
-- a,y,1
-- c,x,2
CREATE TABLE bids (item STRING, who STRING, price INT)
WITH ('connector' = 'filesystem', 'path' = '{dir}/bids.csv', 'format' = 'csv');

SELECT n, COUNT(*) AS items, MIN(top) AS lo, MAX(top) AS hi, AVG(top) AS mean, SUM(top) AS total
FROM (SELECT item, COUNT(*) AS n, MAX(price) AS top FROM bids GROUP BY item) GROUP BY n;

SELECT MAX(n) AS most, MIN(n) AS least, STDDEV_POP(n) AS spread, COUNT(DISTINCT n) AS kinds
FROM (SELECT item, COUNT(*) AS n FROM bids GROUP BY item);

SELECT n, MIN(who) AS first_name, MAX(who) AS last_name
FROM (SELECT who, COUNT(*) AS n FROM bids GROUP BY who) GROUP BY n HAVING COUNT(*) > 0;

SELECT EVERY(n > 1) AS all_more, SOME(n > 3) AS any_more FROM (SELECT item, COUNT(*) AS n FROM bids GROUP BY item);
-- @expect
-- {"all_more":true,"any_more":true}
-- {"most":4,"least":2,"spread":0,"kinds":2}
-- {"n":1,"first_name":"z","last_name":"z"}
-- {"n":2,"first_name":"y","last_name":"y"}
-- {"n":2,"items":2,"lo":3,"hi":9,"mean":6,"total":12}
-- {"n":4,"items":1,"lo":4,"hi":4,"mean":4,"total":4}
-- {"n":5,"first_name":"x","last_name":"x"}
