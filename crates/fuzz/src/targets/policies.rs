//! `policy` and `events`: policies of the operator's, keys.

use events::{KeyId, compose_virtual_key};
use policy::{Engine, PolicyOptions, PolicySource, Preset};

use crate::engine::{Outcome, Target, fingerprint, mixed};

const DICTIONARY: &[&[u8]] = &[
    b"permit",
    b"forbid",
    b"(principal, action, resource)",
    b"principal",
    b"action",
    b"resource",
    b"context",
    b"Action::\"infer\"",
    b"when {",
    b"unless {",
    b"};",
    b"@id(\"x\")",
    b"@action(\"block\")",
    b"@controls(\"LLM01:2026\")",
    b"findings",
    b".injection",
    b">= 30",
    b"&&",
    b"||",
    b"!",
    b"has",
    b"in",
    b"like \"*\"",
    b"if true then",
    b"else",
    b".contains(",
    b"ip(\"10.0.0.0/8\")",
    b".isInRange(",
    b"9223372036854775807",
    b"((((((((",
    b"[[[[",
    b"//",
];

pub(crate) const COMPILE: Target = Target {
    name: "policy_compile",
    seeds: || {
        let files = [
            include_str!("../../../policy/policies/consequences-balanced.cedar"),
            include_str!("../../../policy/policies/authorisation.cedar"),
        ];
        // One rule each: the shipped set is compiled beside it every time.
        let rules = files
            .iter()
            .flat_map(|file| file.split("\n\n"))
            .filter(|rule| rule.contains("forbid") || rule.contains("permit"));
        rules.step_by(6).map(|rule| rule.replace("@id(\"", "@id(\"own-").into_bytes()).collect()
    },
    dictionary: DICTIONARY,
    run: compile,
};
pub(crate) const KEYS: Target = Target {
    name: "events_keys",
    seeds: || vec![compose_virtual_key(KeyId::new(77), &[7; 32]).into_bytes(), b"sk-x".to_vec()],
    dictionary: &[b"btz_", b"_", b"aaaaaaaaaa", b"0000000000", b"\xc3\xa9"],
    run: |input| {
        let text = String::from_utf8_lossy(input);
        u64::from(events::parse_virtual_key(&text).is_some())
    },
};

fn compile(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input).into_owned();
    let sources = vec![PolicySource { name: "own.cedar".to_owned(), text }];
    match Engine::new(&PolicyOptions {
        sources,
        preset: Preset::Observe,
        ..PolicyOptions::default()
    }) {
        Ok(engine) => mixed(1, engine.rules().count() as u64),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.is_empty(), "an error says nothing");
            // Names and places make every message new.
            fingerprint(
                &message.chars().filter(char::is_ascii_lowercase).take(40).collect::<String>(),
            )
        }
    }
}
