//! OpenAI's moderations, and what answers like them.
//!
//! Source: the API reference of `POST /v1/moderations`: `results[0]` has `categories` (yes or no) and
//! `category_scores` (0 to 1). The configured URL ends in the version: `https://api.openai.com/v1`.
//!
//! A category that is flagged counts as at least 0.5: the vendor's thresholds are its own.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::adapter::{Adapter, KeyHeader, MODEL, Piece, RANKS_OF_PROBABILITIES};
use crate::error::Unreadable;
use crate::mark::Mark;

/// The least that a flagged category counts as.
const FLAGGED_SCORE_MIN: f32 = 0.5;

pub(crate) const MODERATIONS: Adapter = Adapter {
    about: "OpenAI's `/moderations`, and services that answer like it.",
    ask: |details, piece| match &details.model {
        Some(model) => json!({ "model": model, "input": piece.text }),
        None => json!({ "input": piece.text }),
    },
    key: KeyHeader::Bearer,
    labels: &[
        ("self-harm", "toxicity.self_harm"),
        ("self-harm/*", "toxicity.self_harm_*"),
        ("*", "toxicity.*"),
    ],
    needs: &[],
    path: |_| String::from("/moderations"),
    ranks: RANKS_OF_PROBABILITIES,
    read,
    sends_values: false,
    text_characters_max: 16_000,
    takes: &[MODEL],
};

#[derive(Deserialize)]
struct Moderated {
    results: Vec<Verdict>,
}

#[derive(Deserialize)]
struct Verdict {
    /// `null` for what the model has no opinion about.
    #[serde(default)]
    categories: BTreeMap<String, Option<bool>>,
    #[serde(default)]
    category_scores: BTreeMap<String, Option<f32>>,
    flagged: bool,
}

fn read(_: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Moderated = serde_json::from_slice(body)?;
    let Some(verdict) = answer.results.into_iter().next() else {
        return Err(Unreadable(String::from("no result")));
    };
    let mut scores: BTreeMap<String, f32> = BTreeMap::new();
    for (category, score) in verdict.category_scores {
        scores.insert(category, score.unwrap_or(0.0));
    }
    for (category, is_flagged) in verdict.categories {
        let score = scores.entry(category).or_insert(0.0);
        if is_flagged == Some(true) {
            *score = score.max(FLAGGED_SCORE_MIN);
        }
    }
    let is_any = scores.values().any(|score| *score >= FLAGGED_SCORE_MIN);
    if verdict.flagged && !is_any {
        scores.insert(String::from("flagged"), FLAGGED_SCORE_MIN);
    }
    Ok(scores.into_iter().map(|(category, score)| Mark::whole(category, score)).collect())
}
