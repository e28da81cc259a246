//! Azure AI Content Safety: Prompt Shields, text analysis, protected material.
//!
//! Source: the REST reference of api-version 2024-09-01 (`text:shieldPrompt`, `text:analyze`,
//! `text:detectProtectedMaterial`); keys go into `Ocp-Apim-Subscription-Key`, and a question takes
//! 10,000 characters. The configured URL is the resource's:
//! `https://NAME.cognitiveservices.azure.com`.
//!
//! Text of the caller and of the operator is a `userPrompt`, whose attacks are `jailbreak` findings; text
//! of third parties is a document, whose attacks are `injection` findings. Severities 2, 4 and 6 have
//! ranks 20, 30 and 40.

use events::Trust;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Details;
use crate::adapter::{API_VERSION, Adapter, KeyHeader, Piece, RANK_OF_VERDICTS};
use crate::error::Unreadable;
use crate::mark::Mark;

const API_VERSION_DEFAULT: &str = "2024-09-01";
/// Characters of one question.
const TEXT_CHARACTERS_MAX: usize = 10_000;
/// The highest severity of `FourSeverityLevels`.
const SEVERITY_MAX: f32 = 6.0;
const KEY: KeyHeader = KeyHeader::Named("ocp-apim-subscription-key");

pub(crate) const PROMPT_SHIELDS: Adapter = Adapter {
    about: "Azure AI Content Safety, Prompt Shields (`text:shieldPrompt`).",
    ask: shield,
    key: KEY,
    labels: &[("user_prompt_attack", "jailbreak"), ("document_attack", "injection")],
    needs: &[],
    path: |details| path("text:shieldPrompt", details),
    ranks: RANK_OF_VERDICTS,
    read: read_shield,
    sends_values: false,
    text_characters_max: TEXT_CHARACTERS_MAX,
    takes: &[API_VERSION],
};

pub(crate) const TEXT_ANALYSIS: Adapter = Adapter {
    about: "Azure AI Content Safety, harm categories and blocklists (`text:analyze`).",
    ask: |_, piece| json!({ "text": piece.text, "outputType": "FourSeverityLevels" }),
    key: KEY,
    labels: &[
        ("hate", "toxicity.hate"),
        ("selfharm", "toxicity.self_harm"),
        ("sexual", "toxicity.sexual"),
        ("violence", "toxicity.violence"),
        ("blocklist/*", "custom.blocklist_*"),
        ("*", "toxicity.*"),
    ],
    needs: &[],
    path: |details| path("text:analyze", details),
    ranks: &[(0.3, 20), (0.6, 30), (0.9, 40)],
    read: read_analysis,
    sends_values: false,
    text_characters_max: TEXT_CHARACTERS_MAX,
    takes: &[API_VERSION],
};

pub(crate) const PROTECTED_MATERIAL: Adapter = Adapter {
    about: "Azure AI Content Safety, protected material (`text:detectProtectedMaterial`); for answers.",
    ask: |_, piece| json!({ "text": piece.text }),
    key: KEY,
    labels: &[("protected_material", "regurgitation.protected_material")],
    needs: &[],
    path: |details| path("text:detectProtectedMaterial", details),
    ranks: RANK_OF_VERDICTS,
    read: read_protected,
    sends_values: false,
    text_characters_max: TEXT_CHARACTERS_MAX,
    takes: &[API_VERSION],
};

fn path(operation: &str, details: &Details) -> String {
    let version = details.api_version.as_deref().unwrap_or(API_VERSION_DEFAULT);
    format!("/contentsafety/{operation}?api-version={version}")
}

fn is_document(piece: Piece<'_>) -> bool {
    matches!(piece.provenance.trust(), Trust::Low | Trust::Model)
}

fn shield(_: &Details, piece: Piece<'_>) -> Value {
    if is_document(piece) {
        json!({ "userPrompt": "", "documents": [piece.text] })
    } else {
        json!({ "userPrompt": piece.text, "documents": [] })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shielded {
    documents_analysis: Option<Vec<Attack>>,
    user_prompt_analysis: Option<Attack>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attack {
    attack_detected: bool,
}

fn read_shield(piece: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Shielded = serde_json::from_slice(body)?;
    let (label, attack) = if is_document(piece) {
        let documents = answer.documents_analysis.unwrap_or_default();
        ("document_attack", documents.into_iter().next())
    } else {
        ("user_prompt_attack", answer.user_prompt_analysis)
    };
    let Some(attack) = attack else {
        return Err(Unreadable(String::from("no analysis of what was asked about")));
    };
    Ok(if attack.attack_detected { vec![Mark::whole(label, 1.0)] } else { Vec::new() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysed {
    #[serde(default)]
    blocklists_match: Option<Vec<Blocked>>,
    categories_analysis: Vec<Category>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blocked {
    blocklist_name: String,
}

#[derive(Deserialize)]
struct Category {
    category: String,
    #[serde(default)]
    severity: Option<u8>,
}

fn read_analysis(_: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Analysed = serde_json::from_slice(body)?;
    let mut marks = Vec::new();
    for category in answer.categories_analysis {
        let severity = f32::from(category.severity.unwrap_or(0));
        marks.push(Mark::whole(category.category, (severity / SEVERITY_MAX).min(1.0)));
    }
    for blocked in answer.blocklists_match.unwrap_or_default() {
        marks.push(Mark::whole(format!("blocklist/{}", blocked.blocklist_name), 1.0));
    }
    Ok(marks)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Protected {
    protected_material_analysis: ProtectedAnalysis,
}

#[derive(Deserialize)]
struct ProtectedAnalysis {
    detected: bool,
}

fn read_protected(_: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Protected = serde_json::from_slice(body)?;
    let is_found = answer.protected_material_analysis.detected;
    Ok(if is_found { vec![Mark::whole("protected_material", 1.0)] } else { Vec::new() })
}
