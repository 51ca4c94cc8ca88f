use std::path::Path;

use millstream_tests::reference::{flights, root, sales};

use crate::{millstream, values};

/// The final rows of an example, run in a copy of its folder so that nothing is left in the tree.
fn rows(example: &str, parallelism: &str, folder: &Path) -> (String, String) {
    copy(&root().join("examples"), &folder.join("examples"));
    let arguments = [
        "run",
        example,
        "--result",
        "final",
        "--format",
        "json",
        "--parallelism",
        parallelism,
    ];
    let output = millstream(folder, &arguments);
    let messages = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{example}: {messages}");
    (String::from_utf8(output.stdout).unwrap(), messages)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn flights_have_the_delays_and_the_late_rows_of_the_plain_computation() {
    let wanted = flights::january();
    for parallelism in ["1", "2", "7"] {
        let folder = tempfile::tempdir().unwrap();
        let (found, messages) = rows("examples/flights/delays.sql", parallelism, folder.path());
        assert_eq!(values(&found), values(&wanted.lines()));
        assert!(
            messages.contains("2,315 late rows") || messages.contains("2315 late rows"),
            "{messages}"
        );
        let mut late: Vec<String> = wanted
            .late
            .iter()
            .map(|r| second(r.event_time_ms))
            .collect();
        late.sort();
        assert_eq!(
            event_times(&folder.path().join("out/late-departures")),
            late
        );
    }
}

/// `yyyy-MM-dd HH:mm:ss` of a time in ms.
fn second(ms: i64) -> String {
    millstream_core::time::format_millis(ms)[..19].to_string()
}

/// The event times of the late rows in the files of a folder, sorted.
fn event_times(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.starts_with('.'), "'{name}' was left behind");
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            found.push(row["event_time"].as_str().unwrap()[..19].to_string());
        }
    }
    found.sort();
    found
}

#[test]
fn sales_by_batch_are_those_of_the_plain_computation() {
    let wanted = sales::batch();
    let folder = tempfile::tempdir().unwrap();
    let (found, _) = rows("examples/sales/batch.sql", "2", folder.path());
    let both = format!("{}{}", wanted.seller_lines(), wanted.product_lines());
    assert_eq!(values(&found), values(&both));
}

#[test]
fn sales_by_event_time_are_those_of_the_plain_computation() {
    let wanted = sales::stream();
    for parallelism in ["1", "7"] {
        let folder = tempfile::tempdir().unwrap();
        let (found, messages) = rows("examples/sales/event-time.sql", parallelism, folder.path());
        assert_eq!(values(&found), values(&wanted.lines()));
        assert!(
            messages.contains(&format!("{} late rows", wanted.late.len())),
            "{messages}"
        );
    }
}

#[test]
fn sales_by_processing_time_lose_nothing() {
    let wanted = sales::stream();
    // In a sliding window of three slides every sale counts three times.
    for (example, times) in [("tumbling", 1), ("sliding", 3)] {
        let folder = tempfile::tempdir().unwrap();
        let (found, _) = rows(&format!("examples/sales/{example}.sql"), "2", folder.path());
        let mut revenue = std::collections::BTreeMap::new();
        for line in found.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let seller = row["seller_id"].as_str().unwrap().to_string();
            let sales = row["window_sales"].to_string();
            *revenue.entry(seller).or_insert(0) += cents(&sales);
        }
        let wanted: std::collections::BTreeMap<String, i64> = wanted
            .revenue
            .iter()
            .map(|(seller, cents)| (seller.to_string(), *cents * times))
            .collect();
        assert_eq!(revenue, wanted, "{example}");
    }
}

/// Cents of an amount written with two digits.
fn cents(text: &str) -> i64 {
    let (whole, part) = text.trim_matches('"').split_once('.').unwrap();
    assert_eq!(part.len(), 2, "{text}");
    whole.parse::<i64>().unwrap() * 100 + part.parse::<i64>().unwrap()
}
