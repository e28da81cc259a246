//! NATS JetStream: each line is published with its id, and acknowledged by the stream.
//!
//! Source: NATS client protocol; ADR-1 and "JetStream publishing". `Nats-Msg-Id` is the line's id, by which a stream drops what it
//! has within its window of duplicates. A line is taken once the stream says that it stored it (or has it). A stream that is
//! not there (503, no responders) or is full says so for each line, and the line is sent again.
//!
//! `nats://` speaks plain TCP, `tls://` begins TLS after the server's greeting, as NATS does. One connection serves many batches.
//!
//! INVARIANT: what a server says is bounded in bytes and time. INVARIANT: no line is larger than the server takes.

use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Uri;
use net::{Dial, DialSettings};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use serde_json::json;
use stdx::SharedSecret;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};

use super::deliver::{Answer, Deliver, Failure, SinkError, Verdict, words};
use super::http::{CONNECT_TIME_MAX, key};
use super::item::Item;
use super::settings::SinkSettings;

/// Bytes of a line that the server says.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Bytes of a message that the server sends us: an acknowledgement.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Bytes of a subject.
const SUBJECT_BYTES_MAX: usize = 255;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) struct Nats {
    connection: Option<Connection>,
    dial: Dial,
    key: Option<SharedSecret>,
    subject: String,
    time_max: Duration,
    user: Option<String>,
}

struct Connection {
    inbox: String,
    payload_bytes_max: usize,
    /// How many lines were published on it, which is how they are told apart.
    published: u64,
    stream: BufReader<Box<dyn Stream>>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    headers: bool,
    #[serde(default)]
    max_payload: usize,
}

/// What a stream says of a line.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Ack {
    error: Option<AckError>,
    stream: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AckError {
    code: u32,
    description: String,
}

impl Nats {
    pub(crate) fn new(settings: &SinkSettings) -> Result<Self, SinkError> {
        let wrong = |detail, why: &str| SinkError::Detail { detail, why: why.to_owned() };
        let uri = settings.url.parse::<Uri>().map_err(|error| wrong("url", &error.to_string()))?;
        let (Some(scheme @ ("nats" | "tls")), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(wrong("url", "write `nats://HOST:4222` or `tls://HOST:4222`"));
        };
        let subject = settings.detail("subject").unwrap_or_default().to_owned();
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'>');
        if subject.len() > SUBJECT_BYTES_MAX
            || !subject.bytes().all(is_plain)
            || subject.split('.').any(str::is_empty)
        {
            return Err(wrong("subject", "write words with dots between them, without wildcards"));
        }
        let dial = Dial::new(&DialSettings {
            ca_pem: settings.ca_pem.clone(),
            connect_time_max: CONNECT_TIME_MAX,
            host: host.trim_matches(['[', ']']).to_owned(),
            is_tls: scheme == "tls",
            port: uri.port_u16().unwrap_or(4_222),
        })?;
        Ok(Self {
            connection: None,
            dial,
            key: settings.key.clone(),
            subject,
            time_max: settings.time_max,
            user: settings.detail("user").map(str::to_owned),
        })
    }

    async fn connect(&mut self) -> Result<Connection, Failure> {
        let (greeting, stream) = self.dial.connect_greeted(LINE_BYTES_MAX as usize).await?;
        let info =
            greeting.strip_prefix("INFO ").and_then(|info| serde_json::from_str::<Info>(info).ok());
        let info = info.ok_or_else(|| Failure::wait("it is not a NATS server"))?;
        if !info.headers {
            return Err(Failure::wait("the server is too old: it takes no headers"));
        }
        let mut options = json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true, "protocol": 1,
            "lang": "rust", "name": "bartizan", "version": env!("CARGO_PKG_VERSION"),
        });
        if self.key.is_some() {
            let key = key(self.key.as_ref())?;
            match &self.user {
                Some(user) => {
                    options["user"] = user.as_str().into();
                    options["pass"] = key.expose().as_str().into();
                }
                None => options["auth_token"] = key.expose().as_str().into(),
            }
        }
        let mut random = [0; 12];
        SystemRandom::new().fill(&mut random).map_err(|_| Failure::wait("no random numbers"))?;
        let inbox = format!("_INBOX.{}", HEXLOWER.encode(&random));
        let stream: Box<dyn Stream> = Box::new(stream);
        let mut stream = BufReader::new(stream);
        let hello =
            zeroize::Zeroizing::new(format!("CONNECT {options}\r\nSUB {inbox}.* 1\r\nPING\r\n"));
        stream.write_all(hello.as_bytes()).await?;
        stream.flush().await?;
        let mut connection =
            Connection { inbox, payload_bytes_max: info.max_payload, published: 0, stream };
        while !connection.is_pong().await? {}
        Ok(connection)
    }

    async fn send(&mut self, items: &[Item]) -> Result<Answer, Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let sending = connection.publish(&self.subject, items);
        let sent = tokio::time::timeout(self.time_max, sending).await;
        let verdicts = sent.map_err(|_| Failure::wait("not acknowledged within the time"))??;
        // A connection on which anything went wrong is not used again.
        self.connection = Some(connection);
        Ok(Answer::of(verdicts))
    }
}

impl Deliver for Nats {
    fn deliver<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Result<Answer, Failure>> {
        self.send(items).boxed()
    }
}

/// What the server says next.
enum Said {
    /// Of the line of this number.
    Ack(u64, Verdict),
    Pong,
    Nothing,
}

impl Connection {
    async fn publish(&mut self, subject: &str, items: &[Item]) -> Result<Vec<Verdict>, Failure> {
        let first = self.published;
        let (mut frames, mut places) = (Vec::new(), Vec::new());
        let mut verdicts = vec![Verdict::Taken; items.len()];
        for (place, item) in items.iter().enumerate() {
            let head = |id: &str| format!("NATS/1.0\r\nNats-Msg-Id: {id}\r\n\r\n");
            if item.ids().any(|(id, line)| head(&id).len() + line.len() > self.payload_bytes_max) {
                verdicts[place] = Verdict::Refused(String::from("larger than the server takes"));
                continue;
            }
            for (id, line) in item.ids() {
                let (head, inbox, number) = (head(&id), &self.inbox, self.published);
                let (head_bytes, bytes) = (head.len(), head.len() + line.len());
                let command =
                    format!("HPUB {subject} {inbox}.{number} {head_bytes} {bytes}\r\n{head}");
                frames.extend_from_slice(command.as_bytes());
                frames.extend_from_slice(line.as_bytes());
                frames.extend_from_slice(b"\r\n");
                places.push(place);
                self.published += 1;
            }
        }
        self.stream.write_all(&frames).await?;
        self.stream.flush().await?;
        let mut waiting = places.len();
        let mut is_answered = vec![false; places.len()];
        while waiting > 0 {
            let Said::Ack(number, verdict) = self.said().await? else { continue };
            let number = number.checked_sub(first).and_then(|number| usize::try_from(number).ok());
            let Some((number, place)) = number.and_then(|at| Some((at, *places.get(at)?))) else {
                continue;
            };
            if std::mem::replace(&mut is_answered[number], true) {
                continue;
            }
            waiting -= 1;
            if verdict != Verdict::Taken {
                verdicts[place] = verdict;
            }
        }
        Ok(verdicts)
    }

    async fn is_pong(&mut self) -> Result<bool, Failure> {
        let said = tokio::time::timeout(CONNECT_TIME_MAX, self.said()).await;
        let said = said.map_err(|_| Failure::wait("the server does not answer"))??;
        Ok(matches!(said, Said::Pong))
    }

    async fn line(&mut self) -> Result<String, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
        limited.read_until(b'\n', &mut line).await?;
        if line.pop() != Some(b'\n') {
            return Err(Failure::wait("the connection broke"));
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    async fn said(&mut self) -> Result<Said, Failure> {
        let line = self.line().await?;
        let mut words_of = line.split_ascii_whitespace();
        match words_of.next().unwrap_or_default() {
            "PING" => {
                self.stream.write_all(b"PONG\r\n").await?;
                self.stream.flush().await?;
                Ok(Said::Nothing)
            }
            "PONG" => Ok(Said::Pong),
            "MSG" => self.message(&words_of.collect::<Vec<_>>(), false).await,
            "HMSG" => self.message(&words_of.collect::<Vec<_>>(), true).await,
            "-ERR" => Err(Failure::wait(words(line.trim_start_matches("-ERR")))),
            _ => Ok(Said::Nothing),
        }
    }

    /// `SUBJECT SID [REPLY] [HEAD_BYTES] BYTES`, then the bytes.
    async fn message(&mut self, words: &[&str], has_head: bool) -> Result<Said, Failure> {
        let broken = || Failure::wait("the server says what is no message");
        let number = |back: usize| {
            let word = words.len().checked_sub(back).and_then(|at| words.get(at));
            word.and_then(|word| word.parse::<usize>().ok())
                .filter(|bytes| *bytes <= MESSAGE_BYTES_MAX)
        };
        let bytes = number(1).ok_or_else(broken)?;
        let head = if has_head { number(2).ok_or_else(broken)? } else { 0 };
        let mut message = vec![0; bytes + 2];
        self.stream.read_exact(&mut message).await?;
        let subject = words.first().copied().unwrap_or_default();
        let number =
            subject.strip_prefix(&self.inbox).and_then(|rest| rest.strip_prefix('.')?.parse().ok());
        let Some(number) = number else { return Ok(Said::Nothing) };
        let head_text =
            String::from_utf8_lossy(message.get(..head).unwrap_or_default()).into_owned();
        if head_text.starts_with("NATS/1.0 503") {
            return Ok(Said::Ack(
                number,
                Verdict::Again(String::from("no stream has this subject")),
            ));
        }
        let body = message.get(head..bytes).unwrap_or_default();
        Ok(Said::Ack(number, verdict(body)))
    }
}

fn verdict(body: &[u8]) -> Verdict {
    match serde_json::from_slice::<Ack>(body) {
        Ok(Ack { error: None, stream }) if !stream.is_empty() => Verdict::Taken,
        Ok(Ack { error: Some(AckError { code: code @ 400, description }), .. }) => {
            Verdict::Refused(format!("code {code}: {}", words(&description)))
        }
        Ok(Ack { error: Some(AckError { code, description }), .. }) => {
            Verdict::Again(format!("code {code}: {}", words(&description)))
        }
        _ => Verdict::Again(String::from("an acknowledgement that is none")),
    }
}
