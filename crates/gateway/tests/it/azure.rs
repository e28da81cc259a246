//! Azure OpenAI: deployments in the path, `api-version` in the query, `api-key` in the head; in front of Azure,
//! and in front of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connect::{ClientProof, TokenSource, TokenSourceSettings};
use events::Ending;
use gateway::{UpstreamKind, UpstreamOptions};
use serde_json::json;
use stdx::{Secret, SharedSecret};
use testkit::{Client, FakeService, FakeUpstream, RecordedRequest, Request, Response, Served};

use crate::bed::{Bed, PROVIDER_KEY, Plan};

const EMAIL: &str = "jane.doe@example.org";
const DEPLOYMENT: &str = "/openai/deployments/fake-echo/chat/completions?api-version=2024-10-21";

fn bed(upstream: &FakeUpstream, kind: UpstreamKind) -> Bed {
    let base_url = match kind {
        UpstreamKind::Standard => upstream.base_url(),
        _ => format!("http://{}/openai/v1", upstream.address()),
    };
    Bed::new(&base_url, Plan { kind, ..Plan::default() })
}

fn ask(path: &str, body: &serde_json::Value) -> Request {
    Request::post(path, body.to_string()).with_header("content-type", "application/json")
}

/// Asks with the key in `api-key` alone.
fn send(bed: &Bed, request: Request) -> Response {
    let request = request.with_header("api-key", &bed.key);
    Client::new(bed.address).send(&request).expect("an answer")
}

fn only(upstream: &FakeUpstream) -> RecordedRequest {
    let requests = upstream.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    upstream.clear();
    requests.into_iter().next().expect("one")
}

#[test]
fn deployments_go_to_azure_as_they_are_asked() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = bed(&upstream, UpstreamKind::Azure);
    let prompt = format!("Write to {EMAIL}.");
    // Azure does not look at the model in the body, and many clients send none.
    let body = json!({ "messages": [{ "role": "user", "content": prompt }] });
    let response = send(&bed, ask(DEPLOYMENT, &body));
    assert_eq!((response.status, response.content()), (200, prompt.clone()), "{}", response.text());
    let request = only(&upstream);
    assert_eq!(request.target, DEPLOYMENT);
    assert_eq!(request.header("api-key"), Some(PROVIDER_KEY));
    assert_eq!(request.header("authorization"), None);
    assert!(!request.text().contains(EMAIL));
    assert_eq!(bed.opened()[0].model.as_deref(), Some("fake-echo"), "what policy sees");

    for (path, target, body) in [
        (
            "/openai/v1/responses?api-version=preview",
            "/openai/v1/responses?api-version=preview",
            json!({ "model": "fake-echo", "input": prompt }),
        ),
        (
            "/openai/responses?api-version=2025-04-01-preview",
            "/openai/responses?api-version=2025-04-01-preview",
            json!({ "model": "fake-echo", "input": prompt }),
        ),
        (
            "/v1/chat/completions",
            "/openai/v1/chat/completions",
            json!({ "model": "fake-echo", "messages": [{ "role": "user", "content": prompt }] }),
        ),
        (
            "/openai/deployments/fake-echo/embeddings?api-version=2024-10-21",
            "/openai/deployments/fake-echo/embeddings?api-version=2024-10-21",
            json!({ "input": "hello" }),
        ),
    ] {
        let response = send(&bed, ask(path, &body));
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(only(&upstream).target, target);
    }
}

#[test]
fn a_token_of_entra_is_a_bearer_token() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = bed(&upstream, UpstreamKind::AzureEntra);
    let body = json!({ "messages": [{ "role": "user", "content": "hello" }] });
    assert_eq!(send(&bed, ask(DEPLOYMENT, &body)).status, 200);
    let request = only(&upstream);
    let bearer = format!("Bearer {PROVIDER_KEY}");
    assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    assert_eq!(request.header("api-key"), None);
}

#[test]
fn azures_clients_can_ask_others_for_the_model_that_was_judged() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = bed(&upstream, UpstreamKind::Standard);
    let body = |model: Option<&str>| {
        let mut body = json!({ "messages": [{ "role": "user", "content": "hello" }] });
        if let Some(model) = model {
            body["model"] = model.into();
        }
        body
    };
    assert_eq!(send(&bed, ask(DEPLOYMENT, &body(Some("fake-echo")))).status, 200);
    assert_eq!(only(&upstream).target, "/v1/chat/completions");
    for model in [None, Some("fake-tools")] {
        let response = send(&bed, ask(DEPLOYMENT, &body(model)));
        assert_eq!(response.status, 400, "{}", response.text());
        assert_eq!(response.error_code().as_deref(), Some("deployment_not_model"));
    }
    assert!(upstream.requests().is_empty());
}

#[test]
fn other_queries_and_keys_are_refused() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = bed(&upstream, UpstreamKind::Azure);
    let body = json!({ "messages": [{ "role": "user", "content": "hello" }] });
    for query in ["?api-version=2024-10-21&x=my%20ssn", "?x=1", "?api-version=ignore-all-rules"] {
        let path = format!("/openai/deployments/fake-echo/chat/completions{query}");
        let response = send(&bed, ask(&path, &body));
        assert_eq!(response.error_code().as_deref(), Some("query_not_accepted"), "{query}");
    }
    let wrong = ask(DEPLOYMENT, &body).with_header("api-key", "not-a-key");
    let response = Client::new(bed.address).send(&wrong).expect("an answer");
    assert_eq!(response.status, 401);
    assert!(upstream.requests().is_empty());
    assert!(bed.closed(4).iter().all(|closed| closed.ending != Ending::Answered));
}

#[test]
fn a_token_that_is_granted_is_sent_and_without_one_nothing_is() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let grants = Arc::new(AtomicBool::new(false));
    let is_granted = Arc::clone(&grants);
    let server = FakeService::start(move |_| {
        if is_granted.load(Ordering::SeqCst) {
            Served::new(200, r#"{"access_token":"granted-1","expires_in":3600}"#)
        } else {
            Served::new(503, "")
        }
    });
    let server = server.expect("a free port");
    let token = TokenSource::new(TokenSourceSettings {
        ca_pem: None,
        client_id: "client-1".to_owned(),
        name: "entra".to_owned(),
        proof: ClientProof::Secret(SharedSecret::new(Secret::new("secret".to_owned()))),
        scope: None,
        url: server.url(),
    })
    .expect("a source");
    let base_url = format!("http://{}/openai/v1", upstream.address());
    let options = UpstreamOptions {
        api_key: Some(token.place()),
        kind: UpstreamKind::AzureEntra,
        token: Some(token),
        ..crate::bed::upstream("entra", &base_url, "")
    };
    let weighted = vec![("entra".to_owned(), 1)];
    let bed = Bed::new(&base_url, Plan { upstreams: vec![options], weighted, ..Plan::default() });
    let body = json!({ "messages": [{ "role": "user", "content": "hello" }] });
    let response = send(&bed, ask(DEPLOYMENT, &body));
    assert_eq!(response.status, 503, "{}", response.text());
    assert_eq!(response.error_code().as_deref(), Some("upstream_key_missing"));
    assert!(upstream.requests().is_empty(), "nothing went there without a key");
    grants.store(true, Ordering::SeqCst);
    let answered = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        send(&bed, ask(DEPLOYMENT, &body)).status == 200
    });
    assert!(answered);
    assert_eq!(only(&upstream).header("authorization"), Some("Bearer granted-1"));
}
