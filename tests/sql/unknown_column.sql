-- A mistake in the text is the user's, with line, column and the nearest name.
-- @once
-- @stderr line 8, column 8
-- @stderr did you mean 'price'?
CREATE TABLE bid (price BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
-- @error MS1004

SELECT pirce FROM bid;
-- @flink 2.3.0 2026-11-21
-- select refused: Column 'pirce' not found in any table
