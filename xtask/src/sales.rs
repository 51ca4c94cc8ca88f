//! `sales-data`: the sales of a small shop chain, for `examples/sales/`; seeded, so the same bytes
//! come out everywhere.
//!
//! * `sales.jsonl`: a stream of about two sales a second, in the order in which they arrive. Most
//!   arrive at once, three in ten up to 4,999 ms after they happened, and one in 250 between 60 and
//!   90 s after. So behind a watermark of 5 s exactly that last kind is late for its 30 s window.
//! * `csv-input/part-<n>.csv`: as many sales of July 2023 in four files without header lines.
//!   Denver sells no dental floss, and toothbrushes cost less in the last week, so that the average
//!   of distinct prices differs between sellers.
//!
//! Sellers, products and prices are those of the programs in which this example was first built
//! (see `examples/sales/README.md`). Chance is SplitMix64 (Steele, Lea, Flood, "Fast splittable
//! pseudorandom number generators", OOPSLA 2014).

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{Verdict, shell};

const SELLERS: [&str; 4] = ["LNK", "OMA", "KC", "DEN"];
/// Name and price in cents.
const PRODUCTS: [(&str, u64); 3] = [
    ("Toothpaste", 499),
    ("Toothbrush", 399),
    ("Dental Floss", 199),
];
const TOOTHBRUSH: usize = 1;
const DENTAL_FLOSS: usize = 2;
const DENVER: usize = 3;
/// Price of a toothbrush from 2023-07-25 on.
const TOOTHBRUSH_SALE_CENTS: u64 = 349;
/// 2023-08-01 00:00:00 UTC in ms.
const STREAM_START_MS: u64 = 1_690_848_000_000;
const CSV_FILES: u64 = 4;

struct Options {
    rows: u64,
    seed: u64,
    folder: PathBuf,
}

/// Writes all files.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    let options = Options::parse(arguments)?;
    for (name, content) in files(options.rows, options.seed) {
        let path = options.folder.join(name);
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, content))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{}", options.folder.display());
    Ok(Verdict::Passed)
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let folder = shell::root().join("examples/sales/data");
        let mut options = Options {
            rows: 2_000,
            seed: 1,
            folder,
        };
        for pair in arguments.chunks(2) {
            let [flag, value] = pair else {
                bail!("'{}' wants a value", pair[0])
            };
            let number = || {
                let number = value.parse::<u64>();
                number.with_context(|| format!("'{flag}' wants a number, found '{value}'"))
            };
            match flag.as_str() {
                "--rows" => options.rows = number()?,
                "--seed" => options.seed = number()?,
                "--to" => options.folder = PathBuf::from(value),
                _ => bail!("unknown option '{flag}'; known: --rows, --seed, --to"),
            }
        }
        Ok(options)
    }
}

/// Name and content of each file.
fn files(rows: u64, seed: u64) -> Vec<(String, String)> {
    let mut files = vec![("sales.jsonl".to_string(), stream(rows, seed))];
    for number in 0..CSV_FILES {
        let from = rows * number / CSV_FILES;
        let to = rows * (number + 1) / CSV_FILES;
        let mut chance = Chance(seed ^ (0xC5F_0000 + number));
        let lines = (from..to).map(|_| csv_line(&mut chance)).collect();
        files.push((format!("csv-input/part-{}.csv", number + 1), lines));
    }
    files
}

/// The stream in the order of arrival.
fn stream(rows: u64, seed: u64) -> String {
    let mut chance = Chance(seed);
    let mut sale_ts = STREAM_START_MS;
    let mut sales: Vec<(u64, String)> = (0..rows)
        .map(|number| {
            sale_ts += chance.between(200, 800);
            let arrival = sale_ts + delay_ms(number, &mut chance);
            (arrival, json_line(sale_ts, &mut chance))
        })
        .collect();
    sales.sort_by_key(|(arrival, _)| *arrival);
    sales.into_iter().map(|(_, line)| line).collect()
}

fn delay_ms(number: u64, chance: &mut Chance) -> u64 {
    if number % 250 == 125 {
        chance.between(60_000, 90_000)
    } else if chance.between(1, 10) <= 3 {
        chance.between(1, 4_999)
    } else {
        0
    }
}

fn json_line(sale_ts: u64, chance: &mut Chance) -> String {
    let seller = SELLERS[chance.below(SELLERS.len())];
    let (product, cents) = PRODUCTS[chance.below(PRODUCTS.len())];
    let quantity = chance.between(1, 5);
    let mut line = String::new();
    writeln!(
        line,
        r#"{{"seller_id":"{seller}","product":"{product}","quantity":{quantity},"product_price":{},"sale_ts":{sale_ts}}}"#,
        Price(cents)
    )
    .expect("a string takes any text");
    line
}

fn csv_line(chance: &mut Chance) -> String {
    let seller = chance.below(SELLERS.len());
    let product = chance.below(if seller == DENVER {
        DENTAL_FLOSS
    } else {
        PRODUCTS.len()
    });
    let quantity = chance.between(1, 5);
    let day = chance.between(1, 31);
    let (name, mut cents) = PRODUCTS[product];
    if product == TOOTHBRUSH && day >= 25 {
        cents = TOOTHBRUSH_SALE_CENTS;
    }
    format!(
        "{},{name},{quantity},{},2023-07-{day:02}\n",
        SELLERS[seller],
        Price(cents)
    )
}

/// Cents, written as `4.99`.
struct Price(u64);

impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Both ends included. The bias of the remainder is below 2^-40 for ranges this small.
    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_what_the_generator_writes() {
        let options = Options::parse(&[]).unwrap();
        for (name, content) in files(options.rows, options.seed) {
            let committed = std::fs::read_to_string(options.folder.join(&name)).unwrap();
            assert!(
                committed == content,
                "{name} differs; run `cargo xtask sales-data`"
            );
        }
    }

    #[test]
    fn every_row_is_written_once_whatever_their_number() {
        for rows in [0, 1, 7, 250] {
            let lines: Vec<usize> = files(rows, 5)
                .iter()
                .map(|(_, c)| c.lines().count())
                .collect();
            assert_eq!(lines[0] as u64, rows);
            assert_eq!(lines[1..].iter().sum::<usize>() as u64, rows);
        }
    }

    #[test]
    fn a_sale_comes_at_most_five_seconds_late_but_for_one_in_250() {
        let text = stream(1_000, 3);
        let mut newest = 0;
        let mut late = 0;
        for line in text.lines() {
            let sale: serde_json::Value = serde_json::from_str(line).unwrap();
            let sale_ts = sale["sale_ts"].as_u64().unwrap();
            newest = newest.max(sale_ts);
            late += u64::from(newest - sale_ts >= 5_000);
        }
        assert_eq!(late, 4);
    }

    #[test]
    fn files_go_where_the_owner_says() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().display().to_string();
        let words = ["--rows", "8", "--to", &to].map(String::from);
        assert_eq!(run(&words).unwrap(), Verdict::Passed);
        assert!(folder.path().join("csv-input/part-4.csv").exists());
        assert!(run(&["--rows".to_string()]).is_err());
    }
}
