//! A rule as people see it: what it is called and what it says about itself.

use events::Rank;
use rsigma_parser as parser;

/// How much a hit matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Worth knowing.
    Informational,
    /// Worth a look when there is time.
    Low,
    /// To be looked at.
    Medium,
    /// To be looked at now.
    High,
    /// To be acted upon now.
    Critical,
}

impl Level {
    /// As in Sigma.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The rank of the finding that a hit becomes, which decides its severity in exports.
    pub const fn rank(self) -> Rank {
        Rank::new(match self {
            Self::Informational => 20,
            Self::Low => 30,
            Self::Medium => 40,
            Self::High => 50,
            Self::Critical => 60,
        })
    }
}

impl From<parser::Level> for Level {
    fn from(level: parser::Level) -> Self {
        match level {
            parser::Level::Informational => Self::Informational,
            parser::Level::Low => Self::Low,
            parser::Level::Medium => Self::Medium,
            parser::Level::High => Self::High,
            parser::Level::Critical => Self::Critical,
        }
    }
}

/// A rule as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is called: its file's name, or its own in a file with several.
    pub name: String,
    /// Its UUID.
    pub id: String,
    /// In a few words.
    pub title: String,
    /// What it finds.
    pub description: String,
    /// How much a hit matters.
    pub level: Level,
    /// Sigma's tags.
    pub tags: Vec<String>,
    /// The techniques of MITRE ATLAS that it finds, by id.
    pub atlas: Vec<String>,
    /// What else makes it hit.
    pub falsepositives: Vec<String>,
    /// Where to read on.
    pub references: Vec<String>,
    /// `detection`, or the type of correlation.
    pub sort: &'static str,
    /// The time that it looks at, in seconds; 0 for one record.
    pub window_s: u64,
}
