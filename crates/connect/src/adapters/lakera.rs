//! Lakera Guard v2, and what answers like it.
//!
//! Source: the API reference of `POST /v2/guard`: `flagged`; with `breakdown`, what each detector says
//! (`detector_type`, `detected`, and how confident it is, L1 to L5); with `payload`, where
//! (`detector_type`, `start`, `end`). The configured URL ends in the version: `https://api.lakera.ai/v2`.

use serde::Deserialize;
use serde_json::{Value, json};

use events::Provenance;

use crate::Details;
use crate::adapter::{Adapter, KeyHeader, PROJECT, Piece, RANKS_OF_PROBABILITIES};
use crate::error::Unreadable;
use crate::label::VERDICT;
use crate::mark::Mark;

pub(crate) const LAKERA: Adapter = Adapter {
    about: "Lakera Guard, `/guard` of its API v2.",
    ask,
    key: KeyHeader::Bearer,
    labels: &[
        ("prompt_attack*", "injection"),
        ("pii/*", "pii.*"),
        ("moderated_content/*", "toxicity.*"),
        ("content_moderation*", "toxicity.moderated"),
        ("unknown_links*", "url.unknown_link"),
        ("*", VERDICT),
    ],
    needs: &[],
    path: |_| String::from("/guard"),
    ranks: RANKS_OF_PROBABILITIES,
    read,
    sends_values: false,
    text_characters_max: 16_000,
    takes: &[PROJECT],
};

fn ask(details: &Details, piece: Piece<'_>) -> Value {
    let role = match piece.provenance {
        Provenance::System | Provenance::Developer => "system",
        Provenance::Assistant | Provenance::ToolCall | Provenance::Output => "assistant",
        _ => "user",
    };
    let mut question = json!({
        "messages": [{ "role": role, "content": piece.text }],
        "breakdown": true,
        "payload": true,
    });
    if let (Some(project), Some(fields)) = (&details.project, question.as_object_mut()) {
        fields.insert(String::from("project_id"), project.as_str().into());
    }
    question
}

#[derive(Deserialize)]
struct Guarded {
    #[serde(default)]
    breakdown: Option<Vec<Said>>,
    flagged: bool,
    #[serde(default)]
    payload: Option<Vec<Place>>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default, alias = "result")]
    confidence: Option<String>,
    detected: bool,
    detector_type: String,
}

#[derive(Deserialize)]
struct Place {
    detector_type: String,
    end: usize,
    start: usize,
}

fn read(_: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Guarded = serde_json::from_slice(body)?;
    let mut marks = Vec::new();
    for place in answer.payload.unwrap_or_default() {
        marks.push(Mark {
            label: place.detector_type,
            place: Some((place.start, place.end)),
            rank: None,
            score: 1.0,
        });
    }
    let placed = marks.len();
    for detected in answer.breakdown.unwrap_or_default().into_iter().filter(|one| one.detected) {
        let is_placed = marks.iter().take(placed).any(|mark| mark.label == detected.detector_type);
        if !is_placed {
            let score = confidence(detected.confidence.as_deref());
            marks.push(Mark::whole(detected.detector_type, score));
        }
    }
    if answer.flagged && marks.is_empty() {
        marks.push(Mark::whole("flagged", 1.0));
    }
    Ok(marks)
}

/// How sure `l1_confident` to `l5_unlikely` is, also written `L1` to `L5`.
fn confidence(level: Option<&str>) -> f32 {
    match level.and_then(|level| level.as_bytes().get(1)) {
        Some(b'2') => 0.9,
        Some(b'3') => 0.8,
        Some(b'4') => 0.6,
        Some(b'5') => 0.5,
        // What was detected and says no more is taken at its word.
        _ => 0.95,
    }
}
