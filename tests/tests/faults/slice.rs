//! What `cargo test` runs of the faults, and the door for `cargo xtask faults`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_faultkit::cases::{Options, Report, State, run};
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
fn f15_damage_is_noticed_and_named() {
    try_some("F15", 1);
}

#[test]
fn f16_a_missing_file_is_told() {
    try_some("F16", 1);
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
fn f33_files_appear_whole_or_not_at_all() {
    try_some("F33", 3);
}

#[test]
fn f40_every_number_of_subtasks_restores_every_other() {
    try_some("F40", 1);
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
    let reports = run(CASES, &options).expect("reports");
    let failed = failures(&reports);
    assert!(
        failed.is_empty(),
        "{failed}\nfolders kept in '{}'",
        folder.display()
    );
}
