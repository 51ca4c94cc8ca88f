-- Functions as Flink has them. Texts: parts, fillings, encodings, addresses, hashes.
-- @input in.jsonl
-- {"b":true,"i":7,"l":1709212455678,"d":2.25,"f":1.5,"dec":1234.56,"s":"Hello","s2":"wörld","dt":"2024-02-29","tm":"13:14:15","ts":"2024-02-29 13:14:15.678","a":[3,1,2],"a2":["x",null,"z"],"m":{"k":5},"r":{"x":1,"y":"q"},"by":"aGk=","js":"{\"a\": 1, \"b\": [\"x\", \"y\"]}","inn":5,"snn":"12"}
-- {"inn":6,"snn":"a,b"}
CREATE TABLE t (b BOOLEAN, i INT, l BIGINT, d DOUBLE, f FLOAT,
  `dec` DECIMAL(10,2), s STRING, s2 STRING, dt DATE,
  tm TIME(0), ts TIMESTAMP(3), a ARRAY<INT>, a2 ARRAY<STRING>, m MAP<STRING,INT>, r ROW<x INT, y STRING>,
  `by` BYTES, js STRING, inn INT NOT NULL, snn STRING NOT NULL, ltz AS TO_TIMESTAMP_LTZ(l,3))
WITH ('connector'='filesystem','path'='{dir}/in.jsonl','format'='json');
SELECT
  s || s2 AS x0,
  HEX(i) AS x1,
  HEX(s) AS x2,
  UNHEX('41') AS x3,
  UNHEX('zz') AS x4,
  UUID() IS NOT NULL AS x5,
  CHAR_LENGTH(s) AS x6,
  CHARACTER_LENGTH(s) AS x7,
  UPPER(s) AS x8,
  LOWER(s) AS x9,
  INITCAP('hello wORLD foo-bar') AS x10,
  TRIM(s) AS x11,
  TRIM(BOTH 'x' FROM 'xxaxx') AS x12,
  TRIM(LEADING 'x' FROM 'xxaxx') AS x13,
  TRIM(TRAILING FROM 'a  ') AS x14,
  LTRIM('  a ') AS x15,
  RTRIM('  a ') AS x16,
  BTRIM('xxaxx', 'x') AS x17,
  LTRIM('xya', 'xy') AS x18,
  REPEAT(s, 2) AS x19
FROM t;
SELECT
  REPEAT(s, -1) AS x20,
  OVERLAY('This is old' PLACING 'new' FROM 9 FOR 3) AS x21,
  OVERLAY('This is old' PLACING 'new' FROM 9) AS x22,
  SUBSTRING(s FROM 2) AS x23,
  SUBSTRING(s FROM 2 FOR 2) AS x24,
  SUBSTRING(s, -2) AS x25,
  SUBSTRING(s, 0) AS x26,
  SUBSTRING(s, 0, 2) AS x27,
  SUBSTR(s, 2, 3) AS x28,
  SUBSTR(s, -3, 2) AS x29,
  REPLACE('hello world', 'world', 'flink') AS x30,
  REPLACE('aaa', '', 'b') AS x31,
  ASCII(s) AS x32,
  ASCII('') AS x33,
  CHR(97) AS x34,
  CHR(353) AS x35,
  CHR(-1) AS x36,
  DECODE(`by`, 'UTF-8') AS x37,
  ENCODE(s, 'UTF-16LE') AS x38,
  INSTR('hello', 'l') AS x39
FROM t;
SELECT
  INSTR('hello', 'l', -1) AS x40,
  INSTR('helloworld', 'o', 1, 2) AS x41,
  LEFT(s, 2) AS x42,
  LEFT(s, -1) AS x43,
  RIGHT(s, 2) AS x44,
  LOCATE('l', 'hello') AS x45,
  LOCATE('l', 'hello', 4) AS x46,
  POSITION('l' IN 'hello') AS x47,
  PARSE_URL('http://facebook.com/path1/p.php?k1=v1&k2=v2#Ref1', 'QUERY', 'k1') AS x48,
  PARSE_URL('http://facebook.com/path1/p.php?k1=v1&k2=v2#Ref1', 'HOST') AS x49,
  PARSE_URL('no url', 'HOST') AS x50,
  REVERSE(s) AS x51,
  STARTSWITH(s, 'H') AS x52,
  ENDSWITH(s, '') AS x53,
  LPAD('hi', 4, '??') AS x54,
  LPAD('hi', 1, '??') AS x55,
  RPAD('hi', 5, 'ab') AS x56,
  CONCAT(s, '-', s2) AS x57,
  CONCAT_WS('-') AS x58,
  TO_BASE64(s) AS x59
FROM t;
SELECT
  TRANSLATE('www.apache.org', 'wapch', ' APCHE') AS x60,
  TRANSLATE3('www.apache.org', 'wapch', ' APCHE') AS x61,
  URL_ENCODE('a b&c/é') AS x62,
  URL_DECODE('a+b%26c') AS x63,
  URL_DECODE('%zz') AS x64,
  ELT(2, 'a', 'b') AS x65,
  ELT(5, 'a', 'b') AS x66,
  IS_DIGIT('123') AS x67,
  IS_ALPHA('abc') AS x68,
  IS_DECIMAL('1.5') AS x69,
  IS_DECIMAL('1e5') AS x70,
  MD5(s) AS x71,
  SHA1(s) AS x72,
  SHA2(s, 256) AS x73,
  SHA224(s) AS x74,
  SHA512(s) AS x75,
  UPPER(snn) AS x76,
  SUBSTRING(snn, 2) AS x77,
  CONCAT(snn, 'x') AS x78,
  CHAR_LENGTH(snn) AS x79
FROM t;
SELECT
  MD5(snn) AS x80,
  LOCATE('a', snn) AS x81,
  'x' || snn AS x82,
  'it''s' AS x83,
  U&'\0041' AS x84,
  X'0a' AS x85,
  i > '5' AS x86,
  s IN ('Hello', 'x') AS x87,
  s BETWEEN 'A' AND 'Z' AS x88,
  CHAR_LENGTH('wörld') AS x89,
  CHAR_LENGTH('😀') AS x90,
  REVERSE('wö😀') AS x91,
  SUBSTRING('wö😀x', 2, 2) AS x92,
  LPAD('wö', 4, 'é') AS x93,
  LEFT('wö😀x', 3) AS x94,
  POSITION('ö' IN s2) AS x95,
  INITCAP('éa bC') AS x96,
  REPEAT('ab', 3) AS x97,
  CONCAT('a', 'b', 'c') AS x98,
  CONCAT_WS(',', 'a', '', 'c') AS x99
FROM t;
SELECT
  HEX(l) AS x100,
  HEX(-1) AS x101,
  HEX('wö') AS x102,
  TO_BASE64('wö') AS x103,
  MD5('') AS x104,
  SHA2('a', 512) AS x105,
  ASCII('é') AS x106,
  CHR(233) AS x107,
  ENCODE('a', 'UTF-8') AS x108,
  DECODE(X'61', 'UTF-8') AS x109,
  DECODE(X'ff', 'UTF-8') AS x110,
  snn = '12' AS x111,
  LOWER(snn) AS x112,
  REPLACE(snn, '1', '2') AS x113,
  TRIM(BOTH ' ' FROM snn) AS x114,
  LPAD(snn, 5, '0') AS x115,
  REPEAT(snn, 2) AS x116,
  REVERSE(snn) AS x117,
  CONCAT_WS('-', snn, 'x') AS x118,
  SHA256(snn) AS x119
FROM t;
SELECT
  TO_BASE64(snn) AS x120,
  STARTSWITH(snn, '1') AS x121,
  IS_DIGIT(snn) AS x122,
  ASCII(snn) AS x123,
  HEX(inn) AS x124,
  CHAR_LENGTH(s) > 3 AS x125,
  INITCAP('1abc dEF_gh') AS x126,
  INITCAP(s2) AS x127,
  INITCAP('o''neil-smith') AS x128,
  ASCII('ä') AS x129,
  ASCII('€') AS x130,
  ASCII(s2) AS x131,
  REVERSE(UPPER(snn)) AS x132,
  SUBSTRING('hello', 2) AS x133,
  INET_ATON('1.2.3.4') AS x134,
  INET_ATON('1.2') AS x135,
  INET_ATON('1.2.3') AS x136,
  INET_ATON('256.1.1.1') AS x137,
  INET_ATON('') AS x138,
  INET_ATON(s) AS x139
FROM t;
SELECT
  INET_ATON('255.255.255.255') AS x140,
  INET_ATON(' 1.2.3.4') AS x141,
  INET_ATON('01.2.3.4') AS x142,
  INET_ATON('1.2.3.4.5') AS x143,
  INET_ATON('1..3.4') AS x144,
  INET_ATON('5') AS x145,
  INET_NTOA(16909060) AS x146,
  INET_NTOA(4294967295) AS x147,
  INET_NTOA(4294967296) AS x148,
  INET_NTOA(i) AS x149,
  s IN ('7', 'Hello') AS x150,
  i IN ('7') AS x151,
  x'0a' = x'0a' AS x152,
  LEFT('abc', 2) AS x153,
  RIGHT('abc', 2) AS x154,
  LEFT(snn, 2) AS x155,
  RIGHT(snn, 2) AS x156,
  UNHEX('41') = x'41' AS x157,
  INET_ATON('1.500') AS x158,
  INET_ATON('1.65535') AS x159
FROM t;
SELECT
  INET_ATON('1.2.300') AS x160,
  INET_ATON('0') AS x161,
  INET_ATON('300') AS x162
FROM t;
-- @expect
-- {"x0":"Hellowörld","x1":"7","x2":"48656C6C6F","x3":"QQ==","x4":null,"x5":true,"x6":5,"x7":5,"x8":"HELLO","x9":"hello","x10":"Hello World Foo-Bar","x11":"Hello","x12":"a","x13":"axx","x14":"a","x15":"a ","x16":"  a","x17":"a","x18":"a","x19":"HelloHello"}
-- {"x0":null,"x1":null,"x2":null,"x3":"QQ==","x4":null,"x5":true,"x6":null,"x7":null,"x8":null,"x9":null,"x10":"Hello World Foo-Bar","x11":null,"x12":"a","x13":"axx","x14":"a","x15":"a ","x16":"  a","x17":"a","x18":"a","x19":null}
-- {"x100":"18DF50052FE","x101":"FFFFFFFFFFFFFFFF","x102":"77C3B6","x103":"d8O2","x104":"d41d8cd98f00b204e9800998ecf8427e","x105":"1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f5302860c652bf08d560252aa5e74210546f369fbbbce8c12cfc7957b2652fe9a75","x106":-61,"x107":"é","x108":"YQ==","x109":"a","x110":"�","x111":true,"x112":"12","x113":"22","x114":"12","x115":"00012","x116":"1212","x117":"21","x118":"12-x","x119":"6b51d431df5d7f141cbececcf79edf3dd861c3b4069f0b11661a3eefacbba918"}
-- {"x100":null,"x101":"FFFFFFFFFFFFFFFF","x102":"77C3B6","x103":"d8O2","x104":"d41d8cd98f00b204e9800998ecf8427e","x105":"1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f5302860c652bf08d560252aa5e74210546f369fbbbce8c12cfc7957b2652fe9a75","x106":-61,"x107":"é","x108":"YQ==","x109":"a","x110":"�","x111":false,"x112":"a,b","x113":"a,b","x114":"a,b","x115":"00a,b","x116":"a,ba,b","x117":"b,a","x118":"a,b-x","x119":"1eb7c54d52831bbfe8942af0b1c56b7409523a59ed6ca99c1174fef7eb32c1b5"}
-- {"x120":"MTI=","x121":true,"x122":true,"x123":49,"x124":"5","x125":true,"x126":"1abc Def_Gh","x127":"WöRld","x128":"O'Neil-Smith","x129":-61,"x130":-30,"x131":119,"x132":"21","x133":"ello","x134":16909060,"x135":16777218,"x136":16908291,"x137":null,"x138":null,"x139":null}
-- {"x120":"YSxi","x121":false,"x122":false,"x123":97,"x124":"6","x125":null,"x126":"1abc Def_Gh","x127":null,"x128":"O'Neil-Smith","x129":-61,"x130":-30,"x131":null,"x132":"B,A","x133":"ello","x134":16909060,"x135":16777218,"x136":16908291,"x137":null,"x138":null,"x139":null}
-- {"x140":4294967295,"x141":null,"x142":16909060,"x143":null,"x144":null,"x145":5,"x146":"1.2.3.4","x147":"255.255.255.255","x148":null,"x149":"0.0.0.7","x150":true,"x151":true,"x152":true,"x153":"ab","x154":"bc","x155":"12","x156":"12","x157":true,"x158":null,"x159":null}
-- {"x140":4294967295,"x141":null,"x142":16909060,"x143":null,"x144":null,"x145":5,"x146":"1.2.3.4","x147":"255.255.255.255","x148":null,"x149":null,"x150":null,"x151":null,"x152":true,"x153":"ab","x154":"bc","x155":"a,","x156":",b","x157":true,"x158":null,"x159":null}
-- {"x160":null,"x161":0,"x162":null}
-- {"x160":null,"x161":0,"x162":null}
-- {"x20":"","x21":"This is new","x22":"This is new","x23":"ello","x24":"el","x25":"lo","x26":"Hello","x27":"He","x28":"ell","x29":"ll","x30":"hello flink","x31":"bababab","x32":72,"x33":0,"x34":"a","x35":"a","x36":"","x37":"hi","x38":"SABlAGwAbABvAA==","x39":3}
-- {"x20":null,"x21":"This is new","x22":"This is new","x23":null,"x24":null,"x25":null,"x26":null,"x27":null,"x28":null,"x29":null,"x30":"hello flink","x31":"bababab","x32":null,"x33":0,"x34":"a","x35":"a","x36":"","x37":null,"x38":null,"x39":3}
-- {"x40":4,"x41":7,"x42":"He","x43":"","x44":"lo","x45":3,"x46":4,"x47":3,"x48":"v1","x49":"facebook.com","x50":null,"x51":"olleH","x52":true,"x53":true,"x54":"??hi","x55":"h","x56":"hiaba","x57":"Hello-wörld","x58":"","x59":"SGVsbG8="}
-- {"x40":4,"x41":7,"x42":null,"x43":null,"x44":null,"x45":3,"x46":4,"x47":3,"x48":"v1","x49":"facebook.com","x50":null,"x51":null,"x52":null,"x53":null,"x54":"??hi","x55":"h","x56":"hiaba","x57":null,"x58":"","x59":null}
-- {"x60":"   .APACHe.org","x61":"   .APACHe.org","x62":"a+b%26c%2F%C3%A9","x63":"a b&c","x64":null,"x65":"b","x66":null,"x67":true,"x68":true,"x69":true,"x70":true,"x71":"8b1a9953c4611296a827abf8c47804d7","x72":"f7ff9e8b7bb2e09b70935a5d785e0cc5d9d0abf0","x73":"185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969","x74":"4149da18aa8bfc2b1e382c6c26556d01a92c261b6436dad5e3be3fcc","x75":"3615f80c9d293ed7402687f94b22d58e529b8cc7916f8fac7fddf7fbd5af4cf777d3d795a7a00a16bf7e7f3fb9561ee9baae480da9fe7a18769e71886b03f315","x76":"12","x77":"2","x78":"12x","x79":2}
-- {"x60":"   .APACHe.org","x61":"   .APACHe.org","x62":"a+b%26c%2F%C3%A9","x63":"a b&c","x64":null,"x65":"b","x66":null,"x67":true,"x68":true,"x69":true,"x70":true,"x71":null,"x72":null,"x73":null,"x74":null,"x75":null,"x76":"A,B","x77":",b","x78":"a,bx","x79":3}
-- {"x80":"b345e1dc09f20fdefdea469f09167892","x81":1,"x82":"xa,b","x83":"it's","x84":"A","x85":"Cg==","x86":null,"x87":null,"x88":null,"x89":5,"x90":1,"x91":"😀öw","x92":"ö😀","x93":"ééwö","x94":"wö😀","x95":null,"x96":"éA Bc","x97":"ababab","x98":"abc","x99":"a,,c"}
-- {"x80":"c20ad4d76fe97759aa27a0c99bff6710","x81":0,"x82":"x12","x83":"it's","x84":"A","x85":"Cg==","x86":true,"x87":true,"x88":true,"x89":5,"x90":1,"x91":"😀öw","x92":"ö😀","x93":"ééwö","x94":"wö😀","x95":2,"x96":"éA Bc","x97":"ababab","x98":"abc","x99":"a,,c"}
-- @flink 2.3.0 2026-11-21
-- select [I] x0 STRING, x1 STRING, x2 STRING, x3 BYTES, x4 BYTES, x5 BOOLEAN NOT NULL, x6 INT, x7 INT, x8 STRING, x9 STRING, x10 CHAR(19) NOT NULL, x11 STRING, x12 VARCHAR(5) NOT NULL, x13 VARCHAR(5) NOT NULL, x14 VARCHAR(3) NOT NULL, x15 VARCHAR(4) NOT NULL, x16 VARCHAR(4) NOT NULL, x17 STRING NOT NULL, x18 VARCHAR(3) NOT NULL, x19 STRING
-- select [I] x20 STRING, x21 VARCHAR(14) NOT NULL, x22 VARCHAR(14) NOT NULL, x23 STRING, x24 STRING, x25 STRING, x26 STRING, x27 STRING, x28 STRING, x29 STRING, x30 STRING NOT NULL, x31 STRING NOT NULL, x32 INT, x33 INT NOT NULL, x34 STRING, x35 STRING, x36 STRING, x37 STRING, x38 BYTES, x39 INT NOT NULL
-- select [I] x40 INT NOT NULL, x41 INT NOT NULL, x42 STRING, x43 STRING, x44 STRING, x45 INT NOT NULL, x46 INT NOT NULL, x47 INT NOT NULL, x48 STRING, x49 STRING, x50 STRING, x51 STRING, x52 BOOLEAN, x53 BOOLEAN, x54 STRING NOT NULL, x55 STRING NOT NULL, x56 STRING NOT NULL, x57 STRING, x58 STRING NOT NULL, x59 STRING
-- select [I] x60 STRING NOT NULL, x61 STRING NOT NULL, x62 STRING, x63 STRING, x64 STRING, x65 CHAR(1), x66 CHAR(1), x67 BOOLEAN NOT NULL, x68 BOOLEAN NOT NULL, x69 BOOLEAN NOT NULL, x70 BOOLEAN NOT NULL, x71 CHAR(32), x72 CHAR(40), x73 VARCHAR(128), x74 CHAR(56), x75 CHAR(128), x76 STRING NOT NULL, x77 STRING, x78 STRING NOT NULL, x79 INT NOT NULL
-- select [I] x80 CHAR(32) NOT NULL, x81 INT NOT NULL, x82 STRING NOT NULL, x83 CHAR(4) NOT NULL, x84 CHAR(1) NOT NULL, x85 BINARY(1) NOT NULL, x86 BOOLEAN, x87 BOOLEAN, x88 BOOLEAN, x89 INT NOT NULL, x90 INT NOT NULL, x91 STRING, x92 VARCHAR(5), x93 STRING NOT NULL, x94 VARCHAR(5), x95 INT, x96 CHAR(5) NOT NULL, x97 STRING NOT NULL, x98 STRING NOT NULL, x99 STRING NOT NULL
-- select [I] x100 STRING, x101 STRING NOT NULL, x102 STRING NOT NULL, x103 STRING NOT NULL, x104 CHAR(32) NOT NULL, x105 VARCHAR(128) NOT NULL, x106 INT NOT NULL, x107 STRING, x108 BYTES NOT NULL, x109 STRING NOT NULL, x110 STRING NOT NULL, x111 BOOLEAN NOT NULL, x112 STRING NOT NULL, x113 STRING NOT NULL, x114 STRING NOT NULL, x115 STRING NOT NULL, x116 STRING NOT NULL, x117 STRING, x118 STRING NOT NULL, x119 CHAR(64) NOT NULL
-- select [I] x120 STRING NOT NULL, x121 BOOLEAN NOT NULL, x122 BOOLEAN NOT NULL, x123 INT NOT NULL, x124 STRING NOT NULL, x125 BOOLEAN, x126 CHAR(11) NOT NULL, x127 STRING, x128 CHAR(12) NOT NULL, x129 INT NOT NULL, x130 INT NOT NULL, x131 INT, x132 STRING, x133 VARCHAR(5), x134 BIGINT, x135 BIGINT, x136 BIGINT, x137 BIGINT, x138 BIGINT, x139 BIGINT
-- select [I] x140 BIGINT, x141 BIGINT, x142 BIGINT, x143 BIGINT, x144 BIGINT, x145 BIGINT, x146 STRING, x147 STRING, x148 STRING, x149 STRING, x150 BOOLEAN, x151 BOOLEAN, x152 BOOLEAN NOT NULL, x153 VARCHAR(3), x154 VARCHAR(3), x155 STRING, x156 STRING, x157 BOOLEAN, x158 BIGINT, x159 BIGINT
-- select [I] x160 BIGINT, x161 BIGINT, x162 BIGINT
-- 18 lines 0061897cf83abd8a
