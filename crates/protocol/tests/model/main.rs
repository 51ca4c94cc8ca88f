//! The protocol, run by a model checker through every order of events within bounds.
//!
//! The model is a job with two sinks (a broker with transactions, a file sink) or with the file
//! sink only, an object store, and two slots for incarnations of the job. What an incarnation does
//! is decided by the functions of the crate, called as the engine calls them; the model adds the
//! world around them and the order of reads and writes in `process.rs`.
//!
//! | what may happen, at any step | how |
//! |---|---|
//! | an incarnation ends | its slot is empty; its open transaction, its objects, its requests stay |
//! | another one starts beside it | the first is now a zombie that may go on, or not, at any step |
//! | an answer is lost | the request was carried out, the caller sees "unknown" |
//! | a request is late | the caller sees "unknown", the request is carried out at any later step, or never |
//! | a manifest rots | in the runs with damage |
//!
//! Every row is a checkpoint of its own, which gives the most commits per state. What must hold is
//! in [`properties`]; that it *can* fail is shown by breaking one rule at a time ([`Sabotage`]).
//!
//! Cost: the bounds of the ordinary tests are chosen for seconds; the wider ones are ignored, with
//! their time beside them.

mod process;
mod rules;
mod state;
mod world;

use std::time::Instant;

use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};

use process::{Phase, Why};
use rules::{Rules, Sabotage, Wish};
use state::{Act, State};
use world::Breach;

impl Model for Rules {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self)]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        state.acts(acts);
    }

    fn next_state(&self, last: &State, act: Act) -> Option<State> {
        let mut state = last.clone();
        state.apply(self, act);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

fn properties() -> Vec<Property<Rules>> {
    let unbroken = |name, condition: fn(&Rules, &State) -> bool| Property::always(name, condition);
    let reached =
        |name, condition: fn(&Rules, &State) -> bool| Property::sometimes(name, condition);
    vec![
        unbroken("nothing is visible twice", |_, s| s.world.at_most_once()),
        unbroken("nothing is lost", |r, s| {
            !s.is_done() || s.world.exactly_once(r)
        }),
        unbroken("each commit follows the last", |_, s| {
            s.world.breach != Some(Breach::Fork)
        }),
        unbroken("a zombie has no effect", |_, s| {
            s.world.breach != Some(Breach::Zombie)
        }),
        unbroken("nothing is finished before its commit", |_, s| {
            s.world.breach != Some(Breach::Early)
        }),
        unbroken("a restore is never behind a commit", |_, s| {
            s.world.breach != Some(Breach::Behind)
        }),
        unbroken("a job stops for damage only", |_, s| {
            let excused = s.world.damaged || s.world.lost_origin();
            excused
                || !s
                    .processes
                    .iter()
                    .any(|p| p.phase == Phase::Ended(Why::Stopped))
        }),
        unbroken("a job never gets stuck", |_, s| s.can_go_on()),
        unbroken("takeovers come to an end", |r, s| {
            s.world.newest() < u64::from(3 * r.starts + r.faults)
        }),
        reached(DONE, |_, s| s.is_done()),
        reached("a prepared checkpoint is discarded", |_, s| {
            s.has_discarded()
        }),
        reached("a finish is done again", |_, s| s.redoes_finish()),
        reached("a zombie is fenced", |_, s| s.has_fenced()),
        reached("garbage is collected", |_, s| {
            s.world.boundary.iter().any(|b| *b > 1)
        }),
    ]
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is printed, and nothing depends on it"
)]
fn now() -> Instant {
    Instant::now()
}

/// The runs that the ordinary tests and the wide ones share.
fn rules(has_agent: bool) -> Rules {
    Rules {
        has_agent,
        rows: 2,
        starts: 2,
        faults: 1,
        damages: 0,
        wish: Wish::Continue,
        sabotage: None,
    }
}

/// Runs the model to its end; every property holds, and every path of interest is reached. (Where
/// the second start begins a new lineage, it never discards anything.)
#[track_caller]
fn check(rules: Rules) {
    let began = now();
    let checker = rules.checker().threads(2).spawn_bfs().join();
    let found = (checker.unique_state_count(), checker.max_depth());
    eprintln!(
        "{rules:?}: {} states, depth {}, {:?}",
        found.0,
        found.1,
        began.elapsed()
    );
    for property in properties() {
        match property.expectation {
            Expectation::Always => checker.assert_no_discovery(property.name),
            _ if rules.wish == Wish::Continue || property.name == DONE => {
                checker.assert_any_discovery(property.name);
            }
            _ => {}
        }
    }
    assert!(checker.is_done());
}

/// Breaks one rule; the model notices, by one of the properties named.
#[track_caller]
fn finds(sabotage: Sabotage, rules: Rules, wanted: &[&str]) {
    let began = now();
    let rules = Rules {
        sabotage: Some(sabotage),
        ..rules
    };
    let stop = HasDiscoveries::AnyFailures;
    let checker = rules.checker().finish_when(stop).spawn_bfs().join();
    let broken: Vec<_> = properties()
        .iter()
        .filter(|p| p.expectation == Expectation::Always)
        .filter_map(|p| checker.discovery(p.name).map(|path| (p.name, path)))
        .collect();
    let states = checker.unique_state_count();
    eprintln!("{sabotage:?}: {states} states, {:?}", began.elapsed());
    for (name, path) in &broken {
        eprintln!("  {name}: {:?}", path.clone().into_actions());
    }
    assert!(
        broken.iter().any(|(name, _)| wanted.contains(name)),
        "{sabotage:?} is not noticed"
    );
}

const TWICE: &str = "nothing is visible twice";
const LOST: &str = "nothing is lost";
const FORK: &str = "each commit follows the last";
const ZOMBIE: &str = "a zombie has no effect";
const EARLY: &str = "nothing is finished before its commit";
const BEHIND: &str = "a restore is never behind a commit";
const DONE: &str = "it is done";
const ENDS: &str = "takeovers come to an end";
const STOPS: &str = "a job stops for damage only";

#[test]
fn with_kafka_nothing_is_lost_and_nothing_twice() {
    check(rules(true));
    check(Rules {
        rows: 1,
        starts: 3,
        ..rules(true)
    });
}

#[test]
fn without_kafka_nothing_is_lost_and_nothing_twice() {
    check(Rules {
        faults: 2,
        ..rules(false)
    });
    check(Rules {
        rows: 1,
        starts: 3,
        ..rules(false)
    });
}

#[test]
fn a_manual_restore_and_a_fresh_start_leave_the_old_output_whole() {
    for wish in [Wish::Oldest, Wish::Fresh] {
        check(Rules {
            wish,
            ..rules(true)
        });
        check(Rules {
            wish,
            ..rules(false)
        });
    }
}

#[test]
fn damage_stops_the_job_or_costs_nothing() {
    for agent in [true, false] {
        check(Rules {
            damages: 1,
            faults: 0,
            ..rules(agent)
        });
    }
}

/// The wide bounds: 312 s in the dev profile on two shared cores, 8.0 million states in all.
#[test]
#[ignore = "five minutes"]
fn wide() {
    for agent in [true, false] {
        check(Rules {
            starts: 3,
            ..rules(agent)
        });
        check(Rules {
            rows: 3,
            faults: 2,
            ..rules(agent)
        });
        check(Rules {
            starts: 3,
            wish: Wish::Oldest,
            ..rules(agent)
        });
        check(Rules {
            damages: 1,
            ..rules(agent)
        });
    }
}

#[test]
fn each_rule_of_fencing_is_needed() {
    finds(
        Sabotage::SkipFencing,
        rules(true),
        &[TWICE, LOST, FORK, ZOMBIE, BEHIND],
    );
    finds(
        Sabotage::MarkerBeforeFencing,
        rules(true),
        &[TWICE, LOST, FORK, ZOMBIE, BEHIND],
    );
    finds(Sabotage::SkipFence, rules(false), &[ZOMBIE]);
    finds(Sabotage::SkipLastFence, rules(false), &[EARLY]);
    finds(Sabotage::RenewJumps, rules(true), &[ENDS]);
    finds(Sabotage::DecideUnfenced, rules(false), &[ENDS]);
    finds(Sabotage::DecideUnfenced, rules(true), &[STOPS]);
}

#[test]
fn each_rule_of_recovery_is_needed() {
    finds(Sabotage::ParentIsPrevious, rules(true), &[STOPS]);
    finds(Sabotage::RestorePrevious, rules(true), &[BEHIND]);
    finds(Sabotage::SkipRedo, rules(true), &[LOST]);
    finds(Sabotage::SkipRedo, rules(false), &[LOST]);
    finds(
        Sabotage::SkipSettling,
        rules(false),
        &[BEHIND, ZOMBIE, FORK],
    );
    finds(
        Sabotage::ReuseNumbers,
        rules(false),
        &[BEHIND, ZOMBIE, FORK, EARLY],
    );
    let restored = Rules {
        wish: Wish::Oldest,
        starts: 3,
        ..rules(true)
    };
    finds(
        Sabotage::MarkerWithoutLineage,
        restored,
        &[STOPS, LOST, BEHIND],
    );
}

#[test]
fn each_rule_of_the_commit_is_needed() {
    finds(Sabotage::FinishBeforeCommit, rules(true), &[EARLY]);
    finds(Sabotage::FinishBeforeCommit, rules(false), &[EARLY]);
    finds(Sabotage::CommitBeforeManifest, rules(true), &[FORK]);
    finds(Sabotage::UnknownCommitIsYes, rules(true), &[EARLY]);
    finds(
        Sabotage::UnknownCommitIsNo,
        rules(true),
        &[TWICE, FORK, LOST, BEHIND],
    );
    finds(Sabotage::UnknownCreateIsYes, rules(false), &[EARLY]);
    finds(Sabotage::AnyTokenIsOurs, rules(false), &[EARLY, FORK]);
    finds(Sabotage::CollectPrepared, rules(true), &[STOPS]);
    finds(
        Sabotage::CollectAnyOther,
        Rules {
            wish: Wish::Fresh,
            ..rules(true)
        },
        &[FORK, STOPS],
    );
}
