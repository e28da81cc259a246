//! Images end to end: edits and variations as forms, and streams of pictures.

use events::{Ending, TokenUsage};
use serde_json::{Value, json};
use testkit::Request;

use crate::bed::{Bed, Canned, Plan};
use crate::forms;

const EMAIL: &str = "jane.doe@example.org";

#[test]
fn prompts_of_edits_are_masked_and_pictures_pass_as_they_are() {
    let upstream = Canned::start();
    upstream.answer("application/json", r#"{"created":1,"data":[{"b64_json":"AAAA"}]}"#);
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let prompt = format!("A poster that says {EMAIL}.");
    let picture = json!({ "filename": "cat.png", "content_type": "image/png" });
    let edit = json!({ "model": "gpt-image-1", "prompt": prompt, "n": 2, "size": "1024x1024", "user": "u",
        "image": [picture, picture], "mask": picture, "input_fidelity": "high" });
    let vary = json!({ "model": "dall-e-2", "image": picture, "n": 1, "size": "256x256" });
    for (path, asked) in [("/v1/images/edits", &edit), ("/v1/images/variations", &vary)] {
        let response = bed
            .client()
            .send(&forms::request(path, asked.to_string().as_bytes()))
            .expect("an answer");
        assert_eq!(response.status, 200, "{}", response.text());
    }
    let linked = json!({ "model": "gpt-image-1", "prompt": prompt,
        "images": [{ "image_url": "data:image/png;base64,iVBORw0KGgo=" }] });
    let request = |asked: &Value| {
        Request::post("/v1/images/edits", asked.to_string())
            .with_header("content-type", "application/json")
    };
    assert_eq!(
        bed.client().send(&request(&linked)).expect("an answer").status,
        200,
        "edits may be JSON"
    );
    let stored = json!({ "model": "m", "prompt": "a", "images": [{ "file_id": "file-1" }] });
    let refused = bed.client().send(&request(&stored)).expect("an answer");
    assert_eq!((refused.status, refused.error_code().as_deref()), (400, Some("field_denied")));
    let received = upstream.take_received();
    assert_eq!(received.len(), 3);
    assert_eq!(received[1], forms::form(&vary), "byte for byte");
    for body in [&received[0], &received[2]] {
        let text = String::from_utf8_lossy(body).into_owned();
        assert!(!text.contains(EMAIL) && text.contains("[EMAIL-"), "{text}");
    }
    let paths: Vec<String> = bed.opened()[0].unscanned.iter().map(|one| one.path.clone()).collect();
    assert!(
        paths.contains(&"mask".to_owned()) && paths.iter().any(|path| path.starts_with("image[")),
        "{paths:?}"
    );
}

#[test]
fn pictures_stream() {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let edit = json!({ "model": "m", "prompt": "a", "stream": true, "image": { "filename": "a" } });
    for (path, name) in
        [("/v1/images/generations", "image_generation"), ("/v1/images/edits", "image_edit")]
    {
        let event = |step: &str, more: &str| {
            format!(
                "event: {name}.{step}\ndata: {{\"type\":\"{name}.{step}\",\"b64_json\":\"AAAA\"{more}}}\n\n"
            )
        };
        let used = r#","usage":{"total_tokens":9,"input_tokens":4,"output_tokens":5,"input_tokens_details":{"text_tokens":4,"image_tokens":0}}"#;
        let sent = event("partial_image", ",\"partial_image_index\":0") + &event("completed", used);
        upstream.answer("text/event-stream", sent.clone());
        let request = if path.ends_with("edits") {
            forms::request(path, edit.to_string().as_bytes())
        } else {
            let asked = json!({ "model": "m", "prompt": "a", "stream": true, "partial_images": 1 });
            Request::post(path, asked.to_string()).with_header("content-type", "application/json")
        };
        let response = bed.client().send(&request).expect("an answer");
        assert_eq!(response.text(), sent, "as it came");
        upstream.answer("text/event-stream", event("partial_image", ""));
        let cut = bed.client().send(&request).expect("an answer").text();
        assert!(cut.contains("upstream_truncated"), "{cut}");
    }
    let closed = bed.closed(4);
    assert_eq!(closed[0].usage, Some(TokenUsage { input: 4, output: 5 }));
    assert_eq!((closed[0].ending, closed[1].ending), (Ending::Answered, Ending::UpstreamFailed));
}
