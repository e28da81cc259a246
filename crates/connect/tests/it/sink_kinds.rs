//! Sinks of each kind against receivers that hold them to their vendors' published contracts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use connect::{SinkKind, SinkSettings};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use export::Format;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use stdx::{Secret, SharedSecret};
use testkit::{FakeService, RecordedRequest, Served};

use crate::sink_bed::{Bed, change, interaction, numbers, quick};

/// What a receiver has, by id, with how often it came.
type Store = Arc<Mutex<BTreeMap<String, (Value, u64)>>>;

fn lock(store: &Store) -> MutexGuard<'_, BTreeMap<String, (Value, u64)>> {
    store.lock().expect("not poisoned")
}

fn secret(value: &str) -> SharedSecret {
    SharedSecret::new(Secret::new(value.to_owned()))
}

fn sink(kind: SinkKind, service: &FakeService, details: &[(&'static str, &str)]) -> SinkSettings {
    let mut sink = quick("siem", kind, &service.url());
    sink.details = details.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    sink
}

/// The targets of changes that a receiver has.
fn targets(store: &Store, path: &str) -> BTreeSet<String> {
    let store = lock(store);
    let targets =
        store.values().filter_map(|(event, _)| event.pointer(path)?.as_str().map(str::to_owned));
    targets.collect()
}

fn all(count: u64) -> BTreeSet<String> {
    numbers(0, count).into_iter().collect()
}

/// A collector of HTTP events. `answer` is asked first; what it leaves out is done as Splunk does.
fn splunk(
    store: &Store,
    answer: impl Fn(&RecordedRequest, &[Value]) -> Option<Served> + Send + Sync + 'static,
) -> FakeService {
    let (store, acks) = (Arc::clone(store), AtomicU64::new(0));
    let asked = Mutex::new(BTreeSet::new());
    FakeService::start(move |request| {
        if request.header("authorization") != Some("Splunk hec-token") {
            return Served::new(403, r#"{"text":"Invalid token","code":4}"#);
        }
        let channel = request.header("x-splunk-request-channel").unwrap_or_default();
        if channel.len() != 36 || channel.split('-').count() != 5 {
            return Served::new(400, r#"{"text":"Data channel is missing","code":10}"#);
        }
        let text = request.text();
        if request.target == "/services/collector/ack" {
            let asking: Value = serde_json::from_str(&text).expect("JSON");
            let id = asking["acks"][0].as_u64().expect("an id");
            // The first time it is asked, it is not indexed yet.
            let is_indexed = !asked.lock().expect("not poisoned").insert(id);
            return Served::new(200, json!({ "acks": { id.to_string(): is_indexed } }).to_string());
        }
        assert_eq!(request.target, "/services/collector/event");
        let events = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        let events: Vec<Value> =
            events.collect::<Result<_, _>>().expect("JSON, one after the other");
        for event in &events {
            let known = ["time", "host", "source", "sourcetype", "index", "event", "fields"];
            let object = event.as_object().expect("an object");
            assert!(object.keys().all(|key| known.contains(&key.as_str())), "{event}");
            assert!(event["time"].is_f64() && !event["event"].is_null(), "{event}");
        }
        if let Some(served) = answer(request, &events) {
            return served;
        }
        for event in events {
            let id = event["fields"]["bartizan_id"].as_str().expect("an id").to_owned();
            lock(&store).entry(id).or_insert((event, 0)).1 += 1;
        }
        let ack = acks.fetch_add(1, Ordering::SeqCst);
        Served::new(200, json!({ "text": "Success", "code": 0, "ackId": ack }).to_string())
    })
    .expect("a free port")
}

#[tokio::test(flavor = "multi_thread")]
async fn splunk_has_every_event_once_the_indexer_acknowledges_it() {
    let store = Store::default();
    let service = splunk(&store, |_, _| None);
    let bed = Bed::new();
    bed.log(0, 20);
    let details = [("index", "ai"), ("source_type", "bartizan:json")];
    let mut settings = SinkSettings {
        key: Some(secret("hec-token")),
        ..sink(SinkKind::SplunkHec, &service, &details)
    };
    settings.format = Format::JsonLines;
    bed.sinks.change(vec![settings]);
    let report = bed.settled("siem").await;
    assert_eq!((report.sent, report.logged), (20, 20));
    assert_eq!(targets(&store, "/event/event/body/data/target"), all(20));
    let asked = service.requests().iter().filter(|one| one.target.ends_with("/ack")).count();
    assert!(asked >= 2, "it waits until the indexer has them");
    let event = lock(&store).values().next().expect("one").0.clone();
    assert_eq!((&event["index"], &event["sourcetype"]), (&json!("ai"), &json!("bartizan:json")));
    assert_eq!(event["time"], json!(1_800_000_000.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn splunk_gets_again_what_the_indexer_did_not_acknowledge_with_the_same_ids() {
    let store = Store::default();
    let service = splunk(&store, |_, _| None);
    let bed = Bed::new();
    bed.log(0, 5);
    let mut settings =
        SinkSettings { key: Some(secret("hec-token")), ..sink(SinkKind::SplunkHec, &service, &[]) };
    // The first question is answered with no, and there is no time for a second one.
    settings.time_max = Duration::from_millis(50);
    bed.sinks.change(vec![settings]);
    bed.until("siem", |report| report.trouble.is_some()).await;
    let mut settings =
        SinkSettings { key: Some(secret("hec-token")), ..sink(SinkKind::SplunkHec, &service, &[]) };
    settings.time_max = Duration::from_secs(20);
    bed.sinks.change(vec![settings]);
    bed.settled("siem").await;
    let store = lock(&store);
    assert!(store.values().any(|(_, times)| *times > 1), "some came again");
    assert!(store.len() >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_that_splunk_refuses_is_a_dead_letter_and_cef_is_text() {
    let store = Store::default();
    let number = AtomicU64::new(0);
    let service = splunk(&store, move |_, events| {
        if number.fetch_add(1, Ordering::SeqCst) == 0 {
            return Some(
                Served::new(503, r#"{"text":"Server is busy","code":9}"#).with("retry-after", "0"),
            );
        }
        let poison =
            events.iter().position(|event| event["event"].to_string().contains("poison"))?;
        let said =
            json!({ "text": "Invalid data format", "code": 6, "invalid-event-number": poison });
        Some(Served::new(400, said.to_string()))
    });
    let bed = Bed::new();
    bed.log(0, 7);
    bed.append(&change("poison"));
    bed.log(7, 7);
    let mut settings =
        SinkSettings { key: Some(secret("hec-token")), ..sink(SinkKind::SplunkHec, &service, &[]) };
    settings.format = Format::Cef;
    bed.sinks.change(vec![settings]);
    let report = bed.settled("siem").await;
    assert_eq!((report.sent, report.dead), (14, 1));
    assert!(
        bed.disks.lines("siem.dead.jsonl")[0]["why"]
            .as_str()
            .is_some_and(|why| why.starts_with("code 6"))
    );
    let store = lock(&store);
    assert!(
        store.values().all(|(event, _)| event["event"]
            .as_str()
            .is_some_and(|line| line.starts_with("CEF:0|")))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_no_reason_for_dead_letters() {
    let store = Store::default();
    let service = splunk(&store, |_, _| None);
    let bed = Bed::new();
    bed.log(0, 5);
    let settings =
        SinkSettings { key: Some(secret("other")), ..sink(SinkKind::SplunkHec, &service, &[]) };
    bed.sinks.change(vec![settings]);
    let report = bed.until("siem", |report| report.trouble.is_some()).await;
    assert_eq!((report.sent, report.dead, report.waiting), (0, 0, 5));
    let why = report.trouble.map(|trouble| trouble.why).unwrap_or_default();
    assert_eq!(why, "code 4: Invalid token");
}

/// An index. What it is sent under an id that it has is a conflict, as Elasticsearch has it.
fn elastic(
    store: &Store,
    refuse: impl Fn(&str, &Value) -> Option<(u16, &'static str)> + Send + Sync + 'static,
    after: impl Fn() -> Option<Served> + Send + Sync + 'static,
) -> FakeService {
    let store = Arc::clone(store);
    FakeService::start(move |request| {
        assert_eq!(request.target, "/bartizan-events/_bulk");
        assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
        let text = request.text();
        assert!(text.ends_with('\n'), "a bulk ends with a line break");
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let mut items = Vec::new();
        for pair in lines.chunks(2) {
            let [action, document] = pair else { panic!("an action without a document") };
            let id = action["create"]["_id"].as_str().expect("an id").to_owned();
            assert!(!document["@timestamp"].is_null(), "a data stream wants a time: {document}");
            let (status, why) = match refuse(&id, document) {
                Some(refused) => refused,
                None if lock(&store).contains_key(&id) => {
                    (409, "version_conflict_engine_exception")
                }
                None => (201, ""),
            };
            if status == 201 {
                lock(&store).insert(id.clone(), (document.clone(), 1));
            }
            let error = (status > 299).then(|| json!({ "type": why, "reason": "because" }));
            items.push(json!({ "create": { "_id": id, "status": status, "error": error } }));
        }
        let errors = items.iter().any(|item| !item["create"]["error"].is_null());
        let said = json!({ "took": 1, "errors": errors, "items": items }).to_string();
        after().unwrap_or_else(|| Served::new(200, said))
    })
    .expect("a free port")
}

const INDEX: [(&str, &str); 1] = [("index", "bartizan-events")];

/// The pain of bulks whose errors nobody reads: half of the rows are gone, and the exporter says 200.
#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_of_which_half_is_taken_is_made_whole_without_duplicates() {
    let (store, seen) = (Store::default(), Mutex::new(BTreeSet::new()));
    let service = elastic(
        &store,
        move |id, document| {
            let target = document.pointer("/event/body/data/target").and_then(Value::as_str);
            if target == Some("poison") {
                return Some((400, "document_parsing_exception"));
            }
            let is_first = seen.lock().expect("not poisoned").insert(id.to_owned());
            let is_odd = target.is_some_and(|text| text.ends_with(['1', '3', '5', '7', '9']));
            (is_first && is_odd).then_some((429, "es_rejected_execution_exception"))
        },
        || None,
    );
    let bed = Bed::new();
    bed.log(0, 50);
    bed.append(&change("poison"));
    bed.log(50, 50);
    let mut settings = sink(SinkKind::Elastic, &service, &INDEX);
    (settings.format, settings.key) = (Format::JsonLines, Some(secret("api")));
    bed.sinks.change(vec![settings]);
    let report = bed.settled("siem").await;
    assert_eq!((report.sent, report.dead, report.logged), (100, 1, 101));
    assert_eq!(targets(&store, "/event/body/data/target"), all(100));
    let requests = service.requests();
    let again = requests.get(1).expect("a second bulk").text().lines().count() / 2;
    assert_eq!(again, 50, "only those that may succeed are sent again");
    assert_eq!(requests[0].header("authorization"), Some("ApiKey api"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_whose_answer_is_lost_makes_no_duplicates() {
    let (store, number) = (Store::default(), AtomicU64::new(0));
    let service = elastic(
        &store,
        |_, _| None,
        move || (number.fetch_add(1, Ordering::SeqCst) == 0).then(|| Served::new(0, "")),
    );
    let bed = Bed::new();
    bed.log(0, 10);
    for event in interaction(1, "alice") {
        bed.append(&event);
    }
    let mut settings = sink(SinkKind::Elastic, &service, &[INDEX[0], ("user", "elastic")]);
    (settings.format, settings.key) = (Format::Ocsf, Some(secret("changeme")));
    bed.sinks.change(vec![settings]);
    let report = bed.settled("siem").await;
    assert_eq!((report.sent, report.logged), (12, 12));
    assert!(service.requests().len() >= 2);
    let lines: usize = service.requests()[0].text().lines().count() / 2;
    assert!(lock(&store).len() >= lines, "each line has an id of its own");
    let basic = format!("Basic {}", BASE64.encode(b"elastic:changeme"));
    assert_eq!(service.requests()[0].header("authorization"), Some(basic.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_read_only_is_waited_for() {
    let (store, is_writable) = (Store::default(), Arc::new(AtomicBool::new(false)));
    let writable = Arc::clone(&is_writable);
    let service = elastic(
        &store,
        move |_, _| (!writable.load(Ordering::SeqCst)).then_some((403, "cluster_block_exception")),
        || None,
    );
    let bed = Bed::new();
    bed.log(0, 50);
    bed.sinks.change(vec![sink(SinkKind::Elastic, &service, &INDEX)]);
    let report = bed.until("siem", |report| report.trouble.is_some()).await;
    assert_eq!((report.sent, report.dead), (0, 0));
    is_writable.store(true, Ordering::SeqCst);
    let report = bed.settled("siem").await;
    assert_eq!((report.sent, report.dead), (report.logged, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_refuses_some_and_not_which_is_believed_about_how_many() {
    let taken = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&taken);
    let service = FakeService::start(move |request| {
        assert_eq!(
            (request.target.as_str(), request.header("content-type")),
            ("/v1/logs", Some("application/json"))
        );
        let said: Value = serde_json::from_str(&request.text()).expect("JSON");
        let resources = said["resourceLogs"].as_array().expect("a list").clone();
        let records = resources
            .iter()
            .flat_map(|one| one["scopeLogs"].as_array().cloned().unwrap_or_default());
        let count: usize =
            records.map(|scope| scope["logRecords"].as_array().map_or(0, Vec::len)).sum();
        counting.fetch_add(count as u64, Ordering::SeqCst);
        let partial =
            json!({ "partialSuccess": { "rejectedLogRecords": "2", "errorMessage": "too old" } });
        Served::new(200, if count > 2 { partial.to_string() } else { "{}".to_owned() })
    })
    .expect("a free port");
    let bed = Bed::new();
    bed.log(0, 10);
    let settings = sink(SinkKind::Otlp, &service, &[]);
    assert_eq!(settings.format, Format::Otel);
    bed.sinks.change(vec![settings]);
    let report = bed.settled("siem").await;
    assert_eq!(
        taken.load(Ordering::SeqCst),
        10,
        "each is sent once: a partial success is not sent again"
    );
    assert_eq!(report.sent + report.dead, 10);
    assert!(report.dead >= 2, "{report:?}");
    let dead = bed.disks.lines("siem.dead.jsonl");
    assert_eq!(dead[0]["refused"], 2);
    assert!(
        dead[0]["why"].as_str().is_some_and(|why| why.ends_with("were refused: too old")),
        "{dead:?}"
    );
}

const SENTINEL: [(&str, &str); 4] = [
    ("tenant", "11111111-2222-3333-4444-555555555555"),
    ("client_id", "66666666-7777-8888-9999-000000000000"),
    ("rule", "dcr-0123456789abcdef"),
    ("stream", "Custom-Bartizan_CL"),
];

#[tokio::test(flavor = "multi_thread")]
async fn sentinel_gets_arrays_of_a_megabyte_at_most_with_a_token_that_is_renewed() {
    let (store, tokens) = (Store::default(), Arc::new(AtomicU64::new(0)));
    let (storing, granting) = (Arc::clone(&store), Arc::clone(&tokens));
    let service = FakeService::start(move |request| {
        if request.target == "/token" {
            let form = request.text();
            assert!(form.contains("grant_type=client_credentials"), "{form}");
            assert!(form.contains("client_secret=s%2F1%26") && form.contains("scope=https%3A%2F%2Fmonitor.azure.com%2F.default"));
            let number = granting.fetch_add(1, Ordering::SeqCst);
            return Served::new(200, json!({ "access_token": format!("t{number}"), "expires_in": 3_600 }).to_string());
        }
        let path = "/dataCollectionRules/dcr-0123456789abcdef/streams/Custom-Bartizan_CL?api-version=2023-01-01";
        assert_eq!(request.target, path);
        // The first token is revoked early.
        if request.header("authorization") != Some("Bearer t1") {
            return Served::new(401, r#"{"error":{"code":"InvalidToken"}}"#);
        }
        let text = request.text();
        if text.len() > 1_048_576 {
            return Served::new(413, "");
        }
        let events: Vec<Value> = serde_json::from_str(&text).expect("an array");
        for event in events {
            assert!(event["TimeGenerated"].as_str().is_some_and(|time| time.ends_with('Z')), "{event}");
            let id = event["BartizanId"].as_str().expect("an id").to_owned();
            lock(&storing).entry(id).or_insert((event, 0)).1 += 1;
        }
        Served::new(204, "")
    })
    .expect("a free port");
    let bed = Bed::new();
    for number in 0..60 {
        bed.append(&change(&format!("{number}:{}", "x".repeat(30_000))));
    }
    let token_url = format!("{}/token", service.url());
    let mut details = SENTINEL.to_vec();
    details.push(("token_url", &token_url));
    let mut settings = sink(SinkKind::Sentinel, &service, &details);
    (settings.format, settings.key) = (Format::JsonLines, Some(secret("s/1&")));
    bed.sinks.change(vec![settings]);
    let report = bed.settled("siem").await;
    assert_eq!((report.sent, report.dead, report.logged), (60, 0, 60));
    assert_eq!(lock(&store).len(), 60);
    assert_eq!(
        tokens.load(Ordering::SeqCst),
        2,
        "one, and one more when it was not taken any more"
    );
    assert!(
        service.requests().iter().all(|one| one.text().len() <= 1_000_000),
        "no call is too large"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn google_gets_logs_in_base64_from_an_account_that_signs() {
    let Some(account_key) = testkit::rsa_key().expect("openssl answers") else { return };
    let store = Store::default();
    let (storing, known_key) = (Arc::clone(&store), account_key.clone());
    let service = FakeService::start(move |request| {
        if request.target == "/token" {
            let form = request.text();
            let assertion = form.split_once("assertion=").expect("an assertion").1;
            let parts: Vec<&str> = assertion.split('.').collect();
            let body = known_key.lines().filter(|line| !line.starts_with('-')).collect::<String>();
            let pair = RsaKeyPair::from_pkcs8(&BASE64.decode(body.as_bytes()).expect("PEM"))
                .expect("a key");
            let public =
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
            let signed = format!("{}.{}", parts[0], parts[1]);
            let signature = BASE64URL_NOPAD.decode(parts[2].as_bytes()).expect("base64url");
            public.verify(signed.as_bytes(), &signature).expect("signed by the account");
            let claims = BASE64URL_NOPAD.decode(parts[1].as_bytes()).expect("base64url");
            let claims: Value = serde_json::from_slice(&claims).expect("JSON");
            assert_eq!(claims["iss"], "siem@p.iam.gserviceaccount.com");
            assert!(claims["exp"].as_u64() <= claims["iat"].as_u64().map(|at| at + 3_600));
            return Served::new(200, r#"{"access_token":"ya29","expires_in":3599}"#);
        }
        let parent = "projects/p/locations/eu/instances/i-1";
        assert_eq!(request.target, format!("/v1alpha/{parent}/logTypes/BARTIZAN/logs:import"));
        assert_eq!(request.header("authorization"), Some("Bearer ya29"));
        let said: Value = serde_json::from_str(&request.text()).expect("JSON");
        assert_eq!(said["inlineSource"]["forwarder"], format!("{parent}/forwarders/f-1"));
        for log in said["inlineSource"]["logs"].as_array().expect("logs") {
            let line =
                BASE64.decode(log["data"].as_str().expect("bytes").as_bytes()).expect("base64");
            let id = log["labels"]["bartizan_id"]["value"].as_str().expect("an id").to_owned();
            let event = serde_json::from_slice(&line).expect("JSON");
            lock(&storing).entry(id).or_insert((event, 0)).1 += 1;
        }
        Served::new(200, "{}")
    })
    .expect("a free port");
    let bed = Bed::new();
    bed.log(0, 12);
    let token_url = format!("{}/token", service.url());
    let details = [
        ("project", "p"),
        ("location", "eu"),
        ("instance", "i-1"),
        ("log_type", "BARTIZAN"),
        ("forwarder", "f-1"),
        ("token_url", &*token_url),
    ];
    let mut settings = sink(SinkKind::GoogleSecops, &service, &details);
    let account = json!({ "client_email": "siem@p.iam.gserviceaccount.com", "private_key": account_key, "private_key_id": "k" });
    (settings.format, settings.key) = (Format::JsonLines, Some(secret(&account.to_string())));
    bed.sinks.change(vec![settings]);
    let report = bed.settled("siem").await;
    assert_eq!((report.sent, report.logged), (12, 12));
    assert_eq!(targets(&store, "/event/body/data/target"), all(12));
}
