-- Functions as Flink has them. JSON: paths, wrappers, clauses, constructors.
-- @input in.jsonl
-- {"b":true,"i":7,"l":1709212455678,"d":2.25,"f":1.5,"dec":1234.56,"s":"Hello","s2":"wörld","dt":"2024-02-29","tm":"13:14:15","ts":"2024-02-29 13:14:15.678","a":[3,1,2],"a2":["x",null,"z"],"m":{"k":5},"r":{"x":1,"y":"q"},"by":"aGk=","js":"{\"a\": 1, \"b\": [\"x\", \"y\"]}","inn":5,"snn":"12"}
-- {"inn":6,"snn":"a,b"}
CREATE TABLE t (b BOOLEAN, i INT, l BIGINT, d DOUBLE, f FLOAT,
  `dec` DECIMAL(10,2), s STRING, s2 STRING, dt DATE,
  tm TIME(0), ts TIMESTAMP(3), a ARRAY<INT>, a2 ARRAY<STRING>, m MAP<STRING,INT>, r ROW<x INT, y STRING>,
  `by` BYTES, js STRING, inn INT NOT NULL, snn STRING NOT NULL, ltz AS TO_TIMESTAMP_LTZ(l,3))
WITH ('connector'='filesystem','path'='{dir}/in.jsonl','format'='json');
SELECT
  JSON_QUOTE('a"b') AS x0,
  JSON_UNQUOTE('"a\"b"') AS x1,
  js IS JSON AS x2,
  js IS JSON ARRAY AS x3,
  '1' IS JSON SCALAR AS x4,
  JSON_EXISTS(js, '$.a') AS x5,
  JSON_EXISTS(js, 'strict $.zz') AS x6,
  JSON_VALUE(js, '$.a') AS x7,
  JSON_VALUE(js, '$.a' RETURNING INT) AS x8,
  JSON_VALUE(js, '$.zz' DEFAULT 5 ON EMPTY) AS x9,
  JSON_VALUE(js, '$.b') AS x10,
  JSON_QUERY(js, '$.b') AS x11,
  JSON_QUERY(js, '$.a') AS x12,
  JSON_QUERY(js, '$.a' WITH WRAPPER) AS x13,
  JSON_QUERY(js, '$.b' RETURNING ARRAY<STRING>) AS x14,
  JSON_STRING(i) AS x15,
  JSON_STRING(r) AS x16,
  JSON_STRING(m) AS x17,
  JSON_STRING(ts) AS x18,
  JSON_OBJECT('k' VALUE i) AS x19
FROM t;
SELECT
  JSON_OBJECT(KEY 'k' VALUE s NULL ON NULL) AS x20,
  JSON_OBJECT('k' VALUE s ABSENT ON NULL) AS x21,
  JSON_OBJECT() AS x22,
  JSON_ARRAY(i, s) AS x23,
  JSON_ARRAY(i, s NULL ON NULL) AS x24,
  JSON_ARRAY(JSON_OBJECT('a' VALUE 1)) AS x25,
  JSON_VALUE(snn, '$.a') AS x26,
  JSON_OBJECT('k' VALUE inn) AS x27,
  JSON_VALUE('{"a": true}', '$.a') AS x28,
  JSON_VALUE('{"a": true}', '$.a' RETURNING BOOLEAN) AS x29,
  JSON_VALUE('{"a": 1.5}', '$.a' RETURNING DOUBLE) AS x30,
  JSON_VALUE('{"a": "x"}', 'lax $.b' NULL ON EMPTY) AS x31,
  JSON_VALUE('{"a": "x"}', '$.b' DEFAULT 'd' ON EMPTY) AS x32,
  JSON_VALUE('{"a": {"b": 1}}', '$.a') AS x33,
  JSON_VALUE('[1,2,3]', '$[1]') AS x34,
  JSON_VALUE('{"a b": 1}', '$.["a b"]') AS x35,
  JSON_VALUE('{"a b": 1}', '$[''a b'']') AS x36,
  JSON_VALUE('bad', '$.a') AS x37,
  JSON_VALUE('{"a": null}', '$.a') AS x38,
  JSON_QUERY('{"a": {"b": 1}}', '$.a') AS x39
FROM t;
SELECT
  JSON_QUERY('{"a": [1, 2]}', '$.a[0]') AS x40,
  JSON_QUERY('{"a": [1, 2]}', '$.a[*]' WITH CONDITIONAL WRAPPER) AS x41,
  JSON_QUERY('{"a": 1}', '$.x' EMPTY ARRAY ON EMPTY) AS x42,
  JSON_QUERY('{"a": [{"b": 1}, {"b": 2}]}', '$.a[*].b' WITH WRAPPER) AS x43,
  JSON_QUERY('bad', '$.x') AS x44,
  JSON_EXISTS('{"a": 1}', '$.b') AS x45,
  JSON_EXISTS('bad', '$.b') AS x46,
  JSON_EXISTS('bad', '$.b' TRUE ON ERROR) AS x47,
  JSON_OBJECT('d' VALUE 1.50, 'e' VALUE TRUE) AS x48,
  JSON_OBJECT('a' VALUE JSON_OBJECT('b' VALUE 1)) AS x49,
  JSON_OBJECT('a' VALUE ARRAY[1, 2]) AS x50,
  JSON_ARRAY() AS x51,
  JSON_STRING('a"b') AS x52,
  JSON_STRING(1.50) AS x53,
  JSON_STRING(a) AS x54,
  JSON_STRING(CAST(NULL AS INT)) AS x55,
  '{"a": 1}' IS JSON OBJECT AS x56,
  '[1]' IS JSON ARRAY AS x57,
  'bad' IS NOT JSON AS x58,
  '1' IS JSON VALUE AS x59
FROM t;
SELECT
  JSON_STRING(snn) AS x60,
  js IS NOT JSON AS x61,
  CAST(NULL AS STRING) IS JSON OBJECT AS x62,
  JSON_VALUE(js, '$.["a"]') AS x63,
  JSON_VALUE(js, '$["a"]') AS x64,
  JSON_VALUE(js, 'strict $.a') AS x65,
  JSON_VALUE(js, '$.b[0]') AS x66,
  JSON_VALUE(js, '$.b[last]') AS x67,
  JSON_VALUE(js, '$.b.size()') AS x68,
  JSON_QUERY(js, '$.b[?(@ == "x")]') AS x69,
  JSON_QUERY(js, '$..a') AS x70,
  JSON_EXISTS(js, '$.b[5]') AS x71,
  JSON_VALUE(js, 'strict $.zz' DEFAULT 'd' ON EMPTY) AS x72,
  JSON_VALUE(js, 'strict $.zz' DEFAULT 'd' ON ERROR) AS x73,
  JSON_VALUE(js, 'strict $.zz' DEFAULT 'd' ON EMPTY DEFAULT 'e' ON ERROR) AS x74,
  JSON_VALUE(js, '$.zz' DEFAULT 'd' ON EMPTY DEFAULT 'e' ON ERROR) AS x75,
  JSON_VALUE(js, 'lax $.zz' DEFAULT 'd' ON EMPTY) AS x76,
  JSON_VALUE('bad', '$.a' DEFAULT 'd' ON ERROR) AS x77,
  JSON_VALUE('bad', '$.a' DEFAULT 'd' ON EMPTY) AS x78,
  JSON_VALUE('', '$.a' DEFAULT 'd' ON ERROR) AS x79
FROM t;
SELECT
  JSON_VALUE(js, '$.zz' ERROR ON EMPTY) AS x80,
  JSON_VALUE(js, 'strict $.zz' ERROR ON EMPTY) AS x81,
  JSON_VALUE(js, '$.b' DEFAULT 'x' ON ERROR) AS x82,
  JSON_VALUE(js, '$.b' DEFAULT 'x' ON EMPTY) AS x83,
  JSON_VALUE('{"a":null}', '$.a' DEFAULT 'x' ON EMPTY) AS x84,
  JSON_VALUE('{"a":null}', '$.a' DEFAULT 'x' ON ERROR) AS x85,
  JSON_VALUE('{"a":true}', '$.a' RETURNING BOOLEAN) AS x86,
  JSON_VALUE('{"a":1.7}', '$.a' RETURNING DOUBLE) AS x87,
  JSON_VALUE('{"a":1}', '$.a' RETURNING STRING) AS x88,
  JSON_VALUE('{"a":1}', '$.a' RETURNING INT DEFAULT 5 ON ERROR) AS x89,
  JSON_VALUE('bad', '$.a' RETURNING INT DEFAULT 5 ON ERROR) AS x90,
  JSON_VALUE('bad', '$.a' RETURNING INT NULL ON EMPTY DEFAULT 5 ON ERROR) AS x91,
  JSON_VALUE('bad', '$.a' DEFAULT 5 ON ERROR) AS x92,
  JSON_QUERY(js, '$.b' WITH WRAPPER) AS x93,
  JSON_QUERY(js, '$.b' WITH CONDITIONAL WRAPPER) AS x94,
  JSON_QUERY(js, '$.a' WITH CONDITIONAL WRAPPER) AS x95,
  JSON_QUERY(js, '$.a' WITH CONDITIONAL ARRAY WRAPPER) AS x96,
  JSON_QUERY(js, '$.b[*]' WITH CONDITIONAL WRAPPER) AS x97,
  JSON_QUERY(js, '$.b[*]' WITH UNCONDITIONAL WRAPPER) AS x98,
  JSON_QUERY(js, '$.b[*]' WITH UNCONDITIONAL ARRAY WRAPPER) AS x99
FROM t;
SELECT
  JSON_QUERY(js, '$.b[*]' WITHOUT WRAPPER) AS x100,
  JSON_QUERY(js, '$.b[*]' WITHOUT ARRAY WRAPPER) AS x101,
  JSON_QUERY(js, '$.zz' WITH WRAPPER) AS x102,
  JSON_QUERY(js, '$.zz' WITH CONDITIONAL WRAPPER) AS x103,
  JSON_QUERY('{"a":null}', '$.a' WITH WRAPPER) AS x104,
  JSON_QUERY('{"a":"x"}', '$.a' WITH WRAPPER) AS x105,
  JSON_QUERY('{"a":"x"}', '$.a' EMPTY ARRAY ON ERROR) AS x106,
  JSON_QUERY('{"a":"x"}', '$.a' EMPTY OBJECT ON EMPTY) AS x107,
  JSON_QUERY('{"a":"x"}', '$.zz' ERROR ON EMPTY) AS x108,
  JSON_QUERY('{"a":"x"}', 'strict $.zz' EMPTY ARRAY ON EMPTY) AS x109,
  JSON_QUERY('{"a":"x"}', 'strict $.zz' EMPTY ARRAY ON ERROR) AS x110,
  JSON_QUERY('bad', '$.zz' EMPTY ARRAY ON ERROR) AS x111,
  JSON_QUERY('bad', '$.zz' EMPTY OBJECT ON ERROR) AS x112,
  JSON_QUERY('bad', '$.zz' EMPTY OBJECT ON EMPTY) AS x113,
  JSON_QUERY('{"a":[1,"x",null,{"b":2},[3]]}', '$.a' RETURNING ARRAY<STRING>) AS x114,
  JSON_QUERY('{"a":{"b":2}}', '$.a' RETURNING ARRAY<STRING>) AS x115,
  JSON_QUERY('{"a":[1,2]}', '$.a' RETURNING ARRAY<STRING> WITH WRAPPER) AS x116,
  JSON_QUERY('bad', '$.a' RETURNING ARRAY<STRING> EMPTY ARRAY ON ERROR) AS x117,
  JSON_QUERY(js, '$.b' RETURNING STRING) AS x118,
  JSON_EXISTS('bad', '$.b' FALSE ON ERROR) AS x119
FROM t;
SELECT
  JSON_EXISTS('bad', '$.b' UNKNOWN ON ERROR) AS x120,
  JSON_EXISTS(js, 'strict $.zz' TRUE ON ERROR) AS x121,
  JSON_EXISTS(js, 'strict $.a' UNKNOWN ON ERROR) AS x122,
  JSON_EXISTS('{"a":null}', '$.a') AS x123,
  JSON_QUERY(js, '$.b[0,1]') AS x124,
  JSON_QUERY(js, '$.b[0:1]') AS x125,
  JSON_QUERY(js, '$.b[-1:]') AS x126,
  JSON_VALUE(js, '$.b[-1]') AS x127,
  JSON_VALUE(js, '$.b[5]') AS x128,
  JSON_QUERY(js, '$..*') AS x129,
  JSON_QUERY(js, '$.*') AS x130,
  JSON_VALUE(js, '$.b.length()') AS x131,
  JSON_VALUE(js, '$.b.type()') AS x132,
  JSON_VALUE('[3,1,2]', '$.min()') AS x133,
  JSON_VALUE('[3,1,2]', '$.max()') AS x134,
  JSON_VALUE('[3,1,2]', '$.avg()') AS x135,
  JSON_VALUE('[3,1,2]', '$.sum()') AS x136,
  JSON_VALUE('[3,1,2]', '$.stddev()') AS x137,
  JSON_VALUE('[3,1,2]', '$.first()') AS x138,
  JSON_VALUE('[3,1,2]', '$.last()') AS x139
FROM t;
SELECT
  JSON_VALUE('[3,1,2]', '$.size()') AS x140,
  JSON_QUERY('{"a":1,"b":2}', '$.keys()') AS x141,
  JSON_VALUE('{"a":1,"b":2}', '$.length()') AS x142,
  JSON_VALUE('"abc"', '$.length()') AS x143,
  JSON_VALUE('{"a":1}', '$.nope()') AS x144,
  JSON_QUERY('[{"x":1,"y":"p"},{"x":2,"y":"q"}]', '$[?(@.x > 1)]') AS x145,
  JSON_QUERY('[{"x":1,"y":"p"},{"x":2,"y":"q"}]', '$[?(@.x >= 1 && @.y == ''p'')].y') AS x146,
  JSON_QUERY('[{"x":1,"y":"p"},{"x":2,"y":"q"}]', '$[?(@.y != "p" || @.x < 2)].x') AS x147,
  JSON_QUERY('[{"x":1,"y":"pa"},{"x":2,"y":"q"}]', '$[?(@.y =~ /p.*/)].x') AS x148,
  JSON_QUERY('[{"x":1,"y":"pa"},{"x":2,"y":"q"}]', '$..x') AS x149,
  JSON_QUERY('{"a":{"x":1},"b":[{"x":2}]}', '$..x') AS x150,
  JSON_QUERY('{"a":{"x":1},"b":[{"x":2}]}', '$..[0]') AS x151,
  JSON_QUERY('{"a":{"x":1},"b":[{"x":2}]}', '$[''a'',''b'']') AS x152,
  JSON_QUERY('{"a":{"x":1},"b":[{"x":2}]}', '$.b.x') AS x153,
  JSON_VALUE('{"a":{"x":1},"b":[{"x":2}]}', '$.b.x') AS x154,
  JSON_VALUE('{"a b":1}', '$.a b') AS x155,
  JSON_VALUE('{"a-b":1}', '$.a-b') AS x156,
  JSON_VALUE('{"a":1}', 'a') AS x157,
  JSON_VALUE('{"a":1}', '$.') AS x158,
  JSON_VALUE('{"a":1}', '') AS x159
FROM t;
SELECT
  JSON_VALUE('{"a":1}', 'lax$.a') AS x160,
  JSON_VALUE('{"a":1}', 'LAX $.a') AS x161,
  JSON_VALUE(js, 'lax $.b' DEFAULT 'e' ON EMPTY DEFAULT 'f' ON ERROR) AS x162,
  JSON_QUERY(js, 'lax $.a' EMPTY ARRAY ON EMPTY EMPTY OBJECT ON ERROR) AS x163,
  JSON_QUERY(js, 'lax $.zz' EMPTY ARRAY ON EMPTY EMPTY OBJECT ON ERROR) AS x164,
  JSON_EXISTS(js, 'lax $.zz' TRUE ON ERROR) AS x165,
  JSON_QUERY(js, 'lax $.zz[*]') AS x166,
  JSON_QUERY(js, '$.zz[*]') AS x167,
  JSON_EXISTS(js, '$.zz[*]') AS x168,
  JSON_EXISTS(js, '$.b[*].q') AS x169,
  JSON_EXISTS(js, '$.b[7]') AS x170,
  JSON_EXISTS('[]', '$[*]') AS x171,
  JSON_VALUE(js, 'lax $.zz[*]' DEFAULT 'd' ON EMPTY) AS x172,
  JSON_VALUE('{"a":null}', 'lax $.a' DEFAULT 'd' ON EMPTY) AS x173,
  JSON_EXISTS('{"a":null}', 'lax $.a') AS x174,
  JSON_EXISTS('bad', 'lax $.a' TRUE ON ERROR) AS x175,
  JSON_VALUE('{"a": 12345678901234567890}', '$.a') AS x176,
  JSON_QUERY('{"b": 1, "a": {"d": 1, "c": 2}}', '$') AS x177,
  JSON_VALUE('{"a":{"b":[{"c":1},{"c":2}]}}', '$.a.b[1].c') AS x178,
  JSON_QUERY('{"a":{"b":[{"c":1},{"c":2}]}}', '$.a.b[*].c') AS x179
FROM t;
SELECT
  JSON_QUERY('{"a":{"b":[{"c":1},{"c":2}]}}', '$.a.b[*].d') AS x180,
  JSON_QUERY('{"a":{"b":[{"c":1},{"c":2}]}}', '$.a.b[*].c' WITH CONDITIONAL WRAPPER) AS x181,
  JSON_VALUE('{"a":"x"}', '$["a"]') AS x182,
  JSON_VALUE('{"a":"x"}', '$ .a') AS x183,
  JSON_VALUE('[1,2]', '$[0]') AS x184,
  JSON_VALUE('1', '$') AS x185,
  JSON_VALUE('"x"', '$') AS x186,
  JSON_QUERY('[1,2]', '$') AS x187
FROM t;
-- @expect
-- {"x0":"\"a\\\"b\"","x1":"a\"b","x2":false,"x3":false,"x4":true,"x5":null,"x6":null,"x7":null,"x8":null,"x9":null,"x10":null,"x11":null,"x12":null,"x13":null,"x14":null,"x15":null,"x16":null,"x17":null,"x18":null,"x19":"{\"k\":null}"}
-- {"x0":"\"a\\\"b\"","x1":"a\"b","x2":true,"x3":false,"x4":true,"x5":true,"x6":false,"x7":"1","x8":1,"x9":null,"x10":null,"x11":"[\"x\",\"y\"]","x12":null,"x13":"[1]","x14":["x","y"],"x15":"7","x16":"{\"x\":1,\"y\":\"q\"}","x17":"{\"k\":5}","x18":"\"2024-02-29T13:14:15.678\"","x19":"{\"k\":7}"}
-- {"x100":"[\"x\",\"y\"]","x101":"[\"x\",\"y\"]","x102":null,"x103":null,"x104":null,"x105":"[\"x\"]","x106":"[]","x107":null,"x108":null,"x109":null,"x110":"[]","x111":"[]","x112":"{}","x113":null,"x114":["1","x",null,"{\"b\":2}","[3]"],"x115":null,"x116":["[1,2]"],"x117":[],"x118":"[\"x\",\"y\"]","x119":false}
-- {"x100":null,"x101":null,"x102":null,"x103":null,"x104":null,"x105":"[\"x\"]","x106":"[]","x107":null,"x108":null,"x109":null,"x110":"[]","x111":"[]","x112":"{}","x113":null,"x114":["1","x",null,"{\"b\":2}","[3]"],"x115":null,"x116":["[1,2]"],"x117":[],"x118":null,"x119":false}
-- {"x120":null,"x121":null,"x122":null,"x123":false,"x124":null,"x125":null,"x126":null,"x127":null,"x128":null,"x129":null,"x130":null,"x131":null,"x132":null,"x133":"1.0","x134":"3.0","x135":"2.0","x136":"6.0","x137":"0.8164965809277263","x138":"3","x139":"2"}
-- {"x120":null,"x121":true,"x122":true,"x123":false,"x124":"[\"x\",\"y\"]","x125":"[\"x\"]","x126":"[\"y\"]","x127":"y","x128":null,"x129":"[1,[\"x\",\"y\"],\"x\",\"y\"]","x130":"[1,[\"x\",\"y\"]]","x131":"2","x132":null,"x133":"1.0","x134":"3.0","x135":"2.0","x136":"6.0","x137":"0.8164965809277263","x138":"3","x139":"2"}
-- {"x140":"3","x141":"[\"a\",\"b\"]","x142":"2","x143":null,"x144":null,"x145":"[{\"x\":2,\"y\":\"q\"}]","x146":"[\"p\"]","x147":"[1,2]","x148":"[1]","x149":"[1,2]","x150":"[1,2]","x151":"[{\"x\":2}]","x152":"{\"a\":{\"x\":1},\"b\":[{\"x\":2}]}","x153":null,"x154":null,"x155":null,"x156":"1","x157":"1","x158":null,"x159":null}
-- {"x140":"3","x141":"[\"a\",\"b\"]","x142":"2","x143":null,"x144":null,"x145":"[{\"x\":2,\"y\":\"q\"}]","x146":"[\"p\"]","x147":"[1,2]","x148":"[1]","x149":"[1,2]","x150":"[1,2]","x151":"[{\"x\":2}]","x152":"{\"a\":{\"x\":1},\"b\":[{\"x\":2}]}","x153":null,"x154":null,"x155":null,"x156":"1","x157":"1","x158":null,"x159":null}
-- {"x160":null,"x161":"1","x162":"e","x163":"[]","x164":"[]","x165":false,"x166":"[]","x167":null,"x168":false,"x169":true,"x170":false,"x171":true,"x172":"d","x173":"d","x174":false,"x175":false,"x176":"12345678901234567890","x177":"{\"a\":{\"c\":2,\"d\":1},\"b\":1}","x178":"2","x179":"[1,2]"}
-- {"x160":null,"x161":"1","x162":null,"x163":null,"x164":null,"x165":null,"x166":null,"x167":null,"x168":null,"x169":null,"x170":null,"x171":true,"x172":null,"x173":"d","x174":false,"x175":false,"x176":"12345678901234567890","x177":"{\"a\":{\"c\":2,\"d\":1},\"b\":1}","x178":"2","x179":"[1,2]"}
-- {"x180":"[]","x181":"[1,2]","x182":"x","x183":null,"x184":"1","x185":"1","x186":"x","x187":"[1,2]"}
-- {"x180":"[]","x181":"[1,2]","x182":"x","x183":null,"x184":"1","x185":"1","x186":"x","x187":"[1,2]"}
-- {"x20":"{\"k\":\"Hello\"}","x21":"{\"k\":\"Hello\"}","x22":"{}","x23":"[7,\"Hello\"]","x24":"[7,\"Hello\"]","x25":"[{\"a\":1}]","x26":null,"x27":"{\"k\":5}","x28":"true","x29":true,"x30":1.5,"x31":null,"x32":null,"x33":null,"x34":"2","x35":"1","x36":"1","x37":null,"x38":null,"x39":"{\"b\":1}"}
-- {"x20":"{\"k\":null}","x21":"{}","x22":"{}","x23":"[]","x24":"[null,null]","x25":"[{\"a\":1}]","x26":null,"x27":"{\"k\":6}","x28":"true","x29":true,"x30":1.5,"x31":null,"x32":null,"x33":null,"x34":"2","x35":"1","x36":"1","x37":null,"x38":null,"x39":"{\"b\":1}"}
-- {"x40":null,"x41":"[1,2]","x42":null,"x43":"[[1,2]]","x44":null,"x45":false,"x46":false,"x47":true,"x48":"{\"d\":1.50,\"e\":true}","x49":"{\"a\":{\"b\":1}}","x50":"{\"a\":[1,2]}","x51":"[]","x52":"\"a\\\"b\"","x53":"1.50","x54":"[3,1,2]","x55":null,"x56":true,"x57":true,"x58":true,"x59":true}
-- {"x40":null,"x41":"[1,2]","x42":null,"x43":"[[1,2]]","x44":null,"x45":false,"x46":false,"x47":true,"x48":"{\"d\":1.50,\"e\":true}","x49":"{\"a\":{\"b\":1}}","x50":"{\"a\":[1,2]}","x51":"[]","x52":"\"a\\\"b\"","x53":"1.50","x54":null,"x55":null,"x56":true,"x57":true,"x58":true,"x59":true}
-- {"x60":"\"12\"","x61":false,"x62":false,"x63":"1","x64":"1","x65":"1","x66":"x","x67":null,"x68":"2","x69":"[\"x\"]","x70":"[1]","x71":false,"x72":null,"x73":"d","x74":"e","x75":"e","x76":"d","x77":"d","x78":null,"x79":"d"}
-- {"x60":"\"a,b\"","x61":true,"x62":false,"x63":null,"x64":null,"x65":null,"x66":null,"x67":null,"x68":null,"x69":null,"x70":null,"x71":null,"x72":null,"x73":null,"x74":null,"x75":null,"x76":null,"x77":"d","x78":null,"x79":"d"}
-- {"x80":null,"x81":null,"x82":"x","x83":null,"x84":null,"x85":"x","x86":true,"x87":1.7,"x88":"1","x89":1,"x90":5,"x91":5,"x92":"5","x93":"[[\"x\",\"y\"]]","x94":"[\"x\",\"y\"]","x95":"[1]","x96":"[1]","x97":"[\"x\",\"y\"]","x98":"[[\"x\",\"y\"]]","x99":"[[\"x\",\"y\"]]"}
-- {"x80":null,"x81":null,"x82":null,"x83":null,"x84":null,"x85":"x","x86":true,"x87":1.7,"x88":"1","x89":1,"x90":5,"x91":5,"x92":"5","x93":null,"x94":null,"x95":null,"x96":null,"x97":null,"x98":null,"x99":null}
-- @flink 2.3.0 2026-11-21
-- select [I] x0 STRING NOT NULL, x1 STRING NOT NULL, x2 BOOLEAN NOT NULL, x3 BOOLEAN NOT NULL, x4 BOOLEAN NOT NULL, x5 BOOLEAN, x6 BOOLEAN, x7 STRING, x8 INT, x9 STRING, x10 STRING, x11 STRING, x12 STRING, x13 STRING, x14 ARRAY<STRING>, x15 STRING, x16 STRING, x17 STRING, x18 STRING, x19 STRING NOT NULL
-- select [I] x20 STRING NOT NULL, x21 STRING NOT NULL, x22 STRING NOT NULL, x23 STRING NOT NULL, x24 STRING NOT NULL, x25 STRING NOT NULL, x26 STRING, x27 STRING NOT NULL, x28 STRING, x29 BOOLEAN, x30 DOUBLE, x31 STRING, x32 STRING, x33 STRING, x34 STRING, x35 STRING, x36 STRING, x37 STRING, x38 STRING, x39 STRING
-- select [I] x40 STRING, x41 STRING, x42 STRING, x43 STRING, x44 STRING, x45 BOOLEAN, x46 BOOLEAN, x47 BOOLEAN, x48 STRING NOT NULL, x49 STRING NOT NULL, x50 STRING NOT NULL, x51 STRING NOT NULL, x52 STRING NOT NULL, x53 STRING NOT NULL, x54 STRING, x55 STRING, x56 BOOLEAN NOT NULL, x57 BOOLEAN NOT NULL, x58 BOOLEAN NOT NULL, x59 BOOLEAN NOT NULL
-- select [I] x60 STRING NOT NULL, x61 BOOLEAN NOT NULL, x62 BOOLEAN NOT NULL, x63 STRING, x64 STRING, x65 STRING, x66 STRING, x67 STRING, x68 STRING, x69 STRING, x70 STRING, x71 BOOLEAN, x72 STRING, x73 STRING, x74 STRING, x75 STRING, x76 STRING, x77 STRING, x78 STRING, x79 STRING
-- select [I] x80 STRING, x81 STRING, x82 STRING, x83 STRING, x84 STRING, x85 STRING, x86 BOOLEAN, x87 DOUBLE, x88 STRING, x89 INT, x90 INT, x91 INT, x92 STRING, x93 STRING, x94 STRING, x95 STRING, x96 STRING, x97 STRING, x98 STRING, x99 STRING
-- select [I] x100 STRING, x101 STRING, x102 STRING, x103 STRING, x104 STRING, x105 STRING, x106 STRING, x107 STRING, x108 STRING, x109 STRING, x110 STRING, x111 STRING, x112 STRING, x113 STRING, x114 ARRAY<STRING>, x115 ARRAY<STRING>, x116 ARRAY<STRING>, x117 ARRAY<STRING>, x118 STRING, x119 BOOLEAN
-- select [I] x120 BOOLEAN, x121 BOOLEAN, x122 BOOLEAN, x123 BOOLEAN, x124 STRING, x125 STRING, x126 STRING, x127 STRING, x128 STRING, x129 STRING, x130 STRING, x131 STRING, x132 STRING, x133 STRING, x134 STRING, x135 STRING, x136 STRING, x137 STRING, x138 STRING, x139 STRING
-- select [I] x140 STRING, x141 STRING, x142 STRING, x143 STRING, x144 STRING, x145 STRING, x146 STRING, x147 STRING, x148 STRING, x149 STRING, x150 STRING, x151 STRING, x152 STRING, x153 STRING, x154 STRING, x155 STRING, x156 STRING, x157 STRING, x158 STRING, x159 STRING
-- select [I] x160 STRING, x161 STRING, x162 STRING, x163 STRING, x164 STRING, x165 BOOLEAN, x166 STRING, x167 STRING, x168 BOOLEAN, x169 BOOLEAN, x170 BOOLEAN, x171 BOOLEAN, x172 STRING, x173 STRING, x174 BOOLEAN, x175 BOOLEAN, x176 STRING, x177 STRING, x178 STRING, x179 STRING
-- select [I] x180 STRING, x181 STRING, x182 STRING, x183 STRING, x184 STRING, x185 STRING, x186 STRING, x187 STRING
-- 20 lines 4e63193fdc3020d9
