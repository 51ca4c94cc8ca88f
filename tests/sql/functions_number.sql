-- Functions as Flink has them. Numbers: arithmetic and its types, rounding, mathematics, comparisons.
-- @input in.jsonl
-- {"b":true,"i":7,"l":1709212455678,"d":2.25,"f":1.5,"dec":1234.56,"s":"Hello","s2":"wörld","dt":"2024-02-29","tm":"13:14:15","ts":"2024-02-29 13:14:15.678","a":[3,1,2],"a2":["x",null,"z"],"m":{"k":5},"r":{"x":1,"y":"q"},"by":"aGk=","js":"{\"a\": 1, \"b\": [\"x\", \"y\"]}","inn":5,"snn":"12"}
-- {"inn":6,"snn":"a,b"}
CREATE TABLE t (b BOOLEAN, i INT, l BIGINT, d DOUBLE, f FLOAT,
  `dec` DECIMAL(10,2), s STRING, s2 STRING, dt DATE,
  tm TIME(0), ts TIMESTAMP(3), a ARRAY<INT>, a2 ARRAY<STRING>, m MAP<STRING,INT>, r ROW<x INT, y STRING>,
  `by` BYTES, js STRING, inn INT NOT NULL, snn STRING NOT NULL, ltz AS TO_TIMESTAMP_LTZ(l,3))
WITH ('connector'='filesystem','path'='{dir}/in.jsonl','format'='json');
SELECT
  i + 1 AS x0,
  i / 2 AS x1,
  i % 3 AS x2,
  MOD(i, 3) AS x3,
  d / 0 AS x4,
  `dec` / 3 AS x5,
  `dec` * `dec` AS x6,
  `dec` + i AS x7,
  `dec` % 3 AS x8,
  -i AS x9,
  i = NULL AS x10,
  i <> l AS x11,
  i BETWEEN 1 AND 10 AS x12,
  i IN (1, 2, NULL) AS x13,
  i NOT IN (1, NULL) AS x14,
  b AND i > 3 AS x15,
  NOT b AS x16,
  b IS TRUE AS x17,
  b IS NOT UNKNOWN AS x18,
  i IS DISTINCT FROM l AS x19
FROM t;
SELECT
  ABS(i) AS x20,
  ABS(`dec`) AS x21,
  ABS(-d) AS x22,
  POWER(i, 2) AS x23,
  POWER(`dec`, 2) AS x24,
  SQRT(i) AS x25,
  SQRT(-i) AS x26,
  LN(d) AS x27,
  LN(0) AS x28,
  LOG10(i) AS x29,
  LOG2(i) AS x30,
  LOG(i) AS x31,
  LOG(2, i) AS x32,
  EXP(1) AS x33,
  CEIL(d) AS x34,
  CEIL(`dec`) AS x35,
  CEIL(i) AS x36,
  FLOOR(d) AS x37,
  FLOOR(-`dec`) AS x38,
  SIN(d) AS x39
FROM t;
SELECT
  COS(i) AS x40,
  TAN(d) AS x41,
  COT(d) AS x42,
  ASIN(0.5) AS x43,
  ACOS(2) AS x44,
  ATAN(d) AS x45,
  ATAN2(d, 2) AS x46,
  COSH(d) AS x47,
  SINH(i) AS x48,
  TANH(d) AS x49,
  DEGREES(d) AS x50,
  RADIANS(i) AS x51,
  SIGN(i) AS x52,
  SIGN(`dec`) AS x53,
  SIGN(-d) AS x54,
  ROUND(d, 1) AS x55,
  ROUND(`dec`, 1) AS x56,
  ROUND(i, -1) AS x57,
  ROUND(`dec`) AS x58,
  ROUND(d) AS x59
FROM t;
SELECT
  ROUND(2.5) AS x60,
  ROUND(-2.5) AS x61,
  ROUND(`dec`, -1) AS x62,
  PI() AS x63,
  PI AS x64,
  E() AS x65,
  TRUNCATE(d, 1) AS x66,
  TRUNCATE(`dec`, 1) AS x67,
  TRUNCATE(i, -1) AS x68,
  TRUNCATE(42.345) AS x69,
  BIN(i) AS x70,
  BIN(-1) AS x71,
  RAND(3) AS x72,
  RAND_INTEGER(3, 10) AS x73,
  NOW() IS NOT NULL AS x74,
  CURRENT_DATABASE() AS x75,
  inn + 1 AS x76,
  ABS(inn) AS x77,
  MOD(inn, 2) AS x78,
  inn / 2 AS x79
FROM t;
SELECT
  SQRT(inn) AS x80,
  FLOOR(inn) AS x81,
  ROUND(inn) AS x82,
  inn > 2 AS x83,
  b AND TRUE AS x84,
  0.1 AS x85,
  .5 AS x86,
  1.50 AS x87,
  100.0 AS x88,
  00.10 AS x89,
  1e3 AS x90,
  1E-2 AS x91,
  12345678901 AS x92,
  TRUE AS x93,
  NULL IS NULL AS x94,
  i + d AS x95,
  i + f AS x96,
  f + f AS x97,
  f * d AS x98,
  l + i AS x99
FROM t;
SELECT
  `dec` + d AS x100,
  `dec` + f AS x101,
  `dec` + l AS x102,
  `dec` - i AS x103,
  `dec` * i AS x104,
  `dec` / i AS x105,
  i / `dec` AS x106,
  `dec` / `dec` AS x107,
  `dec` % i AS x108,
  `dec` * 1.005 AS x109,
  -`dec` AS x110,
  +i AS x111,
  - (-i) AS x112,
  i % -3 AS x113,
  -7 % 3 AS x114,
  MOD(-7, -3) AS x115,
  MOD(`dec`, 7) AS x116,
  MOD(l, i) AS x117,
  7 / -2 AS x118,
  f / 3 AS x119
FROM t;
SELECT
  d / i AS x120,
  2147483647 + i AS x121,
  9223372036854775807 + l AS x122,
  -2147483648 AS x123,
  i IN (7, 8) AS x124,
  i IN (7.0, 8) AS x125,
  i NOT IN (1, 2) AS x126,
  `dec` BETWEEN 1 AND 2000 AS x127,
  i BETWEEN SYMMETRIC 10 AND 1 AS x128,
  CEIL(1.01) AS x129,
  FLOOR(-1.5e0) AS x130,
  ROUND(1.005, 2) AS x131,
  ROUND(1e0 / 3, 4) AS x132,
  ROUND(l, -3) AS x133,
  ROUND(f, 0) AS x134,
  ROUND(`dec`, 5) AS x135,
  POWER(2, 0.5) AS x136,
  POWER(-8, 1e0 / 3) AS x137,
  SQRT(`dec`) AS x138,
  LOG(0.5, 8) AS x139
FROM t;
SELECT
  LOG2(0) AS x140,
  EXP(1000) AS x141,
  SIGN(0) AS x142,
  ABS(-2147483648) AS x143,
  RADIANS(`dec`) AS x144,
  PI() * 2 AS x145,
  BIN(l) AS x146,
  inn BETWEEN 1 AND 6 AS x147,
  inn IN (5, 6) AS x148,
  inn = i AS x149,
  NOT inn > 2 AS x150,
  inn IS NULL AS x151,
  inn * 1.5 AS x152,
  inn + 1.5e0 AS x153,
  inn % 2 AS x154,
  -inn AS x155,
  POWER(inn, 2) AS x156,
  ABS(-inn) AS x157,
  CEIL(inn) AS x158,
  EXP(inn) AS x159
FROM t;
SELECT
  BIN(inn) AS x160,
  b IS NULL AS x161,
  b = TRUE AS x162,
  d * f AS x163,
  f + d AS x164,
  d + f AS x165,
  f - d AS x166,
  f / d AS x167,
  f * `dec` AS x168,
  `dec` * f AS x169,
  f * i AS x170,
  f * l AS x171,
  f + 0.1 AS x172,
  f = 1.5 AS x173,
  ROUND(f, 1) AS x174,
  f AS x175,
  pi AS x176,
  i BETWEEN SYMMETRIC NULL AND 1 AS x177,
  i NOT BETWEEN SYMMETRIC 10 AND 1 AS x178,
  i BETWEEN ASYMMETRIC 10 AND 1 AS x179
FROM t;
SELECT
  `dec` % 0.7 AS x180,
  0.1 + i AS x181,
  i * 0.5 AS x182,
  -0.1 AS x183,
  +0.1 AS x184,
  0.5 > i AS x185,
  ROUND(0.15, 1) AS x186,
  000123 AS x187,
  0.0 AS x188,
  .0 AS x189,
  0. AS x190,
  f * 2 AS x191,
  f * `dec` AS x192,
  f - 0.5 AS x193,
  `dec` * f AS x194,
  f / 2 AS x195,
  i IS NOT DISTINCT FROM l AS x196
FROM t;
-- @expect
-- {"x0":8,"x1":3,"x2":1,"x3":1,"x4":"Infinity","x5":411.5200000000000,"x6":1524138.3936,"x7":1241.56,"x8":1.56,"x9":-7,"x10":null,"x11":true,"x12":true,"x13":null,"x14":null,"x15":true,"x16":false,"x17":true,"x18":true,"x19":true}
-- {"x0":null,"x1":null,"x2":null,"x3":null,"x4":null,"x5":null,"x6":null,"x7":null,"x8":null,"x9":null,"x10":null,"x11":null,"x12":null,"x13":null,"x14":null,"x15":null,"x16":null,"x17":false,"x18":false,"x19":false}
-- {"x100":1236.81,"x101":1236.06,"x102":1709212456912.56,"x103":1227.56,"x104":8641.92,"x105":176.3657142857143,"x106":0.00567003629,"x107":1.0000000000000,"x108":2.56,"x109":1240.73280,"x110":-1234.56,"x111":7,"x112":7,"x113":1,"x114":-1,"x115":-1,"x116":2.56,"x117":0,"x118":-3,"x119":0.5}
-- {"x100":null,"x101":null,"x102":null,"x103":null,"x104":null,"x105":null,"x106":null,"x107":null,"x108":null,"x109":null,"x110":null,"x111":null,"x112":null,"x113":null,"x114":-1,"x115":-1,"x116":null,"x117":null,"x118":-3,"x119":null}
-- {"x120":0.32142857142857145,"x121":-2147483642,"x122":-9223370327642320131,"x123":-2147483648,"x124":true,"x125":true,"x126":true,"x127":true,"x128":true,"x129":2,"x130":-2.0,"x131":1.01,"x132":0.3333,"x133":1709212456000,"x134":2.0,"x135":1234.56,"x136":1.4142135623730951,"x137":"NaN","x138":35.136306009596396,"x139":-3.0}
-- {"x120":null,"x121":null,"x122":null,"x123":-2147483648,"x124":null,"x125":null,"x126":null,"x127":null,"x128":null,"x129":2,"x130":-2.0,"x131":1.01,"x132":0.3333,"x133":null,"x134":null,"x135":null,"x136":1.4142135623730951,"x137":"NaN","x138":null,"x139":-3.0}
-- {"x140":"-Infinity","x141":"Infinity","x142":0,"x143":-2147483648,"x144":21.547136813421194,"x145":6.283185307179586,"x146":"11000110111110101000000000101001011111110","x147":true,"x148":true,"x149":false,"x150":false,"x151":false,"x152":7.5,"x153":6.5,"x154":1,"x155":-5,"x156":25.0,"x157":5,"x158":5,"x159":148.4131591025766}
-- {"x140":"-Infinity","x141":"Infinity","x142":0,"x143":-2147483648,"x144":null,"x145":6.283185307179586,"x146":null,"x147":true,"x148":true,"x149":null,"x150":false,"x151":false,"x152":9.0,"x153":7.5,"x154":0,"x155":-6,"x156":36.0,"x157":6,"x158":6,"x159":403.4287934927351}
-- {"x160":"101","x161":false,"x162":true,"x163":3.375,"x164":3.75,"x165":3.75,"x166":-0.75,"x167":0.6666667,"x168":1851.84,"x169":1851.84,"x170":10.5,"x171":2.5638187E12,"x172":1.6,"x173":true,"x174":1.5,"x175":1.5,"x176":3.141592653589793,"x177":null,"x178":false,"x179":false}
-- {"x160":"110","x161":true,"x162":null,"x163":null,"x164":null,"x165":null,"x166":null,"x167":null,"x168":null,"x169":null,"x170":null,"x171":null,"x172":null,"x173":null,"x174":null,"x175":null,"x176":3.141592653589793,"x177":null,"x178":null,"x179":null}
-- {"x180":0.46,"x181":7.1,"x182":3.5,"x183":-0.1,"x184":0.1,"x185":false,"x186":0.2,"x187":123,"x188":0.0,"x189":0.0,"x190":0,"x191":3.0,"x192":1851.84,"x193":1.0,"x194":1851.84,"x195":0.75,"x196":false}
-- {"x180":null,"x181":null,"x182":null,"x183":-0.1,"x184":0.1,"x185":null,"x186":0.2,"x187":123,"x188":0.0,"x189":0.0,"x190":0,"x191":null,"x192":null,"x193":null,"x194":null,"x195":null,"x196":true}
-- {"x20":7,"x21":1234.56,"x22":2.25,"x23":49.0,"x24":1524138.3935999998,"x25":2.6457513110645907,"x26":"NaN","x27":0.8109302162163288,"x28":"-Infinity","x29":0.8450980400142568,"x30":2.807354922057604,"x31":1.9459101490553132,"x32":2.807354922057604,"x33":2.718281828459045,"x34":3.0,"x35":1235,"x36":7,"x37":2.0,"x38":-1235,"x39":0.7780731968879212}
-- {"x20":null,"x21":null,"x22":null,"x23":null,"x24":null,"x25":null,"x26":null,"x27":null,"x28":"-Infinity","x29":null,"x30":null,"x31":null,"x32":null,"x33":2.718281828459045,"x34":null,"x35":null,"x36":null,"x37":null,"x38":null,"x39":null}
-- {"x40":0.7539022543433046,"x41":-1.2386276162240966,"x42":-0.8073451511185076,"x43":0.5235987755982989,"x44":"NaN","x45":1.1525719972156676,"x46":0.844153986113171,"x47":4.796567530460195,"x48":548.3161232732465,"x49":0.9780261147388136,"x50":128.91550390443524,"x51":0.12217304763960307,"x52":1,"x53":1.00,"x54":-1.0,"x55":2.3,"x56":1234.6,"x57":10,"x58":1235,"x59":2.0}
-- {"x40":null,"x41":null,"x42":null,"x43":0.5235987755982989,"x44":"NaN","x45":null,"x46":null,"x47":null,"x48":null,"x49":null,"x50":null,"x51":null,"x52":null,"x53":null,"x54":null,"x55":null,"x56":null,"x57":null,"x58":null,"x59":null}
-- {"x60":3,"x61":-3,"x62":1230,"x63":3.141592653589793,"x64":3.141592653589793,"x65":2.718281828459045,"x66":2.2,"x67":1234.5,"x68":0,"x69":42,"x70":"111","x71":"1111111111111111111111111111111111111111111111111111111111111111","x72":0.731057369148862,"x73":4,"x74":true,"x75":"default_database","x76":6,"x77":5,"x78":1,"x79":2}
-- {"x60":3,"x61":-3,"x62":null,"x63":3.141592653589793,"x64":3.141592653589793,"x65":2.718281828459045,"x66":null,"x67":null,"x68":null,"x69":42,"x70":null,"x71":"1111111111111111111111111111111111111111111111111111111111111111","x72":0.07099203475193139,"x73":0,"x74":true,"x75":"default_database","x76":7,"x77":6,"x78":0,"x79":3}
-- {"x80":2.23606797749979,"x81":5,"x82":5,"x83":true,"x84":true,"x85":0.1,"x86":0.5,"x87":1.50,"x88":100.0,"x89":0.10,"x90":1000.0,"x91":0.01,"x92":12345678901,"x93":true,"x94":true,"x95":9.25,"x96":8.5,"x97":3.0,"x98":3.375,"x99":1709212455685}
-- {"x80":2.449489742783178,"x81":6,"x82":6,"x83":true,"x84":null,"x85":0.1,"x86":0.5,"x87":1.50,"x88":100.0,"x89":0.10,"x90":1000.0,"x91":0.01,"x92":12345678901,"x93":true,"x94":true,"x95":null,"x96":null,"x97":null,"x98":null,"x99":null}
-- @flink 2.3.0 2026-11-21
-- select [I] x0 INT, x1 INT, x2 INT, x3 INT, x4 DOUBLE, x5 DECIMAL(21, 13), x6 DECIMAL(21, 4), x7 DECIMAL(13, 2), x8 DECIMAL(10, 2), x9 INT, x10 BOOLEAN, x11 BOOLEAN, x12 BOOLEAN, x13 BOOLEAN, x14 BOOLEAN, x15 BOOLEAN, x16 BOOLEAN, x17 BOOLEAN NOT NULL, x18 BOOLEAN NOT NULL, x19 BOOLEAN NOT NULL
-- select [I] x20 INT, x21 DECIMAL(10, 2), x22 DOUBLE, x23 DOUBLE, x24 DOUBLE, x25 DOUBLE, x26 DOUBLE, x27 DOUBLE, x28 DOUBLE NOT NULL, x29 DOUBLE, x30 DOUBLE, x31 DOUBLE, x32 DOUBLE, x33 DOUBLE NOT NULL, x34 DOUBLE, x35 DECIMAL(10, 0), x36 INT, x37 DOUBLE, x38 DECIMAL(10, 0), x39 DOUBLE
-- select [I] x40 DOUBLE, x41 DOUBLE, x42 DOUBLE, x43 DOUBLE NOT NULL, x44 DOUBLE NOT NULL, x45 DOUBLE, x46 DOUBLE, x47 DOUBLE, x48 DOUBLE, x49 DOUBLE, x50 DOUBLE, x51 DOUBLE, x52 INT, x53 DECIMAL(10, 2), x54 DOUBLE, x55 DOUBLE, x56 DECIMAL(10, 1), x57 INT, x58 DECIMAL(9, 0), x59 DOUBLE
-- select [I] x60 DECIMAL(2, 0) NOT NULL, x61 DECIMAL(2, 0) NOT NULL, x62 DECIMAL(9, 0), x63 DOUBLE NOT NULL, x64 DOUBLE NOT NULL, x65 DOUBLE NOT NULL, x66 DOUBLE, x67 DECIMAL(10, 1), x68 INT, x69 DECIMAL(3, 0) NOT NULL, x70 STRING, x71 STRING NOT NULL, x72 DOUBLE NOT NULL, x73 INT NOT NULL, x74 BOOLEAN NOT NULL, x75 STRING NOT NULL, x76 INT NOT NULL, x77 INT NOT NULL, x78 INT NOT NULL, x79 INT NOT NULL
-- select [I] x80 DOUBLE NOT NULL, x81 INT NOT NULL, x82 INT NOT NULL, x83 BOOLEAN NOT NULL, x84 BOOLEAN, x85 DECIMAL(2, 1) NOT NULL, x86 DECIMAL(1, 1) NOT NULL, x87 DECIMAL(3, 2) NOT NULL, x88 DECIMAL(4, 1) NOT NULL, x89 DECIMAL(4, 2) NOT NULL, x90 DOUBLE NOT NULL, x91 DOUBLE NOT NULL, x92 BIGINT NOT NULL, x93 BOOLEAN NOT NULL, x94 BOOLEAN NOT NULL, x95 DOUBLE, x96 FLOAT, x97 FLOAT, x98 FLOAT, x99 BIGINT
-- select [I] x100 DOUBLE, x101 DOUBLE, x102 DECIMAL(22, 2), x103 DECIMAL(13, 2), x104 DECIMAL(21, 2), x105 DECIMAL(21, 13), x106 DECIMAL(23, 11), x107 DECIMAL(23, 13), x108 DECIMAL(10, 2), x109 DECIMAL(15, 5), x110 DECIMAL(10, 2), x111 INT, x112 INT, x113 INT, x114 INT NOT NULL, x115 INT NOT NULL, x116 DECIMAL(10, 2), x117 INT, x118 INT NOT NULL, x119 FLOAT
-- select [I] x120 DOUBLE, x121 INT, x122 BIGINT, x123 INT NOT NULL, x124 BOOLEAN, x125 BOOLEAN, x126 BOOLEAN, x127 BOOLEAN, x128 BOOLEAN, x129 DECIMAL(3, 0) NOT NULL, x130 DOUBLE NOT NULL, x131 DECIMAL(4, 2) NOT NULL, x132 DOUBLE NOT NULL, x133 BIGINT, x134 FLOAT, x135 DECIMAL(10, 2), x136 DOUBLE NOT NULL, x137 DOUBLE NOT NULL, x138 DOUBLE, x139 DOUBLE NOT NULL
-- select [I] x140 DOUBLE NOT NULL, x141 DOUBLE NOT NULL, x142 INT NOT NULL, x143 INT NOT NULL, x144 DOUBLE, x145 DOUBLE NOT NULL, x146 STRING, x147 BOOLEAN NOT NULL, x148 BOOLEAN NOT NULL, x149 BOOLEAN, x150 BOOLEAN NOT NULL, x151 BOOLEAN NOT NULL, x152 DECIMAL(13, 1) NOT NULL, x153 DOUBLE NOT NULL, x154 INT NOT NULL, x155 INT NOT NULL, x156 DOUBLE NOT NULL, x157 INT NOT NULL, x158 INT NOT NULL, x159 DOUBLE NOT NULL
-- select [I] x160 STRING NOT NULL, x161 BOOLEAN NOT NULL, x162 BOOLEAN, x163 DOUBLE, x164 FLOAT, x165 DOUBLE, x166 FLOAT, x167 FLOAT, x168 DOUBLE, x169 DOUBLE, x170 FLOAT, x171 FLOAT, x172 DOUBLE, x173 BOOLEAN, x174 FLOAT, x175 FLOAT, x176 DOUBLE NOT NULL, x177 BOOLEAN, x178 BOOLEAN, x179 BOOLEAN
-- select [I] x180 DECIMAL(3, 2), x181 DECIMAL(12, 1), x182 DECIMAL(13, 1), x183 DECIMAL(2, 1) NOT NULL, x184 DECIMAL(2, 1) NOT NULL, x185 BOOLEAN, x186 DECIMAL(3, 1) NOT NULL, x187 INT NOT NULL, x188 DECIMAL(2, 1) NOT NULL, x189 DECIMAL(1, 1) NOT NULL, x190 INT NOT NULL, x191 FLOAT, x192 DOUBLE, x193 DOUBLE, x194 DOUBLE, x195 FLOAT, x196 BOOLEAN NOT NULL
-- 20 lines 22ca6a0b97842f7b
