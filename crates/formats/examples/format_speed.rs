//! How fast the formats are on one core: `cargo run --release -p millstream-formats --example format_speed`.
//!
//! Decodes and encodes made-up bids (JSON lines of about 250 bytes, of which 100 to 200 are the
//! `extra` field, as in Nexmark), all columns and few of them, and flights (CSV). Prints the best
//! of several runs.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock and prints"
)]

use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use millstream_core::format::Decoder;
use millstream_core::options::Options;
use millstream_core::types::{ColumnType, SqlType};

const ROWS: u64 = 400_000;
const RUNS: usize = 5;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn schema(columns: &[(&str, SqlType)]) -> SchemaRef {
    let field = |(name, sql): &(&str, SqlType)| ColumnType::nullable(sql.clone()).field(name);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn bid() -> SchemaRef {
    schema(&[
        ("auction", SqlType::BigInt),
        ("bidder", SqlType::BigInt),
        ("price", SqlType::BigInt),
        ("channel", SqlType::STRING),
        ("url", SqlType::STRING),
        ("dateTime", SqlType::Timestamp(3)),
        ("extra", SqlType::STRING),
    ])
}

fn bids() -> Outcome<String> {
    let mut text = String::new();
    let mut seed = 7u64;
    for i in 0..ROWS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let extra = "abcdefghij".repeat(10 + (seed >> 60) as usize * 2 / 3);
        writeln!(
            text,
            "{{\"auction\":{},\"bidder\":{},\"price\":{},\"channel\":\"Google\",\
             \"url\":\"https://www.nexmark.com/abc/def/ghi/item.htm?query=1&channel_id={}\",\
             \"dateTime\":\"2020-01-01 {:02}:{:02}:{:02}.{:03}\",\"extra\":\"{extra}\"}}",
            1000 + (seed >> 50),
            1000 + (seed >> 48),
            seed >> 40,
            seed >> 44,
            i / 3_600_000 % 24,
            i / 60_000 % 60,
            i / 1000 % 60,
            i % 1000,
        )?;
    }
    Ok(text)
}

fn flight() -> SchemaRef {
    schema(&[
        ("id", SqlType::BigInt),
        ("carrier", SqlType::STRING),
        ("flight", SqlType::Int),
        ("tailnum", SqlType::STRING),
        ("origin", SqlType::STRING),
        ("dest", SqlType::STRING),
        ("sched_dep", SqlType::Timestamp(3)),
        ("dep", SqlType::Timestamp(3)),
        ("dep_delay", SqlType::Int),
        ("arr_delay", SqlType::Int),
        ("air_time", SqlType::Int),
        ("distance", SqlType::Int),
    ])
}

fn flights() -> Outcome<String> {
    let mut text = String::new();
    for i in 0..ROWS {
        writeln!(
            text,
            "{i},UA,{},N{},EWR,IAH,2013-01-01 {:02}:{:02}:00,2013-01-01 10:17:00,{},{},227,1400",
            i % 5000,
            10_000 + i % 20_000,
            i / 60 % 24,
            i % 60,
            (i % 90) as i64 - 20,
            (i % 80) as i64 - 30,
        )?;
    }
    Ok(text)
}

/// Decodes all of `input` in pieces of 256 KiB, as a file reader would.
fn decode(decoder: &mut dyn Decoder, input: &[u8]) -> Outcome<Vec<RecordBatch>> {
    const PIECE: usize = 256 << 10;
    let (mut begin, mut end, mut batches) = (0, 0, Vec::new());
    while begin < input.len() {
        end = (end + PIECE).min(input.len());
        let last = end == input.len();
        loop {
            begin += decoder.decode(&input[begin..end], last)?;
            if !decoder.is_full() {
                break;
            }
            batches.push(decoder.flush()?);
        }
    }
    batches.push(decoder.flush()?);
    match decoder.take_bad().first() {
        Some(bad) => Err(bad.reason.clone().into()),
        None => Ok(batches),
    }
}

fn best<T>(name: &str, bytes: usize, mut run: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let mut seconds = f64::MAX;
    let mut result = None;
    for _ in 0..RUNS {
        let start = Instant::now();
        result = Some(run()?);
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    let (megabytes, rows) = (bytes as f64 / 1e6, ROWS as f64 / 1e6);
    println!(
        "{name:<28} {:>7.0} MB/s {:>7.2} M rows/s",
        megabytes / seconds,
        rows / seconds
    );
    result.ok_or_else(|| "nothing was run".into())
}

fn measure(name: &str, schema: &SchemaRef, few: &[usize], text: &str) -> Outcome<()> {
    let format = millstream_formats::format(name)?;
    let options = Options::default();
    let input = text.as_bytes();
    let batches = best(&format!("{name} decode, all columns"), input.len(), || {
        let mut decoder = format.decoder(SchemaRef::clone(schema), &options)?;
        decode(decoder.as_mut(), input)
    })?;
    best(
        &format!("{name} decode, {} columns", few.len()),
        input.len(),
        || {
            let mut decoder = format.projected_decoder(SchemaRef::clone(schema), few, &options)?;
            decode(decoder.as_mut(), input)
        },
    )?;
    best(&format!("{name} encode"), input.len(), || {
        let mut encoder = format.encoder(SchemaRef::clone(schema), &options)?;
        let (mut out, mut ends) = (Vec::new(), Vec::new());
        for batch in &batches {
            out.clear();
            ends.clear();
            encoder.encode(batch, &mut out, &mut ends)?;
        }
        Ok(())
    })
}

fn main() -> Outcome<()> {
    measure("json", &bid(), &[2, 5], &bids()?)?;
    measure("csv", &flight(), &[1, 7, 8], &flights()?)
}
