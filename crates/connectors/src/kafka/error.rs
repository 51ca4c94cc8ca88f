//! What an error of the Kafka client means for the job.
//!
//! | kind | such as | what happens |
//! |---|---|---|
//! | denied | a wrong password, a missing right | the owner must act: [`Code::Denied`] |
//! | gone | an unknown topic | the owner must act: [`Code::NotFound`] |
//! | fenced | another producer took our transactional id | the job stops: [`Code::Fenced`] |
//! | lost | a broker that is away, a timeout, a broken transaction | recover, try again |
//! | wrong | a record too large, a broker too old | the owner must act |
//!
//! Messages of librdkafka name brokers and reasons, and no secrets.

use millstream_core::{Code, Error};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What an error code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Who we are, or what we may do, is refused.
    Denied,
    /// A topic or partition is not there.
    Gone,
    /// Another producer has our transactional id.
    Fenced,
    /// Trying again, from the last checkpoint if need be, can help.
    Lost,
    /// Trying again changes nothing.
    Wrong,
}

/// What an error code means.
pub(super) fn kind(code: RDKafkaErrorCode) -> Kind {
    use RDKafkaErrorCode as E;
    match code {
        E::Authentication
        | E::SaslAuthenticationFailed
        | E::IllegalSASLState
        | E::UnsupportedSASLMechanism
        | E::SecurityDisabled
        | E::TopicAuthorizationFailed
        | E::GroupAuthorizationFailed
        | E::ClusterAuthorizationFailed
        | E::TransactionalIdAuthorizationFailed
        | E::DelegationTokenAuthorizationFailed
        | E::SSL => Kind::Denied,
        E::UnknownTopicOrPartition
        | E::UnknownTopic
        | E::UnknownPartition
        | E::UnknownTopicId
        | E::InvalidTopic => Kind::Gone,
        E::Fenced | E::ProducerFenced | E::InvalidProducerEpoch => Kind::Fenced,
        E::MessageSizeTooLarge
        | E::InvalidMessageSize
        | E::MessageBatchTooLarge
        | E::InvalidRequiredAcks
        | E::InvalidTimestamp
        | E::InvalidRecord
        | E::InvalidConfig
        | E::InvalidArgument
        | E::InvalidRequest
        | E::InvalidTransactionTimeout
        | E::UnsupportedVersion
        | E::UnsupportedForMessageFormat
        | E::UnsupportedCompressionType
        | E::UnsupportedFeature
        | E::NotImplemented
        | E::NotConfigured
        | E::PolicyViolation
        | E::KafkaStorageError
        | E::InvalidType
        | E::InvalidGroupId
        | E::InvalidCommitOffsetSize
        | E::OffsetMetadataTooLarge => Kind::Wrong,
        // Brokers that are away, elections, timeouts, and everything that has been invented since:
        // the job goes back to its checkpoint and tries again, a limited number of times.
        _ => Kind::Lost,
    }
}

/// The error for something that failed: `doing` says what, such as `cannot read topic 'bid'`;
/// `said` is what the client last complained of.
pub(super) fn failed(doing: &str, error: &KafkaError, said: Option<String>) -> Error {
    let code = error.rdkafka_error_code();
    let kind = match code {
        Some(code) => kind(code),
        None => Kind::Wrong,
    };
    let code = match kind {
        Kind::Denied => Code::Denied,
        Kind::Gone => Code::NotFound,
        Kind::Fenced => Code::Fenced,
        Kind::Lost => Code::Unavailable,
        Kind::Wrong => Code::Write,
    };
    report(code, doing, error, said)
}

/// The same with another code.
pub(super) fn report(code: Code, doing: &str, error: &KafkaError, said: Option<String>) -> Error {
    let why = reason(error);
    let mut message = format!("{doing}: {why}");
    // A timeout alone says nothing; what the client complained of meanwhile does.
    if let Some(said) = said.filter(|said| !message.contains(said.as_str())) {
        message.push_str(&format!("; {said}"));
    }
    let error = Error::new(code, message);
    match code {
        Code::Unavailable => error.hint("check 'properties.bootstrap.servers' and that the brokers can be reached"),
        Code::Denied => error.hint("check 'properties.security.protocol', 'properties.sasl.*', 'properties.ssl.*' and the rights of the user"),
        _ => error,
    }
}

/// Why, without the layers around it, in our spelling.
fn reason(error: &KafkaError) -> String {
    let text = match error {
        KafkaError::Transaction(inner) => inner.string(),
        other => match other.rdkafka_error_code() {
            Some(code) => code.to_string(),
            None => other.to_string(),
        },
    };
    lowered(&text)
}

/// `OperationTimedOut (Local: Timed out)` becomes `timed out`.
fn lowered(text: &str) -> String {
    let inner = text
        .split_once(" (")
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(text);
    let inner = inner.strip_prefix("Local: ").unwrap_or(inner);
    let inner = inner.strip_prefix("Broker: ").unwrap_or(inner);
    let mut letters = inner.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let text: String = first.into_iter().chain(letters).collect();
    text.trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_error_has_its_remedy() {
        use RDKafkaErrorCode as E;
        let table = [
            (E::Authentication, Code::Denied),
            (E::TopicAuthorizationFailed, Code::Denied),
            (E::TransactionalIdAuthorizationFailed, Code::Denied),
            (E::UnknownTopicOrPartition, Code::NotFound),
            (E::Fenced, Code::Fenced),
            (E::ProducerFenced, Code::Fenced),
            (E::InvalidProducerEpoch, Code::Fenced),
            (E::OperationTimedOut, Code::Unavailable),
            (E::RequestTimedOut, Code::Unavailable),
            (E::BrokerTransportFailure, Code::Unavailable),
            (E::AllBrokersDown, Code::Unavailable),
            (E::NotCoordinator, Code::Unavailable),
            (E::CoordinatorNotAvailable, Code::Unavailable),
            (E::ConcurrentTransactions, Code::Unavailable),
            (E::UnknownProducerId, Code::Unavailable),
            (E::InvalidTransactionalState, Code::Unavailable),
            (E::OutOfOrderSequenceNumber, Code::Unavailable),
            (E::NotEnoughReplicas, Code::Unavailable),
            (E::MessageSizeTooLarge, Code::Write),
            (E::InvalidTransactionTimeout, Code::Write),
        ];
        for (code, wanted) in table {
            let error = failed("cannot", &KafkaError::Global(code), None);
            assert_eq!(error.code(), wanted, "{code:?}");
        }
    }

    #[test]
    fn a_message_says_what_was_done_and_what_the_client_complained_of() {
        let timeout = KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut);
        let error = failed(
            "cannot look at topic 'bid'",
            &timeout,
            Some("h:1/bootstrap: connect refused".into()),
        );
        assert_eq!(
            error.message(),
            "cannot look at topic 'bid': timed out; h:1/bootstrap: connect refused"
        );
    }
}
