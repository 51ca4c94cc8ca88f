use millstream_core::clock::SystemClock;

use super::*;

/// A job that keeps its progress in a file: counts one up per life and is done at `goal`.
fn job(folder: &Path, body: &str) -> Program {
    let state = folder.join("state");
    let script = format!(
        "n=$(cat {0} 2>/dev/null || echo 0)\n{body}",
        state.display()
    );
    Program::new(
        "/bin/sh",
        &["-c", &script.replace("STATE", &state.display().to_string())],
    )
}

fn supervise(program: Program, folder: &Path, schedule: &Schedule) -> Result<Run> {
    let limits = Limits {
        rounds: 6,
        round: Duration::from_secs(20),
        run: Duration::from_secs(40),
        rss_bytes: None,
    };
    let clock: SharedClock = Arc::new(SystemClock::new());
    Supervisor::new(program, &folder.join("logs"), limits, clock)?.run(schedule)
}

#[test]
fn a_child_is_killed_on_schedule_and_restarted_until_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let program = job(
        folder.path(),
        "echo $((n+1)) > STATE; echo life $n; [ $n -lt 2 ] && sleep 30; exit 0",
    );
    let schedule =
        Schedule::random_kills(5, 4, Duration::from_millis(150), Duration::from_millis(300));
    let run = supervise(program, folder.path(), &schedule).unwrap();
    let exits: Vec<Exit> = run.rounds.iter().map(|round| round.exit).collect();
    assert_eq!(exits, [Exit::Signal(9), Exit::Signal(9), Exit::Code(0)]);
    assert_eq!((run.crashes(), run.rounds_unused), (2, 1));
    assert_eq!(
        fs::read_to_string(&run.rounds[1].stdout).unwrap(),
        "life 1\n"
    );
    let first = &run.rounds[0];
    assert!(first.ended - first.started >= schedule.rounds[0].steps[0].after());
    assert!(first.peak.rss_bytes > 0, "the child was sampled");
}

#[test]
fn a_signal_reaches_what_the_child_has_started() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let program = job(
        folder.path(),
        &format!(
            "[ $n -eq 1 ] && exit 0; echo 1 > STATE; sleep 300 & echo $! > {}; wait",
            pid.display()
        ),
    );
    let schedule = Schedule {
        seed: 1,
        rounds: vec![Round::kill_after(300)],
    };
    supervise(program, folder.path(), &schedule).unwrap();
    let grandchild: u32 = fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
    // Orphans are reaped by init a moment after their end.
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        crate::contention::sample(grandchild).unwrap().is_none()
    });
    assert!(gone, "process {grandchild} is still there");
}

#[test]
fn failpoints_reach_the_child_only_in_their_round() {
    let folder = tempfile::tempdir().unwrap();
    let program = job(
        folder.path(),
        "echo \"${FAILPOINTS-none}\"; [ -n \"$FAILPOINTS\" ] && kill -9 $$; exit 0",
    );
    let schedule = Schedule::crash_at(1, &["cp.ack=return(kill)"]);
    let run = supervise(program, folder.path(), &schedule).unwrap();
    let said = |round: usize| fs::read_to_string(&run.rounds[round].stdout).unwrap();
    assert_eq!(
        (said(0), said(1)),
        ("cp.ack=return(kill)\n".into(), "none\n".into())
    );
}

#[test]
fn a_stopped_child_goes_on_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let program = job(folder.path(), "sleep 0.2; exit 0");
    let steps = vec![
        Step {
            after_ms: 600,
            action: Action::Continue,
        },
        Step {
            after_ms: 20,
            action: Action::Stop,
        },
    ];
    let schedule = Schedule {
        seed: 1,
        rounds: vec![Round {
            failpoints: None,
            steps,
        }],
    };
    let run = supervise(program, folder.path(), &schedule).unwrap();
    let only = &run.rounds[0];
    assert!(only.ended - only.started >= Duration::from_millis(600));
    assert_eq!((only.steps_done, only.exit), (2, Exit::Code(0)));
}

#[test]
fn a_failure_that_nobody_caused_is_reported_with_seed_schedule_and_log() {
    let folder = tempfile::tempdir().unwrap();
    let program = job(folder.path(), "echo 'no such luck' >&2; exit 3");
    let error = supervise(program, folder.path(), &Schedule::quiet(77)).unwrap_err();
    let message = error.message();
    for part in [
        "seed 77",
        "schedule.json",
        "exit code 3",
        "no such luck",
        "binary ",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let saved = Schedule::load(&folder.path().join("logs/schedule.json")).unwrap();
    assert_eq!(saved, Schedule::quiet(77));
}

#[test]
fn a_job_that_hangs_or_never_ends_well_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let clock: SharedClock = Arc::new(SystemClock::new());
    let limits = Limits {
        round: Duration::from_millis(200),
        ..Limits::default()
    };
    let hanging = Program::new("/bin/sleep", &["300"]);
    let supervisor = Supervisor::new(hanging, folder.path(), limits, Arc::clone(&clock)).unwrap();
    let error = supervisor.run(&Schedule::quiet(1)).unwrap_err();
    assert!(error.message().contains("did not end within"), "{error}");

    let limits = Limits {
        rounds: 3,
        ..Limits::default()
    };
    let failing = Program::new("/bin/false", &[]);
    let supervisor = Supervisor::new(failing, folder.path(), limits, clock).unwrap();
    let settings = ["a=return(error)"; 5];
    let error = supervisor
        .run(&Schedule::crash_at(1, &settings))
        .unwrap_err();
    assert!(
        error.message().contains("no exit 0 within 3 rounds"),
        "{error}"
    );
}

#[test]
fn more_memory_than_allowed_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let clock: SharedClock = Arc::new(SystemClock::new());
    let limits = Limits {
        rss_bytes: Some(1),
        ..Limits::default()
    };
    let program = Program::new("/bin/sleep", &["30"]);
    let supervisor = Supervisor::new(program, folder.path(), limits, clock).unwrap();
    let error = supervisor.run(&Schedule::quiet(1)).unwrap_err();
    assert!(
        error
            .message()
            .contains("resident memory wants at most 1 bytes"),
        "{error}"
    );
}

#[test]
fn the_same_seed_makes_the_same_schedule_and_a_file_keeps_it() {
    let make =
        |seed| Schedule::random_kills(seed, 8, Duration::from_millis(10), Duration::from_secs(3));
    assert_eq!(make(4), make(4));
    assert_ne!(make(4).rounds, make(5).rounds);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    make(4).save(&path).unwrap();
    assert_eq!(Schedule::load(&path).unwrap(), make(4));
    fs::write(&path, "{\"seed\":1,\"rounds\":[{\"kill\":1}]}").unwrap();
    assert!(Schedule::load(&path).is_err());
}

#[test]
fn a_recovery_lasts_from_the_crash_to_the_first_arrival_after_the_restart() {
    let lived = |started, ended| Lived {
        started: Duration::from_secs(started),
        ended: Duration::from_secs(ended),
        exit: Exit::Code(0),
        steps_done: 0,
        peak: Usage::default(),
        stdout: PathBuf::new(),
        stderr: PathBuf::new(),
    };
    let run = Run {
        rounds: vec![lived(0, 10), lived(11, 20), lived(21, 30)],
        rounds_unused: 0,
    };
    let arrivals = [1, 9, 10, 14, 15].map(Duration::from_secs);
    assert_eq!(run.recoveries(&arrivals), [Duration::from_secs(4)]);
}
