//! Which form a request asks its answer to have.
//!
//! Read is `response_format` of chat completions, and `text.format` of responses: `json_object`, and `json_schema`
//! with its schema.
//!
//! INVARIANT: what cannot be read asks for nothing: whether a request is well formed is for `wire` and the upstream to say.
//!
//! Not here: whether an answer has that form (`detect`).

use detect::AnswerForm;
use serde_json::Value;
use wire::Channel;

/// The names without which no body asks for a form.
const NAMES: [&[u8]; 2] = [b"\"response_format\"", b"\"format\""];

/// The form that the body of a request asks for.
pub(crate) fn answer_form(body: &[u8]) -> Option<AnswerForm> {
    // Most requests ask for none, and are not parsed once more.
    NAMES.iter().find_map(|name| memchr::memmem::find(body, name))?;
    let body: Value = serde_json::from_slice(body).ok()?;
    let asked = body.get("response_format").or_else(|| body.pointer("/text/format"))?;
    match asked.get("type")?.as_str()? {
        "json_object" => Some(AnswerForm::object()),
        "json_schema" => {
            let schema = asked.pointer("/json_schema/schema").or_else(|| asked.get("schema"));
            Some(schema.map_or_else(AnswerForm::default, AnswerForm::of_schema))
        }
        _ => None,
    }
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
        assert_eq!(answer_form(body.to_string().as_bytes()).as_ref(), expect, "{body}");
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
        assert_eq!(answer_form(b"{\"response_format\":"), None);
    }
}
