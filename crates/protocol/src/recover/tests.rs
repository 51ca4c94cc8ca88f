//! Every cell of the tables, in a short notation.
//!
//! ```text
//! m2<1      manifest 2, built on 1      m2<1!  damaged      m2<?  too damaged to know on what
//! c1 a2 u3  committed-1, "aborted" in committed-2, committed-3 unreadable
//! b2        the boundary is 2           x/m3<2  an object of lineage x, ours is 'us'
//! from:x/3  our lineage began with checkpoint 3 of x (from:x/3!: damaged)      follows:x  we replaced x
//! ```

use super::*;

fn split(word: &str) -> (String, &str) {
    match word.split_once('/') {
        Some((lineage, rest)) => (lineage.to_owned(), rest),
        None => ("us".to_owned(), word),
    }
}

fn manifest(word: &str) -> Manifest {
    let (lineage, rest) = split(word);
    let rest = rest.trim_start_matches('m');
    let damaged = rest.ends_with(['!', '?']);
    let (number, parent) = rest.trim_end_matches('!').split_once('<').unwrap();
    Manifest {
        lineage,
        number: number.parse().unwrap(),
        parent: parent.parse().ok(),
        condition: match damaged {
            true => Condition::Damaged(format!("file 'manifest-{number}': wrong checksum")),
            false => Condition::Intact,
        },
    }
}

fn marker(word: &str) -> Marker {
    let (lineage, rest) = split(word);
    let verdict = match &rest[..1] {
        "c" => Verdict::Committed,
        "a" => Verdict::Aborted,
        _ => Verdict::Unreadable("wrong checksum".to_owned()),
    };
    Marker {
        lineage,
        number: rest[1..].parse().unwrap(),
        verdict,
    }
}

fn origin(word: &str) -> Manifest {
    let (name, damage) = word.split_at(word.len() - usize::from(word.ends_with('!')));
    manifest(&format!("{}<0{damage}", name.replace('/', "/m")))
}

fn observe(last_agent: LastAgent, store: &str) -> Observed {
    let lineage = Lineage {
        id: "us".to_owned(),
        origin: None,
        replaced: Vec::new(),
    };
    let mut seen = Observed {
        lineage,
        manifests: Vec::new(),
        markers: Vec::new(),
        boundary: 0,
        last_agent,
        request: Request::Continue,
    };
    for word in store.split_whitespace() {
        if let Some(from) = word.strip_prefix("from:") {
            seen.lineage.origin = Some(origin(from));
        } else if let Some(id) = word.strip_prefix("follows:") {
            seen.lineage.replaced.push(id.to_owned());
        } else if let Some(number) = word.strip_prefix('b') {
            seen.boundary = number.parse().unwrap();
        } else if word.contains('<') {
            seen.manifests.push(manifest(word));
        } else {
            seen.markers.push(marker(word));
        }
    }
    seen
}

fn text(action: &Action) -> String {
    let flag = |on: bool, word: &str| {
        if on {
            format!(" {word}")
        } else {
            String::new()
        }
    };
    let list = |numbers: &[u64]| {
        if numbers.is_empty() {
            String::new()
        } else {
            format!(" discard {numbers:?}")
        }
    };
    match action {
        Action::StartEmpty {
            next,
            write_marker,
            discard,
        } => {
            format!(
                "empty{}{} next {next}",
                flag(*write_marker, "mark"),
                list(discard)
            )
        }
        Action::Restore {
            lineage,
            checkpoint,
            next,
            redo_finish,
            write_marker,
            discard,
        } => format!(
            "restore {lineage}/{checkpoint}{}{}{} next {next}",
            flag(*redo_finish, "finish"),
            flag(*write_marker, "mark"),
            list(discard)
        ),
        Action::SettleAborted { checkpoint } => format!("settle {checkpoint}"),
        Action::NewLineage {
            origin,
            finish,
            fence,
            replaced,
        } => format!(
            "new lineage from {:?} finish {finish:?} fence {fence:?} replaces {replaced:?}",
            origin
                .as_ref()
                .map(|o| format!("{}/{}", o.lineage, o.number))
        ),
        Action::Stop(reason) => {
            let name = format!("{reason:?}");
            format!("stop {}", name.split_whitespace().next().unwrap())
        }
    }
}

/// Checks a row of the first table; the marker `-` is none.
#[track_caller]
fn with_agent(found: &str, store: &str, wanted: &str) {
    let found = (found != "-").then(|| match found.contains(':') {
        true => found.parse().unwrap(),
        false => AgentMarker {
            lineage: "us".to_owned(),
            checkpoint: found.parse().unwrap(),
        },
    });
    assert_eq!(
        text(&decide(&observe(LastAgent::Marker(found), store))),
        wanted
    );
}

/// Checks a row of the second table.
#[track_caller]
fn without_agent(store: &str, wanted: &str) {
    assert_eq!(text(&decide(&observe(LastAgent::Absent, store))), wanted);
}

#[test]
fn a_first_start_writes_the_marker_zero_and_only_once() {
    with_agent("-", "", "empty mark next 1");
    with_agent("0", "", "empty next 1");
    without_agent("", "empty next 1");
}

#[test]
fn the_newest_checkpoint_is_restored_when_the_marker_names_it() {
    with_agent("1", "m1<0", "restore us/1 finish next 2");
    with_agent("2", "m2<1 m1<0 c1", "restore us/2 finish next 3");
    with_agent("2", "m1<0 m2<1 c2", "restore us/2 next 3");
}

#[test]
fn a_prepared_checkpoint_is_discarded_when_the_marker_names_its_parent() {
    with_agent("0", "m1<0", "empty discard [1] next 2");
    with_agent("1", "m1<0 c1 m2<1", "restore us/1 discard [2] next 3");
    with_agent("1", "m1<0 m2<1", "restore us/1 finish discard [2] next 3");
    with_agent(
        "1",
        "m1<0 m2<1 m3<1",
        "restore us/1 finish discard [2, 3] next 4",
    );
}

#[test]
fn a_damaged_checkpoint_that_was_not_committed_is_discarded_like_any() {
    with_agent("1", "m1<0 m2<1!", "restore us/1 finish discard [2] next 3");
    with_agent("1", "m1<0 m2<?", "restore us/1 finish discard [2] next 3");
    with_agent(
        "1",
        "m1<0 m2<1 m3<?",
        "restore us/1 finish discard [2, 3] next 4",
    );
    with_agent("0", "m1<?", "empty discard [1] next 2");
}

#[test]
fn a_damaged_committed_checkpoint_stops() {
    with_agent("1", "m1<0!", "stop CommittedDamaged");
    with_agent("2", "m1<0 m2<?", "stop CommittedDamaged");
    with_agent("1", "m1<0! m2<1", "stop CommittedDamaged");
    without_agent("m1<0 c1 m2<1! c2", "stop CommittedDamaged");
}

#[test]
fn a_committed_checkpoint_without_manifest_stops() {
    with_agent("1", "m2<1", "stop CommittedMissing");
    with_agent("-", "c1", "stop CommittedMissing");
    without_agent("c1", "stop CommittedMissing");
    without_agent("m1<0 c1 c2", "stop CommittedMissing");
}

#[test]
fn a_marker_that_is_neither_newest_nor_its_parent_stops() {
    with_agent("3", "", "stop MarkerUnexpected");
    with_agent("3", "m1<0 m2<1", "stop MarkerUnexpected");
    with_agent("1", "m1<0 m2<1 m3<2", "stop MarkerUnexpected");
    with_agent("2", "m1<0 m2<1 m3<1", "stop MarkerUnexpected");
    with_agent("0", "m1<0 m2<1 m3<?", "stop MarkerUnexpected");
}

#[test]
fn a_broker_that_forgot_a_commit_stops() {
    with_agent("1", "m1<0 c1 m2<1 c2", "stop MarkerBehind");
    with_agent("0", "m1<0 c1", "stop MarkerBehind");
    with_agent("2", "m1<0 m2<1 a2", "stop MarkerOfAborted");
}

#[test]
fn an_expired_marker_is_written_again_if_the_store_can_tell() {
    with_agent("-", "m1<0 c1", "restore us/1 mark next 2");
    with_agent("-", "m1<0 c1 m2<1 c2", "restore us/2 mark next 3");
    with_agent("-", "m1<0 c1 m2<1", "stop Undecidable");
    with_agent("-", "m1<0", "stop Undecidable");
    with_agent("-", "a1", "stop Undecidable");
}

#[test]
fn an_unreadable_verdict_stops_where_it_decides_and_only_there() {
    without_agent("m1<0 c1 m2<1 u2", "stop VerdictUnreadable");
    without_agent("m1<0 u1", "stop VerdictUnreadable");
    without_agent("m1<0 u1 m2<1 c2", "restore us/2 finish next 3");
    with_agent("-", "m1<0 u1", "stop VerdictUnreadable");
    with_agent("1", "m1<0 m2<1 u2", "stop VerdictUnreadable");
    with_agent("1", "m1<0 u1", "restore us/1 finish next 2");
}

#[test]
fn without_a_last_agent_an_open_checkpoint_is_settled_before_anything_else() {
    without_agent("m1<0", "settle 1");
    without_agent("m1<0 a1", "empty discard [1] next 2");
    without_agent("m1<0 c1 m2<1", "settle 2");
    without_agent("m1<0 c1 m2<1! m3<1", "settle 2");
    without_agent("m1<0 c1 m2<1 a2 m3<1", "settle 3");
    without_agent("m1<0 c1 m2<1 a2", "restore us/1 finish discard [2] next 3");
    without_agent("m1<0 c1 m2<1 c2", "restore us/2 finish next 3");
}

#[test]
fn a_verdict_alone_uses_its_number_up() {
    without_agent("a4", "empty next 5");
}

#[test]
fn objects_below_the_boundary_are_dead() {
    without_agent("b3 m1<0 m2<1 c2 m3<2 c3", "restore us/3 finish next 4");
    without_agent("b3 m2<1 m3<2 c3 u1", "restore us/3 finish next 4");
    with_agent("3", "b3 m1<0 m3<2", "restore us/3 finish next 4");
    without_agent("b7", "empty next 8");
}

#[test]
fn a_new_lineage_begins_with_its_origin_until_it_has_a_commit_of_its_own() {
    let base = "from:x/3 follows:x x/m3<2 x/c3";
    with_agent("-", base, "restore x/3 mark next 4");
    with_agent("x:9", base, "restore x/3 mark next 4");
    with_agent("3", base, "restore x/3 next 4");
    with_agent(
        "3",
        &format!("{base} m4<3"),
        "restore x/3 discard [4] next 5",
    );
    with_agent("4", &format!("{base} m4<3"), "restore us/4 finish next 5");
    without_agent(base, "restore x/3 next 4");
    without_agent(&format!("{base} m4<3 a4"), "restore x/3 discard [4] next 5");
    with_agent("-", "from:x/3! follows:x", "stop OriginDamaged");
}

#[test]
fn a_fresh_lineage_does_not_look_at_the_checkpoints_it_replaced() {
    with_agent("x:3", "follows:x x/m3<2 x/c3", "empty mark next 1");
    without_agent("follows:x x/m3<2 x/c3", "empty next 1");
}

#[test]
fn a_marker_of_another_lineage_stops() {
    with_agent("x:1", "m1<0", "stop ForeignMarker");
    with_agent("x:1", "", "stop ForeignMarker");
    with_agent("x:1", "follows:x m1<0", "stop ForeignMarker");
    with_agent("x:1", "follows:x c1", "stop ForeignMarker");
}

#[test]
fn a_job_never_starts_empty_beside_checkpoints_it_does_not_know() {
    without_agent("x/m1<0 x/c1", "stop ForeignCheckpoints");
    without_agent("x/c1", "stop ForeignCheckpoints");
    with_agent("0", "x/m1<0", "stop ForeignCheckpoints");
}

#[track_caller]
fn asked(request: Request, last_agent: LastAgent, store: &str, wanted: &str) {
    let seen = Observed {
        request,
        ..observe(last_agent, store)
    };
    assert_eq!(text(&decide(&seen)), wanted);
}

#[test]
fn fresh_settles_and_finishes_the_old_lineage_before_it_leaves_it() {
    let fresh = |store: &str, wanted: &str| asked(Request::Fresh, LastAgent::Absent, store, wanted);
    fresh("m1<0", "settle 1");
    let plain = r#"fence ["us"] replaces ["us"]"#;
    fresh(
        "m1<0 c1",
        &format!("new lineage from None finish Some(1) {plain}"),
    );
    fresh("", &format!("new lineage from None finish None {plain}"));
    fresh(
        "m1<0! c1",
        &format!("new lineage from None finish None {plain}"),
    );
    fresh(
        "follows:w x/c1",
        r#"new lineage from None finish None fence ["x", "us"] replaces ["w", "x", "us"]"#,
    );
}

#[test]
fn a_manual_restore_wants_a_committed_checkpoint_or_a_savepoint() {
    let ask = |from: &str, savepoint: bool, store: &str, wanted: &str| {
        let request = Request::Restore {
            from: manifest(from),
            savepoint,
        };
        let agent = LastAgent::Marker(Some("us:2".parse().unwrap()));
        asked(request, agent, store, wanted);
    };
    let store = "m1<0 c1 m2<1 m3<2";
    let rest = r#"finish Some(2) fence ["us"] replaces ["us"]"#;
    ask(
        "m1<0",
        false,
        store,
        &format!(r#"new lineage from Some("us/1") {rest}"#),
    );
    ask(
        "m2<1",
        false,
        store,
        &format!(r#"new lineage from Some("us/2") {rest}"#),
    );
    ask("m3<2", false, store, "stop OriginNotCommitted");
    ask("m1<0!", false, store, "stop OriginDamaged");
    ask(
        "m1<0",
        false,
        &format!("b2 {store}"),
        "stop OriginCollected",
    );
    ask(
        "m1<0",
        true,
        &format!("b2 {store}"),
        &format!(r#"new lineage from Some("us/1") {rest}"#),
    );
    ask("y/m7<0", false, store, "stop OriginNotCommitted");
    ask(
        "y/m7<0",
        true,
        store,
        &format!(r#"new lineage from Some("y/7") {rest}"#),
    );
}

#[test]
fn a_marker_is_read_as_it_was_written_and_nothing_else_is() {
    let marker = AgentMarker {
        lineage: "a:b".to_owned(),
        checkpoint: 42,
    };
    assert_eq!(marker.to_string().parse(), Ok(marker));
    for wrong in [
        "",
        "7",
        ":7",
        "a:",
        "a:+7",
        "a:007",
        "a:-1",
        "a:99999999999999999999",
    ] {
        assert!(wrong.parse::<AgentMarker>().is_err(), "{wrong}");
    }
}

#[test]
fn a_stop_says_what_was_found_and_what_to_do() {
    let stop = |action| match action {
        Action::Stop(reason) => reason.to_string(),
        other => panic!("{other:?}"),
    };
    let seen = observe(
        LastAgent::Marker(Some("us:2".parse().unwrap())),
        "m1<0 m2<1!",
    );
    expect_test::expect![[r#"checkpoint 2 is committed but cannot be restored: file 'manifest-2': wrong checksum; going back further on our own would repeat output: restore an older checkpoint or a savepoint by name, or start with FRESH"#]]
    .assert_eq(&stop(decide(&seen)));
    let seen = observe(
        LastAgent::Marker(Some("us:1".parse().unwrap())),
        "m1<0 m2<1 m3<2",
    );
    expect_test::expect![[r#"the commit marker in kafka names checkpoint 1, but the newest stored checkpoint is 3 and was built on 2; restore an older checkpoint or a savepoint by name, or start with FRESH"#]]
    .assert_eq(&stop(decide(&seen)));
    let seen = observe(LastAgent::Marker(None), "m1<0 c1 m2<1");
    expect_test::expect![[r#"the commit marker in kafka is gone, and checkpoint 2 may or may not be committed (checkpoint 1 is); restore an older checkpoint or a savepoint by name, or start with FRESH"#]]
    .assert_eq(&stop(decide(&seen)));
}
