-- ROW, ARRAY and MAP columns: fields, elements, a NULL row; DECIMAL and string numbers; a view over it.
-- @input rows.jsonl
-- {"id": 1, "who": {"name": "ann", "age": 30}, "tags": ["a", "b"], "m": {"x": 1}, "d": 12.345, "n": "7"}
-- {"id": 2, "who": null, "tags": [], "m": {}, "d": "0.1", "n": 8}
-- {"id": 3, "who": {"name": null}, "tags": null, "m": null}
CREATE TABLE r (id INT, who ROW<name STRING, age INT>, tags ARRAY<STRING>, m MAP<STRING, INT>,
  d DECIMAL(8, 2), n INT)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.jsonl', 'format' = 'json');
CREATE VIEW v AS SELECT id, who.name, r.who.age + 1 AS age, tags[1] AS first, m['x'] AS x, d * 2 AS d2, n FROM r;
SELECT * FROM v;
SELECT id, who, tags, m FROM r;
SELECT id, CARDINALITY(tags) AS c FROM r WHERE who IS NOT NULL;
-- @expect
-- {"id":1,"c":2}
-- {"id":1,"name":"ann","age":31,"first":"a","x":1,"d2":24.70,"n":7}
-- {"id":1,"who":{"name":"ann","age":30},"tags":["a","b"],"m":{"x":1}}
-- {"id":2,"name":null,"age":null,"first":null,"x":null,"d2":0.20,"n":8}
-- {"id":2,"who":null,"tags":[],"m":{}}
-- {"id":3,"c":null}
-- {"id":3,"name":null,"age":null,"first":null,"x":null,"d2":null,"n":null}
-- {"id":3,"who":{"name":null,"age":null},"tags":null,"m":null}
-- @flink 2.3.0 2026-11-21
-- select [I] id INT, name STRING, age INT, first STRING, x INT, d2 DECIMAL(19, 2), n INT
-- select [I] id INT, who ROW<`name` STRING, `age` INT>, tags ARRAY<STRING>, m MAP<STRING, INT>
-- select [I] id INT, c INT
-- 8 lines 76098b43f1afa16a
