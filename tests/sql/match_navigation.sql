-- MATCH_RECOGNIZE: a fall and a rise, rows out of order, LAST with an offset, columns of other variables.
-- @input ticker.csv
-- ACME,2011-04-01 10:00:00,12,1
-- BETA,2011-04-01 10:00:00,5,1
-- ACME,2011-04-01 10:00:01,17,1
-- BETA,2011-04-01 10:00:01,4,1
-- ACME,2011-04-01 10:00:02,19,1
-- BETA,2011-04-01 10:00:02,3,1
-- ACME,2011-04-01 10:00:05,18,1
-- BETA,2011-04-01 10:00:03,6,1
-- ACME,2011-04-01 10:00:04,25,1
-- ACME,2011-04-01 10:00:03,21,1
-- ACME,2011-04-01 10:00:06,15,1
-- ACME,2011-04-01 10:00:07,14,1
-- ACME,2011-04-01 10:00:08,24,1
-- ACME,2011-04-01 10:00:09,25,1
-- ACME,2011-04-01 10:00:10,19,1
CREATE TABLE ticker (
  symbol STRING, rt TIMESTAMP(3), price BIGINT, tax BIGINT,
  WATERMARK FOR rt AS rt - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '{dir}/ticker.csv', 'format' = 'csv');

SELECT * FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY rt
  MEASURES
    START_ROW.rt AS start_tstamp,
    LAST(PRICE_DOWN.rt) AS bottom_tstamp,
    LAST(PRICE_UP.rt) AS end_tstamp,
    FIRST(PRICE_DOWN.price + PRICE_DOWN.tax) AS first_down,
    LAST(price, 1) AS last_but_one,
    START_ROW.price - PRICE_UP.price AS lost,
    FIRST(PRICE_DOWN.price, 7) AS nothing
  ONE ROW PER MATCH
  AFTER MATCH SKIP TO LAST PRICE_UP
  PATTERN (START_ROW PRICE_DOWN+ PRICE_UP)
  DEFINE
    PRICE_DOWN AS
      (LAST(PRICE_DOWN.price, 1) IS NULL AND PRICE_DOWN.price < START_ROW.price) OR
        PRICE_DOWN.price < LAST(PRICE_DOWN.price, 1),
    PRICE_UP AS
      PRICE_UP.price > LAST(PRICE_DOWN.price, 1)
) MR;
-- @expect
-- {"symbol":"ACME","start_tstamp":"2011-04-01 10:00:04.000","bottom_tstamp":"2011-04-01 10:00:07.000","end_tstamp":"2011-04-01 10:00:08.000","first_down":19,"last_but_one":14,"lost":1,"nothing":null}
-- {"symbol":"BETA","start_tstamp":"2011-04-01 10:00:00.000","bottom_tstamp":"2011-04-01 10:00:02.000","end_tstamp":"2011-04-01 10:00:03.000","first_down":5,"last_but_one":3,"lost":-1,"nothing":null}
-- @flink 2.3.0 2026-11-21
-- select [I] symbol STRING, start_tstamp TIMESTAMP(3), bottom_tstamp TIMESTAMP(3), end_tstamp TIMESTAMP(3), first_down BIGINT, last_but_one BIGINT, lost BIGINT, nothing BIGINT
-- 2 lines 7253471ac6e0d7a1
