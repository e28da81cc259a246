//! The command line of hunts, as typed: names are a contract.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::{FormatArgs, StateArgs};

#[derive(Subcommand)]
pub(crate) enum HuntCommand {
    /// List the rules
    List {
        #[command(flatten)]
        rules: RulesArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Run rules over the record; exit code 1 if one hits
    Run(HuntRunArgs),
    /// Run the tests of rules: each must hit where it has to, and nowhere else
    Test {
        /// Rules, by name [default: all]
        #[arg(value_name = "RULE")]
        names: Vec<String>,
        #[command(flatten)]
        rules: RulesArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Print the matrix of MITRE ATLAS, counting only rules whose tests pass
    Coverage {
        #[command(flatten)]
        rules: RulesArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
}

/// Which rules there are.
#[derive(Args)]
pub(crate) struct RulesArgs {
    /// A folder with rules of your own beside the shipped ones: `NAME.yml`, with tests in `NAME.test.jsonl`
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct HuntRunArgs {
    /// Rules, by name [default: all]
    #[arg(value_name = "RULE")]
    pub(crate) names: Vec<String>,
    /// Tell of hits from this day, moment, or so long ago: `2027-04-01`, `2027-04-01T08:00:00Z`, `24h`
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Read these lines, as `log tail --json` prints them, instead of the data folder's record
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub(crate) records: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rules: RulesArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}
