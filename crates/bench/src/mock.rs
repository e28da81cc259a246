//! A fast upstream: answers made beforehand, a thread per connection, and as little else as possible.
//!
//! A model whose name holds `after5` is answered after five milliseconds, and its deltas come one
//! millisecond apart: that is work of the upstream which a gateway can overlap with its own.
//!
//! INVARIANT: the same answers whoever asks.
//!
//! Not here: what makes an answer interesting; see `testkit::FakeUpstream`.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::Failure;

/// How long a model that takes its time takes.
const DELAY: Duration = Duration::from_millis(5);
/// Time between the deltas of a model that takes its time.
const INTERVAL: Duration = Duration::from_millis(1);
/// Deltas of a stream.
pub(crate) const DELTAS: usize = 24;
/// Room for a request at first.
const REQUEST_BYTES: usize = 64 * 1024;
/// Longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Where a request says what it wants: this much of the body's beginning and of its end. Some gateways write the
/// members in another order.
const EDGE_BYTES: usize = 128;

const ANSWER: &str = "The ferry to the islands leaves the north quay at seven, and again at noon when \
the tide allows. Bring a coat, since the wind on deck is colder than it looks from the harbour.";

/// What is sent, made once.
#[derive(Debug)]
struct Answers {
    whole: Vec<u8>,
    head: Vec<u8>,
    deltas: Vec<Vec<u8>>,
}

/// Serves until the process is killed.
pub(crate) fn serve() -> std::result::Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    crate::announce(listener.local_addr()?)?;
    let answers = Arc::new(answers());
    for stream in listener.incoming() {
        let (stream, answers) = (stream?, Arc::clone(&answers));
        std::thread::spawn(move || converse(stream, &answers));
    }
    Ok(())
}

fn answers() -> Answers {
    let head = r#""id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","created":1741569952,"model":"mock","service_tier":"default","system_fingerprint":"fp_b376dfbbd5""#;
    let body = format!(
        r#"{{{head},"object":"chat.completion","choices":[{{"index":0,"message":{{"role":"assistant","content":"{ANSWER}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":200,"completion_tokens":36,"total_tokens":236}}}}"#
    );
    let whole = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let event = |delta: &str, finish: &str| {
        format!(
            r#"data: {{{head},"object":"chat.completion.chunk","choices":[{{"index":0,"delta":{{{delta}}},"logprobs":null,"finish_reason":{finish}}}]}}"#
        ) + "\n\n"
    };
    let words: Vec<&str> = ANSWER.split_inclusive(' ').collect();
    let mut events = vec![event(r#""role":"assistant","content":"","refusal":null"#, "null")];
    for piece in words.chunks(words.len().div_ceil(DELTAS).max(1)) {
        events.push(event(&format!(r#""content":"{}""#, piece.concat()), "null"));
    }
    events.push(event("", "\"stop\""));
    events.push("data: [DONE]\n\n".to_owned());
    let mut deltas: Vec<Vec<u8>> = events
        .iter()
        .map(|event| format!("{:x}\r\n{event}\r\n", event.len()).into_bytes())
        .collect();
    if let Some(last) = deltas.last_mut() {
        last.extend(b"0\r\n\r\n");
    }
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
    Answers { whole: whole.into_bytes(), head: head.to_vec(), deltas }
}

fn converse(mut stream: TcpStream, answers: &Answers) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; REQUEST_BYTES];
    loop {
        let Some((is_streamed, is_slow)) = receive(&mut stream, &mut buffer)? else {
            return Ok(());
        };
        if is_slow {
            std::thread::sleep(DELAY);
        }
        if !is_streamed {
            stream.write_all(&answers.whole)?;
            continue;
        }
        stream.write_all(&answers.head)?;
        for (number, delta) in answers.deltas.iter().enumerate() {
            if is_slow && number > 0 {
                std::thread::sleep(INTERVAL);
            }
            stream.write_all(delta)?;
        }
    }
}

/// Reads one request: whether it wants a stream, and whether of the model that takes its time.
fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<(bool, bool)>> {
    let mut length = 0;
    loop {
        if length > REQUEST_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        if length == buffer.len() {
            buffer.resize(2 * length, 0);
        }
        let free = buffer.get_mut(length..).unwrap_or_default();
        let count = stream.read(free)?;
        if count == 0 {
            return if length == 0 { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
        length += count;
        let read = buffer.get(..length).unwrap_or_default();
        let Some((start, end)) = extent(read)? else { continue };
        if length < end {
            continue;
        }
        return Ok(Some(wanted(read.get(start..end).unwrap_or_default())));
    }
}

/// Whether a body asks for a stream, and for the model that takes its time.
fn wanted(body: &[u8]) -> (bool, bool) {
    let begin = body.get(..EDGE_BYTES).unwrap_or(body);
    let end = body.get(body.len().saturating_sub(EDGE_BYTES)..).unwrap_or(body);
    let has = |wanted: &[u8]| {
        [begin, end].iter().any(|edge| edge.windows(wanted.len()).any(|window| window == wanted))
    };
    (has(b"\"stream\":true") || has(b"\"stream\": true"), has(b"after5"))
}

/// Where the body starts and ends, once the head is complete.
fn extent(read: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(start) = read.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(read.get(..start).unwrap_or_default()).to_ascii_lowercase();
    let length = head
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse::<usize>().ok());
    // A gateway that forwards a known body in chunks is not what this is for.
    let length =
        length.filter(|length| *length < REQUEST_BYTES_MAX).ok_or(ErrorKind::InvalidData)?;
    Ok(Some((start + 4, start + 4 + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_well_formed() {
        let answers = answers();
        let body = String::from_utf8(answers.whole).unwrap();
        let (_, body) = body.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["choices"][0]["message"]["content"], ANSWER);
        assert!(answers.deltas.len() >= DELTAS / 2);
    }

    #[test]
    fn what_is_wanted_is_read_from_either_end() {
        let long = "x".repeat(2 * EDGE_BYTES);
        let first = format!(r#"{{"model":"mock-after5","stream":true,"messages":["{long}"]}}"#);
        assert_eq!(wanted(first.as_bytes()), (true, true));
        let last = format!(r#"{{"messages":["{long}"],"model":"mock","stream": true}}"#);
        assert_eq!(wanted(last.as_bytes()), (true, false));
        assert_eq!(wanted(br#"{"model":"mock","stream":false}"#), (false, false));
    }

    #[test]
    fn a_request_ends_where_its_length_says() {
        assert_eq!(
            extent(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").unwrap(),
            Some((38, 41))
        );
        assert_eq!(extent(b"POST / HTTP/1.1\r\nContent").unwrap(), None);
        assert!(extent(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
