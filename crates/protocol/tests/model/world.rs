//! Everything outside the job: the object store, the broker, the files, the network.
//!
//! `truth` is what really was committed, in order; it is kept by the world and seen by nobody.

use std::collections::BTreeMap;

use crate::rules::Rules;

/// `a` or `b`: the lineage a job begins with, and the one after a manual restore.
pub(crate) type LineageId = u8;
/// A lineage and a checkpoint number.
pub(crate) type Key = (LineageId, u64);
/// Who tried which checkpoint: `generation * 16 + number`.
pub(crate) type Token = u64;

/// A generation record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Generation {
    pub(crate) lineage: LineageId,
    pub(crate) origin: Option<Key>,
    /// The position of the origin; the model keeps it so that a collected origin can be judged.
    pub(crate) base: u8,
}

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Made {
    pub(crate) token: Token,
    pub(crate) parent: u64,
    /// Rows before this are in the state.
    pub(crate) position: u8,
    pub(crate) damaged: bool,
}

/// An open transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Open {
    epoch: u8,
    rows: Vec<u8>,
    marker: Option<u64>,
}

/// A request that was sent and not answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Late {
    Manifest(Key, Made),
    /// Nothing is "aborted". The number is the generation of the sender.
    Verdict(Key, Option<Token>, u64),
    EndTransaction(LineageId, u8, u64),
}

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Breach {
    /// A commit that was not built on the last one.
    Fork,
    /// A commit by a generation that another one has replaced.
    Zombie,
    /// Output of a checkpoint that is not committed became visible.
    Early,
    /// The newest generation restored something else than the newest commit.
    Behind,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) generations: Vec<Generation>,
    pub(crate) manifests: BTreeMap<Key, Made>,
    /// Nothing is "aborted".
    pub(crate) verdicts: BTreeMap<Key, Option<Token>>,
    pub(crate) boundary: [u64; 2],
    /// Lineages below this one were collected as a whole: what is made in them is garbage.
    pub(crate) retired: LineageId,
    pub(crate) late: Vec<Late>,
    epochs: [u8; 2],
    open: [Option<Open>; 2],
    pub(crate) marker: Option<Key>,
    /// Rows of the broker that `read_committed` readers see, per lineage.
    rows: BTreeMap<(LineageId, u8), u8>,
    /// Files under a pending and under their final name: token to lineage and row.
    pending: BTreeMap<Token, (LineageId, u8)>,
    files: BTreeMap<Token, (LineageId, u8)>,
    truth: Vec<(LineageId, u64, Token)>,
    /// The newest generation that has decided what to restore.
    pub(crate) decided: u64,
    pub(crate) breach: Option<Breach>,
    pub(crate) damaged: bool,
}

impl World {
    pub(crate) fn newest(&self) -> u64 {
        self.generations.len() as u64
    }

    pub(crate) fn record(&self, generation: u64) -> &Generation {
        &self.generations[generation as usize - 1]
    }

    // ---- the store

    /// Creates an object unless it exists; the content that is there then.
    pub(crate) fn create_manifest(&mut self, key: Key, made: Made) -> Token {
        self.manifests.entry(key).or_insert(made).token
    }

    /// The same for `committed-N`, which is the commit point of a job without a last agent.
    pub(crate) fn create_verdict(
        &mut self,
        rules: &Rules,
        key: Key,
        content: Option<Token>,
        by: u64,
    ) -> Option<Token> {
        if let Some(there) = self.verdicts.get(&key) {
            return *there;
        }
        self.verdicts.insert(key, content);
        let dead = key.1 < self.boundary[usize::from(key.0)] || key.0 < self.retired;
        if let Some(token) = content.filter(|_| !rules.has_agent && !dead) {
            let matches = self
                .manifests
                .get(&key)
                .is_some_and(|made| made.token == token);
            self.commit(key, by, matches);
        }
        content
    }

    /// Boundaries are objects of their own; the newest counts, so a zombie cannot lower it.
    pub(crate) fn publish(&mut self, lineage: LineageId, boundary: u64) {
        let newest = &mut self.boundary[usize::from(lineage)];
        *newest = boundary.max(*newest);
    }

    // ---- the broker

    /// `init_transactions`: a new epoch; what the old one left open is aborted.
    pub(crate) fn fence(&mut self, lineage: LineageId) -> u8 {
        let lineage = usize::from(lineage);
        self.open[lineage] = None;
        self.epochs[lineage] += 1;
        self.epochs[lineage]
    }

    pub(crate) fn epoch(&self, lineage: LineageId) -> u8 {
        self.epochs[usize::from(lineage)]
    }

    /// Sends a row; false if the producer is fenced.
    pub(crate) fn produce(&mut self, lineage: LineageId, epoch: u8, row: u8) -> bool {
        self.transact(lineage, epoch, |open| open.rows.push(row))
    }

    /// Sends the marker to the open transaction; false if the producer is fenced.
    pub(crate) fn send_marker(&mut self, lineage: LineageId, epoch: u8, checkpoint: u64) -> bool {
        self.transact(lineage, epoch, |open| open.marker = Some(checkpoint))
    }

    fn transact(&mut self, lineage: LineageId, epoch: u8, act: impl FnOnce(&mut Open)) -> bool {
        if self.epoch(lineage) != epoch {
            return false;
        }
        let open = &mut self.open[usize::from(lineage)];
        act(open.get_or_insert(Open {
            epoch,
            rows: Vec::new(),
            marker: None,
        }));
        true
    }

    /// Commits whatever the transaction of this epoch holds when the request arrives.
    pub(crate) fn end_transaction(&mut self, lineage: LineageId, epoch: u8, by: u64) -> bool {
        let open = &mut self.open[usize::from(lineage)];
        let Some(open) = open.take_if(|open| open.epoch == epoch) else {
            return false;
        };
        for row in open.rows {
            *self.rows.entry((lineage, row)).or_default() += 1;
        }
        if let Some(number) = open.marker {
            self.marker = Some((lineage, number));
            let base = self.last_commit(lineage).0;
            if number != base {
                let exists = self.manifests.contains_key(&(lineage, number));
                self.commit((lineage, number), by, exists);
            }
        }
        true
    }

    // ---- the files

    pub(crate) fn prepare_file(&mut self, token: Token, lineage: LineageId, row: u8) {
        self.pending.insert(token, (lineage, row));
    }

    /// Gives the file of a checkpoint its final name; nothing happens the second time.
    pub(crate) fn finish(&mut self, token: Token) {
        if !self
            .truth
            .iter()
            .any(|(_, _, committed)| *committed == token)
        {
            self.breach.get_or_insert(Breach::Early);
        }
        if let Some(file) = self.pending.remove(&token) {
            self.files.insert(token, file);
        }
    }

    // ---- the network

    pub(crate) fn deliver(&mut self, rules: &Rules, index: usize) {
        match self.late.remove(index) {
            Late::Manifest(key, made) => {
                self.create_manifest(key, made);
            }
            Late::Verdict(key, content, by) => {
                self.create_verdict(rules, key, content, by);
            }
            Late::EndTransaction(lineage, epoch, by) => {
                self.end_transaction(lineage, epoch, by);
            }
        }
    }

    // ---- the judge

    /// The last commit of a lineage, or its base: number and token.
    pub(crate) fn last_commit(&self, lineage: LineageId) -> (u64, Option<Token>) {
        let mut ours = self.truth.iter().rev().filter(|(id, _, _)| *id == lineage);
        if let Some((_, number, token)) = ours.next() {
            return (*number, Some(*token));
        }
        let mut records = self.generations.iter().filter(|g| g.lineage == lineage);
        (
            records
                .next()
                .and_then(|g| g.origin)
                .map_or(0, |(_, number)| number),
            None,
        )
    }

    fn commit(&mut self, key: Key, by: u64, exists: bool) {
        let (last, _) = self.last_commit(key.0);
        let made = self
            .manifests
            .get(&key)
            .filter(|made| exists && made.parent == last);
        if by < self.decided {
            self.breach.get_or_insert(Breach::Zombie);
        }
        match made {
            Some(made) => self.truth.push((key.0, key.1, made.token)),
            None => {
                self.breach.get_or_insert(Breach::Fork);
            }
        }
    }

    /// A generation has decided to go on from this checkpoint of its lineage.
    pub(crate) fn judge_restore(&mut self, generation: u64, checkpoint: u64) {
        let lineage = self.record(generation).lineage;
        let current = generation == self.newest();
        if current && self.last_commit(lineage).0 != checkpoint {
            self.breach.get_or_insert(Breach::Behind);
        }
        self.decided = self.decided.max(generation);
    }

    /// A manual restore chose a checkpoint that was collected while the choice was recorded.
    pub(crate) fn lost_origin(&self) -> bool {
        let mut origins = self.generations.iter().filter_map(|g| g.origin);
        origins.any(|(lineage, number)| number < self.boundary[usize::from(lineage)])
    }

    pub(crate) fn at_most_once(&self) -> bool {
        let mut seen = std::collections::BTreeSet::new();
        self.rows.values().all(|count| *count == 1) && self.files.values().all(|f| seen.insert(f))
    }

    /// Every row of every lineage, from where it began to where it ended, is visible once.
    pub(crate) fn exactly_once(&self, rules: &Rules) -> bool {
        let current = self.generations.last().map_or(0, |g| g.lineage);
        (0..=current).all(|lineage| {
            let base = self
                .generations
                .iter()
                .find(|g| g.lineage == lineage)
                .map_or(0, |g| g.base);
            let ours = self
                .truth
                .iter()
                .filter(|(id, _, _)| *id == lineage)
                .count();
            let end = if lineage == current {
                rules.rows
            } else {
                base + ours as u8
            };
            let files: Vec<u8> = {
                let ours = self.files.values().filter(|(id, _)| *id == lineage);
                let mut rows: Vec<u8> = ours.map(|(_, row)| *row).collect();
                rows.sort_unstable();
                rows
            };
            let rows = self
                .rows
                .keys()
                .filter(|(id, _)| *id == lineage)
                .map(|(_, row)| *row);
            let wanted = || base..end;
            files.into_iter().eq(wanted()) && (!rules.has_agent || rows.eq(wanted()))
        })
    }
}
