use super::*;

fn restarts() -> Restarts {
    let policy = Policy {
        restarts_max: 4,
        window_ms: 60_000,
        healthy_ms: 5_000,
        ..Policy::default()
    };
    Restarts::new(policy)
}

fn waits(restarts: &mut Restarts, at_ms: &[u64]) -> Vec<u64> {
    at_ms
        .iter()
        .map(|at| match restarts.next(*at, Class::Retryable, "away") {
            Restart::After(ms) => ms,
            give_up => panic!("{give_up:?}"),
        })
        .collect()
}

#[test]
fn each_wait_is_twice_the_last_up_to_the_cap() {
    let mut restarts = Restarts::new(Policy::default());
    let wanted = [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000];
    assert_eq!(waits(&mut restarts, &[0; 10]), wanted);
}

#[test]
fn the_budget_ends_with_the_first_and_the_last_cause() {
    let mut restarts = restarts();
    assert_eq!(
        restarts.next(0, Class::Replayable, "broker gone"),
        Restart::After(100)
    );
    waits(&mut restarts, &[1, 2, 3]);
    let wanted = Restart::GiveUp {
        first: "broker gone".to_owned(),
        last: "still gone".to_owned(),
        restarts: 4,
    };
    assert_eq!(restarts.next(4, Class::Retryable, "still gone"), wanted);
}

#[test]
fn a_fatal_failure_gives_up_at_once() {
    let wanted = Restart::GiveUp {
        first: "denied".to_owned(),
        last: "denied".to_owned(),
        restarts: 0,
    };
    assert_eq!(restarts().next(0, Class::Fatal, "denied"), wanted);
}

#[test]
fn failures_older_than_the_window_do_not_count_but_the_wait_stays_long() {
    let mut restarts = restarts();
    waits(&mut restarts, &[0, 0, 0, 0]);
    assert_eq!(waits(&mut restarts, &[60_000]), [1600]);
}

#[test]
fn a_healthy_time_forgets_everything_and_a_short_one_nothing() {
    let mut restarts = restarts();
    waits(&mut restarts, &[0, 0]);
    restarts.running(1_000);
    assert_eq!(waits(&mut restarts, &[5_999]), [400]);
    restarts.running(6_000);
    restarts.running(8_000);
    let Restart::After(wait) = restarts.next(11_000, Class::Retryable, "new cause") else {
        panic!("healthy since 6000")
    };
    assert_eq!(wait, 100);
    waits(&mut restarts, &[11_000; 3]);
    let give_up = restarts.next(11_000, Class::Retryable, "x");
    assert!(matches!(give_up, Restart::GiveUp { first, .. } if first == "new cause"));
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut restarts = restarts();
    restarts.running(50_000);
    assert_eq!(waits(&mut restarts, &[10, 70_000, 0]), [100, 200, 400]);
}

#[test]
fn a_wait_never_overflows() {
    let backoff = Backoff {
        first_ms: u64::MAX / 2,
        cap_ms: u64::MAX,
        attempts: 3,
    };
    assert_eq!(backoff.wait_ms(u32::MAX), u64::MAX);
    assert_eq!(backoff.wait_ms(0), u64::MAX / 2);
}
