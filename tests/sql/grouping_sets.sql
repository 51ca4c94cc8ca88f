-- GROUPING SETS, ROLLUP, CUBE; a NULL of the data and one that stands for "all" are two groups.
-- @input sales.json
-- {"k":"a","l":"x","v":10,"t":"2026-01-01 00:00:01"}
-- {"k":"a","l":"y","v":20,"t":"2026-01-01 00:00:02"}
-- {"k":"b","l":"x","v":30,"t":"2026-01-01 00:00:07"}
-- {"k":null,"l":"x","v":40,"t":"2026-01-01 00:00:08"}
-- {"k":"a","l":"x","v":5,"t":"2026-01-01 00:00:12"}
CREATE TABLE s (k STRING, l STRING, v INT, t TIMESTAMP(3), WATERMARK FOR t AS t - INTERVAL '1' SECOND)
WITH ('connector' = 'filesystem', 'path' = '{dir}/sales.json', 'format' = 'json');

SELECT 'sets' AS q, k, l, COUNT(*) AS n, SUM(v) AS s, GROUPING(k) AS g, GROUPING_ID(k, l) AS i
FROM s GROUP BY GROUPING SETS ((k, l), (k), ());

SELECT 'rollup' AS q, k, l, COUNT(k) AS n FROM s GROUP BY ROLLUP (k, l);

SELECT 'cube' AS q, k, l, MAX(v) AS m FROM s GROUP BY CUBE (k, l);

SELECT 'window' AS q, window_start, k, SUM(v) AS s
FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(t), INTERVAL '5' SECOND))
GROUP BY window_start, window_end, ROLLUP (k);
-- @expect
-- {"q":"cube","k":"a","l":"x","m":10}
-- {"q":"cube","k":"a","l":"y","m":20}
-- {"q":"cube","k":"a","l":null,"m":20}
-- {"q":"cube","k":"b","l":"x","m":30}
-- {"q":"cube","k":"b","l":null,"m":30}
-- {"q":"cube","k":null,"l":"x","m":40}
-- {"q":"cube","k":null,"l":"x","m":40}
-- {"q":"cube","k":null,"l":"y","m":20}
-- {"q":"cube","k":null,"l":null,"m":40}
-- {"q":"cube","k":null,"l":null,"m":40}
-- {"q":"rollup","k":"a","l":"x","n":2}
-- {"q":"rollup","k":"a","l":"y","n":1}
-- {"q":"rollup","k":"a","l":null,"n":3}
-- {"q":"rollup","k":"b","l":"x","n":1}
-- {"q":"rollup","k":"b","l":null,"n":1}
-- {"q":"rollup","k":null,"l":"x","n":0}
-- {"q":"rollup","k":null,"l":null,"n":0}
-- {"q":"rollup","k":null,"l":null,"n":4}
-- {"q":"sets","k":"a","l":"x","n":2,"s":15,"g":0,"i":0}
-- {"q":"sets","k":"a","l":"y","n":1,"s":20,"g":0,"i":0}
-- {"q":"sets","k":"a","l":null,"n":3,"s":35,"g":0,"i":1}
-- {"q":"sets","k":"b","l":"x","n":1,"s":30,"g":0,"i":0}
-- {"q":"sets","k":"b","l":null,"n":1,"s":30,"g":0,"i":1}
-- {"q":"sets","k":null,"l":"x","n":1,"s":40,"g":0,"i":0}
-- {"q":"sets","k":null,"l":null,"n":1,"s":40,"g":0,"i":1}
-- {"q":"sets","k":null,"l":null,"n":5,"s":105,"g":1,"i":3}
-- {"q":"window","window_start":"2026-01-01 00:00:00.000","k":"a","s":30}
-- {"q":"window","window_start":"2026-01-01 00:00:00.000","k":null,"s":30}
-- {"q":"window","window_start":"2026-01-01 00:00:05.000","k":"b","s":30}
-- {"q":"window","window_start":"2026-01-01 00:00:05.000","k":null,"s":40}
-- {"q":"window","window_start":"2026-01-01 00:00:05.000","k":null,"s":70}
-- {"q":"window","window_start":"2026-01-01 00:00:10.000","k":"a","s":5}
-- {"q":"window","window_start":"2026-01-01 00:00:10.000","k":null,"s":5}
-- @flink 2.3.0 2026-11-21
-- select [I,UA] q CHAR(4) NOT NULL, k STRING, l STRING, n BIGINT NOT NULL, s INT, g BIGINT NOT NULL, i BIGINT NOT NULL
-- select [I,UA] q CHAR(6) NOT NULL, k STRING, l STRING, n BIGINT NOT NULL
-- select [I,UA] q CHAR(4) NOT NULL, k STRING, l STRING, m INT
-- select [I] q CHAR(6) NOT NULL, window_start TIMESTAMP(3) NOT NULL, k STRING, s INT
-- 33 lines ff573f13c7b8ffbb
