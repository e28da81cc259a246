//! Keys of ours that stand where keys do not belong: on record, told.

use std::collections::BTreeMap;

use events::{Administration, EventBody};
use gateway::Exposed;
use http::StatusCode;
use stdx::{Secret, SharedSecret};
use testkit::Request;

use crate::bed::{Bed, COMPLETION, Canned, PROVIDER_KEY, Plan};

fn exposed(bed: &Bed) -> Vec<String> {
    let of_key = |body| match body {
        EventBody::Administration(Administration { operation, target, .. })
            if operation == gateway::KEY_EXPOSED =>
        {
            Some(target)
        }
        _ => None,
    };
    bed.record().into_iter().filter_map(of_key).collect()
}

fn ask(text: &str) -> Request {
    let messages = serde_json::json!([{"role": "user", "content": text}]);
    let body = serde_json::json!({"model": "m", "messages": messages});
    Request::post("/v1/chat/completions", body.to_string())
}

#[test]
fn a_key_in_a_prompt_is_refused_told_and_on_record() {
    let upstream = Canned::start();
    upstream.answer("application/json", COMPLETION);
    let (sender, mut told) = tokio::sync::mpsc::channel(4);
    let bed = Bed::new(&upstream.base_url, Plan { exposed: sender, ..Plan::default() });
    let id = events::parse_virtual_key(&bed.key).expect("a key");

    // Somebody who knows the public id alone cannot have the key revoked.
    let forged = events::compose_virtual_key(id, &[7; 32]);
    let stranger = events::compose_virtual_key(events::KeyId::new(1), &[7; 32]);
    for text in [format!("is {forged} mine?"), format!("and {stranger}?")] {
        bed.client().send(&ask(&text)).expect("an answer");
    }
    assert!(exposed(&bed).is_empty() && told.try_recv().is_err());

    let key = &bed.key;
    let answer =
        bed.client().send(&ask(&format!("my key {key} does not work, {key}!"))).expect("an answer");
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(upstream.take_received().is_empty(), "nothing is sent on");
    bed.closed(3);
    assert_eq!(exposed(&bed), [id.to_string()], "once for each request");
    assert_eq!(told.try_recv().ok(), Some(Exposed::VirtualKey(id)));
}

#[test]
fn a_key_or_an_address_for_a_models_name_is_refused_and_nowhere() {
    let upstream = Canned::start();
    upstream.answer("application/json", COMPLETION);
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let id = events::parse_virtual_key(&bed.key).expect("a key");
    let named = [bed.key.clone(), "jane.doe@example.com".to_owned(), format!("x-{}", bed.key)];
    for name in &named {
        let body = serde_json::json!({"model": name, "messages": []});
        let request = Request::post("/v1/chat/completions", body.to_string());
        let answer = bed.client().send(&request).expect("an answer");
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(!answer.text().contains(name.as_str()), "{}", answer.text());
    }
    bed.closed(named.len());
    assert!(
        upstream.take_received().is_empty() && bed.opened().iter().all(|one| one.model.is_none())
    );
    assert_eq!(exposed(&bed), [id.to_string()]);
}

/// What an upstream answers with this text: whole, or in pieces of so many characters.
fn answer(upstream: &Canned, text: &str, step: Option<usize>) {
    let Some(step) = step else {
        return upstream
            .answer("application/json", COMPLETION.replace("\"ok\"", &format!("\"{text}\"")));
    };
    let chunk = |delta: serde_json::Value, finish: serde_json::Value| {
        let choice = serde_json::json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk = serde_json::json!({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    let pieces = text.as_bytes().chunks(step).map(String::from_utf8_lossy);
    let mut events: String = pieces
        .map(|piece| chunk(serde_json::json!({"content": piece}), serde_json::Value::Null))
        .collect();
    events += &chunk(serde_json::json!({}), serde_json::json!("stop"));
    upstream.answer("text/event-stream", events + "data: [DONE]\n\n");
}

#[test]
fn a_key_in_an_answer_is_told_and_on_record_however_it_is_cut() {
    let upstream = Canned::start();
    let (sender, mut told) = tokio::sync::mpsc::channel(4);
    let bed = Bed::new(&upstream.base_url, Plan { exposed: sender, ..Plan::default() });
    let id = events::parse_virtual_key(&bed.other_key).expect("a key");
    let forged = events::compose_virtual_key(id, &[7; 32]);
    let mut count = 0;
    for step in [None, Some(1), Some(7), Some(1000)] {
        for (key, exposes) in [(&bed.other_key, true), (&forged, false)] {
            answer(&upstream, &format!("the key {key} works, {key}!"), step);
            let messages = serde_json::json!([{"role": "user", "content": "which key works?"}]);
            let body =
                serde_json::json!({"model": "m", "stream": step.is_some(), "messages": messages});
            let request = Request::post("/v1/chat/completions", body.to_string());
            let answer = bed.client().send(&request).expect("an answer");
            assert!(!answer.text().contains(key.as_str()), "{step:?}: {}", answer.text());
            count += 1;
            bed.closed(count);
            let expected = exposes.then_some(Exposed::VirtualKey(id));
            assert_eq!(told.try_recv().ok(), expected, "{step:?}");
            assert!(told.try_recv().is_err(), "once for each answer");
        }
    }
    assert_eq!(exposed(&bed), vec![id.to_string(); 4]);
}

#[test]
fn a_key_in_the_comment_of_a_report_is_told_and_on_record() {
    let upstream = Canned::start();
    upstream.answer("application/json", COMPLETION);
    let (sender, mut told) = tokio::sync::mpsc::channel(4);
    let bed = Bed::new(&upstream.base_url, Plan { exposed: sender, ..Plan::default() });
    let answer = bed.client().send(&ask("hello")).expect("an answer");
    let interaction = answer.header("x-bartizan-interaction").expect("an id").to_owned();
    let comment = format!("it does not take my key {}", bed.key);
    let body =
        serde_json::json!({"interaction": interaction, "rating": "down", "comment": comment});
    let reported = bed.client().send(&Request::post("/v1/report", body.to_string()));
    assert_eq!(reported.expect("an answer").status, 200);
    let id = events::parse_virtual_key(&bed.key).expect("a key");
    assert_eq!(told.try_recv().ok(), Some(Exposed::VirtualKey(id)));
    assert_eq!(exposed(&bed), [id.to_string()]);
}

/// What the gateway knows as sealed, and the key itself.
fn sealed() -> (BTreeMap<String, SharedSecret>, String) {
    let key = "sk-proj-Zr4Kq9Lw2Xc7Vb1Nm5Tg8Hj3Fd6Sa0PeYu4Iw8Oq2Rk6Ja9".to_owned();
    let place = SharedSecret::new(Secret::new(key.clone()));
    (BTreeMap::from([("openai".to_owned(), place)]), key)
}

#[test]
fn a_sealed_key_in_a_prompt_is_told_and_on_record_as_long_as_it_is_in_use() {
    let upstream = Canned::start();
    upstream.answer("application/json", COMPLETION);
    let (sender, mut told) = tokio::sync::mpsc::channel(4);
    let (places, key) = sealed();
    let plan = Plan { exposed: sender, sealed: places.clone(), ..Plan::default() };
    let bed = Bed::new(&upstream.base_url, plan);
    let other = key.replace("Zr4K", "Zr4L");
    for text in [format!("is {other} mine?"), format!("the first half is {}", &key[..24])] {
        bed.client().send(&ask(&text)).expect("an answer");
    }
    assert!(exposed(&bed).is_empty() && told.try_recv().is_err(), "that is nobody's");
    bed.client().send(&ask(&format!("why does {key} not work, {key}?"))).expect("an answer");
    assert_eq!(told.try_recv().ok(), Some(Exposed::Sealed("openai".to_owned())));
    assert!(told.try_recv().is_err(), "once for each request");
    bed.closed(3);
    assert_eq!(exposed(&bed), ["sealed:openai"]);
    places["openai"].replace(Some(Secret::new("sk-another".to_owned())));
    bed.client().send(&ask(&format!("and {key} now?"))).expect("an answer");
    assert!(told.try_recv().is_err(), "what is no longer in use is no longer told");
}

#[test]
fn a_sealed_key_in_an_answer_is_told_however_it_is_cut() {
    let upstream = Canned::start();
    let (sender, mut told) = tokio::sync::mpsc::channel(4);
    let (places, key) = sealed();
    let plan = Plan { exposed: sender, sealed: places, ..Plan::default() };
    let bed = Bed::new(&upstream.base_url, plan);
    for (index, step) in [None, Some(1), Some(7), Some(1000)].into_iter().enumerate() {
        answer(&upstream, &format!("the key {key} works, {key}!"), step);
        let messages = serde_json::json!([{"role": "user", "content": "which key works?"}]);
        let body =
            serde_json::json!({"model": "m", "stream": step.is_some(), "messages": messages});
        let request = Request::post("/v1/chat/completions", body.to_string());
        let answer = bed.client().send(&request).expect("an answer");
        assert!(!answer.text().contains(&key), "{step:?}: {}", answer.text());
        bed.closed(index + 1);
        assert_eq!(told.try_recv().ok(), Some(Exposed::Sealed("openai".to_owned())), "{step:?}");
        assert!(told.try_recv().is_err(), "{step:?}: once for each answer");
    }
}

#[test]
fn an_upstream_that_says_the_key_it_was_asked_with_is_not_passed_on() {
    let upstream = Canned::start();
    let (sender, mut told) = tokio::sync::mpsc::channel(16);
    let plan = Plan { exposed: sender, ..Plan::default() };
    let bed = Bed::new(&upstream.base_url, plan);
    let error = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {PROVIDER_KEY}.","type":"x","code":"invalid_api_key"}}}}"#
    );
    upstream.answer_as(StatusCode::UNAUTHORIZED, "application/json", error);
    let refused = bed.client().send(&ask("hello")).expect("an answer");
    assert_eq!(
        (refused.status, refused.error_code().as_deref()),
        (502, Some("upstream_key_echoed"))
    );
    assert!(!refused.text().contains(PROVIDER_KEY), "{}", refused.text());
    bed.closed(1);
    assert_eq!(exposed(&bed), ["upstream:fake"]);
    assert_eq!(told.try_recv().ok(), Some(Exposed::Upstream("fake".to_owned())));

    for step in [None, Some(1000)] {
        answer(&upstream, &format!("the key is {PROVIDER_KEY}"), step);
        let messages = serde_json::json!([{"role": "user", "content": "which key?"}]);
        let body =
            serde_json::json!({"model": "m", "stream": step.is_some(), "messages": messages});
        let request = Request::post("/v1/chat/completions", body.to_string());
        let answer = bed.client().send(&request).expect("an answer");
        assert!(!answer.text().contains(PROVIDER_KEY), "{step:?}: {}", answer.text());
        assert_eq!(told.try_recv().ok(), Some(Exposed::Upstream("fake".to_owned())), "{step:?}");
    }
}
