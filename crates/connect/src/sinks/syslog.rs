//! Syslog: RFC 5424 messages, over TLS (RFC 5425), TCP with octet counting (RFC 6587 section 3.4.1), or UDP on this machine.
//!
//! Syslog has no acknowledgement. So each batch is a connection of its own, and counts as taken once the receiver has closed its
//! end after we closed ours, which it does when it has read to the end; a reset, or no end within the time of an attempt,
//! is a failure, and the batch is sent again. A receiver that never closes needs `acknowledge = "none"`, which counts what was
//! written as taken. Over UDP nothing is acknowledged at all, so it goes to this machine only.
//!
//! The message is `<PRI>1 TIME NODE bartizan - CLASS [bartizan@32473 id="…" sequence="…"] LINE`, without a byte order mark.
//!
//! INVARIANT: a message is counted in octets, so no line breaks another one.

use std::fmt::Write as _;
use std::time::Duration;

use export::calendar;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Uri;
use net::{Datagrams, Dial, DialSettings};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::deliver::{Answer, Deliver, Failure, SinkError, Verdict};
use super::http::CONNECT_TIME_MAX;
use super::item::Item;
use super::settings::SinkSettings;

/// Log audit, RFC 5424 section 6.2.1.
const FACILITY_DEFAULT: u8 = 13;
const FACILITY_MAX: u8 = 23;
/// Bytes of a message in one datagram.
const DATAGRAM_BYTES_MAX: usize = 65_507;
/// Bytes that a receiver may say, which nobody reads.
const SAID_BYTES_MAX: usize = 64 << 10;

/// A receiver of syslog.
pub(crate) struct Syslog {
    facility: u8,
    is_acknowledged: bool,
    time_max: Duration,
    way: Way,
}

enum Way {
    Stream(Dial),
    Datagrams(Datagrams),
}

impl Syslog {
    pub(crate) fn new(settings: &SinkSettings) -> Result<Self, SinkError> {
        let wrong = |detail, why: &str| SinkError::Detail { detail, why: why.to_owned() };
        let uri = settings.url.parse::<Uri>().map_err(|error| wrong("url", &error.to_string()))?;
        let why = "write `tls://HOST:6514`, `tcp://HOST:PORT` or `udp://127.0.0.1:PORT`";
        let parts = uri.scheme_str().zip(uri.host()).zip(uri.port_u16());
        let Some(((scheme, host), port)) = parts else { return Err(wrong("url", why)) };
        let host = host.trim_matches(['[', ']']).to_owned();
        let way = match scheme {
            "tls" | "tcp" => Way::Stream(Dial::new(&DialSettings {
                ca_pem: settings.ca_pem.clone(),
                connect_time_max: CONNECT_TIME_MAX,
                host,
                is_tls: scheme == "tls",
                port,
            })?),
            "udp" => match Datagrams::to_this_machine(&host, port) {
                Some(datagrams) => Way::Datagrams(datagrams),
                None => {
                    return Err(wrong("url", "datagrams get lost: UDP is for 127.0.0.1 or [::1]"));
                }
            },
            _ => return Err(wrong("url", why)),
        };
        let facility = match settings.detail("facility") {
            None => FACILITY_DEFAULT,
            Some(text) => {
                let number = text.parse().ok().filter(|number| *number <= FACILITY_MAX);
                number.ok_or_else(|| wrong("facility", "write a number up to 23"))?
            }
        };
        let is_acknowledged = match settings.detail("acknowledge") {
            None | Some("close") => true,
            Some("none") => false,
            Some(_) => return Err(wrong("acknowledge", "write `close` or `none`")),
        };
        Ok(Self { facility, is_acknowledged, time_max: settings.time_max, way })
    }

    fn messages(&self, item: &Item) -> Vec<String> {
        let severity = match item.severity {
            5.. => 2,
            4 => 3,
            3 => 4,
            2 => 5,
            _ => 6,
        };
        let priority = self.facility * 8 + severity;
        let (time, node, sequence) = (calendar(item.time_ms), item.node, item.sequence);
        let class = item.class;
        let message = |(id, line): (String, &str)| {
            format!(
                "<{priority}>1 {time} {node} bartizan - {class} \
                 [bartizan@32473 id=\"{id}\" sequence=\"{sequence}\"] {line}"
            )
        };
        item.ids().map(message).collect()
    }

    async fn send(&self, items: &[Item]) -> Result<Answer, Failure> {
        match &self.way {
            Way::Datagrams(datagrams) => self.datagrams(datagrams, items).await,
            Way::Stream(dial) => {
                let mut frames = String::new();
                for message in items.iter().flat_map(|item| self.messages(item)) {
                    let _never_fails = write!(frames, "{} {message}", message.len());
                }
                let stream = dial.connect().await?;
                let sending = self.frames(stream, frames.as_bytes());
                match tokio::time::timeout(self.time_max, sending).await {
                    Ok(sent) => sent.map(|()| Answer::taken(items.len())),
                    Err(_) => Err(Failure::wait("it did not close its end within the time")),
                }
            }
        }
    }

    async fn frames(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        frames: &[u8],
    ) -> Result<(), Failure> {
        stream.write_all(frames).await?;
        stream.flush().await?;
        stream.shutdown().await?;
        if !self.is_acknowledged {
            return Ok(());
        }
        let (mut buffer, mut said) = ([0; 1_024], 0);
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return Ok(()),
                // The end of the connection without the end of TLS: it has read ours.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Ok(count) if said + count <= SAID_BYTES_MAX => said += count,
                Ok(_) => return Err(Failure::wait("it says too much")),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn datagrams(&self, datagrams: &Datagrams, items: &[Item]) -> Result<Answer, Failure> {
        let mut verdicts = Vec::with_capacity(items.len());
        for item in items {
            let messages = self.messages(item);
            if messages.iter().any(|message| message.len() > DATAGRAM_BYTES_MAX) {
                verdicts.push(Verdict::Refused(String::from("too large for a datagram")));
                continue;
            }
            for message in messages {
                datagrams.send(message.as_bytes()).await?;
            }
            verdicts.push(Verdict::Taken);
        }
        Ok(Answer::of(verdicts))
    }
}

impl Deliver for Syslog {
    fn deliver<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Result<Answer, Failure>> {
        self.send(items).boxed()
    }
}
