//! Sessions of the Realtime API over WebSocket: opened, judged both ways, limited, recorded, ended.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use events::Ending;
use gateway::{Isolation, Limits};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use store::{GrantOptions, Quota};
use testkit::{
    FakeRealtime, FakeUpstream, Heard, Request, Say, SessionClient, echo_session, realtime_response,
};
use wire::{Direction, Operation, UnknownFields};

use crate::bed::{Bed, PROVIDER_KEY, Plan};
use crate::canary;

pub(crate) const TARGET: &str = "/v1/realtime?model=m";
pub(crate) const EMAIL: &str = "eve.canary@example.net";

pub(crate) fn fake(script: impl Fn() -> testkit::Script + Send + Sync + 'static) -> FakeRealtime {
    FakeRealtime::start(script).expect("a free port")
}

/// A server that answers every `response.create` with these events.
pub(crate) fn saying(events: Vec<Value>) -> FakeRealtime {
    fake(move || {
        let events = events.clone();
        Box::new(move |event| match event["type"].as_str() {
            Some("response.create") => events.iter().map(Say::event).collect(),
            _ => Vec::new(),
        })
    })
}

pub(crate) fn open(bed: &Bed) -> SessionClient {
    let key = format!("Bearer {}", bed.key);
    SessionClient::open(bed.address, TARGET, &[("authorization", &key)]).expect("a session")
}

/// Why no session is opened.
fn refused(bed: &Bed, target: &str, key: &str) -> (u16, String) {
    let key = format!("Bearer {key}");
    let opened = SessionClient::open(bed.address, target, &[("authorization", &key)]);
    let (status, body) = opened.expect_err("a refusal");
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

pub(crate) fn item(text: &str) -> Value {
    json!({ "type": "conversation.item.create", "event_id": "mine_1", "item": {
        "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] } })
}

pub(crate) fn ask() -> Value {
    json!({ "type": "response.create" })
}

/// All that deltas of a type say.
pub(crate) fn deltas(events: &[Value], kind: &str) -> String {
    events
        .iter()
        .filter(|event| event["type"] == kind)
        .filter_map(|event| event["delta"].as_str())
        .collect()
}

pub(crate) fn code_of(event: &Value) -> &str {
    event["error"]["code"].as_str().unwrap_or_default()
}

#[test]
fn a_session_is_spoken_and_every_word_of_it_is_on_record() {
    let upstream = fake(echo_session);
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let mut client = open(&bed);
    client.hear_until("session.created");
    let instructions = json!({ "type": "session.update", "session": { "type": "realtime", "instructions": "Be kind." } });
    client.send(&instructions);
    assert_eq!(client.hear_until("session.updated")[0]["session"]["instructions"], "Be kind.");
    client.send(&item("hello there friend"));
    client.hear_until("conversation.item.done");
    client.send(&ask());
    let events = client.hear_until("rate_limits.updated");
    assert_eq!(deltas(&events, "response.output_text.delta"), "hello there friend");
    client.ping();
    assert_eq!(client.hear(), Heard::Event("pong".to_owned()));
    drop(client);

    let head = upstream.heads().remove(0);
    assert!(head.starts_with("/v1/realtime?model=m\n"), "{head}");
    assert!(head.contains(&format!("authorization: Bearer {PROVIDER_KEY}")), "{head}");
    assert!(!head.contains(&bed.key), "{head}");
    assert_eq!(upstream.messages()[0], instructions.to_string(), "byte for byte");

    let closed = bed.closed(4);
    let opened = bed.opened();
    assert_eq!(opened.len(), 4, "the session, what it was told, an item, a response");
    assert!(opened.iter().all(|one| one.model.as_deref() == Some("m") && one.dialect == "openai"));
    let first = opened[0].conversation;
    assert!(first.is_some() && opened.iter().all(|one| one.conversation == first));
    let usage: Vec<_> = closed.iter().filter_map(|closed| closed.usage).collect();
    assert!(matches!(&*usage, [used] if (used.input, used.output) == (20, 10)), "{usage:?}");
    assert!(closed.iter().filter(|closed| closed.ending == Ending::Answered).count() >= 3);
}

#[test]
fn only_a_handshake_for_a_granted_model_opens_a_session() {
    let upstream = fake(echo_session);
    let grant = GrantOptions { models: vec!["m".to_owned()], ..GrantOptions::default() };
    let bed = Bed::new(&upstream.base_url(), Plan { grant, ..Plan::default() });
    for (target, key, status, code) in [
        ("/v1/realtime?model=m", "btz_wrong", 401, "invalid_api_key"),
        ("/v1/realtime?model=other", &*bed.key, 403, "not_authorised"),
        ("/v1/realtime?call_id=rtc_1", &bed.key, 403, "call_not_guarded"),
        ("/v1/realtime", &bed.key, 400, "query_not_accepted"),
        ("/v1/realtime?model=m&x=1", &bed.key, 400, "query_not_accepted"),
        ("/v1/realtime/client_secrets?model=m", &bed.key, 403, "endpoint_denied"),
    ] {
        assert_eq!(refused(&bed, target, key), (status, code.to_owned()), "{target}");
    }
    for (path, status, code) in [
        ("/v1/realtime/client_secrets", 403, "endpoint_denied"),
        ("/v1/realtime/calls", 403, "endpoint_denied"),
        ("/v1/realtime", 405, "method_not_allowed"),
    ] {
        let request = Request::post(path, "{}").with_header("content-type", "application/json");
        let answer = bed.client().send(&request).expect("an answer");
        assert_eq!((answer.status, answer.error_code().as_deref()), (status, Some(code)), "{path}");
    }
    let plain = bed.client().send(&Request::get(TARGET)).expect("an answer");
    assert_eq!((plain.status, plain.error_code().as_deref()), (426, Some("not_a_websocket")));
    let handshake = |version: &str, key: &str| {
        let request = Request::get(TARGET)
            .with_header("connection", "keep-alive, Upgrade")
            .with_header("upgrade", "websocket")
            .with_header("sec-websocket-version", version)
            .with_header("sec-websocket-key", key);
        bed.client().send(&request).expect("an answer").status
    };
    assert_eq!(handshake("12", "dGhlIHNhbXBsZSBub25jZQ=="), 426);
    assert_eq!(handshake("13", "c2hvcnQ="), 400);
    assert!(upstream.heads().is_empty(), "nobody was asked");
    assert!(bed.closed(11).iter().all(|closed| closed.ending != Ending::Answered));
}

#[test]
fn browsers_send_their_key_as_a_subprotocol_and_it_stays_here() {
    let upstream = fake(echo_session);
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let offered = format!("realtime, openai-insecure-api-key.{}, openai-beta.realtime-v1", bed.key);
    // Clients insist that the subprotocol they get is one they offered.
    let mut client =
        SessionClient::open(bed.address, TARGET, &[("sec-websocket-protocol", &offered)]);
    let client = client.as_mut().expect("a session");
    client.hear_until("session.created");
    let head = upstream.heads().remove(0);
    assert!(head.contains("openai-beta: realtime=v1") && !head.contains("btz_"), "{head}");
    let both = format!("Bearer {}", bed.other_key);
    let two = SessionClient::open(
        bed.address,
        TARGET,
        &[("sec-websocket-protocol", &offered), ("authorization", &both)],
    );
    assert_eq!(two.expect_err("a refusal").0, 401);
}

#[test]
fn events_that_are_refused_are_told_and_not_sent_on() {
    let upstream = fake(echo_session);
    let plan = Plan { unknown_fields: UnknownFields::Refuse, ..canary::plan() };
    let bed = Bed::new(&upstream.base_url(), plan);
    let mut client = open(&bed);
    client.hear_until("session.created");
    let update =
        |session: Value| json!({ "type": "session.update", "session": session }).to_string();
    let cases = [
        (item(&format!("write to {EMAIL}")).to_string(), "policy_block"),
        ("{".to_owned(), "invalid_json"),
        ("[]".to_owned(), "invalid_body"),
        (r#"{"type":"response.create","type":"session.update"}"#.to_owned(), "duplicate_key"),
        (r#"{"type":"session.destroy"}"#.to_owned(), "invalid_value"),
        (r#"{"type":7}"#.to_owned(), "invalid_value"),
        (
            r#"{"type":"session.update","session":{"model":"gpt-other"}}"#.to_owned(),
            "model_not_sessions",
        ),
        (
            json!({ "type": "response.create", "response": { "model": "x" } }).to_string(),
            "model_not_sessions",
        ),
        (update(json!({ "prompt": { "id": "pmpt_1" } })), "field_denied"),
        (
            update(json!({ "tools": [{ "type": "mcp", "server_url": "https://x.example" }] })),
            "field_denied",
        ),
        (update(json!({ "x_unknown": "text" })), "unknown_field"),
        (
            json!({ "type": "input_audio_buffer.append", "audio": "no base64!" }).to_string(),
            "invalid_value",
        ),
    ];
    for (event, code) in &cases {
        client.send_text(event);
        let told = client.hear_until("error").remove(0);
        assert_eq!(code_of(&told), *code, "{event}: {told}");
    }
    // The session goes on.
    client.send(&json!({ "type": "input_audio_buffer.append", "audio": "UklGRg==" }));
    client.send(&item("hello"));
    client.hear_until("conversation.item.done");
    assert_eq!(upstream.messages().len(), 2, "{:?}", upstream.messages());
    drop(client);
    // Those that were refused, the first sound, the item, and the session.
    let closed = bed.closed(cases.len() + 3);
    let reasons: Vec<_> = closed.iter().filter_map(|closed| closed.reason.as_deref()).collect();
    for (_, code) in &cases {
        assert!(reasons.contains(code), "{code} is not in {reasons:?}");
    }
    let session = closed.last().expect("the session's");
    assert!(session.unscanned.iter().any(|one| one.why.contains("audio")), "{session:?}");
}

#[test]
fn nothing_escapes_in_an_event_of_the_client() {
    let upstream = fake(echo_session);
    let bed = Bed::new(&upstream.base_url(), canary::plan());
    let mut client = open(&bed);
    client.hear_until("session.created");
    let mut planted = 0;
    for (form, canary) in canary::forms() {
        for planting in wire::plantings(Operation::Realtime, Direction::Request, &canary) {
            let event = String::from_utf8_lossy(&planting.message).into_owned();
            client.send_text(&event);
            let Heard::Event(told) = client.hear() else { panic!("the session ended at {event}") };
            assert!(
                told.contains("policy_block"),
                "{form} canary in {}: {event}: {told}",
                planting.path
            );
            planted += 1;
        }
    }
    assert!(planted > 150, "only {planted} plantings");
    assert!(upstream.messages().is_empty(), "a refused event was sent on");
}

#[test]
fn nothing_escapes_in_an_event_of_the_server() {
    let mut planted = 0;
    // What is encoded is found when the lane ends, after it was sent: see THREATS.md. Every place in the plain form, and in
    // the others every fourth.
    let plantings: Vec<_> = canary::forms()
        .into_iter()
        .filter(|(form, _)| *form != "base64")
        .flat_map(|(form, canary)| {
            let plantings = wire::plantings(Operation::Realtime, Direction::Stream, &canary);
            let step = if form == "plain" { 1 } else { 4 };
            plantings
                .into_iter()
                .step_by(step)
                .map(move |planting| (form, canary.clone(), planting))
        })
        .collect();
    let messages: Vec<String> = plantings
        .iter()
        .map(|(_, _, planting)| String::from_utf8_lossy(&planting.message).into_owned())
        .collect();
    // Each session is told the next.
    let next = Mutex::new(messages.into_iter());
    let upstream = fake(move || {
        let event = next.lock().expect("not poisoned").next().unwrap_or_default();
        let done = json!({ "type": "response.done", "response": { "id": "resp_1", "status": "completed" } });
        let begun = json!({ "type": "response.created", "response": { "id": "resp_1" } });
        Box::new(move |said| match said["type"].as_str() {
            Some("response.create") => {
                vec![Say::event(&begun), Say::Text(event.clone()), Say::event(&done)]
            }
            _ => Vec::new(),
        })
    });
    let bed = Bed::new(&upstream.base_url(), canary::plan());
    for (form, canary, planting) in &plantings {
        let mut client = open(&bed);
        client.send(&ask());
        let (said, end) = client.hear_all();
        let event = String::from_utf8_lossy(&planting.message);
        assert!(
            !said.iter().any(|said| said.contains(canary.as_str())),
            "{form} canary in {} passed: {event}: {said:?}",
            planting.path
        );
        assert_eq!(
            end,
            Heard::Closed(Some(1008)),
            "{form} canary in {}: {event}: {said:?}",
            planting.path
        );
        planted += 1;
    }
    assert!(planted > 100, "only {planted} plantings");
}

#[test]
fn a_value_split_over_deltas_is_found_wherever_it_is_cut() {
    let text = format!("Write to {EMAIL} today.");
    for cut in (1..text.len()).step_by(3) {
        let (first, second) = text.split_at(cut);
        let upstream = saying(realtime_response("resp_1", &[first, second], false));
        let bed = Bed::new(&upstream.base_url(), canary::plan());
        let mut client = open(&bed);
        client.send(&ask());
        let (said, end) = client.hear_all();
        let events: Vec<Value> =
            said.iter().map(|said| serde_json::from_str(said).expect("an event")).collect();
        assert_eq!(deltas(&events, "response.output_text.delta"), "Write to ", "cut at {cut}");
        assert_eq!(events.last().map(code_of), Some("policy_block"), "{said:?}");
        assert_eq!(end, Heard::Closed(Some(1008)));
        assert!(upstream.messages().iter().any(|said| said.contains("response.cancel")));
    }
}

#[test]
fn values_of_the_caller_are_masked_for_the_model_and_restored_for_the_caller() {
    let upstream = fake(echo_session);
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let mut client = open(&bed);
    client.hear_until("session.created");
    let text = format!("please write to {EMAIL} now");
    client.send(&item(&text));
    let echoed = client.hear_until("conversation.item.done");
    assert!(echoed.iter().all(|event| event["item"]["content"][0]["text"] == *text), "{echoed:?}");
    client.send(&ask());
    let events = client.hear_until("response.done");
    assert!(
        upstream.messages().iter().all(|said| !said.contains(EMAIL)),
        "{:?}",
        upstream.messages()
    );
    assert_eq!(deltas(&events, "response.output_text.delta"), text);
    for event in &events {
        for whole in [
            &event["text"],
            &event["part"]["text"],
            &event["item"]["content"][0]["text"],
            &event["response"]["output"][0]["content"][0]["text"],
        ] {
            let is_right = whole.as_str().is_none_or(|whole| whole.is_empty() || whole == text);
            assert!(is_right, "{event}");
        }
    }
}

/// A server that says a response in pieces of the test's choice, as sound, and a gateway before it.
struct Speaker {
    bed: Bed,
    pieces: Arc<Mutex<Vec<String>>>,
    _upstream: FakeRealtime,
}

impl Speaker {
    fn new(plan: Plan) -> Self {
        let pieces = Arc::<Mutex<Vec<String>>>::default();
        let said = Arc::clone(&pieces);
        let upstream = fake(move || {
            let said = Arc::clone(&said);
            Box::new(move |event| match event["type"].as_str() {
                Some("response.create") => {
                    let pieces = said.lock().expect("not poisoned").clone();
                    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
                    realtime_response("resp_1", &pieces, true).iter().map(Say::event).collect()
                }
                _ => Vec::new(),
            })
        });
        Self { bed: Bed::new(&upstream.base_url(), plan), pieces, _upstream: upstream }
    }

    /// How much sound is heard, the transcript, and all that is said.
    fn heard(&self, pieces: &[&str]) -> (usize, String, Vec<Value>) {
        *self.pieces.lock().expect("not poisoned") =
            pieces.iter().map(|piece| (*piece).to_owned()).collect();
        let mut client = open(&self.bed);
        client.send(&ask());
        let mut events = Vec::new();
        while let Heard::Event(text) = client.hear() {
            let event: Value = serde_json::from_str(&text).expect("an event");
            let is_last = event["type"] == "rate_limits.updated";
            events.push(event);
            if is_last {
                break;
            }
        }
        let sound = events.iter().filter(|event| event["type"] == "response.output_audio.delta");
        let transcript = deltas(&events, "response.output_audio_transcript.delta");
        (sound.count(), transcript, events)
    }
}

#[test]
fn sound_is_heard_once_its_transcript_was_let_go() {
    let speaker = Speaker::new(Plan::default());
    let (sounds, transcript, events) = speaker.heard(&["Hello ", "there ", "friend."]);
    assert_eq!((sounds, &*transcript), (3, "Hello there friend."));
    let at = |kind: &str| events.iter().position(|event| event["type"] == kind).expect("the event");
    let last_word =
        events.iter().rposition(|event| event["type"] == "response.output_audio_transcript.delta");
    assert!(last_word < Some(at("response.output_audio.delta")));
    assert!(at("response.output_audio.delta") < at("response.output_audio.done"));
    assert!(at("response.output_audio.done") < at("response.output_audio_transcript.done"));

    // What is masked in the transcript is not heard either.
    let (sounds, transcript, events) = speaker.heard(&["Write to ", EMAIL, " now."]);
    assert!(sounds == 0 && !transcript.contains(EMAIL), "{transcript}");
    assert!(events.iter().all(|event| !event.to_string().contains(EMAIL)));
    assert!(events.iter().any(|event| event["type"] == "response.output_audio.done"));

    let (sounds, transcript, _) =
        Speaker::new(canary::plan()).heard(&["Write to ", EMAIL, " now."]);
    assert_eq!((sounds, &*transcript), (0, "Write to "), "stopped");
}

#[test]
fn what_is_heard_does_not_depend_on_how_it_was_cut() {
    let text = "Écris à eve.canary@example.net, or call +1 415 555 2671 today.";
    let speaker = Speaker::new(Plan::default());
    let (_, whole, _) = speaker.heard(&[text]);
    let config = proptest::test_runner::Config { cases: 24, ..Default::default() };
    let mut runner = TestRunner::new(config);
    let cuts = proptest::collection::vec(1..60_usize, 0..8);
    let checked = runner.run(&cuts, |cuts| {
        let (mut pieces, mut rest) = (Vec::new(), text);
        for cut in cuts {
            let (first, second) = rest.split_at(rest.floor_char_boundary(cut));
            pieces.push(first);
            rest = second;
        }
        pieces.push(rest);
        pieces.retain(|piece| !piece.is_empty());
        let (sounds, said, events) = speaker.heard(&pieces);
        proptest::prop_assert_eq!(&said, &whole);
        proptest::prop_assert!(sounds == 0 && !said.contains("eve.canary"));
        for event in events {
            let told = event["transcript"].as_str();
            proptest::prop_assert!(told.is_none_or(|told| told == said), "{}", event);
        }
        Ok(())
    });
    assert_eq!(checked, Ok(()));
}

#[test]
fn what_the_user_says_is_guarded_as_it_is_transcribed() {
    let said = |kind: &str, member: &str, text: &str| {
        json!({ "type": format!("conversation.item.input_audio_transcription.{kind}"), "event_id": "e", "item_id": "item_1",
            "content_index": 0, member: text })
    };
    let upstream = saying(vec![
        said("delta", "delta", "my mail is eve.can"),
        said("delta", "delta", "ary@example.net ok"),
        said("completed", "transcript", "my mail is eve.canary@example.net ok"),
    ]);
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let mut client = open(&bed);
    client.send(&ask());
    let kind = "conversation.item.input_audio_transcription";
    let events = client.hear_until(&format!("{kind}.completed"));
    let told = deltas(&events, &format!("{kind}.delta"));
    assert!(
        !told.contains("eve") && told.starts_with("my mail is ") && told.ends_with(" ok"),
        "{told}"
    );
    assert_eq!(events.last().expect("it")["transcript"], *told, "both ways of saying it agree");
}

#[test]
fn limits_count_responses_whoever_begins_them() {
    let quota = Quota { requests_per_minute: Some(1), ..Quota::default() };
    let limited = || Plan {
        grant: GrantOptions { quota: quota.clone(), ..GrantOptions::default() },
        ..Plan::default()
    };
    let upstream = fake(echo_session);
    let bed = Bed::new(&upstream.base_url(), limited());
    let mut client = open(&bed);
    client.send(&item("hello"));
    client.send(&ask());
    client.hear_until("rate_limits.updated");
    client.send(&ask());
    assert_eq!(code_of(&client.hear_until("error").remove(0)), "rate_limited");
    let asked = upstream.messages().iter().filter(|said| said.contains("response.create")).count();
    assert_eq!(asked, 1);

    // The server heard somebody speak, twice.
    let upstream = fake(|| {
        Box::new(|event| match event["type"].as_str() {
            Some("input_audio_buffer.commit") => {
                realtime_response("resp_1", &["hi"], false).iter().map(Say::event).collect()
            }
            _ => Vec::new(),
        })
    });
    let bed = Bed::new(&upstream.base_url(), limited());
    let mut client = open(&bed);
    let commit = json!({ "type": "input_audio_buffer.commit" });
    client.send(&commit);
    client.hear_until("rate_limits.updated");
    client.send(&commit);
    let (said, end) = client.hear_all();
    assert!(said.len() == 1 && said[0].contains("rate_limited"), "{said:?}");
    assert_eq!(end, Heard::Closed(Some(1008)));
    assert!(upstream.messages().iter().any(|said| said.contains("response.cancel")));
}

/// How a session ends whose client does this.
fn ends(limits: Limits, act: impl Fn(&mut SessionClient)) -> (Heard, Ending) {
    let upstream = fake(|| Box::new(|_| Vec::new()));
    let bed = Bed::new(&upstream.base_url(), Plan { limits, ..Plan::default() });
    let mut client = open(&bed);
    act(&mut client);
    let (_, end) = client.hear_all();
    (end, bed.closed(1).remove(0).ending)
}

#[test]
fn bad_frames_end_a_session_with_the_number_for_it() {
    let small = || Limits { session_message_bytes_max: 1000, ..Limits::default() };
    let closed = |code| Heard::Closed(Some(code));
    let text = |bytes: usize| " ".repeat(bytes);
    assert_eq!(
        ends(small(), |client| client.send_text(&text(1001))),
        (closed(1009), Ending::Malformed)
    );
    assert_eq!(
        ends(small(), |client| client.send_binary(b"{}")),
        (closed(1003), Ending::Malformed)
    );
    // A frame of text without a mask, and one with a mask of zeros that is not UTF-8.
    let (end, ending) = ends(small(), |client| client.write_raw(b"\x81\x02{}"));
    assert_eq!((end, ending), (closed(1002), Ending::Malformed));
    let (end, ending) = ends(small(), |client| client.write_raw(b"\x81\x82\0\0\0\0\xff\xfe"));
    assert_eq!((end, ending), (closed(1007), Ending::Malformed));
    // Pieces that are too large together, and a piece of nothing.
    let piece = |first: u8| [&[first, 0xfe, 3, 0xe8 - 200, 0, 0, 0, 0][..], &[b' '; 800]].concat();
    let (end, _) = ends(small(), |client| {
        client.write_raw(&piece(0x01));
        client.write_raw(&piece(0x80));
    });
    assert_eq!(end, closed(1009));
    assert_eq!(ends(small(), |client| client.write_raw(&piece(0x80))).0, closed(1002));
}

#[test]
fn a_message_in_pieces_is_one_message() {
    let upstream = fake(echo_session);
    let bed = Bed::new(&upstream.base_url(), canary::plan());
    let mut client = open(&bed);
    client.hear_until("session.created");
    let event = item(&format!("write to {EMAIL}")).to_string();
    for (at, byte) in event.bytes().enumerate() {
        let is_last = at + 1 == event.len();
        let first = u8::from(at == 0) | if is_last { 0x80 } else { 0 };
        client.write_raw(&[first, 0x81, 0, 0, 0, 0, byte]);
    }
    assert_eq!(code_of(&client.hear_until("error").remove(0)), "policy_block");
    assert!(upstream.messages().is_empty());
}

#[test]
fn sessions_end_when_they_are_silent_or_have_lasted() {
    let short = Duration::from_millis(300);
    for (limits, code) in [
        (Limits { session_idle_time_max: short, ..Limits::default() }, "session_idle"),
        (Limits { session_time_max: short, ..Limits::default() }, "session_time_max"),
    ] {
        let upstream = fake(|| Box::new(|_| Vec::new()));
        let bed = Bed::new(&upstream.base_url(), Plan { limits, ..Plan::default() });
        let mut client = open(&bed);
        let (said, end) = client.hear_all();
        assert!(said.len() == 1 && said[0].contains(code), "{said:?}");
        assert_eq!(end, Heard::Closed(Some(1001)));
    }
}

#[test]
fn sessions_are_cut_by_the_switch_and_by_the_end_of_the_gateway() {
    let (upstream, isolation) = (fake(echo_session), Isolation::default());
    let plan = Plan { isolation: isolation.clone(), ..Plan::default() };
    let bed = Bed::new(&upstream.base_url(), plan);
    let mut client = open(&bed);
    client.hear_until("session.created");
    isolation.set(vec!["model:m".parse().expect("a target")]);
    let (said, end) = client.hear_all();
    assert!(said.len() == 1 && said[0].contains("isolated"), "{said:?}");
    assert_eq!(end, Heard::Closed(Some(1008)));
    assert_eq!(refused(&bed, TARGET, &bed.key), (403, "isolated".to_owned()));
    isolation.set(Vec::new());

    let mut client = open(&bed);
    client.hear_until("session.created");
    bed.begin_shutdown();
    assert_eq!(client.hear_all(), (Vec::new(), Heard::Closed(Some(1001))));
}

#[test]
fn what_an_upstream_says_that_cannot_be_read_ends_a_session() {
    let twice = realtime_response("resp_1", &["hello"], false);
    let piece = |response: &str, text: &str| {
        json!({ "type": "response.output_text.delta", "response_id": response, "item_id": "item_resp_1",
            "output_index": 0, "content_index": 0, "delta": text })
    };
    let late = piece("resp_1", "more");
    let begun = |id: &str| realtime_response(id, &[], false).remove(0);
    let sound =
        json!({ "type": "response.output_audio.delta", "item_id": "item_1", "delta": "UklGRg==" });
    let cases: Vec<(Vec<Say>, u16)> = vec![
        (vec![Say::Text("{".to_owned())], 1011),
        (vec![Say::Text("[]".to_owned())], 1011),
        (vec![Say::Text(r#"{"type":"a","type":"b"}"#.to_owned())], 1011),
        (vec![Say::Binary(b"{}".to_vec())], 1011),
        (twice[..9].iter().chain([&late]).map(Say::event).collect(), 1011),
        // Half a value under each of two responses, one that was not announced, and none at all.
        (
            [begun("a"), begun("b"), piece("a", "eve.canary@exa"), piece("b", "mple.net")]
                .iter()
                .map(Say::event)
                .collect(),
            1011,
        ),
        (vec![Say::event(&piece("never", "a secret word"))], 1011),
        (vec![Say::event(&sound)], 1011),
        (vec![Say::Close(1000)], 1000),
        (vec![Say::Close(4711)], 1011),
    ];
    for (says, code) in cases {
        let script = says.clone();
        let upstream = fake(move || {
            let script = script.clone();
            Box::new(move |event| match event["type"].as_str() {
                Some("input_audio_buffer.commit") => script.clone(),
                _ => Vec::new(),
            })
        });
        let bed = Bed::new(&upstream.base_url(), Plan::default());
        let mut client = open(&bed);
        client.send(&json!({ "type": "input_audio_buffer.commit" }));
        let (said, end) = client.hear_all();
        assert_eq!(end, Heard::Closed(Some(code)), "{says:?}: {said:?}");
        assert!(said.iter().all(|said| !said.contains("secret word")));
        let endings: Vec<Ending> = bed.closed(1).iter().map(|closed| closed.ending).collect();
        let is_well = matches!(&*says, [Say::Close(_)]);
        assert!(endings.contains(&if is_well { Ending::Answered } else { Ending::UpstreamFailed }));
    }
}

#[test]
fn who_leaves_or_is_left_is_on_record() {
    let begun = realtime_response("resp_1", &["hello", "there"], false)[..6].to_vec();
    let upstream = saying(begun);
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    let mut client = open(&bed);
    client.send(&ask());
    client.hear_until("response.content_part.added");
    client.vanish();
    let endings: Vec<Ending> = bed.closed(2).iter().map(|closed| closed.ending).collect();
    assert_eq!(endings, [Ending::ClientLeft, Ending::ClientLeft]);

    // No upstream is there, or it opens no session.
    let bed = Bed::new("http://127.0.0.1:9/v1", Plan::default());
    assert_eq!(refused(&bed, TARGET, &bed.key), (502, "upstream_unreachable".to_owned()));
    let other = FakeUpstream::start().expect("an upstream");
    let bed = Bed::new(&format!("http://{}/nowhere", other.address()), Plan::default());
    assert_eq!(refused(&bed, TARGET, &bed.key), (502, "upstream_not_opened".to_owned()));
}

#[test]
fn azure_has_sessions_at_its_own_paths() {
    let upstream = fake(echo_session);
    let bed = Bed::new(&upstream.base_url(), Plan::default());
    for target in [
        "/openai/v1/realtime?model=m",
        "/openai/realtime?api-version=2024-10-01-preview&deployment=m",
    ] {
        let headers = [("api-key", bed.key.as_str())];
        let mut client = SessionClient::open(bed.address, target, &headers).expect("a session");
        client.hear_until("session.created");
    }
    assert!(upstream.heads().iter().all(|head| head.starts_with("/v1/realtime?model=m\n")));
}

#[test]
fn a_connection_counts_as_long_as_its_session_lasts() {
    let upstream = fake(echo_session);
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let bed = Bed::new(&upstream.base_url(), Plan { limits, ..Plan::default() });
    let mut client = open(&bed);
    client.hear_until("session.created");
    let other = TcpStream::connect(bed.address).expect("the kernel's queue");
    other.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    {
        use std::io::{Read as _, Write as _};
        let mut other = &other;
        other.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").expect("room");
        assert!(other.read(&mut [0; 1]).is_err(), "it waits");
        drop(client);
        other.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        assert_eq!(other.read(&mut [0; 1]).ok(), Some(1), "and then is served");
    }
}
