//! Appends per second and their latency on this machine: `--ignored --nocapture bench`.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::super::{Journal, Options, Record};
use super::clock;

async fn measure(appenders: usize, records: usize, interval_ms: u64) {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let options = Options {
        flush_interval: Duration::from_millis(interval_ms),
        ..Options::default()
    };
    let journal = Journal::open(folder.path(), options, Arc::clone(&clock)).unwrap();
    let start = clock.elapsed();
    let until = start + Duration::from_secs(3);
    let tasks = (0..appenders).map(|_| {
        let (journal, clock) = (journal.clone(), Arc::clone(&clock));
        async move {
            let mut took = Vec::new();
            while clock.elapsed() < until {
                let batch = vec![Record::new("bench", 0, vec![b'x'; 200]); records];
                let begun = clock.elapsed();
                journal.append(batch).await.unwrap();
                took.push(clock.elapsed() - begun);
            }
            took
        }
    });
    let mut took: Vec<Duration> = join_all(tasks).await.into_iter().flatten().collect();
    let seconds = (clock.elapsed() - start).as_secs_f64();
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
    eprintln!(
        "{appenders:>3} appenders × {records:>4} records, flush {interval_ms:>2} ms: {:>8.0} appends/s {:>9.0} \
         records/s  p50 {:>8.2?}  p99 {:>8.2?}",
        took.len() as f64 / seconds,
        (took.len() * records) as f64 / seconds,
        at(0.5),
        at(0.99),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn bench() {
    for interval_ms in [10, 0] {
        measure(1, 1, interval_ms).await;
        measure(64, 1, interval_ms).await;
        measure(1000, 1, interval_ms).await;
        measure(8, 500, interval_ms).await;
    }
    let read = tempfile::tempdir().unwrap();
    let clock = clock();
    let journal = Journal::open(read.path(), Options::default(), Arc::clone(&clock)).unwrap();
    for _ in 0..400 {
        let batch = vec![Record::new("bench", 0, vec![b'x'; 200]); 1000];
        journal.append(batch).await.unwrap();
    }
    let start = clock.elapsed();
    let mut reader = journal.reader(0).unwrap();
    let mut count = 0;
    while count < 400_000 {
        count += reader.next(8192).await.unwrap().len();
    }
    let seconds = (clock.elapsed() - start).as_secs_f64();
    eprintln!("read: {:.0} records/s", f64::from(400_000) / seconds);
    journal.close().await.unwrap();
    drop(reader);
    let start = clock.elapsed();
    drop(Journal::open(read.path(), Options::default(), Arc::clone(&clock)).unwrap());
    eprintln!("open: {:?}", clock.elapsed() - start);
}
