//! One incarnation of the job: which function of the crate is asked when, and what is done then.
//!
//! A step reads or writes one thing outside, as one request does; so every other event can come
//! between any two of them.

use millstream_protocol::commit::{Commit, Content, Effect, Event, Plan};
use millstream_protocol::gc::{Held, Noted, Seen, Sweep, sweep};
use millstream_protocol::generation::{claim, is_fenced, renew};
use millstream_protocol::recover::{
    Action, AgentMarker, Condition, LastAgent, Lineage, Manifest, Marker, Observed, Request,
    Verdict, decide,
};
use millstream_protocol::restart::{Backoff, Class};

use crate::rules::{Rules, Sabotage, Wish};
use crate::state::Fault;
use crate::world::{Generation, Key, Late, LineageId, Made, Token, World};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) phase: Phase,
    pub(crate) generation: u64,
    lineage: LineageId,
    epoch: u8,
    /// The marker that was read.
    marker: Option<Key>,
    /// The user's wish is still to be asked for.
    wishes: bool,
    /// The last checkpoint of ours, or the one we were restored from.
    parent: u64,
    next: u64,
    position: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    #[default]
    Empty,
    Claim(u64, Generation),
    ReadBack,
    Fence,
    ReadMarker,
    List,
    Decide(Box<Observed>),
    Act(Action),
    WriteMarker,
    Recheck,
    Run,
    Commit(Commit, Effect),
    Collect(Commit, Sweep),
    Done,
    Ended(Why),
}

/// Why a process ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    Fenced,
    Stopped,
}

impl Process {
    pub(crate) fn is_running(&self) -> bool {
        !matches!(self.phase, Phase::Empty | Phase::Done | Phase::Ended(_))
    }

    /// Whether the next step is a request whose answer matters.
    pub(crate) fn asks_the_outside(&self) -> bool {
        use Effect::{CommitAgent, CreateCommitted, CreateManifest};
        match &self.phase {
            Phase::Commit(_, effect) => {
                matches!(effect, CommitAgent | CreateCommitted | CreateManifest)
            }
            Phase::Act(action) => matches!(action, Action::SettleAborted { .. }),
            Phase::WriteMarker => true,
            _ => false,
        }
    }

    pub(crate) fn start(&mut self, rules: &Rules, world: &World, again: bool) {
        let existing: Vec<u64> = (1..=world.newest()).collect();
        let first = Generation {
            lineage: 0,
            origin: None,
            base: 0,
        };
        let record = world.generations.last().cloned().unwrap_or(first);
        let wishes = again && rules.wish != Wish::Continue && record.lineage == 0;
        *self = Self {
            phase: Phase::Claim(claim(&existing), record),
            wishes,
            ..Self::default()
        };
    }

    pub(crate) fn step(&mut self, rules: &Rules, world: &mut World, fault: Option<Fault>) {
        self.phase = match std::mem::take(&mut self.phase) {
            Phase::Claim(number, record) => self.claim(world, number, record),
            Phase::ReadBack if is_fenced(self.generation, world.newest()) => FENCED,
            Phase::ReadBack if !rules.has_agent => Phase::List,
            Phase::ReadBack if rules.broken(Sabotage::MarkerBeforeFencing) => Phase::ReadMarker,
            Phase::ReadBack => Phase::Fence,
            Phase::Fence => self.fence(rules, world),
            Phase::ReadMarker => {
                self.marker = world.marker;
                match rules.broken(Sabotage::MarkerBeforeFencing) {
                    true => Phase::Fence,
                    false => Phase::List,
                }
            }
            Phase::List => Phase::Decide(Box::new(self.observe(rules, world))),
            Phase::Decide(_) if self.is_overtaken(rules, world) => FENCED,
            Phase::Decide(observed) => self.decide(rules, world, &observed),
            Phase::Act(action) => self.act(rules, world, action, fault),
            Phase::WriteMarker => self.write_marker(rules, world, fault),
            Phase::Recheck if is_fenced(self.generation, world.newest()) => FENCED,
            Phase::Recheck if self.position == rules.rows => Phase::Done,
            Phase::Recheck => Phase::Run,
            Phase::Run => self.run(rules, world),
            Phase::Commit(commit, effect) => self.commit(rules, world, commit, effect, fault),
            Phase::Collect(mut commit, sweep) => {
                collect(world, self.lineage, &sweep);
                let effect = commit.step(Event::Ok);
                self.follow(rules, world, commit, effect)
            }
            ended @ (Phase::Empty | Phase::Done | Phase::Ended(_)) => ended,
        };
    }

    // ---- recovery

    fn claim(&mut self, world: &mut World, number: u64, record: Generation) -> Phase {
        if world.newest() >= number {
            return FENCED;
        }
        self.generation = number;
        self.lineage = record.lineage;
        world.generations.push(record);
        Phase::ReadBack
    }

    /// Recovers without ending: the producer is dropped, the generation renewed.
    fn recover(&self, rules: &Rules, world: &World) -> Phase {
        let number = match rules.broken(Sabotage::RenewJumps) {
            true => world.newest() + 1,
            false => renew(self.generation),
        };
        Phase::Claim(number, world.record(self.generation).clone())
    }

    fn fence(&mut self, rules: &Rules, world: &mut World) -> Phase {
        let keeps_producer = rules.broken(Sabotage::UnknownCommitIsNo) && self.epoch > 0;
        self.epoch = match rules.broken(Sabotage::SkipFencing) || keeps_producer {
            true => world.epoch(self.lineage),
            false => world.fence(self.lineage),
        };
        match rules.broken(Sabotage::MarkerBeforeFencing) {
            true => Phase::List,
            false => Phase::ReadMarker,
        }
    }

    fn is_overtaken(&self, rules: &Rules, world: &World) -> bool {
        let looks = !rules.broken(Sabotage::DecideUnfenced);
        looks && is_fenced(self.generation, world.newest())
    }

    fn decide(&mut self, rules: &Rules, world: &mut World, observed: &Observed) -> Phase {
        let mut action = decide(observed);
        let base = world
            .record(self.generation)
            .origin
            .map_or(0, |(_, number)| number);
        match &mut action {
            Action::StartEmpty { .. } => world.judge_restore(self.generation, 0),
            Action::Restore {
                lineage,
                checkpoint,
                next,
                discard,
                redo_finish,
                ..
            } => {
                let number = if *lineage == name(self.lineage) {
                    *checkpoint
                } else {
                    base
                };
                world.judge_restore(self.generation, number);
                if rules.broken(Sabotage::ReuseNumbers) {
                    *next = *checkpoint + 1;
                    for number in discard.drain(..) {
                        world.manifests.remove(&(self.lineage, number));
                        world.verdicts.remove(&(self.lineage, number));
                    }
                }
                *redo_finish &= !rules.broken(Sabotage::SkipRedo);
            }
            Action::NewLineage { .. } | Action::SettleAborted { .. } => {}
            Action::Stop(_) => return Phase::Ended(Why::Stopped),
        }
        Phase::Act(action)
    }

    fn observe(&self, rules: &Rules, world: &World) -> Observed {
        let record = world.record(self.generation);
        let manifest = |(lineage, number): &Key| Manifest {
            lineage: name(*lineage),
            number: *number,
            parent: world
                .manifests
                .get(&(*lineage, *number))
                .map(|made| made.parent),
            condition: match world.manifests.get(&(*lineage, *number)) {
                Some(made) if !made.damaged => Condition::Intact,
                _ => Condition::Damaged("wrong checksum".to_owned()),
            },
        };
        let mut manifests: Vec<_> = world.manifests.keys().map(manifest).collect();
        let mut markers: Vec<_> = world.verdicts.iter().map(noted).collect();
        let ours = |lineage: &String| *lineage == name(self.lineage);
        let mut marker = self.marker;
        if let Some(newest) = manifests.iter_mut().rev().find(|m| ours(&m.lineage)) {
            if rules.broken(Sabotage::ParentIsPrevious) {
                newest.parent = Some(newest.number - 1);
            }
            if rules.broken(Sabotage::RestorePrevious)
                && marker.is_some_and(|m| m.1 < newest.number)
            {
                newest.parent = Some(newest.number - 1);
                marker = Some((self.lineage, newest.number - 1));
            }
        }
        if rules.broken(Sabotage::SkipSettling) {
            for (lineage, number) in world.manifests.keys() {
                if !world.verdicts.contains_key(&(*lineage, *number)) {
                    markers.push(noted((&(*lineage, *number), &None)));
                }
            }
        }
        if rules.broken(Sabotage::MarkerWithoutLineage) {
            marker = marker.map(|(_, number)| (self.lineage, number));
        }
        let marker = marker.map(|(l, checkpoint)| AgentMarker {
            lineage: name(l),
            checkpoint,
        });
        Observed {
            lineage: Lineage {
                id: name(self.lineage),
                origin: record.origin.as_ref().map(manifest),
                replaced: (0..self.lineage).map(name).collect(),
            },
            request: self.request(rules, world, &manifests, &markers),
            manifests,
            markers,
            boundary: world.boundary[usize::from(self.lineage)],
            last_agent: match rules.has_agent {
                true => LastAgent::Marker(marker),
                false => LastAgent::Absent,
            },
        }
    }

    fn request(
        &self,
        rules: &Rules,
        world: &World,
        manifests: &[Manifest],
        markers: &[Marker],
    ) -> Request {
        if !self.wishes {
            return Request::Continue;
        }
        let boundary = world.boundary[usize::from(self.lineage)];
        let committed = |m: &&Manifest| {
            let verdict = |v: &&Marker| v.lineage == m.lineage && v.number == m.number;
            let verdict = markers.iter().find(verdict).map(|v| &v.verdict);
            m.number >= boundary && verdict == Some(&Verdict::Committed)
        };
        match manifests
            .iter()
            .find(committed)
            .filter(|_| rules.wish == Wish::Oldest)
        {
            Some(from) => Request::Restore {
                from: from.clone(),
                savepoint: false,
            },
            None => Request::Fresh,
        }
    }

    fn act(
        &mut self,
        rules: &Rules,
        world: &mut World,
        action: Action,
        fault: Option<Fault>,
    ) -> Phase {
        match action {
            Action::StartEmpty {
                next, write_marker, ..
            } => {
                (self.parent, self.next, self.position) = (0, next, 0);
                if write_marker {
                    Phase::WriteMarker
                } else {
                    Phase::Recheck
                }
            }
            Action::Restore {
                lineage,
                checkpoint,
                next,
                redo_finish,
                write_marker,
                ..
            } => {
                let key = (u8::from(lineage == name(1)), checkpoint);
                // Collected in the meantime: then somebody newer is at work.
                let Some(made) = world.manifests.get(&key).cloned() else {
                    return FENCED;
                };
                (self.parent, self.next, self.position) = (checkpoint, next, made.position);
                if redo_finish {
                    world.finish(made.token);
                    world.create_verdict(rules, key, Some(made.token), self.generation);
                }
                if write_marker {
                    Phase::WriteMarker
                } else {
                    Phase::Recheck
                }
            }
            Action::SettleAborted { checkpoint } => {
                let key = (self.lineage, checkpoint);
                match fault {
                    Some(Fault::RequestLate) => {
                        world.late.push(Late::Verdict(key, None, self.generation));
                    }
                    _ => {
                        world.create_verdict(rules, key, None, self.generation);
                    }
                }
                Phase::List
            }
            Action::NewLineage { origin, finish, .. } => {
                let origin = origin.map(|m| (self.lineage, m.number));
                let base = match origin {
                    Some(key) => match world.manifests.get(&key) {
                        Some(made) => made.position,
                        None => return FENCED,
                    },
                    None => 0,
                };
                if let Some(made) = finish.and_then(|n| world.manifests.get(&(self.lineage, n))) {
                    world.finish(made.token);
                }
                if rules.has_agent {
                    world.fence(self.lineage);
                }
                self.wishes = false;
                let record = Generation {
                    lineage: self.lineage + 1,
                    origin,
                    base,
                };
                Phase::Claim(renew(self.generation), record)
            }
            Action::Stop(_) => Phase::Ended(Why::Stopped),
        }
    }

    fn write_marker(&mut self, rules: &Rules, world: &mut World, fault: Option<Fault>) -> Phase {
        if !world.send_marker(self.lineage, self.epoch, self.parent) {
            return self.recover(rules, world);
        }
        match self.end_transaction(world, fault) {
            Event::Ok => Phase::Recheck,
            _ => self.recover(rules, world),
        }
    }

    fn end_transaction(&self, world: &mut World, fault: Option<Fault>) -> Event {
        let (lineage, epoch, by) = (self.lineage, self.epoch, self.generation);
        let unknown = Event::Unknown {
            message: String::new(),
        };
        match fault {
            Some(Fault::RequestLate) => {
                world.late.push(Late::EndTransaction(lineage, epoch, by));
                unknown
            }
            Some(Fault::AnswerLost) => {
                world.end_transaction(lineage, epoch, by);
                unknown
            }
            None if world.end_transaction(lineage, epoch, by) => Event::Ok,
            None => Event::Failed {
                class: Class::Replayable,
                message: String::new(),
            },
        }
    }

    // ---- rows and checkpoints

    fn token(&self) -> Token {
        self.generation * 16 + self.next
    }

    /// Takes a row, writes it to both sinks, and begins the checkpoint.
    fn run(&mut self, rules: &Rules, world: &mut World) -> Phase {
        if rules.has_agent && !world.produce(self.lineage, self.epoch, self.position) {
            return self.recover(rules, world);
        }
        world.prepare_file(self.token(), self.lineage, self.position);
        let mut commit = Commit::new(Plan {
            checkpoint: self.next,
            generation: self.generation,
            token: self.token().to_string(),
            has_agent: rules.has_agent,
            backoff: Backoff {
                first_ms: 1,
                cap_ms: 1,
                attempts: 2,
            },
        });
        let effect = commit.begin();
        if rules.broken(Sabotage::CommitBeforeManifest) && rules.has_agent {
            world.send_marker(self.lineage, self.epoch, self.next);
            world.end_transaction(self.lineage, self.epoch, self.generation);
        }
        Phase::Commit(commit, effect)
    }

    fn commit(
        &mut self,
        rules: &Rules,
        world: &mut World,
        mut commit: Commit,
        effect: Effect,
        fault: Option<Fault>,
    ) -> Phase {
        let key = (self.lineage, self.next);
        let event = match effect {
            Effect::CheckFence => self.read_fence(rules, world, commit.is_committed()),
            Effect::CreateManifest => self.create_manifest(rules, world, fault),
            Effect::CreateCommitted => self.create_committed(rules, world, fault),
            Effect::ReadManifest => {
                let found = world.manifests.get(&key);
                Event::Found(found.map(|made| content(Some(made.token))))
            }
            Effect::ReadCommitted => {
                Event::Found(world.verdicts.get(&key).map(|token| content(*token)))
            }
            Effect::CommitAgent => self.commit_agent(rules, world, fault),
            Effect::FinishSinks => {
                world.finish(self.token());
                Event::Ok
            }
            Effect::CollectGarbage => {
                let sweep = self.sweep(rules, world);
                world.publish(self.lineage, sweep.boundary);
                return Phase::Collect(commit, sweep);
            }
            _ => Event::Ok,
        };
        let event = match event {
            Event::Exists(found) if rules.broken(Sabotage::AnyTokenIsOurs) => {
                Event::Exists(Content {
                    token: self.token().to_string(),
                    ..found
                })
            }
            event => event,
        };
        let mut effect = commit.step(event);
        if let Effect::Wait { .. } = effect {
            effect = commit.step(Event::Due);
        }
        self.follow(rules, world, commit, effect)
    }

    fn follow(&mut self, rules: &Rules, world: &World, commit: Commit, effect: Effect) -> Phase {
        match effect {
            Effect::Done { .. } => {
                (self.parent, self.next) = (self.next, self.next + 1);
                self.position += 1;
                if self.position == rules.rows {
                    Phase::Done
                } else {
                    Phase::Run
                }
            }
            Effect::Recover { .. } => self.recover(rules, world),
            Effect::Fenced { .. } => FENCED,
            Effect::Stop { .. } => Phase::Ended(Why::Stopped),
            effect => Phase::Commit(commit, effect),
        }
    }

    fn read_fence(&self, rules: &Rules, world: &World, committed: bool) -> Event {
        let skips =
            rules.broken(Sabotage::SkipFence) || committed && rules.broken(Sabotage::SkipLastFence);
        match skips {
            true => Event::Fence {
                current: self.generation,
                boundary: 0,
            },
            false => Event::Fence {
                current: world.newest(),
                boundary: world.boundary[usize::from(self.lineage)],
            },
        }
    }

    fn create_manifest(&self, rules: &Rules, world: &mut World, fault: Option<Fault>) -> Event {
        let key = (self.lineage, self.next);
        let made = Made {
            token: self.token(),
            parent: self.parent,
            position: self.position + 1,
            damaged: false,
        };
        if fault == Some(Fault::RequestLate) {
            world.late.push(Late::Manifest(key, made));
            return unknown_create(rules);
        }
        let there = world.create_manifest(key, made);
        if rules.broken(Sabotage::FinishBeforeCommit) {
            world.finish(self.token());
        }
        match fault {
            Some(_) => unknown_create(rules),
            None if there == self.token() => Event::Ok,
            None => Event::Exists(content(Some(there))),
        }
    }

    fn create_committed(&self, rules: &Rules, world: &mut World, fault: Option<Fault>) -> Event {
        let (key, token) = ((self.lineage, self.next), Some(self.token()));
        if fault == Some(Fault::RequestLate) {
            world.late.push(Late::Verdict(key, token, self.generation));
            return unknown_create(rules);
        }
        let there = world.create_verdict(rules, key, token, self.generation);
        match fault {
            Some(_) => unknown_create(rules),
            None if there == token => Event::Ok,
            None => Event::Exists(content(there)),
        }
    }

    fn commit_agent(&self, rules: &Rules, world: &mut World, fault: Option<Fault>) -> Event {
        if rules.broken(Sabotage::CommitBeforeManifest) {
            return Event::Ok;
        }
        if !world.send_marker(self.lineage, self.epoch, self.next) {
            return Event::Failed {
                class: Class::Replayable,
                message: String::new(),
            };
        }
        match self.end_transaction(world, fault) {
            Event::Unknown { .. } if rules.broken(Sabotage::UnknownCommitIsYes) => Event::Ok,
            event => event,
        }
    }

    fn sweep(&self, rules: &Rules, world: &World) -> Sweep {
        let held = |(lineage, number): &Key| Held {
            lineage: name(*lineage),
            number: *number,
            files: Some(Vec::new()),
        };
        let noted = |((lineage, number), token): (&Key, &Option<Token>)| Noted {
            lineage: name(*lineage),
            number: *number,
            committed: token.is_some(),
        };
        let mut markers: Vec<_> = world.verdicts.iter().map(noted).collect();
        if rules.broken(Sabotage::CollectPrepared) {
            markers.extend(world.manifests.keys().map(|key| noted((key, &Some(0)))));
        }
        sweep(&Seen {
            lineage: name(self.lineage),
            replaced: match rules.broken(Sabotage::CollectAnyOther) {
                true => vec![name(0), name(1)],
                false => (0..self.lineage).map(name).collect(),
            },
            manifests: world.manifests.keys().map(held).collect(),
            markers,
            files: Vec::new(),
            pinned: Vec::new(),
            boundary: world.boundary[usize::from(self.lineage)],
            keep: 1,
        })
    }
}

const FENCED: Phase = Phase::Ended(Why::Fenced);

fn unknown_create(rules: &Rules) -> Event {
    match rules.broken(Sabotage::UnknownCreateIsYes) {
        true => Event::Ok,
        false => Event::Unknown {
            message: String::new(),
        },
    }
}

fn name(lineage: LineageId) -> String {
    if lineage == 0 { "a" } else { "b" }.to_owned()
}

fn content(token: Option<Token>) -> Content {
    Content {
        token: token.map(|t| t.to_string()).unwrap_or_default(),
        aborted: token.is_none(),
    }
}

fn noted(((lineage, number), token): (&Key, &Option<Token>)) -> Marker {
    let verdict = if token.is_some() {
        Verdict::Committed
    } else {
        Verdict::Aborted
    };
    Marker {
        lineage: name(*lineage),
        number: *number,
        verdict,
    }
}

fn collect(world: &mut World, ours: LineageId, sweep: &Sweep) {
    let id = |lineage: &String| u8::from(*lineage == name(1));
    if sweep
        .manifests
        .iter()
        .chain(&sweep.markers)
        .any(|(lineage, _)| id(lineage) < ours)
    {
        world.retired = world.retired.max(ours);
    }
    for (lineage, number) in &sweep.manifests {
        world.manifests.remove(&(id(lineage), *number));
    }
    for (lineage, number) in &sweep.markers {
        world.verdicts.remove(&(id(lineage), *number));
    }
}
