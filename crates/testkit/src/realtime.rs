//! Sessions of the Realtime API over WebSocket: a fake server that says what its script says, and a client.
//!
//! INVARIANT: whoever waits for a message that never comes is told so within [`WAIT_MAX`].
//!
//! Not here: frames (tungstenite), except those that tests write by hand.

use std::collections::VecDeque;
use std::io::{Error, Result};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

/// How long a message is waited for.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Bytes of a message.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// What a fake server does next.
#[derive(Clone, Debug)]
pub enum Say {
    /// A message of text.
    Text(String),
    /// A message of bytes.
    Binary(Vec<u8>),
    /// It closes the session with this number.
    Close(u16),
}

impl Say {
    /// An event.
    pub fn event(event: &Value) -> Self {
        Self::Text(event.to_string())
    }
}

/// What a fake server says: first to nothing (`null`), when the session is open, then to each event of the client.
pub type Script = Box<dyn FnMut(&Value) -> Vec<Say> + Send>;

/// A fake server of sessions.
#[derive(Debug)]
pub struct FakeRealtime {
    acceptor: Option<JoinHandle<()>>,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    connections: Mutex<Vec<TcpStream>>,
    heads: Mutex<Vec<String>>,
    messages: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeRealtime {
    /// One on a free port of 127.0.0.1; each session gets a script of its own.
    pub fn start(script: impl Fn() -> Script + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let of_acceptor = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                if of_acceptor.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, script) = (Arc::clone(&of_acceptor), script());
                lock(&shared.connections).extend(stream.try_clone());
                std::thread::spawn(move || {
                    // Who goes away is what some tests are for.
                    let _ = serve(&shared, stream, script);
                });
            }
        });
        Ok(Self { acceptor: Some(acceptor), address, shared })
    }

    /// `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The targets and headers of the handshakes so far.
    pub fn heads(&self) -> Vec<String> {
        lock(&self.shared.heads).clone()
    }

    /// The messages received so far.
    pub fn messages(&self) -> Vec<String> {
        lock(&self.shared.messages).clone()
    }
}

impl Drop for FakeRealtime {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for stream in lock(&self.shared.connections).iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn serve(shared: &Shared, stream: TcpStream, script: Script) -> Result<()> {
    stream.set_nodelay(true)?;
    let note = |request: &Request, response: Response| {
        let mut head = request.uri().to_string();
        for (name, value) in request.headers() {
            head.extend(["\n", name.as_str(), ": ", &String::from_utf8_lossy(value.as_bytes())]);
        }
        lock(&shared.heads).push(head);
        Ok(response)
    };
    let socket =
        tungstenite::accept_hdr(stream, note).map_err(|error| Error::other(error.to_string()))?;
    speak(socket, script, |message| lock(&shared.messages).push(message.to_owned()))
}

/// Speaks a session as its script says, on a connection that has become one.
pub(crate) fn speak_on(stream: TcpStream, script: Script, note: impl Fn(&str)) -> Result<()> {
    speak(WebSocket::from_raw_socket(stream, Role::Server, Some(config())), script, note)
}

fn speak(mut socket: WebSocket<TcpStream>, mut script: Script, note: impl Fn(&str)) -> Result<()> {
    let mut said = Value::Null;
    loop {
        for say in script(&said) {
            match say {
                Say::Text(text) => socket.send(Message::Text(text.into())).map_err(other)?,
                Say::Binary(bytes) => socket.send(Message::Binary(bytes.into())).map_err(other)?,
                Say::Close(code) => {
                    let frame = CloseFrame { code: code.into(), reason: "a secret word".into() };
                    socket.close(Some(frame)).map_err(other)?;
                }
            }
        }
        loop {
            match socket.read().map_err(other)? {
                Message::Text(text) => {
                    note(text.as_str());
                    said = serde_json::from_str(text.as_str()).unwrap_or_default();
                    break;
                }
                Message::Close(_) => {
                    let _ = socket.flush();
                    return Ok(());
                }
                _ => {}
            }
        }
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

fn other(error: tungstenite::Error) -> Error {
    Error::other(error)
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// An event, as it came.
    Event(String),
    /// The session was closed with this number.
    Closed(Option<u16>),
    /// The connection broke.
    Broken,
}

/// A client of sessions.
#[derive(Debug)]
pub struct SessionClient {
    socket: WebSocket<TcpStream>,
}

impl SessionClient {
    /// Opens a session at a target (`/v1/realtime?model=m`), with these headers; the status and the body of the answer if that
    /// opens none.
    pub fn open(
        address: SocketAddr,
        target: &str,
        headers: &[(&str, &str)],
    ) -> std::result::Result<Self, (u16, String)> {
        let failed = |error: &dyn std::fmt::Display| (0, error.to_string());
        let stream = TcpStream::connect(address).map_err(|error| failed(&error))?;
        let _ = stream.set_read_timeout(Some(WAIT_MAX));
        let mut request = tungstenite::http::Request::builder()
            .uri(format!("ws://{address}{target}"))
            .header("host", address.to_string())
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", tungstenite::handshake::client::generate_key());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).map_err(|error| failed(&error))?;
        let opened = tungstenite::client::client_with_config(request, stream, Some(config()));
        match opened {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                let status = answer.status().as_u16();
                let body = answer.into_body().unwrap_or_default();
                Err((status, String::from_utf8_lossy(&body).into_owned()))
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// Says an event.
    pub fn send(&mut self, event: &Value) {
        self.send_text(&event.to_string());
    }

    /// Says this text.
    pub fn send_text(&mut self, text: &str) {
        // That nobody listens shows in what is heard.
        let _ = self.socket.send(Message::Text(text.into()));
    }

    /// Says bytes.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        let _ = self.socket.send(Message::Binary(bytes.to_vec().into()));
    }

    /// Asks for a sign of life.
    pub fn ping(&mut self) {
        let _ = self.socket.send(Message::Ping(b"ping".to_vec().into()));
    }

    /// Writes bytes as they are.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        use std::io::Write as _;
        let _ = self.socket.get_mut().write_all(bytes);
    }

    /// What comes next, signs of life aside.
    pub fn hear(&mut self) -> Heard {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Heard::Event(text.as_str().to_owned()),
                Ok(Message::Close(frame)) => {
                    return Heard::Closed(frame.map(|frame| u16::from(frame.code)));
                }
                Ok(Message::Pong(_)) => return Heard::Event("pong".to_owned()),
                Ok(_) => {}
                Err(_) => return Heard::Broken,
            }
        }
    }

    /// The events up to and including the first of this type; panics if none comes.
    pub fn hear_until(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            match self.hear() {
                Heard::Event(text) => {
                    let event: Value = serde_json::from_str(&text).unwrap_or_default();
                    let is_last = event["type"] == kind;
                    events.push(event);
                    if is_last {
                        return events;
                    }
                }
                end => panic!("no {kind}, but {end:?} after {events:?}"),
            }
        }
    }

    /// Everything up to the end.
    pub fn hear_all(&mut self) -> (Vec<String>, Heard) {
        let mut events = Vec::new();
        loop {
            match self.hear() {
                Heard::Event(text) => events.push(text),
                end => return (events, end),
            }
        }
    }

    /// Goes away without a word.
    pub fn vanish(self) {
        let _ = self.socket.get_ref().shutdown(Shutdown::Both);
    }
}

/// A whole response of a server: text, or sound with its transcript, in these pieces.
pub fn realtime_response(id: &str, pieces: &[&str], is_sound: bool) -> Vec<Value> {
    let (item, text) = (format!("item_{id}"), pieces.concat());
    let (stem, member) = if is_sound {
        ("response.output_audio_transcript", "transcript")
    } else {
        ("response.output_text", "text")
    };
    let kind = if is_sound { "output_audio" } else { "output_text" };
    let whole = |text: &str, status: &str| {
        json!({ "id": item, "object": "realtime.item", "type": "message", "status": status, "role": "assistant",
            "content": if text.is_empty() { json!([]) } else { json!([{ "type": kind, member: text }]) } })
    };
    let said = |kind: &str| {
        json!({ "type": kind, "event_id": format!("event_{kind}"), "response_id": id, "item_id": item,
        "output_index": 0, "content_index": 0 })
    };
    let with = |mut event: Value, name: &str, value: Value| {
        event[name] = value;
        event
    };
    let response = |status: &str, output: Value, usage: Value| {
        json!({ "object": "realtime.response", "id": id, "status": status, "status_details": null, "output": output,
            "conversation_id": "conv_1", "output_modalities": ["text"], "usage": usage, "metadata": null })
    };
    let mut events = VecDeque::from([
        json!({ "type": "response.created", "event_id": "event_1", "response": response("in_progress", json!([]), Value::Null) }),
        json!({ "type": "response.output_item.added", "event_id": "event_2", "response_id": id, "output_index": 0, "item": whole("", "in_progress") }),
        json!({ "type": "conversation.item.added", "event_id": "event_3", "previous_item_id": null, "item": whole("", "in_progress") }),
        with(said("response.content_part.added"), "part", json!({ "type": kind, member: "" })),
    ]);
    for piece in pieces {
        events.push_back(with(said(&format!("{stem}.delta")), "delta", (*piece).into()));
        if is_sound {
            events.push_back(with(
                said("response.output_audio.delta"),
                "delta",
                "UklGRgAAAAA=".into(),
            ));
        }
    }
    if is_sound {
        events.push_back(said("response.output_audio.done"));
    }
    events.push_back(with(said(&format!("{stem}.done")), member, text.clone().into()));
    events.push_back(with(
        said("response.content_part.done"),
        "part",
        json!({ "type": kind, member: text }),
    ));
    let usage = json!({ "total_tokens": 30, "input_tokens": 20, "output_tokens": 10,
        "input_token_details": { "text_tokens": 20, "cached_tokens": 0 } });
    events.extend([
        json!({ "type": "conversation.item.done", "event_id": "event_4", "previous_item_id": null, "item": whole(&text, "completed") }),
        json!({ "type": "response.output_item.done", "event_id": "event_5", "response_id": id, "output_index": 0, "item": whole(&text, "completed") }),
        json!({ "type": "response.done", "event_id": "event_6", "response": response("completed", json!([whole(&text, "completed")]), usage) }),
        json!({ "type": "rate_limits.updated", "event_id": "event_7", "rate_limits": [{ "name": "tokens", "limit": 1000, "remaining": 970, "reset_seconds": 0.5 }] }),
    ]);
    events.into()
}

/// A server that repeats what the user last said, word by word.
pub fn echo_session() -> Script {
    let (mut last, mut count) = (String::new(), 0);
    Box::new(move |event| {
        let events = match event["type"].as_str() {
            None => vec![json!({ "type": "session.created", "event_id": "event_0", "session": {
                "type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "fake", "instructions": "Be helpful." } })],
            Some("session.update") => vec![
                json!({ "type": "session.updated", "event_id": "event_8", "session": event["session"] }),
            ],
            Some("conversation.item.create") => {
                count += 1;
                let mut item = event["item"].clone();
                item["id"] = format!("item_of_user_{count}").into();
                let text = &item["content"][0]["text"];
                let said = text.as_str().or_else(|| item["output"].as_str());
                said.unwrap_or_default().clone_into(&mut last);
                let told = |kind: &str| json!({ "type": kind, "event_id": "event_9", "previous_item_id": null, "item": item });
                vec![told("conversation.item.added"), told("conversation.item.done")]
            }
            Some("response.create") => {
                count += 1;
                let is_sound = event["response"]["output_modalities"][0] == "audio";
                let pieces: Vec<&str> = last.split_inclusive(' ').collect();
                realtime_response(&format!("resp_{count}"), &pieces, is_sound)
            }
            _ => Vec::new(),
        };
        events.iter().map(Say::event).collect()
    })
}
