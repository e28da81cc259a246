//! Where a piece of text came from, which decides how far it is trusted.
//!
//! INVARIANT: every field that `wire` yields has exactly one provenance, and the names printed here
//! are the names in policies, events, command-line flags and exports.

use serde::{Deserialize, Serialize};

/// The origin of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Instructions of the operator of the application.
    System,
    /// Instructions of the application's developer (OpenAI `developer` role).
    Developer,
    /// What the end user typed, and anything whose origin is not known better.
    User,
    /// Earlier turns of the model, as the caller replays them.
    Assistant,
    /// Names, descriptions and schemas of tools and output formats.
    ToolDefinition,
    /// Arguments the model chose for a tool, as the caller replays them.
    ToolCall,
    /// What a tool returned.
    ToolResult,
    /// Documents a retriever put into the context.
    Retrieved,
    /// Notes an agent kept from earlier conversations.
    Memory,
    /// Text extracted from an attachment.
    File,
    /// What the model produced in this interaction.
    Output,
}

/// How far text of a provenance may steer what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// Third parties can write it: documents, tool results, memory, files.
    Low,
    /// The model wrote it.
    Model,
    /// The authenticated caller or its end user wrote it.
    Caller,
    /// The operator of the application wrote it.
    Operator,
}

impl Provenance {
    /// All provenances, in declaration order.
    pub const ALL: [Self; 11] = [
        Self::System,
        Self::Developer,
        Self::User,
        Self::Assistant,
        Self::ToolDefinition,
        Self::ToolCall,
        Self::ToolResult,
        Self::Retrieved,
        Self::Memory,
        Self::File,
        Self::Output,
    ];

    /// The name used in policies, events, flags and exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::ToolDefinition => "tool_definition",
            Self::ToolCall => "tool_call",
            Self::ToolResult => "tool_result",
            Self::Retrieved => "retrieved",
            Self::Memory => "memory",
            Self::File => "file",
            Self::Output => "output",
        }
    }

    /// How far this provenance is trusted.
    pub const fn trust(self) -> Trust {
        match self {
            Self::System | Self::Developer => Trust::Operator,
            Self::User | Self::ToolDefinition => Trust::Caller,
            Self::Assistant | Self::ToolCall | Self::Output => Trust::Model,
            Self::ToolResult | Self::Retrieved | Self::Memory | Self::File => Trust::Low,
        }
    }
}

impl std::fmt::Display for Provenance {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Provenance;

    #[test]
    fn serialised_name_is_the_printed_name() {
        for provenance in Provenance::ALL {
            let json = serde_json::to_string(&provenance).unwrap_or_default();
            assert_eq!(json, format!("\"{provenance}\""));
        }
    }
}
