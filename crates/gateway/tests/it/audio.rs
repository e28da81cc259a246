//! Audio end to end: forms with sound, transcripts whole, as text and streamed, and speech.

use detect::DetectSettings;
use events::{Ending, TokenUsage};
use http::StatusCode;
use serde_json::{Value, json};
use store::{GrantOptions, Quota};
use testkit::{Request, Response};

use crate::bed::{Bed, Canned, Plan};
use crate::forms::{self, CONTENT};

const EMAIL: &str = "jane.doe@example.org";
const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";

fn send(bed: &Bed, request: &Request) -> Response {
    bed.client().send(request).expect("an answer")
}

fn ask(extra: &Value) -> Request {
    let mut asked = json!({ "file": { "filename": "a.wav", "content_type": "audio/wav" }, "model": "whisper-1" });
    for (name, value) in extra.as_object().into_iter().flatten() {
        asked[name] = value.clone();
    }
    forms::request(TRANSCRIPTIONS, asked.to_string().as_bytes())
}

/// The data of a stream's events.
fn events(response: &Response) -> Vec<Value> {
    assert!(response.text().ends_with("\n\n"), "{}", response.text());
    let events = response.sse().events;
    let data = events.iter().filter(|event| event.data != "[DONE]");
    data.map(|event| serde_json::from_str(&event.data).expect("JSON")).collect()
}

fn stream(events: &[Value]) -> String {
    let frames: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    frames.concat()
}

#[test]
fn a_form_passes_byte_for_byte_and_its_sound_is_on_record_as_not_scanned() {
    let upstream = Canned::start();
    let answer = r#"{ "text":"Hello there.",  "usage":{"type":"tokens","input_tokens":14,"output_tokens":3,"total_tokens":17} }"#;
    upstream.answer("application/json", answer);
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let extra = json!({ "prompt": "Ferries, gulls.", "temperature": 0.2, "timestamp_granularities": ["word"],
        "language": "en", "include": ["logprobs"] });
    let response = send(&bed, &ask(&extra));
    assert_eq!((response.status, response.text().as_str()), (200, answer));
    let mut sent = json!({ "file": { "filename": "a.wav", "content_type": "audio/wav" }, "model": "whisper-1" });
    sent.as_object_mut().expect("one").extend(extra.as_object().expect("one").clone());
    assert_eq!(upstream.take_received(), [forms::form(&sent)]);
    let (opened, closed) = (&bed.opened()[0], &bed.closed(1)[0]);
    assert_eq!((&*opened.dialect, &*opened.operation), ("openai", "audio.transcriptions"));
    assert_eq!(
        (opened.unscanned[0].path.as_str(), &*opened.unscanned[0].why),
        ("file", "opaque: audio")
    );
    assert!(response.header("x-bartizan-unscanned").is_some_and(|value| !value.is_empty()));
    assert_eq!(closed.ending, Ending::Answered);
    assert_eq!(closed.usage, Some(TokenUsage { input: 14, output: 3 }));
}

#[test]
fn text_in_a_form_is_masked_in_its_part_and_restored_in_every_form_of_the_transcript() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let extra = json!({ "prompt": format!("A call with {EMAIL}."), "known_speaker_names": [EMAIL],
        "file": { "filename": format!("{EMAIL}.wav"), "content_type": "audio/wav" } });
    upstream.answer("application/json", r#"{"text":"ok"}"#);
    assert_eq!(send(&bed, &ask(&extra)).status, 200);
    let received = upstream.take_received().remove(0);
    let sent = String::from_utf8_lossy(&received).into_owned();
    assert!(!sent.contains(EMAIL) && sent.matches("[EMAIL-").count() == 3, "{sent}");
    assert!(
        received.windows(CONTENT.len()).any(|window| window == CONTENT),
        "the sound is as it was"
    );
    let (_, rest) = sent.split_once("A call with ").expect("the prompt");
    let mask = rest.split('.').next().expect("a mask").to_owned();
    let whole = json!({ "task": "transcribe", "language": "english", "duration": 2.5, "text": format!("Ask {mask}."),
        "segments": [{ "id": 0, "text": format!("Ask {mask}."), "start": 0.0, "end": 2.5, "tokens": [1] }] });
    for (content_type, body) in [
        ("application/json", whole.to_string()),
        ("text/plain; charset=utf-8", format!("Ask {mask}.\n")),
        ("text/vtt", format!("WEBVTT\n\n00:00.000 --> 00:02.500\nAsk {mask}.\n")),
        ("application/x-subrip", format!("1\n00:00:00,000 --> 00:00:02,500\nAsk \"\\{mask}\".\n")),
    ] {
        upstream.answer(content_type, body.clone());
        let response = send(&bed, &ask(&extra));
        assert_eq!((response.status, response.header("content-type")), (200, Some(content_type)));
        let text = response.text();
        assert!(text.contains(EMAIL) && !text.contains("[EMAIL-"), "{content_type}: {text}");
        if content_type != "application/json" {
            assert_eq!(text, body.replace(&mask, EMAIL), "nothing else is changed");
        }
    }
    let deltas: Vec<Value> = format!("Ask {mask} now.")
        .split_inclusive(' ')
        .map(|piece| json!({ "type": "transcript.text.delta", "delta": piece, "logprobs": [{ "token": piece }] }))
        .chain([json!({ "type": "transcript.text.done", "text": format!("Ask {mask} now."), "usage":
            { "type": "tokens", "input_tokens": 5, "output_tokens": 4, "total_tokens": 9 } })])
        .collect();
    upstream.answer("text/event-stream", stream(&deltas));
    let mut extra = extra;
    extra["stream"] = json!(true);
    let events = events(&send(&bed, &ask(&extra)));
    let said: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(said, format!("Ask {EMAIL} now."));
    assert_eq!(events.last().expect("an event")["text"], json!(said), "said again as it was said");
    assert!(!format!("{events:?}").contains("[EMAIL-"), "{events:?}");
}

#[test]
fn what_a_transcript_should_not_say_is_removed_from_all_of_it() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let card = "4111 1111 1111 1111";
    let words: Vec<Value> =
        card.split(' ').map(|word| json!({ "word": word, "start": 0, "end": 1 })).collect();
    let halves = json!([{ "id": 0, "text": "It is 4111 1111" }, { "id": 1, "text": "1111 1111." }]);
    let body = json!({ "language": "english", "duration": 1, "text": format!("It is {card}."), "words": words,
        "segments": halves });
    upstream.answer("application/json", body.to_string());
    let answer = send(&bed, &ask(&json!({ "response_format": "verbose_json" }))).json();
    assert!(answer["text"].as_str().is_some_and(|text| text.contains("REMOVED]")), "{answer}");
    assert_eq!(
        (&answer["words"], &answer["segments"]),
        (&Value::Null, &Value::Null),
        "cut in two it is the same"
    );
    for content_type in ["text/plain", "text/vtt"] {
        upstream.answer(content_type, format!("It is {card}.\n"));
        let text = send(&bed, &ask(&json!({ "response_format": "text" }))).text();
        assert!(text.contains("REMOVED]") && !text.contains("4111"), "{text}");
    }
    let events_sent = [
        json!({ "type": "transcript.text.segment", "id": "seg_1", "start": 0, "end": 1, "text": format!("It is {card}."), "speaker": EMAIL }),
        json!({ "type": "transcript.text.delta", "delta": "It is 4111 11", "segment_id": "seg_1" }),
        json!({ "type": "transcript.text.delta", "delta": "11 1111 1111." }),
        json!({ "type": "transcript.text.done", "text": format!("It is {card}.") }),
    ];
    for end in ["", "data: [DONE]\n\n"] {
        upstream.answer("text/event-stream", stream(&events_sent) + end);
        let response = send(&bed, &ask(&json!({ "stream": true })));
        let text = response.text();
        assert!(!text.contains("4111") && !text.contains(EMAIL), "{text}");
        let events = events(&response);
        let said: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
        assert_eq!(events.last().expect("an event")["text"], json!(said), "{text}");
        assert_eq!(text.contains("[DONE]"), !end.is_empty(), "{text}");
    }
    assert!(
        bed.closed(5).iter().all(|closed| closed.ending == Ending::Answered && closed.masked > 0)
    );
}

#[test]
fn a_transcript_that_is_stopped_ends_with_an_error() {
    let canary = "plover-4417-quartz";
    let upstream = Canned::start();
    let detect = DetectSettings::default().with_canary(canary).expect("a canary");
    let bed = Bed::new(&upstream.base_url, Plan { detect, ..Plan::default() });
    let said = [
        json!({ "type": "transcript.text.delta", "delta": "The word is plover-44" }),
        json!({ "type": "transcript.text.delta", "delta": "17-quartz, friend." }),
        json!({ "type": "transcript.text.done", "text": format!("The word is {canary}, friend.") }),
    ];
    upstream.answer("text/event-stream", stream(&said));
    let response = send(&bed, &ask(&json!({ "stream": true })));
    let events = events(&response);
    let text: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(text, "The word is ");
    assert!(events.last().expect("an event")["error"]["code"].is_string(), "{}", response.text());
    assert!(!response.text().contains("plover") && !response.text().contains("friend"));
    assert_eq!(bed.closed(1)[0].ending, Ending::Blocked);
    for (content_type, body) in [
        ("text/plain", format!("It is {canary}.")),
        ("application/json", json!({ "text": canary }).to_string()),
    ] {
        upstream.answer(content_type, body);
        let response = send(&bed, &ask(&json!({})));
        assert_eq!(
            (response.status, response.error_code().is_some()),
            (403, true),
            "{}",
            response.text()
        );
    }
}

#[test]
fn transcripts_of_vllm_stream_as_chats_do() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let chunk = |text: &str, finish: Value| {
        json!({ "id": "trsc-1", "object": "transcription.chunk", "created": 1, "model": "m",
            "choices": [{ "delta": { "content": text }, "finish_reason": finish }] })
    };
    let sent = [chunk("Mail eve.mod", Value::Null), chunk("el@example.net.", json!("stop"))];
    upstream.answer("text/event-stream", stream(&sent) + "data: [DONE]\n\n");
    let response = send(&bed, &ask(&json!({ "stream": true })));
    let text = response.text();
    assert!(
        text.contains("REMOVED]")
            && !text.contains("eve.mod")
            && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
}

#[test]
fn speech_is_passed_on_as_what_no_guard_can_read() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let sound: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let ask = |extra: Value| {
        let mut asked = json!({ "model": "tts-1", "voice": "alloy", "input": format!("Write to {EMAIL}."),
            "instructions": "Speak softly." });
        asked.as_object_mut().expect("one").extend(extra.as_object().expect("one").clone());
        Request::post("/v1/audio/speech", asked.to_string())
            .with_header("content-type", "application/json")
    };
    for content_type in ["audio/mpeg", "application/octet-stream"] {
        upstream.answer(content_type, sound.clone());
        let response = send(&bed, &ask(json!({})));
        assert_eq!((response.status, response.header("content-type")), (200, Some(content_type)));
        assert_eq!(response.body, sound, "as it came");
        assert!(
            response.header("x-bartizan-unscanned").is_some_and(|value| value.contains("opaque"))
        );
    }
    let received = upstream.take_received();
    assert!(received.iter().all(|body| !String::from_utf8_lossy(body).contains(EMAIL)));
    assert!(
        bed.closed(2)
            .iter()
            .all(|closed| closed.unscanned.iter().any(|one| one.why.contains("audio")))
    );

    let spoken = [
        json!({ "type": "speech.audio.delta", "audio": "UklGRg==" }),
        json!({ "type": "speech.audio.done", "usage": { "input_tokens": 4, "output_tokens": 9, "total_tokens": 13 } }),
    ];
    upstream.answer("text/event-stream", stream(&spoken));
    let response = send(&bed, &ask(json!({ "stream_format": "sse" })));
    assert_eq!(response.text(), stream(&spoken));
    assert_eq!(bed.closed(3)[2].usage, Some(TokenUsage { input: 4, output: 9 }));
    for (content_type, body) in [("text/html", "<p>Sign in</p>"), ("application/json", "{\"a\":")] {
        upstream.answer(content_type, body);
        let response = send(&bed, &ask(json!({})));
        assert_eq!(response.error_code().as_deref(), Some("upstream_garbage"), "{content_type}");
    }
    upstream.answer_as(
        StatusCode::BAD_REQUEST,
        "audio/mpeg",
        r#"{"error":{"message":"no such voice"}}"#,
    );
    let response = send(&bed, &ask(json!({})));
    assert_eq!((response.status, response.header("content-type")), (400, Some("application/json")));
    upstream.answer("text/event-stream", stream(&spoken));
    let unasked = send(&bed, &ask(json!({})));
    assert_eq!(
        unasked.error_code().as_deref(),
        Some("upstream_garbage"),
        "nobody asked for a stream"
    );
}

#[test]
fn sound_is_not_counted_as_text() {
    let quota = Quota { tokens_per_day: Some(3_000), ..Quota::default() };
    let grant = GrantOptions { quota, ..GrantOptions::default() };
    let upstream = Canned::start();
    upstream.answer("application/json", r#"{"text":"ok"}"#);
    let bed = Bed::new(&upstream.base_url, Plan { grant, ..Plan::default() });
    for _ in 0..3 {
        let mut body = Vec::new();
        forms::part(&mut body, "name=\"model\"", b"m");
        forms::part(&mut body, "name=\"file\"; filename=\"a.wav\"", &vec![7; 100_000]);
        body.extend_from_slice(format!("--{}--", forms::BOUNDARY).as_bytes());
        assert_eq!(send(&bed, &forms::raw(TRANSCRIPTIONS, body)).status, 200);
    }
}
