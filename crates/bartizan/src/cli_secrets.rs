//! The command line of sealed secrets, as typed.
//!
//! INVARIANT: no argument is a key: others on the machine can read arguments.

use clap::{Args, Subcommand};

use crate::cli::{FormatArgs, StateArgs};

#[derive(Subcommand)]
pub(crate) enum SecretsCommand {
    /// Seal a key, so that the configuration can refer to it as `sealed:NAME`
    Add {
        /// Small letters, digits, `-`, `_` and `.`
        name: String,
        /// Where the key is: `env:NAME`, `file:PATH` [default: standard input]
        #[arg(long, value_name = "REFERENCE")]
        from: Option<String>,
        /// What the provider calls it, which rotating it needs: `svc_acct_…` or `key_…` at OpenAI, `key1` at Azure, the
        /// id at Pinecone
        #[arg(long, value_name = "ID")]
        provider_id: Option<String>,
        /// Take the place of the one that is there; nothing is kept of that
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// List the names, never the keys
    List {
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Remove a key; what refers to it is refused from then on
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Encrypt all of them with the sealing key that is configured now
    Rewrap {
        #[command(flatten)]
        state: StateArgs,
    },
}

#[derive(Args)]
pub(crate) struct RotateProviderArgs {
    /// The sealed secret's name, as in `secrets list`
    pub(crate) name: String,
    /// Give up the rotation that is under way: the key in use stays, nothing is asked of the provider, and what is left there
    /// to be deleted is said
    #[arg(long, conflicts_with = "overlap")]
    pub(crate) give_up: bool,
    /// How long the old key works too: `10m`, `24h`, `0s` [default: what the configuration says]
    #[arg(long, value_name = "TIME")]
    pub(crate) overlap: Option<String>,
    /// Why; it goes on record
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}
