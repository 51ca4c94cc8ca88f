-- What each seller earned in every 30 seconds in which the sales happened, whenever they are told:
-- up to 5 seconds later. Sales that come later than that are counted as late and left out.
-- Run it from the root of the checkout.

-- A TIMESTAMP_LTZ is shown in this zone, and windows on it start on its full minutes.
SET 'table.local-time-zone' = 'UTC';

CREATE TABLE sales (
  seller_id STRING,
  product STRING,
  quantity INT,
  product_price DECIMAL(10, 2),
  sale_ts BIGINT,
  sale_time AS TO_TIMESTAMP_LTZ(sale_ts, 3),
  WATERMARK FOR sale_time AS sale_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'filesystem',
  'path' = 'examples/sales/data/sales.jsonl',
  'format' = 'json'
);

SELECT
  seller_id,
  window_start,
  window_end,
  SUM(quantity * product_price) AS window_sales
FROM TABLE(TUMBLE(TABLE sales, DESCRIPTOR(sale_time), INTERVAL '30' SECOND))
GROUP BY seller_id, window_start, window_end;
