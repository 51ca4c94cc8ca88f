//! The page about every figure, from the files that are kept.

use serde_json::Value;

use super::{Better, known};

const HEAD: &str = "\
# Scoreboard

What was measured last, one file per figure in `score/`; a later run replaces an earlier one, better or worse. Written
by `cargo xtask score`; `cargo xtask score ID` measures one again. Sender, broker, job and reader share the processors
of the machine that is named. A *short run* was shorter than its figure wants, so it reaches nothing.

";

/// Keys of a file that have a column, or say nothing to a reader.
const SHOWN: [&str; 14] = [
    "id",
    "figure",
    "unit",
    "floor",
    "passes",
    "runs",
    "seed",
    "build",
    "commit",
    "date",
    "machine",
    "duration_s",
    "cores",
    "short",
];

/// The page; each file with its id.
pub(super) fn page(files: &[(String, Value)]) -> String {
    let mut text = HEAD.to_string();
    text.push_str(
        "| Figure | Found | Wanted | Reached | Runs | What | Build | Last run |\n|---|---:|---:|---|---:|---|---|---|\n",
    );
    for (id, file) in files {
        let word = |key: &str| file[key].as_str().unwrap_or_default();
        let wanted = match known(id) {
            Some((Better::More, floor)) => format!("≥ {}", number(floor)),
            Some((Better::Less, floor)) => format!("≤ {}", number(floor)),
            None => String::new(),
        };
        let reached = match (&file["passes"], &file["short"]) {
            (Value::Bool(true), _) => "yes",
            (_, Value::Bool(true)) => "short run",
            _ => "no",
        };
        text.push_str(&format!(
            "| `{id}` | {} | {wanted} | {reached} | {} | {} | {} | {}, `{}` |\n",
            number(file["figure"].as_f64().unwrap_or_default()),
            file["runs"],
            word("unit").replace('|', "\\|"),
            word("build"),
            word("date"),
            word("commit"),
        ));
    }
    for (id, file) in files {
        text.push_str(&section(id, file));
    }
    text
}

fn section(id: &str, file: &Value) -> String {
    let mut text = format!(
        "\n## {id}\n\n{}; seed {}, {} s in all.\n\n",
        file["machine"].as_str().unwrap_or_default(),
        file["seed"],
        file["duration_s"]
    );
    let Some(fields) = file.as_object() else {
        return text;
    };
    for (key, value) in fields {
        if !SHOWN.contains(&key.as_str()) {
            text.push_str(&format!("- {}: {}\n", key.replace('_', " "), shown(value)));
        }
    }
    text
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(found) => found.as_f64().map_or_else(|| found.to_string(), number),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let each = fields.iter().map(|(key, value)| match value {
                Value::Object(_) => format!("{} ({})", key.replace('_', " "), shown(value)),
                _ => format!("{} {}", key.replace('_', " "), shown(value)),
            });
            each.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// `1234567.0` as `1,234,567`, and `0.5` as it is.
fn number(number: f64) -> String {
    if number.fract() != 0.0 || number.abs() >= 1e15 {
        return number.to_string();
    }
    let digits = format!("{}", number.abs() as u64);
    let mut text = String::from(if number < 0.0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_figure_stands_in_the_table_and_has_its_details() {
        let file = json!({"figure": 160_000.0, "unit": "events/s", "passes": true, "runs": 1, "seed": 1,
            "build": "release", "commit": "abc", "date": "2026-11-21", "machine": "2 cores", "duration_s": 9,
            "lag_max_s": 1.5, "cpu": {"job": {"cores": 0.7}}});
        let page = page(&[("load".to_string(), file)]);
        assert!(
            page.contains("| `load` | 160,000 | ≥ 150,000 | yes | 1 | events/s | release | 2026-11-21, `abc` |"),
            "{page}"
        );
        assert!(page.contains("- lag max s: 1.5\n"), "{page}");
        assert!(page.contains("- cpu: job (cores 0.7)\n"), "{page}");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(
            [0.0, 999.0, -1_234_567.0, 0.25].map(number),
            ["0", "999", "-1,234,567", "0.25"]
        );
    }
}
