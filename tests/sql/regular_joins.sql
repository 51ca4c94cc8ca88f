-- Joins for ever: all kinds, over insertions and over aggregates that are updated.
-- @input orders.csv
-- 1,ann,10
-- 2,bob,20
-- 3,cid,30
-- 4,,40
-- 5,ann,50
-- 6,ann,10
-- @input people.csv
-- ann,Berlin
-- bob,Rome
-- bob,Oslo
-- dan,Paris
-- ,Nowhere
CREATE TABLE orders (id INT, who STRING, amount INT)
WITH ('connector' = 'filesystem', 'path' = '{dir}/orders.csv', 'format' = 'csv', 'csv.null-literal' = '');
CREATE TABLE people (who STRING, city STRING)
WITH ('connector' = 'filesystem', 'path' = '{dir}/people.csv', 'format' = 'csv', 'csv.null-literal' = '');

SELECT 'inner' AS kind, o.id, p.city FROM orders AS o JOIN people AS p ON o.who = p.who;

SELECT 'left' AS kind, o.id, p.city FROM orders AS o LEFT JOIN people AS p ON o.who = p.who AND p.city <> 'Oslo';

SELECT 'right' AS kind, o.id, p.city FROM orders AS o RIGHT JOIN people AS p ON o.who = p.who AND o.amount > 10;

SELECT 'full' AS kind, o.id, p.city FROM orders AS o FULL JOIN people AS p ON o.who = p.who;

SELECT 'comma' AS kind, o.id, p.city FROM orders AS o, people AS p WHERE p.who = o.who AND o.amount < 25;

SELECT 'no key' AS kind, a.id, b.id AS other FROM orders AS a JOIN orders AS b ON a.amount < b.amount AND b.id < 4;

SELECT 'of sums' AS kind, s.who, s.total, c.cities
FROM (SELECT who, SUM(amount) AS total FROM orders GROUP BY who) AS s
LEFT JOIN (SELECT who, COUNT(*) AS cities FROM people GROUP BY who) AS c ON s.who = c.who;

SELECT 'of self' AS kind, a.who, COUNT(*) AS pairs FROM orders AS a JOIN orders AS b ON a.who = b.who GROUP BY a.who;
-- @expect
-- {"kind":"comma","id":1,"city":"Berlin"}
-- {"kind":"comma","id":2,"city":"Oslo"}
-- {"kind":"comma","id":2,"city":"Rome"}
-- {"kind":"comma","id":6,"city":"Berlin"}
-- {"kind":"full","id":1,"city":"Berlin"}
-- {"kind":"full","id":2,"city":"Oslo"}
-- {"kind":"full","id":2,"city":"Rome"}
-- {"kind":"full","id":3,"city":null}
-- {"kind":"full","id":4,"city":null}
-- {"kind":"full","id":5,"city":"Berlin"}
-- {"kind":"full","id":6,"city":"Berlin"}
-- {"kind":"full","id":null,"city":"Nowhere"}
-- {"kind":"full","id":null,"city":"Paris"}
-- {"kind":"inner","id":1,"city":"Berlin"}
-- {"kind":"inner","id":2,"city":"Oslo"}
-- {"kind":"inner","id":2,"city":"Rome"}
-- {"kind":"inner","id":5,"city":"Berlin"}
-- {"kind":"inner","id":6,"city":"Berlin"}
-- {"kind":"left","id":1,"city":"Berlin"}
-- {"kind":"left","id":2,"city":"Rome"}
-- {"kind":"left","id":3,"city":null}
-- {"kind":"left","id":4,"city":null}
-- {"kind":"left","id":5,"city":"Berlin"}
-- {"kind":"left","id":6,"city":"Berlin"}
-- {"kind":"no key","id":1,"other":2}
-- {"kind":"no key","id":1,"other":3}
-- {"kind":"no key","id":2,"other":3}
-- {"kind":"no key","id":6,"other":2}
-- {"kind":"no key","id":6,"other":3}
-- {"kind":"of self","who":"ann","pairs":9}
-- {"kind":"of self","who":"bob","pairs":1}
-- {"kind":"of self","who":"cid","pairs":1}
-- {"kind":"of sums","who":"ann","total":70,"cities":1}
-- {"kind":"of sums","who":"bob","total":20,"cities":2}
-- {"kind":"of sums","who":"cid","total":30,"cities":null}
-- {"kind":"of sums","who":null,"total":40,"cities":null}
-- {"kind":"right","id":2,"city":"Oslo"}
-- {"kind":"right","id":2,"city":"Rome"}
-- {"kind":"right","id":5,"city":"Berlin"}
-- {"kind":"right","id":null,"city":"Nowhere"}
-- {"kind":"right","id":null,"city":"Paris"}
-- @flink 2.3.0 2026-11-21
-- select [I] kind CHAR(5) NOT NULL, id INT, city STRING
-- select [I,UA,D] kind CHAR(4) NOT NULL, id INT, city STRING
-- select [I,UA,D] kind CHAR(5) NOT NULL, id INT, city STRING
-- select [I,UA,D] kind CHAR(4) NOT NULL, id INT, city STRING
-- select [I] kind CHAR(5) NOT NULL, id INT, city STRING
-- select [I] kind CHAR(6) NOT NULL, id INT, other INT
-- select [I,UA,D] kind CHAR(7) NOT NULL, who STRING, total INT, cities BIGINT
-- select [I,UA] kind CHAR(7) NOT NULL, who STRING, pairs BIGINT NOT NULL
-- 41 lines f940d16f5436c020
