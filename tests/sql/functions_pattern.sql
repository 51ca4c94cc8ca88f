-- Functions as Flink has them. LIKE, SIMILAR TO and regular expressions.
-- @input in.jsonl
-- {"b":true,"i":7,"l":1709212455678,"d":2.25,"f":1.5,"dec":1234.56,"s":"Hello","s2":"wörld","dt":"2024-02-29","tm":"13:14:15","ts":"2024-02-29 13:14:15.678","a":[3,1,2],"a2":["x",null,"z"],"m":{"k":5},"r":{"x":1,"y":"q"},"by":"aGk=","js":"{\"a\": 1, \"b\": [\"x\", \"y\"]}","inn":5,"snn":"12"}
-- {"inn":6,"snn":"a,b"}
CREATE TABLE t (b BOOLEAN, i INT, l BIGINT, d DOUBLE, f FLOAT,
  `dec` DECIMAL(10,2), s STRING, s2 STRING, dt DATE,
  tm TIME(0), ts TIMESTAMP(3), a ARRAY<INT>, a2 ARRAY<STRING>, m MAP<STRING,INT>, r ROW<x INT, y STRING>,
  `by` BYTES, js STRING, inn INT NOT NULL, snn STRING NOT NULL, ltz AS TO_TIMESTAMP_LTZ(l,3))
WITH ('connector'='filesystem','path'='{dir}/in.jsonl','format'='json');
SELECT
  s LIKE 'a%' AS x0,
  s LIKE 'A\_%' AS x1,
  s SIMILAR TO '(A|H)%' AS x2,
  REGEXP_REPLACE('foobar', 'oo|ar', '') AS x3,
  REGEXP_REPLACE('foobar', '(o+)', '<$1>') AS x4,
  REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2) AS x5,
  REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 3) AS x6,
  REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)') AS x7,
  REGEXP_EXTRACT(s, '[a-z]+') AS x8,
  REGEXP(s, '[a-z]') AS x9,
  REGEXP_COUNT('abcabc', 'a') AS x10,
  REGEXP_INSTR('hello', 'l') AS x11,
  REGEXP_SUBSTR('hello', 'l+') AS x12,
  REGEXP_EXTRACT_ALL('100-200, 300-400', '(\d+)-(\d+)', 1) AS x13,
  REGEXP_EXTRACT(snn, 'a') AS x14,
  s NOT LIKE '%o' AS x15,
  s LIKE 'H_llo' AS x16,
  s LIKE '%\_%' ESCAPE '\' AS x17,
  'a%b' LIKE 'a\%b' AS x18,
  'a_b' LIKE 'a^_b' ESCAPE '^' AS x19
FROM t;
SELECT
  s2 LIKE 'w%d' AS x20,
  '' LIKE '%' AS x21,
  'abc' SIMILAR TO 'a(b|x)c' AS x22,
  'abc' SIMILAR TO '%(b|d)%' AS x23,
  'abc' SIMILAR TO '(b|c)%' AS x24,
  'abc' SIMILAR TO '[a-c]+' AS x25,
  'abc' NOT SIMILAR TO 'x' AS x26,
  REGEXP_EXTRACT('abc123', '([a-z]+)([0-9]+)', 0) AS x27,
  REGEXP_EXTRACT('abc', 'x', 0) AS x28,
  REGEXP_REPLACE('a.b.c', '\.', '-') AS x29,
  REGEXP_EXTRACT('abc', '[', 0) AS x30,
  REGEXP('abc', '[') AS x31,
  REGEXP_COUNT('abc', '[') AS x32,
  REGEXP_COUNT('aaa', '') AS x33,
  REGEXP_INSTR('abc', 'x') AS x34,
  snn LIKE '1%' AS x35,
  REGEXP(snn, '1') AS x36,
  s LIKE 'Hel\lo' AS x37,
  s LIKE 'H_l%' AS x38,
  CONCAT(s, '%') LIKE 'Hello\%' AS x39
FROM t;
SELECT
  CONCAT(s, '%') LIKE 'Hello\%' ESCAPE '\' AS x40,
  CONCAT(s, '_x') LIKE 'Hello^_x' ESCAPE '^' AS x41,
  REGEXP_REPLACE(s, 'l(l)', '$1') AS x42,
  REGEXP_REPLACE(s, 'l', '\\') AS x43,
  REGEXP_REPLACE(s, '', '-') AS x44,
  REGEXP_REPLACE(s, 'l', '') AS x45,
  REGEXP(s, '') AS x46,
  REGEXP_EXTRACT(s, '', 0) AS x47,
  'a^b' LIKE 'a^^b' ESCAPE '^' AS x48,
  s LIKE CONCAT('Hel', '%') ESCAPE '!' AS x49,
  s LIKE s AS x50,
  CONCAT(s, '\') LIKE CONCAT(s, '\') AS x51,
  CONCAT(s, '_') LIKE CONCAT(s, '!_') ESCAPE '!' AS x52,
  CONCAT(s, 'é') LIKE '%éé' ESCAPE 'é' AS x53,
  s LIKE 'H%' ESCAPE '' AS x54,
  U&'a\000ab' LIKE 'a%b' AS x55,
  'a.c' LIKE 'a.c' AS x56,
  'abc' LIKE 'a.c' AS x57,
  s NOT LIKE 'H%' AS x58,
  s LIKE s2 || '%' AS x59
FROM t;
SELECT
  'a\b' LIKE 'a\\b' AS x60,
  'a\%b' LIKE 'a\%b' AS x61,
  'abc' SIMILAR TO 'a_c' AS x62,
  'abc' SIMILAR TO 'a|b' AS x63,
  'abc' SIMILAR TO 'abc|b' AS x64,
  'abc' SIMILAR TO '[[:ALPHA:]]+' AS x65,
  'ab1' SIMILAR TO '[[:ALNUM:]]{3}' AS x66,
  'abc' SIMILAR TO '[:ALPHA:]+' AS x67,
  'abc' SIMILAR TO 'a.c' AS x68,
  'a.c' SIMILAR TO 'a.c' AS x69,
  'a.c' SIMILAR TO 'a\.c' AS x70,
  'abc' SIMILAR TO '^abc$' AS x71,
  'a%' SIMILAR TO 'a!%' ESCAPE '!' AS x72,
  'ab' SIMILAR TO 'a!%' ESCAPE '!' AS x73,
  'aaa' SIMILAR TO 'a{3}' AS x74,
  'aaa' SIMILAR TO 'a{2,}' AS x75,
  'ab' SIMILAR TO 'abc?' AS x76,
  'ab' SIMILAR TO 'a' AS x77,
  'abc' NOT SIMILAR TO '%b%' AS x78,
  'abc' SIMILAR TO '[^x]*' AS x79
FROM t;
SELECT
  'abc' SIMILAR TO '(a|x)(b|y)%' AS x80,
  s SIMILAR TO s AS x81,
  s SIMILAR TO CONCAT('H', '%') AS x82,
  'a-c' SIMILAR TO '[a-]-c' AS x83,
  'a\c' SIMILAR TO 'a\c' AS x84,
  U&'a\000ab' SIMILAR TO 'a%b' AS x85,
  REGEXP_EXTRACT_ALL('abc', '[') AS x86,
  REGEXP_INSTR('abc', '[') AS x87,
  REGEXP_SUBSTR('abc', '[') AS x88,
  REGEXP_REPLACE(s, '[', 'x') AS x89,
  REGEXP(s, CONCAT('[', '')) AS x90,
  ' ' SIMILAR TO '[[:SPACE:]]' AS x91,
  ' ' SIMILAR TO '[[:WHITESPACE:]]' AS x92,
  '5' SIMILAR TO '[[:DIGIT:]]' AS x93,
  'a' SIMILAR TO '[[:lower:]]' AS x94,
  'A' SIMILAR TO '[[:UPPER:]]' AS x95,
  'a' SIMILAR TO '[^[:DIGIT:]]' AS x96,
  'é' SIMILAR TO '_' AS x97,
  '(' SIMILAR TO '!(' ESCAPE '!' AS x98,
  'a!' SIMILAR TO 'a!!' ESCAPE '!' AS x99
FROM t;
SELECT
  'a\' LIKE 'a\' AS x100,
  'a%' LIKE 'a\%' ESCAPE '\' AS x101,
  'A' LIKE 'a' AS x102,
  '' LIKE '' AS x103,
  'a%c' LIKE 'a%%c' ESCAPE '%' AS x104
FROM t;
-- @expect
-- {"x0":false,"x1":false,"x2":true,"x3":"fb","x4":"f<$1>bar","x5":"bar","x6":null,"x7":"foothebar","x8":"ello","x9":true,"x10":2,"x11":3,"x12":"ll","x13":["100","300"],"x14":null,"x15":false,"x16":true,"x17":false,"x18":false,"x19":true}
-- {"x0":null,"x1":null,"x2":null,"x3":"fb","x4":"f<$1>bar","x5":"bar","x6":null,"x7":"foothebar","x8":null,"x9":null,"x10":2,"x11":3,"x12":"ll","x13":["100","300"],"x14":"a","x15":null,"x16":null,"x17":null,"x18":false,"x19":true}
-- {"x100":true,"x101":true,"x102":false,"x103":true,"x104":true}
-- {"x100":true,"x101":true,"x102":false,"x103":true,"x104":true}
-- {"x20":null,"x21":true,"x22":true,"x23":true,"x24":false,"x25":true,"x26":true,"x27":"abc123","x28":null,"x29":"a-b-c","x30":null,"x31":false,"x32":null,"x33":4,"x34":0,"x35":false,"x36":false,"x37":null,"x38":null,"x39":null}
-- {"x20":true,"x21":true,"x22":true,"x23":true,"x24":false,"x25":true,"x26":true,"x27":"abc123","x28":null,"x29":"a-b-c","x30":null,"x31":false,"x32":null,"x33":4,"x34":0,"x35":true,"x36":true,"x37":false,"x38":true,"x39":false}
-- {"x40":null,"x41":null,"x42":null,"x43":null,"x44":null,"x45":null,"x46":null,"x47":null,"x48":true,"x49":null,"x50":null,"x51":null,"x52":null,"x53":null,"x54":null,"x55":true,"x56":true,"x57":false,"x58":null,"x59":null}
-- {"x40":true,"x41":true,"x42":"He$1o","x43":"He\\\\\\\\o","x44":"-H-e-l-l-o-","x45":"Heo","x46":false,"x47":"","x48":true,"x49":true,"x50":true,"x51":true,"x52":true,"x53":true,"x54":true,"x55":true,"x56":true,"x57":false,"x58":false,"x59":false}
-- {"x60":false,"x61":true,"x62":true,"x63":false,"x64":true,"x65":true,"x66":true,"x67":false,"x68":true,"x69":true,"x70":false,"x71":false,"x72":true,"x73":false,"x74":true,"x75":true,"x76":true,"x77":false,"x78":false,"x79":true}
-- {"x60":false,"x61":true,"x62":true,"x63":false,"x64":true,"x65":true,"x66":true,"x67":false,"x68":true,"x69":true,"x70":false,"x71":false,"x72":true,"x73":false,"x74":true,"x75":true,"x76":true,"x77":false,"x78":false,"x79":true}
-- {"x80":true,"x81":null,"x82":null,"x83":true,"x84":true,"x85":true,"x86":null,"x87":null,"x88":null,"x89":null,"x90":null,"x91":true,"x92":true,"x93":true,"x94":true,"x95":true,"x96":true,"x97":true,"x98":true,"x99":true}
-- {"x80":true,"x81":true,"x82":true,"x83":true,"x84":true,"x85":true,"x86":null,"x87":null,"x88":null,"x89":null,"x90":false,"x91":true,"x92":true,"x93":true,"x94":true,"x95":true,"x96":true,"x97":true,"x98":true,"x99":true}
-- @flink 2.3.0 2026-11-21
-- select [I] x0 BOOLEAN, x1 BOOLEAN, x2 BOOLEAN, x3 STRING NOT NULL, x4 STRING NOT NULL, x5 STRING, x6 STRING, x7 STRING, x8 STRING, x9 BOOLEAN, x10 INT, x11 INT, x12 STRING, x13 ARRAY<STRING>, x14 STRING, x15 BOOLEAN, x16 BOOLEAN, x17 BOOLEAN, x18 BOOLEAN NOT NULL, x19 BOOLEAN NOT NULL
-- select [I] x20 BOOLEAN, x21 BOOLEAN NOT NULL, x22 BOOLEAN NOT NULL, x23 BOOLEAN NOT NULL, x24 BOOLEAN NOT NULL, x25 BOOLEAN NOT NULL, x26 BOOLEAN NOT NULL, x27 STRING, x28 STRING, x29 STRING NOT NULL, x30 STRING, x31 BOOLEAN NOT NULL, x32 INT, x33 INT, x34 INT, x35 BOOLEAN NOT NULL, x36 BOOLEAN NOT NULL, x37 BOOLEAN, x38 BOOLEAN, x39 BOOLEAN
-- select [I] x40 BOOLEAN, x41 BOOLEAN, x42 STRING, x43 STRING, x44 STRING, x45 STRING, x46 BOOLEAN, x47 STRING, x48 BOOLEAN NOT NULL, x49 BOOLEAN, x50 BOOLEAN, x51 BOOLEAN, x52 BOOLEAN, x53 BOOLEAN, x54 BOOLEAN, x55 BOOLEAN NOT NULL, x56 BOOLEAN NOT NULL, x57 BOOLEAN NOT NULL, x58 BOOLEAN, x59 BOOLEAN
-- select [I] x60 BOOLEAN NOT NULL, x61 BOOLEAN NOT NULL, x62 BOOLEAN NOT NULL, x63 BOOLEAN NOT NULL, x64 BOOLEAN NOT NULL, x65 BOOLEAN NOT NULL, x66 BOOLEAN NOT NULL, x67 BOOLEAN NOT NULL, x68 BOOLEAN NOT NULL, x69 BOOLEAN NOT NULL, x70 BOOLEAN NOT NULL, x71 BOOLEAN NOT NULL, x72 BOOLEAN NOT NULL, x73 BOOLEAN NOT NULL, x74 BOOLEAN NOT NULL, x75 BOOLEAN NOT NULL, x76 BOOLEAN NOT NULL, x77 BOOLEAN NOT NULL, x78 BOOLEAN NOT NULL, x79 BOOLEAN NOT NULL
-- select [I] x80 BOOLEAN NOT NULL, x81 BOOLEAN, x82 BOOLEAN, x83 BOOLEAN NOT NULL, x84 BOOLEAN NOT NULL, x85 BOOLEAN NOT NULL, x86 ARRAY<STRING>, x87 INT, x88 STRING, x89 STRING, x90 BOOLEAN, x91 BOOLEAN NOT NULL, x92 BOOLEAN NOT NULL, x93 BOOLEAN NOT NULL, x94 BOOLEAN NOT NULL, x95 BOOLEAN NOT NULL, x96 BOOLEAN NOT NULL, x97 BOOLEAN NOT NULL, x98 BOOLEAN NOT NULL, x99 BOOLEAN NOT NULL
-- select [I] x100 BOOLEAN NOT NULL, x101 BOOLEAN NOT NULL, x102 BOOLEAN NOT NULL, x103 BOOLEAN NOT NULL, x104 BOOLEAN NOT NULL
-- 12 lines be363e0014b5a915
