-- Functions as Flink has them. What is NULL for some values is nullable here, and NOT NULL in Flink; and the like.
-- @flink-types what is NULL for some values is nullable here; Flink says NOT NULL and fails the job at the first one
-- @input in.jsonl
-- {"b":true,"i":7,"l":1709212455678,"d":2.25,"f":1.5,"dec":1234.56,"s":"Hello","s2":"wörld","dt":"2024-02-29","tm":"13:14:15","ts":"2024-02-29 13:14:15.678","a":[3,1,2],"a2":["x",null,"z"],"m":{"k":5},"r":{"x":1,"y":"q"},"by":"aGk=","js":"{\"a\": 1, \"b\": [\"x\", \"y\"]}","inn":5,"snn":"12"}
-- {"inn":6,"snn":"a,b"}
CREATE TABLE t (b BOOLEAN, i INT, l BIGINT, d DOUBLE, f FLOAT,
  `dec` DECIMAL(10,2), s STRING, s2 STRING, dt DATE,
  tm TIME(0), ts TIMESTAMP(3), a ARRAY<INT>, a2 ARRAY<STRING>, m MAP<STRING,INT>, r ROW<x INT, y STRING>,
  `by` BYTES, js STRING, inn INT NOT NULL, snn STRING NOT NULL, ltz AS TO_TIMESTAMP_LTZ(l,3))
WITH ('connector'='filesystem','path'='{dir}/in.jsonl','format'='json');
SELECT
  FROM_BASE64('aGVsbG8gd29ybGQ=') AS x0,
  ELEMENT(ARRAY[7]) AS x1,
  MAP_ENTRIES(m) AS x2,
  MAP_KEYS(m) AS x3,
  CAST(1 AS DECIMAL(38, 10)) * CAST(1 AS DECIMAL(38, 10)) AS x4,
  CAST(1 AS DECIMAL(38, 10)) / CAST(3 AS DECIMAL(38, 10)) AS x5,
  CAST(1 AS DECIMAL(20, 10)) + CAST(1 AS DECIMAL(38, 2)) AS x6,
  CAST(inn AS DECIMAL(5, 2)) AS x7,
  FROM_BASE64('YQ==') AS x8,
  (i, s) <> (7, 'x') AS x9,
  (i, s) <> (7, 'Hello') AS x10,
  x'' AS x11,
  (inn, s) <> (99, 'x') AS x12,
  (inn, i) <> (6, i) AS x13,
  (i, s) <> (i, s) AS x14
FROM t;
-- @expect
-- {"x0":"hello world","x1":7,"x2":[{"key":"k","value":5}],"x3":["k"],"x4":1.000000,"x5":0.333333,"x6":2.000000,"x7":5.00,"x8":"a","x9":true,"x10":false,"x11":"","x12":true,"x13":true,"x14":false}
-- {"x0":"hello world","x1":7,"x2":null,"x3":null,"x4":1.000000,"x5":0.333333,"x6":2.000000,"x7":6.00,"x8":"a","x9":true,"x10":true,"x11":"","x12":true,"x13":false,"x14":false}
-- @flink 2.3.0 2026-11-21
-- select [I] x0 STRING NOT NULL, x1 INT NOT NULL, x2 ARRAY<ROW<`key` STRING, `value` INT>>, x3 ARRAY<STRING>, x4 DECIMAL(38, 6) NOT NULL, x5 DECIMAL(38, 6) NOT NULL, x6 DECIMAL(38, 6) NOT NULL, x7 DECIMAL(5, 2) NOT NULL, x8 STRING NOT NULL, x9 BOOLEAN, x10 BOOLEAN, x11 BINARY(0) NOT NULL, x12 BOOLEAN, x13 BOOLEAN, x14 BOOLEAN
-- 2 lines 90740d505aa3df49
