//! Which answer a request gets in Ollama's dialect.
//!
//! Not here: what the answers look like (`crate::ollama`).

use super::answer::{Answer, Body, with_faults_unstreamed};
use super::{RecordedRequest, scenario_of};
use crate::Scenario;
use crate::ollama::{self, Lines};
use crate::random::fingerprint;
use crate::script::Shape;
use crate::script::choices;

/// Which answer a request gets in Ollama's dialect.
pub(super) fn answer_to(request: &RecordedRequest, default: &Scenario) -> Answer {
    let path = request.target.split('?').next().unwrap_or_default();
    if (request.method == "GET") != matches!(path, "/api/tags" | "/api/ps" | "/api/version") {
        return Answer::json(405, ollama::error("method not allowed"));
    }
    if let Some(described) = ollama::described(path) {
        return Answer::json(200, described);
    }
    let mut body = request.json();
    match path {
        "/api/embed" => return Answer::json(200, ollama::vectors(&body, false)),
        "/api/embeddings" => return Answer::json(200, ollama::vectors(&body, true)),
        "/api/chat" | "/api/generate" => {}
        _ => return Answer::json(404, ollama::error("404 page not found")),
    }
    if body["stream"].is_null() {
        body["stream"] = true.into();
    }
    let (prompt, scenario) = match scenario_of(&body, Shape::OpenAi, default) {
        Ok(found) => found,
        Err(unknown) => return Answer::json(404, ollama::error(&unknown)),
    };
    if let Some(mut answer) = Answer::failure(&scenario, &prompt) {
        if let (400.., Body::Bytes(bytes)) = (answer.status, &mut answer.body) {
            *bytes = ollama::error("the scenario says so").into_bytes();
        }
        return Answer { scenario, ..answer };
    }
    let fingerprint = fingerprint(format!("{}\n{}", prompt.model, prompt.text).as_bytes());
    let choice = choices(&prompt, &scenario, fingerprint).into_iter().next().unwrap_or_default();
    let is_chat = path == "/api/chat";
    let lines = Lines { prompt: &prompt, scenario: &scenario, choice, is_chat, fingerprint };
    let body = if prompt.stream {
        Body::Lines(lines.lines())
    } else {
        Body::Bytes(with_faults_unstreamed(lines.body(), &scenario))
    };
    Answer { status: 200, headers: Vec::new(), body, scenario }
}
