//! `[[guards.external]]` as it is typed.
//!
//! INVARIANT: as in [`super::options`]: unknown keys are refused, numbers have their unit at the end, and
//! nothing is used before [`super::external`] has checked it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use connect::GuardKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretReference;

/// One of `[[guards.external]]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExternalOptions {
    /// What records call it; its findings are by `external.<name>`.
    pub(crate) name: String,
    /// The contract it speaks.
    pub(crate) kind: ExternalKindOption,
    /// Where it is; the contract's path is appended.
    pub(crate) url: String,
    /// Its key: `env:NAME` or `file:PATH`.
    #[serde(skip_serializing)]
    pub(crate) api_key: Option<SecretReference>,
    /// Certificates to trust instead of the system's, as PEM.
    pub(crate) ca_file: Option<PathBuf>,
    /// When it is asked: about requests before policy judges, about answers before they are released. A
    /// streamed answer is looked at when it ends.
    #[serde(default = "stages")]
    pub(crate) stages: Vec<StageOption>,
    /// Whose text of a request it is asked about. Unless given: `user`, `tool_result`, `retrieved`, `memory`
    /// and `file`.
    #[serde(default)]
    pub(crate) provenances: Vec<String>,
    /// Time for all questions about one message, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub(crate) timeout_ms: u64,
    /// What happens to a message that it could not look at: `closed` refuses it, `open` lets it through and
    /// records that the guard failed.
    #[serde(default)]
    pub(crate) fail: FailOption,
    /// Ask only about texts of which our own score is unsure, so that a large model is asked seldom.
    pub(crate) grey_band: Option<GreyBandOptions>,
    /// Labels of the service and the kinds of finding they become, before the kind's own table. `*` at the
    /// end of a label stands for any text; an empty kind is nothing to report.
    #[serde(default)]
    pub(crate) kinds: BTreeMap<String, String>,
    /// Scores and the ranks that they have from there on: `[[0.5, 20], [0.9, 40]]`. The kind's own unless
    /// given.
    #[serde(default)]
    pub(crate) ranks: Vec<(f32, u8)>,
    /// Whether the service sees the personal data and secrets that we know of, or stars in their place. Only
    /// `presidio` does unless this is given.
    pub(crate) send_values: Option<bool>,
    /// Azure: the version of its API.
    pub(crate) api_version: Option<String>,
    /// NeMo: the configuration at the server.
    pub(crate) config: Option<String>,
    /// Presidio: the language of the text.
    pub(crate) language: Option<String>,
    /// NeMo, Llama Guard, moderations: the model.
    pub(crate) model: Option<String>,
    /// Lakera: the project.
    pub(crate) project: Option<String>,
    /// Characters of one question; longer text is asked about in overlapping pieces. The kind's own limit
    /// unless given.
    pub(crate) text_characters_max: Option<usize>,
    /// Questions about one message. A message that needs more could not be looked at.
    #[serde(default = "questions_max")]
    pub(crate) questions_max: usize,
    /// Questions under way at a time, of all messages together.
    #[serde(default = "concurrency_max")]
    pub(crate) concurrency_max: usize,
    /// Answers that are remembered, by a hash of the text; 0 remembers none.
    #[serde(default = "cache_entries_max")]
    pub(crate) cache_entries_max: usize,
    /// How long an answer is remembered, in milliseconds.
    #[serde(default = "cache_ttl_ms")]
    pub(crate) cache_ttl_ms: u64,
    /// Failures in a row after which the service is left alone.
    #[serde(default = "circuit_failures")]
    pub(crate) circuit_failures: u32,
    /// Failures further apart than this are not in a row, in milliseconds.
    #[serde(default = "circuit_window_ms")]
    pub(crate) circuit_window_ms: u64,
    /// How long the service is left alone before one message tries it, in milliseconds.
    #[serde(default = "circuit_pause_ms")]
    pub(crate) circuit_pause_ms: u64,
}

/// The contract of an external guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExternalKindOption {
    /// Azure AI Content Safety: attacks by users and in documents.
    AzurePromptShields,
    /// Azure AI Content Safety: protected text in answers.
    AzureProtectedMaterial,
    /// Azure AI Content Safety: hate, self-harm, sexual content, violence, blocklists.
    AzureTextAnalysis,
    /// Lakera Guard v2.
    Lakera,
    /// Llama Guard behind an OpenAI-compatible chat endpoint.
    LlamaGuard,
    /// NVIDIA NeMo Guardrails through `/v1/chat/completions`.
    NemoChat,
    /// NVIDIA NeMo Guardrails through `/v1/checks`.
    NemoChecks,
    /// OpenAI's moderations.
    #[serde(rename = "openai_moderations")]
    OpenAiModerations,
    /// Presidio's analyzer.
    Presidio,
    /// Hugging Face text-embeddings-inference with a classifier.
    TextEmbeddingsInference,
    /// A service of your own.
    Webhook,
}

/// When an external guard is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StageOption {
    /// About requests.
    Request,
    /// About answers.
    Answer,
}

/// What happens to a message that a guard could not look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailOption {
    /// It is refused.
    #[default]
    Closed,
    /// It passes.
    Open,
}

/// Where our own score is unsure.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GreyBandOptions {
    /// Families or kinds of our own findings of which the highest rank counts: `injection`.
    pub(crate) kinds: Vec<String>,
    /// The lowest rank that is asked about; a text in which we found nothing has 0.
    pub(crate) from: u8,
    /// The highest rank that is asked about.
    pub(crate) to: u8,
}

impl ExternalKindOption {
    pub(crate) const fn kind(self) -> GuardKind {
        match self {
            Self::AzurePromptShields => GuardKind::AzurePromptShields,
            Self::AzureProtectedMaterial => GuardKind::AzureProtectedMaterial,
            Self::AzureTextAnalysis => GuardKind::AzureTextAnalysis,
            Self::Lakera => GuardKind::Lakera,
            Self::LlamaGuard => GuardKind::LlamaGuard,
            Self::NemoChat => GuardKind::NemoChat,
            Self::NemoChecks => GuardKind::NemoChecks,
            Self::OpenAiModerations => GuardKind::OpenAiModerations,
            Self::Presidio => GuardKind::Presidio,
            Self::TextEmbeddingsInference => GuardKind::TextEmbeddingsInference,
            Self::Webhook => GuardKind::Webhook,
        }
    }
}

fn stages() -> Vec<StageOption> {
    vec![StageOption::Request]
}

const fn timeout_ms() -> u64 {
    2_000
}

const fn questions_max() -> usize {
    256
}

const fn concurrency_max() -> usize {
    32
}

const fn cache_entries_max() -> usize {
    10_000
}

const fn cache_ttl_ms() -> u64 {
    300_000
}

const fn circuit_failures() -> u32 {
    5
}

const fn circuit_window_ms() -> u64 {
    30_000
}

const fn circuit_pause_ms() -> u64 {
    10_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_called_as_their_contracts_are() {
        for kind in GuardKind::ALL {
            let name = serde_json::Value::from(kind.as_str());
            let option: ExternalKindOption = serde_json::from_value(name).expect("known");
            assert_eq!(option.kind(), kind);
        }
    }
}
