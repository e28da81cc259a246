//! Hugging Face text-embeddings-inference with a classifier: Prompt Guard and the like.
//!
//! Source: the router's `PredictRequest` and `PredictResponse`: `POST /predict` with `inputs`, `truncate` and
//! `raw_scores`; the answer is a list of `label` and `score`, or a list of such lists. The configured URL is
//! the server's: `http://HOST:8080`.
//!
//! Such models read 512 tokens and drop the rest, so longer text is asked about in overlapping pieces.
//! Labels are the model's own: those of Prompt Guard 1 and 2 and of common injection classifiers are known,
//! others are mapped with `kinds`. An answer of which no label is known counts as a failure.

use serde::Deserialize;
use serde_json::json;

use crate::adapter::{Adapter, KeyHeader, Piece, RANKS_OF_PROBABILITIES};
use crate::error::Unreadable;
use crate::label::NOTHING;
use crate::mark::Mark;

pub(crate) const PREDICT: Adapter = Adapter {
    about: "Hugging Face text-embeddings-inference, `/predict`: Prompt Guard and other classifiers.",
    ask: |_, piece| json!({ "inputs": piece.text, "truncate": true, "raw_scores": false }),
    key: KeyHeader::Bearer,
    labels: &[
        ("label_0", NOTHING),
        ("benign", NOTHING),
        ("safe", NOTHING),
        ("label_1", "injection"),
        ("injection", "injection"),
        ("malicious", "injection"),
        ("jailbreak", "jailbreak"),
    ],
    needs: &[],
    path: |_| String::from("/predict"),
    ranks: RANKS_OF_PROBABILITIES,
    read,
    sends_values: false,
    text_characters_max: 1_200,
    takes: &[],
};

#[derive(Deserialize)]
#[serde(untagged)]
enum Predicted {
    One(Vec<Prediction>),
    Many(Vec<Vec<Prediction>>),
}

#[derive(Deserialize)]
struct Prediction {
    label: String,
    score: f32,
}

fn read(_: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Predicted = serde_json::from_slice(body)?;
    let predictions = match answer {
        Predicted::One(predictions) => predictions,
        Predicted::Many(lists) => lists.into_iter().next().unwrap_or_default(),
    };
    if predictions.is_empty() {
        return Err(Unreadable(String::from("no label")));
    }
    Ok(predictions.into_iter().map(|one| Mark::whole(one.label, one.score)).collect())
}
