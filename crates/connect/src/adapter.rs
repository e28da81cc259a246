//! What the contracts of all services have in common: one row of a table for each kind of guard.
//!
//! INVARIANT: `ask` and `read` are functions of what they are given and of nothing else. INVARIANT: `read`
//! returns an error for whatever is not the contract, and never takes silence for a pass.

use events::Provenance;
use http::{HeaderName, HeaderValue, header};
use serde_json::Value;
use stdx::Secret;
use zeroize::Zeroizing;

use crate::error::Unreadable;
use crate::mark::Mark;
use crate::{Details, adapters};

/// A piece of text that a service is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) provenance: Provenance,
    pub(crate) text: &'a str,
}

/// How a service wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyHeader {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// A header of its own.
    Named(&'static str),
}

impl KeyHeader {
    /// The header that carries this key, if one can.
    pub(crate) fn header(self, key: &Secret<String>) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = match self {
            Self::Bearer => {
                let value = Zeroizing::new(format!("Bearer {}", key.expose()));
                (header::AUTHORIZATION, HeaderValue::from_str(&value))
            }
            Self::Named(name) => {
                (HeaderName::from_static(name), HeaderValue::from_str(key.expose()))
            }
        };
        let mut value = value.ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }
}

/// A detail that a service may or must be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detail {
    pub(crate) name: &'static str,
    pub(crate) of: fn(&Details) -> Option<&str>,
}

pub(crate) const API_VERSION: Detail =
    Detail { name: "api_version", of: |details| details.api_version.as_deref() };
pub(crate) const CONFIG: Detail =
    Detail { name: "config", of: |details| details.config.as_deref() };
pub(crate) const LANGUAGE: Detail =
    Detail { name: "language", of: |details| details.language.as_deref() };
pub(crate) const MODEL: Detail = Detail { name: "model", of: |details| details.model.as_deref() };
pub(crate) const PROJECT: Detail =
    Detail { name: "project", of: |details| details.project.as_deref() };
/// Every detail.
pub(crate) const DETAILS: [Detail; 5] = [API_VERSION, CONFIG, LANGUAGE, MODEL, PROJECT];

/// One contract.
#[derive(Debug)]
pub(crate) struct Adapter {
    /// What it is, for the reference.
    pub(crate) about: &'static str,
    /// The body of a question.
    pub(crate) ask: fn(&Details, Piece<'_>) -> Value,
    pub(crate) key: KeyHeader,
    /// Labels and kinds; see `label`.
    pub(crate) labels: &'static [(&'static str, &'static str)],
    /// Which details it must be told.
    pub(crate) needs: &'static [Detail],
    /// The path and query below the configured URL.
    pub(crate) path: fn(&Details) -> String,
    /// Score from which a finding has a rank.
    pub(crate) ranks: &'static [(f32, u8)],
    /// What an answer says.
    pub(crate) read: fn(Piece<'_>, &[u8]) -> Result<Vec<Mark>, Unreadable>,
    /// Whether it is for finding personal data and secrets, and so has to see them.
    pub(crate) sends_values: bool,
    /// Characters that it reads in one question.
    pub(crate) text_characters_max: usize,
    /// Which details it may be told.
    pub(crate) takes: &'static [Detail],
}

/// Ranks of services that give a probability.
pub(crate) const RANKS_OF_PROBABILITIES: &[(f32, u8)] = &[(0.5, 20), (0.8, 30), (0.95, 40)];
/// The rank of services that say yes or no.
pub(crate) const RANK_OF_VERDICTS: &[(f32, u8)] = &[(0.5, 40)];

/// The contract that a guard speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuardKind {
    /// Azure AI Content Safety, Prompt Shields.
    AzurePromptShields,
    /// Azure AI Content Safety, protected material.
    AzureProtectedMaterial,
    /// Azure AI Content Safety, text analysis.
    AzureTextAnalysis,
    /// Lakera Guard v2, and what answers like it.
    Lakera,
    /// Llama Guard or a model like it behind an OpenAI-compatible chat endpoint.
    LlamaGuard,
    /// NVIDIA NeMo Guardrails, asked through `/v1/chat/completions`.
    NemoChat,
    /// NVIDIA NeMo Guardrails, asked through `/v1/checks`.
    NemoChecks,
    /// OpenAI's `/v1/moderations`, and what answers like it.
    OpenAiModerations,
    /// Presidio's analyzer.
    Presidio,
    /// Hugging Face text-embeddings-inference with a classifier: Prompt Guard and the like.
    TextEmbeddingsInference,
    /// A service of your own.
    Webhook,
}

impl GuardKind {
    /// All kinds, by name.
    pub const ALL: [Self; 11] = [
        Self::AzurePromptShields,
        Self::AzureProtectedMaterial,
        Self::AzureTextAnalysis,
        Self::Lakera,
        Self::LlamaGuard,
        Self::NemoChat,
        Self::NemoChecks,
        Self::OpenAiModerations,
        Self::Presidio,
        Self::TextEmbeddingsInference,
        Self::Webhook,
    ];

    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AzurePromptShields => "azure_prompt_shields",
            Self::AzureProtectedMaterial => "azure_protected_material",
            Self::AzureTextAnalysis => "azure_text_analysis",
            Self::Lakera => "lakera",
            Self::LlamaGuard => "llama_guard",
            Self::NemoChat => "nemo_chat",
            Self::NemoChecks => "nemo_checks",
            Self::OpenAiModerations => "openai_moderations",
            Self::Presidio => "presidio",
            Self::TextEmbeddingsInference => "text_embeddings_inference",
            Self::Webhook => "webhook",
        }
    }

    /// The details that `details` gives and that this kind has no use for.
    pub fn details_without_use(self, details: &Details) -> Vec<&'static str> {
        let takes = self.adapter().takes;
        let is_taken = |name: &str| takes.iter().any(|taken| taken.name == name);
        let given = DETAILS.iter().filter(|detail| (detail.of)(details).is_some());
        given.map(|detail| detail.name).filter(|name| !is_taken(name)).collect()
    }

    pub(crate) const fn adapter(self) -> &'static Adapter {
        match self {
            Self::AzurePromptShields => &adapters::azure::PROMPT_SHIELDS,
            Self::AzureProtectedMaterial => &adapters::azure::PROTECTED_MATERIAL,
            Self::AzureTextAnalysis => &adapters::azure::TEXT_ANALYSIS,
            Self::Lakera => &adapters::lakera::LAKERA,
            Self::LlamaGuard => &adapters::llama_guard::LLAMA_GUARD,
            Self::NemoChat => &adapters::nemo::CHAT,
            Self::NemoChecks => &adapters::nemo::CHECKS,
            Self::OpenAiModerations => &adapters::moderations::MODERATIONS,
            Self::Presidio => &adapters::presidio::PRESIDIO,
            Self::TextEmbeddingsInference => &adapters::predict::PREDICT,
            Self::Webhook => &adapters::webhook::WEBHOOK,
        }
    }
}
