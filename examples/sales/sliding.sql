-- What each seller earned in the last 30 seconds of the clock on the wall, every 10 seconds.
-- Run it from the root of the checkout.

CREATE TABLE sales (
  seller_id STRING,
  product STRING,
  quantity INT,
  product_price DECIMAL(10, 2),
  sale_ts BIGINT,
  proctime AS PROCTIME()
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
FROM TABLE(HOP(TABLE sales, DESCRIPTOR(proctime), INTERVAL '10' SECOND, INTERVAL '30' SECOND))
GROUP BY seller_id, window_start, window_end;
