//! What becomes of a checkpoint's state in a job that has changed.
//!
//! ```text
//! kept      the same node, or one whose state means the same
//! rebuilt   a node without state that is new, or is computed in another way; a new source, a new sink
//! dropped   a node of the checkpoint that the job no longer has
//! refused   a node whose state cannot be kept: it starts empty, if at all
//! ```
//!
//! * Pairs are found from certain to likely: same uid and fingerprint, same fingerprint, and, to say
//!   *why* state cannot be kept, the node of the same kind with the most facets in common.
//! * A node that keeps its state behind one that starts empty would count rows twice: it is refused
//!   too.
//! * Always: every old node is kept, dropped or refused; every new node is kept, rebuilt or refused;
//!   no old node is the origin of two.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use millstream_core::{Code, Error, Result};

use super::{Facet, Keeps, NodeIdentity};

/// Most lines of a printed diff.
const LINES_MAX: usize = 200;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Nodes whose state goes on.
    pub kept: Vec<Kept>,
    /// New nodes that begin with nothing, and lose nothing by it.
    pub rebuilt: Vec<Lost>,
    /// Nodes of the checkpoint that are gone.
    pub dropped: Vec<Lost>,
    /// Nodes whose state cannot be kept.
    pub refused: Vec<Refused>,
}

/// A node whose state goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number in the checkpoint's graph.
    pub old: u32,
    /// Its number in the job's graph.
    pub new: u32,
    /// Its name.
    pub title: String,
    /// What it keeps.
    pub keeps: Keeps,
    /// What is different about it all the same.
    pub changes: Vec<String>,
}

/// A node of one of the two graphs only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its number in its graph.
    pub id: u32,
    /// Its name.
    pub title: String,
    /// What it keeps.
    pub keeps: Keeps,
}

/// A node whose state cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its number in the job's graph.
    pub node: u32,
    /// The number of the node whose state it would have been, in the checkpoint's graph.
    pub old: u32,
    /// Its name.
    pub title: String,
    /// Why.
    pub why: String,
}

/// Compares the nodes of a checkpoint with those of the job that is to start from it.
pub fn compare(old: &[NodeIdentity], new: &[NodeIdentity]) -> Diff {
    let mut pairs = Pairs::default();
    pairs.find(old, new, |a, b| {
        a.uid == b.uid && a.fingerprint == b.fingerprint
    });
    pairs.find(old, new, |a, b| {
        a.keeps == b.keeps && a.fingerprint == b.fingerprint
    });
    let same = pairs.by_new.clone();
    pairs.find_likely(old, new);
    let mut why: HashMap<usize, String> = HashMap::new();
    for (&at, &from) in &pairs.by_new {
        if !same.contains_key(&at) {
            why.insert(at, reasons(&old[from], &new[at], true).join("; "));
        }
    }
    spread(new, &same, &mut why);
    sort_out(old, new, &pairs, &same, &why)
}

impl Diff {
    /// Numbers in the checkpoint's graph and what they are in the job's, for everything kept.
    pub fn remap(&self) -> BTreeMap<u32, u32> {
        self.kept.iter().map(|kept| (kept.old, kept.new)).collect()
    }

    /// True if nothing is different that anybody must know of.
    pub fn is_identical(&self) -> bool {
        let is_same = self.kept.iter().all(|kept| kept.changes.is_empty());
        is_same && self.rebuilt.is_empty() && self.dropped.is_empty() && self.refused.is_empty()
    }

    /// Refuses a job that has changed, unless its owner has approved of that.
    ///
    /// # Errors
    /// `CheckpointMismatch` with the diff as text.
    pub fn check(&self, is_approved: bool) -> Result<()> {
        if is_approved || self.is_identical() {
            return Ok(());
        }
        let what = match self.refused.as_slice() {
            [] => "the job is not the one that wrote the checkpoint".to_owned(),
            [one] => format!("the state of '{}' cannot be kept: {}", one.title, one.why),
            [first, rest @ ..] => format!(
                "the state of '{}' and {} more cannot be kept: {}",
                first.title,
                rest.len(),
                first.why
            ),
        };
        Err(Error::new(Code::CheckpointMismatch, format!("{what}\n{self}")).hint(
            "if that is what you want, run it once with --approve-changes; to begin with nothing, with \
             --fresh",
        ))
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for kept in &self.kept {
            let what = match kept.keeps {
                Keeps::Nothing if kept.changes.is_empty() => continue,
                Keeps::Nothing => "",
                Keeps::State => "state",
                Keeps::Positions => "positions",
                Keeps::Output => "output",
            };
            let words: Vec<&str> = [what]
                .into_iter()
                .filter(|what| !what.is_empty())
                .chain(kept.changes.iter().map(String::as_str))
                .collect();
            lines.push((
                "  kept   ",
                format!("[{}] {}", kept.new, kept.title),
                words.join("; "),
            ));
        }
        for new in &self.rebuilt {
            let words = match new.keeps {
                Keeps::Nothing => "",
                Keeps::State => "is new, begins empty",
                Keeps::Positions => "is new, reads from its beginning",
                Keeps::Output => "is new",
            };
            lines.push((
                "+ rebuilt",
                format!("[{}] {}", new.id, new.title),
                words.to_owned(),
            ));
        }
        for old in &self.dropped {
            let words = match old.keeps {
                Keeps::Nothing => "",
                Keeps::State => "its state is forgotten",
                Keeps::Positions => "its positions are forgotten",
                Keeps::Output => "is written no more",
            };
            lines.push((
                "- dropped",
                format!("[{}] {}", old.id, old.title),
                words.to_owned(),
            ));
        }
        for refused in &self.refused {
            let words = format!("begins empty: {}", refused.why);
            lines.push((
                "! refused",
                format!("[{}] {}", refused.node, refused.title),
                words,
            ));
        }
        let width = lines
            .iter()
            .map(|(_, name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        for (index, (sign, name, words)) in lines.iter().enumerate() {
            if index == LINES_MAX {
                return write!(f, "  and {} more", lines.len() - LINES_MAX);
            }
            let line = format!("{sign}  {name:<width$}  {words}");
            let end = if index + 1 == lines.len() { "" } else { "\n" };
            write!(f, "{}{end}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Which old node a new one comes from, by places in the lists.
#[derive(Default)]
struct Pairs {
    by_new: HashMap<usize, usize>,
    used: HashSet<usize>,
}

impl Pairs {
    fn pair(&mut self, from: usize, at: usize) {
        self.used.insert(from);
        self.by_new.insert(at, from);
    }

    /// Pairs what is left over and agrees, in the order of the graphs.
    fn find(
        &mut self,
        old: &[NodeIdentity],
        new: &[NodeIdentity],
        agree: impl Fn(&NodeIdentity, &NodeIdentity) -> bool,
    ) {
        let mut left: HashMap<&str, Vec<usize>> = HashMap::new();
        for (from, node) in old.iter().enumerate().rev() {
            if !self.used.contains(&from) {
                left.entry(&node.fingerprint).or_default().push(from);
            }
        }
        for (at, node) in new.iter().enumerate() {
            if self.by_new.contains_key(&at) {
                continue;
            }
            let Some(candidates) = left.get_mut(node.fingerprint.as_str()) else {
                continue;
            };
            let found = candidates.iter().rposition(|from| agree(&old[*from], node));
            if let Some(place) = found {
                let from = candidates.remove(place);
                self.pair(from, at);
            }
        }
    }

    /// Pairs nodes with state that are left over with the most similar of their kind.
    fn find_likely(&mut self, old: &[NodeIdentity], new: &[NodeIdentity]) {
        let mut likely = Vec::new();
        for (at, to) in new.iter().enumerate() {
            for (from, of) in old.iter().enumerate() {
                let is_open = !self.by_new.contains_key(&at) && !self.used.contains(&from);
                let has_state = matches!(to.keeps, Keeps::State | Keeps::Positions);
                if is_open
                    && has_state
                    && word(of) == word(to)
                    && let Some(likeness) = likeness(of, to)
                {
                    likely.push((std::cmp::Reverse(likeness), at, from));
                }
            }
        }
        likely.sort_unstable();
        for (_, at, from) in likely {
            if !self.by_new.contains_key(&at) && !self.used.contains(&from) {
                self.pair(from, at);
            }
        }
    }
}

/// The kind of a node: its uid without the fingerprint.
fn word(node: &NodeIdentity) -> &str {
    node.uid
        .split(node.fingerprint.as_str())
        .next()
        .unwrap_or(&node.uid)
}

/// How much two nodes of one kind have in common; `None`: nothing that ties them together.
/// A source is tied by its table's name, whatever that is read from.
fn likeness(old: &NodeIdentity, new: &NodeIdentity) -> Option<usize> {
    let shared = new
        .facets
        .iter()
        .filter(|facet| contains(&old.facets, facet))
        .count();
    let is_same_title = old.title == new.title;
    match new.keeps {
        Keeps::Positions => is_same_title.then_some(shared),
        _ if shared == 0 && !is_same_title => None,
        _ => Some(2 * shared + usize::from(is_same_title)),
    }
}

fn contains(facets: &[Facet], facet: &Facet) -> bool {
    facets
        .iter()
        .any(|known| known.kind == facet.kind && known.digest == facet.digest)
}

/// What is different between two nodes, facet by facet.
fn reasons(old: &NodeIdentity, new: &NodeIdentity, decisive: bool) -> Vec<String> {
    let of = |node: &NodeIdentity, other: &NodeIdentity| -> Vec<Facet> {
        let facets = node
            .facets
            .iter()
            .filter(|facet| facet.decisive == decisive);
        facets
            .filter(|facet| !contains(&other.facets, facet))
            .cloned()
            .collect()
    };
    let mut gone = of(old, new);
    let mut reasons = Vec::new();
    for facet in of(new, old) {
        let before = gone.iter().position(|known| known.kind == facet.kind);
        reasons.push(match before.map(|place| gone.remove(place)) {
            Some(before) if before.text == facet.text => {
                format!("{} is computed in another way: {}", facet.kind, facet.text)
            }
            Some(before) => format!("{} was {}, is {}", facet.kind, before.text, facet.text),
            None => format!("{} {} is new", facet.kind, facet.text),
        });
    }
    let gone = gone
        .iter()
        .map(|facet| format!("{} {} is gone", facet.kind, facet.text));
    reasons.extend(gone);
    if reasons.is_empty() && decisive {
        reasons.push("what it keeps is in another order".to_owned());
    }
    reasons
}

/// Refuses what keeps its state behind a node that starts empty. The nodes of a graph stand behind
/// their inputs, so one pass is enough.
fn spread(new: &[NodeIdentity], same: &HashMap<usize, usize>, why: &mut HashMap<usize, String>) {
    // For each node: one at or before it that begins empty.
    let mut empty: HashMap<u32, String> = HashMap::new();
    for (at, node) in new.iter().enumerate() {
        let above = node
            .inputs
            .iter()
            .find_map(|input| empty.get(input).cloned());
        let begins_empty = node.keeps == Keeps::State && !same.contains_key(&at);
        let is_watermark = word(node).starts_with("watermark");
        if let (Some(above), true, false) = (&above, node.keeps == Keeps::State, is_watermark) {
            why.entry(at)
                .or_insert_with(|| format!("{above} before it begins empty"));
        }
        let is_empty = (begins_empty || why.contains_key(&at)) && !is_watermark;
        let reason = match is_empty && node.keeps == Keeps::State {
            true => Some(format!("[{}] {}", node.id, node.title)),
            false => above,
        };
        if let Some(reason) = reason {
            empty.insert(node.id, reason);
        }
    }
}

fn sort_out(
    old: &[NodeIdentity],
    new: &[NodeIdentity],
    pairs: &Pairs,
    same: &HashMap<usize, usize>,
    why: &HashMap<usize, String>,
) -> Diff {
    let mut diff = Diff::default();
    for (at, node) in new.iter().enumerate() {
        let title = node.title.clone();
        match (pairs.by_new.get(&at), why.get(&at)) {
            (Some(&from), Some(why)) => diff.refused.push(Refused {
                node: node.id,
                old: old[from].id,
                title,
                why: why.clone(),
            }),
            (Some(&from), None) if same.contains_key(&at) => diff.kept.push(Kept {
                old: old[from].id,
                new: node.id,
                title,
                keeps: node.keeps,
                changes: reasons(&old[from], node, false),
            }),
            _ => diff.rebuilt.push(Lost {
                id: node.id,
                title,
                keeps: node.keeps,
            }),
        }
    }
    let unused = old
        .iter()
        .enumerate()
        .filter(|(from, _)| !pairs.used.contains(from));
    diff.dropped = unused
        .map(|(_, node)| Lost {
            id: node.id,
            title: node.title.clone(),
            keeps: node.keeps,
        })
        .collect();
    diff
}
