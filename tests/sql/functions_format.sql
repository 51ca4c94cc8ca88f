-- Functions as Flink has them. PRINTF.
-- @input in.jsonl
-- {"b":true,"i":7,"l":1709212455678,"d":2.25,"f":1.5,"dec":1234.56,"s":"Hello","s2":"wörld","dt":"2024-02-29","tm":"13:14:15","ts":"2024-02-29 13:14:15.678","a":[3,1,2],"a2":["x",null,"z"],"m":{"k":5},"r":{"x":1,"y":"q"},"by":"aGk=","js":"{\"a\": 1, \"b\": [\"x\", \"y\"]}","inn":5,"snn":"12"}
-- {"inn":6,"snn":"a,b"}
CREATE TABLE t (b BOOLEAN, i INT, l BIGINT, d DOUBLE, f FLOAT,
  `dec` DECIMAL(10,2), s STRING, s2 STRING, dt DATE,
  tm TIME(0), ts TIMESTAMP(3), a ARRAY<INT>, a2 ARRAY<STRING>, m MAP<STRING,INT>, r ROW<x INT, y STRING>,
  `by` BYTES, js STRING, inn INT NOT NULL, snn STRING NOT NULL, ltz AS TO_TIMESTAMP_LTZ(l,3))
WITH ('connector'='filesystem','path'='{dir}/in.jsonl','format'='json');
SELECT
  PRINTF('%d', i) AS x0,
  PRINTF('%5d|%-5d|%05d|%,d|%x|%o|%+d|%X', i, i, i, l, i, i, i, 255) AS x1,
  PRINTF('%c|%n|%%|%2$s', 65, s) AS x2,
  PRINTF('%2$s %1$s %s', i, s) AS x3,
  PRINTF('%d', s) AS x4,
  PRINTF('%d', d) AS x5,
  PRINTF('%f', i) AS x6,
  PRINTF('%f', `dec`) AS x7,
  PRINTF('%s %s', i) AS x8,
  PRINTF('%q', i) AS x9,
  PRINTF('%', i) AS x10,
  PRINTF('abc') AS x11,
  PRINTF(s, i) AS x12,
  PRINTF('%s', `dec`) AS x13,
  PRINTF('%s', b) AS x14,
  PRINTF('%s', d) AS x15,
  PRINTF('%<s %s', s) AS x16,
  PRINTF('%(d|% d|%#x', -i, i, 255) AS x17,
  PRINTF('%d %d', inn, l) AS x18,
  PRINTF('%,.2f', l * 1.5) AS x19
FROM t;
SELECT
  PRINTF('%08.2f|%+.1e|%,d|%,.1f', d, d, -l, l / 7e0) AS x20,
  PRINTF('%g|%g|%g|%g', 1e-5, 123456789e0, 0e0, 0.0001e0) AS x21,
  PRINTF('%.3g|%.0e|%.0f|%#.0f', 1234.5678e0, 2.5e0, 2.5e0, 2.5e0) AS x22,
  PRINTF('%5c|%-5c|', 65, 66) AS x23,
  PRINTF('%b|%5b|%.1b', s, i, b) AS x24,
  PRINTF('%1$s%1$s', i) AS x25,
  PRINTF('%-5%|', i) AS x26,
  PRINTF('%05s', s) AS x27,
  PRINTF('%+s', s) AS x28,
  PRINTF('%+x', i) AS x29,
  PRINTF('%,x', i) AS x30,
  PRINTF('%(f', -d) AS x31,
  PRINTF('% 5d|', i) AS x32
FROM t;
-- @expect
-- {"x0":"7","x1":"    7|7    |00007|1,709,212,455,678|7|7|+7|FF","x2":"A|\n|%|Hello","x3":"Hello 7 7","x4":null,"x5":null,"x6":null,"x7":null,"x8":null,"x9":null,"x10":null,"x11":"abc","x12":"Hello","x13":"1234.56","x14":"true","x15":"2.25","x16":null,"x17":"(7)| 7|0xff","x18":"5 1709212455678","x19":null}
-- {"x0":"null","x1":" null|null | null|null|null|null|null|FF","x2":"A|\n|%|null","x3":"null null null","x4":"null","x5":"null","x6":"null","x7":"null","x8":null,"x9":null,"x10":null,"x11":"abc","x12":null,"x13":"null","x14":"null","x15":"null","x16":null,"x17":"null|null|0xff","x18":"6 null","x19":"nu"}
-- {"x20":"      nu|n|null|n","x21":"1.00000e-05|1.23457e+08|0.00000|0.000100000","x22":"1.23e+03|3e+00|3|3.","x23":"    A|B    |","x24":"false|false|f","x25":"nullnull","x26":"%    |","x27":null,"x28":null,"x29":"null","x30":null,"x31":"null","x32":" null|"}
-- {"x20":"00002.25|+2.3e+00|-1,709,212,455,678|244,173,207,954.0","x21":"1.00000e-05|1.23457e+08|0.00000|0.000100000","x22":"1.23e+03|3e+00|3|3.","x23":"    A|B    |","x24":"true| true|t","x25":"77","x26":"%    |","x27":null,"x28":null,"x29":null,"x30":null,"x31":"(2.250000)","x32":"    7|"}
-- @flink 2.3.0 2026-11-21
-- select [I] x0 STRING, x1 STRING, x2 STRING, x3 STRING, x4 STRING, x5 STRING, x6 STRING, x7 STRING, x8 STRING, x9 STRING, x10 STRING, x11 STRING, x12 STRING, x13 STRING, x14 STRING, x15 STRING, x16 STRING, x17 STRING, x18 STRING, x19 STRING
-- select [I] x20 STRING, x21 STRING, x22 STRING, x23 STRING, x24 STRING, x25 STRING, x26 STRING, x27 STRING, x28 STRING, x29 STRING, x30 STRING, x31 STRING, x32 STRING
-- 4 lines 9c39a47b5656bdec
