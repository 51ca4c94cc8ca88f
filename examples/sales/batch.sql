-- What each seller earned in July 2023, and how often each product was sold: a batch job.
-- Run it from the root of the checkout.

SET 'execution.runtime-mode' = 'batch';

CREATE TABLE sales (
  seller_id STRING,
  product STRING,
  quantity INT,
  product_price DECIMAL(10, 2),
  sales_date DATE
) WITH (
  'connector' = 'filesystem',
  'path' = 'examples/sales/data/csv-input',
  'format' = 'csv'
);

SELECT
  seller_id,
  AVG(DISTINCT product_price) AS avg_price,
  SUM(quantity * product_price) AS revenue
FROM sales
GROUP BY seller_id;

SELECT product, COUNT(*) AS sales
FROM sales
GROUP BY product;
