//! Connections of HTTP/2: what they carry, and each of their limits crossed.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self as client, SendRequest};
use hyper_util::rt::TokioExecutor;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;
use crate::{BodyBudget, BodyShare, Listener, full, read_bounded, server_config};

const LONG_BYTES: usize = 1 << 20;

/// Answers with the request's body, with a long one, or never.
#[derive(Default)]
struct Answers {
    begun: AtomicUsize,
    open: AtomicUsize,
    open_max: AtomicUsize,
}

struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Handler for Answers {
    fn handle(
        &self,
        arrival: Arrival,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        Box::pin(async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
            let _open = Open(&self.open);
            self.open_max.fetch_max(open, Ordering::SeqCst);
            let body = match arrival.request.uri().path() {
                "/hang" => std::future::pending().await,
                "/long" => Bytes::from(vec![b'x'; LONG_BYTES]),
                "/some" => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Bytes::new()
                }
                _ => {
                    let (budget, mut share) = (BodyBudget::new(1 << 20), BodyShare::default());
                    let body = arrival.request.into_body();
                    let time = Duration::from_secs(5);
                    read_bounded(body, 1 << 20, time, &budget, &mut share).await.expect("a body")
                }
            };
            Response::new(full(body))
        })
    }
}

fn settings() -> ListenerSettings {
    ListenerSettings {
        address: ([127, 0, 0, 1], 0).into(),
        connections_max: 10,
        head_bytes_max: 16 << 10,
        head_time_max: Duration::from_secs(20),
        proxy_protocol_from: Vec::new(),
        send_time_max: Duration::from_secs(20),
        tls: None,
    }
}

/// A served connection: its other end, and what tells that it is over.
fn serve_one(settings: ListenerSettings) -> (DuplexStream, Arc<Answers>, Tasks, Shutdown) {
    let (near, far) = tokio::io::duplex(64 << 10);
    let (answers, tasks, shutdown) =
        (Arc::new(Answers::default()), Tasks::default(), Shutdown::default());
    let (handler, streams, ending) = (Arc::clone(&answers), tasks.clone(), shutdown.clone());
    tasks.spawn(async move {
        let client = Client {
            certificate: None,
            hold: ConnectionHold::new(()),
            peer: ([127, 0, 0, 1], 1).into(),
        };
        serve(near, client, handler, &settings, streams, &ending).await;
    });
    (far, answers, tasks, shutdown)
}

async fn connect(
    builder: &client::Builder<TokioExecutor>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    tasks: &Tasks,
) -> SendRequest<Full<Bytes>> {
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.expect("a connection");
    tasks.spawn(async move {
        let _ended = connection.await;
    });
    sender
}

fn builder_of_client() -> client::Builder<TokioExecutor> {
    client::Builder::new(TokioExecutor::new())
}

fn request(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::post(format!("https://gateway.example{path}"));
    request.body(Full::new(Bytes::from_static(body.as_bytes()))).expect("a request")
}

/// Whether everything that serves has ended in time.
async fn has_ended(tasks: &Tasks) -> bool {
    tasks.wait(Duration::from_secs(5)).await == 0
}

#[tokio::test]
async fn requests_are_answered_side_by_side_and_long_answers_whole() {
    let (far, _, tasks, shutdown) = serve_one(settings());
    let mut sender = connect(&builder_of_client(), far, &tasks).await;
    let hanging = sender.clone().send_request(request("/hang", ""));
    let hanging = tokio::time::timeout(Duration::from_millis(50), hanging);
    let echo = sender.clone().send_request(request("/", "hello"));
    let (hanging, echo) = tokio::join!(hanging, echo);
    assert!(hanging.is_err(), "it waits, and nobody waits for it");
    let echo = echo.expect("an answer");
    assert_eq!(echo.status(), StatusCode::OK);
    assert_eq!(echo.into_body().collect().await.expect("a body").to_bytes(), "hello");
    let long = sender.send_request(request("/long", "")).await.expect("an answer");
    assert_eq!(long.headers()[header::CONTENT_LENGTH], LONG_BYTES.to_string());
    let long = long.into_body().collect().await.expect("a body").to_bytes();
    assert!(long.len() == LONG_BYTES && long.iter().all(|byte| *byte == b'x'));
    shutdown.begin();
    drop(sender);
    assert!(has_ended(&tasks).await, "a shutdown ends it in good order");
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_are_allowed() {
    let (far, answers, tasks, _shutdown) = serve_one(settings());
    let sender = connect(&builder_of_client(), far, &tasks).await;
    let all = (0..3 * STREAMS_MAX).map(|_| sender.clone().send_request(request("/some", "")));
    let all = futures_util::future::join_all(all).await;
    assert!(all.into_iter().all(|answer| answer.is_ok()), "each comes in its turn");
    let most = answers.open_max.load(Ordering::SeqCst);
    assert!((2..=STREAMS_MAX as usize).contains(&most), "{most}");
}

#[tokio::test]
async fn who_cuts_off_what_was_begun_is_sent_away() {
    let (far, answers, tasks, _shutdown) = serve_one(settings());
    let sender = connect(&builder_of_client(), far, &tasks).await;
    let limit = CUT_STREAMS_MAX as usize;
    let mut cut = 0;
    while cut < 3 * limit && !sender.is_closed() {
        let mut sender = sender.clone();
        let pending = sender.send_request(request("/hang", ""));
        let begun = async {
            while answers.begun.load(Ordering::SeqCst) <= cut {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            _ = pending => break,
            () = begun => cut += 1,
        }
    }
    assert!((limit..limit + 20).contains(&cut), "{cut}");
    drop(sender);
    assert!(has_ended(&tasks).await);
    assert_eq!(answers.open.load(Ordering::SeqCst), 0, "what was cut off is let go");
}

#[tokio::test]
async fn a_client_that_is_answered_may_cut_off_more() {
    let (far, answers, tasks, _shutdown) = serve_one(settings());
    let mut sender = connect(&builder_of_client(), far, &tasks).await;
    for turn in 0..2 * CUT_STREAMS_MAX as usize {
        let answer = sender.send_request(request("/", "x")).await.expect("an answer");
        answer.into_body().collect().await.expect("a body");
        let pending = sender.send_request(request("/hang", ""));
        let begun = async {
            while answers.begun.load(Ordering::SeqCst) < 2 * (turn + 1) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            _ = pending => panic!("it hangs"),
            () = begun => {}
        }
    }
    assert!(!sender.is_closed());
}

#[tokio::test]
async fn a_connection_without_requests_ends_and_one_with_a_slow_one_does_not() {
    let short = ListenerSettings { head_time_max: Duration::from_millis(100), ..settings() };
    let (far, _, tasks, _shutdown) = serve_one(short.clone());
    let sender = connect(&builder_of_client(), far, &tasks).await;
    assert!(has_ended(&tasks).await);
    assert!(sender.is_closed());
    let (far, _, tasks, _shutdown) = serve_one(short.clone());
    let mut sender = connect(&builder_of_client(), far, &tasks).await;
    let slow =
        tokio::time::timeout(Duration::from_millis(400), sender.send_request(request("/hang", "")));
    assert!(slow.await.is_err(), "it still waits, on a connection that is open");
    // Not even the preface.
    let (far, _, tasks, _shutdown) = serve_one(short);
    assert!(has_ended(&tasks).await);
    drop(far);
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_given_up() {
    let short = ListenerSettings { send_time_max: Duration::from_millis(200), ..settings() };
    let (far, answers, tasks, _shutdown) = serve_one(short);
    let mut builder = builder_of_client();
    builder.initial_stream_window_size(1000);
    let mut sender = connect(&builder, far, &tasks).await;
    let answer = sender.send_request(request("/long", "")).await.expect("a head");
    // Others go on meanwhile, and are cut off with it in the end.
    let other = sender.send_request(request("/", "hello")).await.expect("an answer");
    assert_eq!(other.into_body().collect().await.expect("a body").to_bytes(), "hello");
    assert!(tasks.wait(Duration::from_secs(5)).await == 0, "the connection is closed");
    assert!(answer.into_body().collect().await.is_err(), "the rest never comes");
    assert_eq!(answers.open.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_head_beyond_its_limit_reaches_nobody() {
    let (far, answers, tasks, _shutdown) = serve_one(settings());
    let mut sender = connect(&builder_of_client(), far, &tasks).await;
    let with = |bytes: usize| {
        let mut request = request("/", "");
        let value = "x".repeat(bytes).parse().expect("a value");
        request.headers_mut().insert("x-long", value);
        request
    };
    let answer = sender.send_request(with(8 << 10)).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = sender.send_request(with(17 << 10)).await;
    assert!(
        answer.is_ok_and(|answer| answer.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            || answers.begun.load(Ordering::SeqCst) == 1
    );
    assert_eq!(answers.begun.load(Ordering::SeqCst), 1);
}

/// A frame: RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    bytes.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes.to_vec()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

#[tokio::test]
async fn a_head_that_goes_on_and_on_ends_the_connection() {
    let (far, answers, tasks, _shutdown) = serve_one(settings());
    let (mut read, mut write) = tokio::io::split(far);
    tasks.spawn(async move {
        let mut sink = [0; 4096];
        while read.read(&mut sink).await.is_ok_and(|count| count > 0) {}
    });
    write.write_all(PREFACE).await.expect("written");
    write.write_all(&frame(SETTINGS, 0, 0, &[])).await.expect("written");
    // A header without an index, whose name and value are one byte each, again and again.
    let header = [0x00, 0x01, b'x', 0x01, b'y'].repeat(200);
    write.write_all(&frame(HEADERS, 0, 1, &header)).await.expect("written");
    let mut frames = 0;
    while frames < 10_000 && write.write_all(&frame(CONTINUATION, 0, 1, &header)).await.is_ok() {
        frames += 1;
    }
    assert!(frames < 1000, "{frames} frames of one head were taken");
    drop(write);
    assert!(has_ended(&tasks).await);
    assert_eq!(answers.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection() {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[PREFACE, &[0xff; 64]].concat()] {
        let (mut far, answers, tasks, _shutdown) = serve_one(settings());
        far.write_all(bytes).await.expect("written");
        let mut said = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), far.read_to_end(&mut said));
        assert!(read.await.is_ok(), "it is closed");
        assert!(has_ended(&tasks).await);
        assert_eq!(answers.begun.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn tls_agrees_on_it_and_those_who_do_not_know_it_get_http_1() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = server_config(chain.as_bytes(), key.as_bytes(), None).expect("TLS");
    let listener =
        Listener::bind(ListenerSettings { tls: Some(tls), ..settings() }).expect("a port");
    let (address, tasks) = (listener.local_address(), Tasks::default());
    let (answers, shutdown) = (Arc::new(Answers::default()), Shutdown::default());
    tasks.spawn(listener.serve(answers, tasks.clone(), shutdown.clone()));
    let connect_tls = |protocols: Vec<Vec<u8>>| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(chain.as_bytes()).expect("PEM")).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = protocols;
        async move {
            let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
            let name = ServerName::try_from("localhost").expect("a name");
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
            connector.connect(name, stream).await.expect("a handshake")
        }
    };
    let stream = connect_tls(vec![b"h2".to_vec(), b"http/1.1".to_vec()]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut sender = connect(&builder_of_client(), stream, &tasks).await;
    let answer = sender.send_request(request("/", "hello")).await.expect("an answer");
    assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), "hello");
    for protocols in [vec![], vec![b"http/1.1".to_vec()]] {
        let mut stream = connect_tls(protocols).await;
        let asked = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
        stream.write_all(asked).await.expect("written");
        let mut said = String::new();
        let _end = stream.read_to_string(&mut said).await;
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("hello"), "{said}");
    }
    shutdown.begin();
    drop(sender);
    assert!(has_ended(&tasks).await);
}
