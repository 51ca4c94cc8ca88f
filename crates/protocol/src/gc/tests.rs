use super::*;

fn held(lineage: &str, number: u64, files: &[&str]) -> Held {
    let files = Some(files.iter().map(|f| (*f).to_owned()).collect());
    Held {
        lineage: lineage.to_owned(),
        number,
        files,
    }
}

fn noted(lineage: &str, number: u64, committed: bool) -> Noted {
    Noted {
        lineage: lineage.to_owned(),
        number,
        committed,
    }
}

fn stored(path: &str, lineage: &str, checkpoint: u64) -> Stored {
    Stored {
        path: path.to_owned(),
        lineage: lineage.to_owned(),
        checkpoint,
    }
}

/// Checkpoints 1 to 6, 4 aborted; `a` is still used by 6, `b` by nobody that is kept, `g` belongs
/// to a checkpoint whose upload has just begun.
fn seen() -> Seen {
    Seen {
        lineage: "us".to_owned(),
        replaced: vec!["old".to_owned()],
        manifests: vec![
            held("us", 1, &["a"]),
            held("us", 2, &["a", "b"]),
            held("us", 3, &["a", "c"]),
            held("us", 4, &["a", "d"]),
            held("us", 5, &["a", "e"]),
            held("us", 6, &["a", "f"]),
        ],
        markers: vec![
            noted("us", 1, true),
            noted("us", 2, true),
            noted("us", 3, true),
            noted("us", 4, false),
            noted("us", 5, true),
            noted("us", 6, true),
        ],
        files: ["a", "b", "c", "d", "e", "f", "g"]
            .iter()
            .zip(1..)
            .map(|(path, number)| stored(path, "us", number))
            .collect(),
        pinned: Vec::new(),
        boundary: 0,
        keep: KEEP_MIN,
    }
}

fn numbers(list: &[(String, u64)]) -> Vec<u64> {
    list.iter().map(|(_, number)| *number).collect()
}

#[test]
fn three_committed_checkpoints_stay_and_aborted_ones_do_not_count() {
    let sweep = sweep(&seen());
    assert_eq!(sweep.boundary, 3);
    assert_eq!(numbers(&sweep.manifests), [1, 2]);
    assert_eq!(numbers(&sweep.markers), [1, 2]);
    assert_eq!(sweep.files, ["b"]);
}

#[test]
fn nothing_goes_before_there_are_enough_committed_checkpoints() {
    let mut seen = seen();
    seen.keep = 6;
    assert!(sweep(&seen).is_empty());
}

#[test]
fn a_file_that_a_savepoint_or_a_kept_manifest_refers_to_stays() {
    let mut seen = seen();
    seen.pinned = vec!["b".to_owned()];
    assert_eq!(sweep(&seen).files, Vec::<String>::new());
    seen.keep = 1;
    assert_eq!(sweep(&seen).files, ["c", "d", "e"]);
}

#[test]
fn a_file_no_manifest_names_yet_stays_while_its_number_is_alive() {
    let mut seen = seen();
    seen.keep = 1;
    seen.manifests.retain(|m| m.number < 6);
    assert!(!sweep(&seen).files.contains(&"g".to_owned()));
}

#[test]
fn an_orphan_of_a_dead_number_goes() {
    let mut seen = seen();
    seen.files.push(stored("orphan", "us", 2));
    assert_eq!(sweep(&seen).files, ["b", "orphan"]);
}

#[test]
fn no_file_goes_while_a_kept_manifest_cannot_be_read() {
    let mut seen = seen();
    seen.manifests[4].files = None;
    let sweep = sweep(&seen);
    assert_eq!(numbers(&sweep.manifests), [1, 2]);
    assert_eq!(sweep.files, Vec::<String>::new());
}

#[test]
fn the_boundary_never_goes_back_and_what_is_below_it_is_swept_again() {
    let mut seen = seen();
    seen.boundary = 5;
    seen.markers.retain(|m| m.number <= 5);
    let sweep = sweep(&seen);
    assert_eq!(sweep.boundary, 5);
    assert_eq!(numbers(&sweep.manifests), [1, 2, 3, 4]);
    assert_eq!(numbers(&sweep.markers), [1, 2, 3, 4]);
}

#[test]
fn replaced_lineages_go_once_ours_has_enough_and_what_we_still_use_of_them_stays() {
    let mut seen = seen();
    seen.manifests.push(held("old", 9, &["x", "y"]));
    seen.markers.push(noted("old", 9, true));
    seen.files
        .extend([stored("x", "old", 8), stored("y", "old", 9)]);
    seen.manifests[5].files = Some(vec!["x".to_owned()]);
    let swept = sweep(&seen);
    assert!(swept.manifests.contains(&("old".to_owned(), 9)));
    assert!(swept.markers.contains(&("old".to_owned(), 9)));
    assert!(swept.files.contains(&"y".to_owned()) && !swept.files.contains(&"x".to_owned()));

    seen.markers.retain(|m| m.number > 4);
    assert!(sweep(&seen).is_empty(), "two of our own are not enough");
}

#[test]
fn a_lineage_that_ours_did_not_replace_is_left_alone() {
    let mut seen = seen();
    let before = sweep(&seen);
    seen.manifests.push(held("new", 1, &["n"]));
    seen.markers.push(noted("new", 1, true));
    seen.files.push(stored("n", "new", 1));
    assert_eq!(sweep(&seen), before);
}

#[test]
fn sweeping_twice_finds_nothing_more() {
    let mut seen = seen();
    let first = sweep(&seen);
    seen.boundary = first.boundary;
    seen.manifests
        .retain(|m| !numbers(&first.manifests).contains(&m.number));
    seen.markers
        .retain(|m| !numbers(&first.markers).contains(&m.number));
    seen.files.retain(|f| !first.files.contains(&f.path));
    let second = sweep(&seen);
    assert!(second.is_empty());
    assert_eq!(second.boundary, first.boundary);
}
