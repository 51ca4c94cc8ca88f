//! The way of a checkpoint as a list of answers and effects.

use super::*;

fn commit(has_agent: bool) -> Commit {
    Commit::new(Plan {
        checkpoint: 7,
        generation: 2,
        token: "t".to_owned(),
        has_agent,
        backoff: Backoff {
            first_ms: 10,
            cap_ms: 25,
            attempts: 4,
        },
    })
}

fn fence() -> Event {
    Event::Fence {
        current: 2,
        boundary: 5,
    }
}

fn unknown() -> Event {
    Event::Unknown {
        message: "no answer in 10 s".to_owned(),
    }
}

fn failed(class: Class) -> Event {
    Event::Failed {
        class,
        message: "503".to_owned(),
    }
}

fn content(token: &str, aborted: bool) -> Content {
    Content {
        token: token.to_owned(),
        aborted,
    }
}

/// A commit whose outstanding effect is the wanted one, for the n-th time.
fn until(has_agent: bool, wanted: &Effect, nth: usize) -> Commit {
    let mut commit = commit(has_agent);
    let mut effect = commit.begin();
    let mut seen = 0;
    loop {
        seen += usize::from(effect == *wanted);
        if seen == nth {
            return commit;
        }
        assert!(
            !matches!(effect, Effect::Done { .. }),
            "{wanted:?} never came"
        );
        effect = commit.step(if effect == Effect::CheckFence {
            fence()
        } else {
            Event::Ok
        });
    }
}

fn way(has_agent: bool) -> Vec<Effect> {
    let mut commit = commit(has_agent);
    let mut way = vec![commit.begin()];
    while let Some(last) = way.last().filter(|e| !matches!(e, Effect::Done { .. })) {
        let answer = if *last == Effect::CheckFence {
            fence()
        } else {
            Event::Ok
        };
        way.push(commit.step(answer));
    }
    assert!(commit.is_committed());
    way
}

#[test]
fn with_a_last_agent_its_commit_is_the_point_and_the_verdict_a_note() {
    use Effect::*;
    let done = Done { warning: None };
    let wanted = [
        CheckFence,
        CreateManifest,
        CheckFence,
        CommitAgent,
        FinishSinks,
        CreateCommitted,
        AckSources,
        CollectGarbage,
        done,
    ];
    assert_eq!(way(true), wanted);
}

#[test]
fn without_one_the_verdict_is_the_point_and_the_fence_is_read_after_it() {
    use Effect::*;
    let done = Done { warning: None };
    let wanted = [
        CheckFence,
        CreateManifest,
        CheckFence,
        CreateCommitted,
        CheckFence,
        FinishSinks,
        AckSources,
        CollectGarbage,
        done,
    ];
    assert_eq!(way(false), wanted);
}

#[test]
fn a_transaction_that_was_not_committed_cleanly_is_asked_once_and_never_skipped() {
    for answer in [
        unknown(),
        failed(Class::Retryable),
        failed(Class::Replayable),
    ] {
        let mut commit = until(true, &Effect::CommitAgent, 1);
        assert!(matches!(commit.step(answer), Effect::Recover { .. }));
        assert!(!commit.is_committed());
    }
    let mut commit = until(true, &Effect::CommitAgent, 1);
    assert_eq!(
        commit.step(failed(Class::Fatal)),
        Effect::Stop {
            cause: "503".to_owned()
        }
    );
}

#[test]
fn a_create_without_answer_is_read_back_and_its_token_compared() {
    for (agent, create, read) in [
        (true, Effect::CreateManifest, Effect::ReadManifest),
        (false, Effect::CreateManifest, Effect::ReadManifest),
        (true, Effect::CreateCommitted, Effect::ReadCommitted),
        (false, Effect::CreateCommitted, Effect::ReadCommitted),
    ] {
        let asked = || {
            let mut commit = until(agent, &create, 1);
            assert_eq!(commit.step(unknown()), read);
            commit
        };
        let next = until(agent, &create, 1).step(Event::Ok);
        assert_eq!(asked().step(Event::Found(Some(content("t", false)))), next);
        let other = asked().step(Event::Found(Some(content("u", false))));
        assert!(matches!(other, Effect::Recover { .. }));
        let aborted = asked().step(Event::Found(Some(content("t", true))));
        assert!(matches!(aborted, Effect::Recover { .. }));

        let mut absent = asked();
        assert_eq!(absent.step(Event::Found(None)), Effect::Wait { ms: 10 });
        assert_eq!(absent.step(Event::Due), create);
        assert_eq!(absent.step(Event::Exists(content("t", false))), next);
    }
}

#[test]
fn a_store_that_never_answers_ends_in_recovery_and_not_in_a_loop() {
    for answer in [unknown(), failed(Class::Retryable)] {
        let mut commit = until(false, &Effect::CreateManifest, 1);
        let mut effect = commit.step(answer.clone());
        let mut steps = 0;
        while !matches!(effect, Effect::Recover { .. }) {
            let waits = matches!(effect, Effect::Wait { .. });
            effect = commit.step(if waits { Event::Due } else { answer.clone() });
            steps += 1;
            assert!(steps < 20, "{effect:?}");
        }
    }
}

#[test]
fn a_writer_that_was_overtaken_stops_at_each_fence() {
    for (agent, fences) in [(true, 2), (false, 3)] {
        for nth in 1..=fences {
            for (current, boundary) in [(3, 5), (2, 8)] {
                let mut commit = until(agent, &Effect::CheckFence, nth);
                let effect = commit.step(Event::Fence { current, boundary });
                assert_eq!(effect, Effect::Fenced { current, boundary });
            }
        }
    }
}

#[test]
fn sinks_that_cannot_be_finished_are_tried_more_slowly_each_time_and_then_stop_the_job() {
    let mut commit = until(true, &Effect::FinishSinks, 1);
    let mut waits = Vec::new();
    let cause = loop {
        match commit.step(failed(Class::Retryable)) {
            Effect::Wait { ms } => waits.push(ms),
            Effect::Stop { cause } => break cause,
            other => panic!("{other:?}"),
        }
        assert_eq!(commit.step(Event::Due), Effect::FinishSinks);
    };
    assert_eq!(waits, [10, 20, 25]);
    assert_eq!(
        cause,
        "finishing the sinks of checkpoint 7 failed 4 times: 503"
    );
    assert!(commit.is_committed());
}

#[test]
fn an_answer_that_is_not_known_for_an_idempotent_step_repeats_it() {
    for step in [Effect::FinishSinks, Effect::AckSources] {
        let mut commit = until(true, &step, 1);
        assert!(matches!(commit.step(unknown()), Effect::Wait { .. }));
        assert_eq!(commit.step(Event::Due), step);
    }
}

#[test]
fn garbage_that_stays_is_a_warning() {
    for answer in [unknown(), failed(Class::Retryable), failed(Class::Fatal)] {
        let mut commit = until(true, &Effect::CollectGarbage, 1);
        assert!(matches!(
            commit.step(answer),
            Effect::Done { warning: Some(_) }
        ));
    }
}

#[test]
fn an_answer_nobody_asked_for_stops_instead_of_passing_as_yes() {
    let mut commit = until(true, &Effect::CheckFence, 1);
    assert!(matches!(commit.step(Event::Ok), Effect::Stop { .. }));
    let mut commit = until(true, &Effect::CommitAgent, 1);
    assert!(matches!(commit.step(fence()), Effect::Stop { .. }));
    assert!(
        matches!(commit.step(Event::Ok), Effect::Stop { .. }),
        "it is over"
    );
}
