//! Keys of issuers: fetched, kept, fetched again, and given up when they are too old.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connect::{KeySource, KeySourceSettings};
use net::{Shutdown, Tasks};
use testkit::{FakeService, Served};

/// A key set with one key, which is this letter over and over.
fn key_set(letter: char) -> String {
    let x = letter.to_string().repeat(42) + "A";
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{letter}","x":"{x}"}}]}}"#)
}

fn settings(url: &str) -> KeySourceSettings {
    KeySourceSettings {
        ca_pem: None,
        name: "corp".to_owned(),
        refresh: Duration::from_mins(10),
        stale: Duration::from_mins(20),
        unknown_key_pause: Duration::from_millis(300),
        url: format!("{url}/keys"),
    }
}

/// A service whose answer can be changed, and how often it was asked.
fn service() -> (FakeService, Arc<Mutex<Served>>, Arc<AtomicUsize>) {
    let answer = Arc::new(Mutex::new(Served::new(200, key_set('a'))));
    let asked = Arc::new(AtomicUsize::new(0));
    let (current, count) = (Arc::clone(&answer), Arc::clone(&asked));
    let service = FakeService::start(move |request| {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/keys"));
        count.fetch_add(1, Ordering::SeqCst);
        current.lock().expect("not poisoned").clone()
    });
    (service.expect("a free port"), answer, asked)
}

pub(crate) async fn until(holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to hold");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_are_looked_for_but_not_more_often_than_allowed() {
    let (service, answer, asked) = service();
    let keys = KeySource::remote(settings(&service.url())).expect("a source");
    let shutdown = Shutdown::default();
    let tasks = Tasks::default();
    tasks.spawn(keys.clone().run(shutdown.clone()));
    until(|| keys.current().is_some()).await;
    let first = keys.current().expect("keys");

    // Whoever asks just after a fetch gets no other.
    assert!(!keys.fetched_again().await);
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    tokio::time::sleep(Duration::from_millis(400)).await;
    *answer.lock().expect("not poisoned") =
        Served::new(200, key_set('b')).after(Duration::from_millis(50));
    let many = futures_util::future::join_all((0..50).map(|_| keys.fetched_again())).await;
    assert!(many.into_iter().all(|is_fetched| is_fetched), "all wait for the same fetch");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let second = keys.current().expect("keys");
    assert_ne!(first, second);

    // Equal keys stay the same ones, so that tokens verified with them need not be verified again.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(keys.fetched_again().await);
    assert!(Arc::ptr_eq(&second, &keys.current().expect("keys")));

    shutdown.begin();
    assert_eq!(tasks.wait(Duration::from_secs(5)).await, 0, "it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_leave_the_keys_until_they_are_too_old() {
    let (service, answer, asked) = service();
    let brief = KeySourceSettings {
        refresh: Duration::from_millis(50),
        stale: Duration::from_millis(1500),
        ..settings(&service.url())
    };
    let keys = KeySource::remote(brief).expect("a source");
    let shutdown = Shutdown::default();
    let tasks = Tasks::default();
    tasks.spawn(keys.clone().run(shutdown.clone()));
    until(|| keys.current().is_some()).await;
    let good = keys.current().expect("keys");
    let failures = [
        Served::new(500, key_set('b')),
        Served::new(302, key_set('b')),
        Served::new(200, "not keys"),
        Served::new(200, " ".repeat(identity::KEY_SET_BYTES_MAX + 1)),
        Served::new(0, ""),
    ];
    for failure in failures {
        let before = asked.load(Ordering::SeqCst);
        *answer.lock().expect("not poisoned") = failure;
        until(|| asked.load(Ordering::SeqCst) > before + 1).await;
        let kept = keys.current();
        assert!(
            kept.is_none_or(|kept| Arc::ptr_eq(&kept, &good)),
            "nothing else is taken for keys"
        );
    }
    until(|| keys.current().is_none()).await;
    *answer.lock().expect("not poisoned") = Served::new(200, key_set('b'));
    until(|| keys.current().is_some()).await;
    shutdown.begin();
    assert_eq!(tasks.wait(Duration::from_secs(5)).await, 0, "it ends");
}
