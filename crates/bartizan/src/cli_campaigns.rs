//! The command line of campaigns, as typed.

use clap::Args;
use events::CampaignId;

use crate::cli::{FormatArgs, StateArgs};

#[derive(Args)]
pub(crate) struct CampaignsArgs {
    /// Tell the whole story of this one [default: list them]
    pub(crate) id: Option<CampaignId>,
    /// Only those that went on after this day, moment, or so long ago: `2027-04-01`, `2027-04-01T08:00:00Z`, `24h`
    #[arg(long, value_name = "WHEN", conflicts_with = "id")]
    pub(crate) since: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}
