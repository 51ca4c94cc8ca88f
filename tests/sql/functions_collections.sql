-- Functions as Flink has them. Arrays, maps and rows.
-- @input in.jsonl
-- {"b":true,"i":7,"l":1709212455678,"d":2.25,"f":1.5,"dec":1234.56,"s":"Hello","s2":"wörld","dt":"2024-02-29","tm":"13:14:15","ts":"2024-02-29 13:14:15.678","a":[3,1,2],"a2":["x",null,"z"],"m":{"k":5},"r":{"x":1,"y":"q"},"by":"aGk=","js":"{\"a\": 1, \"b\": [\"x\", \"y\"]}","inn":5,"snn":"12"}
-- {"inn":6,"snn":"a,b"}
CREATE TABLE t (b BOOLEAN, i INT, l BIGINT, d DOUBLE, f FLOAT,
  `dec` DECIMAL(10,2), s STRING, s2 STRING, dt DATE,
  tm TIME(0), ts TIMESTAMP(3), a ARRAY<INT>, a2 ARRAY<STRING>, m MAP<STRING,INT>, r ROW<x INT, y STRING>,
  `by` BYTES, js STRING, inn INT NOT NULL, snn STRING NOT NULL, ltz AS TO_TIMESTAMP_LTZ(l,3))
WITH ('connector'='filesystem','path'='{dir}/in.jsonl','format'='json');
SELECT
  SPLIT_INDEX('a,b,c', ',', 1) AS x0,
  SPLIT_INDEX('a,b,c', ',', 5) AS x1,
  SPLIT_INDEX('a,b,c', ',', -1) AS x2,
  SPLIT_INDEX('a,b,c', 44, 1) AS x3,
  STR_TO_MAP('k1=v1,k2=v2') AS x4,
  STR_TO_MAP('k1:v1;k2:v2', ';', ':') AS x5,
  SPLIT('a,b,c', ',') AS x6,
  SPLIT('', ',') AS x7,
  (ts - ts) DAY TO SECOND AS x8,
  (ts, INTERVAL '1' DAY) OVERLAPS (ts, INTERVAL '1' DAY) AS x9,
  CAST(a AS ARRAY<STRING>) AS x10,
  TYPEOF(ARRAY[1, NULL]) AS x11,
  CARDINALITY(a) AS x12,
  CARDINALITY(m) AS x13,
  a[1] AS x14,
  a[9] AS x15,
  m['k'] AS x16,
  m['zz'] AS x17,
  ARRAY[i, 2] AS x18,
  ARRAY[1, 2.5] AS x19
FROM t;
SELECT
  MAP['a', i] AS x20,
  ROW(i, s) AS x21,
  r.x AS x22,
  (i, s) AS x23,
  ARRAY_APPEND(a, 9) AS x24,
  ARRAY_CONCAT(a, ARRAY[9]) AS x25,
  ARRAY_CONTAINS(a, 2) AS x26,
  ARRAY_CONTAINS(ARRAY[1, NULL], NULL) AS x27,
  ARRAY_DISTINCT(ARRAY[1, 1, 2]) AS x28,
  ARRAY_EXCEPT(a, ARRAY[1]) AS x29,
  ARRAY_INTERSECT(a, ARRAY[1, 7]) AS x30,
  ARRAY_JOIN(a2, '-') AS x31,
  ARRAY_JOIN(a2, '-', 'null') AS x32,
  ARRAY_MAX(a) AS x33,
  ARRAY_MIN(a) AS x34,
  ARRAY_POSITION(a, 2) AS x35,
  ARRAY_PREPEND(a, 0) AS x36,
  ARRAY_REMOVE(a, 1) AS x37,
  ARRAY_REVERSE(a) AS x38,
  ARRAY_SLICE(a, 2) AS x39
FROM t;
SELECT
  ARRAY_SLICE(a, 1, 2) AS x40,
  ARRAY_SLICE(a, -2, -1) AS x41,
  ARRAY_SORT(a) AS x42,
  ARRAY_SORT(a, FALSE) AS x43,
  ARRAY_SORT(ARRAY[2, NULL, 1]) AS x44,
  ARRAY_UNION(a, ARRAY[9, 1]) AS x45,
  MAP_FROM_ARRAYS(ARRAY['a'], ARRAY[1]) AS x46,
  MAP_VALUES(m) AS x47,
  MAP_UNION(m, MAP['z', 9]) AS x48,
  SPLIT_INDEX(snn, ',', 0) AS x49,
  ARRAY[inn][1] AS x50,
  MAP['a', inn]['a'] AS x51,
  CAST(ARRAY[1, 2] AS ARRAY<DOUBLE>) AS x52,
  CAST(MAP['a', 1] AS MAP<STRING, BIGINT>) AS x53,
  CAST(ROW(1, 'a') AS ROW<p BIGINT, q STRING>) AS x54,
  CAST(ROW(1, 'a') AS ROW<p BIGINT, q STRING>).p AS x55,
  (i, s) = (7, 'Hello') AS x56,
  ROW(1, 2) = ROW(1, 2) AS x57,
  a = ARRAY[3, 1, 2] AS x58,
  m = MAP['k', 5] AS x59
FROM t;
SELECT
  SPLIT_INDEX('a||b', '||', 1) AS x60,
  SPLIT_INDEX('', ',', 0) AS x61,
  ARRAY[1, 2][2] AS x62,
  ARRAY['a', 'bbb'] AS x63,
  ARRAY[CAST(NULL AS INT)] AS x64,
  ARRAY[1, NULL] AS x65,
  ARRAY[ARRAY[1], ARRAY[2, 3]] AS x66,
  MAP['a', 1, 'b', 2] AS x67,
  MAP[1, 'x'] AS x68,
  CARDINALITY(ARRAY[1, NULL]) AS x69,
  ARRAY_CONTAINS(a2, 'x') AS x70,
  ARRAY_CONTAINS(a2, CAST(NULL AS STRING)) AS x71,
  ARRAY_POSITION(a2, 'z') AS x72,
  ARRAY_REMOVE(a2, 'x') AS x73,
  ARRAY_APPEND(a, CAST(NULL AS INT)) AS x74,
  ARRAY_CONCAT(a, a) AS x75,
  ARRAY_UNION(a, a) AS x76,
  ARRAY_MAX(a2) AS x77,
  ARRAY_SORT(a2) AS x78,
  ARRAY_SORT(a2, TRUE, TRUE) AS x79
FROM t;
SELECT
  ARRAY_SLICE(a, 5, 9) AS x80,
  ARRAY_JOIN(ARRAY['a', 'b'], ',') AS x81,
  ARRAY_DISTINCT(a2) AS x82,
  MAP_KEYS(MAP['b', 1, 'a', 2]) AS x83,
  STR_TO_MAP('a=1,b') AS x84,
  r.y AS x85,
  r AS x86,
  SPLIT(snn, ',') AS x87,
  ARRAY[inn, 2] AS x88,
  CARDINALITY(ARRAY[inn]) AS x89,
  MAP['a', inn] AS x90,
  ROW(inn, s) AS x91,
  SPLIT('a,', ',') AS x92,
  SPLIT(',', ',') AS x93,
  SPLIT('abc', '') AS x94,
  SPLIT('', '') AS x95,
  SPLIT(s, 'l') AS x96,
  ARRAY_CONCAT(a, ARRAY[9], ARRAY[1]) AS x97,
  ARRAY_CONCAT(ARRAY[1], ARRAY[2]) AS x98,
  ARRAY_CONCAT(ARRAY[1], a) AS x99
FROM t;
SELECT
  ARRAY_UNION(ARRAY[1], a) AS x100,
  ARRAY_APPEND(ARRAY[1], 2) AS x101,
  ARRAY_CONCAT(a2, ARRAY['q']) AS x102,
  ARRAY[INTERVAL '1' MONTH] AS x103,
  (dt - DATE '2023-01-31') DAY AS x104,
  (dt - DATE '2023-01-31') MONTH AS x105,
  (dt - DATE '2023-01-31') YEAR TO MONTH AS x106,
  (ts - TIMESTAMP '2024-01-01 00:00:00') HOUR AS x107,
  (ts - TIMESTAMP '2024-01-01 00:00:00') DAY TO SECOND AS x108,
  (tm - TIME '12:00:00') HOUR AS x109,
  (ts - TIMESTAMP '2024-01-01 00:00:00') SECOND + INTERVAL '1' DAY AS x110,
  (ts, INTERVAL '1' DAY) OVERLAPS (ts + INTERVAL '1' DAY, INTERVAL '1' DAY) AS x111,
  (ts, ts) OVERLAPS (ts, ts) AS x112,
  (dt, dt) OVERLAPS (dt, INTERVAL '1' DAY) AS x113,
  (ts, INTERVAL '1' MONTH) OVERLAPS (TIMESTAMP '2024-03-20 00:00:00', TIMESTAMP '2024-03-10 00:00:00') AS x114,
  (tm, INTERVAL '1' HOUR) OVERLAPS (TIME '14:00:00', INTERVAL '1' HOUR) AS x115,
  (i, s) IN ((7, 'Hello'), (8, 'x')) AS x116,
  (i, s) NOT IN ((7, 'Hello'), (8, 'x')) AS x117,
  (inn, s) = (5, 'Hello') AS x118,
  (inn, s) = (99, 'Hello') AS x119
FROM t;
SELECT
  ROW(i, s) = ROW(7, 'Hello') AS x120,
  r = (1, 'q') AS x121,
  r = ROW(1, 'q') AS x122,
  r <> ROW(1, 'q') AS x123,
  (i, s) IS NULL AS x124,
  CASE WHEN b THEN a ELSE ARRAY[2.5] END AS x125,
  CASE WHEN b THEN ARRAY[1] ELSE a END AS x126,
  ARRAY[x'0a', x'0b0c'] AS x127,
  ARRAY[ts, TIMESTAMP '2024-01-01 00:00:00'] AS x128,
  ARRAY_CONCAT(a, ARRAY[2.5]) AS x129,
  ARRAY_CONCAT(a, ARRAY[CAST(NULL AS INT)]) AS x130,
  ARRAY_CONTAINS(a, NULL) AS x131,
  ARRAY_CONTAINS(ARRAY[1], CAST(NULL AS INT)) AS x132,
  ARRAY_CONTAINS(ARRAY[1], i) AS x133,
  STR_TO_MAP(snn) AS x134,
  ARRAY[TIMESTAMP '2024-01-01 00:00:00'] AS x135,
  ARRAY[TIMESTAMP '2024-01-01 00:00:00', TIMESTAMP '2024-01-01 00:00:00.5'] AS x136,
  MAP['a', TIMESTAMP '2024-01-01 00:00:00', 'b', ts] AS x137,
  ROW(TIMESTAMP '2024-01-01 00:00:00', 0.1) AS x138,
  CASE WHEN b THEN MAP['a', 1] ELSE m END AS x139
FROM t;
-- @expect
-- {"x0":"b","x1":null,"x2":null,"x3":"b","x4":{"k1":"v1","k2":"v2"},"x5":{"k1":"v1","k2":"v2"},"x6":["a","b","c"],"x7":[],"x8":"+0 00:00:00.000","x9":true,"x10":["3","1","2"],"x11":"ARRAY<INT> NOT NULL","x12":3,"x13":1,"x14":3,"x15":null,"x16":5,"x17":null,"x18":[7,2],"x19":[1.0,2.5]}
-- {"x0":"b","x1":null,"x2":null,"x3":"b","x4":{"k1":"v1","k2":"v2"},"x5":{"k1":"v1","k2":"v2"},"x6":["a","b","c"],"x7":[],"x8":null,"x9":null,"x10":null,"x11":"ARRAY<INT> NOT NULL","x12":null,"x13":null,"x14":null,"x15":null,"x16":null,"x17":null,"x18":[null,2],"x19":[1.0,2.5]}
-- {"x100":[1,3,2],"x101":[1,2],"x102":["x",null,"z","q"],"x103":["+0-01"],"x104":"+394 00:00:00.000","x105":"+1-01","x106":"+1-01","x107":"+59 13:14:15.678","x108":"+59 13:14:15.678","x109":"+0 01:14:15.000","x110":"+60 13:14:15.678","x111":true,"x112":true,"x113":true,"x114":true,"x115":true,"x116":true,"x117":false,"x118":true,"x119":false}
-- {"x100":null,"x101":[1,2],"x102":null,"x103":["+0-01"],"x104":null,"x105":null,"x106":null,"x107":null,"x108":null,"x109":null,"x110":null,"x111":null,"x112":null,"x113":null,"x114":null,"x115":null,"x116":null,"x117":null,"x118":false,"x119":false}
-- {"x120":null,"x121":null,"x122":null,"x123":null,"x124":false,"x125":[2.5],"x126":null,"x127":["Cg==","Cww="],"x128":[null,"2024-01-01 00:00:00.000"],"x129":null,"x130":null,"x131":null,"x132":false,"x133":false,"x134":{"a":null,"b":null},"x135":["2024-01-01 00:00:00"],"x136":["2024-01-01 00:00:00.0","2024-01-01 00:00:00.5"],"x137":{"a":"2024-01-01 00:00:00.000","b":null},"x138":{"EXPR$0":"2024-01-01 00:00:00","EXPR$1":0.1},"x139":null}
-- {"x120":true,"x121":true,"x122":true,"x123":false,"x124":false,"x125":[3.0,1.0,2.0],"x126":[1],"x127":["Cg==","Cww="],"x128":["2024-02-29 13:14:15.678","2024-01-01 00:00:00.000"],"x129":[3.0,1.0,2.0,2.5],"x130":[3,1,2,null],"x131":false,"x132":false,"x133":false,"x134":{"12":null},"x135":["2024-01-01 00:00:00"],"x136":["2024-01-01 00:00:00.0","2024-01-01 00:00:00.5"],"x137":{"a":"2024-01-01 00:00:00.000","b":"2024-02-29 13:14:15.678"},"x138":{"EXPR$0":"2024-01-01 00:00:00","EXPR$1":0.1},"x139":{"a":1}}
-- {"x20":{"a":7},"x21":{"EXPR$0":7,"EXPR$1":"Hello"},"x22":1,"x23":{"EXPR$0":7,"EXPR$1":"Hello"},"x24":[3,1,2,9],"x25":[3,1,2,9],"x26":true,"x27":true,"x28":[1,2],"x29":[3,2],"x30":[1],"x31":"x-z","x32":"x-null-z","x33":3,"x34":1,"x35":3,"x36":[0,3,1,2],"x37":[3,2],"x38":[2,1,3],"x39":[1,2]}
-- {"x20":{"a":null},"x21":{"EXPR$0":null,"EXPR$1":null},"x22":null,"x23":{"EXPR$0":null,"EXPR$1":null},"x24":null,"x25":null,"x26":null,"x27":true,"x28":[1,2],"x29":null,"x30":null,"x31":null,"x32":null,"x33":null,"x34":null,"x35":null,"x36":null,"x37":null,"x38":null,"x39":null}
-- {"x40":[3,1],"x41":[1,2],"x42":[1,2,3],"x43":[3,2,1],"x44":[null,1,2],"x45":[3,1,2,9],"x46":{"a":1},"x47":[5],"x48":{"k":5,"z":9},"x49":"12","x50":5,"x51":5,"x52":[1.0,2.0],"x53":{"a":1},"x54":{"p":1,"q":"a"},"x55":1,"x56":true,"x57":true,"x58":true,"x59":true}
-- {"x40":null,"x41":null,"x42":null,"x43":null,"x44":[null,1,2],"x45":null,"x46":{"a":1},"x47":null,"x48":null,"x49":"a","x50":6,"x51":6,"x52":[1.0,2.0],"x53":{"a":1},"x54":{"p":1,"q":"a"},"x55":1,"x56":null,"x57":true,"x58":null,"x59":null}
-- {"x60":"b","x61":null,"x62":2,"x63":["a","bbb"],"x64":[null],"x65":[1,null],"x66":[[1],[2,3]],"x67":{"a":1,"b":2},"x68":{"1":"x"},"x69":2,"x70":null,"x71":null,"x72":null,"x73":null,"x74":null,"x75":null,"x76":null,"x77":null,"x78":null,"x79":null}
-- {"x60":"b","x61":null,"x62":2,"x63":["a","bbb"],"x64":[null],"x65":[1,null],"x66":[[1],[2,3]],"x67":{"a":1,"b":2},"x68":{"1":"x"},"x69":2,"x70":true,"x71":true,"x72":3,"x73":[null,"z"],"x74":[3,1,2,null],"x75":[3,1,2,3,1,2],"x76":[3,1,2],"x77":"z","x78":[null,"x","z"],"x79":[null,"x","z"]}
-- {"x80":[],"x81":"a,b","x82":["x",null,"z"],"x83":["b","a"],"x84":{"a":"1","b":null},"x85":"q","x86":{"x":1,"y":"q"},"x87":["12"],"x88":[5,2],"x89":1,"x90":{"a":5},"x91":{"EXPR$0":5,"EXPR$1":"Hello"},"x92":["a",""],"x93":["",""],"x94":["a","b","c"],"x95":[],"x96":["He","","o"],"x97":[3,1,2,9,1],"x98":[1,2],"x99":[1,3,1,2]}
-- {"x80":null,"x81":"a,b","x82":null,"x83":["b","a"],"x84":{"a":"1","b":null},"x85":null,"x86":null,"x87":["a","b"],"x88":[6,2],"x89":1,"x90":{"a":6},"x91":{"EXPR$0":6,"EXPR$1":null},"x92":["a",""],"x93":["",""],"x94":["a","b","c"],"x95":[],"x96":null,"x97":null,"x98":[1,2],"x99":null}
-- @flink 2.3.0 2026-11-21
-- select [I] x0 STRING, x1 STRING, x2 STRING, x3 STRING, x4 MAP<STRING, STRING>, x5 MAP<STRING, STRING>, x6 ARRAY<STRING> NOT NULL, x7 ARRAY<STRING> NOT NULL, x8 INTERVAL SECOND(3), x9 BOOLEAN, x10 ARRAY<STRING>, x11 STRING, x12 INT, x13 INT, x14 INT, x15 INT, x16 INT, x17 INT, x18 ARRAY<INT> NOT NULL, x19 ARRAY<DECIMAL(11, 1) NOT NULL> NOT NULL
-- select [I] x20 MAP<CHAR(1) NOT NULL, INT> NOT NULL, x21 ROW<`EXPR$0` INT, `EXPR$1` STRING> NOT NULL, x22 INT, x23 ROW<`EXPR$0` INT, `EXPR$1` STRING> NOT NULL, x24 ARRAY<INT>, x25 ARRAY<INT>, x26 BOOLEAN, x27 BOOLEAN NOT NULL, x28 ARRAY<INT NOT NULL> NOT NULL, x29 ARRAY<INT>, x30 ARRAY<INT>, x31 STRING, x32 STRING, x33 INT, x34 INT, x35 INT, x36 ARRAY<INT>, x37 ARRAY<INT>, x38 ARRAY<INT>, x39 ARRAY<INT>
-- select [I] x40 ARRAY<INT>, x41 ARRAY<INT>, x42 ARRAY<INT>, x43 ARRAY<INT>, x44 ARRAY<INT> NOT NULL, x45 ARRAY<INT>, x46 MAP<CHAR(1) NOT NULL, INT NOT NULL> NOT NULL, x47 ARRAY<INT>, x48 MAP<STRING, INT>, x49 STRING, x50 INT, x51 INT, x52 ARRAY<DOUBLE> NOT NULL, x53 MAP<STRING, BIGINT> NOT NULL, x54 ROW<`p` BIGINT, `q` STRING> NOT NULL, x55 BIGINT, x56 BOOLEAN, x57 BOOLEAN NOT NULL, x58 BOOLEAN, x59 BOOLEAN
-- select [I] x60 STRING, x61 STRING, x62 INT, x63 ARRAY<VARCHAR(3) NOT NULL> NOT NULL, x64 ARRAY<INT> NOT NULL, x65 ARRAY<INT> NOT NULL, x66 ARRAY<ARRAY<INT NOT NULL> NOT NULL> NOT NULL, x67 MAP<CHAR(1) NOT NULL, INT NOT NULL> NOT NULL, x68 MAP<INT NOT NULL, CHAR(1) NOT NULL> NOT NULL, x69 INT NOT NULL, x70 BOOLEAN, x71 BOOLEAN, x72 INT, x73 ARRAY<STRING>, x74 ARRAY<INT>, x75 ARRAY<INT>, x76 ARRAY<INT>, x77 STRING, x78 ARRAY<STRING>, x79 ARRAY<STRING>
-- select [I] x80 ARRAY<INT>, x81 STRING NOT NULL, x82 ARRAY<STRING>, x83 ARRAY<CHAR(1) NOT NULL> NOT NULL, x84 MAP<STRING, STRING>, x85 STRING, x86 ROW<`x` INT, `y` STRING>, x87 ARRAY<STRING> NOT NULL, x88 ARRAY<INT NOT NULL> NOT NULL, x89 INT NOT NULL, x90 MAP<CHAR(1) NOT NULL, INT NOT NULL> NOT NULL, x91 ROW<`EXPR$0` INT NOT NULL, `EXPR$1` STRING> NOT NULL, x92 ARRAY<STRING> NOT NULL, x93 ARRAY<STRING> NOT NULL, x94 ARRAY<STRING> NOT NULL, x95 ARRAY<STRING> NOT NULL, x96 ARRAY<STRING>, x97 ARRAY<INT>, x98 ARRAY<INT NOT NULL> NOT NULL, x99 ARRAY<INT>
-- select [I] x100 ARRAY<INT>, x101 ARRAY<INT NOT NULL> NOT NULL, x102 ARRAY<STRING>, x103 ARRAY<INTERVAL MONTH NOT NULL> NOT NULL, x104 INTERVAL SECOND(3), x105 INTERVAL MONTH, x106 INTERVAL MONTH, x107 INTERVAL SECOND(3), x108 INTERVAL SECOND(3), x109 INTERVAL SECOND(3), x110 INTERVAL SECOND(3), x111 BOOLEAN, x112 BOOLEAN, x113 BOOLEAN, x114 BOOLEAN, x115 BOOLEAN, x116 BOOLEAN, x117 BOOLEAN, x118 BOOLEAN, x119 BOOLEAN
-- select [I] x120 BOOLEAN, x121 BOOLEAN, x122 BOOLEAN, x123 BOOLEAN, x124 BOOLEAN NOT NULL, x125 ARRAY<DECIMAL(11, 1)>, x126 ARRAY<INT>, x127 ARRAY<VARBINARY(2) NOT NULL> NOT NULL, x128 ARRAY<TIMESTAMP(3)> NOT NULL, x129 ARRAY<DECIMAL(11, 1)>, x130 ARRAY<INT>, x131 BOOLEAN, x132 BOOLEAN NOT NULL, x133 BOOLEAN NOT NULL, x134 MAP<STRING, STRING>, x135 ARRAY<TIMESTAMP(0) NOT NULL> NOT NULL, x136 ARRAY<TIMESTAMP(1) NOT NULL> NOT NULL, x137 MAP<CHAR(1) NOT NULL, TIMESTAMP(3)> NOT NULL, x138 ROW<`EXPR$0` TIMESTAMP(0) NOT NULL, `EXPR$1` DECIMAL(2, 1) NOT NULL> NOT NULL, x139 MAP<STRING, INT>
-- 14 lines c625e210856cb183
