//! What a client sees of a stream of lines, whatever the cut: of its bytes, and of its text.

use connect::ExternalGuards;
use journal::Journal;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{CASES, journal, machine_with, pass_through, split, text};
use super::*;
use crate::answer::tests::{MASK, OWN};

const TIME: &str = "2025-10-17T23:14:07.4Z";

/// What a stream says: what was thought, what was said, and the argument of a call.
type Said = (String, String, Option<String>);

fn pass(journal: &Journal, operation: Operation, pieces: &[&[u8]]) -> Vec<u8> {
    pass_through(machine_with(journal, ExternalGuards::default(), operation), pieces)
}

fn line(operation: Operation, member: &str, text: &Value, is_last: bool) -> String {
    let mut line = json!({ "model": "m", "created_at": TIME, "done": is_last });
    if operation == Operation::OllamaChat {
        line["message"] = json!({ "role": "assistant", "content": "", member: text });
    } else {
        let member = if member == "content" { "response" } else { member };
        line[member] = text.clone();
    }
    if is_last {
        line["done_reason"] = json!("stop");
        line["eval_count"] = json!(7);
    }
    format!("{line}\n")
}

/// The stream that says this, its text cut here; the last piece may stand in the last line.
fn stream(
    operation: Operation,
    (thought, said, argument): &Said,
    cuts: &[prop::sample::Index],
    ends_with_text: bool,
) -> String {
    let mut out = String::new();
    for (member, text) in [("thinking", thought), ("content", said)] {
        for piece in split(text, cuts) {
            out.push_str(&line(operation, member, &json!(piece), false));
        }
    }
    if let Some(argument) = argument {
        let call = json!([{ "function": { "name": "f", "arguments": { "a": argument } } }]);
        out.push_str(&line(operation, "tool_calls", &call, false));
    }
    let last = if ends_with_text { "." } else { "" };
    out.push_str(&line(operation, "content", &json!(last), true));
    out
}

/// What clients make of a stream, checked for its end.
fn joined(operation: Operation, bytes: &[u8]) -> Said {
    let text = String::from_utf8_lossy(bytes);
    let mut joined = Said::default();
    let mut is_last = false;
    for line in text.split_terminator('\n') {
        assert!(!is_last, "something after the end: {text}");
        let line: Value = serde_json::from_str(line).expect("JSON");
        let message = if operation == Operation::OllamaChat { &line["message"] } else { &line };
        let said = if operation == Operation::OllamaChat { "content" } else { "response" };
        joined.0.push_str(message["thinking"].as_str().unwrap_or_default());
        joined.1.push_str(message[said].as_str().unwrap_or_default());
        let argument = message["tool_calls"][0]["function"]["arguments"]["a"].as_str();
        joined.2 = joined.2.or(argument.map(str::to_owned));
        is_last = line["done"] == true;
    }
    assert!(is_last && text.ends_with('\n'), "{text}");
    joined
}

fn operation() -> impl Strategy<Value = Operation> {
    prop::sample::select(vec![Operation::OllamaChat, Operation::OllamaGenerate])
}

fn said() -> impl Strategy<Value = Said> {
    (text(), text(), prop::option::of(text()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    /// Promise 2: any chunking, same bytes.
    #[test]
    fn what_is_sent_does_not_depend_on_the_cut_of_the_bytes(
        operation in operation(),
        said in said(),
        deltas in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let journal = journal();
        let upstream = stream(operation, &said, &deltas, true).into_bytes();
        let whole = pass(&journal, operation, &[&upstream]);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(upstream.len() + 1)).collect();
        at.extend([0, upstream.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &upstream[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&whole, &pass(&journal, operation, &pieces));
        let bytes: Vec<&[u8]> = upstream.chunks(1).collect();
        prop_assert_eq!(&whole, &pass(&journal, operation, &bytes));
    }

    #[test]
    fn what_is_said_does_not_depend_on_the_lines(
        operation in operation(),
        said in said(),
        ends_with_text in any::<bool>(),
        deltas in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let journal = journal();
        let sent = |cuts: &[prop::sample::Index]| {
            let upstream = stream(operation, &said, cuts, ends_with_text);
            joined(operation, &pass(&journal, operation, &[upstream.as_bytes()]))
        };
        let (whole, cut) = (sent(&[]), sent(&deltas));
        prop_assert_eq!(&whole, &cut);
        let of = |said: &Said| [said.0.clone(), said.1.clone(), said.2.clone().unwrap_or_default()];
        for (sent, got) in of(&said).iter().zip(of(&whole)) {
            prop_assert!(!got.contains("eve.model@") && !got.contains("4111 1111"));
            prop_assert_eq!(got.contains(OWN), sent.contains(MASK));
        }
    }
}

#[test]
fn a_value_that_ends_in_the_last_line_is_found() {
    let journal = journal();
    let operation = Operation::OllamaChat;
    let upstream = [
        line(operation, "content", &json!("Mail eve.mod"), false),
        line(operation, "content", &json!("el@example.net"), true),
    ]
    .concat();
    let out = pass(&journal, operation, &[upstream.as_bytes()]);
    let (_, said, _) = joined(operation, &out);
    assert!(said.starts_with("Mail ") && !said.contains("eve"), "{said}");
}

#[test]
fn an_untouched_stream_is_the_upstreams_own_with_its_context() {
    let journal = journal();
    let operation = Operation::OllamaGenerate;
    let end = "{\"model\":\"m\",  \"response\":\"\", \"done\":true,\"context\":[1,2]}\r\n";
    let upstream = [line(operation, "content", &json!("Hello. "), false), "\n".into(), end.into()];
    let out = pass(&journal, operation, &[upstream.concat().as_bytes()]);
    assert_eq!(String::from_utf8_lossy(&out), upstream.concat());
    let removed =
        [line(operation, "content", &json!("Mail eve.model@example.net"), false), end.into()];
    let out = pass(&journal, operation, &[removed.concat().as_bytes()]);
    let out = String::from_utf8_lossy(&out);
    assert!(out.contains("\"context\":null"), "it repeats what was removed: {out}");
}

#[test]
fn streams_that_are_not_whole_do_not_look_whole() {
    let journal = journal();
    let operation = Operation::OllamaChat;
    let hello = line(operation, "content", &json!("hello"), false);
    let last = line(operation, "content", &json!(""), true);
    let long = "x".repeat(1 << 21);
    for (upstream, code) in [
        (hello.clone(), "upstream_truncated"),
        (format!("{hello}{}", last.trim_end()), "upstream_truncated"),
        (format!("{hello}{{\"model\""), "upstream_truncated"),
        (format!("{hello}{long}"), "invalid_sse"),
        (format!("{hello}{{}}{{}}\n"), "upstream_garbage"),
        (format!("{hello}{{\"done\":false}}\r{{\"done\":true}}\n"), "upstream_garbage"),
        (format!("{hello}data: {{}}\n\n"), "upstream_garbage"),
        (format!("{hello}{{\"error\":\"the runner stopped\"}}\n"), "the runner stopped"),
    ] {
        let out =
            String::from_utf8(pass(&journal, operation, &[upstream.as_bytes()])).expect("text");
        let last: Value =
            serde_json::from_str(out.lines().last().unwrap_or_default()).expect("JSON");
        assert!(last["error"].is_string() && out.ends_with('\n'), "{out}");
        assert!(last.to_string().contains(code), "{code}: {out}");
        assert!(!out.contains("\"done\":true"), "{out}");
    }
}
