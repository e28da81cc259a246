//! A fake upstream: an HTTP/1.1 server on raw sockets that answers as the model provider would, or as it should not.
//!
//! It serves `/v1/chat/completions`, `/v1/completions`, `/v1/responses`, `/v1/embeddings`,
//! `/v1/moderations`, `/v1/files`, `/v1/batches`, `/v1/models` (in Anthropic's and Google's shapes too), `/v1/messages`,
//! `/v1/messages/count_tokens`, `/v1/messages/batches`, the first of them where Azure has them, Ollama's native API below `/api/`, Gemini's methods of
//! `/v1beta/models/…`, Bedrock's `/model/…/converse` and `converse-stream`, and sessions at `/v1/realtime`; which [`Scenario`] a request meets is named in the request. Every request is recorded as it
//! came.
//!
//! INVARIANT: dropping it ends every connection and frees the port.
//!
//! Not here: TLS, HTTP/2, `Expect: 100-continue`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Result, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{Head, Reader};
use crate::messages::{self, Message};
use crate::random::fingerprint;
use crate::reply::{self, Reply};
use crate::reply_responses;
use crate::script::{Prompt, Shape, choices};
use crate::{Kind, Scenario};

mod answer;
mod clouds;
mod ollama;
mod session;
mod storage;

use answer::{Answer, Body};
use storage::Storage;

/// Connections served at once; more are closed on arrival.
const CONNECTIONS_MAX: usize = 1024;
/// Requests recorded; later ones are answered and only counted.
const REQUESTS_RECORDED_MAX: usize = 65_536;
/// Bytes of bodies recorded; later bodies are recorded empty.
const RECORDED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long a connection may be idle.
const IDLE_MAX: Duration = Duration::from_mins(2);
/// How long a scenario may keep a connection without an answer.
const HANG_MAX: Duration = Duration::from_mins(1);
/// How long one `write` may take before the peer counts as gone.
const WRITE_MAX: Duration = Duration::from_mins(1);

/// A request as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The connection it came on, counted from 0.
    pub connection: u64,
    /// `POST`.
    pub method: String,
    /// `/v1/chat/completions`, with a query if there was one.
    pub target: String,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body's bytes, out of their chunks.
    pub body: Vec<u8>,
}

impl RecordedRequest {
    /// The first header of that name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as text, with replacement characters where it is not.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn to_json(&self) -> Value {
        let headers: Vec<Value> =
            self.headers.iter().map(|(name, value)| serde_json::json!([name, value])).collect();
        serde_json::json!({
            "connection": self.connection,
            "method": self.method,
            "target": self.target,
            "headers": headers,
            "body": self.text(),
            "body_base64": data_encoding::BASE64.encode(&self.body),
        })
    }
}

/// How a fake upstream is set up.
#[derive(Clone, Debug)]
pub struct UpstreamOptions {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where tests in other languages read what was received: `GET /requests`, `DELETE /requests`.
    pub admin: Option<SocketAddr>,
    /// The scenario of a request that names none.
    pub scenario: Scenario,
}

impl Default for UpstreamOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: None,
            scenario: Scenario::default(),
        }
    }
}

/// A running fake upstream.
#[derive(Debug)]
pub struct FakeUpstream {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    shared: Arc<Shared>,
    acceptors: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    scenario: Scenario,
    stopped: AtomicBool,
    /// Notified when `stopped` is set, under the lock of `connections`.
    stopping: Condvar,
    connections: Mutex<BTreeMap<u64, TcpStream>>,
    accepted: AtomicU64,
    received: AtomicU64,
    requests: Mutex<Vec<RecordedRequest>>,
    storage: Mutex<Storage>,
}

impl FakeUpstream {
    /// On a free port of 127.0.0.1, echoing unless a request says otherwise.
    pub fn start() -> Result<Self> {
        Self::start_with(UpstreamOptions::default())
    }

    /// Set up as `options` say.
    pub fn start_with(options: UpstreamOptions) -> Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { scenario: options.scenario, ..Shared::default() });
        let mut acceptors = vec![accept(listener, &shared, serve)];
        let admin = match options.admin {
            None => None,
            Some(admin) => {
                let listener = TcpListener::bind(admin)?;
                let admin = listener.local_addr()?;
                acceptors.push(accept(listener, &shared, administer));
                Some(admin)
            }
        };
        Ok(Self { address, admin, shared, acceptors })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its records can be read, when that was asked for.
    pub const fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// `http://127.0.0.1:PORT/v1`, as `OPENAI_BASE_URL` has it.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What was received so far (the first 65,536 requests).
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.shared.requests).clone()
    }

    /// Requests received so far, recorded or not.
    pub fn received(&self) -> u64 {
        self.shared.received.load(Ordering::SeqCst)
    }

    /// Connections open now.
    pub fn connections_open(&self) -> usize {
        lock(&self.shared.connections).len()
    }

    /// Connections accepted so far.
    pub fn connections_accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Forgets what was received.
    pub fn clear(&self) {
        lock(&self.shared.requests).clear();
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        {
            let connections = lock(&self.shared.connections);
            self.shared.stopped.store(true, Ordering::SeqCst);
            self.shared.stopping.notify_all();
            for stream in connections.values() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        for address in [Some(self.address), self.admin].into_iter().flatten() {
            let _ = TcpStream::connect_timeout(&address, Duration::from_secs(1));
        }
        for acceptor in self.acceptors.drain(..) {
            let _ = acceptor.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Handler = fn(&Arc<Shared>, TcpStream, u64) -> Result<()>;

fn accept(listener: TcpListener, shared: &Arc<Shared>, handler: Handler) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.stopped.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let Some(number) = shared.register(&stream) else { continue };
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                // A peer that went away is what some scenarios are for.
                let _ = handler(&shared, stream, number);
                lock(&shared.connections).remove(&number);
            });
        }
    })
}

impl Shared {
    fn register(&self, stream: &TcpStream) -> Option<u64> {
        let handle = stream.try_clone().ok()?;
        let mut connections = lock(&self.connections);
        if connections.len() >= CONNECTIONS_MAX || self.stopped.load(Ordering::SeqCst) {
            return None;
        }
        let number = self.accepted.fetch_add(1, Ordering::SeqCst);
        connections.insert(number, handle);
        Some(number)
    }

    /// Waits, unless the upstream is dropped first. Whether it goes on.
    fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut connections = lock(&self.connections);
        while !self.stopped.load(Ordering::SeqCst) {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return true };
            let waited = self.stopping.wait_timeout(connections, left);
            connections = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    fn record(&self, mut request: RecordedRequest) {
        self.received.fetch_add(1, Ordering::SeqCst);
        let mut requests = lock(&self.requests);
        if requests.len() >= REQUESTS_RECORDED_MAX {
            return;
        }
        let bytes: usize = requests.iter().map(|request| request.body.len()).sum();
        if bytes + request.body.len() > RECORDED_BYTES_MAX {
            request.body.clear();
        }
        requests.push(request);
    }
}

/// Serves one connection until the peer closes it or a scenario does.
fn serve(shared: &Arc<Shared>, stream: TcpStream, connection: u64) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE_MAX))?;
    stream.set_write_timeout(Some(WRITE_MAX))?;
    let mut reader = Reader::new(stream);
    while let Some(request) = receive(&mut reader, connection)? {
        let path = request.target.split('?').next().unwrap_or_default();
        let (path, _) = as_openai_has_it(path);
        if path == "/v1/realtime" && request.header("upgrade").is_some() {
            return session::serve(shared, reader.stream(), request);
        }
        let stored = lock(&shared.storage).answer(&request, &path, &shared.scenario);
        let answer = stored.unwrap_or_else(|| {
            if request.target.starts_with("/api/") {
                ollama::answer_to(&request, &shared.scenario)
            } else {
                answer_to(&request, &shared.scenario)
            }
        });
        shared.record(request);
        if !answer.send(reader.stream(), |time| shared.wait(time))? {
            break;
        }
    }
    Ok(())
}

pub(crate) fn receive(reader: &mut Reader, connection: u64) -> Result<Option<RecordedRequest>> {
    let Some(head) = reader.head()? else { return Ok(None) };
    let body = reader.body(&head)?;
    let Head { first_line, headers } = head;
    let mut words = first_line.split(' ').map(str::to_owned);
    Ok(Some(RecordedRequest {
        connection,
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        headers,
        body,
    }))
}

fn unknown_model(message: &str, is_messages: bool) -> String {
    if is_messages {
        return messages::error(message, 404);
    }
    let (class, code) = ("invalid_request_error", Some("model_not_found"));
    reply::error(message, class, Some("model"), code)
}

/// Which answer a request gets.
fn answer_to(request: &RecordedRequest, default: &Scenario) -> Answer {
    let path = request.target.split('?').next().unwrap_or_default();
    let (path, deployment) = as_openai_has_it(path);
    let is_anthropics = request.header("anthropic-version").is_some();
    if let Some(answer) = clouds::answer_to(request, default) {
        return answer;
    }
    let ids = || Kind::ALL.iter().map(|(name, _)| format!("fake-{name}"));
    match (request.method.as_str(), &*path) {
        ("GET", "/v1/models") if is_anthropics => {
            let query = request.target.split_once('?').map_or("", |(_, query)| query);
            let ids: Vec<String> = ids().collect();
            Answer::json(200, messages::models(&ids, query))
        }
        ("GET", path) if path.starts_with("/v1/models/") && is_anthropics => {
            Answer::json(200, messages::model(path.trim_start_matches("/v1/models/")).to_string())
        }
        ("GET", "/v1/models") => {
            let models: Vec<String> = ids().map(|id| reply::model(&id)).collect();
            Answer::json(200, format!(r#"{{"object":"list","data":[{}]}}"#, models.join(",")))
        }
        (
            "POST",
            "/v1/chat/completions"
            | "/v1/embeddings"
            | "/v1/completions"
            | "/v1/moderations"
            | "/v1/responses"
            | "/v1/messages"
            | "/v1/messages/count_tokens",
        ) => {
            let is_messages = path.starts_with("/v1/messages");
            let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) else {
                let message = "We could not parse the JSON body of your request.";
                return Answer::json(
                    400,
                    reply::error(message, "invalid_request_error", None, None),
                );
            };
            if let Some(deployment) = deployment {
                body["model"] = deployment.into();
            }
            let shape = if is_messages { Shape::Anthropic } else { Shape::OpenAi };
            match scenario_of(&body, shape, default) {
                Ok((_, scenario)) if path == "/v1/embeddings" && scenario.kind == Kind::Echo => {
                    Answer { scenario, ..Answer::json(200, reply::embeddings(&body)) }
                }
                Ok((prompt, scenario)) if path == "/v1/moderations" => {
                    let body = reply_responses::moderation(&prompt.model);
                    Answer { scenario, ..Answer::json(200, body) }
                }
                Ok((prompt, scenario)) if path.ends_with("/count_tokens") => {
                    Answer { scenario, ..Answer::json(200, messages::count(&prompt)) }
                }
                Ok((prompt, scenario)) => generated(&path, &prompt, scenario),
                Err(unknown) => Answer::json(404, unknown_model(&unknown, is_messages)),
            }
        }
        ("GET", path) if path.starts_with("/v1/models/") => {
            Answer::json(200, reply::model(path.trim_start_matches("/v1/models/")))
        }
        (method, path) => {
            let message = format!("Invalid URL ({method} {path})");
            Answer::json(404, reply::error(&message, "invalid_request_error", None, None))
        }
    }
}

/// Azure's paths as OpenAI has them, and the deployment that one names.
fn as_openai_has_it(path: &str) -> (Cow<'_, str>, Option<&str>) {
    if let Some(rest) = path.strip_prefix("/openai/v1/") {
        return (format!("/v1/{rest}").into(), None);
    }
    let deployment =
        path.strip_prefix("/openai/deployments/").and_then(|rest| rest.split_once('/'));
    if let Some((deployment, rest)) = deployment {
        return (format!("/v1/{rest}").into(), Some(deployment));
    }
    match path.strip_prefix("/openai/") {
        Some(rest) => (format!("/v1/{rest}").into(), None),
        None => (path.into(), None),
    }
}

fn scenario_of(
    body: &Value,
    shape: Shape,
    default: &Scenario,
) -> std::result::Result<(Prompt, Scenario), String> {
    let mut prompt = Prompt::of(body, shape);
    let name = prompt.directive.as_deref().unwrap_or(&prompt.model);
    let scenario = if name.starts_with("fake-") {
        name.parse().map_err(|error: crate::UnknownScenario| error.to_string())?
    } else {
        default.clone()
    };
    if name == prompt.model {
        prompt.model = Scenario::served_name(&prompt.model);
    }
    Ok((prompt, scenario))
}

fn generated(path: &str, prompt: &Prompt, scenario: Scenario) -> Answer {
    if let Some(answer) = Answer::failure(&scenario, prompt) {
        return Answer { scenario, ..answer };
    }
    let fingerprint = fingerprint(format!("{}\n{}", prompt.model, prompt.text).as_bytes());
    let mut choices = choices(prompt, &scenario, fingerprint);
    if matches!(prompt.shape, Shape::Bedrock | Shape::Gemini) {
        let body = clouds::body(prompt, &scenario, choices, fingerprint);
        return Answer { status: 200, headers: Vec::new(), body, scenario };
    }
    if prompt.shape == Shape::Anthropic {
        let choice = choices.drain(..).next().unwrap_or_default();
        let message = Message { prompt, scenario: &scenario, choice, fingerprint };
        let body = if prompt.stream {
            Body::Events(answer::with_faults_in_messages(message.events(), &scenario))
        } else {
            Body::Bytes(answer::with_faults_unstreamed(message.body(), &scenario))
        };
        return Answer { status: 200, headers: Vec::new(), body, scenario };
    }
    let reply = Reply { prompt, scenario: &scenario, choices, fingerprint };
    let body = match (path, prompt.stream) {
        ("/v1/responses", true) => {
            let events = reply.response_events().into_iter();
            Body::Events(events.map(|(kind, data)| (Some(kind), data.into_bytes())).collect())
        }
        ("/v1/responses", false) => Body::Bytes(reply.response_body().into_bytes()),
        ("/v1/completions", true) => {
            Body::Events(answer::with_faults(reply.completion_events(), &scenario))
        }
        ("/v1/completions", false) => Body::Bytes(reply.completion_body().into_bytes()),
        (_, true) => Body::Events(answer::with_faults(reply.events(), &scenario)),
        (_, false) => Body::Bytes(answer::with_faults_unstreamed(reply.body(), &scenario)),
    };
    Answer { status: 200, headers: Vec::new(), body, scenario }
}

/// Serves what was recorded to tests in other languages.
fn administer(shared: &Arc<Shared>, stream: TcpStream, connection: u64) -> Result<()> {
    stream.set_read_timeout(Some(IDLE_MAX))?;
    let mut reader = Reader::new(stream);
    while let Some(request) = receive(&mut reader, connection)? {
        let answer = match (request.method.as_str(), request.target.as_str()) {
            ("GET", "/requests") => {
                let requests: Vec<Value> =
                    lock(&shared.requests).iter().map(RecordedRequest::to_json).collect();
                Answer::json(200, Value::from(requests).to_string())
            }
            ("DELETE", "/requests") => {
                lock(&shared.requests).clear();
                Answer::json(200, "{}".to_owned())
            }
            _ => Answer::json(404, "{}".to_owned()),
        };
        answer.send(reader.stream(), |time| shared.wait(time))?;
        reader.stream().flush()?;
    }
    Ok(())
}
