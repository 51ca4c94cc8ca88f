//! What the queries of `examples/sales/` must print.
//!
//! Money is counted in cents. The two queries on processing time have no expected windows, since
//! these depend on the clock; what they must agree with is [`Stream::revenue`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use super::{is_late, root, rounded, time, window_start};

const WINDOW_MS: i64 = 30_000;
const WATERMARK_DELAY_MS: i64 = 5_000;

/// `batch.sql`: what was sold in July 2023.
#[derive(Debug, Default)]
pub struct Batch {
    /// Distinct prices and revenue of each seller, in cents.
    sellers: BTreeMap<String, (BTreeSet<i64>, i64)>,
    /// Number of sales of each product.
    products: BTreeMap<String, i64>,
}

/// The stream: what was sold in the order in which it was told.
#[derive(Debug, Default)]
pub struct Stream {
    /// Revenue in cents of each seller in each window of 30 s, by start of the window.
    pub windows: BTreeMap<(i64, String), i64>,
    /// Event time and watermark of each late sale, in the order of the file.
    pub late: Vec<(i64, i64)>,
    /// Revenue in cents of each seller, late sales included.
    pub revenue: BTreeMap<String, i64>,
}

/// Computes the batch from `csv-input/`.
///
/// # Panics
/// If the committed data cannot be read.
pub fn batch() -> Batch {
    let mut batch = Batch::default();
    for number in 1..=4 {
        let path = root().join(format!("examples/sales/data/csv-input/part-{number}.csv"));
        let text = std::fs::read_to_string(path).expect("the sales are committed");
        text.lines().for_each(|line| batch.add(line));
    }
    batch
}

impl Batch {
    /// Columns: seller_id, product, quantity, product_price, sales_date.
    fn add(&mut self, line: &str) {
        let cells: Vec<&str> = line.split(',').collect();
        let [seller, product, quantity, price, _date] = cells[..] else {
            panic!("'{line}' is no sale");
        };
        let (prices, revenue) = self.sellers.entry(seller.to_string()).or_default();
        prices.insert(cents(price));
        *revenue += quantity.parse::<i64>().expect("a whole number") * cents(price);
        *self.products.entry(product.to_string()).or_default() += 1;
    }

    /// One line of JSON per seller: average of the distinct prices (6 decimals) and revenue.
    pub fn seller_lines(&self) -> String {
        let mut text = String::new();
        for (seller, (prices, revenue)) in &self.sellers {
            let sum: i64 = prices.iter().sum();
            let average = rounded(sum, prices.len() as i64, 10_000);
            writeln!(
                text,
                r#"{{"seller_id":"{seller}","avg_price":{}.{:06},"revenue":{}}}"#,
                average / 1_000_000,
                average % 1_000_000,
                money(*revenue),
            )
            .expect("a string takes any text");
        }
        text
    }

    /// One line of JSON per product: the number of its sales.
    pub fn product_lines(&self) -> String {
        let mut text = String::new();
        for (product, sales) in &self.products {
            writeln!(text, r#"{{"product":"{product}","sales":{sales}}}"#)
                .expect("a string takes any text");
        }
        text
    }
}

/// Computes the stream from `sales.jsonl`.
///
/// # Panics
/// If the committed data cannot be read.
pub fn stream() -> Stream {
    let path = root().join("examples/sales/data/sales.jsonl");
    let text = std::fs::read_to_string(path).expect("the sales are committed");
    let mut stream = Stream::default();
    let mut newest: Option<i64> = None;
    for line in text.lines() {
        let sale: Value = serde_json::from_str(line).expect("a sale is a line of JSON");
        let whole = |key: &str| sale[key].as_i64().expect("a whole number");
        let seller = sale["seller_id"].as_str().expect("a name").to_string();
        // The price as it is written: what a floating-point number prints again.
        let amount = whole("quantity") * cents(&sale["product_price"].to_string());
        stream.add(
            seller,
            whole("sale_ts"),
            amount,
            newest.map(|ms| ms - WATERMARK_DELAY_MS),
        );
        newest = newest.max(Some(whole("sale_ts")));
    }
    stream
}

impl Stream {
    fn add(&mut self, seller: String, sale_ts: i64, amount: i64, watermark: Option<i64>) {
        *self.revenue.entry(seller.clone()).or_default() += amount;
        let start = window_start(sale_ts, WINDOW_MS);
        if is_late(start + WINDOW_MS, watermark) {
            self.late.push((
                sale_ts,
                watermark.expect("without a watermark nothing is late"),
            ));
        } else {
            *self.windows.entry((start, seller)).or_default() += amount;
        }
    }

    /// One line of JSON per window and seller, in this order.
    pub fn lines(&self) -> String {
        let mut text = String::new();
        for ((start, seller), amount) in &self.windows {
            writeln!(
                text,
                r#"{{"seller_id":"{seller}","window_start":"{}","window_end":"{}","window_sales":{}}}"#,
                time::text(*start),
                time::text(start + WINDOW_MS),
                money(*amount),
            )
            .expect("a string takes any text");
        }
        text
    }
}

/// `4.99` as 499.
fn cents(price: &str) -> i64 {
    let (whole, part) = price.split_once('.').expect("a price has a point");
    assert_eq!(part.len(), 2, "a price has two decimals");
    whole.parse::<i64>().expect("a price") * 100 + part.parse::<i64>().expect("a price")
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_committed(name: &str, lines: &str) {
        let path = root().join("examples/sales/expected").join(name);
        expect_test::expect_file![path].assert_eq(lines);
    }

    #[test]
    fn the_expected_sales_of_the_batch_are_what_the_plain_computation_says() {
        assert_committed("batch-sellers.jsonl", &batch().seller_lines());
        assert_committed("batch-products.jsonl", &batch().product_lines());
    }

    #[test]
    fn the_expected_sales_of_the_windows_are_what_the_plain_computation_says() {
        assert_committed("event-time.jsonl", &stream().lines());
    }

    #[test]
    fn every_sale_is_in_a_window_or_late() {
        let stream = stream();
        assert_eq!(stream.late.len(), 8);
        let in_windows: i64 = stream.windows.values().sum();
        let all: i64 = stream.revenue.values().sum();
        assert!(in_windows < all, "late sales are missing from the windows");
        assert_eq!(batch().products.values().sum::<i64>(), 2_000);
    }
}
