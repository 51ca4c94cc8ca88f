-- UNNEST of arrays, arrays of rows, maps and multisets; WITH ORDINALITY; LEFT JOIN keeps rows without elements.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @input u.jsonl
-- {"id": 1, "tags": ["a", "b"], "items": [{"sku": "x", "n": 2}, {"sku": "y", "n": 1}], "attr": {"k1": 5, "k2": 6}}
-- {"id": 2, "tags": [], "items": [], "attr": {}}
-- {"id": 3, "tags": null, "items": [{"sku": "z", "n": null}, null], "attr": {"k1": null}}
CREATE TABLE t (id INT, tags ARRAY<STRING>, items ARRAY<ROW<sku STRING, n INT>>, attr MAP<STRING, INT>)
WITH ('connector' = 'filesystem', 'path' = '{dir}/u.jsonl', 'format' = 'json');

SELECT 'array' AS q, t.id, x.tag FROM t CROSS JOIN UNNEST(t.tags) AS x (tag);
SELECT 'comma' AS q, id, tag FROM t, UNNEST(tags) AS x (tag) WHERE tag <> 'a';
SELECT 'name' AS q, id, tag FROM t CROSS JOIN UNNEST(tags) AS tag;
SELECT 'left' AS q, id, tag, o FROM t LEFT JOIN UNNEST(tags) WITH ORDINALITY AS x (tag, o) ON TRUE;
SELECT 'ordinality' AS q, id, tag, `ORDINALITY` AS o FROM t CROSS JOIN UNNEST(tags) WITH ORDINALITY AS x (tag, `ORDINALITY`);
SELECT 'rows' AS q, id, sku, n FROM t CROSS JOIN UNNEST(items);
SELECT 'rows, renamed' AS q, id, s FROM t LEFT JOIN UNNEST(items) AS i (s, m) ON TRUE WHERE id > 1;
SELECT 'map' AS q, id, k, v FROM t CROSS JOIN UNNEST(attr) AS a (k, v);
SELECT 'two' AS q, id, tag, k FROM t CROSS JOIN UNNEST(tags) AS x (tag) CROSS JOIN UNNEST(attr) AS a (k, v);
SELECT 'on' AS q, id, tag FROM t JOIN UNNEST(tags) AS x (tag) ON tag = 'b';
SELECT 'constant' AS q, id, n FROM t CROSS JOIN UNNEST(ARRAY[10, 20]) AS v (n) WHERE id < 3;
SELECT 'alone' AS q, n FROM UNNEST(ARRAY[1, 1, 3]) AS v (n);
SELECT 'sum' AS q, sku, SUM(n) AS s FROM t CROSS JOIN UNNEST(items) AS i GROUP BY sku;
-- A multiset that grows: what it held before is taken back, element by element.
SELECT 'multiset' AS q, x, COUNT(*) AS n FROM
(SELECT COLLECT(MOD(id, 2)) AS ids FROM t) CROSS JOIN UNNEST(ids) AS u (x) GROUP BY x;
-- @expect
-- {"q":"alone","n":1}
-- {"q":"alone","n":1}
-- {"q":"alone","n":3}
-- {"q":"array","id":1,"tag":"a"}
-- {"q":"array","id":1,"tag":"b"}
-- {"q":"comma","id":1,"tag":"b"}
-- {"q":"constant","id":1,"n":10}
-- {"q":"constant","id":1,"n":20}
-- {"q":"constant","id":2,"n":10}
-- {"q":"constant","id":2,"n":20}
-- {"q":"left","id":1,"tag":"a","o":1}
-- {"q":"left","id":1,"tag":"b","o":2}
-- {"q":"left","id":2,"tag":null,"o":null}
-- {"q":"left","id":3,"tag":null,"o":null}
-- {"q":"map","id":1,"k":"k1","v":5}
-- {"q":"map","id":1,"k":"k2","v":6}
-- {"q":"map","id":3,"k":"k1","v":null}
-- {"q":"multiset","x":0,"n":1}
-- {"q":"multiset","x":1,"n":2}
-- {"q":"name","id":1,"tag":"a"}
-- {"q":"name","id":1,"tag":"b"}
-- {"q":"on","id":1,"tag":"b"}
-- {"q":"ordinality","id":1,"tag":"a","o":1}
-- {"q":"ordinality","id":1,"tag":"b","o":2}
-- {"q":"rows","id":1,"sku":"x","n":2}
-- {"q":"rows","id":1,"sku":"y","n":1}
-- {"q":"rows","id":3,"sku":"z","n":null}
-- {"q":"rows","id":3,"sku":null,"n":null}
-- {"q":"rows, renamed","id":2,"s":null}
-- {"q":"rows, renamed","id":3,"s":"z"}
-- {"q":"rows, renamed","id":3,"s":null}
-- {"q":"sum","sku":"x","s":2}
-- {"q":"sum","sku":"y","s":1}
-- {"q":"sum","sku":"z","s":null}
-- {"q":"sum","sku":null,"s":null}
-- {"q":"two","id":1,"tag":"a","k":"k1"}
-- {"q":"two","id":1,"tag":"a","k":"k2"}
-- {"q":"two","id":1,"tag":"b","k":"k1"}
-- {"q":"two","id":1,"tag":"b","k":"k2"}
