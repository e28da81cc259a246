//! Tokens for upstreams: granted, renewed before they expire, taken away when they have.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connect::{ClientProof, TokenSource, TokenSourceSettings};
use net::{Shutdown, Tasks};
use stdx::{Secret, SharedSecret};
use testkit::{FakeService, Served};

use crate::keys::until;

const SECRET: &str = "s3cr&t=of the client";

fn settings(url: &str, proof: ClientProof) -> TokenSourceSettings {
    TokenSourceSettings {
        ca_pem: None,
        client_id: "client-1".to_owned(),
        name: "azure".to_owned(),
        proof,
        scope: Some("https://cognitiveservices.azure.com/.default".to_owned()),
        url: format!("{url}/tenant/oauth2/v2.0/token"),
    }
}

fn secret() -> ClientProof {
    ClientProof::Secret(SharedSecret::new(Secret::new(SECRET.to_owned())))
}

/// Grants `token-1`, `token-2`, … for so many seconds, unless something else is to be answered.
fn server(life_s: u64) -> (FakeService, Arc<Mutex<Option<Served>>>) {
    let (granted, instead) = (AtomicUsize::new(0), Arc::new(Mutex::new(None)));
    let current = Arc::clone(&instead);
    let service = FakeService::start(move |_| {
        if let Some(served) = current.lock().expect("not poisoned").clone() {
            return served;
        }
        let number = granted.fetch_add(1, Ordering::SeqCst) + 1;
        let body = format!(
            r#"{{"token_type":"Bearer","expires_in":{life_s},"access_token":"token-{number}"}}"#
        );
        Served::new(200, body)
    });
    (service.expect("a free port"), instead)
}

fn token(place: &SharedSecret) -> Option<String> {
    place.current().map(|token| token.expose().clone())
}

/// Runs it for the time of a test.
struct Running {
    shutdown: Shutdown,
    source: TokenSource,
    tasks: Tasks,
}

impl Running {
    fn start(settings: TokenSourceSettings) -> Self {
        let source = TokenSource::new(settings).expect("a source");
        let (shutdown, tasks) = (Shutdown::default(), Tasks::default());
        tasks.spawn(source.clone().run(shutdown.clone()));
        Self { shutdown, source, tasks }
    }

    async fn end(self) {
        self.shutdown.begin();
        assert_eq!(self.tasks.wait(Duration::from_secs(5)).await, 0, "it ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_as_the_standard_says_and_handed_on() {
    let (service, _) = server(3600);
    let running = Running::start(settings(&service.url(), secret()));
    let place = running.source.place();
    until(|| token(&place).as_deref() == Some("token-1")).await;
    let asked = service.requests();
    assert_eq!(asked.len(), 1, "one is enough for an hour");
    assert_eq!(asked[0].target, "/tenant/oauth2/v2.0/token");
    assert_eq!(asked[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        asked[0].text(),
        "grant_type=client_credentials&client_id=client-1&client_secret=s3cr%26t%3Dof%20the%20client\
         &scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
    );
    assert!(!format!("{:?}", running.source).contains("s3cr"));

    // Another configuration goes on with the token; one that asks for something else does not.
    let next = TokenSource::new(settings(&service.url(), secret())).expect("a source");
    next.inherit(&running.source);
    assert_eq!(token(&next.place()).as_deref(), Some("token-1"));
    let scope = Some("https://management.azure.com/.default".to_owned());
    let other = TokenSourceSettings { scope, ..settings(&service.url(), secret()) };
    let other = TokenSource::new(other).expect("a source");
    other.inherit(&running.source);
    assert!(token(&other.place()).is_none());
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_renewed_kept_through_failures_and_taken_away_when_it_expires() {
    let (service, instead) = server(2);
    let running = Running::start(settings(&service.url(), secret()));
    let place = running.source.place();
    until(|| token(&place).as_deref() == Some("token-2")).await;
    *instead.lock().expect("not poisoned") =
        Some(Served::new(401, r#"{"error":"invalid_client"}"#));
    let failed = service.requests().len();
    until(|| service.requests().len() > failed).await;
    assert!(token(&place).is_some(), "it is still good");
    until(|| token(&place).is_none()).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_read_for_each_token() {
    let (service, _) = server(1);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "header.claims.one\n").expect("written");
    let proof = ClientProof::AssertionFile(file.path().to_owned());
    let running = Running::start(settings(&service.url(), proof));
    let assertion = |text: &str| {
        let wanted = format!(
            "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
             &client_assertion={text}"
        );
        service.requests().iter().any(|request| request.text().contains(&wanted))
    };
    until(|| assertion("header.claims.one")).await;
    std::fs::write(file.path(), "header.claims.two").expect("written");
    until(|| assertion("header.claims.two")).await;
    running.end().await;
}
