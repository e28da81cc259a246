//! Which form a request asks its answer to have.
//!
//! Read is `response_format` of chat completions and `text.format` of responses: `json_object`, and `json_schema` with
//! its schema; the format of messages (`output_config.format`, and `output_format` before it); Gemini's `responseMimeType`
//! with `responseJsonSchema`; Ollama's `format`, which is `json` or a schema; and `outputConfig.textFormat` of Bedrock's `Converse`, whose
//! schema is text.
//!
//! INVARIANT: what cannot be read asks for nothing: whether a request is well formed is for `wire` and the upstream to say.
//!
//! Not here: whether an answer has that form (`detect`).

use detect::AnswerForm;
use serde_json::Value;
use wire::{Channel, Dialect, Operation};

/// Where a body asks for a form, by dialect: the name without which it does not, and the place.
const PLACES: [(Dialect, &[u8], &str); 6] = [
    (Dialect::OpenAi, b"\"response_format\"", "/response_format"),
    (Dialect::OpenAi, b"\"format\"", "/text/format"),
    (Dialect::Anthropic, b"\"output_config\"", "/output_config/format"),
    (Dialect::Anthropic, b"\"output_format\"", "/output_format"),
    (Dialect::Ollama, b"\"format\"", "/format"),
    (Dialect::Bedrock, b"\"outputConfig\"", "/outputConfig/textFormat"),
];

/// The form that the body of a request asks for.
pub(crate) fn answer_form(operation: Operation, body: &[u8]) -> Option<AnswerForm> {
    // What a batch asks for, it is not answered with at once.
    if operation.is_of_storage() {
        return None;
    }
    if operation.dialect() == Dialect::Gemini {
        return of_gemini(body);
    }
    // Most requests ask for none, and are not parsed once more.
    let is_named = |(dialect, name, _): &&(Dialect, &[u8], &str)| {
        *dialect == operation.dialect() && memchr::memmem::find(body, name).is_some()
    };
    let mut places = PLACES.iter().filter(is_named).map(|(.., place)| place).peekable();
    places.peek()?;
    let body: Value = serde_json::from_slice(body).ok()?;
    let asked = places.find_map(|place| body.pointer(place))?;
    if operation.dialect() == Dialect::Ollama {
        return match asked {
            Value::String(word) if word == "json" => Some(AnswerForm::object()),
            Value::Object(_) => Some(AnswerForm::of_schema(asked)),
            _ => None,
        };
    }
    match asked.get("type")?.as_str()? {
        "json_object" => Some(AnswerForm::object()),
        "json_schema" if operation.dialect() == Dialect::Bedrock => {
            let schema = asked.pointer("/structure/jsonSchema/schema").and_then(Value::as_str);
            let schema = schema.and_then(|text| serde_json::from_str::<Value>(text).ok());
            Some(schema.as_ref().map_or_else(AnswerForm::default, AnswerForm::of_schema))
        }
        "json_schema" => {
            let schema = asked.pointer("/json_schema/schema").or_else(|| asked.get("schema"));
            Some(schema.map_or_else(AnswerForm::default, AnswerForm::of_schema))
        }
        _ => None,
    }
}

/// The form that the Gemini API's `responseMimeType` asks for. Its own language for schemas says less than JSON Schema
/// and in other words, so that of it only JSON is asked.
fn of_gemini(body: &[u8]) -> Option<AnswerForm> {
    memchr::memmem::find(body, b"application/json")?;
    let body: Value = serde_json::from_slice(body).ok()?;
    let member = |of: &Value, names: [&str; 2]| names.iter().find_map(|name| of.get(name)).cloned();
    let config = member(&body, ["generationConfig", "generation_config"])?;
    let kind = member(&config, ["responseMimeType", "response_mime_type"])?;
    let schema = member(&config, ["responseJsonSchema", "response_json_schema"]);
    (kind == "application/json")
        .then(|| schema.as_ref().map_or_else(AnswerForm::default, AnswerForm::of_schema))
}

/// Whether what is said in a channel has to have that form: the answer itself, not reasoning, refusals and calls of tools.
pub(crate) const fn is_bound(channel: Channel) -> bool {
    matches!(channel, Channel::Content | Channel::PartText(_))
}

/// The kind of findings about the form.
pub(crate) const FORM_KIND: &str = "output.schema";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(body: &Value, expect: Option<&AnswerForm>) {
        let form = answer_form(Operation::ChatCompletions, body.to_string().as_bytes());
        assert_eq!(form.as_ref(), expect, "{body}");
    }

    #[test]
    fn forms_are_read_from_requests() {
        let schema = json!({"type": "object"});
        let asked =
            |format: &Value| json!({"model": "m", "messages": [], "response_format": format});
        check(&asked(&json!({"type": "json_object"})), Some(&AnswerForm::object()));
        check(
            &asked(&json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})),
            Some(&AnswerForm::of_schema(&schema)),
        );
        check(
            &json!({"input": "x", "text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}}),
            Some(&AnswerForm::of_schema(&schema)),
        );
        check(&json!({"input": "x", "text": {"format": {"type": "text"}}}), None);
        check(&asked(&json!({"type": "json_schema"})), Some(&AnswerForm::default()));
        check(&asked(&json!({"type": "text"})), None);
        check(&asked(&json!("json_object")), None);
        check(&json!({"model": "m", "messages": [{"content": "\"response_format\""}]}), None);
        assert_eq!(answer_form(Operation::ChatCompletions, b"{\"response_format\":"), None);
    }

    #[test]
    fn forms_are_read_from_requests_of_ollamas() {
        let of = |format: Value| {
            let body = json!({"model": "m", "prompt": "x", "format": format}).to_string();
            answer_form(Operation::OllamaGenerate, body.as_bytes())
        };
        let schema = json!({"type": "object"});
        assert_eq!(of(schema.clone()), Some(AnswerForm::of_schema(&schema)));
        assert_eq!(of(json!("json")), Some(AnswerForm::object()));
        assert_eq!(of(json!("")), None);
    }

    #[test]
    fn forms_are_read_from_the_configuration_of_gemini() {
        let schema = json!({"type": "object"});
        let of = |config: Value| {
            let body = json!({"contents": [], "generationConfig": config});
            answer_form(Operation::GenerateContent, body.to_string().as_bytes())
        };
        let kind = "application/json";
        let asked = json!({"responseMimeType": kind, "responseJsonSchema": schema});
        assert_eq!(of(asked), Some(AnswerForm::of_schema(&schema)));
        assert_eq!(of(json!({"response_mime_type": kind})), Some(AnswerForm::default()));
        let other = json!({"responseMimeType": kind, "responseSchema": {"type": "OBJECT"}});
        assert_eq!(of(other), Some(AnswerForm::default()));
        assert_eq!(of(json!({"responseMimeType": "text/plain"})), None);
        assert_eq!(of(json!({"stopSequences": [kind]})), None);
    }

    #[test]
    fn forms_are_read_from_requests_of_bedrocks() {
        let schema = json!({"type": "object"});
        let of = |schema: Value| {
            let format = json!({"type": "json_schema", "structure": {"jsonSchema": {"name": "n", "schema": schema}}});
            let body = json!({"messages": [], "outputConfig": {"textFormat": format}}).to_string();
            answer_form(Operation::Converse, body.as_bytes())
        };
        assert_eq!(of(json!(schema.to_string())), Some(AnswerForm::of_schema(&schema)));
        assert_eq!(of(json!("{")), Some(AnswerForm::default()), "JSON, whatever it says");
        let other = json!({"messages": [], "outputConfig": {"effort": "low"}}).to_string();
        assert_eq!(answer_form(Operation::ConverseStream, other.as_bytes()), None);
    }

    #[test]
    fn forms_are_read_from_messages() {
        let schema = json!({"type": "object"});
        let format = json!({"type": "json_schema", "schema": schema});
        let of = |body: Value| answer_form(Operation::Messages, body.to_string().as_bytes());
        let expected = Some(AnswerForm::of_schema(&schema));
        assert_eq!(of(json!({"output_config": {"format": format}})), expected);
        assert_eq!(of(json!({"output_format": format})), expected);
        assert_eq!(
            of(json!({"output_config": {"effort": "low"}, "output_format": format})),
            expected
        );
        assert_eq!(of(json!({"output_config": {"effort": "low"}})), None);
        assert_eq!(of(json!({"response_format": {"type": "json_object"}})), None);
    }
}
