//! The page about every fault, from the lines that are kept.

use serde_json::Value;

const HEAD: &str = "\
# Faults

Every fault of the list, and what became of it. Written by `cargo xtask faults`; `cargo xtask faults F03 --seed 7`
repeats one, and `--full` takes the long form of those that have one: five minutes without a store, ten without a
sink, half an hour of everything, a million mutated inputs. *Survived* means: in every try, nothing was lost, nothing
came twice, and the result was that of a run without faults, compared row by row with an independent computation, for
a `read_committed` reader that read along the whole time. Zero failures in *n* tries leave, at 95 %, at most 3/*n* per
try, so *n* is always shown.

Nothing is imitated that can be had: the binary is the real one, so are the Kafka broker and the S3 server; disks that
are full or lose their power are file systems of the kernel in a namespace of their own (root, Linux), and only the
network between them is ours, a proxy that knows what passes. A process that hangs leaves the state and the stack of
each of its threads beside its logs.

A case that is *covered* has tests of its own elsewhere, which run with every `cargo xtask test`. A *known gap* is not
tried, and the reason is given.

";

/// The page.
pub(super) fn page(cases: &[Value]) -> String {
    let of = |state: &str| cases.iter().filter(|case| shown(case).0 == state).count();
    let mut text = HEAD.to_string();
    text.push_str(&format!(
        "Of {} rows {} survived, {} are covered, {} failed, {} are known gaps.\n\n",
        cases.len(),
        of("survived"),
        of("covered"),
        of("failed"),
        of("known gap")
    ));
    text.push_str(
        "| Case | Fault | Must hold | State | Tries | Last run |\n|---|---|---|---|---|---|\n",
    );
    for case in cases {
        let word = |key: &str| case[key].as_str().unwrap_or_default();
        let invariants: Vec<&str> = case["invariants"]
            .as_array()
            .map(|all| all.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let (state, reason) = shown(case);
        let state = match (state, reason) {
            (state, "") => state.to_string(),
            (state, reason) => format!("{state}: {}", reason.replace('|', "\\|")),
        };
        let tries = case["tries"].as_u64().filter(|tries| *tries > 0);
        let (tries, run) = match tries {
            Some(tries) => (
                tries.to_string(),
                format!("{}, `{}`", word("date"), word("commit")),
            ),
            None => (String::new(), String::new()),
        };
        text.push_str(&format!(
            "| {} | {} | {} | {state} | {tries} | {run} |\n",
            word("case"),
            word("what").replace('|', "\\|"),
            invariants.join(" "),
        ));
    }
    text
}

/// The state of a case in the words of the page, and why.
fn shown(case: &Value) -> (&'static str, &str) {
    let reason = case["reason"].as_str().unwrap_or_default();
    match case["state"].as_str().unwrap_or_default() {
        "survived" => ("survived", ""),
        "failed" => ("failed", reason),
        _ => match reason.strip_prefix("covered by ") {
            Some(tests) => ("covered", tests),
            None => ("known gap", reason),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_says_what_became_of_its_case() {
        let cases = [
            json!({"case": "F01", "what": "a", "invariants": ["NL"], "state": "survived", "tries": 9,
                   "date": "2026-11-20", "commit": "abc"}),
            json!({"case": "F05", "what": "b", "invariants": [], "state": "gap", "tries": 0,
                   "reason": "covered by `x`"}),
            json!({"case": "F07", "what": "c", "invariants": [], "state": "gap", "tries": 0,
                   "reason": "no catalog"}),
        ];
        let page = page(&cases);
        assert!(
            page.contains("| F01 | a | NL | survived | 9 | 2026-11-20, `abc` |"),
            "{page}"
        );
        assert!(
            page.contains("| F05 | b |  | covered: `x` |  |  |"),
            "{page}"
        );
        assert!(
            page.contains("| F07 | c |  | known gap: no catalog |  |  |"),
            "{page}"
        );
        assert!(page.contains("Of 3 rows 1 survived, 1 are covered, 0 failed, 1 are known gaps"));
    }
}
