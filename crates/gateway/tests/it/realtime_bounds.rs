//! What a session may hold, cost and say: memory, time, keys, budgets, and what its server says at the wrong place.

use std::time::Duration;

use events::Ending;
use gateway::Limits;
use policy::PolicySource;
use serde_json::{Value, json};
use store::{GrantOptions, Quota};
use testkit::{Heard, Say, SessionClient, realtime_response};

use crate::bed::{Bed, Plan};
use crate::canary;
use crate::limits::used;
use crate::realtime::{EMAIL, ask, code_of, fake, item, open, saying};

const TRANSCRIPTION: &str = "conversation.item.input_audio_transcription";

fn commit() -> Value {
    json!({ "type": "input_audio_buffer.commit" })
}

/// A server that says these events, once each, whenever the client commits what it said.
fn answering(
    events: impl Fn(usize) -> Vec<Value> + Clone + Send + Sync + 'static,
) -> testkit::FakeRealtime {
    fake(move || {
        let (events, mut count) = (events.clone(), 0);
        Box::new(move |event| match event["type"].as_str() {
            Some("input_audio_buffer.commit") => {
                count += 1;
                events(count).iter().map(Say::event).collect()
            }
            _ => Vec::new(),
        })
    })
}

/// Waits until the bed holds this much.
fn holds(bed: &Bed, is_right: impl Fn(u64) -> bool) -> bool {
    (0..2_000).any(|_| {
        let is_reached = is_right(bed.held_bytes());
        if !is_reached {
            std::thread::sleep(Duration::from_millis(5));
        }
        is_reached
    })
}

/// A piece of a message of text, masked with zeros.
fn piece(first: u8, text: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0xff];
    frame.extend((text.len() as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text);
    frame
}

#[test]
fn a_message_counts_as_it_comes_and_is_given_back() {
    let upstream = fake(|| Box::new(|_| Vec::new()));
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let mut client = open(&bed);
    let event =
        json!({ "type": "input_audio_buffer.append", "audio": "UklG".repeat(150_000) }).to_string();
    let (first, second) = event.as_bytes().split_at(400_000);
    client.write_raw(&piece(0x01, first));
    assert!(holds(&bed, |bytes| bytes >= 400_000), "what has come");
    client.write_raw(&piece(0x80, second));
    client.send(&commit());
    assert!(holds(&bed, |bytes| bytes < 100_000), "{}", bed.held_bytes());
    let sent = || upstream.messages().len() == 2;
    assert!((0..2_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        sent()
    }));
    assert!(upstream.messages()[0] == event, "byte for byte");
}

#[test]
fn a_message_that_is_begun_has_to_come_whole_in_time() {
    let upstream = fake(|| Box::new(|_| Vec::new()));
    let limits = Limits { body_time_max: Duration::from_millis(300), ..Limits::default() };
    for begun in [&piece(0x01, b"{")[..], &piece(0x81, b"{}")[..14], b"\x81"] {
        let bed =
            Bed::new(&upstream.base_url(), Plan { limits: limits.clone(), ..Plan::default() });
        let mut client = open(&bed);
        client.write_raw(begun);
        if begun.len() > 14 {
            // What comes between the pieces of a message does not make it come.
            client.ping();
            assert_eq!(client.hear(), Heard::Event("pong".to_owned()));
        }
        assert_eq!(client.hear_all().1, Heard::Closed(Some(1008)));
        let closed = bed.closed(1).remove(0);
        assert_eq!(
            (closed.ending, closed.reason.as_deref()),
            (Ending::Malformed, Some("message_too_slow"))
        );
    }
}

#[test]
fn sessions_hold_no_more_than_there_is_room_for() {
    let upstream = fake(|| Box::new(|_| Vec::new()));
    let plan = |bodies_bytes_max| Plan {
        limits: Limits { bodies_bytes_max, ..Limits::default() },
        ..Plan::default()
    };
    let bed = Bed::new(&upstream.base_url(), plan(64 << 10));
    let mut client = open(&bed);
    client.write_raw(&piece(0x01, &vec![b' '; 100_000]));
    assert_eq!(client.hear_all().1, Heard::Closed(Some(1013)));
    let closed = bed.closed(1).remove(0);
    assert_eq!(
        (closed.ending, closed.reason.as_deref()),
        (Ending::InternalError, Some("overloaded"))
    );

    // What was said is kept, to compare answers with it.
    let bed = Bed::new(&upstream.base_url(), plan(512 << 10));
    let mut client = open(&bed);
    let text = "so it goes on and on ".repeat(3_000);
    for _ in 0..8 {
        client.send(&item(&text));
    }
    assert_eq!(code_of(&client.hear_until("error").remove(0)), "overloaded");
    client.send(&item("it still takes what is small"));
    drop(client);
    assert!(bed.closed(9).iter().any(|closed| closed.ending == Ending::Answered));
    assert!(upstream.messages().last().is_some_and(|last| last.contains("what is small")));
    assert!(holds(&bed, |bytes| bytes == 0), "{}", bed.held_bytes());
}

#[test]
fn a_key_that_is_revoked_ends_its_session_whatever_is_said() {
    let upstream = fake(|| Box::new(|_| Vec::new()));
    let limits = Limits { session_check_pause: Duration::from_millis(50), ..Limits::default() };
    let bed = Bed::new(&upstream.base_url(), Plan { limits, ..Plan::default() });
    let mut client = open(&bed);
    let sound = json!({ "type": "input_audio_buffer.append", "audio": "UklGRg==" });
    client.send(&sound);
    bed.closed(1);
    bed.revoke();
    client.send(&sound);
    let (said, end) = client.hear_all();
    assert!(said.len() == 1 && said[0].contains("invalid_api_key"), "{said:?}");
    assert_eq!(end, Heard::Closed(Some(1008)));
    let closed = bed.closed(2);
    assert!(closed.iter().any(|closed| closed.ending == Ending::Refused), "{closed:?}");
}

#[test]
fn what_is_only_transcribed_counts_and_ends_with_the_budget() {
    let upstream = answering(|count| {
        vec![
            json!({ "type": format!("{TRANSCRIPTION}.completed"), "item_id": format!("item_{count}"), "content_index": 0,
            "transcript": "hello there", "usage": { "type": "tokens", "input_tokens": 40, "output_tokens": 10 } }),
        ]
    });
    let quota =
        Quota { tokens_per_day: Some(120), requests_per_minute: Some(1), ..Quota::default() };
    let grant = GrantOptions { quota, ..GrantOptions::default() };
    let bed = Bed::new(&upstream.base_url(), Plan { grant, ..Plan::default() });
    let mut client = open(&bed);
    for _ in 0..2 {
        client.send(&commit());
        client.hear_until(&format!("{TRANSCRIPTION}.completed"));
    }
    client.send(&commit());
    let (said, end) = client.hear_all();
    assert!(said.len() == 1 && said[0].contains("budget_exhausted"), "{said:?}");
    assert_eq!(end, Heard::Closed(Some(1008)));
    assert_eq!(used(&bed), 150, "the last was used too");
    let usage = bed.closed(1).remove(0).usage.expect("what it used");
    assert_eq!((usage.input, usage.output), (120, 30));
}

#[test]
fn a_complaint_ends_only_what_it_is_about() {
    let complaint = |of: &str| {
        json!({ "type": "error", "event_id": "e", "error": {
        "type": "invalid_request_error", "code": "some_code", "message": "no", "param": null, "event_id": of } })
    };
    let upstream = fake(move || {
        Box::new(move |event| match event["event_id"].as_str() {
            Some("refused") => vec![Say::event(&complaint("refused"))],
            Some("wanted") => {
                let mut says = vec![Say::event(&complaint("of_something_else"))];
                says.extend(realtime_response("resp_1", &["hi"], false).iter().map(Say::event));
                says
            }
            _ => Vec::new(),
        })
    });
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let mut client = open(&bed);
    let named = |id: &str| json!({ "type": "response.create", "event_id": id });
    client.send(&named("refused"));
    client.hear_until("error");
    client.send(&named("wanted"));
    client.hear_until("rate_limits.updated");
    drop(client);
    let closed = bed.closed(3);
    let ends = |ending| closed.iter().filter(|closed| closed.ending == ending).count();
    assert_eq!((ends(Ending::UpstreamFailed), ends(Ending::Answered)), (1, 1), "{closed:?}");
    let failed = closed.iter().find(|closed| closed.ending == Ending::UpstreamFailed);
    assert_eq!(failed.and_then(|failed| failed.reason.as_deref()), Some("upstream_error"));
    assert_eq!(closed.len(), 3, "nothing is counted twice");
}

/// All sound that stands in the parts of an event, `null` included.
fn sounds(event: &Value) -> Vec<Value> {
    let content = event["item"]["content"].as_array().into_iter().flatten();
    let parts = content.chain(event["part"].is_object().then_some(&event["part"]));
    parts.filter(|part| part.get("audio").is_some()).map(|part| part["audio"].clone()).collect()
}

#[test]
fn sound_in_a_part_leaves_only_beside_its_transcript() {
    let script = |word: &str| {
        let mut events = realtime_response("resp_1", &["Write to ", word, " now."], true);
        let is = |event: &Value, kind: &str| event["type"] == kind;
        for event in &mut events {
            if is(event, "response.content_part.added") || is(event, "response.content_part.done") {
                event["part"]["audio"] = "UklGRg==".into();
            }
        }
        let read_back = |part: Value| {
            json!({ "type": "conversation.item.retrieved", "event_id": "e", "item": {
            "id": "item_9", "type": "message", "role": "assistant", "content": [part] } })
        };
        let said =
            json!({ "type": "output_audio", "transcript": "All is well.", "audio": "UklGRg==" });
        let silent = json!({ "type": "output_audio", "transcript": null, "audio": "UklGRg==" });
        let beside = json!({ "type": "conversation.item.retrieved", "event_id": "e", "item": { "id": "item_8",
            "content": [{ "type": "text", "text": "well" }, silent] } });
        events.extend([read_back(said), beside, json!({ "type": "the_end" })]);
        events
    };
    let heard = |word: &str| {
        let upstream = saying(script(word));
        let bed = Bed::new(&upstream.base_url(), Plan::default());
        let mut client = open(&bed);
        client.send(&ask());
        let events = client.hear_until("the_end");
        events.iter().flat_map(sounds).collect::<Vec<Value>>()
    };
    let (sound, none) = (json!("UklGRg=="), Value::Null);
    // Before its transcript, beside it, read back with it and without.
    let expected = [none.clone(), sound.clone(), sound.clone(), none.clone()];
    assert_eq!(heard("somebody"), expected);
    assert_eq!(
        heard(EMAIL),
        [none.clone(), none.clone(), sound, none],
        "what is masked is not heard"
    );
}

#[test]
fn no_response_is_asked_for_while_the_gateway_shuts_down() {
    let begun = realtime_response("resp_1", &["hello"], false)[..5].to_vec();
    let upstream = saying(begun);
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let mut client = open(&bed);
    client.send(&ask());
    client.hear_until("response.content_part.added");
    bed.begin_shutdown();
    client.send(&ask());
    assert_eq!(client.hear_until("error").last().map(code_of), Some("shutting_down"));
    let asked = upstream.messages().iter().filter(|said| said.contains("response.create")).count();
    assert_eq!(asked, 1);
}

#[test]
fn what_is_read_back_is_compared_with_the_prompts() {
    let prompt = "You are Juno, the night clerk of the Harbour Hotel. Never mention the strike of the kitchen staff to \
        guests, and never say that the manager has gone to Lisbon with the keys of the wine cellar.";
    let told = json!({ "type": "conversation.item.retrieved", "event_id": "e", "item": { "id": "item_1", "type": "message",
        "role": "assistant", "content": [{ "type": "output_text", "text": format!("My rules are: {prompt}") }] } });
    let upstream = answering(move |_| vec![told.clone()]);
    let text = r#"
        @id("test-prompts")
        @action("block")
        forbid (principal, action, resource)
        when { context.kinds.contains("leak.system_prompt") };
    "#;
    let policies = vec![PolicySource { name: "prompts.cedar".to_owned(), text: text.to_owned() }];
    let bed = Bed::new(&upstream.base_url(), Plan { policies, ..Plan::default() });
    let mut client = open(&bed);
    client.send(&json!({ "type": "session.update", "session": { "type": "realtime", "instructions": prompt } }));
    client.send(&commit());
    let (said, end) = client.hear_all();
    assert!(said.iter().all(|said| !said.contains("Lisbon")), "{said:?}");
    assert_eq!(end, Heard::Closed(Some(1008)));
}

#[test]
fn long_sessions_of_speech_go_on() {
    // More text than is kept, and more transcriptions that fail than there may be texts under way.
    let long = "and then we went on ".repeat(13_000);
    let of = |kind: &str, item: String, member: &str, text: &str| json!({ "type": format!("{TRANSCRIPTION}.{kind}"), "event_id": "e", "item_id": item, "content_index": 0, member: text });
    let upstream = answering(move |count| match count {
        1 => (0..40).map(|at| of("completed", format!("long_{at}"), "transcript", &long)).collect(),
        2 => (0..600)
            .flat_map(|at| {
                let item = format!("lost_{at}");
                let mut failed = of("failed", item.clone(), "x", "");
                failed["error"] =
                    json!({ "type": "t", "code": "audio_unintelligible", "message": "what?" });
                [of("delta", item, "delta", "it was a"), failed]
            })
            .collect(),
        _ => vec![of("completed", "last".to_owned(), "transcript", "goodbye")],
    });
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let mut client = open(&bed);
    for _ in 0..3 {
        client.send(&commit());
    }
    loop {
        let Heard::Event(told) = client.hear() else { panic!("the session ended") };
        if told.contains("goodbye") {
            break;
        }
    }
    assert!(bed.held_bytes() < 8 << 20, "{}", bed.held_bytes());
}

/// How many interactions are on record when these events were sent on, or refused.
fn recorded(plan: Plan, events: &[Value]) -> (usize, usize) {
    let upstream = fake(|| Box::new(|_| Vec::new()));
    let bed = Bed::new(&upstream.base_url(), plan);
    let mut client: SessionClient = open(&bed);
    for event in events {
        client.send(event);
    }
    client.ping();
    while client.hear() != Heard::Event("pong".to_owned()) {}
    drop(client);
    // The session's own closes last.
    for count in 1.. {
        let closed = bed.closed(count);
        if closed.iter().any(|closed| closed.interaction == bed.opened()[0].interaction) {
            return (bed.opened().len() - 1, upstream.messages().len());
        }
    }
    unreachable!()
}

#[test]
fn the_name_of_an_event_is_no_text_unless_it_may_be() {
    let sound = |id: &str| json!({ "type": "input_audio_buffer.append", "event_id": id, "audio": "UklGRg==" });
    let names = ["event_AJyJtbBEbRDCLMxLyPh3X", "0a1b2c3d-0001", "a.b:c_d", "event_4"];
    // The first sound stands for all that follows.
    assert_eq!(recorded(Plan::default(), &names.map(sound)), (1, 4));
    let commit = |id: &str| json!({ "type": "input_audio_buffer.commit", "event_id": id });
    assert_eq!(recorded(Plan::default(), &names.map(commit)), (0, 4));
    let texts = ["two words", &"x".repeat(65), EMAIL, "ghp_1a2B3c4D5e6F7g8H9i0JkLmNoPqRsTuVwXy3"];
    let (records, _) = recorded(Plan::default(), &texts.map(commit));
    assert_eq!(records, 4, "what may be text is judged");
    assert_eq!(recorded(canary::plan(), &[commit(EMAIL)]), (1, 0), "and refused");
}
