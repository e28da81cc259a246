//! `detect`: any schema, asked about any answer.

use std::sync::{Arc, LazyLock};

use detect::{AnswerForm, DetectSettings, Engine, Reference};
use events::{Finding, Provenance};
use serde_json::Value;

use crate::engine::{Outcome, Target, fingerprint, mixed};

const KIND: &str = "output.schema";

const SEEDS: &[&str] = &[
    r#"[{"type":"object","properties":{"city":{"type":"string","maxLength":3}},"required":["city"],"additionalProperties":false},{"city":"Rome"}]"#,
    r##"[{"$defs":{"n":{"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#/$defs/n"}}]}},"$ref":"#/$defs/n"},[[],[null]]]"##,
    r#"[{"allOf":[{"enum":[1,"a"]},{"const":1}],"oneOf":[{"minimum":0},{"exclusiveMaximum":1}],"multipleOf":2},1]"#,
    r##"[{"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}},"items":{"$ref":"#/definitions/a"}},[1,2]]"##,
];

const DICTIONARY: &[&[u8]] = &[
    br#""$ref":"#,
    b"\"#\"",
    b"\"#/$defs/n\"",
    b"\"#/properties/a~1b\"",
    br#""$defs":"#,
    br#""properties":"#,
    br#""additionalProperties":"#,
    br#""items":"#,
    br#""anyOf":"#,
    br#""oneOf":"#,
    br#""allOf":"#,
    br#""required":"#,
    br#""type":["string","null"]"#,
    br#""minItems":"#,
    br#""maximum":"#,
    br#""enum":"#,
];

#[expect(clippy::expect_used, reason = "without its engine there is nothing to fuzz")]
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let settings = DetectSettings::default();
    Engine::new(&settings).expect("the self-test passes")
});

/// Any schema and any value: what is found about the answer's form is the same each time, JSON is never called none, and no
/// schema at all is conformed to.
pub(super) const SCHEMA: Target = Target {
    name: "detect_schema",
    seeds: || SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect(),
    dictionary: DICTIONARY,
    run,
};

fn run(bytes: &[u8]) -> Outcome {
    let Ok(Value::Array(pair)) = serde_json::from_slice(bytes) else { return 0 };
    let [schema, answer] = pair.as_slice() else { return 1 };
    let answer = answer.to_string();
    let ranks = ranks(AnswerForm::of_schema(schema), &answer);
    assert_eq!(ranks, self::ranks(AnswerForm::of_schema(schema), &answer), "the same each time");
    assert!(ranks.iter().all(|rank| *rank < 40), "this is JSON: {answer}");
    let any = AnswerForm::of_schema(&Value::Object(serde_json::Map::new()));
    assert!(self::ranks(any, &answer).is_empty(), "anything conforms to the empty schema");
    ranks.iter().fold(fingerprint(kind_of(schema)), |outcome, rank| mixed(outcome, (*rank).into()))
}

/// The ranks of what is found about the form of an answer.
fn ranks(form: AnswerForm, answer: &str) -> Vec<u8> {
    let reference = Arc::new(Reference::default().expecting(form));
    let found = ENGINE.inspect_late_against(answer, Provenance::Output, &reference).findings;
    let of_form = |finding: &&Finding| finding.kind.as_str() == KIND;
    found.iter().filter(of_form).map(|finding| finding.rank.get()).collect()
}

/// The first keyword of a schema, so that each counts as something new.
fn kind_of(schema: &Value) -> &str {
    schema.as_object().and_then(|members| members.keys().next()).map_or("", String::as_str)
}
