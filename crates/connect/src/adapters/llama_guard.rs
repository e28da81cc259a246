//! Llama Guard, and models that answer like it, behind an OpenAI-compatible chat endpoint.
//!
//! Source: the model cards of Llama Guard 3 and 4: the answer is `safe`, or `unsafe` and on the next line
//! the codes of the hazards, `S1,S10`, of the MLCommons taxonomy. The configured URL ends in the version:
//! `http://HOST:8000/v1`.
//!
//! Answers of a model are judged as the turn after a user's: the chat template wants one, and what the user
//! really wrote is not sent along.

use events::Trust;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Details;
use crate::adapter::{Adapter, KeyHeader, MODEL, Piece, RANK_OF_VERDICTS};
use crate::error::Unreadable;
use crate::label::VERDICT;
use crate::mark::Mark;

/// Tokens of an answer: a word and a line of codes.
const ANSWER_TOKENS_MAX: u32 = 64;

pub(crate) const LLAMA_GUARD: Adapter = Adapter {
    about: "Llama Guard 3 or 4 behind an OpenAI-compatible `/chat/completions` (vLLM, Ollama, Groq).",
    ask,
    key: KeyHeader::Bearer,
    labels: &[
        ("s1", "toxicity.violent_crimes"),
        ("s2", "toxicity.non_violent_crimes"),
        ("s3", "toxicity.sex_crimes"),
        ("s4", "toxicity.child_exploitation"),
        ("s5", "toxicity.defamation"),
        ("s6", "custom.specialised_advice"),
        ("s7", "custom.privacy"),
        ("s8", "regurgitation.intellectual_property"),
        ("s9", "toxicity.weapons"),
        ("s10", "toxicity.hate"),
        ("s11", "toxicity.self_harm"),
        ("s12", "toxicity.sexual"),
        ("s13", "custom.elections"),
        ("s14", "tool_abuse.code_interpreter"),
        ("*", VERDICT),
    ],
    needs: &[MODEL],
    path: |_| String::from("/chat/completions"),
    ranks: RANK_OF_VERDICTS,
    read,
    sends_values: false,
    text_characters_max: 16_000,
    takes: &[MODEL],
};

fn ask(details: &Details, piece: Piece<'_>) -> Value {
    let messages = if piece.provenance.trust() == Trust::Model {
        json!([{ "role": "user", "content": "…" }, { "role": "assistant", "content": piece.text }])
    } else {
        json!([{ "role": "user", "content": piece.text }])
    };
    json!({
        "model": details.model,
        "messages": messages,
        "max_tokens": ANSWER_TOKENS_MAX,
        "temperature": 0,
        "stream": false,
    })
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

fn read(_: Piece<'_>, body: &[u8]) -> Result<Vec<Mark>, Unreadable> {
    let answer: Completion = serde_json::from_slice(body)?;
    let Some(choice) = answer.choices.into_iter().next() else {
        return Err(Unreadable(String::from("an answer without a choice")));
    };
    let content = choice.message.content.trim().to_lowercase();
    let (verdict, codes) = content.split_once(char::is_whitespace).unwrap_or((&content, ""));
    match verdict {
        "safe" if codes.trim().is_empty() => Ok(Vec::new()),
        "unsafe" => {
            let codes =
                codes.split([',', '\n', ' ']).map(str::trim).filter(|code| !code.is_empty());
            let mut marks: Vec<Mark> = codes.map(|code| Mark::whole(code, 1.0)).collect();
            if marks.is_empty() {
                marks.push(Mark::whole("unsafe", 1.0));
            }
            Ok(marks)
        }
        _ => Err(Unreadable(String::from("neither `safe` nor `unsafe`"))),
    }
}
