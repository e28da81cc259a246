//! The command line of exports, as typed.
//!
//! INVARIANT: there is no option that exports what was said.

use clap::{Args, ValueEnum};

use crate::cli::StateArgs;

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// The format; every record becomes at least one line
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// From this day, moment, or so long ago: `2027-04-01`, `2027-04-01T08:00:00Z`, `24h`
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Before this day, moment, or so long ago
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// Only records of which this holds: `class=interaction_closed`, `findings.kind=pii.*`, `principal.team!=blue`,
    /// `severity>=3`; given more than once, all have to hold
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) conditions: Vec<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// The formats, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Open Cybersecurity Schema Framework 1.8.0
    Ocsf,
    /// OCSF 1.9.0, with the profile `record_integrity`
    #[value(name = "ocsf-1.9")]
    Ocsf19,
    /// Elastic Common Schema 9
    Ecs,
    /// OpenTelemetry log records, OTLP in JSON
    Otel,
    /// Common Event Format
    Cef,
    /// Log Event Extended Format 2.0
    Leef,
    /// The records as they are, as with `log tail --json`
    Jsonl,
}

impl From<ExportFormat> for export::Format {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Ocsf => Self::Ocsf,
            ExportFormat::Ocsf19 => Self::Ocsf19,
            ExportFormat::Ecs => Self::Ecs,
            ExportFormat::Otel => Self::Otel,
            ExportFormat::Cef => Self::Cef,
            ExportFormat::Leef => Self::Leef,
            ExportFormat::Jsonl => Self::JsonLines,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::ExportFormat;

    #[test]
    fn names_are_those_of_the_formats() {
        for typed in ExportFormat::value_variants() {
            let name = typed.to_possible_value().map(|value| value.get_name().to_owned());
            assert_eq!(name.as_deref(), Some(export::Format::from(*typed).as_str()));
        }
        assert_eq!(ExportFormat::value_variants().len(), export::Format::ALL.len());
    }
}
