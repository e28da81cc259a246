//! The command line of break-glass, as typed.
//!
//! INVARIANT: no argument is a key: others on the machine can read arguments.

use clap::{Args, Subcommand};
use events::KeyId;

use crate::cli::{FormatArgs, StateArgs, WhoseArgs};

#[derive(Subcommand)]
pub(crate) enum BreakGlassCommand {
    /// Ask that rules do not hold for a while, for somebody
    Request(Box<BreakGlassRequestArgs>),
    /// Approve it, with another key than asked
    Approve {
        /// Its id
        id: String,
        #[command(flatten)]
        key: KeyFromArgs,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// End it before its time, or withdraw the request
    End {
        /// Its id
        id: String,
        #[command(flatten)]
        key: KeyFromArgs,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// List what was asked for, and what became of it
    List {
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
}

#[derive(Args)]
pub(crate) struct KeyFromArgs {
    /// Where your virtual key is, which has to be granted `administer`: `env:NAME`, `file:PATH`
    #[arg(long, value_name = "REFERENCE", default_value = "env:BARTIZAN_ADMIN_KEY")]
    pub(crate) key_from: String,
}

#[derive(Args)]
pub(crate) struct BreakGlassRequestArgs {
    /// The id of a rule that is not to hold; may be repeated. Never a rule of authorisation
    #[arg(long = "rule", value_name = "ID", required = true)]
    pub(crate) rules: Vec<String>,
    /// For how long, up to four hours: `30m`, `2h`
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) time: String,
    /// Why; it goes on record
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    /// For this virtual key, by its id
    #[arg(long = "key", value_name = "ID")]
    pub(crate) key_id: Option<KeyId>,
    /// For this model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// For this route
    #[arg(long, value_name = "NAME")]
    pub(crate) route: Option<String>,
    #[command(flatten)]
    pub(crate) whose: WhoseArgs,
    #[command(flatten)]
    pub(crate) key: KeyFromArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}
