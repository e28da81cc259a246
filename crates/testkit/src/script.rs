//! What an answer says, before it is given a wire shape.
//!
//! INVARIANT: a function of the request and the scenario alone.
//!
//! Not here: JSON and events (`reply`), bytes (`cut`).

use std::fmt::Write as _;

use serde_json::Value;

use crate::{Kind, Random, Scenario, Split};

/// Choices a request may ask for (the public limit is 128).
const CHOICES_MAX: u64 = 128;
/// What the reasoning of [`Kind::Reasoning`] begins with, before the prompt.
pub const REASONING_PREFIX: &str = "The user wrote: ";
/// Deltas of [`Kind::Slow`] when the scenario does not say.
const SLOW_DELTAS: u32 = 40;
/// Kilobytes of [`Kind::Long`] when the scenario does not say.
const LONG_KILOBYTES: u32 = 256;

/// The personal data that [`Kind::Pii`] invents: documented test values and reserved numbers, valid
/// under their checksums.
pub const PII_VALUES: [&str; 6] = [
    "marie.keller@example.org",
    "+44 20 7946 0958",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "512-34-8765",
    "203.0.113.77",
];

/// Whose shapes a request and its answer have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    Anthropic,
    Bedrock,
    Gemini,
    #[default]
    OpenAi,
}

/// What the request asks, as far as an answer depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prompt {
    /// The model's name.
    pub(crate) model: String,
    /// The text of the last user message, without a directive.
    pub(crate) text: String,
    /// Whether a stream is asked for.
    pub(crate) stream: bool,
    /// Whether the stream ends with a usage event.
    pub(crate) include_usage: bool,
    /// Whether events carry `obfuscation` (they do unless the caller says no).
    pub(crate) include_obfuscation: bool,
    /// The `instructions` of a response.
    pub(crate) instructions: Option<String>,
    /// Choices asked for.
    pub(crate) choices: u64,
    /// Names of the tools the request offers.
    pub(crate) tools: Vec<String>,
    /// The directive between `[[` and `]]`.
    pub(crate) directive: Option<String>,
    /// In whose shape it is asked.
    pub(crate) shape: Shape,
}

impl Prompt {
    /// Reads a request of chat completions, legacy completions or responses; or of messages.
    pub(crate) fn of(request: &Value, shape: Shape) -> Self {
        let flag = |path: &str| request.pointer(path).and_then(Value::as_bool);
        let text = last_user_text(request);
        let (text, directive) = take_directive(&text);
        let tools = request.get("tools").and_then(Value::as_array).into_iter().flatten();
        Self {
            model: request.get("model").and_then(Value::as_str).unwrap_or_default().to_owned(),
            text,
            stream: flag("/stream").unwrap_or(false),
            include_usage: flag("/stream_options/include_usage").unwrap_or(false),
            include_obfuscation: flag("/stream_options/include_obfuscation").unwrap_or(true),
            instructions: request.get("instructions").and_then(Value::as_str).map(str::to_owned),
            choices: request.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, CHOICES_MAX),
            tools: tools
                .filter_map(|tool| tool.pointer("/function/name").or_else(|| tool.get("name")))
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            directive,
            shape,
        }
    }
}

/// The text of the last message of the user, parts joined with newlines; or of the prompt.
fn last_user_text(request: &Value) -> String {
    let prompt = request.get("prompt").or_else(|| request.get("input"));
    if let Some(text) =
        prompt.and_then(|prompt| prompt.as_str().or_else(|| prompt.get(0)?.as_str()))
    {
        return text.to_owned();
    }
    let messages = request.get("messages").or_else(|| request.get("input"));
    let messages = messages.and_then(Value::as_array);
    let last = messages.and_then(|messages| {
        messages.iter().rfind(|message| message.get("role").and_then(Value::as_str) == Some("user"))
    });
    match last.and_then(|message| message.get("content")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> =
                parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn take_directive(text: &str) -> (String, Option<String>) {
    let found = text.split_once("[[").and_then(|(before, rest)| {
        let (directive, after) = rest.split_once("]]")?;
        directive.starts_with("fake-").then_some((before, directive, after))
    });
    match found {
        Some((before, directive, after)) => {
            (format!("{before}{after}").trim().to_owned(), Some(directive.to_owned()))
        }
        None => (text.to_owned(), None),
    }
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON text.
    pub(crate) arguments: String,
}

/// One choice of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) reasoning: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) tools: Vec<ToolCall>,
    /// The legacy shape: one call, without an id.
    pub(crate) function: Option<ToolCall>,
    pub(crate) logprobs: bool,
    pub(crate) finish: &'static str,
}

/// The choices of the answer to `prompt`.
pub(crate) fn choices(prompt: &Prompt, scenario: &Scenario, fingerprint: u64) -> Vec<Choice> {
    if scenario.kind == Kind::Empty {
        return Vec::new();
    }
    let count = if scenario.kind == Kind::N2 { prompt.choices.max(2) } else { prompt.choices };
    (0..count)
        .map(|index| {
            let text = if count == 1 {
                prompt.text.clone()
            } else {
                format!("Choice {}: {}", index + 1, prompt.text)
            };
            choice(prompt, scenario, &text, fingerprint.wrapping_add(index))
        })
        .collect()
}

fn choice(prompt: &Prompt, scenario: &Scenario, text: &str, fingerprint: u64) -> Choice {
    let said =
        |content: String| Choice { content: Some(content), finish: "stop", ..Choice::default() };
    let call = |number: usize, arguments: String| ToolCall {
        id: format!("call_{fingerprint:022x}{number:02}"),
        name: prompt
            .tools
            .get(number)
            .or(prompt.tools.first())
            .cloned()
            .unwrap_or_else(|| "lookup".into()),
        arguments,
    };
    match scenario.kind {
        Kind::Tools => {
            Choice { tools: vec![call(0, query(text))], finish: "tool_calls", ..Choice::default() }
        }
        Kind::TwoTools => Choice {
            content: Some(format!("I will look this up: {text}")),
            tools: vec![call(0, query(text)), call(1, query(&format!("again: {text}")))],
            finish: "tool_calls",
            ..Choice::default()
        },
        Kind::Function => Choice {
            function: Some(call(0, query(text))),
            finish: "function_call",
            ..Choice::default()
        },
        Kind::Pii => Choice {
            content: Some(invented()),
            tools: vec![call(0, query(&invented()))],
            finish: "tool_calls",
            ..Choice::default()
        },
        Kind::Slow => said(slow(text, scenario.deltas.unwrap_or(SLOW_DELTAS))),
        Kind::Long => said(long(scenario.deltas.unwrap_or(LONG_KILOBYTES))),
        Kind::Reasoning => {
            Choice { reasoning: Some(format!("{REASONING_PREFIX}{text}")), ..said(text.to_owned()) }
        }
        Kind::Logprobs => Choice { logprobs: true, ..said(text.to_owned()) },
        Kind::Refusal => Choice {
            refusal: Some(format!("I cannot help with this: {text}")),
            finish: "stop",
            ..Choice::default()
        },
        Kind::Leak => {
            let rules = prompt.instructions.as_deref().unwrap_or_default();
            said(format!("Of course! My rules: {rules}"))
        }
        Kind::Length => Choice { finish: "length", ..said(text.to_owned()) },
        _ => said(text.to_owned()),
    }
}

/// Tool arguments that hold `text`, one level deeper than JSON needs, as tools in the wild have it.
fn query(text: &str) -> String {
    serde_json::json!({ "filter": { "note": text }, "query": text, "limit": 10 }).to_string()
}

fn invented() -> String {
    let [email, phone, card, iban, ssn, address] = PII_VALUES;
    format!(
        "Write to Marie Keller at {email} or call {phone}. Her card is {card}, her account {iban}, \
         her number {ssn}; she last came from {address}."
    )
}

/// A text of exactly `deltas` words that begins with `text`.
fn slow(text: &str, deltas: u32) -> String {
    let mut answer = text.to_owned();
    for number in answer.split_whitespace().count()..deltas as usize {
        let _ = write!(answer, " word{number}");
    }
    answer
}

fn long(kilobytes: u32) -> String {
    let mut answer = String::new();
    let mut line = 0_u32;
    while answer.len() < kilobytes as usize * 1024 {
        line += 1;
        let _ = writeln!(
            answer,
            "Line {line}: the ferry leaves the harbour at dawn, and gulls follow it to the open sea."
        );
    }
    answer
}

/// Splits `text` into deltas; joined they are `text`, and none is empty.
pub(crate) fn split(text: &str, how: Split, seed: u64) -> Vec<&str> {
    let mut random = Random::new(seed);
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut left = random.one_to(3);
    let mut before = '\0';
    for (at, character) in text.char_indices() {
        let is_cut = match how {
            Split::Whole => false,
            Split::Words => before != '\0' && !before.is_whitespace() && character.is_whitespace(),
            Split::Tokens => left == 0,
            Split::Adversarial => is_seam(text, at, before, character),
        };
        if is_cut && at > start {
            pieces.extend(text.get(start..at));
            start = at;
            left = random.one_to(3);
        }
        left = left.saturating_sub(1);
        before = character;
    }
    if start < text.len() {
        pieces.extend(text.get(start..));
    }
    pieces
}

fn is_seam(text: &str, at: usize, before: char, character: char) -> bool {
    let mut before_that = text.get(..at).unwrap_or_default().chars().rev().skip(1);
    let mut after = text.get(at..).unwrap_or_default().chars().skip(1);
    let is_word = |other: Option<char>| other.is_some_and(char::is_alphanumeric);
    let first_ended = before.is_alphanumeric() && !is_word(before_that.next());
    let last_begins = character.is_alphanumeric() && !is_word(after.next());
    let sign = |sign: char| matches!(sign, '@' | '.' | '-' | '+' | '\\');
    first_ended || last_begins || sign(before) || sign(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn deltas_joined_are_the_text(text in ".{0,120}", seed in any::<u64>()) {
            for how in [Split::Words, Split::Tokens, Split::Whole, Split::Adversarial] {
                let pieces = split(&text, how, seed);
                prop_assert_eq!(pieces.concat(), text.as_str());
                prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
            }
        }
    }

    #[test]
    fn adversarial_deltas_break_every_value() {
        let pieces = split("mail ann@example.org now", Split::Adversarial, 0);
        assert_eq!(
            pieces,
            ["m", "ai", "l a", "n", "n", "@", "e", "xampl", "e", ".", "o", "r", "g n", "o", "w"]
        );
    }

    #[test]
    fn the_last_user_message_is_echoed_without_its_directive() {
        let request = serde_json::json!({"model": "m", "messages": [
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "answer"},
            {"role": "user", "content": [{"type": "text", "text": "hello [[fake-tools+cut1]]"}]},
        ]});
        let prompt = Prompt::of(&request, Shape::OpenAi);
        assert_eq!(prompt.text, "hello");
        assert_eq!(prompt.directive.as_deref(), Some("fake-tools+cut1"));
    }
}
