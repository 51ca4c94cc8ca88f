//! What may go wrong on the wire: weather all the time, rules for single requests.

use std::time::Duration;

use super::frame::Request;
use crate::chance::Chance;

/// Kafka API keys, as in the protocol guide.
pub mod api {
    /// Records to a partition.
    pub const PRODUCE: i16 = 0;
    /// Records from a partition.
    pub const FETCH: i16 = 1;
    /// First, last and stable offsets.
    pub const LIST_OFFSETS: i16 = 2;
    /// Topics, partitions and brokers.
    pub const METADATA: i16 = 3;
    /// Offsets of a group.
    pub const OFFSET_COMMIT: i16 = 8;
    /// Offsets of a group, read.
    pub const OFFSET_FETCH: i16 = 9;
    /// Who coordinates a group or a transaction.
    pub const FIND_COORDINATOR: i16 = 10;
    /// What the broker speaks.
    pub const API_VERSIONS: i16 = 18;
    /// New topics.
    pub const CREATE_TOPICS: i16 = 19;
    /// Producer id and epoch; fences the previous holder of a transactional id.
    pub const INIT_PRODUCER_ID: i16 = 22;
    /// Partitions that join a transaction.
    pub const ADD_PARTITIONS_TO_TXN: i16 = 24;
    /// A group whose offsets join a transaction.
    pub const ADD_OFFSETS_TO_TXN: i16 = 25;
    /// Commit or abort.
    pub const END_TXN: i16 = 26;
    /// Offsets within a transaction.
    pub const TXN_OFFSET_COMMIT: i16 = 28;
}

/// What holds all the time. The default is fair weather.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weather {
    /// Shortest and longest delay of a unit (a request, an answer, a piece of a stream), per
    /// direction.
    pub delay: Option<(Duration, Duration)>,
    /// Bytes per second of each direction of each connection.
    pub bytes_per_second: Option<u64>,
    /// New connections are refused.
    pub refuse: bool,
    /// Nothing goes from client to server; it waits.
    pub block_up: bool,
    /// Nothing goes from server to client; it waits.
    pub block_down: bool,
}

impl Weather {
    /// Nothing passes in either direction, and nobody notices: a network partition.
    pub fn partition() -> Self {
        Weather {
            block_up: true,
            block_down: true,
            ..Weather::default()
        }
    }

    /// Delays with jitter: `around` give or take `jitter`.
    pub fn slow(around: Duration, jitter: Duration) -> Self {
        Weather {
            delay: Some((around.saturating_sub(jitter), around + jitter)),
            ..Weather::default()
        }
    }
}

/// Which requests a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// Every request; with [`Protocol::Tcp`](super::Protocol::Tcp) every piece of bytes.
    Any,
    /// Kafka requests with this API key, see [`api`].
    Kafka(i16),
    /// HTTP requests with this method (`None` for any) and this text in their path.
    Http {
        /// Such as `PUT`.
        method: Option<String>,
        /// Part of path and query.
        path_contains: String,
    },
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The connection is reset; the server never sees the request.
    CutBeforeRequest,
    /// The server gets the request, then both sides are reset at once: it may or may not be done.
    CutAfterRequest,
    /// The server gets the request and answers; the answer is swallowed and the client reset: it
    /// is done, and the client cannot know.
    CutBeforeAnswer,
    /// The request passes; a copy reaches the server on a connection of its own after this time.
    CopyLater(Duration),
    /// The client is reset at once; the request itself reaches the server after this time.
    HoldAndCut(Duration),
    /// HTTP only: answered with this status, without asking the server. With another protocol
    /// the connection is reset.
    Answer(u16),
}

impl Action {
    /// Name in counters.
    pub fn name(self) -> &'static str {
        match self {
            Action::CutBeforeRequest => "cut-before-request",
            Action::CutAfterRequest => "cut-after-request",
            Action::CutBeforeAnswer => "cut-before-answer",
            Action::CopyLater(_) => "copy-later",
            Action::HoldAndCut(_) => "hold-and-cut",
            Action::Answer(_) => "answer",
        }
    }
}

/// An action for chosen requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which requests.
    pub matches: Match,
    /// So many matching requests pass first.
    pub skip: u32,
    /// So many times it fires at most.
    pub times: u32,
    /// How likely it fires on a matching request.
    pub probability: f64,
    /// What happens.
    pub action: Action,
}

impl Rule {
    /// The next matching request, once, for certain.
    pub fn once(matches: Match, action: Action) -> Self {
        Rule {
            matches,
            skip: 0,
            times: 1,
            probability: 1.0,
            action,
        }
    }

    /// Every matching request with this probability.
    pub fn sometimes(matches: Match, probability: f64, action: Action) -> Self {
        Rule {
            matches,
            skip: 0,
            times: u32::MAX,
            probability,
            action,
        }
    }

    /// The action for a request, counting it.
    pub(super) fn fire(&mut self, request: &Request, chance: &mut Chance) -> Option<Action> {
        if self.times == 0 || !self.is_about(request) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if !chance.happens(self.probability) {
            return None;
        }
        self.times -= 1;
        Some(self.action)
    }

    fn is_about(&self, request: &Request) -> bool {
        match (&self.matches, request) {
            (Match::Any, _) => true,
            (Match::Kafka(wanted), Request::Kafka { api, .. }) => wanted == api,
            (
                Match::Http {
                    method,
                    path_contains,
                },
                Request::Http {
                    method: found,
                    path,
                },
            ) => {
                method.as_ref().is_none_or(|wanted| wanted == found)
                    && path.contains(path_contains.as_str())
            }
            _ => false,
        }
    }
}
