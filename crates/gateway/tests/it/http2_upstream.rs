//! HTTP/2 to an upstream: streams come piece by piece with HTTP/2 on both sides, and end at the upstream when they end here.
//!
//! Not here: connections, their limits, and what is sent again (`net`).

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use events::Ending;
use gateway::Isolation;
use http::{HeaderValue, Response, Version, header};
use http_body::Frame;
use http_body_util::BodyExt as _;
use net::{Arrival, Body, BodyBudget, BodyFault, BodyShare, Handler, Listener, Shutdown, Tasks};
use serde_json::json;
use testkit::SseCollected;
use tokio::sync::watch;

use crate::bed::{Bed, PROVIDER_KEY, Plan, listener, upstream};
use crate::http2::{TIME_MAX, chat, connect, made, runtime};

const SENTENCE: &str = "The sea is wide and the boats are slow. ";
/// More than is held back.
const SENTENCES_AT_ONCE: usize = 40;

/// An upstream that streams some sentences at once, and the last when it is told to.
#[derive(Default)]
struct Sea {
    ended: Arc<AtomicUsize>,
    goes_on: watch::Sender<bool>,
    seen: Mutex<Vec<(Version, Option<String>)>>,
}

struct Sentences {
    ended: Arc<AtomicUsize>,
    pieces: std::vec::IntoIter<Bytes>,
    waits: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Drop for Sentences {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl http_body::Body for Sentences {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = self.get_mut();
        if this.pieces.len() == 1 {
            std::task::ready!(this.waits.as_mut().poll(context));
        }
        Poll::Ready(this.pieces.next().map(|piece| Ok(Frame::data(piece))))
    }
}

impl Handler for Sea {
    fn handle(
        &self,
        arrival: Arrival,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        Box::pin(async move {
            let request = arrival.request;
            let host = request.uri().host().map(str::to_owned);
            self.seen.lock().expect("not poisoned").push((request.version(), host));
            let key = request.headers().get(header::AUTHORIZATION).expect("a key").clone();
            assert_eq!(key, format!("Bearer {PROVIDER_KEY}"));
            let (budget, mut share) = (BodyBudget::new(1 << 20), BodyShare::default());
            let body =
                net::read_bounded(request.into_body(), 1 << 20, TIME_MAX, &budget, &mut share);
            assert!(!body.await.expect("a body").is_empty());
            let event = |text: &str, finish: Option<&str>| {
                let choice =
                    json!({ "index": 0, "delta": { "content": text }, "finish_reason": finish });
                let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] });
                format!("data: {chunk}\n\n")
            };
            let mut pieces = vec![Bytes::from(event(SENTENCE, None)); SENTENCES_AT_ONCE];
            pieces.push(Bytes::from(event("The end.", Some("stop")) + "data: [DONE]\n\n"));
            let mut goes_on = self.goes_on.subscribe();
            let waits = Box::pin(async move {
                let _told = goes_on.wait_for(|goes_on| *goes_on).await;
            });
            let ended = Arc::clone(&self.ended);
            let sentences = Sentences { ended, pieces: pieces.into_iter(), waits };
            let mut response = Response::new(sentences.boxed_unsync());
            let stream = HeaderValue::from_static("text/event-stream");
            response.headers_mut().insert(header::CONTENT_TYPE, stream);
            response
        })
    }
}

/// The sea over TLS, before a gateway with TLS.
struct Coast {
    bed: Bed,
    isolation: Isolation,
    sea: Arc<Sea>,
    trusted: String,
    _runtime: tokio::runtime::Runtime,
}

impl Coast {
    fn new() -> Self {
        let runtime = runtime();
        let (tls, trusted) = made();
        let (sea_tls, sea_trusted) = made();
        let sea = Arc::new(Sea::default());
        let address = runtime.block_on(async {
            let settings = net::ListenerSettings { tls: Some(sea_tls), ..listener() };
            let listener = Listener::bind(settings).expect("a free port");
            let (address, tasks) = (listener.local_address(), Tasks::default());
            let handler: Arc<dyn Handler> = Arc::clone(&sea) as _;
            tasks.spawn(listener.serve(handler, tasks.clone(), Shutdown::default()));
            address
        });
        let base_url = format!("https://localhost:{}/v1", address.port());
        let mut options = upstream("sea", &base_url, PROVIDER_KEY);
        options.settings.ca_pem = Some(sea_trusted.into_bytes());
        let isolation = Isolation::default();
        let plan = Plan {
            isolation: isolation.clone(),
            tls: Some(tls),
            upstreams: vec![options],
            weighted: vec![("sea".to_owned(), 1)],
            ..Plan::default()
        };
        Self { bed: Bed::new("", plan), isolation, sea, trusted, _runtime: runtime }
    }

    /// Asks for a stream, reads its first piece, does something, and reads the rest.
    fn read(&self, then: impl FnOnce()) -> Vec<u8> {
        runtime().block_on(async {
            let mut sender = connect(self.bed.address, &self.trusted).await;
            let request = chat(&self.bed.key, "m", "Tell me about the sea.", true);
            let answer = tokio::time::timeout(TIME_MAX, sender.send_request(request)).await;
            let mut body = answer.expect("in time").expect("an answer").into_body();
            let first = tokio::time::timeout(TIME_MAX, body.frame()).await.expect("in time");
            let first = first.expect("a frame").expect("whole").into_data().expect("data");
            assert!(!first.is_empty(), "before the upstream has said the rest");
            then();
            let rest = tokio::time::timeout(TIME_MAX, body.collect()).await.expect("in time");
            [first, rest.expect("a body").to_bytes()].concat()
        })
    }

    /// Waits until the upstream has let go of so many answers.
    fn ended(&self, count: usize) {
        let begun = Instant::now();
        while self.sea.ended.load(Ordering::SeqCst) < count {
            assert!(begun.elapsed() < TIME_MAX, "the upstream goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_stream_comes_piece_by_piece_with_http_2_on_both_sides() {
    let coast = Coast::new();
    let told = coast.read(|| {
        coast.sea.goes_on.send_replace(true);
    });
    let told = SseCollected::of(&told, &[]);
    assert_eq!(told.content(), SENTENCE.repeat(SENTENCES_AT_ONCE) + "The end.");
    assert_eq!(coast.bed.closed(1)[0].ending, Ending::Answered);
    let seen = coast.sea.seen.lock().expect("not poisoned").clone();
    assert_eq!(seen, [(Version::HTTP_2, Some("localhost".to_owned()))]);
}

#[test]
fn what_is_isolated_or_left_ends_at_the_upstream_too() {
    let coast = Coast::new();
    let isolated = vec!["upstream:sea".parse().expect("a target")];
    let told = coast.read(|| coast.isolation.set(isolated));
    assert!(String::from_utf8_lossy(&told).contains("isolated"));
    coast.ended(1);
    coast.isolation.set(Vec::new());
    runtime().block_on(async {
        let mut sender = connect(coast.bed.address, &coast.trusted).await;
        let request = chat(&coast.bed.key, "m", "Tell me about the sea.", true);
        let mut body = sender.send_request(request).await.expect("an answer").into_body();
        let first = tokio::time::timeout(TIME_MAX, body.frame()).await.expect("in time");
        assert!(first.is_some_and(|frame| frame.is_ok()));
        drop(body);
        coast.ended(2);
    });
    let endings: Vec<Ending> = coast.bed.closed(2).into_iter().map(|one| one.ending).collect();
    assert!(endings.contains(&Ending::ClientLeft), "{endings:?}");
}
