//! `millstream kafka transactions`: what is open on a cluster, and how to end it.

use std::fs;
use std::path::Path;

use millstream_connectors::kafka::admin::{Cluster, OpenTransaction};
use millstream_core::time::format_millis;
use millstream_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::Ended;
use crate::cli::{ClusterArgs, KafkaCommand, TransactionsCommand};
use crate::output::Out;

/// Most bytes of a file of settings.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Carries out the command.
pub(crate) fn run(command: &KafkaCommand) -> Result<Ended> {
    let KafkaCommand::Transactions(command) = command;
    match command {
        TransactionsCommand::List {
            cluster,
            prefix,
            json,
        } => {
            let open = open(cluster)?.transactions(prefix)?;
            print(&match json {
                true => to_json(&open)?,
                false => table(&open, prefix),
            })?;
        }
        TransactionsCommand::Abort { cluster, ids } => {
            let cluster = open(cluster)?;
            for id in ids {
                cluster.abort(id)?;
                print(&format!("ended the transaction of '{id}'\n"))?;
            }
        }
    }
    Ok(Ended::Well)
}

fn open(args: &ClusterArgs) -> Result<Cluster> {
    let mut settings = match &args.command_config {
        Some(path) => config(path)?,
        None => Vec::new(),
    };
    settings.extend_from_slice(&args.pairs);
    Cluster::new(&args.bootstrap_server, &settings)
}

/// The settings of a file as Kafka's own tools read it: `key=value` lines, `#` for comments.
fn config(path: &Path) -> Result<Vec<(String, String)>> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => Code::NotFound,
            _ => Code::Read,
        };
        Error::new(code, format!("cannot read the settings in '{shown}'")).caused_by(error)
    };
    if fs::metadata(path).map_err(failed)?.len() > CONFIG_BYTES_MAX {
        return Err(Error::new(
            Code::Read,
            format!("'{shown}' is too large for a file of settings"),
        ));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    settings(&text).map_err(|line| {
        Error::new(
            Code::InvalidOption,
            format!("line {line} of '{shown}' wants key=value"),
        )
    })
}

/// The settings of a text, or the number of the first line that is none.
fn settings(text: &str) -> Result<Vec<(String, String)>, usize> {
    let lines = text.lines().map(str::trim).zip(1_usize..);
    lines
        .filter(|(line, _)| !line.is_empty() && !line.starts_with(['#', '!']))
        .map(|(line, number)| {
            let (key, value) = line.split_once('=').ok_or(number)?;
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

fn table(open: &[OpenTransaction], prefix: &str) -> String {
    if open.is_empty() {
        return format!("no open transaction has an id that begins with '{prefix}'\n");
    }
    let mut text = String::new();
    for one in open {
        let started = one
            .started_ms
            .map_or_else(|| "at an unknown time".to_owned(), format_millis);
        text.push_str(&format!(
            "{}\n  {}, begun {started}, ends by itself after {} s\n  producer {}, epoch {}\n  writes {}\n",
            one.transactional_id,
            one.state,
            one.timeout_ms / 1000,
            one.producer_id,
            one.producer_epoch,
            match one.partitions.is_empty() {
                true => "nothing yet".to_owned(),
                false => one.partitions.join(", "),
            },
        ));
    }
    text
}

fn to_json(open: &[OpenTransaction]) -> Result<String> {
    let one = |one: &OpenTransaction| {
        json!({
            "transactional_id": one.transactional_id,
            "state": one.state,
            "started_ms": one.started_ms,
            "timeout_ms": one.timeout_ms,
            "producer_id": one.producer_id,
            "producer_epoch": one.producer_epoch,
            "partitions": one.partitions,
        })
    };
    let all: Vec<Value> = open.iter().map(one).collect();
    serde_json::to_string_pretty(&all)
        .map(|text| text + "\n")
        .map_err(|error| Error::internal("cannot write JSON").caused_by(error))
}

fn print(text: &str) -> Result<()> {
    let mut out = Out::stdout();
    out.buffer().extend_from_slice(text.as_bytes());
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_settings_is_read_as_kafkas_tools_read_it() {
        let text = "# comment\n\n security.protocol = SASL_SSL\nsasl.jaas.config=a b=\"c\";\n";
        let found = settings(text).unwrap();
        assert_eq!(found[0], ("security.protocol".into(), "SASL_SSL".into()));
        assert_eq!(found[1], ("sasl.jaas.config".into(), "a b=\"c\";".into()));
        assert_eq!(settings("a=1\nnothing\n"), Err(2));
    }

    #[test]
    fn an_open_transaction_is_shown_with_its_age_and_what_it_holds_back() {
        let open = OpenTransaction {
            transactional_id: "millstream-shop-1".into(),
            state: "Ongoing".into(),
            started_ms: Some(0),
            timeout_ms: 600_000,
            producer_id: 7,
            producer_epoch: 2,
            partitions: vec!["bid-0".into(), "bid-1".into()],
        };
        expect_test::expect![[r#"
            millstream-shop-1
              Ongoing, begun 1970-01-01 00:00:00.000, ends by itself after 600 s
              producer 7, epoch 2
              writes bid-0, bid-1
        "#]]
        .assert_eq(&table(&[open], ""));
        assert!(table(&[], "x").contains("begins with 'x'"));
    }
}
