//! Asking hosts over TLS and without, in HTTP/1.1 and HTTP/2: what is shared, what is sent again, what ends a connection.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Instant,
};

use futures_util::future::join_all;
use h2::{Reason, server};
use http::StatusCode;
use http_body_util::BodyExt as _;
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::Notify,
};

use super::*;
use crate::{Tasks, connector::parse, http2_client::Http2Settings};

const SECOND: Duration = Duration::from_secs(1);
const TIME_MAX: Duration = Duration::from_secs(20);
const H2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

/// A server, and what it has seen.
struct Peer {
    ca_pem: Option<Vec<u8>>,
    seen: Arc<Seen>,
    url: String,
}

#[derive(Default)]
struct Seen {
    cancelled: AtomicUsize,
    connections: AtomicUsize,
    ended: AtomicUsize,
    /// Tells connections to go away.
    go_away: Notify,
    /// Bodies of requests that were processed, and how often.
    processed: Mutex<BTreeMap<String, usize>>,
    /// Most requests at a time on one connection.
    streams_max: AtomicUsize,
}

impl Seen {
    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
}

type Served = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Peer {
    /// Accepts connections, over TLS if it has protocols to agree on.
    async fn start(
        protocols: Option<&[&[u8]]>,
        serve: impl Fn(Box<dyn Io>, Arc<Seen>) -> Served + Send + 'static,
    ) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let acceptor = protocols.map(|protocols| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder = ServerConfig::builder_with_provider(provider);
            let builder = builder.with_safe_default_protocol_versions().expect("versions");
            let chain = CertificateDer::from_pem_slice(chain.as_bytes()).expect("PEM");
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
            let mut config =
                builder.with_no_client_auth().with_single_cert(vec![chain], key).expect("fits");
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            tokio_rustls::TlsAcceptor::from(Arc::new(config))
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (tasks, seen) = (Tasks::default(), Arc::new(Seen::default()));
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let ca_pem = acceptor.is_some().then(|| chain.into_bytes());
        let (spawner, shared) = (tasks.clone(), Arc::clone(&seen));
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let stream: Box<dyn Io> = match &acceptor {
                    None => Box::new(stream),
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                };
                let (served, shared) = (serve(stream, Arc::clone(&shared)), Arc::clone(&shared));
                spawner.spawn(async move {
                    served.await;
                    shared.ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { ca_pem, seen, url: format!("{scheme}://localhost:{port}") }
    }

    /// HTTP/2 over TLS, with this limit.
    async fn http2(streams_max: u32) -> Self {
        Self::start(Some(&[H2]), move |stream, seen| Box::pin(serve(stream, seen, streams_max)))
            .await
    }

    fn client(&self, http: HttpVersions, settings: PoolSettings) -> Client {
        let base = parse(&self.url).expect("a URL");
        let tls = ClientTls { ca_pem: self.ca_pem.as_deref(), ..ClientTls::default() };
        Client::new(&base, &tls, SECOND * 5, http, settings).expect("a client")
    }

    fn ordinary(&self) -> Client {
        self.client(HttpVersions::Auto, PoolSettings::default())
    }

    fn times(&self, body: &str) -> usize {
        self.seen.processed.lock().expect("not poisoned").get(body).copied().unwrap_or_default()
    }
}

/// Serves one connection of HTTP/2.
async fn serve(stream: Box<dyn Io>, seen: Arc<Seen>, streams_max: u32) {
    let mut builder = server::Builder::new();
    let begun = builder.max_concurrent_streams(streams_max).handshake(stream).await;
    let Ok(mut connection) = begun else { return };
    let (tasks, open) = (Tasks::default(), Arc::new(AtomicUsize::new(0)));
    let mut is_leaving = false;
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = seen.go_away.notified(), if !is_leaving => {
                is_leaving = true;
                connection.graceful_shutdown();
                continue;
            }
        };
        let Some(Ok((request, answer))) = accepted else { return };
        if request.uri().path() == "/hangup" {
            return;
        }
        if request.uri().path() == "/freeze" {
            std::future::pending::<()>().await;
        }
        let now = open.fetch_add(1, Ordering::SeqCst) + 1;
        seen.streams_max.fetch_max(now, Ordering::SeqCst);
        let (seen, open) = (Arc::clone(&seen), Arc::clone(&open));
        tasks.spawn(async move {
            answer_one(request, answer, &seen, &open).await;
        });
    }
}

async fn answer_one(
    request: Request<h2::RecvStream>,
    mut answer: server::SendResponse<Bytes>,
    seen: &Seen,
    open: &AtomicUsize,
) {
    let path = request.uri().path().to_owned();
    assert_eq!(request.uri().scheme_str().map(|scheme| scheme.starts_with("http")), Some(true));
    let mut body = request.into_body();
    let mut text = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        let _released = body.flow_control().release_capacity(data.len());
        text.extend_from_slice(&data);
    }
    let name = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
    *seen.processed.lock().expect("not poisoned").entry(name).or_default() += 1;
    let head = Response::new(());
    match path.as_str() {
        "/refuse" => answer.send_reset(Reason::REFUSED_STREAM),
        "/long-head" => {
            let head = Response::builder().header("x-long", "x".repeat(80 << 10)).body(());
            let _sent = answer.send_response(head.expect("a head"), true);
        }
        "/hang" => {
            let reset = std::future::poll_fn(|context| answer.poll_reset(context)).await;
            assert_eq!(reset.ok(), Some(Reason::CANCEL));
            seen.cancelled.fetch_add(1, Ordering::SeqCst);
        }
        "/cut" => {
            let mut stream = answer.send_response(head, false).expect("sent");
            stream.send_data(Bytes::from_static(b"one"), false).expect("sent");
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        "/pace" => {
            let mut stream = answer.send_response(head, false).expect("sent");
            for number in 0..5 {
                let text = Bytes::from(format!("data: {number}\n\n"));
                stream.send_data(text, number == 4).expect("sent");
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        }
        "/long" | "/long-unread" => {
            let mut stream = answer.send_response(head, false).expect("sent");
            // What nobody takes ends with a reset; ours.
            let _sent = stream.send_data(Bytes::from(vec![b'x'; 1 << 20]), path == "/long");
            let reset = std::future::poll_fn(|context| stream.poll_reset(context)).await;
            if reset.ok() == Some(Reason::CANCEL) {
                seen.cancelled.fetch_add(1, Ordering::SeqCst);
            }
        }
        _ => {
            if path == "/some" {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            open.fetch_sub(1, Ordering::SeqCst);
            if let Ok(mut stream) = answer.send_response(head, false) {
                let _sent = stream.send_data(Bytes::from(text), true);
            }
            return;
        }
    }
    open.fetch_sub(1, Ordering::SeqCst);
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(path).body(body.into()).expect("a request")
}

/// The answer's body.
async fn ask(client: &Client, path: &str, body: impl Into<Bytes>) -> Result<Bytes, ClientFault> {
    let answer = client.ask(post(path, body), TIME_MAX).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.map_err(|_| ClientFault::Broken)?;
    Ok(body.to_bytes())
}

async fn until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < TIME_MAX, "it never comes");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn many_requests_share_few_connections() {
    let peer = Peer::http2(100).await;
    let client = peer.ordinary();
    let all = (0..200).map(|number| {
        let client = &client;
        async move { (number, ask(client, "/some", format!("{number}")).await) }
    });
    for (number, answer) in join_all(all).await {
        assert_eq!(answer, Ok(Bytes::from(number.to_string())));
        assert_eq!(peer.times(&number.to_string()), 1);
    }
    let connections = peer.seen.connections();
    assert!((2..=4).contains(&connections), "{connections} for 200 at once, 64 on each");
    let most = peer.seen.streams_max.load(Ordering::SeqCst);
    assert!((20..=64).contains(&most), "{most}");
}

#[tokio::test]
async fn a_peers_limit_is_kept_even_if_it_is_one() {
    let peer = Peer::http2(1).await;
    let client = peer.ordinary();
    for _ in 0..2 {
        let all = (0..8).map(|number| ask(&client, "/some", format!("{number}")));
        assert!(join_all(all).await.into_iter().all(|answer| answer.is_ok()));
    }
    assert_eq!(peer.seen.streams_max.load(Ordering::SeqCst), 1);
    let connections = peer.seen.connections();
    assert!((2..=9).contains(&connections), "{connections} for 8 at once");
    let none = Peer::http2(0).await;
    let client = none.ordinary();
    let refused = ask(&client, "/", "x").await;
    assert_eq!(refused, Err(ClientFault::Dial(DialFault::Connect)));
    assert_eq!(none.seen.connections(), 1, "it is not dialled again and again");
}

#[tokio::test]
async fn answers_that_nobody_reads_stop_no_others() {
    let peer = Peer::http2(100).await;
    let client = peer.ordinary();
    let mut unread = Vec::new();
    for _ in 0..STREAMS_UNREAD {
        let answer = client.ask(post("/long", "x"), TIME_MAX).await.expect("an answer");
        unread.push(answer.into_body());
    }
    // All that may come of them has come.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let read = ask(&client, "/long", "y").await.expect("a body");
    assert_eq!(read.len(), 1 << 20, "many windows long");
    assert_eq!(peer.seen.connections(), 1);
    for body in unread {
        let body = body.collect().await.expect("a body").to_bytes();
        assert!(body.len() == 1 << 20 && body.iter().all(|byte| *byte == b'x'));
    }
    assert_eq!(peer.seen.cancelled.load(Ordering::SeqCst), 0);
}

/// Fewer than those from which on another connection is dialled.
const STREAMS_UNREAD: usize = 6;

#[tokio::test]
async fn when_a_peer_goes_away_nothing_is_lost_and_nothing_sent_twice() {
    let peer = Peer::http2(100).await;
    let client = peer.ordinary();
    let (done, faults) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let workers = (0..8).map(|worker| {
        let (client, done, faults, peer) = (&client, &done, &faults, &peer);
        async move {
            for number in 0..40 {
                let body = format!("{worker}-{number}");
                loop {
                    match ask(client, if number % 4 == 0 { "/some" } else { "/" }, body.clone())
                        .await
                    {
                        Ok(answer) => break assert_eq!(answer, body.as_bytes()),
                        Err(ClientFault::Refused | ClientFault::Dial(_)) => {
                            faults.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(fault) => panic!("{fault:?}"),
                    }
                }
                if done.fetch_add(1, Ordering::SeqCst) % 20 == 19 {
                    peer.seen.go_away.notify_waiters();
                }
            }
        }
    });
    join_all(workers).await;
    let processed = peer.seen.processed.lock().expect("not poisoned").clone();
    assert_eq!(processed.len(), 320);
    assert!(processed.values().all(|times| *times == 1), "{processed:?}");
    assert!(peer.seen.connections() > 3, "it went away now and then");
    let faults = faults.load(Ordering::SeqCst);
    assert!(faults < 100, "{faults}");
}

#[tokio::test]
async fn only_what_the_peer_takes_back_was_not_processed() {
    let peer = Peer::http2(100).await;
    let client = peer.ordinary();
    assert_eq!(ask(&client, "/refuse", "a").await, Err(ClientFault::Refused));
    // We reset this one ourselves, and say the same.
    assert_eq!(ask(&client, "/long-head", "b").await, Err(ClientFault::Broken));
    assert_eq!(ask(&client, "/cut", "c").await, Err(ClientFault::Broken), "in the middle");
    assert_eq!(ask(&client, "/", "d").await, Ok(Bytes::from_static(b"d")));
    assert_eq!(peer.seen.connections(), 1, "a stream that fails is not its connection's end");
    let (open, waits) =
        (client.ask(post("/pace", "e"), TIME_MAX).await, ask(&client, "/hang", "f"));
    let hangup = async {
        until(|| peer.times("f") == 1).await;
        ask(&client, "/hangup", "g").await
    };
    let (waits, hangup) = tokio::join!(waits, hangup);
    assert_eq!((waits, hangup), (Err(ClientFault::Broken), Err(ClientFault::Broken)));
    let open = open.expect("a head").into_body().collect().await;
    assert!(open.is_err(), "what is cut off does not look whole");
    for body in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(peer.times(body), 1, "{body} is sent once");
    }
    assert_eq!(ask(&client, "/", "h").await, Ok(Bytes::from_static(b"h")), "and on another");
}

#[tokio::test]
async fn who_stops_waiting_cancels_at_the_peer() {
    let peer = Peer::http2(100).await;
    let client = peer.ordinary();
    let waiting = tokio::time::timeout(Duration::from_millis(100), ask(&client, "/hang", "x"));
    assert!(waiting.await.is_err());
    until(|| peer.seen.cancelled.load(Ordering::SeqCst) == 1).await;
    let long = client.ask(post("/long-unread", "x"), TIME_MAX).await.expect("a head");
    drop(long);
    until(|| peer.seen.cancelled.load(Ordering::SeqCst) == 2).await;
    assert_eq!(ask(&client, "/", "y").await, Ok(Bytes::from_static(b"y")));
    assert_eq!(peer.seen.connections(), 1);
    let late = client.ask(post("/hang", "x"), Duration::from_millis(50)).await;
    assert_eq!(late.err(), Some(ClientFault::TimedOut));
}

#[tokio::test]
async fn answers_come_piece_by_piece_and_large_bodies_whole() {
    let peer = Peer::http2(100).await;
    let client = peer.ordinary();
    let begun = Instant::now();
    let mut body = client.ask(post("/pace", "x"), TIME_MAX).await.expect("a head").into_body();
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        pieces.push((frame.expect("a frame").into_data().expect("data"), begun.elapsed()));
    }
    assert_eq!(pieces.len(), 5);
    assert!(pieces[4].1 > pieces[0].1 + Duration::from_millis(100), "as they were sent");
    let large = Bytes::from((0..4 << 20).map(|at| (at % 251) as u8).collect::<Vec<_>>());
    assert!(ask(&client, "/", large.clone()).await == Ok(large));
}

#[tokio::test]
async fn a_silent_peer_is_given_up_and_a_slow_one_is_not() {
    let silence_max = Duration::from_millis(250);
    let http2 = Http2Settings { silence_max, ..Http2Settings::default() };
    let settings = PoolSettings { http2, ..PoolSettings::default() };
    let peer = Peer::http2(100).await;
    let client = peer.client(HttpVersions::Auto, settings);
    let slow = client.ask(post("/hang", "x"), SECOND * 2).await;
    assert_eq!(slow.err(), Some(ClientFault::TimedOut), "it answers pings");
    assert_eq!(peer.seen.ended(), 0);
    let begun = Instant::now();
    assert_eq!(ask(&client, "/freeze", "x").await, Err(ClientFault::Broken));
    assert!(begun.elapsed() < SECOND * 5, "long before the answer's time is over");
}

#[tokio::test]
async fn idle_connections_are_closed() {
    for protocol in [H2, HTTP_1] {
        let peer = if protocol == H2 { Peer::http2(100).await } else { http1(false).await };
        let idle_time_max = Duration::from_millis(100);
        let settings = PoolSettings { idle_time_max, ..PoolSettings::default() };
        let client = peer.client(HttpVersions::Auto, settings);
        let mut body = None;
        if protocol == H2 {
            body = Some(client.ask(post("/long", "x"), TIME_MAX).await.expect("a head"));
            tokio::time::sleep(idle_time_max * 3).await;
            assert_eq!(peer.seen.ended(), 0, "not while something is under way");
        }
        assert!(ask(&client, "/", "x").await.is_ok());
        drop(body);
        until(|| peer.seen.ended() == 1).await;
        assert!(ask(&client, "/", "x").await.is_ok());
        assert_eq!(peer.seen.connections(), 2);
        drop(client);
        until(|| peer.seen.ended() == 2).await;
    }
}

/// HTTP/1.1, over TLS. Connections may end, without a word, after each answer.
async fn http1(ends: bool) -> Peer {
    Peer::start(Some(&[HTTP_1]), move |mut stream, _| {
        Box::pin(async move {
            let mut asked = Vec::new();
            let mut piece = [0; 1024];
            while let Ok(count @ 1..) = stream.read(&mut piece).await {
                asked.extend_from_slice(&piece[..count]);
                let text = String::from_utf8_lossy(&asked).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let head = head.to_ascii_lowercase();
                assert!(head.contains("\r\nhost: localhost:"), "{head}");
                if body.is_empty() {
                    continue;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.expect("written");
                asked.clear();
                if ends {
                    return;
                }
            }
        })
    })
    .await
}

#[tokio::test]
async fn an_answers_head_has_a_limit() {
    let peer = Peer::start(Some(&[HTTP_1]), |mut stream, _| {
        Box::pin(async move {
            let mut piece = [0; 4096];
            let asked = stream.read(&mut piece).await.unwrap_or_default();
            let text = String::from_utf8_lossy(&piece[..asked]).into_owned();
            let long = "x".repeat(if text.contains("/long") { 200 << 10 } else { 1 << 10 });
            let head = format!("HTTP/1.1 200 OK\r\nx-long: {long}\r\ncontent-length: 2\r\n\r\nok");
            // The client may hang up before it has taken all of it.
            drop(stream.write_all(head.as_bytes()).await);
        })
    })
    .await;
    assert_eq!(ask(&peer.ordinary(), "/short", "x").await, Ok("ok".into()));
    assert_eq!(ask(&peer.ordinary(), "/long", "x").await, Err(ClientFault::Unreadable));
}

#[tokio::test]
async fn connections_of_http_1_are_used_again_and_one_that_has_gone_is_no_fault() {
    let peer = http1(false).await;
    let client = peer.ordinary();
    for number in 0..10 {
        assert_eq!(ask(&client, "/", format!("{number}")).await, Ok(number.to_string().into()));
    }
    assert_eq!(peer.seen.connections(), 1);
    let all = (0..5).map(|number| ask(&client, "/", format!("{number}")));
    assert!(join_all(all).await.into_iter().all(|answer| answer.is_ok()));
    assert!((2..=5).contains(&peer.seen.connections()), "one request at a time on each");
    let ends = http1(true).await;
    let client = ends.ordinary();
    for number in 0..5 {
        assert_eq!(ask(&client, "/", format!("{number}")).await, Ok(number.to_string().into()));
        until(|| ends.seen.ended() == number + 1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ends.seen.connections(), 5);
}

#[tokio::test]
async fn who_is_not_there_is_so_for_all_that_wait() {
    let free = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let base = parse(&format!("http://127.0.0.1:{port}")).expect("a URL");
    let (tls, settings) = (ClientTls::default(), PoolSettings::default());
    let client = Client::new(&base, &tls, SECOND, HttpVersions::Auto, settings).expect("a client");
    let all = join_all((0..20).map(|_| ask(&client, "/", "x"))).await;
    assert!(all.into_iter().all(|one| one == Err(ClientFault::Dial(DialFault::Connect))));
}

#[tokio::test]
async fn the_version_is_what_both_sides_speak() {
    type Protocols = Option<&'static [&'static [u8]]>;
    const BOTH: &[&[u8]] = &[H2, HTTP_1];
    let cases: [(Protocols, HttpVersions, Result<Version, &str>); 9] = [
        (Some(BOTH), HttpVersions::Auto, Ok(Version::HTTP_2)),
        (Some(BOTH), HttpVersions::Http1, Ok(Version::HTTP_11)),
        (Some(BOTH), HttpVersions::Http2, Ok(Version::HTTP_2)),
        (Some(&[H2]), HttpVersions::Auto, Ok(Version::HTTP_2)),
        (Some(&[HTTP_1]), HttpVersions::Auto, Ok(Version::HTTP_11)),
        // Whoever does not negotiate speaks HTTP/1.1.
        (Some(&[]), HttpVersions::Auto, Ok(Version::HTTP_11)),
        (Some(&[]), HttpVersions::Http2, Err("it does not speak HTTP/2")),
        (None, HttpVersions::Auto, Ok(Version::HTTP_11)),
        (None, HttpVersions::Http2, Ok(Version::HTTP_2)),
    ];
    for (protocols, http, expected) in cases {
        let peer = Peer::start(protocols, |mut stream, seen| {
            Box::pin(async move {
                let mut first = [0; 3];
                if stream.read_exact(&mut first).await.is_err() {
                    return;
                }
                let stream = Box::new(Again { first: first.to_vec(), stream });
                if &first == b"PRI" {
                    return serve(stream, seen, 10).await;
                }
                let mut stream = stream;
                let _head = stream.read(&mut [0; 1024]).await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";
                let _written = stream.write_all(answer).await;
                let _read = stream.read(&mut [0; 1]).await;
            })
        })
        .await;
        let client = peer.client(http, PoolSettings::default());
        let answer = client.ask(post("/", "x"), TIME_MAX).await;
        match (answer, expected) {
            (Ok(answer), Ok(version)) => assert_eq!(answer.version(), version),
            (Err(ClientFault::Dial(DialFault::Handshake(why))), Err(expected)) => {
                assert!(why.contains(expected), "{why}");
            }
            (answer, _) => panic!("{answer:?}, expected {expected:?}"),
        }
    }
}

/// A stream whose first bytes were read already.
struct Again {
    first: Vec<u8>,
    stream: Box<dyn Io>,
}

impl AsyncRead for Again {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        buffer.put_slice(&std::mem::take(&mut this.first));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Again {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// A frame: RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;

#[tokio::test]
async fn what_a_hostile_peer_sends_again_and_again_ends_the_connection() {
    // A header without an index, whose name and value are one byte each.
    let header = [0x00, 0x01, b'x', 0x01, b'y'].repeat(200);
    let settings = frame(SETTINGS, 0, 0, &[]).repeat(1000);
    let head = frame(HEADERS, 0, 1, &[&[0x88], &header[..]].concat());
    let cases: [(&str, Vec<u8>, Vec<u8>); 3] = [
        ("a head that goes on", head, frame(CONTINUATION, 0, 1, &header)),
        ("settings", Vec::new(), settings),
        ("what nobody asked for", frame(PUSH_PROMISE, 4, 1, &[0, 0, 0, 2, 0x88]), Vec::new()),
    ];
    for (what, first, again) in cases {
        let peer = Peer::start(None, move |stream, _| {
            let (first, again) = (first.clone(), again.clone());
            Box::pin(async move {
                let (mut read, mut write) = tokio::io::split(stream);
                // Settings, and that ours have come.
                let begun = [frame(SETTINGS, 0, 0, &[]), frame(SETTINGS, 1, 0, &[])].concat();
                write.write_all(&begun).await.expect("written");
                let mut sink = vec![0; 64 << 10];
                let mut asked = Vec::new();
                while !asked.ends_with(b"please") {
                    let count = read.read(&mut sink).await.expect("read");
                    asked.extend_from_slice(&sink[..count]);
                }
                let drain = async { while read.read(&mut sink).await.is_ok_and(|n| n > 0) {} };
                let flood = async {
                    let mut is_taken = write.write_all(&first).await.is_ok();
                    while is_taken && !again.is_empty() {
                        is_taken = write.write_all(&again).await.is_ok();
                    }
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    () = drain => {}
                    () = flood => {}
                }
            })
        })
        .await;
        let silence_max = Duration::from_millis(500);
        let http2 = Http2Settings { noise_bytes_max: 64 << 10, silence_max };
        let settings = PoolSettings { http2, ..PoolSettings::default() };
        let client = peer.client(HttpVersions::Http2, settings);
        let fault = ask(&client, "/", "please").await;
        assert_eq!(fault, Err(ClientFault::Broken), "{what}");
        until(|| peer.seen.ended() == 1).await;
    }
}

#[tokio::test]
async fn a_stream_that_nobody_speaks_http_on_is_no_connection() {
    let peer = Peer::start(None, |mut stream, _| {
        Box::pin(async move {
            let _written = stream.write_all(b"220 mail.example ESMTP\r\n").await;
            let _read = stream.read(&mut [0; 1024]).await;
        })
    })
    .await;
    let client = peer.client(HttpVersions::Http2, PoolSettings::default());
    let fault = ask(&client, "/", "x").await;
    assert_eq!(fault, Err(ClientFault::Dial(DialFault::Connect)));
    // Nor one that says nothing.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let base = format!("http://{}", silent.local_addr().expect("an address"));
    let base = parse(&base).expect("a URL");
    let (tls, time) = (ClientTls::default(), Duration::from_millis(200));
    let client =
        Client::new(&base, &tls, time, HttpVersions::Http2, PoolSettings::default()).expect("one");
    let fault = ask(&client, "/", "x").await;
    assert_eq!(fault, Err(ClientFault::Dial(DialFault::Connect)));
}
