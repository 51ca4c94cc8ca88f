-- DISTINCT, FILTER and OVER of a scalar function are refused.
SELECT UPPER(DISTINCT s) AS u FROM (VALUES ('a')) AS t (s);
-- @error MS1009
-- @stderr 'UPPER' is none
-- @flink 2.3.0 2026-11-21
-- select refused: DISTINCT/ALL not allowed with UPPER function
