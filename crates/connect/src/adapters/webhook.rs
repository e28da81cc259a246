//! A guard of your own: the contract is ours.
//!
//! Bartizan posts `{"version": 1, "provenance": "user", "text": "…"}` to the configured URL. The answer is
//! `{"findings": [{"kind": "custom.project", "score": 0.9, "start": 4, "end": 9}]}`: `kind` is any kind of
//! finding (or a label that `kinds` maps to one), `score` is from 0 to 1 and 1 unless given, `start` and `end`
//! are characters (Unicode code points) of the text, all of it unless given. `rank` (0 to 60) goes before
//! the score. Nothing found is an empty list, never a missing one.

use serde::Deserialize;
use serde_json::json;

use crate::adapter::{Adapter, KeyHeader, Piece, RANKS_OF_PROBABILITIES};
use crate::error::Unreadable;
use crate::label::AS_LABELLED;
use crate::mark::Mark;

/// The version of the contract; raised when a service of an older one would be wrong.
const VERSION: u32 = 1;

pub(crate) const WEBHOOK: Adapter = Adapter {
    about: "A service of your own; the contract is below.",
    ask: |_, piece| json!({ "version": VERSION, "provenance": piece.provenance.as_str(), "text": piece.text }),
    key: KeyHeader::Bearer,
    labels: &[("*", AS_LABELLED)],
    needs: &[],
    path: |_| String::new(),
    ranks: RANKS_OF_PROBABILITIES,
    read,
    sends_values: false,
    text_characters_max: 50_000,
    takes: &[],
};

#[derive(Deserialize)]
struct Answer {
    findings: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    end: Option<usize>,
    kind: String,
    #[serde(default)]
    rank: Option<u8>,
    #[serde(default)]
    score: Option<f32>,
    #[serde(default)]
    start: Option<usize>,
}

fn read(_: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Answer = serde_json::from_slice(body)?;
    let mark = |found: Found| Mark {
        label: found.kind,
        place: found.start.zip(found.end),
        rank: found.rank,
        score: found.score.unwrap_or(1.0),
    };
    Ok(answer.findings.into_iter().map(mark).collect())
}
