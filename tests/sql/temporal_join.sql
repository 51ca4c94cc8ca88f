-- Temporal joins: the rate that was valid at the time of an order, whatever order they come in.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @input orders.jsonl
-- {"id": 1, "cur": "eur", "price": 10, "ts": "2026-01-01 00:00:05"}
-- {"id": 2, "cur": "usd", "price": 10, "ts": "2026-01-01 00:00:06"}
-- {"id": 3, "cur": "eur", "price": 20, "ts": "2026-01-01 00:00:12"}
-- {"id": 4, "cur": null, "price": 1, "ts": "2026-01-01 00:00:15"}
-- {"id": 5, "cur": "eur", "price": 30, "ts": "2026-01-01 00:00:09"}
-- {"id": 6, "cur": "gbp", "price": 5, "ts": "2026-01-01 00:00:30"}
-- @input rates.jsonl
-- {"cur": "eur", "rate": 110, "ts": "2026-01-01 00:00:01"}
-- {"cur": "eur", "rate": 114, "ts": "2026-01-01 00:00:10"}
-- {"cur": "usd", "rate": 100, "ts": "2026-01-01 00:00:08"}
-- {"cur": "gbp", "rate": 90, "ts": "2026-01-01 00:00:02"}
-- {"cur": "gbp", "rate": 95, "ts": "2026-01-01 00:00:31"}
CREATE TABLE orders (id INT, cur STRING, price INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '10' SECOND)
WITH ('connector' = 'filesystem', 'path' = '{dir}/orders.jsonl', 'format' = 'json');
CREATE TABLE rates (cur STRING, rate INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '30' SECOND,
PRIMARY KEY (cur) NOT ENFORCED) WITH ('connector' = 'filesystem', 'path' = '{dir}/rates.jsonl', 'format' = 'json');
CREATE TABLE history (cur STRING, rate INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '30' SECOND)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rates.jsonl', 'format' = 'json');
CREATE VIEW versions AS SELECT cur, rate, ts FROM
(SELECT *, ROW_NUMBER() OVER (PARTITION BY cur ORDER BY ts DESC) AS rn FROM history) WHERE rn = 1;

SELECT 'left' AS j, o.id, o.price * r.rate AS total
FROM orders AS o LEFT JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.cur = r.cur;

SELECT 'inner' AS j, o.id, r.rate, r.ts FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.cur = r.cur;

-- What is asked of a version: it is not another one that is found instead.
SELECT 'where' AS j, o.id, r.rate
FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.cur = r.cur WHERE r.rate > 110;
SELECT 'on' AS j, o.id, r.rate
FROM orders AS o LEFT JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.cur = r.cur AND r.rate < 112 AND o.price > 5;

-- The newest row of each key is a table with versions too.
SELECT 'view' AS j, o.id, r.rate FROM orders AS o JOIN versions FOR SYSTEM_TIME AS OF o.ts AS r ON o.cur = r.cur;

SELECT 'twice' AS j, a.id, r.rate, q.rate AS again FROM orders a
JOIN rates FOR SYSTEM_TIME AS OF a.ts AS r ON a.cur = r.cur
JOIN rates FOR SYSTEM_TIME AS OF a.ts AS q ON a.cur = q.cur;

-- The time of the order is still a time attribute.
CREATE VIEW totals AS SELECT o.ts, o.price * r.rate AS total
FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.cur = r.cur;
SELECT 'window' AS j, window_start, SUM(total) AS s
FROM TABLE(TUMBLE(TABLE totals, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
-- @expect
-- {"j":"inner","id":1,"rate":110,"ts":"2026-01-01 00:00:01.000"}
-- {"j":"inner","id":3,"rate":114,"ts":"2026-01-01 00:00:10.000"}
-- {"j":"inner","id":5,"rate":110,"ts":"2026-01-01 00:00:01.000"}
-- {"j":"inner","id":6,"rate":90,"ts":"2026-01-01 00:00:02.000"}
-- {"j":"left","id":1,"total":1100}
-- {"j":"left","id":2,"total":null}
-- {"j":"left","id":3,"total":2280}
-- {"j":"left","id":4,"total":null}
-- {"j":"left","id":5,"total":3300}
-- {"j":"left","id":6,"total":450}
-- {"j":"on","id":1,"rate":110}
-- {"j":"on","id":2,"rate":null}
-- {"j":"on","id":3,"rate":null}
-- {"j":"on","id":4,"rate":null}
-- {"j":"on","id":5,"rate":110}
-- {"j":"on","id":6,"rate":null}
-- {"j":"twice","id":1,"rate":110,"again":110}
-- {"j":"twice","id":3,"rate":114,"again":114}
-- {"j":"twice","id":5,"rate":110,"again":110}
-- {"j":"twice","id":6,"rate":90,"again":90}
-- {"j":"view","id":1,"rate":110}
-- {"j":"view","id":3,"rate":114}
-- {"j":"view","id":5,"rate":110}
-- {"j":"view","id":6,"rate":90}
-- {"j":"where","id":3,"rate":114}
-- {"j":"window","window_start":"2026-01-01 00:00:00.000","s":4400}
-- {"j":"window","window_start":"2026-01-01 00:00:10.000","s":2280}
-- {"j":"window","window_start":"2026-01-01 00:00:30.000","s":450}
