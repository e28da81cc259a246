//! NVIDIA NeMo Guardrails, as a server.
//!
//! Source: the server of release 0.24 and its request and response models. `/v1/checks` runs the input or
//! the output rails of a configuration over a message and says `passed`, `modified` or `blocked`, with the
//! rail that blocked; older servers do the same through `/v1/chat/completions`, with only those rails
//! switched on and their log in the answer. The configured URL is the server's: `http://HOST:8000`.
//!
//! A rail that blocks is a verdict (`custom.external_verdict`) unless `kinds` names a kind for the rail; a
//! text that rails changed is `custom.external_change`: what they put in its place is not used.

use events::Trust;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Details;
use crate::adapter::{Adapter, CONFIG, KeyHeader, MODEL, Piece, RANK_OF_VERDICTS};
use crate::error::Unreadable;
use crate::label::VERDICT;
use crate::mark::Mark;

/// The label of a text that rails changed.
const MODIFIED: &str = "modified";
/// Characters of one question. The server has no limit of its own; its rails may have.
const TEXT_CHARACTERS_MAX: usize = 8_000;
const LABELS: &[(&str, &str)] = &[(MODIFIED, "custom.external_change"), ("*", VERDICT)];

pub(crate) const CHECKS: Adapter = Adapter {
    about: "NVIDIA NeMo Guardrails, through `/v1/checks`.",
    ask: |details, piece| {
        let (role, rails) = side(piece);
        json!({
            "model": details.model.as_deref().unwrap_or_default(),
            "messages": [{ "role": role, "content": piece.text }],
            "guardrails": { "config_id": details.config, "rail_types": [rails] },
        })
    },
    key: KeyHeader::Bearer,
    labels: LABELS,
    needs: &[CONFIG],
    path: |_| String::from("/v1/checks"),
    ranks: RANK_OF_VERDICTS,
    read: read_check,
    sends_values: false,
    text_characters_max: TEXT_CHARACTERS_MAX,
    takes: &[CONFIG, MODEL],
};

pub(crate) const CHAT: Adapter = Adapter {
    about: "NVIDIA NeMo Guardrails, through `/v1/chat/completions` (servers without `/v1/checks`).",
    ask: ask_chat,
    path: |_| String::from("/v1/chat/completions"),
    read: read_chat,
    ..CHECKS
};

/// The role of a text, and the rails that look at it.
fn side(piece: Piece<'_>) -> (&'static str, &'static str) {
    if piece.provenance.trust() == Trust::Model {
        ("assistant", "output")
    } else {
        ("user", "input")
    }
}

fn ask_chat(details: &Details, piece: Piece<'_>) -> Value {
    let (role, rails) = side(piece);
    // Output rails look at an answer to something.
    let mut messages = vec![json!({ "role": role, "content": piece.text })];
    if role == "assistant" {
        messages.insert(0, json!({ "role": "user", "content": "" }));
    }
    json!({
        "model": details.model.as_deref().unwrap_or_default(),
        "messages": messages,
        "guardrails": {
            "config_id": details.config,
            "options": { "rails": [rails], "log": { "activated_rails": true } },
        },
    })
}

#[derive(Deserialize)]
struct Checked {
    #[serde(default)]
    rail: Option<String>,
    status: String,
}

fn read_check(_: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Checked = serde_json::from_slice(body)?;
    match answer.status.as_str() {
        "passed" => Ok(Vec::new()),
        "modified" => Ok(vec![Mark::whole(MODIFIED, 1.0)]),
        "blocked" => {
            let rail = answer.rail.unwrap_or_else(|| String::from("blocked"));
            Ok(vec![Mark::whole(rail, 1.0)])
        }
        _ => {
            Err(Unreadable(String::from("a status that is not `passed`, `modified` or `blocked`")))
        }
    }
}

#[derive(Deserialize)]
struct Chat {
    choices: Vec<Choice>,
    guardrails: Guardrails,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
struct Guardrails {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    activated_rails: Vec<Rail>,
}

#[derive(Deserialize)]
struct Rail {
    name: String,
    stop: bool,
}

fn read_chat(piece: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Chat = serde_json::from_slice(body)?;
    let stopped = answer.guardrails.log.activated_rails.into_iter().find(|rail| rail.stop);
    if let Some(rail) = stopped {
        return Ok(vec![Mark::whole(rail.name, 1.0)]);
    }
    let Some(choice) = answer.choices.into_iter().next() else {
        return Err(Unreadable(String::from("an answer without a choice")));
    };
    let is_same = choice.message.content.as_deref() == Some(piece.text);
    Ok(if is_same { Vec::new() } else { vec![Mark::whole(MODIFIED, 1.0)] })
}
