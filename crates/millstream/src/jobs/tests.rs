//! What becomes of flags and settings, and which changes of SQL keep state.

use millstream_plan::fingerprint::{Diff, Keeps, NodeIdentity, compare, identify};
use millstream_sql::session::Outcome;

use super::*;
use crate::cli::SettingArgs;
use crate::engine::planning_session;

const BIDS: &str = "CREATE TABLE bids (
  auction BIGINT, bidder BIGINT, price BIGINT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '4' SECOND
) WITH ('connector' = 'datagen', 'seed' = '1', 'number-of-rows' = '9');
CREATE TABLE out_a (a BIGINT, n BIGINT) WITH (
  'connector' = 'print');
CREATE TABLE out_b (a BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
";

/// The last job of a script.
fn graph(sql: &str) -> JobGraph {
    let mut session = planning_session(&SettingArgs::default()).unwrap();
    let mut last = None;
    for statement in &session.parse(sql).unwrap() {
        match session.execute(statement, sql).unwrap() {
            Outcome::Query(query) => last = Some(query.graph),
            Outcome::Insert(graph) => last = Some(*graph),
            _ => {}
        }
    }
    last.unwrap()
}

fn nodes(sql: &str) -> Vec<NodeIdentity> {
    identify(&graph(&format!("{BIDS}{sql}")))
}

fn diff(old: &str, new: &str) -> Diff {
    compare(&nodes(old), &nodes(new))
}

/// Titles of the operators whose state goes on.
fn state_kept(diff: &Diff) -> Vec<&str> {
    let kept = diff.kept.iter().filter(|kept| kept.keeps == Keeps::State);
    kept.map(|kept| kept.title.as_str()).collect()
}

const PER_AUCTION: &str = "INSERT INTO out_a SELECT auction, COUNT(*) FROM bids GROUP BY auction;";

const WINDOWED: &str = "INSERT INTO out_a SELECT auction, COUNT(*) FROM TABLE(
    TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))
    GROUP BY auction, window_start, window_end;";

#[test]
fn the_same_sql_keeps_everything_whatever_else_is_set() {
    for sql in [
        PER_AUCTION,
        WINDOWED,
        "SELECT * FROM bids LIMIT 3;",
        "SELECT DISTINCT bidder FROM bids WHERE price BETWEEN 1 AND 10 OR bidder IN (1, 2);",
        "INSERT INTO out_a SELECT a, n FROM (VALUES (1, 2), (3, 4)) AS v(a, n);",
        "INSERT INTO out_a SELECT auction, SUM(CAST(price AS INT)) FROM bids GROUP BY auction
           HAVING COUNT(DISTINCT bidder) FILTER (WHERE price > 5) > 1;",
        "SELECT UPPER(CAST(bidder AS STRING)), COUNT(*) FROM bids
           GROUP BY UPPER(CAST(bidder AS STRING)) UNION ALL SELECT 'x', 1;",
        "SELECT window_end, MAX(n) FROM (SELECT window_start, window_end, auction, COUNT(*) AS n
           FROM TABLE(HOP(TABLE bids, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
           GROUP BY window_start, window_end, auction) GROUP BY window_start, window_end;",
    ] {
        let tuned = format!(
            "SET 'parallelism.default' = '7'; SET 'millstream.batch-rows' = '3';
             SET 'pipeline.name' = 'x'; {sql}"
        );
        for other in [sql, &tuned] {
            let found = diff(sql, other);
            assert!(found.is_identical(), "{sql}\n{found}");
            let same = |(old, new): (&u32, &u32)| old == new;
            assert!(found.remap().iter().all(same), "{sql}\n{found}");
            assert_eq!(found.remap().len(), nodes(sql).len());
        }
    }
}

#[test]
fn compatible_changes_keep_the_state_of_every_operator() {
    let renamed = PER_AUCTION.replace("auction, COUNT(*)", "b.auction AS k, COUNT(*) AS c");
    let renamed = renamed.replace("FROM bids GROUP BY", "FROM bids AS b GROUP BY b.");
    let found = diff(PER_AUCTION, &renamed.replace("b. auction", "b.auction"));
    assert!(found.is_identical(), "renamed\n{found}");
    for (what, new) in [
        (
            "a filter behind",
            "INSERT INTO out_a SELECT auction, COUNT(*) FROM bids GROUP BY auction HAVING COUNT(*) > 9;",
        ),
        (
            "a calculation behind",
            "INSERT INTO out_a SELECT auction + 1, COUNT(*) * 2 FROM bids GROUP BY auction;",
        ),
        (
            "another sink",
            "EXECUTE STATEMENT SET BEGIN
               INSERT INTO out_a SELECT auction, COUNT(*) FROM bids GROUP BY auction;
               INSERT INTO out_b SELECT auction, price FROM bids;
             END;",
        ),
        (
            "a filter before, with a question",
            "INSERT INTO out_a SELECT auction, COUNT(*) FROM bids WHERE price > 0 GROUP BY auction;",
        ),
    ] {
        let found = diff(PER_AUCTION, new);
        assert!(
            state_kept(&found).contains(&"GroupAggregate"),
            "{what}\n{found}"
        );
        assert!(found.refused.is_empty(), "{what}\n{found}");
        assert!(
            found.check(false).is_err() && found.check(true).is_ok(),
            "{what}\n{found}"
        );
    }
}

#[test]
fn incompatible_changes_are_refused_with_the_name_of_the_operator() {
    for (old, new, title, why) in [
        (
            PER_AUCTION,
            "INSERT INTO out_a SELECT auction, SUM(price) FROM bids GROUP BY auction;",
            "GroupAggregate",
            "aggregate was COUNT(*), is SUM(price)",
        ),
        (
            PER_AUCTION,
            "INSERT INTO out_a SELECT bidder, COUNT(*) FROM bids GROUP BY bidder;",
            "GroupAggregate",
            "key was auction, is bidder",
        ),
        (
            WINDOWED,
            "INSERT INTO out_a SELECT auction, COUNT(*) FROM TABLE(
               TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
               GROUP BY auction, window_start, window_end;",
            "TumbleAggregate",
            "window was TUMBLE(size 10 s), is TUMBLE(size 1 min)",
        ),
    ] {
        let found = diff(old, new);
        let [refused] = found.refused.as_slice() else {
            panic!("{new}\n{found}");
        };
        assert_eq!((refused.title.as_str(), refused.why.as_str()), (title, why));
    }
}

#[test]
fn what_the_planner_makes_of_sql_has_the_same_fingerprints_as_ever() {
    // If a new release of DataFusion changes these, jobs ask their owners to approve.
    let all: Vec<String> = nodes(WINDOWED)
        .into_iter()
        .chain(nodes(PER_AUCTION))
        .map(|node| node.uid)
        .collect();
    expect_test::expect![[r#"
        [
            "source-0e83cb77c3b5592e",
            "watermark-aa84b4fd20e785f2",
            "window-aggregate-4555ad8efc3222ee",
            "calc-f919f3957764ec3f",
            "sink-1c72237ae1910074",
            "source-0e83cb77c3b5592e",
            "watermark-aa84b4fd20e785f2",
            "calc-8f3d0726d5c39a6a",
            "group-aggregate-d34365425155e587",
            "calc-b101b15798067510",
            "sink-1c72237ae1910074",
        ]
    "#]]
    .assert_debug_eq(&all);
}

fn script(file: &str) -> ScriptArgs {
    ScriptArgs {
        file: Some(file.into()),
        sql: None,
    }
}

fn started(args: LifeArgs, sql: &str) -> Result<Start> {
    let mut jobs = Jobs::of_script(&script("jobs/shop.sql"), &args, 1)?;
    jobs.next(&graph(&format!("{BIDS}{sql}")))
}

#[test]
fn the_command_line_wins_over_the_settings_of_the_script() {
    let place = tempfile::tempdir().unwrap();
    let flag = place.path().join("flag").display().to_string();
    let sql = format!(
        "SET 'execution.checkpointing.dir' = '{}/set';
         SET 'execution.checkpointing.interval' = '5 s';
         SET 'execution.checkpointing.num-retained' = '1';
         SET 'execution.checkpointing.timeout' = '1 min'; {PER_AUCTION}",
        place.path().display()
    );
    let args = LifeArgs {
        checkpoint_dir: Some(flag.clone()),
        checkpoint_interval: Some(Duration::from_millis(300)),
        ..LifeArgs::default()
    };
    let start = started(args, &sql).unwrap();
    let checkpoints = start.options.checkpoints.unwrap();
    assert_eq!(start.options.name, "shop");
    assert!(
        checkpoints.store.url().ends_with("/flag"),
        "{}",
        checkpoints.store.url()
    );
    assert_eq!(checkpoints.interval, Some(Duration::from_millis(300)));
    assert_eq!(checkpoints.timeout, Duration::from_secs(60));
    assert_eq!(
        checkpoints.retained, 3,
        "a damaged one needs others behind it"
    );
    assert_eq!(checkpoints.start, StartFrom::Newest);
    let set = started(LifeArgs::default(), &sql)
        .unwrap()
        .options
        .checkpoints
        .unwrap();
    assert!(set.store.url().ends_with("/set"), "{}", set.store.url());
    assert_eq!(set.interval, Some(Duration::from_secs(5)));
}

#[test]
fn a_flag_about_state_needs_a_folder_and_a_job_with_a_folder_needs_a_name() {
    for args in [
        LifeArgs {
            from: Some("s".into()),
            ..LifeArgs::default()
        },
        LifeArgs {
            fresh: true,
            ..LifeArgs::default()
        },
        LifeArgs {
            approve_changes: true,
            ..LifeArgs::default()
        },
    ] {
        let error = started(args, PER_AUCTION).map(drop).unwrap_err();
        assert!(
            error.hint_text().unwrap().contains("--checkpoint-dir"),
            "{error:?}"
        );
    }
    let args = LifeArgs {
        checkpoint_dir: Some("memory://".into()),
        ..LifeArgs::default()
    };
    let sql = ScriptArgs {
        file: None,
        sql: Some(String::new()),
    };
    let mut jobs = Jobs::of_script(&sql, &args, 1).unwrap();
    let error = jobs
        .next(&graph(&format!("{BIDS}{PER_AUCTION}")))
        .map(drop)
        .unwrap_err();
    assert!(error.message().contains("needs a name"), "{error:?}");
    let many = LifeArgs {
        from: Some("s".into()),
        ..LifeArgs::default()
    };
    assert!(Jobs::of_script(&script("a.sql"), &many, 2).is_err());
}

#[test]
fn an_interval_without_a_folder_is_warned_about_once() {
    let mut jobs = Jobs::of_script(&script("a.sql"), &LifeArgs::default(), 2).unwrap();
    let sql = format!("SET 'execution.checkpointing.interval' = '3 s'; {BIDS}{PER_AUCTION}");
    let graph = graph(&sql);
    assert!(jobs.next(&graph).unwrap().warning.is_some());
    assert!(jobs.next(&graph).unwrap().warning.is_none());
}

#[test]
fn a_glance_in_the_shell_keeps_no_state_and_an_insert_asks_for_a_name() {
    let place = tempfile::tempdir().unwrap();
    let set = format!(
        "SET 'execution.checkpointing.dir' = '{}'; {BIDS}",
        place.path().display()
    );
    let mut jobs = Jobs::unnamed();
    let glance = graph(&format!("{set}SELECT * FROM bids;"));
    assert!(jobs.next(&glance).unwrap().options.checkpoints.is_none());
    assert!(jobs.next(&graph(&format!("{set}{PER_AUCTION}"))).is_err());
    let named = format!("{set}SET 'pipeline.name' = 'mine'; {PER_AUCTION}");
    let start = jobs.next(&graph(&named)).unwrap();
    assert!(start.options.checkpoints.is_some() && start.options.name == "mine");
}

#[test]
fn strategies_become_policies_that_restart_as_often_as_they_say() {
    use millstream_protocol::restart::{Class, Restart, Restarts};
    let restarts = |strategy: RestartStrategy, failures: u64, apart_ms: u64| {
        let mut machine = Restarts::new(policy(&strategy));
        let all = (0..failures).map(|n| machine.next(n * apart_ms, Class::Retryable, "away"));
        all.map(|restart| match restart {
            Restart::After(ms) => Some(ms),
            Restart::GiveUp { .. } => None,
        })
        .collect::<Vec<_>>()
    };
    let second = Duration::from_secs(1);
    assert_eq!(restarts(RestartStrategy::None, 1, 0), [None]);
    let fixed = RestartStrategy::FixedDelay {
        attempts: 2,
        delay: second,
    };
    assert_eq!(
        restarts(fixed, 3, 3_600_000),
        [Some(1000), Some(1000), None]
    );
    let rate = RestartStrategy::FailureRate {
        failures: 1,
        interval: 10 * second,
        delay: second,
    };
    assert_eq!(restarts(rate.clone(), 2, 1_000), [Some(1000), None]);
    assert_eq!(restarts(rate, 2, 60_000), [Some(1000), Some(1000)]);
    let exponential = RestartStrategy::ExponentialDelay {
        initial: second,
        max: 3 * second,
        reset: 100 * second,
        attempts: 4,
    };
    assert_eq!(
        restarts(exponential, 5, 1_000),
        [Some(1000), Some(2000), Some(3000), Some(3000), None]
    );
}

#[tokio::test]
async fn the_savepoint_of_the_settings_counts_only_for_the_first_start() {
    let place = tempfile::tempdir().unwrap();
    let sql = format!(
        "SET 'execution.checkpointing.dir' = '{}';
         SET 'execution.state-recovery.path' = '/kept/1'; {PER_AUCTION}",
        place.path().display()
    );
    let start = started(LifeArgs::default(), &sql).unwrap();
    let store = start.options.checkpoints.as_ref().unwrap().store.clone();
    let first = start.settled().await.unwrap();
    let from = first.checkpoints.unwrap().start;
    assert_eq!(from, StartFrom::Savepoint("/kept/1".into()));
    // The job has begun from something by now.
    let job = store.job("shop").unwrap();
    let owner = millstream_state::store::Owner::this_process(0);
    let mut claim = job.claim(&owner).await.unwrap();
    let origin = millstream_state::manifest::Manifest::default();
    job.begin_lineage(&mut claim, Some(&origin), vec![])
        .await
        .unwrap();
    drop(claim);
    let again = started(LifeArgs::default(), &sql)
        .unwrap()
        .settled()
        .await
        .unwrap();
    assert_eq!(again.checkpoints.unwrap().start, StartFrom::Newest);
}
