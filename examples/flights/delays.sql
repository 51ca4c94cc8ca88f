-- How late did New York's flights leave, per airport and day, in January 2013?
--
-- The rows are in the order of the scheduled departure, the event time is the actual one: a flight
-- that leaves hours late comes in order of its schedule, but from the future of the stream. So
-- flights after it look old. The watermark waits two hours for them; those that are older still and
-- belong to a day that is closed already go to `late_departures`.
--
-- Run it from the root of the checkout:
--   cargo run --release -- run examples/flights/delays.sql --result final

CREATE TABLE flights (
  id INT,
  carrier STRING,
  flight INT,
  tailnum STRING,
  origin STRING,
  dest STRING,
  sched_dep TIMESTAMP(3),
  dep TIMESTAMP(3),      -- NULL: cancelled
  dep_delay INT,         -- minutes; NULL: cancelled
  arr_delay INT,         -- minutes; NULL: cancelled or diverted
  air_time INT,          -- minutes; NULL: cancelled or diverted
  distance INT,          -- miles
  event_time AS COALESCE(dep, sched_dep),
  WATERMARK FOR event_time AS event_time - INTERVAL '2' HOUR
) WITH (
  'connector' = 'filesystem',
  'path' = 'examples/flights/data/flights-2013-01.csv',
  'format' = 'csv',
  'csv.null-literal' = '',
  'late-rows.table' = 'late_departures'
);

CREATE TABLE late_departures (
  event_time TIMESTAMP(3),
  `watermark` TIMESTAMP(3),
  reason STRING,
  `row` STRING
) WITH (
  'connector' = 'filesystem',
  'path' = 'out/late-departures',
  'format' = 'json'
);

SELECT
  window_start,
  window_end,
  origin,
  COUNT(*) AS flights,
  COUNT(dep) AS departed,
  COUNT(*) - COUNT(dep) AS cancelled,
  ROUND(CAST(100 * (COUNT(*) - COUNT(dep)) AS DOUBLE) / COUNT(*), 1) AS cancelled_percent,
  COUNT(*) FILTER (WHERE dep_delay > 15) AS delayed,
  ROUND(AVG(CAST(dep_delay AS DOUBLE)), 1) AS avg_delay,
  MAX(dep_delay) AS max_delay
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(event_time), INTERVAL '1' DAY))
GROUP BY window_start, window_end, origin;
