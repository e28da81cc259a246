//! OCSF: hostile events of every class are valid, in both releases; the chain is carried; findings name their record.

use std::collections::BTreeMap;

use events::{Decision, Digest, Event, EventBody, Finding, Kind, LocatedFinding, Outcome};
use events::{Provenance, Rank, Score, Span};
use export::testing::{closed, opened};
use export::{Exporter, Format, Selection};
use serde_json::{Value as Json, json};
use sha2::Digest as _;

use crate::ocsf_schema::{errors, has_path};
use crate::{EVENTS, each_line, entry, exported};

fn parse(line: &str) -> Json {
    serde_json::from_str(line).expect("JSON")
}

#[test]
fn every_event_is_valid() {
    let mut classes: BTreeMap<u64, usize> = BTreeMap::new();
    each_line(Format::Ocsf, 1, |event, line| {
        let ocsf = parse(line);
        *classes.entry(ocsf["class_uid"].as_u64().unwrap_or_default()).or_default() += 1;
        let errors = errors(&ocsf);
        assert!(errors.is_empty(), "{errors:#?}\n{line}\n{event:?}");
    });
    assert_eq!(classes.keys().copied().collect::<Vec<_>>(), [2004, 2006, 3004, 6002, 6003, 6008]);
    assert!(classes[&6003] >= 3 * EVENTS && classes[&2004] >= EVENTS, "{classes:?}");
}

#[test]
fn every_event_of_the_next_release_is_valid_and_attested() {
    each_line(Format::Ocsf19, 2, |_, line| {
        let mut ocsf = parse(line);
        assert_eq!(ocsf["metadata"]["version"], "1.9.0");
        attested(&ocsf);
        // What 1.9.0 added is taken out, and the rest is as 1.8.0 has it.
        let members = ocsf.as_object_mut().expect("an object");
        members.remove("attestation_list");
        if let Some(agent) = members.remove("ai_agent") {
            assert!(agent["uid"].is_string() && ocsf.get("ai_model").is_none());
        }
        let profiles = ocsf["metadata"]["profiles"].as_array_mut().expect("a list");
        assert_eq!(profiles.pop(), Some(json!("record_integrity")));
        if profiles.is_empty() {
            ocsf["metadata"].as_object_mut().expect("an object").remove("profiles");
        }
        let errors = errors(&ocsf);
        assert!(errors.is_empty(), "{errors:#?}\n{line}");
    });
}

/// The attestation of the event is over its canonical form without its own fingerprint, which anybody can compute.
fn attested(event: &Json) {
    let list = event["attestation_list"].as_array().expect("a list");
    assert_eq!(list.len(), 2);
    for attestation in list {
        let fingerprint = &attestation["fingerprint"];
        assert_eq!(fingerprint["algorithm_id"], 3);
        assert_eq!(fingerprint["encoding_id"], 1);
        assert!(fingerprint["value"].as_str().is_some_and(|value| value.len() == 64));
        assert!(attestation["uid"].is_string() && attestation["authority_uid"].is_string());
    }
    let mut without = event.clone();
    let own = without["attestation_list"][1].as_object_mut().expect("an object");
    let claimed = own.remove("fingerprint").expect("it has one");
    assert_eq!(claimed["serialization"], "JCS");
    let digest = sha2::Sha256::digest(in_order(&without));
    assert_eq!(claimed["value"], Digest(digest.into()).to_string());
}

/// A value with the members of every object in order, and no white space.
fn in_order(value: &Json) -> String {
    match value {
        Json::Object(members) => {
            let ordered: BTreeMap<_, _> = members.iter().collect();
            let written = ordered
                .into_iter()
                .map(|(name, value)| format!("{}:{}", json!(name), in_order(value)));
            format!("{{{}}}", written.collect::<Vec<_>>().join(","))
        }
        Json::Array(items) => {
            format!("[{}]", items.iter().map(in_order).collect::<Vec<_>>().join(","))
        }
        leaf => leaf.to_string(),
    }
}

fn found(kind: &'static str, rank: u8) -> LocatedFinding {
    LocatedFinding {
        finding: Finding {
            detector: "email".into(),
            kind: Kind::of(kind),
            rank: Rank::new(rank),
            score: Score::ONE,
            span: Span::new(3, 9),
            view: "raw".into(),
        },
        path: "messages[0].content".into(),
        provenance: Provenance::User,
    }
}

#[test]
fn the_chain_travels_with_the_events() {
    let mut exporter = Exporter::new(Format::Ocsf19, Selection::default(), "1.2.3");
    let mut lines = Vec::new();
    let event = Event::new(1, EventBody::Node(events::NodeNotice::default()));
    for sequence in [0, 1, 3] {
        exporter.record(&entry(&event, sequence), &mut lines);
    }
    let text = String::from_utf8(lines).expect("text");
    let records: Vec<Json> =
        text.lines().map(|line| parse(line)["attestation_list"][0].clone()).collect();
    let leaf = |byte: u8| Digest([byte; 32]).to_string();
    assert_eq!(records[0]["fingerprint"]["value"], leaf(0));
    assert!(records[0].get("prev_event").is_none(), "nothing was before the first");
    assert_eq!(records[1]["uid"], "nod_0000000000000001-1");
    assert_eq!(records[1]["chain_uid"], "nod_0000000000000001");
    assert_eq!(records[1]["prev_event"]["uid"], "nod_0000000000000001-0");
    assert_eq!(records[1]["prev_event"]["fingerprint"]["value"], leaf(0));
    // A record that was not read is still named, so its absence is seen.
    assert_eq!(records[2]["prev_event"]["uid"], "nod_0000000000000001-2");
    assert!(records[2]["prev_event"].get("fingerprint").is_none());
}

#[test]
fn findings_are_events_of_their_own_class_and_name_their_record() {
    let mut record = opened(&[]);
    record.findings = vec![
        found("pii.email", 60),
        found("pii.email", 50),
        found("pii.iban", 60),
        found("injection", 35),
        found("toxicity", 12),
    ];
    let event = Event::new(1, EventBody::InteractionOpened(Box::new(record)));
    let text = exported(Format::Ocsf, &event);
    let events: Vec<Json> = text.lines().map(parse).collect();
    let classes: Vec<&Json> = events.iter().map(|event| &event["class_uid"]).collect();
    assert_eq!(classes, [6003, 2004, 2006, 2006], "what is common is no finding");
    let [activity, injection, email, iban] = events.as_slice() else { panic!("four") };
    assert_eq!(injection["finding_info"]["types"], json!(["injection"]));
    assert_eq!(injection["confidence"], "Medium");
    assert_eq!(email["data_security"]["category"], "Personal");
    assert_eq!(email["data_security"]["total"], 2);
    let occurrence = &email["data_security"]["discovery_details"][0]["occurrences"][0];
    assert_eq!(occurrence["json_path"], "$.messages[0].content");
    assert_eq!(iban["data_security"]["category"], "Financial");
    for finding in [injection, email, iban] {
        let related = &finding["finding_info"]["related_events"][0]["uid"];
        assert_eq!(*related, activity["metadata"]["uid"]);
        assert_ne!(finding["metadata"]["uid"], activity["metadata"]["uid"]);
    }
}

#[test]
fn what_was_done_is_said_in_the_schemas_words() {
    use events::Action::{Block, Challenge, Quarantine, Redact, Taint};
    for (actions, outcome, action, disposition) in [
        (vec![], Outcome::Allowed, "Allowed", "Allowed"),
        (vec![Redact], Outcome::Allowed, "Modified", "Corrected"),
        (vec![Taint], Outcome::Allowed, "Observed", "Tagged"),
        (vec![Redact, Block], Outcome::Refused, "Denied", "Blocked"),
        (vec![Challenge], Outcome::Refused, "Denied", "Challenge"),
        (vec![Quarantine], Outcome::Refused, "Denied", "Quarantined"),
    ] {
        let mut record = opened(&[]);
        record.decision = Decision { actions, outcome, ..Decision::default() };
        let event = Event::new(1, EventBody::InteractionOpened(Box::new(record)));
        let ocsf = parse(exported(Format::Ocsf, &event).trim_end());
        assert_eq!((&ocsf["action"], &ocsf["disposition"]), (&json!(action), &json!(disposition)));
    }
}

#[test]
fn an_end_says_who_asked_for_what() {
    let (mut first, mut last) = (opened(&[]), closed(&[]));
    first.interaction = last.interaction;
    first.model = Some("a-model".into());
    first.principal.user = Some("ada".into());
    first.client_address = "192.0.2.7".into();
    last.usage = Some(events::TokenUsage { input: 7, output: u64::MAX });
    let first = Event::new(1_000, EventBody::InteractionOpened(Box::new(first)));
    let last = Event::new(2_000, EventBody::InteractionClosed(Box::new(last)));
    let selection = Selection { since_ms: Some(2_000), ..Selection::default() };
    let mut exporter = Exporter::new(Format::Ocsf, selection, "1.2.3");
    let mut lines = Vec::new();
    assert!(!exporter.record(&entry(&first, 0), &mut lines), "it was before");
    assert!(exporter.record(&entry(&last, 1), &mut lines));
    let ocsf = parse(std::str::from_utf8(&lines).expect("text").trim_end());
    assert_eq!(ocsf["ai_model"]["name"], "a-model");
    assert_eq!(ocsf["actor"]["user"]["uid"], "ada");
    assert_eq!(ocsf["src_endpoint"]["ip"], "192.0.2.7");
    assert_eq!(ocsf["message_context"]["prompt_tokens"], 7);
    assert!(ocsf["message_context"].get("completion_tokens").is_none(), "32 bits do not hold it");
    assert_eq!(ocsf["unmapped"]["bartizan"]["usage"]["output"], i64::MAX);
}

#[test]
fn the_page_names_attributes_that_there_are() {
    let page = export::reference_markdown();
    let rows = page.lines().skip_while(|line| !line.starts_with("| ours |")).skip(2);
    let paths =
        rows.filter_map(|row| row.split('|').nth(6)).map(|cell| cell.trim_matches([' ', '`']));
    let named: Vec<&str> = paths.filter(|path| !matches!(*path, "unmapped" | "-")).collect();
    assert!(named.len() > 40, "{named:?}");
    for path in named {
        assert!(has_path(path), "no class has `{path}`");
    }
}
