//! What `cargo test` runs of the faults, and the door for `cargo xtask faults`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_faultkit::cases::{Options, Plan, Report, State, run};
use millstream_faultkit::disk::Disk;
use millstream_faultkit::services;

use crate::table::CASES;

/// The seed of the slice: the same each time, so that a failure is the change's and not the day's.
const SEED: u64 = 20_261_120;

fn try_some(id: &str, tries_max: u32) {
    if services::needed(services::kafka()).is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder for tries");
    let mut options = Options::new(SEED, folder.path());
    options.only = vec![id.into()];
    let cases: Vec<_> = CASES.iter().filter(|case| case.id == id).copied().collect();
    options.tries_max = tries_max;
    let reports = run(&cases, &options).expect("reports");
    if reports.iter().any(|report| report.state == State::Failed) {
        let kept = folder.keep();
        panic!("{}: folder kept: {}", failures(&reports), kept.display());
    }
    assert!(
        reports.iter().any(|report| report.tries > 0),
        "{id} was not tried"
    );
}

/// Whether disks of one's own cannot be made here, which is said.
fn no_disks() -> bool {
    let missing = Disk::missing();
    if let Some(what) = &missing {
        eprintln!("skipped, no disks can be made: {what}");
    }
    missing.is_some()
}

fn failures(reports: &[Report]) -> String {
    let failed = reports
        .iter()
        .filter(|report| report.state == State::Failed);
    failed
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn f01_a_kill_at_a_step_of_a_checkpoint() {
    try_some("F01", 4);
}

#[test]
fn f02_a_kill_at_a_step_and_again_while_restarting() {
    try_some("F02", 3);
}

#[test]
fn f03_kills_at_random_times_with_busy_processors() {
    try_some("F03", 4);
}

#[test]
fn f05_a_power_cut_takes_nothing_that_was_promised() {
    if no_disks() {
        return;
    }
    try_some("F05", 1);
}

#[test]
fn f06_a_panic_restarts_the_job_in_its_process() {
    try_some("F06", 3);
}

#[test]
fn f08_a_stop_drains_and_the_next_run_goes_on() {
    try_some("F08", 1);
}

#[test]
fn f10_a_second_process_is_told_who_the_first_is() {
    try_some("F10", 1);
}

#[test]
fn f13_a_full_disk_is_waited_for() {
    if no_disks() {
        return;
    }
    try_some("F13", 1);
}

#[test]
fn f14_a_disk_that_takes_nothing_is_told() {
    if no_disks() {
        return;
    }
    try_some("F14", 3);
}

#[test]
fn f15_damage_is_noticed_and_named() {
    try_some("F15", 1);
}

#[test]
fn f16_a_missing_file_is_told() {
    try_some("F16", 1);
}

#[test]
fn f17_a_bad_day_of_the_store_costs_only_time() {
    try_some("F17", 1);
}

#[test]
fn f18_a_store_that_was_away_is_found_again() {
    try_some("F18", 1);
}

#[test]
fn f19_what_is_kept_stays_small() {
    try_some("F19", 1);
}

#[test]
fn f20_ten_failed_checkpoints_are_told_and_survived() {
    try_some("F20", 1);
}

#[test]
fn f21_a_broker_that_dies_is_waited_for() {
    try_some("F21", 1);
}

#[test]
fn f22_a_lost_answer_to_a_commit_costs_nothing() {
    try_some("F22", 1);
}

#[test]
fn f24_a_stolen_transactional_id_stops_the_job() {
    try_some("F24", 1);
}

#[test]
fn f25_deleted_input_is_told_with_both_offsets() {
    try_some("F25", 1);
}

#[test]
fn f27_aborted_input_is_never_seen() {
    try_some("F27", 1);
}

#[test]
fn f28_a_bomb_is_refused_within_the_memory() {
    try_some("F28", 1);
}

#[test]
fn f28k_a_message_that_cannot_be_unpacked_is_told() {
    try_some("F28k", 2);
}

#[test]
fn f32_files_that_are_wrong_are_told() {
    try_some("F32", 6);
}

#[test]
fn f33_files_appear_whole_or_not_at_all() {
    try_some("F33", 3);
}

#[test]
fn f36_a_clock_that_jumps_changes_no_result() {
    try_some("F36", 1);
}

#[test]
fn f36p_windows_by_the_wall_clock_hold_each_row_once() {
    try_some("F36p", 1);
}

#[test]
fn f37_an_empty_partition_holds_nobody_back() {
    try_some("F37", 2);
}

#[test]
fn f38_a_restore_between_watermark_and_window_is_exact() {
    try_some("F38", 1);
}

#[test]
fn f39_impossible_times_are_counted_and_close_no_window() {
    try_some("F39", 4);
}

#[test]
fn f40_every_number_of_subtasks_restores_every_other() {
    try_some("F40", 1);
}

#[test]
fn f42_a_changed_shape_never_puts_a_value_into_another_column() {
    try_some("F42", 2);
}

#[test]
fn f45_a_sink_that_stops_is_waited_for_within_the_memory() {
    try_some("F45", 1);
}

#[test]
fn f46_everything_at_once_within_the_memory() {
    try_some("F46", 1);
}

#[test]
fn f47_garbage_hurts_no_neighbour() {
    try_some("F47", 6);
}

/// Not for people: `cargo xtask faults` builds, then runs this with its choices in the environment.
#[test]
#[ignore = "run by `cargo xtask faults`"]
fn every_case() {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let number = |name: &str| variable(name).and_then(|value| value.parse::<u64>().ok());
    let folder = variable("MILLSTREAM_FAULTS_FOLDER").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("millstream-faults"));
    let mut options = Options::new(number("MILLSTREAM_FAULTS_SEED").unwrap_or(SEED), &folder);
    if let Some(only) = variable("MILLSTREAM_FAULTS_ONLY") {
        options.only = only.split(',').map(str::to_owned).collect();
    }
    if let Some(runs) = number("MILLSTREAM_FAULTS_RUNS") {
        options.tries_max = u32::try_from(runs).expect("a number of runs");
    }
    if let Some(seconds) = number("MILLSTREAM_FAULTS_SECONDS") {
        options.budget = Duration::from_secs(seconds);
    }
    options.report = variable("MILLSTREAM_FAULTS_REPORT").map(|path| Path::new(&path).to_owned());
    let mut cases = CASES.to_vec();
    if crate::trial::is_full() {
        for case in &mut cases {
            if let Plan::Run { deadline, .. } = &mut case.plan {
                *deadline = Duration::from_secs(3 * 3_600);
            }
        }
    }
    let reports = run(&cases, &options).expect("reports");
    let failed = failures(&reports);
    assert!(
        failed.is_empty(),
        "{failed}\nfolders kept in '{}'",
        folder.display()
    );
}
