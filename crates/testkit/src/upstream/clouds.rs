//! What the fake upstream answers where it stands for Google's or Amazon's cloud.
//!
//! INVARIANT: every method that the gateway guards has an answer here.
//!
//! Not here: the shapes of answers (`gemini`, `bedrock`).

use serde_json::Value;

use super::answer::{self, Answer, Body};
use super::{RecordedRequest, generated, scenario_of};
use crate::bedrock::{self, Converse};
use crate::gemini::{self, Contents};
use crate::script::{Choice, Prompt, Shape};
use crate::{Kind, Scenario};

/// What a request gets that asks one of the clouds; nothing, if it asks neither.
pub(super) fn answer_to(request: &RecordedRequest, default: &Scenario) -> Option<Answer> {
    let path = request.target.split('?').next().unwrap_or_default();
    let is_googles = request.header("x-goog-api-key").is_some();
    Some(match request.method.as_str() {
        "POST" if bedrock::asked(path).is_some() => of_bedrock(request, path, default),
        "POST" if gemini::asked(path).is_some() => of_gemini(request, path, default),
        "GET" if is_googles && path.ends_with("/models") => {
            let ids = Kind::ALL.iter().map(|(name, _)| format!("fake-{name}"));
            let models: Vec<Value> = ids.map(|id| gemini::model(&id)).collect();
            Answer::json(200, serde_json::json!({ "models": models }).to_string())
        }
        "GET" if is_googles => {
            let id = path.rsplit('/').next().unwrap_or_default();
            Answer::json(200, gemini::model(id).to_string())
        }
        _ => return None,
    })
}

/// What Bedrock answers.
fn of_bedrock(request: &RecordedRequest, path: &str, default: &Scenario) -> Answer {
    let (model, streamed) = bedrock::asked(path).unwrap_or_default();
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return Answer::json(400, bedrock::error("The request is not JSON."));
    };
    match scenario_of(&bedrock::as_chat(&body, &model, streamed), Shape::Bedrock, default) {
        Ok((prompt, scenario)) => generated(path, &prompt, scenario),
        Err(unknown) => Answer::json(404, bedrock::error(&unknown)),
    }
}

/// What Gemini's methods answer.
fn of_gemini(request: &RecordedRequest, path: &str, default: &Scenario) -> Answer {
    let (model, method) = gemini::asked(path).unwrap_or_default();
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return Answer::json(400, gemini::error("Invalid JSON payload received.", 400));
    };
    let is_sse = request.target.ends_with("alt=sse");
    if method.starts_with("stream") && !is_sse {
        return Answer::json(400, gemini::error("Only server-sent events are faked.", 400));
    }
    match scenario_of(&gemini::as_chat(&body, model, method), Shape::Gemini, default) {
        Ok((prompt, scenario)) if method == "countTokens" => {
            Answer { scenario, ..Answer::json(200, gemini::count(&prompt)) }
        }
        Ok((_, scenario)) if method.ends_with("mbedContent") || method.starts_with("batch") => {
            Answer { scenario, ..Answer::json(200, gemini::embeddings(&body)) }
        }
        Ok((prompt, scenario)) => generated(path, &prompt, scenario),
        Err(unknown) => Answer::json(404, gemini::error(&unknown, 404)),
    }
}

/// The body of an answer in a cloud's shape.
pub(super) fn body(
    prompt: &Prompt,
    scenario: &Scenario,
    mut choices: Vec<Choice>,
    fingerprint: u64,
) -> Body {
    let whole = |body| Body::Bytes(answer::with_faults_unstreamed(body, scenario));
    if prompt.shape == Shape::Gemini {
        let contents = Contents { prompt, scenario, choices, fingerprint };
        if prompt.stream {
            return Body::Events(answer::with_faults_in_contents(contents.events(), scenario));
        }
        return whole(contents.body());
    }
    let choice = choices.drain(..).next().unwrap_or_default();
    let converse = Converse { prompt, scenario, choice, fingerprint };
    if prompt.stream {
        return Body::Frames(answer::with_faults_in_frames(converse.events(), scenario));
    }
    whole(converse.body())
}
