use super::*;

fn case(id: &'static str, tries: u32, run: fn(&mut Context) -> Result<()>) -> Case {
    Case {
        id,
        what: "a fault | with a bar",
        invariants: &[Invariant::Nl, Invariant::Eq],
        plan: Plan::Run {
            tries,
            deadline: Duration::from_secs(5),
            run,
        },
    }
}

fn run_in(folder: &Path, cases: &[Case]) -> Vec<Report> {
    run(cases, &Options::new(7, folder)).unwrap()
}

#[test]
fn every_try_has_its_own_seed_and_folder_and_survives_when_all_do() {
    let folder = tempfile::tempdir().unwrap();
    let report = &run_in(
        folder.path(),
        &[case("F01", 3, |context| {
            assert_eq!(fs::read_dir(&context.folder).unwrap().count(), 0);
            fs::write(context.folder.join("evidence"), "x").unwrap();
            context.figure("seed", context.seed);
            Ok(())
        })],
    )[0];
    assert_eq!((report.state, report.tries), (State::Survived, 3));
    assert_eq!(report.figures["seed"], Value::from(seed_of(7, "F01", 2)));
    assert_ne!(seed_of(7, "F01", 0), seed_of(7, "F01", 1));
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "folders of good tries are gone"
    );
}

#[test]
fn the_first_failure_ends_a_case_and_keeps_seed_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    let bad = seed_of(7, "F02", 1);
    assert_eq!(bad, seed_of(7, "F02", 1));
    let report = &run_in(
        folder.path(),
        &[case("F02", 5, |context| {
            fs::write(context.folder.join("evidence"), "x").unwrap();
            match context.seed == seed_of(7, "F02", 1) {
                true => Err(Error::internal("3 rows lost")),
                false => Ok(()),
            }
        })],
    )[0];
    assert_eq!((report.state, report.tries), (State::Failed, 2));
    assert_eq!(report.failed_seed, Some(bad));
    assert!(report.reason.as_ref().unwrap().contains("3 rows lost"));
    assert!(folder.path().join("F02-00001/evidence").is_file());
    assert!(!folder.path().join("F02-00000").exists());
}

#[test]
fn a_panic_fails_its_case_only() {
    let folder = tempfile::tempdir().unwrap();
    let reports = run_in(
        folder.path(),
        &[
            case("F03", 1, |_| panic!("oh {}", "no")),
            case("F04", 1, |_| Ok(())),
        ],
    );
    assert_eq!(reports[0].reason.as_deref(), Some("panicked: oh no"));
    assert_eq!(reports[1].state, State::Survived);
}

#[test]
fn a_hanging_try_ends_the_run_and_the_rest_is_said_to_be_untried() {
    let folder = tempfile::tempdir().unwrap();
    let hanging = Case {
        plan: Plan::Run {
            tries: 1,
            deadline: Duration::from_millis(50),
            run: |_| {
                std::thread::sleep(Duration::from_secs(3));
                Ok(())
            },
        },
        ..case("F05", 1, |_| Ok(()))
    };
    let reports = run_in(folder.path(), &[hanging, case("F06", 1, |_| Ok(()))]);
    assert_eq!(reports[0].state, State::Failed);
    assert!(
        reports[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("did not end within")
    );
    assert_eq!(reports[1].state, State::Gap);
}

#[test]
fn a_budget_that_is_used_up_is_a_gap_and_not_a_success() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        budget: Duration::ZERO,
        ..Options::new(1, folder.path())
    };
    let reports = run(&[case("F01", 1, |_| Ok(()))], &options).unwrap();
    assert_eq!(reports[0].state, State::Gap);
}

#[test]
fn chosen_cases_are_reported_as_lines_that_read_back_and_as_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.jsonl");
    let gap = Case {
        plan: Plan::Gap("no broker yet"),
        ..case("F21", 1, |_| Ok(()))
    };
    let options = Options {
        only: vec!["F0".into(), "F21".into()],
        tries_max: 2,
        report: Some(path.clone()),
        ..Options::new(1, folder.path())
    };
    let cases = [case("F01", 9, |_| Ok(())), case("F11", 1, |_| Ok(())), gap];
    let reports = run(&cases, &options).unwrap();
    assert_eq!(read_reports(&path).unwrap(), reports);
    expect_test::expect![[r#"
        | Case | Fault | Invariants | State | Tries |
        |---|---|---|---|---|
        | F01 | a fault \| with a bar | NL EQ | survived | 2 |
        | F21 | a fault \| with a bar | NL EQ | known gap: no broker yet | 0 |
    "#]]
    .assert_eq(&markdown(&reports));
    fs::write(&path, "{}\n").unwrap();
    assert!(
        read_reports(&path)
            .unwrap_err()
            .message()
            .contains("line 1")
    );
}
