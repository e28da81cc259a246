//! The tests of rules: cases of records, and whether a rule hits in them.
//!
//! A record of a case is written as in `log tail --json`, or in part: what is left out is as in an ordinary one.
//!
//! INVARIANT: records of tests take the same way as those of the record: they become events, then facts, then what rules see.

use std::collections::BTreeSet;

use events::{ConversationId, Digest, Event, EventBody, InteractionId, NodeId};
use export::{Entry, FactReader};
use hunt::sigma::{Hunter, Rules};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::hunting::observe;

/// When cases begin, in milliseconds since 1970.
const START_MS: u64 = 1_800_000_000_000;
/// Records of a case, with repetitions.
const CASE_RECORDS_MAX: u64 = 20_000;

/// A case, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "case")]
    name: String,
    fires: bool,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default)]
    after_s: u64,
    #[serde(default = "once")]
    times: u64,
    #[serde(default)]
    every_s: u64,
    records: Vec<Value>,
}

const fn once() -> u64 {
    1
}

/// How the tests of a rule went.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Tested {
    pub(crate) rule: String,
    /// Cases in which it has to hit, and in which it must not.
    pub(crate) true_positives: usize,
    pub(crate) false_positives: usize,
    /// What went wrong.
    pub(crate) failed: Vec<String>,
}

impl Tested {
    /// Whether it was tested both ways, and nothing went wrong.
    pub(crate) const fn passes(&self) -> bool {
        self.failed.is_empty() && self.true_positives > 0 && self.false_positives > 0
    }
}

/// Runs the tests of a file for its rule.
pub(crate) fn test(rules: &Rules, name: &str, lines: &str) -> Tested {
    let mut tested = Tested { rule: name.to_owned(), ..Tested::default() };
    for (number, line) in (1..).zip(lines.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let case: Case = match serde_json::from_str(line) {
            Ok(case) => case,
            Err(error) => {
                tested.failed.push(format!("line {number} is no case: {error}"));
                continue;
            }
        };
        if case.fires {
            tested.true_positives += 1;
        } else {
            tested.false_positives += 1;
        }
        match hits(rules, name, &case) {
            Ok(hits) if hits == case.fires => {}
            Ok(true) => tested.failed.push(format!("hits, and must not: {}", case.name)),
            Ok(false) => tested.failed.push(format!("does not hit: {}", case.name)),
            Err(error) => tested.failed.push(format!("line {number}: {error}")),
        }
    }
    if tested.true_positives == 0 || tested.false_positives == 0 {
        tested.failed.push(String::from("has to have cases of both sorts"));
    }
    tested
}

fn hits(rules: &Rules, name: &str, case: &Case) -> Result<bool, String> {
    let only = BTreeSet::from([name]);
    let mut hunter = Hunter::new(rules, Some(&only))?;
    let mut reader = FactReader::default();
    let (mut time_ms, mut sequence, mut count) = (START_MS, 0, 0_u64);
    let mut hit = false;
    for step in &case.steps {
        time_ms += step.after_s * 1_000;
        for repetition in 0..step.times {
            if repetition > 0 {
                time_ms += step.every_s * 1_000;
            }
            count += 1;
            for record in &step.records {
                sequence += 1;
                if sequence > CASE_RECORDS_MAX {
                    return Err(format!("a case has more than {CASE_RECORDS_MAX} records"));
                }
                let event = event(record, time_ms, repetition + 1, count)?;
                let digest = Digest([0; 32]);
                let entry = Entry {
                    chain: digest,
                    event: &event,
                    leaf: digest,
                    node: NodeId::new(1),
                    sequence,
                };
                let found = observe(&mut reader, &entry, |facts| hunter.observe(facts));
                hit |= found.iter().any(|one| one.rule.name == name);
            }
        }
    }
    Ok(hit)
}

/// A record as written, whole or in part.
fn event(written: &Value, time_ms: u64, number: u64, interaction: u64) -> Result<Event, String> {
    if let Some(whole) = written.get("event") {
        return Event::deserialize(whole).map_err(|error| error.to_string());
    }
    let class = written.get("class").and_then(Value::as_str).unwrap_or_default();
    let mut data = ordinary(class, interaction);
    let mut given = written.get("data").cloned().unwrap_or_else(|| json!({}));
    fill(&mut given, number);
    if let Some(findings) = given.get_mut("findings").and_then(Value::as_array_mut) {
        for finding in findings {
            let mut whole = json!({
                "finding": {"detector": "x", "kind": "", "rank": 0, "score": 9_000, "span": {"end": 9, "start": 0}, "view": "raw"},
                "path": "messages[0].content", "provenance": "user",
            });
            merge(&mut whole, finding.take());
            *finding = whole;
        }
    }
    merge(&mut data, given);
    let body = json!({"class": class, "data": data});
    let body = EventBody::deserialize(body).map_err(|error| format!("no record: {error}"))?;
    Ok(Event::new(time_ms, body))
}

/// Puts the number of the repetition into texts.
fn fill(value: &mut Value, number: u64) {
    match value {
        Value::String(text) if text.contains("{n}") => {
            // An address has no leading zeros.
            let digits = if text.contains("{n}.") || text.ends_with(".{n}") {
                number.to_string()
            } else {
                format!("{number:04}")
            };
            *text = text.replace("{n}", &digits);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, number)),
        Value::Object(members) => members.values_mut().for_each(|member| fill(member, number)),
        _ => {}
    }
}

/// What is given takes the place of what is there, member by member; nothing takes it away.
fn merge(into: &mut Value, given: Value) {
    match (into, given) {
        (Value::Object(into), Value::Object(given)) => {
            for (name, value) in given {
                match into.get_mut(&name) {
                    Some(known)
                        if known.is_object()
                            && value.as_object().is_some_and(|new| !new.is_empty()) =>
                    {
                        merge(known, value);
                    }
                    _ => {
                        into.insert(name, value);
                    }
                }
            }
        }
        (into, given) => *into = given,
    }
}

/// The data of an ordinary record of a class.
fn ordinary(class: &str, number: u64) -> Value {
    let interaction = InteractionId::new(START_MS, number.into());
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    let conversation = ConversationId::from_hash(hash);
    let allowed = json!({"outcome": "allowed"});
    let guards =
        json!([{"guard": "detect", "status": "ran"}, {"guard": "policy", "status": "ran"}]);
    let principal = json!({"key": "app0000001"});
    match class {
        "interaction_opened" => json!({
            "client_address": "192.0.2.7", "conversation": conversation, "decision": allowed, "dialect": "openai",
            "guards": guards, "interaction": interaction, "model": "m", "operation": "chat.completions",
            "principal": principal, "request_bytes": 900, "route": "r", "streamed": false, "upstream": "u",
        }),
        "interaction_closed" => json!({
            "decision": allowed, "duration_us": 1_500_000, "ending": "answered", "guards": guards,
            "interaction": interaction, "masked": 0, "response_bytes": 1_200, "restored": 0, "status": 200,
            "usage": {"input": 300, "output": 200},
        }),
        "anomaly" => json!({
            "detail": "x", "measure": "requests", "observed": 600, "ordinary": 20, "principal": principal,
            "since_ms": START_MS, "window_s": 120,
        }),
        "administration" => json!({"actor": "cli"}),
        "node" => json!({"detail": "x"}),
        "user_report" => json!({"interaction": interaction, "principal": principal}),
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::test;
    use crate::hunting::RuleFiles;

    #[test]
    fn every_shipped_rule_hits_where_it_has_to_and_nowhere_else() {
        let files = RuleFiles::load(None).expect("the shipped rules are right");
        assert_eq!(files.tests.len(), files.rules.iter().count());
        let tested: Vec<_> =
            files.tests.iter().map(|(name, lines)| test(&files.rules, name, lines)).collect();
        let failed: Vec<_> = tested.iter().filter(|one| !one.passes()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn a_test_that_says_the_wrong_thing_fails() {
        let files = RuleFiles::load(None).expect("the shipped rules are right");
        let name = "canary-in-answer";
        let said = |lines: &str| test(&files.rules, name, lines).failed.join("\n");
        let wrong = r#"{"case": "nothing", "fires": true, "steps": [{"records": [{"class": "node", "data": {"state": "started"}}]}]}"#;
        assert!(said(wrong).contains("does not hit: nothing"));
        assert!(said("{").contains("line 1 is no case"));
        let no_record = r#"{"case": "x", "fires": true, "steps": [{"records": [{"class": "x"}]}]}"#;
        assert!(said(no_record).contains("no record"));
        let many = r#"{"case": "x", "fires": false, "steps": [{"times": 99999, "records": [{"class": "node", "data": {"state": "started"}}]}]}"#;
        assert!(said(many).contains("more than"));
    }
}
