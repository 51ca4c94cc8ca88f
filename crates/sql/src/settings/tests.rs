//! Settings as users write them.

use std::time::Duration;

use millstream_core::Code;
use millstream_plan::{RestartStrategy, RuntimeMode};

use super::*;

#[test]
fn a_wrong_value_is_refused_and_changes_nothing() {
    let mut settings = Settings::default();
    assert!(settings.set("execution.runtime-mode", "bath").is_err());
    assert_eq!(settings.mode().unwrap(), RuntimeMode::Streaming);
    settings.set("execution.runtime-mode", "batch").unwrap();
    assert_eq!(settings.mode().unwrap(), RuntimeMode::Batch);
}

#[test]
fn a_cluster_setting_is_kept_and_a_mistake_is_refused() {
    let mut settings = Settings::default();
    settings
        .set("taskmanager.memory.process.size", "8g")
        .unwrap();
    let error = settings.set("millstream.batch-row", "1").unwrap_err();
    assert_eq!(
        error.hint_text(),
        Some("did you mean 'millstream.batch-rows'?")
    );
}

fn set(pairs: &[(&str, &str)]) -> Result<Settings> {
    let mut settings = Settings::default();
    for (key, value) in pairs {
        settings.set(key, value)?;
    }
    Ok(settings)
}

#[test]
fn a_job_lives_as_its_defaults_say_until_somebody_sets_something() {
    assert_eq!(Settings::default().job().unwrap(), JobSettings::default());
}

#[test]
fn checkpoints_are_set_by_the_names_flink_has() {
    let settings = set(&[
        ("execution.checkpointing.dir", "s3://bucket/jobs"),
        ("execution.checkpointing.savepoint-dir", "s3://bucket/kept"),
        ("execution.checkpointing.interval", "1s"),
        ("execution.checkpointing.min-pause", "500 ms"),
        ("execution.checkpointing.timeout", "2 min"),
        ("execution.checkpointing.num-retained", "5"),
        ("execution.checkpointing.incremental", "false"),
        ("execution.checkpointing.mode", "exactly_once"),
        ("execution.state-recovery.path", "/kept/1"),
        ("pipeline.name", "shop"),
    ]);
    let job = settings.unwrap().job().unwrap();
    let checkpoints = &job.checkpoints;
    assert_eq!(checkpoints.dir.as_deref(), Some("s3://bucket/jobs"));
    assert_eq!(
        checkpoints.savepoint_dir.as_deref(),
        Some("s3://bucket/kept")
    );
    assert_eq!(checkpoints.interval, Some(Duration::from_secs(1)));
    assert_eq!(checkpoints.min_pause, Some(Duration::from_millis(500)));
    assert_eq!(checkpoints.timeout, Some(Duration::from_secs(120)));
    assert_eq!(checkpoints.retained, Some(5));
    assert_eq!(checkpoints.incremental, Some(false));
    assert_eq!(job.recover_from.as_deref(), Some("/kept/1"));
    assert_eq!(job.name.as_deref(), Some("shop"));
}

#[test]
fn values_that_would_not_work_are_refused_when_they_are_set() {
    for (key, value, wanted) in [
        ("execution.checkpointing.interval", "1 ms", "at least 10 ms"),
        ("execution.checkpointing.interval", "soon", "a duration"),
        ("execution.checkpointing.timeout", "0 s", "at least 10 ms"),
        (
            "execution.checkpointing.min-pause",
            "40000 d",
            "at most 366 d",
        ),
        ("execution.checkpointing.num-retained", "0", "from 1"),
        ("execution.checkpointing.num-retained", "-1", "from 1"),
        (
            "execution.checkpointing.incremental",
            "yes",
            "'true' or 'false'",
        ),
        (
            "execution.checkpointing.mode",
            "AT_MOST_ONCE",
            "AT_LEAST_ONCE",
        ),
        ("execution.checkpointing.dir", "  ", "a directory"),
        ("execution.state-recovery.path", "", "a URL"),
        ("pipeline.name", "", "a name"),
        ("restart-strategy.type", "always", "'fixed-delay'"),
        ("restart-strategy.fixed-delay.attempts", "0", "from 1"),
        (
            "restart-strategy.exponential-delay.max-backoff",
            "0 ms",
            "at least 1 ms",
        ),
    ] {
        let error = set(&[(key, value)]).unwrap_err();
        assert_eq!(error.code(), Code::InvalidOption, "{key}");
        assert!(
            error.message().contains(wanted),
            "{key}: {}",
            error.message()
        );
        assert!(error.message().contains(key), "{}", error.message());
    }
}

#[test]
fn a_weaker_mode_is_accepted_and_the_job_stays_exactly_once() {
    let weaker = set(&[("execution.checkpointing.mode", "AT_LEAST_ONCE")]).unwrap();
    assert_eq!(weaker.job().unwrap(), JobSettings::default());
}

#[test]
fn restart_strategies_take_the_options_of_their_own_kind() {
    let restart = |pairs: &[(&str, &str)]| set(pairs).unwrap().job().unwrap().restart;
    let second = Duration::from_secs(1);
    for none in ["none", "off", "disable"] {
        assert_eq!(
            restart(&[("restart-strategy.type", none)]),
            Some(RestartStrategy::None)
        );
    }
    assert_eq!(
        restart(&[
            ("restart-strategy.type", "fixed-delay"),
            ("restart-strategy.fixed-delay.attempts", "3"),
            // Of another kind: no matter.
            ("restart-strategy.failure-rate.delay", "9 s"),
        ]),
        Some(RestartStrategy::FixedDelay {
            attempts: 3,
            delay: second
        })
    );
    assert_eq!(
        restart(&[
            ("restart-strategy.type", "exponential-delay"),
            (
                "restart-strategy.exponential-delay.initial-backoff",
                "200 ms"
            ),
        ]),
        Some(RestartStrategy::ExponentialDelay {
            initial: Duration::from_millis(200),
            max: Duration::from_secs(60),
            reset: Duration::from_secs(3600),
            attempts: i32::MAX as u32,
        })
    );
    assert_eq!(
        restart(&[
            ("restart-strategy.type", "failurerate"),
            (
                "restart-strategy.failure-rate.max-failures-per-interval",
                "7"
            ),
        ]),
        Some(RestartStrategy::FailureRate {
            failures: 7,
            interval: Duration::from_secs(60),
            delay: second,
        })
    );
    assert_eq!(
        restart(&[("restart-strategy.fixed-delay.attempts", "3")]),
        None
    );
}

#[test]
fn an_object_store_is_reached_by_settings_but_its_keys_are_no_settings() {
    let settings = set(&[
        ("s3.endpoint", "http://localhost:9000"),
        ("s3.path.style.access", "true"),
        ("s3.region", "eu-central-1"),
    ]);
    let access = settings.unwrap().job().unwrap().access;
    assert_eq!(access.endpoint.as_deref(), Some("http://localhost:9000"));
    assert_eq!(access.region.as_deref(), Some("eu-central-1"));
    assert_eq!(access.path_style, Some(true));
    for secret in ["s3.access-key", "s3.secret-key", "s3.secret.key"] {
        let error = set(&[(secret, "hunter2")]).unwrap_err();
        assert!(!error.report().contains("hunter2"), "{}", error.report());
        assert!(
            error.hint_text().unwrap().contains("AWS_"),
            "{}",
            error.report()
        );
    }
}
