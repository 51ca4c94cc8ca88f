//! `millstream kafka` as clap reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::pair;

const TRANSACTIONS_HELP: &str = "\
A transaction that stays open holds back everybody who reads with isolation.level=read_committed, \
until it times out. A job ends what its earlier lives left open when it starts; these commands are \
for jobs that are gone.

The list is asked of every broker over plain TCP: brokers that want TLS or SASL do not answer it.";

const TRANSACTIONS_EXAMPLES: &str = "\
Examples:
  millstream kafka transactions list --bootstrap-server localhost:9092
  millstream kafka transactions list --bootstrap-server localhost:9092 --prefix millstream-shop
  millstream kafka transactions abort --bootstrap-server localhost:9092 millstream-shop-1a2b";

/// `millstream kafka`.
#[derive(Debug, Subcommand)]
pub(crate) enum KafkaCommand {
    /// List the open transactions of a cluster, or end them
    #[command(subcommand, long_about = TRANSACTIONS_HELP, after_help = TRANSACTIONS_EXAMPLES)]
    Transactions(TransactionsCommand),
}

/// `millstream kafka transactions`.
#[derive(Debug, Subcommand)]
pub(crate) enum TransactionsCommand {
    /// List the transactions that are not finished
    List {
        #[command(flatten)]
        cluster: ClusterArgs,
        /// Only those whose transactional id begins so
        #[arg(long, default_value = "millstream-", value_name = "TEXT")]
        prefix: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End the transaction of each transactional id; whoever still writes with it is cut off
    Abort {
        #[command(flatten)]
        cluster: ClusterArgs,
        /// The ids, as the list shows them
        #[arg(required = true, value_name = "TRANSACTIONAL_ID")]
        ids: Vec<String>,
    },
}

/// A cluster and how to talk to it.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// Some of the brokers: host1:9092,host2:9092
    #[arg(long, value_name = "HOST:PORT,..")]
    pub(crate) bootstrap_server: String,
    /// A file with settings of the Kafka client, one key=value per line; the place for passwords
    #[arg(long, value_name = "FILE")]
    pub(crate) command_config: Option<PathBuf>,
    /// A setting of the Kafka client, such as security.protocol=SASL_SSL
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) pairs: Vec<(String, String)>,
}
