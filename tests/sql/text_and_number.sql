-- A column of texts is not compared with a number.
SELECT s = 7 AS e FROM (VALUES ('a'), ('b')) AS t (s);
-- @error MS1006
-- @stderr cannot compare STRING with INT
-- @flink 2.3.0 2026-11-21
-- select refused: implicit type conversion between CHAR and INTEGER is not supported now
