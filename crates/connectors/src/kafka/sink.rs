//! Opening a topic for writing: every option is checked here, before the job runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_core::connector::{
    Committer, Guarantee, SinkAccepts, SinkContext, SinkFactory, SinkWriter, Transactions,
};
use millstream_core::format::Formats;
use millstream_core::options::Options;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};

use super::encode::Encoding;
use super::layout::Layout;
use super::metadata;
use super::options::{GUARANTEE, ID_PREFIX, NAMING, PARTITIONER, SEMANTIC, TOPIC, TOPIC_PATTERN};
use super::partitioner::Partitioner;
use super::properties::Properties;
use super::source::{TOPIC_WANTED, is_topic};
use super::transactions::Shared;
use super::upsert::{Buffer, Holding};
use super::writer::{Commits, Progress, Route, Writer};
use super::{Kafka, UpsertKafka};

/// What the transactional id begins with, unless the table says otherwise.
const DEFAULT_PREFIX: &str = "millstream";

/// What is promised to readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    None,
    AtLeastOnce,
    ExactlyOnce,
}

impl Promise {
    fn of(options: &Options) -> Result<Self> {
        let words = ["at-least-once", "exactly-once", "none"];
        let key = match (options.get(GUARANTEE), options.get(SEMANTIC)) {
            (Some(_), Some(_)) => {
                return Err(Error::new(
                    Code::InvalidOption,
                    format!(
                        "{} has both '{GUARANTEE}' and '{SEMANTIC}', wanted the first",
                        options.owner()
                    ),
                ));
            }
            (None, Some(_)) => SEMANTIC,
            _ => GUARANTEE,
        };
        Ok(match options.one_of(key, &words, words[0])? {
            "exactly-once" => Promise::ExactlyOnce,
            "none" => Promise::None,
            _ => Promise::AtLeastOnce,
        })
    }
}

impl Promise {
    /// The same for people.
    fn told(self) -> Guarantee {
        match self {
            Promise::None => Guarantee::none("'sink.delivery-guarantee' is 'none'"),
            Promise::AtLeastOnce => Guarantee::at_least_once(
                "rows since the last checkpoint are written again after a crash",
            ),
            Promise::ExactlyOnce => Guarantee::exactly_once(
                "rows are committed with the checkpoint, in one transaction; readers need \
                 isolation.level=read_committed",
            ),
        }
    }
}

/// What the options say about writing.
pub(super) struct Settings {
    pub(super) properties: Properties,
    pub(super) topic: String,
    guarantee: Promise,
    /// What the transactional id begins with.
    pub(super) prefix: String,
}

impl Settings {
    pub(super) fn of(table: &TableSpec) -> Result<Self> {
        let options = &table.options;
        if options.get(TOPIC_PATTERN).is_some() {
            return Err(Error::new(
                Code::InvalidOption,
                format!(
                    "{} has the option '{TOPIC_PATTERN}' and so can only be read",
                    options.owner()
                ),
            ));
        }
        let topic = options.require(TOPIC)?.trim();
        if topic.contains(';') {
            return Err(options.invalid(TOPIC, "one topic, because the table is written"));
        }
        if !is_topic(topic) {
            return Err(options.invalid(TOPIC, TOPIC_WANTED));
        }
        options.one_of(NAMING, &["incrementing", "pooling"], "incrementing")?;
        let prefix = options.get(ID_PREFIX).unwrap_or(DEFAULT_PREFIX).trim();
        let fits = |c: char| c.is_ascii_graphic();
        if prefix.is_empty() || prefix.len() > 200 || !prefix.chars().all(fits) {
            return Err(options.invalid(ID_PREFIX, "1 to 200 letters, digits and signs"));
        }
        let settings = Settings {
            properties: Properties::of(options)?,
            topic: topic.to_string(),
            guarantee: Promise::of(options)?,
            prefix: prefix.to_string(),
        };
        settings.check_acks(options)?;
        Ok(settings)
    }

    /// What is acknowledged before it is replicated can be lost although it was delivered.
    fn check_acks(&self, options: &Options) -> Result<()> {
        let key = "properties.acks";
        match options.get(key).map(str::trim) {
            None | Some("all" | "-1") => Ok(()),
            Some(_) => Err(options.invalid(
                key,
                "'all': with less, rows that were delivered can be lost",
            )),
        }
    }

    /// True if the table is written in the transactions of the job.
    fn is_shared(&self, context: &SinkContext) -> bool {
        self.guarantee == Promise::ExactlyOnce && context.transactions.is_some()
    }

    /// The name of the cluster as a system that has transactions.
    fn group(&self) -> Option<String> {
        let exactly = self.guarantee == Promise::ExactlyOnce;
        exactly.then(|| format!("Kafka at {}", self.properties.cluster()))
    }
}

fn check(table: &TableSpec, formats: &Formats, upsert: bool) -> Result<()> {
    let layout = Layout::of(table, formats, upsert)?;
    Encoding::new(table, &layout, upsert)?;
    Partitioner::of(&table.options, layout.key.is_some())?;
    Settings::of(table)?;
    if upsert {
        let partitioner = table.options.get(PARTITIONER).map(str::trim);
        if partitioner.is_some_and(|text| text.eq_ignore_ascii_case("fixed")) {
            return Err(table.options.invalid(
                PARTITIONER,
                "'default', because all rows of a key must be in one partition",
            ));
        }
        Holding::of(&table.options)?;
    }
    Ok(())
}

fn writer(table: &TableSpec, context: &SinkContext, upsert: bool) -> Result<Box<dyn SinkWriter>> {
    check(table, &context.formats, upsert)?;
    let settings = Settings::of(table)?;
    let layout = Layout::of(table, &context.formats, upsert)?;
    let held = if upsert {
        Holding::of(&table.options)?
    } else {
        None
    };
    Ok(Box::new(Writer {
        owner: table.options.owner().to_string(),
        encoding: Encoding::new(table, &layout, upsert)?,
        buffer: held.map(Buffer::new),
        partitioner: Partitioner::of(&table.options, layout.key.is_some())?,
        subtask: context.subtask,
        clock: Arc::clone(&context.clock),
        route: route(&settings, context)?,
        topic: settings.topic,
        progress: Progress::default(),
    }))
}

fn route(settings: &Settings, context: &SinkContext) -> Result<Route> {
    let shared = match settings.guarantee {
        Promise::ExactlyOnce => context.transactions.as_ref(),
        _ => None,
    };
    let Some(shared) = shared else {
        return Ok(Route::Own {
            properties: settings.properties.clone(),
            live: None,
            waits: settings.guarantee != Promise::None,
        });
    };
    let any = Arc::clone(shared).as_any();
    let transactions = any
        .downcast::<Shared>()
        .map_err(|_| Error::internal("the transactions of another connector"))?;
    Ok(Route::Shared {
        transactions,
        prepared: 0,
    })
}

/// The transactions that several tables share.
fn transactions(tables: &[&TableSpec], context: &SinkContext) -> Result<Arc<dyn Transactions>> {
    let settings = tables.iter().map(|table| Settings::of(table));
    let settings = settings.collect::<Result<Vec<_>>>()?;
    let Some((first, others)) = settings.split_first() else {
        return Err(Error::internal("transactions of no table"));
    };
    for other in others {
        let differs = match first.prefix == other.prefix {
            false => Some(ID_PREFIX.to_string()),
            true => first
                .properties
                .differs_from(&other.properties)
                .map(|key| format!("properties.{key}")),
        };
        if let Some(key) = differs {
            return Err(Error::new(
                Code::InvalidOption,
                format!(
                    "{} and {} differ in '{key}', but a job writes a cluster exactly once through \
                     one producer",
                    first.properties.owner, other.properties.owner
                ),
            ));
        }
    }
    let topics = settings.iter();
    let topics = topics.map(|table| (table.topic.clone(), table.properties.owner.clone()));
    let topics: BTreeMap<String, String> = topics.collect();
    Ok(Arc::new(Shared::new(first, topics, context)))
}

macro_rules! sink_factory {
    ($connector:ty, $upsert:literal, $accepts:expr) => {
        impl SinkFactory for $connector {
            fn accepts(&self, _table: &TableSpec) -> Result<SinkAccepts> {
                Ok($accepts)
            }

            fn check(&self, table: &TableSpec, formats: &Formats) -> Result<()> {
                check(table, formats, $upsert)
            }

            fn writer(
                &self,
                table: &TableSpec,
                context: &SinkContext,
            ) -> Result<Box<dyn SinkWriter>> {
                writer(table, context, $upsert)
            }

            fn committer(
                &self,
                table: &TableSpec,
                context: &SinkContext,
            ) -> Result<Box<dyn Committer>> {
                let settings = Settings::of(table)?;
                let looks = !settings.is_shared(context);
                let Settings {
                    properties, topic, ..
                } = settings;
                Ok(Box::new(Commits::new(properties, topic, looks)))
            }

            fn transaction_group(&self, table: &TableSpec) -> Result<Option<String>> {
                Ok(Settings::of(table)?.group())
            }

            fn transactions(
                &self,
                tables: &[&TableSpec],
                context: &SinkContext,
            ) -> Result<Arc<dyn Transactions>> {
                transactions(tables, context)
            }

            fn guarantee(&self, table: &TableSpec) -> Result<Guarantee> {
                Ok(Settings::of(table)?.guarantee.told())
            }

            fn metadata(&self) -> &'static [(&'static str, &'static str)] {
                metadata::WRITABLE
            }
        }
    };
}

sink_factory!(Kafka, false, SinkAccepts::Append);
sink_factory!(UpsertKafka, true, SinkAccepts::Upsert);
