-- Functions as Flink has them. CASE, IF, COALESCE and what has a type in common.
-- @input in.jsonl
-- {"b":true,"i":7,"l":1709212455678,"d":2.25,"f":1.5,"dec":1234.56,"s":"Hello","s2":"wörld","dt":"2024-02-29","tm":"13:14:15","ts":"2024-02-29 13:14:15.678","a":[3,1,2],"a2":["x",null,"z"],"m":{"k":5},"r":{"x":1,"y":"q"},"by":"aGk=","js":"{\"a\": 1, \"b\": [\"x\", \"y\"]}","inn":5,"snn":"12"}
-- {"inn":6,"snn":"a,b"}
CREATE TABLE t (b BOOLEAN, i INT, l BIGINT, d DOUBLE, f FLOAT,
  `dec` DECIMAL(10,2), s STRING, s2 STRING, dt DATE,
  tm TIME(0), ts TIMESTAMP(3), a ARRAY<INT>, a2 ARRAY<STRING>, m MAP<STRING,INT>, r ROW<x INT, y STRING>,
  `by` BYTES, js STRING, inn INT NOT NULL, snn STRING NOT NULL, ltz AS TO_TIMESTAMP_LTZ(l,3))
WITH ('connector'='filesystem','path'='{dir}/in.jsonl','format'='json');
SELECT
  COALESCE(i, 5) AS x0,
  COALESCE(i, l, 5) AS x1,
  COALESCE(s, 'x') AS x2,
  IF(b, i, 2) AS x3,
  IF(b, 'x', s) AS x4,
  IF(b, 'x', 'yyy') AS x5,
  IFNULL(i, 0) AS x6,
  NULLIF(i, 7) AS x7,
  NULLIF(5, 5) AS x8,
  GREATEST(i, 9) AS x9,
  LEAST(1, 2, 3) AS x10,
  LEAST(s, s2) AS x11,
  CASE WHEN b THEN 1 ELSE 2.5 END AS x12,
  CASE i WHEN 7 THEN 'seven' END AS x13,
  CASE WHEN b THEN 'x' ELSE 'yyy' END AS x14,
  TYPEOF(i) AS x15,
  TYPEOF(1.50) AS x16,
  TYPEOF(ts) AS x17,
  COALESCE(i, inn) AS x18,
  CASE WHEN b THEN inn ELSE 2 END AS x19
FROM t;
SELECT
  IF(b, inn, 2) AS x20,
  NULLIF(inn, 2) AS x21,
  GREATEST(inn, 2) AS x22,
  COALESCE(i, 2.5) AS x23,
  COALESCE(i, d) AS x24,
  COALESCE(dt, ts) AS x25,
  COALESCE(s, 'abc', s2) AS x26,
  CASE WHEN b THEN i ELSE d END AS x27,
  CASE WHEN b THEN `dec` ELSE i END AS x28,
  CASE WHEN b THEN s ELSE NULL END AS x29,
  CASE WHEN b THEN 1 END AS x30,
  CASE WHEN b THEN l ELSE i END AS x31,
  CASE WHEN i > 5 THEN 'a' WHEN i > 1 THEN 'bb' ELSE 'ccc' END AS x32,
  IF(i > 5, 1, 2.5) AS x33,
  IF(i > 5, l, i) AS x34,
  IFNULL(s, 'none') AS x35,
  NULLIF(`dec`, 1234.56) AS x36,
  NULLIF(i, 7.0) AS x37,
  GREATEST(1, 2.5) AS x38,
  GREATEST(i, l) AS x39
FROM t;
SELECT
  GREATEST(dt, DATE '2025-01-01') AS x40,
  GREATEST(inn, i) AS x41,
  COALESCE(inn, 3) AS x42,
  IFNULL(inn, 3) AS x43,
  CASE WHEN inn > 5 THEN inn END AS x44,
  CASE inn WHEN 5 THEN 'a' ELSE 'b' END AS x45,
  IF(b, i, l) AS x46,
  IF(TRUE, 1, 2) AS x47,
  IF(inn > 1, 'a', 'b') AS x48,
  COALESCE(ts, dt) AS x49,
  IFNULL(dt, ts) AS x50,
  CASE i WHEN 7.0 THEN 1 END AS x51,
  COALESCE(i, 0) + 1 AS x52,
  IF(b, 1, 2) + i AS x53,
  COALESCE(i, l) AS x54,
  COALESCE(`dec`, i) AS x55,
  COALESCE(f, d) AS x56,
  COALESCE(f, `dec`) AS x57,
  CASE WHEN b THEN TIMESTAMP '2024-01-01 00:00:00' ELSE ts END AS x58,
  CASE WHEN b THEN ts ELSE TIMESTAMP '2024-01-01 00:00:00.123456' END AS x59
FROM t;
SELECT
  CASE WHEN b THEN f ELSE d END AS x60,
  CASE WHEN b THEN d ELSE f END AS x61,
  CASE WHEN b THEN f ELSE i END AS x62,
  CASE WHEN b THEN `dec` ELSE d END AS x63,
  CASE WHEN b THEN `dec` ELSE f END AS x64,
  CASE WHEN b THEN i ELSE l END AS x65,
  CASE WHEN b THEN inn ELSE 2.50 END AS x66,
  CASE WHEN b THEN 1 WHEN i > 3 THEN 2.5 ELSE l END AS x67,
  CASE WHEN b THEN tm ELSE TIME '12:00:00.5' END AS x68,
  CASE WHEN b THEN ts ELSE ltz END AS x69,
  CASE WHEN b THEN 1 ELSE 2 END AS x70,
  CASE WHEN b THEN inn END AS x71,
  IF(TRUE, inn, 2) AS x72,
  IF(inn > 3, inn, 2) AS x73,
  CASE WHEN b THEN x'0a' ELSE x'0b0c' END AS x74,
  TYPEOF(x'0a') AS x75,
  CASE WHEN b THEN NULL ELSE 1 END AS x76,
  CASE WHEN i > 3 THEN s WHEN i > 1 THEN 'b' END AS x77,
  CASE i WHEN 7 THEN dt WHEN 8 THEN DATE '2024-01-01' END AS x78,
  CASE s WHEN 'Hello' THEN 1.5 ELSE i END AS x79
FROM t;
SELECT
  IF(b, f, d) AS x80,
  IF(b, d, f) AS x81,
  IFNULL(f, d) AS x82,
  IFNULL(i, 2.5) AS x83,
  GREATEST(f, d) AS x84,
  GREATEST(i, 2.5) AS x85,
  LEAST(i, l) AS x86,
  NULLIF(7.0, i) AS x87,
  NULLIF(s, 'Hello') AS x88,
  NULLIF(inn, 5) AS x89,
  COALESCE(x'0a', x'0b0c') AS x90
FROM t;
-- @expect
-- {"x0":5,"x1":5,"x2":"x","x3":2,"x4":null,"x5":"yyy","x6":0,"x7":null,"x8":null,"x9":null,"x10":1,"x11":null,"x12":2.5,"x13":null,"x14":"yyy","x15":"INT","x16":"DECIMAL(3, 2) NOT NULL","x17":"TIMESTAMP(3)","x18":6,"x19":2}
-- {"x0":7,"x1":7,"x2":"Hello","x3":7,"x4":"x","x5":"x","x6":7,"x7":null,"x8":null,"x9":9,"x10":1,"x11":"Hello","x12":1.0,"x13":"seven","x14":"x","x15":"INT","x16":"DECIMAL(3, 2) NOT NULL","x17":"TIMESTAMP(3)","x18":7,"x19":5}
-- {"x20":2,"x21":6,"x22":6,"x23":2.5,"x24":null,"x25":null,"x26":"abc","x27":null,"x28":null,"x29":null,"x30":null,"x31":null,"x32":"ccc","x33":2.5,"x34":null,"x35":"none","x36":null,"x37":null,"x38":2.5,"x39":null}
-- {"x20":5,"x21":5,"x22":5,"x23":7.0,"x24":7.0,"x25":"2024-02-29","x26":"Hello","x27":7.0,"x28":1234.56,"x29":"Hello","x30":1,"x31":1709212455678,"x32":"a","x33":1.0,"x34":1709212455678,"x35":"Hello","x36":null,"x37":null,"x38":2.5,"x39":1709212455678}
-- {"x40":"2025-01-01","x41":7,"x42":5,"x43":5,"x44":null,"x45":"a","x46":7,"x47":1,"x48":"a","x49":"2024-02-29","x50":"2024-02-29","x51":1,"x52":8,"x53":8,"x54":7,"x55":1234.56,"x56":1.5,"x57":1.5,"x58":"2024-01-01 00:00:00.000","x59":"2024-02-29 13:14:15.678000"}
-- {"x40":null,"x41":null,"x42":6,"x43":6,"x44":6,"x45":"b","x46":null,"x47":1,"x48":"a","x49":null,"x50":null,"x51":null,"x52":1,"x53":null,"x54":null,"x55":null,"x56":null,"x57":null,"x58":null,"x59":"2024-01-01 00:00:00.123456"}
-- {"x60":1.5,"x61":2.25,"x62":1.5,"x63":1234.56,"x64":1234.56,"x65":7,"x66":5.00,"x67":1.0,"x68":"13:14:15.0","x69":"2024-02-29 13:14:15.678","x70":1,"x71":5,"x72":5,"x73":5,"x74":"Cg==","x75":"BINARY(1) NOT NULL","x76":null,"x77":"Hello","x78":"2024-02-29","x79":1.5}
-- {"x60":null,"x61":null,"x62":null,"x63":null,"x64":null,"x65":null,"x66":2.50,"x67":null,"x68":"12:00:00.5","x69":null,"x70":2,"x71":null,"x72":6,"x73":6,"x74":"Cww=","x75":"BINARY(1) NOT NULL","x76":1,"x77":null,"x78":null,"x79":null}
-- {"x80":1.5,"x81":2.25,"x82":1.5,"x83":7.0,"x84":2.25,"x85":7.0,"x86":7,"x87":null,"x88":null,"x89":null,"x90":"Cg=="}
-- {"x80":null,"x81":null,"x82":null,"x83":2.5,"x84":null,"x85":null,"x86":null,"x87":7.0,"x88":null,"x89":6,"x90":"Cg=="}
-- @flink 2.3.0 2026-11-21
-- select [I] x0 INT NOT NULL, x1 BIGINT NOT NULL, x2 STRING NOT NULL, x3 INT, x4 STRING, x5 VARCHAR(3), x6 INT NOT NULL, x7 INT, x8 INT, x9 INT, x10 INT NOT NULL, x11 STRING, x12 DECIMAL(11, 1) NOT NULL, x13 CHAR(5), x14 VARCHAR(3) NOT NULL, x15 STRING, x16 STRING, x17 STRING, x18 INT NOT NULL, x19 INT NOT NULL
-- select [I] x20 INT, x21 INT, x22 INT NOT NULL, x23 DECIMAL(11, 1) NOT NULL, x24 DOUBLE, x25 DATE, x26 STRING NOT NULL, x27 DOUBLE, x28 DECIMAL(12, 2), x29 STRING, x30 INT, x31 BIGINT, x32 VARCHAR(3) NOT NULL, x33 DECIMAL(11, 1), x34 BIGINT, x35 STRING NOT NULL, x36 DECIMAL(10, 2), x37 INT, x38 DECIMAL(11, 1) NOT NULL, x39 BIGINT
-- select [I] x40 DATE, x41 INT, x42 INT NOT NULL, x43 INT NOT NULL, x44 INT, x45 CHAR(1) NOT NULL, x46 BIGINT, x47 INT NOT NULL, x48 CHAR(1) NOT NULL, x49 DATE, x50 DATE, x51 INT, x52 INT NOT NULL, x53 INT, x54 BIGINT, x55 DECIMAL(12, 2), x56 DOUBLE, x57 DOUBLE, x58 TIMESTAMP(3), x59 TIMESTAMP(6)
-- select [I] x60 FLOAT, x61 DOUBLE, x62 FLOAT, x63 DOUBLE, x64 DOUBLE, x65 BIGINT, x66 DECIMAL(12, 2) NOT NULL, x67 DECIMAL(20, 1), x68 TIME(1), x69 TIMESTAMP(3), x70 INT NOT NULL, x71 INT, x72 INT NOT NULL, x73 INT NOT NULL, x74 VARBINARY(2) NOT NULL, x75 STRING, x76 INT, x77 STRING, x78 DATE, x79 DECIMAL(11, 1)
-- select [I] x80 FLOAT, x81 DOUBLE, x82 DOUBLE, x83 DECIMAL(11, 1) NOT NULL, x84 DOUBLE, x85 DECIMAL(11, 1), x86 BIGINT, x87 DECIMAL(2, 1), x88 STRING, x89 INT, x90 VARBINARY(2) NOT NULL
-- 10 lines d9361281afb15c0f
