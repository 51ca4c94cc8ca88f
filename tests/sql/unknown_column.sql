-- A mistake in the text is the user's, with line, column and the nearest name.
-- @once
-- @stderr line 8, column 8
-- @stderr did you mean 'price'?
CREATE TABLE bid (price BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
-- @error MS1004

SELECT pirce FROM bid;
