//! The command line, as typed. Names are a contract.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use events::{InteractionId, KeyId, Provenance};

pub(crate) use crate::cli_break_glass::{BreakGlassCommand, BreakGlassRequestArgs, KeyFromArgs};
pub(crate) use crate::cli_campaigns::CampaignsArgs;
pub(crate) use crate::cli_export::ExportArgs;
pub(crate) use crate::cli_hunt::{HuntCommand, HuntRunArgs};
pub(crate) use crate::cli_secrets::{RotateProviderArgs, SecretsCommand};

/// Bartizan stands between applications and AI models: it sees, judges, acts, records and proves.
#[derive(Parser)]
#[command(name = "bartizan", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 fine, 1 findings or a failed check, 2 usage or configuration, \
     3 the environment failed, 4 incomplete (something could not be read).";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the gateway
    Up(UpArgs),
    /// Let rules go for a while, for somebody, because two people say so
    #[command(subcommand)]
    BreakGlass(BreakGlassCommand),
    /// Check, explain or begin a configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Label findings as right or false, and propose calibration from the labels
    #[command(subcommand)]
    Feedback(FeedbackCommand),
    /// Hunt in the record with Sigma rules
    #[command(subcommand)]
    Hunt(HuntCommand),
    /// Say what the detectors and the default rules make of a text
    Inspect(InspectArgs),
    /// Cut an upstream or a model off at once, or list what is cut off
    Isolate(IsolateArgs),
    /// Make, list, rotate, audit and revoke virtual keys; rotate keys of providers
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Read and verify the record
    #[command(subcommand)]
    Log(LogCommand),
    /// Name documents whose verbatim repetition in an answer is a finding
    #[command(subcommand)]
    Protect(ProtectCommand),
    /// Let what is isolated be used again
    Restore(RestoreArgs),
    /// Keep the keys of providers, encrypted
    #[command(subcommand)]
    Secrets(SecretsCommand),
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // Without documentation of their own, the help of every command stays compact.
    Text,
    Json,
}

#[derive(Args)]
pub(crate) struct FormatArgs {
    /// Text for people or JSON for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Short for `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl FormatArgs {
    pub(crate) const fn is_json(&self) -> bool {
        self.json || matches!(self.format, Format::Json)
    }
}

#[derive(Args, Clone)]
pub(crate) struct StateArgs {
    /// The data folder [default: what the configuration says, else `bartizan-data`]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The configuration [default: `bartizan.toml`, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct UpArgs {
    /// Move damaged records to `journal/aside` and go on without them; look with `log verify` first
    #[arg(long)]
    pub(crate) set_damage_aside: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what would run, or what is wrong and where
    Check {
        /// The configuration [default: `bartizan.toml`, if it is there]
        file: Option<PathBuf>,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Print every setting with its default and its meaning
    Example,
    /// Print the JSON Schema of the configuration
    Schema,
    /// Print every route, field and guard
    Coverage {
        /// The configuration [default: `bartizan.toml`, if it is there]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        format: FormatArgs,
    },
}

/// The most threads that `inspect` works on.
const JOBS_MAX: i64 = 256;

#[derive(Args)]
pub(crate) struct InspectArgs {
    /// Files to read; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) files: Vec<PathBuf>,
    /// Where the text comes from [default: `user`, for documents `retrieved`]
    #[arg(long, value_parser = parse_provenance)]
    pub(crate) provenance: Option<Provenance>,
    /// Read one JSON object per line (`id`, `text`, `provenance`) and write one per line
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// Say why: words and concepts, decoded texts, the rules that led to the verdict
    #[arg(long)]
    pub(crate) explain: bool,
    /// How many threads work [default: as many as the machine runs at once]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=JOBS_MAX))]
    pub(crate) jobs: Option<u16>,
    /// The configuration whose rules apply [default: the shipped rules]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data folder whose protected documents are looked for [default: none]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

/// `tool` is short for the result of a tool, which is what people have at hand.
fn parse_provenance(text: &str) -> Result<Provenance, String> {
    let name = if text == "tool" { "tool_result" } else { text };
    Provenance::ALL.into_iter().find(|known| known.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = Provenance::ALL.iter().map(|known| known.as_str()).collect();
        format!("choose one of: {}", names.join(", "))
    })
}

#[derive(Args)]
pub(crate) struct IsolateArgs {
    /// `upstream:NAME`, or `model:NAME` with `*` for any text [default: list what is isolated]
    #[arg(requires = "why")]
    pub(crate) target: Option<gateway::Isolated>,
    /// How long: `30m`, `12h`, `2d` [default: until it is restored]
    #[arg(long = "for", value_name = "TIME", requires = "target")]
    pub(crate) time: Option<String>,
    /// Why; it goes on record
    #[arg(long, value_name = "TEXT", requires = "target")]
    pub(crate) why: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Args)]
pub(crate) struct RestoreArgs {
    /// What was isolated: `upstream:NAME`, `model:NAME`
    pub(crate) target: gateway::Isolated,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Subcommand)]
pub(crate) enum FeedbackCommand {
    /// Say whether a finding was right; changes nothing by itself
    Add(FeedbackAddArgs),
    /// List the labels
    List {
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Propose rank offsets from the labels, as `[guards.calibration]` for review
    Calibrate {
        /// A new file for the proposal [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The rank from which your rules act
        #[arg(long, value_name = "RANK", default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=60))]
        rank: u8,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
}

#[derive(Args)]
pub(crate) struct FeedbackAddArgs {
    /// The interaction, as in the header `x-bartizan-interaction`, or any id or digest of an inspected text
    #[arg(long)]
    pub(crate) id: String,
    /// Whether it was what it was reported as
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    pub(crate) label: bool,
    /// The kind that was reported
    #[arg(long, default_value = "injection")]
    pub(crate) kind: String,
    /// The rank that was reported, as `inspect` and `log show` print it
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=60))]
    pub(crate) rank: u8,
    /// Where the text came from
    #[arg(long, value_parser = parse_provenance, default_value = "user")]
    pub(crate) provenance: Provenance,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it, once
    Create(Box<CreateArgs>),
    /// List the keys
    List {
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Show one key's grant
    Show {
        /// The key's id, the part after `btz_`
        id: KeyId,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Give a key a new secret and print it, once; its id, grant and history stay
    Rotate {
        /// The key's id, the part after `btz_`
        id: KeyId,
        /// How long the secret before works too: `24h`, `30m`, `7d`, `0s`
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: String,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Have a provider make another key in the place of a sealed one, and delete the old one
    RotateProvider(RotateProviderArgs),
    /// What keys are used for, and what should be done about them
    Audit {
        /// How many days of the record are read
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        days: u64,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Make a key useless from now on
    Revoke {
        /// The key's id, the part after `btz_`
        id: KeyId,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
}

fn action(text: &str) -> Result<policy::Verb, String> {
    let verbs = policy::Verb::ALL;
    verbs.into_iter().find(|verb| verb.as_str() == text).ok_or_else(|| {
        let names: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
        format!("choose one of {}", names.join(", "))
    })
}

/// How much a key may use.
#[derive(Args)]
pub(crate) struct QuotaArgs {
    /// Requests in a minute
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_minute: Option<u64>,
    /// Tokens in a minute, of requests and answers together
    #[arg(long, value_name = "N")]
    pub(crate) tokens_per_minute: Option<u64>,
    /// Requests under way at a time
    #[arg(long, value_name = "N")]
    pub(crate) concurrent_max: Option<u64>,
    /// Tokens in a day (UTC)
    #[arg(long, value_name = "N")]
    pub(crate) tokens_per_day: Option<u64>,
    /// Tokens in a month (UTC)
    #[arg(long, value_name = "N")]
    pub(crate) tokens_per_month: Option<u64>,
    /// US dollars in a day (UTC), by `[[prices]]` of the configuration
    #[arg(long, value_name = "USD", value_parser = microusd)]
    pub(crate) usd_per_day: Option<u64>,
    /// US dollars in a month (UTC)
    #[arg(long, value_name = "USD", value_parser = microusd)]
    pub(crate) usd_per_month: Option<u64>,
}

/// An amount of US dollars, in millionths.
fn microusd(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(usd) if (0.0..=1e9).contains(&usd) => Ok((usd * 1e6).round() as u64),
        _ => Err("write an amount of US dollars, such as `20` or `0.5`".to_owned()),
    }
}

/// Whose requests something is for.
#[derive(Args)]
pub(crate) struct WhoseArgs {
    /// The application that it is for
    #[arg(long, value_name = "NAME")]
    pub(crate) application: Option<String>,
    /// The team that owns the application
    #[arg(long, value_name = "NAME")]
    pub(crate) team: Option<String>,
    /// The tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
}

#[derive(Args)]
pub(crate) struct CreateArgs {
    /// What people call the key
    #[arg(long)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) whose: WhoseArgs,
    /// A model it may ask for, `*` for any text; may be repeated [default: every model]
    #[arg(long = "model", value_name = "PATTERN")]
    pub(crate) models: Vec<String>,
    /// A route it may take, `*` for any text; may be repeated [default: every route]
    #[arg(long = "route", value_name = "PATTERN")]
    pub(crate) routes: Vec<String>,
    /// A tool it may offer to models, `*` for any text; may be repeated [default: every tool]
    #[arg(long = "tool", value_name = "PATTERN")]
    pub(crate) tools: Vec<String>,
    /// What it may do: `infer`, `embed`; may be repeated [default: everything that policy permits]
    #[arg(long = "action", value_name = "ACTION", value_parser = action)]
    pub(crate) actions: Vec<policy::Verb>,
    /// A network it may be used from: `192.0.2.0/24`, `2001:db8::/32`, one address; may be repeated [default: everywhere]
    #[arg(long = "address", value_name = "NETWORK")]
    pub(crate) addresses: Vec<policy::AddressRange>,
    /// When it may be used, in UTC: `8-18`, `mon-fri 8-18`, `sat,sun 22-6` [default: always]
    #[arg(long, value_name = "HOURS")]
    pub(crate) hours: Option<policy::Hours>,
    #[command(flatten)]
    pub(crate) quota: QuotaArgs,
    /// When it stops working: `90d`, `12h`, `2027-04-01`, `2027-04-01T08:00:00Z` [default: never]
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Subcommand)]
pub(crate) enum LogCommand {
    /// Show the last records
    Tail {
        /// How many
        #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20)]
        lines: u64,
        /// Keep showing what is recorded
        #[arg(long, short)]
        follow: bool,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Show everything about one interaction
    Show {
        /// Its id, as in the header `x-bartizan-interaction`
        id: InteractionId,
        /// Also show what was said, as long as it is kept
        #[arg(long)]
        content: bool,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// List campaigns, or tell the story of one: who, from where, what they tried, what got through
    Campaigns(CampaignsArgs),
    /// Check that the record is what was written
    Verify {
        /// A checkpoint that was exported before: shows whether the end was cut off since
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// Check a signed decision instead, which needs no data folder; with a checkpoint, that it is of the
        /// same node
        #[arg(long, value_name = "FILE")]
        decision: Option<PathBuf>,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Sign a statement about one interaction: guards, decision, what was not scanned; always JSON
    Decision {
        /// Its id, as in the header `x-bartizan-interaction`
        id: InteractionId,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Write the record in a format that SIEMs take, to standard output; never what was said
    Export(ExportArgs),
    /// Show how far each sink came, and that what was logged is what was sent, filtered, refused, lost, or waits
    Sinks {
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Sign a statement about the record so far, to keep elsewhere
    Checkpoint {
        #[command(flatten)]
        state: StateArgs,
    },
}

#[derive(Subcommand)]
pub(crate) enum ProtectCommand {
    /// Protect the text files under a folder, or again after they changed
    Add {
        /// The folder
        dir: PathBuf,
        /// What it is called in findings [default: the folder's name]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// List what is protected
    List {
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Protect a folder no longer
    Remove {
        /// Its name, as in `protect list`
        name: String,
        #[command(flatten)]
        state: StateArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
}
