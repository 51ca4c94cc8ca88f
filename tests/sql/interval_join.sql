-- Interval joins: pairs of orders and shipments that are near in time; what has no partner is padded.
-- @input orders.jsonl
-- {"id": 1, "item": "pen", "ts": "2026-01-01 00:00:00"}
-- {"id": 2, "item": "ink", "ts": "2026-01-01 00:10:00"}
-- {"id": 3, "item": "cap", "ts": "2026-01-01 00:20:00"}
-- {"id": null, "item": "nul", "ts": "2026-01-01 00:20:00"}
-- {"id": 4, "item": "pad", "ts": "2026-01-01 01:00:00"}
-- @input ships.jsonl
-- {"oid": 1, "by": "air", "ts": "2026-01-01 00:05:00"}
-- {"oid": 3, "by": "sea", "ts": "2026-01-01 00:19:00"}
-- {"oid": 1, "by": "sea", "ts": "2026-01-01 00:30:00"}
-- {"oid": 2, "by": "air", "ts": "2026-01-01 00:50:00"}
-- {"oid": 4, "by": "van", "ts": "2026-01-01 01:30:00"}
CREATE TABLE orders (id INT, item STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE)
WITH ('connector' = 'filesystem', 'path' = '{dir}/orders.jsonl', 'format' = 'json');
CREATE TABLE ships (oid INT, `by` STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE)
WITH ('connector' = 'filesystem', 'path' = '{dir}/ships.jsonl', 'format' = 'json');

SELECT 'inner' AS j, o.id, o.item, s.`by`, o.ts AS ots, s.ts AS sts FROM orders o JOIN ships s
ON o.id = s.oid AND s.ts BETWEEN o.ts AND o.ts + INTERVAL '30' MINUTE;

SELECT 'where' AS j, o.id, s.`by` FROM orders o, ships s
WHERE o.id = s.oid AND o.ts > s.ts - INTERVAL '1' HOUR AND o.ts <= s.ts AND s.`by` <> 'van';

SELECT 'open' AS j, o.item, s.`by` FROM orders o JOIN ships s
ON o.id = s.oid AND s.ts > o.ts AND s.ts < o.ts + INTERVAL '30' MINUTE;

SELECT 'left' AS j, o.item, s.`by` FROM orders o LEFT JOIN ships s
ON o.id = s.oid AND s.ts >= o.ts AND s.ts < o.ts + INTERVAL '30' MINUTE AND s.`by` <> o.item;

SELECT 'right' AS j, o.item, s.`by` FROM orders o RIGHT JOIN ships s
ON o.id = s.oid AND s.ts >= o.ts AND s.ts < o.ts + INTERVAL '30' MINUTE;

SELECT 'full' AS j, o.item, s.`by` FROM orders o FULL JOIN ships s
ON o.id = s.oid AND s.ts >= o.ts AND s.ts < o.ts + INTERVAL '30' MINUTE;

SELECT 'equal' AS j, o.id FROM orders o JOIN ships s ON o.id = s.oid AND o.ts = s.ts - INTERVAL '5' MINUTE;

SELECT 'no key' AS j, o.item, s.`by` FROM orders o JOIN ships s
ON s.ts BETWEEN o.ts - INTERVAL '1' MINUTE AND o.ts + INTERVAL '5' MINUTE;

-- Both times are still time attributes.
CREATE VIEW shipped AS SELECT o.ts AS ordered, s.ts AS sent, o.id FROM orders o JOIN ships s
ON o.id = s.oid AND s.ts BETWEEN o.ts AND o.ts + INTERVAL '1' HOUR;
SELECT 'by order' AS j, window_start, COUNT(*) AS n
FROM TABLE(TUMBLE(TABLE shipped, DESCRIPTOR(ordered), INTERVAL '20' MINUTE)) GROUP BY window_start, window_end;
SELECT 'by shipment' AS j, window_start, COUNT(*) AS n
FROM TABLE(TUMBLE(TABLE shipped, DESCRIPTOR(sent), INTERVAL '20' MINUTE)) GROUP BY window_start, window_end;
-- @expect
-- {"j":"by order","window_start":"2026-01-01 00:00:00.000","n":3}
-- {"j":"by order","window_start":"2026-01-01 01:00:00.000","n":1}
-- {"j":"by shipment","window_start":"2026-01-01 00:00:00.000","n":1}
-- {"j":"by shipment","window_start":"2026-01-01 00:20:00.000","n":1}
-- {"j":"by shipment","window_start":"2026-01-01 00:40:00.000","n":1}
-- {"j":"by shipment","window_start":"2026-01-01 01:20:00.000","n":1}
-- {"j":"equal","id":1}
-- {"j":"full","item":"cap","by":null}
-- {"j":"full","item":"ink","by":null}
-- {"j":"full","item":"nul","by":null}
-- {"j":"full","item":"pad","by":null}
-- {"j":"full","item":"pen","by":"air"}
-- {"j":"full","item":null,"by":"air"}
-- {"j":"full","item":null,"by":"sea"}
-- {"j":"full","item":null,"by":"sea"}
-- {"j":"full","item":null,"by":"van"}
-- {"j":"inner","id":1,"item":"pen","by":"air","ots":"2026-01-01 00:00:00.000","sts":"2026-01-01 00:05:00.000"}
-- {"j":"inner","id":1,"item":"pen","by":"sea","ots":"2026-01-01 00:00:00.000","sts":"2026-01-01 00:30:00.000"}
-- {"j":"inner","id":4,"item":"pad","by":"van","ots":"2026-01-01 01:00:00.000","sts":"2026-01-01 01:30:00.000"}
-- {"j":"left","item":"cap","by":null}
-- {"j":"left","item":"ink","by":null}
-- {"j":"left","item":"nul","by":null}
-- {"j":"left","item":"pad","by":null}
-- {"j":"left","item":"pen","by":"air"}
-- {"j":"no key","item":"cap","by":"sea"}
-- {"j":"no key","item":"nul","by":"sea"}
-- {"j":"no key","item":"pen","by":"air"}
-- {"j":"open","item":"pen","by":"air"}
-- {"j":"right","item":"pen","by":"air"}
-- {"j":"right","item":null,"by":"air"}
-- {"j":"right","item":null,"by":"sea"}
-- {"j":"right","item":null,"by":"sea"}
-- {"j":"right","item":null,"by":"van"}
-- {"j":"where","id":1,"by":"air"}
-- {"j":"where","id":1,"by":"sea"}
-- {"j":"where","id":2,"by":"air"}
-- @flink 2.3.0 2026-11-21
-- select [I] j CHAR(5) NOT NULL, id INT, item STRING, by STRING, ots TIMESTAMP(3), sts TIMESTAMP(3)
-- select [I] j CHAR(5) NOT NULL, id INT, by STRING
-- select [I] j CHAR(4) NOT NULL, item STRING, by STRING
-- select [I] j CHAR(4) NOT NULL, item STRING, by STRING
-- select [I] j CHAR(5) NOT NULL, item STRING, by STRING
-- select [I] j CHAR(4) NOT NULL, item STRING, by STRING
-- select [I] j CHAR(5) NOT NULL, id INT
-- select [I] j CHAR(6) NOT NULL, item STRING, by STRING
-- select [I] j CHAR(8) NOT NULL, window_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL
-- select [I] j CHAR(11) NOT NULL, window_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL
-- 36 lines 299aba949cdc79d0
