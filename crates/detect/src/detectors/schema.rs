//! Answers that are not the JSON that the request asked for.
//!
//! **Finds** (`output.schema`): where a request asks for JSON (`response_format` of OpenAI's dialect), an answer that is none (rank 40; fences
//! of Markdown around it count as an error, since a program reads it), and where it comes with a schema, an answer that does not conform to it (rank 30).
//!
//! **Does not find** violations of `pattern`, `format`, `not`, `if` and other keywords that are not read (`type`, `enum`, `const`, `properties`, `required`,
//! `additionalProperties`, `items`, `anyOf`, `oneOf`, `allOf`, local `$ref` and limits are). Arguments of tools and reasoning are not
//! checked. A schema of more than 4,096 subschemas is not read: then the answer has to be JSON and nothing else.
//!
//! **Example**: with the schema `{"type": "object", "required": ["city"]}`: `{"town": "Oslo"}`, and `Sure! Here is the JSON: {"city": "Oslo"}`

use serde_json::Value;

use super::whole::{Look, WholeHit};
use crate::json_schema::JsonSchema;
use crate::{DetectorCard, Reach};

const KIND: &str = "output.schema";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "schema",
    kinds: &[KIND],
    reach: Reach::Late,
    summary: "Answers that are not the JSON that the request asked for.",
};

const NO_JSON_RANK: u8 = 40;
const NO_FIT_RANK: u8 = 30;

/// The form that an answer has to have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerForm {
    /// Any value fits if there is none.
    schema: Option<JsonSchema>,
    is_object: bool,
}

impl AnswerForm {
    /// Any JSON object, as OpenAI's `json_object` means it.
    pub fn object() -> Self {
        Self { schema: None, is_object: true }
    }

    /// JSON that conforms to a schema.
    pub fn of_schema(schema: &Value) -> Self {
        Self { schema: JsonSchema::new(schema), is_object: false }
    }
}

/// An answer that has another form.
pub(crate) fn find(look: &Look<'_>) -> Option<WholeHit> {
    let form = look.reference.form.as_ref()?;
    // Nothing was said: there may be a call of a tool instead.
    if look.text.trim().is_empty() {
        return None;
    }
    let rank = match serde_json::from_str::<Value>(look.text) {
        Err(_) => NO_JSON_RANK,
        Ok(value) if form.is_object && !value.is_object() => NO_JSON_RANK,
        Ok(value) if form.schema.as_ref().is_some_and(|schema| !schema.conforms(&value)) => {
            NO_FIT_RANK
        }
        Ok(_) => return None,
    };
    Some(WholeHit { kind: KIND, start: 0, end: look.text.len(), rank })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Reference;
    use crate::detectors::whole::tests::{Setting, hit};

    #[track_caller]
    fn check(form: Option<AnswerForm>, text: &str, expect: Option<u8>) {
        let mut setting = Setting::default();
        if let Some(form) = form {
            setting.reference = Reference::default().expecting(form);
        }
        assert_eq!(hit(find, text, &setting).map(|hit| hit.rank), expect, "{text:?}");
    }

    #[test]
    fn answers_must_be_json() {
        check(Some(AnswerForm::object()), "{\"a\": [1, 2.5, null]}\n", None);
        check(Some(AnswerForm::object()), "Sure! {\"a\": 1}", Some(40));
        check(Some(AnswerForm::object()), "```json\n{\"a\": 1}\n```", Some(40));
        check(Some(AnswerForm::object()), "[1]", Some(40));
        check(Some(AnswerForm::object()), "{\"a\": 1", Some(40));
        check(Some(AnswerForm::object()), &"[".repeat(100_000), Some(40));
        check(Some(AnswerForm::object()), " ", None);
        check(None, "Sure! {\"a\": 1}", None);
    }

    #[test]
    fn answers_must_conform() {
        let form = || Some(AnswerForm::of_schema(&json!({"type": "object", "required": ["city"]})));
        check(form(), "{\"city\": \"Oslo\"}", None);
        check(form(), "{\"town\": \"Oslo\"}", Some(30));
        check(form(), "Oslo", Some(40));
    }

    #[test]
    fn a_schema_that_is_too_large_asks_for_json_alone() {
        let members = vec![json!({}); crate::SCHEMA_NODES_MAX];
        let form = || Some(AnswerForm::of_schema(&json!({"type": "object", "allOf": members})));
        check(form(), "[1]", None);
        check(form(), "Oslo", Some(40));
    }
}
