//! Opening a topic for reading: every option is checked here, before the job runs.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::clock::SharedClock;
use millstream_core::connector::{
    Acknowledger, Source, SourceContext, SourceFactory, SourceReader, Split, SplitEnumerator,
};
use millstream_core::options::Options;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};
use regex::{Regex, RegexBuilder};

use super::acknowledge::Acknowledge;
use super::decode::{Column, Plan};
use super::discovery::Discover;
use super::layout::Layout;
use super::metadata::{self, Key};
use super::options::{DISCOVERY_INTERVAL, TOPIC, TOPIC_PATTERN};
use super::properties::Properties;
use super::reader::Reader;
use super::startup::{self, Place};
use super::{Kafka, UpsertKafka};

impl SourceFactory for Kafka {
    fn create(&self, table: &TableSpec, context: &SourceContext) -> Result<Box<dyn Source>> {
        let settings = Settings::of(table, context)?;
        let plan = plan(table, context)?;
        plan.value_decoder()?;
        plan.key_decoder()?;
        Ok(Box::new(Topics {
            settings: Arc::new(settings),
            plan: Arc::new(plan),
        }))
    }

    fn metadata(&self) -> &'static [(&'static str, &'static str)] {
        metadata::READABLE
    }

    fn projects(&self, _table: &TableSpec) -> bool {
        true
    }
}

impl SourceFactory for UpsertKafka {
    /// An upsert topic has no old versions of its rows: they must be kept by an operator, which
    /// this release does not have.
    fn create(&self, table: &TableSpec, _context: &SourceContext) -> Result<Box<dyn Source>> {
        Err(Error::unsupported(format!(
            "{} cannot be read: reading an 'upsert-kafka' table is not supported yet, only writing it",
            table.options.owner()
        ))
        .hint("read the topic as a table with 'connector' = 'kafka' and 'key.fields', where each record is a row of its own"))
    }

    fn metadata(&self) -> &'static [(&'static str, &'static str)] {
        metadata::READABLE
    }
}

/// Which topics are read.
#[derive(Clone, Debug)]
pub(super) enum Names {
    /// These.
    List(Vec<String>),
    /// Every one whose name matches.
    Pattern(Regex),
}

/// What the options say about reading.
pub(super) struct Settings {
    pub(super) properties: Properties,
    pub(super) names: Names,
    pub(super) start: Place,
    pub(super) end: Option<Place>,
    /// How often new partitions are looked for.
    pub(super) interval: Option<Duration>,
    /// Whose offsets are read, and for brokers the name of who reads.
    pub(super) group: String,
    pub(super) clock: SharedClock,
}

impl Settings {
    fn of(table: &TableSpec, context: &SourceContext) -> Result<Self> {
        let options = &table.options;
        let properties = Properties::of(options)?;
        let names = names(options)?;
        let start = startup::start(options, &properties)?;
        let end = startup::end(options, &properties)?;
        let one_topic = matches!(&names, Names::List(topics) if topics.len() == 1);
        let by_partition =
            matches!(start, Place::Offsets(_)) || matches!(end, Some(Place::Offsets(_)));
        if by_partition && !one_topic {
            return Err(options.invalid(TOPIC, "one topic, because offsets are given by partition"));
        }
        const FIVE_MINUTES: Duration = Duration::from_secs(300);
        let interval = options
            .duration(DISCOVERY_INTERVAL)?
            .unwrap_or(FIVE_MINUTES);
        let group = match &properties.group {
            Some(group) => group.clone(),
            None => format!("millstream-{}", context.job.name),
        };
        Ok(Settings {
            properties,
            names,
            start,
            interval: (end.is_none() && !interval.is_zero()).then_some(interval),
            end,
            group,
            clock: Arc::clone(&context.clock),
        })
    }
}

/// A table opened for reading.
struct Topics {
    settings: Arc<Settings>,
    plan: Arc<Plan>,
}

impl Source for Topics {
    fn is_bounded(&self) -> bool {
        self.settings.end.is_some()
    }

    fn enumerator(&self, known: &[Split]) -> Result<Box<dyn SplitEnumerator>> {
        Ok(Box::new(Discover::new(Arc::clone(&self.settings), known)?))
    }

    fn reader(&self) -> Result<Box<dyn SourceReader>> {
        Ok(Box::new(Reader::new(
            Arc::clone(&self.settings),
            Arc::clone(&self.plan),
        )))
    }

    fn replays(&self) -> bool {
        true
    }

    fn acknowledger(&self) -> Option<Box<dyn Acknowledger>> {
        let properties = &self.settings.properties;
        let wanted = properties.group.is_some() && properties.commit_offsets;
        wanted.then(|| {
            Box::new(Acknowledge::new(Arc::clone(&self.settings))) as Box<dyn Acknowledger>
        })
    }
}

fn names(options: &Options) -> Result<Names> {
    match (options.get(TOPIC), options.get(TOPIC_PATTERN)) {
        (Some(_), Some(_)) => Err(Error::new(
            Code::InvalidOption,
            format!(
                "{} has both '{TOPIC}' and '{TOPIC_PATTERN}', wanted one",
                options.owner()
            ),
        )),
        (None, None) => Err(Error::new(
            Code::InvalidOption,
            format!(
                "{} needs the option '{TOPIC}' or '{TOPIC_PATTERN}'",
                options.owner()
            ),
        )),
        (Some(text), None) => topics(options, text).map(Names::List),
        (None, Some(text)) => {
            const PATTERN_BYTES_MAX: usize = 1 << 20;
            let pattern = RegexBuilder::new(&format!("^(?:{text})$"))
                .size_limit(PATTERN_BYTES_MAX)
                .build();
            let wanted = "a regular expression";
            let invalid = |error| options.invalid(TOPIC_PATTERN, wanted).caused_by(error);
            pattern.map(Names::Pattern).map_err(invalid)
        }
    }
}

/// The topics of a list.
fn topics(options: &Options, text: &str) -> Result<Vec<String>> {
    let mut topics: Vec<String> = Vec::new();
    for name in text
        .split(';')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        if !is_topic(name) {
            return Err(options.invalid(TOPIC, TOPIC_WANTED));
        }
        if !topics.iter().any(|known| known == name) {
            topics.push(name.to_string());
        }
    }
    match topics.is_empty() {
        true => Err(options.invalid(TOPIC, TOPIC_WANTED)),
        false => Ok(topics),
    }
}

/// What the name of a topic looks like.
pub(super) const TOPIC_WANTED: &str =
    "a topic's name: 1 to 249 letters, digits, '.', '_' or '-', not '.' or '..'";

/// True for the names Kafka allows.
pub(super) fn is_topic(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && name.bytes().all(allowed) && name != "." && name != ".."
}

/// Where each wanted column comes from.
fn plan(table: &TableSpec, context: &SourceContext) -> Result<Plan> {
    let layout = Layout::of(table, &context.formats, false)?;
    let physical = table.schema.fields().len();
    let mut plan = Plan {
        schema: Arc::clone(&context.schema),
        columns: Vec::new(),
        layout,
        value: Vec::new(),
        key: Vec::new(),
        metadata: Vec::new(),
        batch_rows: context.batch_rows.max(1),
    };
    for wanted in &context.projection {
        let column = match wanted.checked_sub(physical) {
            None => physical_column(&mut plan, *wanted)?,
            Some(place) => {
                let column = table.metadata.get(place).ok_or_else(|| missing(*wanted))?;
                let key = Key::readable(table, column)?;
                plan.metadata.push((key, Arc::clone(&column.field)));
                Column::Metadata(plan.metadata.len() - 1)
            }
        };
        plan.columns.push(column);
    }
    Ok(plan)
}

/// A column of the value, or, if it is only there, of the key.
fn physical_column(plan: &mut Plan, wanted: usize) -> Result<Column> {
    let find = |columns: &[usize]| columns.iter().position(|column| *column == wanted);
    if let Some(place) = find(&plan.layout.value.columns) {
        plan.value.push(place);
        return Ok(Column::Value(plan.value.len() - 1));
    }
    let key = plan.layout.key.as_ref().and_then(|key| find(&key.columns));
    let place = key.ok_or_else(|| missing(wanted))?;
    plan.key.push(place);
    Ok(Column::Key(plan.key.len() - 1))
}

fn missing(column: usize) -> Error {
    Error::internal(format!(
        "column {column} is neither in the key nor in the value"
    ))
}
