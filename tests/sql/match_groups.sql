-- MATCH_RECOGNIZE beyond Flink: groups, alternatives, PERMUTE and CLASSIFIER.
-- @flink-skip the answers of Flink differ, or were not asked for yet: to be settled
-- @input rows.csv
-- 2026-01-01 00:00:01,a
-- 2026-01-01 00:00:02,b
-- 2026-01-01 00:00:03,c
-- 2026-01-01 00:00:04,a
-- 2026-01-01 00:00:05,b
-- 2026-01-01 00:00:06,d
-- 2026-01-01 00:00:07,c
-- 2026-01-01 00:00:08,b
-- 2026-01-01 00:00:09,a
-- 2026-01-01 00:00:10,x
CREATE TABLE r (rt TIMESTAMP(3), c STRING, WATERMARK FOR rt AS rt - INTERVAL '1' SECOND)
WITH ('connector' = 'filesystem', 'path' = '{dir}/rows.csv', 'format' = 'csv');

SELECT 'A B (C | D)' AS p, T.* FROM r MATCH_RECOGNIZE (
  ORDER BY rt
  MEASURES LISTAGG(c, '') AS `rows`, CLASSIFIER() AS v
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A B (C | D))
  DEFINE A AS c = 'a', B AS c = 'b', C AS c = 'c', D AS c = 'd'
) AS T;
SELECT 'PERMUTE(A, B, C)' AS p, T.* FROM r MATCH_RECOGNIZE (
  ORDER BY rt
  MEASURES LISTAGG(c, '') AS `rows`, CLASSIFIER() AS v
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (PERMUTE(A, B, C))
  DEFINE A AS c = 'a', B AS c = 'b', C AS c = 'c'
) AS T;
SELECT '(A B C?)+ D' AS p, T.* FROM r MATCH_RECOGNIZE (
  ORDER BY rt
  MEASURES LISTAGG(c, '') AS `rows`, CLASSIFIER() AS v
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN ((A B C?)+ D)
  DEFINE A AS c = 'a', B AS c = 'b', C AS c = 'c', D AS c = 'd'
) AS T;
-- @expect
-- {"p":"(A B C?)+ D","rows":"abcabd","v":"D"}
-- {"p":"A B (C | D)","rows":"abc","v":"C"}
-- {"p":"A B (C | D)","rows":"abd","v":"D"}
-- {"p":"PERMUTE(A, B, C)","rows":"abc","v":"C"}
-- {"p":"PERMUTE(A, B, C)","rows":"cba","v":"A"}
