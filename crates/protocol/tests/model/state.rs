//! One state of the model: the world, two incarnations, and what may still go wrong.

use millstream_protocol::recover::Action;

use crate::process::{Phase, Process, Why};
use crate::rules::Rules;
use crate::world::World;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) processes: [Process; 2],
    starts_left: u8,
    faults_left: u8,
    damages_left: u8,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A process starts in an empty slot.
    Start(usize),
    /// A process does its next step.
    Step(usize),
    /// A process does its next step, and gets no answer.
    Fault(usize, Fault),
    /// A process ends.
    Crash(usize),
    /// A late request arrives.
    Deliver(usize),
    /// The newest manifest rots.
    Damage,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// The request was carried out.
    AnswerLost,
    /// The request is on its way.
    RequestLate,
}

impl State {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            world: World::default(),
            processes: [Process::default(), Process::default()],
            starts_left: rules.starts,
            faults_left: rules.faults,
            damages_left: rules.damages,
        }
    }

    pub(crate) fn acts(&self, acts: &mut Vec<Act>) {
        // Slots are alike, so only the first empty one is used.
        if let Some(slot) = self.empty_slot().filter(|_| self.starts_left > 0) {
            acts.push(Act::Start(slot));
        }
        for (slot, process) in self.processes.iter().enumerate() {
            if !process.is_running() {
                continue;
            }
            acts.push(Act::Step(slot));
            if self.faults_left > 0 && process.asks_the_outside() {
                acts.push(Act::Fault(slot, Fault::AnswerLost));
                acts.push(Act::Fault(slot, Fault::RequestLate));
            }
            // Somebody must be left to go on.
            if self.starts_left > 0 {
                acts.push(Act::Crash(slot));
            }
        }
        acts.extend((0..self.world.late.len()).map(Act::Deliver));
        if self.damages_left > 0 && !self.world.manifests.is_empty() {
            acts.push(Act::Damage);
        }
    }

    pub(crate) fn apply(&mut self, rules: &Rules, act: Act) {
        match act {
            Act::Start(slot) => {
                let again = self.starts_left < rules.starts;
                self.starts_left -= 1;
                self.processes[slot].start(rules, &self.world, again);
            }
            Act::Step(slot) => self.processes[slot].step(rules, &mut self.world, None),
            Act::Fault(slot, fault) => {
                self.faults_left -= 1;
                self.processes[slot].step(rules, &mut self.world, Some(fault));
            }
            Act::Crash(slot) => self.processes[slot] = Process::default(),
            Act::Deliver(index) => self.world.deliver(rules, index),
            Act::Damage => {
                self.damages_left -= 1;
                self.world.damaged = true;
                if let Some(mut newest) = self.world.manifests.last_entry() {
                    newest.get_mut().damaged = true;
                }
            }
        }
    }

    fn empty_slot(&self) -> Option<usize> {
        self.processes
            .iter()
            .position(|p| !p.is_running() && p.phase != Phase::Done)
    }

    /// The newest generation has committed and finished every row.
    pub(crate) fn is_done(&self) -> bool {
        let newest = self.world.newest();
        self.processes
            .iter()
            .any(|p| p.phase == Phase::Done && p.generation == newest)
    }

    /// Somebody can act, or the work is done, or a job has stopped for a reason.
    pub(crate) fn can_go_on(&self) -> bool {
        let ended = |p: &Process| matches!(p.phase, Phase::Done | Phase::Ended(Why::Stopped));
        let mut acts = Vec::new();
        self.acts(&mut acts);
        !acts.is_empty() || self.processes.iter().any(ended)
    }

    pub(crate) fn has_fenced(&self) -> bool {
        self.processes
            .iter()
            .any(|p| p.phase == Phase::Ended(Why::Fenced))
    }

    pub(crate) fn has_discarded(&self) -> bool {
        self.processes.iter().any(|p| match &p.phase {
            Phase::Act(Action::Restore { discard, .. } | Action::StartEmpty { discard, .. }) => {
                !discard.is_empty()
            }
            _ => false,
        })
    }

    pub(crate) fn redoes_finish(&self) -> bool {
        let redoes = |p: &Process| {
            matches!(
                &p.phase,
                Phase::Act(Action::Restore {
                    redo_finish: true,
                    ..
                })
            )
        };
        self.processes.iter().any(redoes)
    }
}
