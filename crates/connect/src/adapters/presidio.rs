//! Presidio's analyzer.
//!
//! Source: the analyzer's REST reference: `POST /analyze` with `text` and `language`; the answer is a list of
//! `entity_type`, `start`, `end` (characters, as Python counts them: Unicode code points) and `score`. The
//! configured URL is the server's: `http://HOST:3000`.
//!
//! `DATE_TIME` and `URL` are nothing to report unless `kinds` says otherwise: they are not personal by
//! themselves, and personal data is masked. Values are sent as they are, since finding them is what the
//! service is for.

use serde::Deserialize;
use serde_json::json;

use crate::adapter::{Adapter, KeyHeader, LANGUAGE, Piece};
use crate::error::Unreadable;
use crate::label::NOTHING;
use crate::mark::Mark;

const LANGUAGE_DEFAULT: &str = "en";

pub(crate) const PRESIDIO: Adapter = Adapter {
    about: "Presidio's analyzer, `/analyze`.",
    ask: |details, piece| {
        let language = details.language.as_deref().unwrap_or(LANGUAGE_DEFAULT);
        json!({ "text": piece.text, "language": language })
    },
    key: KeyHeader::Bearer,
    labels: &[
        ("date_time", NOTHING),
        ("url", NOTHING),
        ("credit_card", "pii.card"),
        ("crypto", "pii.crypto_address"),
        ("email_address", "pii.email"),
        ("iban_code", "pii.iban"),
        ("location", "pii.place"),
        ("organization", "pii.organisation"),
        ("phone_number", "pii.phone"),
        ("*", "pii.*"),
    ],
    needs: &[],
    path: |_| String::from("/analyze"),
    ranks: &[(0.4, 15), (0.6, 20), (0.85, 30), (1.0, 50)],
    read,
    sends_values: true,
    text_characters_max: 50_000,
    takes: &[LANGUAGE],
};

#[derive(Deserialize)]
struct Recognised {
    end: usize,
    entity_type: String,
    score: f32,
    start: usize,
}

fn read(_: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Vec<Recognised> = serde_json::from_slice(body)?;
    let mark = |entity: Recognised| Mark {
        label: entity.entity_type,
        place: Some((entity.start, entity.end)),
        rank: None,
        score: entity.score,
    };
    Ok(answer.into_iter().map(mark).collect())
}
