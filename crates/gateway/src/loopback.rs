//! The built-in loopback model: an upstream for trying Bartizan out without an account.
//!
//! It says plainly what it is, and answers from the prompt. The last user message may begin with a
//! request: `/echo TEXT` repeats it, `/slow TEXT` repeats it a word every tenth of a second,
//! `/tool TEXT` calls the first offered tool (or `lookup`) with the text as its argument, `/long N`
//! writes N sentences. It speaks every dialect.
//!
//! INVARIANT: it is reached through a socket on the loopback interface like any other upstream, so
//! the data path has no special case for it. INVARIANT: it keeps nothing and reaches nothing.

mod messages;
mod ollama;
mod responses;

use std::{
    collections::VecDeque,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use http_body_util::BodyExt;
use net::{
    Arrival, Body, BodyBudget, BodyFault, BodyShare, Handler, ListenError, Listener,
    ListenerSettings, Shutdown, Tasks,
};
use serde_json::{Value, json};
use wire::Dialect;

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 64 << 20;
/// Time for a request's body.
const BODY_TIME_MAX: Duration = Duration::from_mins(1);
/// The pause between words of `/slow`.
const SLOW_PAUSE: Duration = Duration::from_millis(100);
/// Sentences of `/long`.
const LONG_SENTENCES_MAX: usize = 20_000;
/// Choices of one answer.
const CHOICES_MAX: u64 = 16;
/// Numbers in an embedding.
const EMBEDDING_NUMBERS: usize = 64;
/// The model's name.
pub const LOOPBACK_MODEL: &str = "loopback";
/// The dialects it speaks.
pub const LOOPBACK_DIALECTS: [Dialect; 2] = [Dialect::Anthropic, Dialect::OpenAi];

/// Starts the model on a free port of the loopback interface; returns its base URL.
pub fn start(tasks: &Tasks, shutdown: &Shutdown) -> Result<String, ListenError> {
    let listener = Listener::bind(ListenerSettings {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        connections_max: 1_024,
        head_bytes_max: 64 << 10,
        proxy_protocol_from: Vec::new(),
        head_time_max: Duration::from_secs(90),
        send_time_max: Duration::from_secs(90),
        tls: None,
    })?;
    let url = format!("http://{}/v1", listener.local_address());
    tasks.spawn(listener.serve(Arc::new(Loopback), tasks.clone(), shutdown.clone()));
    Ok(url)
}

struct Loopback;

impl Handler for Loopback {
    fn handle(
        &self,
        arrival: Arrival,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        Box::pin(async move {
            let (head, body) = arrival.request.into_parts();
            // Nobody but this process asks it, and that has a budget for all bodies.
            let (budget, mut share) = (BodyBudget::new(BODY_BYTES_MAX), BodyShare::default());
            let body =
                net::read_bounded(body, BODY_BYTES_MAX, BODY_TIME_MAX, &budget, &mut share).await;
            let asked: Value = body
                .ok()
                .and_then(|body| serde_json::from_slice(&body).ok())
                .unwrap_or(Value::Null);
            match (head.method, head.uri.path()) {
                (Method::GET, "/v1/models") => {
                    whole(&json!({ "object": "list", "data": [model_card()] }))
                }
                (Method::GET, path) if path.starts_with("/v1/models/") => whole(&model_card()),
                (Method::POST, "/v1/embeddings") => whole(&embeddings(&asked)),
                (Method::POST, "/v1/chat/completions") => Chat::plan(&asked).answer(),
                (Method::POST, "/v1/completions") => Chat::plan(&asked).answer_as_completion(),
                (Method::POST, "/v1/responses") => Chat::plan(&asked).answer_as_response(),
                (Method::POST, "/v1/responses/input_tokens") => {
                    Chat::plan(&asked).count_as_response()
                }
                (Method::POST, "/v1/moderations") => whole(&responses::moderation()),
                (Method::POST, "/v1/messages") => Chat::plan(&asked).answer_as_message(),
                (Method::POST, "/v1/messages/count_tokens") => Chat::plan(&asked).count(),
                (method, path) if path.starts_with("/api/") => {
                    ollama::answer(&method, path, &asked)
                }
                _ => not_found(&json!({ "message": "not found" })),
            }
        })
    }
}

fn not_found(error: &Value) -> Response<Body> {
    let mut response = whole(&json!({ "error": error }));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn whole(value: &Value) -> Response<Body> {
    let mut response = Response::new(net::full(value.to_string()));
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn model_card() -> Value {
    json!({ "id": LOOPBACK_MODEL, "object": "model", "created": 1_700_000_000, "owned_by": "bartizan" })
}

/// What will be answered.
struct Chat {
    choices: u64,
    id: String,
    model: String,
    pause: Option<Duration>,
    prompt_words: usize,
    say: Say,
    streamed: bool,
    usage_in_stream: bool,
}

enum Say {
    Text(String),
    Call { tool: String, arguments: String },
}

impl Chat {
    fn plan(asked: &Value) -> Self {
        let prompt = last_user_text(asked);
        let (request, rest) = prompt.split_once(char::is_whitespace).unwrap_or((&prompt, ""));
        let mut pause = None;
        let say = match request {
            "/echo" => Say::Text(rest.to_owned()),
            "/slow" => {
                pause = Some(SLOW_PAUSE);
                Say::Text(rest.to_owned())
            }
            "/long" => Say::Text(long_text(rest)),
            "/tool" => Say::Call {
                tool: offered_tool(asked).unwrap_or("lookup").to_owned(),
                arguments: json!({ "text": rest }).to_string(),
            },
            _ => Say::Text(format!(
                "This is Bartizan's built-in loopback model. It is for trying out and knows \
                 nothing; set OPENAI_API_KEY to reach a real one. You said: {prompt}"
            )),
        };
        Self {
            choices: asked["n"].as_u64().unwrap_or(1).clamp(1, CHOICES_MAX),
            id: "chatcmpl-loopback".to_owned(),
            model: asked["model"].as_str().unwrap_or(LOOPBACK_MODEL).to_owned(),
            pause,
            prompt_words: prompt.split_whitespace().count(),
            say,
            streamed: asked["stream"].as_bool().unwrap_or(false),
            usage_in_stream: asked["stream_options"]["include_usage"].as_bool().unwrap_or(false),
        }
    }

    fn answer(&self) -> Response<Body> {
        if self.streamed { self.stream() } else { whole(&self.completion()) }
    }

    fn usage(&self) -> Value {
        let answer_words = match &self.say {
            Say::Text(text) => text.split_whitespace().count(),
            Say::Call { arguments, .. } => arguments.split_whitespace().count(),
        } * self.choices as usize;
        json!({
            "prompt_tokens": self.prompt_words,
            "completion_tokens": answer_words,
            "total_tokens": self.prompt_words + answer_words,
        })
    }

    fn completion(&self) -> Value {
        let (message, reason) = match &self.say {
            Say::Text(text) => (json!({ "role": "assistant", "content": text }), "stop"),
            Say::Call { tool, arguments } => (
                json!({ "role": "assistant", "content": null, "tool_calls": [{
                    "id": "call_loopback", "type": "function",
                    "function": { "name": tool, "arguments": arguments },
                }] }),
                "tool_calls",
            ),
        };
        let choices: Vec<Value> = (0..self.choices)
            .map(|index| json!({ "index": index, "message": message, "finish_reason": reason }))
            .collect();
        json!({
            "id": self.id, "object": "chat.completion", "created": 1_700_000_000,
            "model": self.model, "choices": choices, "usage": self.usage(),
        })
    }

    fn stream(&self) -> Response<Body> {
        let mut frames = VecDeque::new();
        let mut chunk = |choices: Value, usage: Option<Value>| {
            let mut chunk = json!({
                "id": self.id, "object": "chat.completion.chunk", "created": 1_700_000_000,
                "model": self.model, "choices": choices,
            });
            if let Some(usage) = usage {
                chunk["usage"] = usage;
            }
            frames.push_back(Bytes::from(format!("data: {chunk}\n\n")));
        };
        for index in 0..self.choices {
            let mut delta = |delta: Value, reason: Value| {
                chunk(json!([{ "index": index, "delta": delta, "finish_reason": reason }]), None);
            };
            let reason = match &self.say {
                Say::Text(text) => {
                    delta(json!({ "role": "assistant", "content": "" }), Value::Null);
                    for word in text.split_inclusive(' ') {
                        delta(json!({ "content": word }), Value::Null);
                    }
                    "stop"
                }
                Say::Call { tool, arguments } => {
                    delta(
                        json!({ "role": "assistant", "tool_calls": [{
                            "index": 0, "id": "call_loopback", "type": "function",
                            "function": { "name": tool, "arguments": "" },
                        }] }),
                        Value::Null,
                    );
                    for piece in arguments.split_inclusive(' ') {
                        let call = json!({ "index": 0, "function": { "arguments": piece } });
                        delta(json!({ "tool_calls": [call] }), Value::Null);
                    }
                    "tool_calls"
                }
            };
            delta(json!({}), json!(reason));
        }
        if self.usage_in_stream {
            chunk(json!([]), Some(self.usage()));
        }
        frames.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
        streamed(frames, self.pause)
    }
}

fn streamed(queue: VecDeque<Bytes>, pause: Option<Duration>) -> Response<Body> {
    streamed_as("text/event-stream", queue, pause)
}

fn streamed_as(
    content_type: &'static str,
    queue: VecDeque<Bytes>,
    pause: Option<Duration>,
) -> Response<Body> {
    let frames = Frames { queue, pause, sleep: None };
    let mut response = Response::new(frames.boxed_unsync());
    let content_type = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// The name of the first tool that is offered, in either dialect.
fn offered_tool(asked: &Value) -> Option<&str> {
    let tool = &asked["tools"][0];
    tool["function"]["name"].as_str().or_else(|| tool["name"].as_str())
}

/// The text of the last user message, parts joined.
fn last_user_text(asked: &Value) -> String {
    let prompt = asked.get("prompt").or_else(|| asked.get("input"));
    if let Some(text) =
        prompt.and_then(|prompt| prompt.as_str().or_else(|| prompt.get(0)?.as_str()))
    {
        return text.to_owned();
    }
    let messages = asked.get("messages").or_else(|| asked.get("input"));
    let messages = messages.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let last = messages.iter().rev().find(|message| message["role"] == "user");
    match last.map(|message| &message["content"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn long_text(count: &str) -> String {
    let count = count.trim().parse().unwrap_or(100).min(LONG_SENTENCES_MAX);
    let sentences: Vec<String> =
        (1..=count).map(|n| format!("Sentence {n} says nothing in particular.")).collect();
    sentences.join(" ")
}

/// Unit vectors of hashed three-byte pieces: equal texts are equal, similar texts are near.
fn embeddings(asked: &Value) -> Value {
    let inputs: Vec<String> = match &asked["input"] {
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    };
    let base64 = asked["encoding_format"] == "base64";
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = embedding(text);
            let embedding = if base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                json!(data_encoding::BASE64.encode(&bytes))
            } else {
                json!(vector.as_slice())
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let words: usize = inputs.iter().map(|text| text.split_whitespace().count()).sum();
    json!({
        "object": "list", "data": data, "model": LOOPBACK_MODEL,
        "usage": { "prompt_tokens": words, "total_tokens": words },
    })
}

fn embedding(text: &str) -> [f32; EMBEDDING_NUMBERS] {
    let mut vector = [0.0f32; EMBEDDING_NUMBERS];
    for piece in text.as_bytes().windows(3) {
        let hash = piece
            .iter()
            .fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        vector[hash as usize % EMBEDDING_NUMBERS] += 1.0;
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        for x in &mut vector {
            *x /= length;
        }
    }
    vector
}

/// A stream of prepared frames, with an optional pause before each.
struct Frames {
    queue: VecDeque<Bytes>,
    pause: Option<Duration>,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BodyFault>>> {
        if let Some(pause) = self.pause {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        Poll::Ready(self.queue.pop_front().map(|frame| Ok(http_body::Frame::data(frame))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Value {
        json!({ "model": "m", "messages": [{ "role": "user", "content": text }] })
    }

    #[test]
    fn it_says_what_it_is_and_answers_from_the_prompt() {
        let answer = Chat::plan(&ask("hello there")).completion();
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
        assert!(text.contains("loopback model") && text.ends_with("hello there"), "{text}");
    }

    #[test]
    fn it_echoes_calls_tools_and_writes_at_length_on_request() {
        let echo = Chat::plan(&ask("/echo a b")).completion();
        assert_eq!(echo["choices"][0]["message"]["content"], "a b");
        let tool = Chat::plan(&ask("/tool a\"b")).completion();
        let call = &tool["choices"][0]["message"]["tool_calls"][0]["function"];
        assert_eq!(call["name"], "lookup");
        assert_eq!(call["arguments"], r#"{"text":"a\"b"}"#);
        let long = Chat::plan(&ask("/long 3")).completion();
        let text = long["choices"][0]["message"]["content"].as_str().unwrap_or_default();
        assert_eq!(text.matches("Sentence").count(), 3);
    }

    #[test]
    fn equal_texts_have_equal_embeddings_of_length_one() {
        let length: f32 = embedding("some text").iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5);
        let bits = |text| embedding(text).map(f32::to_bits);
        assert_eq!(bits("some text"), bits("some text"));
        assert_ne!(bits("some text"), bits("other text"));
    }
}
